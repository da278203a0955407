//! What a service does with records: the traits to implement.

use std::error::Error as StdError;
use std::io::{Error as IoError, ErrorKind};
use std::sync::Arc;

use super::record::Record;
use super::work::{Part, Work};
use crate::error::{BoxError, DownstreamUnavailable};

/// Handles records one by one.
///
/// ```
/// use lagproof_client::{BoxError, Handler, Record};
/// use rdkafka::Message;
///
/// struct MotionFilter;
///
/// impl Handler for MotionFilter {
///     async fn process(&self, record: &Record) -> Result<(), BoxError> {
///         let _payload = record.payload().ok_or("an empty record")?;
///         Ok(())
///     }
/// }
/// ```
///
/// A handler may block: the Kafka client is polled by a thread of its own. It holds up what else its thread of the runtime
/// should do, though, so that long computing belongs into `tokio::task::spawn_blocking`.
pub trait Handler: Send + Sync + 'static {
    /// Handles one record. What fails is tried again as the row says; a panic is a failure as well.
    fn process(&self, record: &Record) -> impl Future<Output = Result<(), BoxError>> + Send;

    /// Called before a batch's first record.
    fn batch_begins(&self, batch: &Batch<'_>) -> impl Future<Output = ()> + Send {
        let _ = batch;
        async {}
    }

    /// Whether an error says that what the handler calls is down; see [`looks_down`].
    fn is_downstream(&self, error: &BoxError) -> bool {
        looks_down(error)
    }
}

/// Handles batches of at most max_poll_records, each of one partition.
pub trait BatchHandler: Send + Sync + 'static {
    /// Handles a batch; where it fails, its records come again one by one.
    fn process_batch(&self, records: &[Record]) -> impl Future<Output = Result<(), BoxError>> + Send;

    /// Whether an error says that what the handler calls is down; see [`looks_down`].
    fn is_downstream(&self, error: &BoxError) -> bool {
        looks_down(error)
    }
}

impl<H: Handler> Handler for Arc<H> {
    fn process(&self, record: &Record) -> impl Future<Output = Result<(), BoxError>> + Send {
        (**self).process(record)
    }

    fn batch_begins(&self, batch: &Batch<'_>) -> impl Future<Output = ()> + Send {
        (**self).batch_begins(batch)
    }

    fn is_downstream(&self, error: &BoxError) -> bool {
        (**self).is_downstream(error)
    }
}

impl<H: BatchHandler> BatchHandler for Arc<H> {
    fn process_batch(&self, records: &[Record]) -> impl Future<Output = Result<(), BoxError>> + Send {
        (**self).process_batch(records)
    }

    fn is_downstream(&self, error: &BoxError) -> bool {
        (**self).is_downstream(error)
    }
}

/// What is in hand.
pub struct Batch<'w>(pub(super) &'w Work);

impl Batch<'_> {
    /// How many records it has.
    pub fn len(&self) -> usize {
        self.0.records()
    }

    /// Whether it has none; no handler sees such a one.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// By partition, its records in their order.
    pub fn parts(&self) -> impl Iterator<Item = (&str, i32, &[Record])> {
        self.0
            .parts
            .iter()
            .map(|part| (part.topic.as_str(), part.partition, part.records.as_slice()))
    }
}

/// Whether an error, or what it comes from, is [`DownstreamUnavailable`] or a connection that was refused, reset or broken.
pub fn looks_down(error: &BoxError) -> bool {
    let mut next: Option<&(dyn StdError + 'static)> = Some(&**error);
    while let Some(error) = next {
        if error.is::<DownstreamUnavailable>() {
            return true;
        }
        let kind = error.downcast_ref::<IoError>().map(IoError::kind);
        if matches!(
            kind,
            Some(
                ErrorKind::ConnectionRefused
                    | ErrorKind::ConnectionReset
                    | ErrorKind::ConnectionAborted
                    | ErrorKind::NotConnected
                    | ErrorKind::BrokenPipe
                    | ErrorKind::HostUnreachable
                    | ErrorKind::NetworkUnreachable
            )
        ) {
            return true;
        }
        next = error.source();
    }
    false
}

/// Either kind of handler, as the base consumer calls it: what [`BaseKafkaConsumer`](crate::BaseKafkaConsumer) is generic over.
/// Implement [`Handler`] or [`BatchHandler`] instead.
pub trait Handling: Send + Sync + 'static {
    /// Whether it takes records together: then the rest of a failed batch is handed over one by one.
    const TOGETHER: bool;

    /// Handles a part's records from `at` to before `to`, until one fails or nothing further should be begun.
    fn run(&self, part: &Part, at: usize, to: usize) -> impl Future<Output = Result<(), BoxError>> + Send;

    /// Handles one record.
    fn one(&self, record: &Record) -> impl Future<Output = Result<(), BoxError>> + Send;

    /// Called before a batch's first record.
    fn begins(&self, batch: &Batch<'_>) -> impl Future<Output = ()> + Send;

    /// Whether an error is of the downstream.
    fn is_down(&self, error: &BoxError) -> bool;
}

/// Records one by one.
pub struct OneByOne<H>(pub(super) H);

impl<H: Handler> Handling for OneByOne<H> {
    const TOGETHER: bool = false;

    async fn run(&self, part: &Part, at: usize, to: usize) -> Result<(), BoxError> {
        for (index, record) in part.records[at..to].iter().enumerate() {
            if part.is_stopping() {
                return Ok(());
            }
            self.0.process(record).await?;
            part.advance(at + index + 1);
        }
        Ok(())
    }

    fn one(&self, record: &Record) -> impl Future<Output = Result<(), BoxError>> + Send {
        self.0.process(record)
    }

    fn begins(&self, batch: &Batch<'_>) -> impl Future<Output = ()> + Send {
        self.0.batch_begins(batch)
    }

    fn is_down(&self, error: &BoxError) -> bool {
        self.0.is_downstream(error)
    }
}

/// Records together.
pub struct Together<H>(pub(super) H);

impl<H: BatchHandler> Handling for Together<H> {
    const TOGETHER: bool = true;

    async fn run(&self, part: &Part, at: usize, to: usize) -> Result<(), BoxError> {
        self.0.process_batch(&part.records[at..to]).await?;
        part.advance(to);
        Ok(())
    }

    fn one(&self, record: &Record) -> impl Future<Output = Result<(), BoxError>> + Send {
        self.0.process_batch(std::slice::from_ref(record))
    }

    async fn begins(&self, _: &Batch<'_>) {}

    fn is_down(&self, error: &BoxError) -> bool {
        self.0.is_downstream(error)
    }
}
