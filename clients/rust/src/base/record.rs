//! A record, as the client holds it: handing it over copies nothing.

use std::fmt;
use std::mem::transmute;
use std::sync::Arc;
use std::time::Duration;

use rdkafka::Message;
use rdkafka::consumer::BaseConsumer;
use rdkafka::error::KafkaResult;
use rdkafka::message::{BorrowedHeaders, BorrowedMessage, OwnedMessage, Timestamp};

use super::context::Context;

/// A record, with its key, payload, headers, topic, partition and offset: see [`rdkafka::Message`].
///
/// It lies where the client received it. Whoever wants to keep it beyond its handler copies it: [`detach`](Self::detach).
pub struct Record {
    // In this order: the message is dropped before the client that it lies in.
    message: BorrowedMessage<'static>,
    _client: Arc<BaseConsumer<Context>>,
}

impl Record {
    /// The next one of a client, waiting that long for it: [`BaseConsumer::poll`].
    pub(super) fn poll(client: &Arc<BaseConsumer<Context>>, wait: Duration) -> Option<KafkaResult<Self>> {
        let message = match client.poll(wait)? {
            Ok(message) => message,
            Err(error) => return Some(Err(error)),
        };
        // SAFETY: the message borrows the client that it came from, and that is kept here until the message is dropped. No
        // method gives out anything of it for longer than this record is borrowed.
        let message = unsafe { transmute::<BorrowedMessage<'_>, BorrowedMessage<'static>>(message) };
        Some(Ok(Self {
            message,
            _client: client.clone(),
        }))
    }

    /// A copy that can be kept and sent elsewhere.
    pub fn detach(&self) -> OwnedMessage {
        self.message.detach()
    }

    /// Whether both are of one partition.
    pub(super) fn is_beside(&self, other: &Self) -> bool {
        // A client has one topic of a name: most often that is compared, which is cheaper than names.
        self.partition() == other.partition()
            && (self.message.topic_ptr() == other.message.topic_ptr() || self.topic() == other.topic())
    }
}

impl Message for Record {
    type Headers = BorrowedHeaders;

    fn key(&self) -> Option<&[u8]> {
        self.message.key()
    }

    fn payload(&self) -> Option<&[u8]> {
        self.message.payload()
    }

    unsafe fn payload_mut(&mut self) -> Option<&mut [u8]> {
        // SAFETY: the caller's, as the trait has it.
        unsafe { self.message.payload_mut() }
    }

    fn topic(&self) -> &str {
        self.message.topic()
    }

    fn partition(&self) -> i32 {
        self.message.partition()
    }

    fn offset(&self) -> i64 {
        self.message.offset()
    }

    fn timestamp(&self) -> Timestamp {
        self.message.timestamp()
    }

    fn headers(&self) -> Option<&BorrowedHeaders> {
        self.message.headers()
    }
}

impl fmt::Debug for Record {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}[{}]@{}", self.topic(), self.partition(), self.offset())
    }
}
