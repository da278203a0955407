//! The consumer to write a service with: [`BaseKafkaConsumer`].

mod answer;
mod breaker;
mod commits;
mod context;
mod core;
mod dead_letters;
mod driver;
mod failures;
mod following;
mod handler;
mod lanes;
mod observer;
mod record;
mod recording;
mod rollout;
mod run;
#[cfg(unix)]
mod signals;
mod work;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

pub use failures::OnPoison;
pub use handler::{Batch, BatchHandler, Handler, Handling, looks_down};
pub use observer::{Observer, PassedBy};
pub use record::Record;

use self::breaker::Breaker;
use self::core::Core;
use self::handler::{OneByOne, Together};
use self::observer::Nobody;
use crate::error::Error;
use crate::loader::KafkaConsumerConfigLoader;
use crate::metrics::Counters;
use crate::settings::Config;

/// Whether the process's signals are heard.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum HandleSignals {
    /// SIGTERM and SIGINT stop it in good order; a second one does what it does by default.
    #[default]
    Yes,
    /// They are somebody else's.
    No,
}

/// Where settings come from.
enum Source {
    Database(KafkaConsumerConfigLoader),
    Fixed(Box<Config>),
}

/// A consumer that runs as its row says and follows changes of it.
///
/// ```no_run
/// use lagproof_client::{BaseKafkaConsumer, BoxError, Handler, KafkaConsumerConfigLoader, Record};
/// use sqlx::PgPool;
///
/// struct MotionFilter;
///
/// impl Handler for MotionFilter {
///     async fn process(&self, record: &Record) -> Result<(), BoxError> {
///         Ok(())
///     }
/// }
///
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// let pool = PgPool::connect_lazy(&std::env::var("DATABASE_URL")?)?;
/// let loader = KafkaConsumerConfigLoader::new(pool);
/// BaseKafkaConsumer::new("motion-event-filter", loader, MotionFilter).run().await?;
/// # Ok(())
/// # }
/// ```
///
/// A handler that fails is tried again as the row's `retry` says, then its record goes to the dead-letter topic.
/// [`DownstreamUnavailable`](crate::DownstreamUnavailable) and refused connections open the circuit breaker instead: the
/// record is kept, partitions are paused, and one record at a time tries whether it is up again.
///
/// Offsets are committed when records are processed, unless the row says otherwise (`commit`). A crash repeats at most what
/// was in hand; nothing is lost.
pub struct BaseKafkaConsumer<T> {
    handling: Arc<T>,
    service_name: String,
    source: Source,
    topics: Vec<String>,
    bootstrap_servers: Option<String>,
    metrics_every: Duration,
    grace: Duration,
    downstream_pauses: (Duration, Duration),
    on_poison: OnPoison,
    signals: HandleSignals,
    observer: Arc<dyn Observer>,
    properties: BTreeMap<String, String>,
    core: Option<Arc<Core>>,
}

impl BaseKafkaConsumer<()> {
    /// A consumer that hands records over one by one.
    pub fn new<H: Handler>(
        service_name: &str,
        loader: KafkaConsumerConfigLoader,
        handler: H,
    ) -> BaseKafkaConsumer<impl Handling> {
        BaseKafkaConsumer::of(service_name, Source::Database(loader), OneByOne(handler))
    }

    /// A consumer that hands over batches of at most max_poll_records, each of one partition.
    pub fn of_batches<H: BatchHandler>(
        service_name: &str,
        loader: KafkaConsumerConfigLoader,
        handler: H,
    ) -> BaseKafkaConsumer<impl Handling> {
        BaseKafkaConsumer::of(service_name, Source::Database(loader), Together(handler))
    }

    /// A consumer that runs with what it is given and follows no database, such as a worker of `lagproof verify`.
    pub fn fixed<H: Handler>(config: Config, handler: H) -> BaseKafkaConsumer<impl Handling> {
        let name = config.service_name().to_owned();
        BaseKafkaConsumer::of(&name, Source::Fixed(Box::new(config)), OneByOne(handler))
    }
}

impl<T: Handling> BaseKafkaConsumer<T> {
    fn of(service_name: &str, source: Source, handling: T) -> Self {
        Self {
            handling: Arc::new(handling),
            service_name: service_name.to_owned(),
            source,
            topics: Vec::new(),
            bootstrap_servers: None,
            metrics_every: Duration::from_secs(10),
            grace: Duration::from_secs(30),
            downstream_pauses: (Duration::from_secs(1), Duration::from_secs(60)),
            on_poison: OnPoison::default(),
            signals: HandleSignals::default(),
            observer: Arc::new(Nobody),
            properties: BTreeMap::new(),
            core: None,
        }
    }

    /// What it reads; without it, the row's topics.
    #[must_use]
    pub fn topics(mut self, topics: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.topics = topics.into_iter().map(Into::into).collect();
        self
    }

    /// Where the cluster is; without it, `KAFKA_BOOTSTRAP_SERVERS`.
    #[must_use]
    pub fn bootstrap_servers(mut self, servers: impl Into<String>) -> Self {
        self.bootstrap_servers = Some(servers.into());
        self
    }

    /// Time between rows of metrics: 10 s, unless said otherwise; zero records none.
    #[must_use]
    pub const fn metrics_every(mut self, every: Duration) -> Self {
        self.metrics_every = every;
        self
    }

    /// How long handlers may go on after a stop, 30 s unless said otherwise; then they are cancelled, and their records read
    /// again.
    #[must_use]
    pub const fn grace(mut self, grace: Duration) -> Self {
        self.grace = grace;
        self
    }

    /// The first and the longest pause before a downstream that is down is tried again: 1 s and 60 s, unless said otherwise.
    #[must_use]
    pub const fn downstream_pauses(mut self, first: Duration, longest: Duration) -> Self {
        self.downstream_pauses = (first, longest);
        self
    }

    /// What happens to a record that failed for good where no dead-letter topic is declared.
    #[must_use]
    pub const fn on_poison(mut self, on_poison: OnPoison) -> Self {
        self.on_poison = on_poison;
        self
    }

    /// Whether it hears the process's signals.
    #[must_use]
    pub const fn handle_signals(mut self, signals: HandleSignals) -> Self {
        self.signals = signals;
        self
    }

    /// Who looks on.
    #[must_use]
    pub fn observer(mut self, observer: Arc<dyn Observer>) -> Self {
        self.observer = observer;
        self
    }

    /// Properties of librdkafka that replace those of the row: for workers of `lagproof verify`, which are given them.
    #[must_use]
    pub fn exact_properties(mut self, properties: BTreeMap<String, String>) -> Self {
        self.properties = properties;
        self
    }

    /// Stops it and looks at it from elsewhere. What was set before this holds for it.
    pub fn handle(&mut self) -> RunHandle {
        RunHandle { core: self.core() }
    }

    fn core(&mut self) -> Arc<Core> {
        let (first, longest) = self.downstream_pauses;
        let made = || {
            let breaker = Breaker::new(&self.service_name, first, longest);
            Arc::new(Core::new(&self.service_name, breaker, self.observer.clone()))
        };
        self.core.get_or_insert_with(made).clone()
    }

    /// Consumes until it is stopped, by its handle or by SIGTERM or SIGINT.
    ///
    /// # Errors
    /// Those of [`KafkaConsumerConfigLoader::load_config`]; [`Error::NoTopics`], [`Error::SecurityMissing`],
    /// [`Error::PoisonRecord`] (see [`OnPoison`]), [`Error::SameInstance`], and [`Error::Kafka`] for access that is refused.
    pub async fn run(mut self) -> Result<(), Error> {
        let core = self.core();
        run::run(self, core).await
    }
}

/// How far a consumer is in a partition that it holds; offsets are those of the next record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Position {
    /// The topic.
    pub topic: String,
    /// The partition.
    pub partition: i32,
    /// Every record below it is processed; `None` before the first.
    pub processed: Option<i64>,
    /// What the broker took of that; `None` before the first commit.
    pub committed: Option<i64>,
}

/// Stops a running consumer, and looks at it.
#[derive(Clone)]
pub struct RunHandle {
    core: Arc<Core>,
}

impl RunHandle {
    /// Ends `run` in good order: what is in handlers is finished and committed, and the group left.
    pub fn stop(&self) {
        self.core.stop();
    }

    /// What it runs with now; `None` before it runs.
    pub fn config(&self) -> Option<Config> {
        self.core.config()
    }

    /// Which consumer it runs with: grows where it is made anew.
    pub fn consumers_made(&self) -> u64 {
        self.core.epoch()
    }

    /// What was counted since the last row of metrics.
    pub fn counters(&self) -> Counters {
        self.core.counters.lock().expect("no panic while it is held").clone()
    }

    /// How many records are in hand; `None` between batches.
    pub fn in_hand(&self) -> Option<usize> {
        self.core.work().map(|work| work.records())
    }

    /// Whether the circuit breaker is open.
    pub fn downstream_is_down(&self) -> bool {
        self.core.breaker.is_open()
    }

    /// How far it is in the partitions that it holds.
    pub fn positions(&self) -> Vec<Position> {
        // Takes over how far the batch in hand is.
        if self.core.config().is_some() {
            self.core.uncommitted();
        }
        let offsets = self.core.offsets();
        let held = offsets.held.iter().map(|place| Position {
            topic: place.0.clone(),
            partition: place.1,
            processed: offsets.positions.get(place).copied(),
            committed: offsets.committed.get(place).copied(),
        });
        held.collect()
    }

    /// By partition that it holds, how far it is behind the log's end in records. Asks the broker.
    pub async fn behind(&self) -> BTreeMap<(String, i32), i64> {
        let found = recording::positions_and_ends(&self.core).await;
        found
            .into_iter()
            .map(|(place, (position, end))| (place, (end - position).max(0)))
            .collect()
    }
}
