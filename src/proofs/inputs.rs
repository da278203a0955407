//! What the proofs need, taken from the model.
//!
//! The one place where declared settings become the proofs' plain numbers, so that whoever judges them and whoever
//! compares them with a measurement speak of the same.

use std::time::Duration;

use crate::model::broker::Broker;
use crate::model::keywords::{self, Client, GroupProtocol};
use crate::model::service::{Concurrency, Run, Service};
use crate::model::settings::{Setting, Value};
use crate::model::topic::Topic;

use super::fleet::{self, Assignor, Group, Keys, RecordSize};
use super::work::{self, Work};
use super::{Proof, Verdict, Words, capacity, lag_floor, memory, poll_budget};

/// What the four proofs of one service take.
#[derive(Debug, Clone, PartialEq)]
pub struct Inputs {
    /// What it does with what it polls.
    pub work: Work,
    /// What it reads.
    pub topics: Vec<fleet::Topic>,
    /// Who shares the partitions.
    pub group: Group,
    /// How it fetches.
    pub fetching: memory::Fetching,
    /// How long the broker may hold records back.
    pub fetch: lag_floor::Fetch,
    /// The longest time between two polls.
    pub poll_interval: Option<Duration>,
    /// Bytes in use before the first record.
    pub resident: Option<u64>,
    /// Bytes that the handler holds for each byte of a record.
    pub per_record_factor: f64,
    /// The container's limit in bytes.
    pub limit: Option<u64>,
    /// The lag target in records.
    pub target: u64,
}

/// The four proofs of one service.
#[derive(Debug, Clone, PartialEq)]
pub struct Proofs {
    /// Whether a batch is done before the next poll is due.
    pub poll_budget: poll_budget::PollBudget,
    /// Whether the process stays inside its container.
    pub memory: memory::Memory,
    /// Whether members can process what arrives.
    pub capacity: capacity::Capacity,
    /// Whether the lag target can be met at all.
    pub lag_floor: lag_floor::LagFloor,
}

impl Proofs {
    /// All four, in the order in which they are printed.
    #[must_use]
    pub const fn all(&self) -> [&Proof; 4] {
        [
            &self.poll_budget.proof,
            &self.memory.proof,
            &self.capacity.proof,
            &self.lag_floor.proof,
        ]
    }

    /// The worst of the four.
    #[must_use]
    pub fn verdict(&self) -> Verdict {
        Verdict::worst(self.all().map(|proof| proof.verdict))
    }
}

impl Inputs {
    /// A service that runs as `run` says (its own, or its baseline) and reads `topics`, in a group of `replicas` members
    /// that read the same.
    #[must_use]
    pub fn new(service: &Service, run: &Run, topics: &[&Topic], broker: &Broker, replicas: u32) -> Self {
        let client = service.client.value;
        let settings = &run.consumer;
        Self {
            work: work(run),
            topics: topics.iter().map(|topic| fleet_topic(topic)).collect(),
            group: Group {
                replicas: Some(replicas),
                assignor: assignor(service, run),
            },
            fetching: memory::Fetching {
                client: memory_client(client),
                brokers: Some(broker.count.value),
                fetch_max: settings.size(Setting::FetchMax),
                max_partition_fetch: settings.size(Setting::MaxPartitionFetch),
                queued_max_kbytes: settings.size(Setting::QueuedMax).map(|bytes| bytes.div_ceil(1000)),
            },
            fetch: lag_floor::Fetch {
                // Every client asks for one byte unless told otherwise.
                min: Some(settings.size(Setting::FetchMin).unwrap_or(1)),
                max_wait: settings.duration(Setting::FetchMaxWait),
            },
            poll_interval: settings.duration(poll_setting(client)),
            resident: run.memory.resident.as_ref().map(|size| size.bytes()),
            per_record_factor: run.memory.per_record_factor.value,
            limit: run.memory.limit.as_ref().map(|size| size.bytes()),
            target: service.targets.lag.value,
        }
    }

    /// Works out all four proofs.
    #[must_use]
    pub fn prove(&self, words: Words) -> Proofs {
        Proofs {
            poll_budget: self.poll_budget(words),
            memory: self.memory(words),
            capacity: self.capacity(words),
            lag_floor: self.lag_floor(words),
        }
    }

    /// Works out whether a batch is done before the next poll is due.
    #[must_use]
    pub fn poll_budget(&self, words: Words) -> poll_budget::PollBudget {
        poll_budget::prove(&self.work, self.poll_interval, words)
    }

    /// Works out whether the process stays inside its container: the one proof that looks at the brokers.
    #[must_use]
    pub fn memory(&self, words: Words) -> memory::Memory {
        let input = memory::Input {
            fetching: self.fetching,
            work: &self.work,
            topics: &self.topics,
            group: self.group,
            resident: self.resident,
            per_record_factor: Some(self.per_record_factor),
            limit: self.limit,
        };
        memory::prove(&input, words)
    }

    /// Works out whether members can process what arrives.
    #[must_use]
    pub fn capacity(&self, words: Words) -> capacity::Capacity {
        capacity::prove(&self.work, &self.topics, &self.group, words)
    }

    /// Works out whether the lag target can be met at all.
    #[must_use]
    pub fn lag_floor(&self, words: Words) -> lag_floor::LagFloor {
        let (work, topics, group) = (&self.work, &self.topics, &self.group);
        lag_floor::prove(work, topics, group, &self.fetch, Some(self.target), words)
    }
}

/// The setting that bounds the time between two polls: kafkajs has none of its own, and its handler must be done, or
/// have sent a heartbeat, within the session.
#[must_use]
pub const fn poll_setting(client: Client) -> Setting {
    match client {
        Client::Kafkajs => Setting::SessionTimeout,
        _ => Setting::MaxPollInterval,
    }
}

/// How many members share the partitions that `service` reads: the replicas of all of its group's services that read the
/// same topics.
#[must_use]
pub fn group_replicas(service: &Service, group: &[&Service]) -> u32 {
    let same = |other: &Service| {
        other
            .topics
            .iter()
            .map(|topic| &topic.value)
            .eq(service.topics.iter().map(|topic| &topic.value))
    };
    group
        .iter()
        .filter(|other| same(other))
        .fold(0_u32, |sum, other| sum.saturating_add(other.replicas.value))
        .max(service.replicas.value)
}

fn work(run: &Run) -> Work {
    let processing = &run.processing;
    Work {
        per_batch: Some(processing.per_batch.value),
        per_record: processing.per_record.as_ref().map(|cost| cost.value.clone()),
        cpu: processing.cpu.as_ref().map_or(Duration::ZERO, |cpu| cpu.value),
        max_poll_records: run
            .consumer
            .count(Setting::MaxPollRecords)
            .map(|records| u32::try_from(records).unwrap_or(u32::MAX)),
        concurrency: Some(match processing.concurrency.value {
            Concurrency::Bounded(bound) => work::Concurrency::Bounded(bound),
            Concurrency::Unbounded => work::Concurrency::Unbounded,
        }),
        handler: match processing.handler.value {
            keywords::Handler::Inline => work::Handler::Inline,
            keywords::Handler::Thread => work::Handler::Thread,
            keywords::Handler::EventLoop => work::Handler::EventLoop,
        },
        commit: match run.delivery.commit.value {
            keywords::Commit::AfterBatch => work::Commit::AfterBatch,
            keywords::Commit::AfterRecord => work::Commit::AfterRecord,
            keywords::Commit::OnReceipt => work::Commit::OnReceipt,
            keywords::Commit::Interval => work::Commit::Interval,
        },
    }
}

fn fleet_topic(topic: &Topic) -> fleet::Topic {
    fleet::Topic {
        name: topic.name.clone(),
        partitions: Some(topic.partitions.value),
        rate: topic.rate.as_ref().map(|rate| rate.get()),
        peak: topic.peak.as_ref().map(|peak| fleet::Peak {
            rate: peak.rate.get(),
            lasts: peak.lasts.as_ref().map(|lasts| lasts.value),
            every: peak.every.as_ref().map(|every| every.value),
        }),
        record: RecordSize {
            mean: topic.record_mean.as_ref().map(|size| size.bytes()),
            max: topic.record_max.as_ref().map(|size| size.bytes()),
        },
        producer_batch: topic.producer_batch.as_ref().map(|size| size.bytes()),
        compression_ratio: topic.compression_ratio.value,
        keys: match &topic.key {
            None => Keys::None,
            Some(key) => key
                .cardinality
                .as_ref()
                .map_or(Keys::Undeclared, |cardinality| Keys::Zipf {
                    cardinality: cardinality.value,
                    exponent: key.zipf,
                }),
        },
    }
}

/// How the group shares partitions. Where nothing is said, the client's own first choice: `range` for Java and
/// librdkafka, `roundrobin` for the others, KIP-848's `uniform`.
#[must_use]
pub fn assignor(service: &Service, run: &Run) -> Assignor {
    let range = match service.group_protocol.value {
        GroupProtocol::Consumer => matches!(
            run.consumer
                .get(Setting::RemoteAssignor)
                .map(|assignor| &assignor.value),
            Some(Value::RemoteAssignor(keywords::RemoteAssignor::Range))
        ),
        GroupProtocol::Classic => match run.consumer.assignors().first() {
            Some(first) => *first == keywords::Assignor::Range,
            None => matches!(service.client.value, Client::Java | Client::Librdkafka),
        },
    };
    if range { Assignor::Range } else { Assignor::Even }
}

const fn memory_client(client: Client) -> memory::Client {
    match client {
        Client::Librdkafka => memory::Client::Librdkafka,
        Client::Java => memory::Client::Java,
        Client::Aiokafka => memory::Client::Aiokafka,
        Client::Kafkajs => memory::Client::Kafkajs,
        Client::ConfluentJavascript => memory::Client::ConfluentJavascript,
    }
}
