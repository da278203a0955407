//! Leaving a group for good: [`ServiceConsumer`], and what it does in the end.

use std::ops::Deref;

use futures_util::{FutureExt, StreamExt};
use rdkafka::consumer::{Consumer, ConsumerContext, StreamConsumer};

/// The most events of a group that wait to be heard of at once, generously.
const EVENTS: usize = 16;

/// A subscribed [`StreamConsumer`] that leaves its group when it is dropped, whatever goes on in the group just then.
///
/// One that is dropped by itself may hang for ever: librdkafka ends while an assignment waits to be taken, and never answers
/// to its being taken (its issue 4884; seen with 2.12.1 in every tenth drop during a rebalance).
#[must_use = "it leaves the group when it is dropped"]
pub struct ServiceConsumer(StreamConsumer);

impl ServiceConsumer {
    pub(crate) const fn new(consumer: StreamConsumer) -> Self {
        Self(consumer)
    }
}

impl Deref for ServiceConsumer {
    type Target = StreamConsumer;

    fn deref(&self) -> &StreamConsumer {
        &self.0
    }
}

impl Drop for ServiceConsumer {
    fn drop(&mut self) {
        leave(&self.0, || self.0.stream().next().now_or_never().is_some());
    }
}

/// Ends a subscription and hears of what the group still has to tell, so that nothing is left to be told when the client ends.
///
/// `poll` must not wait, and says whether it brought a record. Records that it brings are neither processed nor committed.
pub(crate) fn leave<C: ConsumerContext>(consumer: &impl Consumer<C>, mut poll: impl FnMut() -> bool) {
    // What was fetched is dropped unseen: else its offsets might be stored as read.
    if let Ok(held) = consumer.assignment() {
        let _ = consumer.pause(&held);
    }
    consumer.unsubscribe();
    // A poll without a record has found nothing, or has served one event.
    let mut without = 0;
    while without < EVENTS {
        without = if poll() { 0 } else { without + 1 };
    }
}
