//! Settings from the database for consumers that are written by hand: [`KafkaConsumerConfigLoader`].

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use futures_util::FutureExt;
use rdkafka::consumer::{Consumer, ConsumerContext, StreamConsumer};
use rdkafka::error::{KafkaError, KafkaResult};
use rdkafka::message::BorrowedMessage;
use sqlx::PgPool;
use tokio::sync::mpsc;

use crate::error::Error;
use crate::instance::{Instance, State};
use crate::kafka;
use crate::last_good;
use crate::leaving::{Member, ServiceConsumer};
use crate::listening::Ears;
use crate::served::Served;
use crate::settings::Config;
use crate::source;
use crate::watcher::{Look, Watcher};

/// Reads how services should run, makes their consumers, and follows changes. Clones are the same loader.
///
/// ```no_run
/// use lagproof_client::KafkaConsumerConfigLoader;
/// use sqlx::PgPool;
///
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// let pool = PgPool::connect(&std::env::var("DATABASE_URL")?).await?;
/// let loader = KafkaConsumerConfigLoader::new(pool);
/// let consumer = loader.create_consumer("service-name", &["topic-name"], Some("kafka:9092")).await?;
/// loop {
///     for record in loader.poll_with_limit(&consumer, "service-name").await? {
///         // …
///     }
/// }
/// # }
/// ```
///
/// Batch sizes follow the table while the consumer runs. What needs a new consumer is said in the log: restart the service
/// then, or write it as a [`BaseKafkaConsumer`](crate::BaseKafkaConsumer), which does that by itself.
#[derive(Clone)]
pub struct KafkaConsumerConfigLoader {
    pool: PgPool,
    poll_every: Duration,
    ask_every: Duration,
    start_within: Duration,
    state_dir: PathBuf,
    ears: Arc<Ears>,
    services: Arc<Mutex<HashMap<String, Served>>>,
    /// What ended a client, by its place in memory, where records came before it: said with the next call.
    unsaid: Arc<Mutex<HashMap<usize, KafkaError>>>,
}

impl KafkaConsumerConfigLoader {
    /// A loader on a pool; two connections or more let one listen for changes.
    pub fn new(pool: PgPool) -> Self {
        Self {
            poll_every: Duration::from_secs(30),
            ask_every: Duration::from_secs(2),
            start_within: Duration::from_secs(60),
            state_dir: last_good::folder(),
            ears: Ears::of(&pool),
            services: Arc::default(),
            unsaid: Arc::default(),
            pool,
        }
    }

    /// How often it looks for changes, whether or not the database tells of them: 30 s, unless said otherwise.
    #[must_use]
    pub fn poll_every(mut self, every: Duration) -> Self {
        self.poll_every = every;
        self
    }

    /// How often a replica asks whether it is its turn to restart: 2 s, unless said otherwise.
    #[must_use]
    pub fn ask_every(mut self, every: Duration) -> Self {
        self.ask_every = every;
        self
    }

    /// How long [`create_consumer`](Self::create_consumer) waits for a broker: 60 s, unless said otherwise.
    #[must_use]
    pub fn start_within(mut self, within: Duration) -> Self {
        self.start_within = within;
        self
    }

    /// The folder of the last-good files; without it, see [`last_good::folder`].
    #[must_use]
    pub fn state_dir(mut self, folder: impl Into<PathBuf>) -> Self {
        self.state_dir = folder.into();
        self
    }

    pub(crate) const fn pool(&self) -> &PgPool {
        &self.pool
    }

    pub(crate) const fn asks_every(&self) -> Duration {
        self.ask_every
    }

    /// Whether the database says by itself when something changed.
    pub fn is_listening(&self) -> bool {
        self.ears.listening()
    }

    pub(crate) fn watcher(&self, config: Config, changed: mpsc::UnboundedSender<Config>) -> Watcher {
        let look = Look {
            pool: self.pool.clone(),
            folder: self.state_dir.clone(),
            every: self.poll_every,
            ears: self.ears.clone(),
        };
        Watcher::start(look, config, changed)
    }

    pub(crate) fn services(&self) -> MutexGuard<'_, HashMap<String, Served>> {
        self.services.lock().expect("no panic while it is held")
    }

    /// The service's row as it is now; the last good one where the database is away, which is said loudly.
    ///
    /// # Errors
    /// [`Error::UnknownService`], which says what is known; [`Error::RetiredService`], [`Error::BadRow`],
    /// [`Error::NotMigrated`], which says what to run; [`Error::NoRights`]; [`Error::DatabaseAway`] where there is no
    /// last good one either.
    pub async fn load_config(&self, service_name: &str) -> Result<Config, Error> {
        let config = source::read_or_last_good(&self.pool, service_name, &self.state_dir).await?;
        let mut services = self.services();
        match services.get_mut(service_name) {
            Some(served) => served.config = config.clone(),
            None => {
                let served = Served {
                    config: config.clone(),
                    instances: Vec::new(),
                    watcher: None,
                };
                services.insert(service_name.to_owned(), served);
            }
        }
        Ok(config)
    }

    /// The row as this loader last saw it.
    pub fn known_config(&self, service_name: &str) -> Option<Config> {
        self.services().get(service_name).map(|served| served.config.clone())
    }

    /// A consumer with every setting of the row, subscribed, once a broker answers.
    ///
    /// Without `topics` it reads the row's; without `bootstrap_servers`, those of `KAFKA_BOOTSTRAP_SERVERS`. Security comes
    /// from the environment: see [`security`](crate::security).
    ///
    /// # Errors
    /// Those of [`load_config`](Self::load_config), [`Error::NoTopics`], [`Error::SecurityMissing`],
    /// [`Error::SameInstance`], and [`Error::BrokerAway`] where no broker answers in time.
    pub async fn create_consumer(
        &self,
        service_name: &str,
        topics: &[&str],
        bootstrap_servers: Option<&str>,
    ) -> Result<ServiceConsumer, Error> {
        let config = self.load_config(service_name).await?;
        let given: Vec<String> = topics.iter().map(|topic| (*topic).to_owned()).collect();
        let topics = kafka::topics_of(&config.settings, &given)?;
        let client = kafka::client_config(&config.settings, bootstrap_servers)?;
        let consumer: StreamConsumer = client.create().map_err(|error| kafka::refusal(service_name, error))?;
        let instance = Instance::new(self.pool.clone(), &config)?;
        instance.claim().await?;
        let consumer = self.reachable(service_name, consumer, &topics[0]).await?;
        let names: Vec<&str> = topics.iter().map(String::as_str).collect();
        consumer
            .subscribe(&names)
            .map_err(|error| kafka::refusal(service_name, error))?;
        let consumer = ServiceConsumer::new(consumer, Member::of(&client), instance.clone());
        let _ = self.unsaid_of(&consumer); // of one that was there before
        instance.runs(&config, State::Running, None);
        instance.report().await;
        instance.start();
        if let Some(served) = self.services().get_mut(service_name) {
            served.instances.push((instance, config.clone()));
        }
        self.watch(service_name);
        log::info!(
            "{service_name}: consumes {} with generation {}: batches of at most {}",
            topics.join(", "),
            config.generation,
            config.max_poll_records()
        );
        Ok(consumer)
    }

    async fn reachable(
        &self,
        service_name: &str,
        mut consumer: StreamConsumer,
        topic: &str,
    ) -> Result<StreamConsumer, Error> {
        let given_up = Instant::now() + self.start_within;
        loop {
            let topic = topic.to_owned();
            let asking = tokio::task::spawn_blocking(move || (kafka::answers(&consumer, Some(&topic)), consumer));
            let answer: KafkaResult<()>;
            (answer, consumer) = asking.await.expect("asking does not panic");
            match answer {
                Ok(()) => return Ok(consumer),
                Err(error) if Instant::now() >= given_up => {
                    return Err(Error::BrokerAway {
                        service_name: service_name.to_owned(),
                        cause: error.to_string(),
                    });
                }
                Err(error) => log::warn!("{service_name}: no broker answers ({error}): asks again"),
            }
            tokio::time::sleep(Duration::from_millis(500)).await;
        }
    }

    /// The records that are there, at most the service's max_poll_records as it is now; waits for the first one only.
    ///
    /// Empty after a second without a record. Commit when they are processed; a record that is kept keeps the memory of
    /// what was fetched with it.
    ///
    /// # Errors
    /// [`Error::Kafka`] for what will not get better by itself, with the next call where records came before it; those of
    /// [`load_config`](Self::load_config) the first time.
    pub async fn poll_with_limit<'c, C: ConsumerContext + 'static>(
        &self,
        consumer: &'c StreamConsumer<C>,
        service_name: &str,
    ) -> Result<Vec<BorrowedMessage<'c>>, Error> {
        let config = match self.known_config(service_name) {
            Some(config) => config,
            None => self.load_config(service_name).await?,
        };
        self.watch(service_name);
        let refused = |cause| Error::Kafka {
            service_name: service_name.to_owned(),
            cause,
        };
        if let Some(error) = self.unsaid_of(consumer) {
            return Err(refused(error));
        }
        let most = config.max_poll_records();
        let mut found = Vec::new();
        let mut next = tokio::time::timeout(Duration::from_secs(1), consumer.recv()).await.ok();
        while let Some(answer) = next {
            match answer {
                Ok(record) => found.push(record),
                Err(error) if kafka::is_final(&error) && found.is_empty() => return Err(refused(error)),
                Err(error) if kafka::is_final(&error) => {
                    // The client counts as read what it has handed over.
                    self.unsaid().insert(place(consumer), error);
                    break;
                }
                Err(error) => log::warn!("{service_name}: {error}"),
            }
            next = if found.len() < most {
                consumer.recv().now_or_never()
            } else {
                None
            };
        }
        Ok(found)
    }

    fn unsaid(&self) -> MutexGuard<'_, HashMap<usize, KafkaError>> {
        self.unsaid.lock().expect("no panic while it is held")
    }

    fn unsaid_of<C: ConsumerContext>(&self, consumer: &StreamConsumer<C>) -> Option<KafkaError> {
        self.unsaid().remove(&place(consumer))
    }

    /// Begins to follow a service's row, unless that goes on already. [`load_config`](Self::load_config) must have read it.
    pub fn watch(&self, service_name: &str) {
        let mut services = self.services();
        let Some(served) = services.get_mut(service_name).filter(|served| served.watcher.is_none()) else {
            return;
        };
        let (changed, mut changes) = mpsc::unbounded_channel();
        served.watcher = Some(self.watcher(served.config.clone(), changed));
        let services = Arc::downgrade(&self.services);
        tokio::spawn(async move {
            while let (Some(config), Some(services)) = (changes.recv().await, services.upgrade()) {
                let reports = services
                    .lock()
                    .expect("no panic while it is held")
                    .get_mut(config.service_name())
                    .map(|served| served.take(config));
                for instance in reports.unwrap_or_default() {
                    instance.report().await;
                }
            }
        });
    }

    /// Another process has taken the static member id of a consumer of this loader over: stop then.
    pub fn fenced(&self) -> Option<Error> {
        let services = self.services();
        let mut instances = services.values().flat_map(|served| &served.instances);
        instances.find_map(|(instance, _)| instance.fenced())
    }

    /// Stops following, and says that what ran here has stopped. Consumers are stopped by who uses them.
    pub async fn close(&self) {
        let served: Vec<Served> = self.services().drain().map(|(_, served)| served).collect();
        for (instance, _) in served.into_iter().flat_map(|one| one.instances) {
            instance.stop().await;
        }
    }
}

fn place<C: ConsumerContext>(consumer: &StreamConsumer<C>) -> usize {
    consumer.client().native_ptr().addr()
}
