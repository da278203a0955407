//! Looking at a cluster through Kafka's own protocol. What changes one goes through a [`super::Lease`].

use std::collections::BTreeMap;
use std::fmt;
use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};
use std::time::{Duration, Instant};

use rdkafka::admin::{AdminClient, AdminOptions, ConfigSource, NewTopic, ResourceSpecifier};
use rdkafka::client::DefaultClientContext;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::RDKafkaErrorCode;
use rdkafka::topic_partition_list::TopicPartitionList;

use super::cancel::Cancel;
use super::connection::Connection;
use super::error::BrokerError;
use super::heard::why_silent;
use super::topics::{TopicSpec, TopicState};

const TIMEOUT: Duration = Duration::from_secs(30);
const OFFSETS: &str = "__consumer_offsets";
pub(super) const PAUSE: Duration = Duration::from_millis(50);

/// Topics were not made, or not all of them.
#[derive(Debug)]
pub(super) struct NotCreated {
    /// Why.
    pub(super) error: BrokerError,
    /// Those that the cluster refused for certain, by what it said: because somebody else had made them, or because nobody may.
    pub(super) refused: Vec<String>,
}

impl From<BrokerError> for Box<NotCreated> {
    fn from(error: BrokerError) -> Self {
        Self::new(NotCreated {
            error,
            refused: Vec::new(),
        })
    }
}

/// Whether nothing was made for certain: after a time-out, say, something may be.
const fn is_refusal(code: RDKafkaErrorCode) -> bool {
    use RDKafkaErrorCode as Code;
    matches!(
        code,
        Code::TopicAlreadyExists
            | Code::TopicAuthorizationFailed
            | Code::ClusterAuthorizationFailed
            | Code::InvalidTopic
            | Code::InvalidPartitions
            | Code::InvalidReplicationFactor
            | Code::InvalidConfig
            | Code::PolicyViolation
    )
}

/// A group was not deleted.
#[derive(Debug)]
pub(super) enum NotDeleted {
    /// Somebody is in it: also a member that was killed, until its session is over.
    HasMembers(BrokerError),
    /// Its coordinator is on its way.
    Busy(BrokerError),
    /// Waiting would change nothing.
    Refused(BrokerError),
}

impl NotDeleted {
    /// What the cluster says.
    pub(super) fn error(self) -> BrokerError {
        let (Self::HasMembers(error) | Self::Busy(error) | Self::Refused(error)) = self;
        error
    }
}

/// A connection that looks at a cluster.
pub struct Admin {
    client: AdminClient<DefaultClientContext>,
    connection: Connection,
}

impl fmt::Debug for Admin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Admin")
            .field("connection", &self.connection)
            .finish_non_exhaustive()
    }
}

impl Admin {
    /// Makes the client; nothing is asked of the cluster yet.
    ///
    /// # Errors
    /// [`BrokerError::Kafka`] where librdkafka does not take the connection's settings.
    pub fn connect(connection: &Connection) -> Result<Self, BrokerError> {
        let client = connection
            .client_config()
            .create()
            .map_err(|error| BrokerError::kafka(format!("connect to {}", connection.bootstrap()), reason(&error)))?;
        Ok(Self {
            client,
            connection: connection.clone(),
        })
    }

    /// How it is connected.
    #[must_use]
    pub const fn connection(&self) -> &Connection {
        &self.connection
    }

    /// The cluster's id, as the cluster itself says.
    ///
    /// # Errors
    /// [`BrokerError::Kafka`] where it does not answer.
    pub fn cluster_id(&self) -> Result<String, BrokerError> {
        self.client.inner().fetch_cluster_id(TIMEOUT).ok_or_else(|| {
            let said = why_silent(&self.connection).map_or_else(String::new, |said| format!(": {said}"));
            BrokerError::kafka(self.doing("read the cluster's id"), format!("no broker answered{said}"))
        })
    }

    /// The same, as long as nobody wishes that it is given up.
    pub(super) fn cluster_id_unless(&self, cancel: &Cancel) -> Result<String, BrokerError> {
        let start = Instant::now();
        while start.elapsed() < TIMEOUT {
            cancel.check(self.doing("waiting for an answer"))?;
            if let Some(id) = self.client.inner().fetch_cluster_id(Duration::from_secs(1)) {
                return Ok(id);
            }
        }
        self.cluster_id()
    }

    /// How many brokers there are.
    ///
    /// # Errors
    /// [`BrokerError::Kafka`] where none answers.
    pub fn broker_count(&self) -> Result<usize, BrokerError> {
        Ok(self.metadata("list the brokers")?.brokers().len())
    }

    /// All topics, the internal ones too, with their partitions.
    ///
    /// # Errors
    /// [`BrokerError::Kafka`] where no broker answers.
    pub fn topics(&self) -> Result<BTreeMap<String, u32>, BrokerError> {
        let metadata = self.metadata("list the topics")?;
        let count = |partitions: usize| u32::try_from(partitions).unwrap_or(u32::MAX);
        Ok(metadata
            .topics()
            .iter()
            .map(|topic| (topic.name().to_owned(), count(topic.partitions().len())))
            .collect())
    }

    /// A topic as it is; nothing if there is none of that name.
    ///
    /// # Errors
    /// [`BrokerError::Kafka`] where no broker answers, or may not.
    pub fn describe(&self, topic: &str) -> Result<Option<TopicState>, BrokerError> {
        // All topics are asked for: to ask for one by name makes it, where brokers do that.
        let metadata = self.metadata(&format!("describe the topic {topic}"))?;
        let Some(found) = metadata.topics().iter().find(|found| found.name() == topic) else {
            return Ok(None);
        };
        let replication = found.partitions().first().map_or(0, |first| first.replicas().len());
        let described = block_on(self.client.describe_configs(
            [&ResourceSpecifier::Topic(topic)],
            &AdminOptions::new().request_timeout(Some(TIMEOUT)),
        ))
        .map_err(|error| BrokerError::kafka(self.doing(&format!("describe the topic {topic}")), reason(&error)))?;
        let mut configuration = BTreeMap::new();
        for resource in described {
            let resource = resource
                .map_err(|code| BrokerError::kafka(self.doing(&format!("describe the topic {topic}")), code))?;
            configuration.extend(
                resource
                    .entries
                    .into_iter()
                    .filter(|entry| entry.source == ConfigSource::DynamicTopic)
                    .filter_map(|entry| Some((entry.name, entry.value?))),
            );
        }
        Ok(Some(TopicState {
            partitions: u32::try_from(found.partitions().len()).unwrap_or(u32::MAX),
            replication: u32::try_from(replication).unwrap_or(u32::MAX),
            configuration,
        }))
    }

    /// The names of all groups that the brokers coordinate now.
    ///
    /// # Errors
    /// [`BrokerError::Kafka`] where a broker does not answer.
    pub fn groups(&self) -> Result<Vec<String>, BrokerError> {
        let list = self
            .client
            .inner()
            .fetch_group_list(None, TIMEOUT)
            .map_err(|error| BrokerError::kafka(self.doing("list the groups"), reason(&error)))?;
        let mut names: Vec<String> = list.groups().iter().map(|group| group.name().to_owned()).collect();
        names.sort();
        Ok(names)
    }

    /// Has the topic of offsets made, and every partition of it read by its coordinator, which the first groups of a fresh
    /// broker otherwise wait 1 to 3 seconds for. Only for brokers that we started.
    pub(super) fn warm_up(&self, within: Duration, cancel: &Cancel) -> Result<(), BrokerError> {
        let start = Instant::now();
        self.ask_coordinator('0', (start, within), cancel)?;
        let count = self.topics()?.get(OFFSETS).copied().unwrap_or(1);
        // Kafka places a group by its name's hash, which for one letter is the letter's code: these cover all partitions.
        ('0'..)
            .take(count as usize)
            .try_for_each(|group| self.ask_coordinator(group, (start, within), cancel))
    }

    /// Asks a group's coordinator for an offset that nobody committed, until it answers. No group comes of that.
    fn ask_coordinator(
        &self,
        group: char,
        (start, within): (Instant, Duration),
        cancel: &Cancel,
    ) -> Result<(), BrokerError> {
        let failed = |error| BrokerError::kafka(self.doing("warm up"), reason(&error));
        let consumer: BaseConsumer = self
            .connection
            .client_config()
            .set("group.id", group.to_string())
            .create()
            .map_err(failed)?;
        loop {
            cancel.check("a broker was warming up")?;
            let mut partitions = TopicPartitionList::new();
            partitions.add_partition("lagproof-warm-up", 0);
            match consumer.committed_offsets(partitions, Duration::from_secs(5)) {
                Ok(_) => return Ok(()),
                Err(error) if start.elapsed() > within => return Err(failed(error)),
                Err(_) => thread::sleep(PAUSE),
            }
        }
    }

    /// Makes topics and waits until every partition has a leader. Where it fails, some of them may exist.
    pub(super) fn create(&self, topics: &[TopicSpec]) -> Result<(), Box<NotCreated>> {
        let new: Vec<NewTopic<'_>> = topics.iter().map(TopicSpec::as_new).collect();
        let failed = |name: &str, reason: &dyn fmt::Display| {
            BrokerError::kafka(self.doing(&format!("create the topic {name}")), reason)
        };
        let all = || topics.iter().map(|topic| &*topic.name).collect::<Vec<_>>().join(", ");
        let results = block_on(self.client.create_topics(&new, &options()))
            .map_err(|error| Box::<NotCreated>::from(failed(&all(), &reason(&error))))?;
        let failures: Vec<_> = results.into_iter().filter_map(Result::err).collect();
        if let Some((name, code)) = failures.first() {
            return Err(Box::new(NotCreated {
                error: failed(name, code),
                refused: failures
                    .into_iter()
                    .filter(|(_, code)| is_refusal(*code))
                    .map(|(name, _)| name)
                    .collect(),
            }));
        }
        let start = Instant::now();
        while let Some(name) = self.leaderless(topics)? {
            if start.elapsed() > TIMEOUT {
                return Err(failed(name, &"its partitions have no leaders after 30 s").into());
            }
            thread::sleep(PAUSE);
        }
        Ok(())
    }

    /// The first of these topics of which a partition can't be written to yet.
    fn leaderless<'t>(&self, topics: &'t [TopicSpec]) -> Result<Option<&'t str>, BrokerError> {
        let metadata = self.metadata("list the topics")?;
        let leads = |topic: &&TopicSpec| {
            metadata.topics().iter().any(|found| {
                found.name() == topic.name
                    && found.partitions().len() == topic.partitions as usize
                    && found.partitions().iter().all(|partition| partition.leader() >= 0)
            })
        };
        Ok(topics.iter().find(|topic| !leads(topic)).map(|topic| &*topic.name))
    }

    /// Deletes topics by name; ones that are not there are no failure. Says which are left, and why.
    pub(super) fn delete_topics(&self, names: &[String]) -> Vec<(String, BrokerError)> {
        if names.is_empty() {
            return Vec::new();
        }
        let doing = |name: &str| self.doing(&format!("delete the topic {name}"));
        let all: Vec<&str> = names.iter().map(String::as_str).collect();
        let results = match block_on(self.client.delete_topics(&all, &options())) {
            Ok(results) => results,
            Err(error) => {
                let left = |name: &String| (name.clone(), BrokerError::kafka(doing(name), reason(&error)));
                return names.iter().map(left).collect();
            }
        };
        let left = results.into_iter().filter_map(|result| match result {
            Ok(_) | Err((_, RDKafkaErrorCode::UnknownTopicOrPartition | RDKafkaErrorCode::UnknownTopic)) => None,
            Err((name, code)) => {
                let error = BrokerError::kafka(doing(&name), code);
                Some((name, error))
            }
        });
        left.collect()
    }

    /// Tries once to delete a group; one that is not there is no failure.
    pub(super) fn delete_group(&self, name: &str) -> Result<(), NotDeleted> {
        let doing = self.doing(&format!("delete the group {name}"));
        let code = match block_on(self.client.delete_groups(&[name], &options())) {
            Err(error) => return Err(NotDeleted::Refused(BrokerError::kafka(doing, reason(&error)))),
            Ok(results) => match results.into_iter().next() {
                None | Some(Ok(_) | Err((_, RDKafkaErrorCode::GroupIdNotFound))) => return Ok(()),
                Some(Err((_, code))) => code,
            },
        };
        match code {
            RDKafkaErrorCode::NonEmptyGroup => Err(NotDeleted::HasMembers(BrokerError::kafka(
                doing,
                "a member is still in it",
            ))),
            RDKafkaErrorCode::CoordinatorLoadInProgress
            | RDKafkaErrorCode::CoordinatorNotAvailable
            | RDKafkaErrorCode::NotCoordinator => Err(NotDeleted::Busy(BrokerError::kafka(doing, code))),
            code => Err(NotDeleted::Refused(BrokerError::kafka(doing, code))),
        }
    }

    fn metadata(&self, what: &str) -> Result<rdkafka::metadata::Metadata, BrokerError> {
        self.client
            .inner()
            .fetch_metadata(None, TIMEOUT)
            .map_err(|error| BrokerError::kafka(self.doing(what), reason(&error)))
    }

    fn doing(&self, what: &str) -> String {
        format!("{what} at {}", self.connection.bootstrap())
    }
}

fn options() -> AdminOptions {
    AdminOptions::new()
        .request_timeout(Some(TIMEOUT))
        .operation_timeout(Some(TIMEOUT))
}

/// What librdkafka says, without the wrapping of its binding.
pub(super) fn reason(error: &rdkafka::error::KafkaError) -> String {
    use rdkafka::error::KafkaError;
    match error {
        KafkaError::ClientConfig(_, description, key, _) => format!("{key}: {description}"),
        other => other
            .rdkafka_error_code()
            .map_or_else(|| other.to_string(), |code| code.to_string()),
    }
}

/// Waits for one of the admin client's futures, which its own thread completes.
fn block_on<T>(future: impl Future<Output = T>) -> T {
    struct Unpark(Thread);
    impl Wake for Unpark {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }
    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    let mut context = Context::from_waker(&waker);
    let mut future = pin!(future);
    loop {
        match future.as_mut().poll(&mut context) {
            Poll::Ready(value) => return value,
            Poll::Pending => thread::park(),
        }
    }
}
