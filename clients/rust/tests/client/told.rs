//! A handler that does what a test tells it and keeps what it saw, and consumers that run meanwhile.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use lagproof_client::{BaseKafkaConsumer, BoxError, Error, HandleSignals, Handler, Handling, Record, RunHandle};
use rdkafka::Message;
use tokio::task::JoinHandle;

/// A record, as tests look at it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Seen {
    pub partition: i32,
    pub offset: i64,
    pub key: Option<String>,
    pub value: String,
}

impl Seen {
    pub fn of(record: &impl Message) -> Self {
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
        Self {
            partition: record.partition(),
            offset: record.offset(),
            key: record.key().map(text),
            value: record.payload().map(text).unwrap_or_default(),
        }
    }

    pub fn number(&self) -> usize {
        self.value.parse().unwrap()
    }
}

/// Does what it is told with each record.
pub struct Told<F> {
    does: F,
    seen: Mutex<Vec<Seen>>,
    now: AtomicUsize,
    most: AtomicUsize,
}

impl<F, D> Told<F>
where
    F: Fn(Seen) -> D + Send + Sync + 'static,
    D: Future<Output = Result<(), BoxError>> + Send,
{
    pub fn new(does: F) -> Arc<Self> {
        Arc::new(Self {
            does,
            seen: Mutex::default(),
            now: AtomicUsize::new(0),
            most: AtomicUsize::new(0),
        })
    }
}

impl<F> Told<F> {
    /// What its handler was through with, in that order.
    pub fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().clone()
    }

    /// How many.
    pub fn count(&self) -> usize {
        self.seen.lock().unwrap().len()
    }

    pub fn numbers(&self) -> Vec<usize> {
        self.seen.lock().unwrap().iter().map(Seen::number).collect()
    }

    /// In handlers now.
    pub fn now(&self) -> usize {
        self.now.load(Ordering::SeqCst)
    }

    /// In handlers at once, at most.
    pub fn most(&self) -> usize {
        self.most.load(Ordering::SeqCst)
    }
}

struct Leaves<'n>(&'n AtomicUsize);

impl Drop for Leaves<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

impl<F, D> Handler for Told<F>
where
    F: Fn(Seen) -> D + Send + Sync + 'static,
    D: Future<Output = Result<(), BoxError>> + Send,
{
    async fn process(&self, record: &Record) -> Result<(), BoxError> {
        let seen = Seen::of(record);
        let now = self.now.fetch_add(1, Ordering::SeqCst) + 1;
        let _leaves = Leaves(&self.now);
        self.most.fetch_max(now, Ordering::SeqCst);
        (self.does)(seen.clone()).await?;
        self.seen.lock().unwrap().push(seen);
        Ok(())
    }
}

/// A consumer that runs.
pub struct Running {
    pub handle: RunHandle,
    task: JoinHandle<Result<(), Error>>,
}

impl Running {
    /// Stops it in good order.
    pub async fn stop(self) -> Result<(), Error> {
        self.handle.stop();
        self.ended(60).await
    }

    /// Until it ends by itself.
    pub async fn ended(self, seconds: u64) -> Result<(), Error> {
        let ended = tokio::time::timeout(Duration::from_secs(seconds), self.task).await;
        ended.expect("it ends in time").unwrap()
    }

    /// Until it panics.
    pub async fn panicked(self, seconds: u64) -> bool {
        let ended = tokio::time::timeout(Duration::from_secs(seconds), self.task).await;
        ended.expect("it ends in time").is_err_and(|error| error.is_panic())
    }

    /// Drops it in the middle of whatever it does, as `select!` or a time limit may.
    pub async fn dropped(self) {
        self.task.abort();
        let _ = self.task.await;
    }

    pub fn is_over(&self) -> bool {
        self.task.is_finished()
    }

    pub fn most_records(&self) -> usize {
        self.handle.config().map_or(0, |config| config.max_poll_records())
    }

    pub fn number(&self, key: &str) -> Option<u64> {
        self.handle.config().and_then(|config| config.settings.number(key))
    }
}

/// What most tests run: no metrics, no signals.
#[macro_export]
macro_rules! run {
    ($service:expr, $kafka:expr, $handler:expr $(, $with:ident($($value:expr),*))*) => {{
        let consumer = lagproof_client::BaseKafkaConsumer::new(&$service.name, $service.loader(), $handler);
        $crate::told::start(consumer.metrics_every(std::time::Duration::ZERO)$(.$with($($value),*))*, &$kafka.bootstrap)
    }};
}

/// Starts a consumer.
pub fn start<T: Handling>(consumer: BaseKafkaConsumer<T>, bootstrap: &str) -> Running {
    let mut consumer = consumer.bootstrap_servers(bootstrap).handle_signals(HandleSignals::No);
    let handle = consumer.handle();
    let task = tokio::spawn(consumer.run());
    Running { handle, task }
}
