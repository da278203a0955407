//! A commit whose answer is waited for later: rdkafka has one that blocks, and one whose answer comes among the records.

use std::ptr;

use rdkafka::bindings::{
    rd_kafka_commit_queue, rd_kafka_event_destroy, rd_kafka_event_error, rd_kafka_queue_destroy, rd_kafka_queue_new,
    rd_kafka_queue_poll, rd_kafka_queue_t,
};
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::{IsError, KafkaError, KafkaResult, RDKafkaErrorCode};
use rdkafka::topic_partition_list::TopicPartitionList;
use rdkafka::types::RDKafkaRespErr;

use super::context::Context;

/// The answer to a commit that is on its way, in a queue of its own.
pub(super) struct Answer<'c> {
    queue: *mut rd_kafka_queue_t,
    /// It must outlive the queue.
    _client: &'c BaseConsumer<Context>,
}

impl<'c> Answer<'c> {
    /// Sends a commit.
    pub(super) fn to_commit(client: &'c BaseConsumer<Context>, offsets: &TopicPartitionList) -> KafkaResult<Self> {
        let native = client.client().native_ptr();
        // SAFETY: the client lives as long as this borrow of it; the queue is its own, and destroyed once, by drop.
        let queue = unsafe { rd_kafka_queue_new(native) };
        let answer = Self { queue, _client: client };
        // SAFETY: all three live until the call returns, which copies the offsets; without a callback none is called.
        let error = unsafe { rd_kafka_commit_queue(native, offsets.ptr(), queue, None, ptr::null_mut()) };
        result(error).map(|()| answer)
    }

    /// Blocks until the broker has answered, as a commit in one piece does.
    pub(super) fn wait(self) -> KafkaResult<()> {
        // SAFETY: the queue lives. An answer always comes: the client gives one itself where it gives up.
        let event = unsafe { rd_kafka_queue_poll(self.queue, -1) };
        if event.is_null() {
            return Err(KafkaError::ConsumerCommit(RDKafkaErrorCode::OperationTimedOut));
        }
        // SAFETY: it is this one's to look at, and to destroy once.
        let error = unsafe {
            let error = rd_kafka_event_error(event);
            rd_kafka_event_destroy(event);
            error
        };
        result(error)
    }
}

impl Drop for Answer<'_> {
    fn drop(&mut self) {
        // SAFETY: made by this one, which nobody else has; an answer that still comes is thrown away.
        unsafe { rd_kafka_queue_destroy(self.queue) };
    }
}

fn result(error: RDKafkaRespErr) -> KafkaResult<()> {
    if error.is_error() {
        Err(KafkaError::ConsumerCommit(error.into()))
    } else {
        Ok(())
    }
}
