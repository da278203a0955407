//! Leaving a group for good: [`ServiceConsumer`], and what it does in the end.

use std::ops::Deref;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use futures_util::{FutureExt, StreamExt};
use rdkafka::ClientConfig;
use rdkafka::bindings::{
    rd_kafka_mem_free, rd_kafka_memberid, rd_kafka_queue_destroy, rd_kafka_queue_get_consumer, rd_kafka_queue_length,
};
use rdkafka::consumer::{Consumer, ConsumerContext, StreamConsumer};
use rdkafka::topic_partition_list::TopicPartitionList;

use crate::instance::Instance;

/// The longest that giving partitions back may take: a coordinator that is away is not waited for.
const PATIENCE: Duration = Duration::from_secs(5);

/// What a member of a group is to it, by which librdkafka leaves in different ways.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Member {
    /// Its place is kept for it, for the time of a session.
    Static,
    /// It has an id from the group, until it has left.
    Dynamic,
    /// It is of `group.protocol=consumer`.
    Consumer,
}

impl Member {
    /// What a client with these properties is.
    pub(crate) fn of(client: &ClientConfig) -> Self {
        match (client.get("group.protocol"), client.get("group.instance.id")) {
            (Some("consumer"), _) => Self::Consumer,
            (_, Some(_)) => Self::Static,
            (_, None) => Self::Dynamic,
        }
    }
}

/// A subscribed [`StreamConsumer`] that leaves its group when it is dropped, whatever goes on in the group just then. One with
/// a static id keeps its place: no rebalance, if it is back within session_timeout. Dropping it blocks until partitions are
/// given back, up to 5 s, and until the client has closed.
///
/// One that is dropped by itself may hang for ever: librdkafka ends while an assignment waits to be taken, and never answers
/// to its being taken (its issue 4884; seen with 2.12.1 in every tenth drop during a rebalance). With a static id microseconds
/// of that are left.
#[must_use = "it leaves the group when it is dropped"]
pub struct ServiceConsumer {
    consumer: StreamConsumer,
    member: Member,
    instance: Arc<Instance>,
}

impl ServiceConsumer {
    pub(crate) const fn new(consumer: StreamConsumer, member: Member, instance: Arc<Instance>) -> Self {
        Self {
            consumer,
            member,
            instance,
        }
    }
}

impl Deref for ServiceConsumer {
    type Target = StreamConsumer;

    fn deref(&self) -> &StreamConsumer {
        &self.consumer
    }
}

impl Drop for ServiceConsumer {
    fn drop(&mut self) {
        leave(&self.consumer, self.member, || {
            self.consumer.stream().next().now_or_never();
        });
        self.instance.falls_silent();
    }
}

/// Hears of what the group still has to tell, so that nothing is left to be told when the client ends, and gives partitions
/// back, unless their member keeps its place.
///
/// `poll` must not wait. Records that it brings are neither processed nor committed.
pub(crate) fn leave<C: ConsumerContext>(consumer: &impl Consumer<C>, member: Member, mut poll: impl FnMut()) {
    let given_up = Instant::now() + PATIENCE;
    let mut paused = TopicPartitionList::new();
    let mut hear = || loop {
        // What was fetched is dropped unseen: else its offsets might be stored as read. Once each, since that is news as well.
        if let Ok(held) = consumer.assignment()
            && held != paused
        {
            let _ = consumer.pause(&held);
            paused = held;
        }
        if !has_news(consumer) || Instant::now() >= given_up {
            break;
        }
        poll();
    };
    if member == Member::Static {
        // Once it has unsubscribed it would leave for good: librdkafka keeps the place of those only that close subscribed.
        return hear();
    }
    consumer.unsubscribe();
    hear();
    // A client that closes while partitions are given back one by one does not leave: they would lie idle for a session.
    while member == Member::Dynamic && has_id(consumer) && Instant::now() < given_up {
        thread::sleep(Duration::from_millis(5));
        hear();
    }
}

/// Whether something waits to be told, of whatever kind.
fn has_news<C: ConsumerContext>(consumer: &impl Consumer<C>) -> bool {
    let native = consumer.client().native_ptr();
    // SAFETY: the client lives as long as this borrow of it; the handle to its queue is this one's, and destroyed once.
    unsafe {
        let queue = rd_kafka_queue_get_consumer(native);
        if queue.is_null() {
            return false;
        }
        let length = rd_kafka_queue_length(queue);
        rd_kafka_queue_destroy(queue);
        length > 0
    }
}

/// Whether it has an id from its group: none before it has joined, and none once it has left.
fn has_id<C: ConsumerContext>(consumer: &impl Consumer<C>) -> bool {
    let native = consumer.client().native_ptr();
    // SAFETY: the client lives as long as this borrow of it; the text is this one's, ends with a zero, and is freed once.
    unsafe {
        let id = rd_kafka_memberid(native);
        if id.is_null() {
            return false;
        }
        let is_empty = *id == 0;
        rd_kafka_mem_free(native, id.cast());
        !is_empty
    }
}
