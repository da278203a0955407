//! Records in hand, and the memory that goes with them.

use rdkafka::Message;
use rdkafka::message::BorrowedMessage;

use crate::harness::protocol::{RecordFlags, RecordHeader};

use super::books::Holding;

/// What a record's key and value are, for a dead letter.
pub(super) trait Content {
    fn key(&self) -> Option<&[u8]>;
    fn value(&self) -> &[u8];
}

/// A record in hand.
pub(super) struct InHand<C> {
    pub holding: Holding,
    /// Its topic's place in the spec.
    pub topic: usize,
    pub partition: i32,
    pub offset: i64,
    /// Nothing for a record of another run.
    pub header: Option<RecordHeader>,
    /// Of its value.
    pub bytes: usize,
    pub content: C,
}

impl<C> InHand<C> {
    /// Whether its handler fails.
    pub(super) fn is_poison(&self) -> bool {
        self.header
            .is_some_and(|header| header.flags.0 & RecordFlags::POISON.0 != 0)
    }
}

/// A record as the client holds it, and what the handler holds beside it.
pub(super) struct Borrowed<'a> {
    message: BorrowedMessage<'a>,
    _extra: Vec<u8>,
}

impl<'a> Borrowed<'a> {
    /// A record of which a handler holds so many bytes, its own among them.
    pub(super) fn new(message: BorrowedMessage<'a>, held: usize) -> Self {
        let extra = held.saturating_sub(message.payload_len());
        Self {
            message,
            _extra: vec![1; extra],
        }
    }
}

impl Content for Borrowed<'_> {
    fn key(&self) -> Option<&[u8]> {
        self.message.key()
    }

    fn value(&self) -> &[u8] {
        self.message.payload().unwrap_or_default()
    }
}

/// A record that was copied, so that another thread can have it; with what the handler holds beside it.
pub(super) struct Owned {
    key: Option<Vec<u8>>,
    held: Vec<u8>,
    length: usize,
}

impl Owned {
    /// A copy of a record of which a handler holds so many bytes, its own among them; all of them are touched.
    pub(super) fn new(message: &BorrowedMessage<'_>, held: usize) -> Self {
        let value = message.payload().unwrap_or_default();
        let mut bytes = Vec::with_capacity(held);
        bytes.extend_from_slice(value);
        bytes.resize(held.max(value.len()), 1);
        Self {
            key: message.key().map(<[u8]>::to_vec),
            held: bytes,
            length: value.len(),
        }
    }
}

impl Content for Owned {
    fn key(&self) -> Option<&[u8]> {
        self.key.as_deref()
    }

    fn value(&self) -> &[u8] {
        &self.held[..self.length]
    }
}

/// What keeps records of one key in order; nothing where they have none.
pub(super) fn order<C>(record: &InHand<C>) -> Option<u64> {
    let header = record.header.filter(|header| header.key != u32::MAX)?;
    Some((record.topic as u64) << 32 | u64::from(header.key))
}
