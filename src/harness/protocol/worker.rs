//! The worker process, one a replica: what it is told, and what it tells.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{EncodedHistogram, PROTOCOL, Range, Ticks};

/// Everything that one worker needs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct WorkerSpec {
    /// [`PROTOCOL`].
    pub protocol: u32,
    /// The run's id, for logs.
    pub run: String,
    /// What the run's records carry; others are counted as foreign.
    pub tag: u32,
    /// The service.
    pub service: String,
    /// Which replica, from 0.
    pub replica: u32,
    /// The client's properties: exactly the compiled ones for the declared client, with bootstrap servers, security and
    /// the instance id of this replica. Of a client whose options have sections they are the `consumer` section.
    pub properties: BTreeMap<String, String>,
    /// The other sections of the client's compiled file, as they stand there: kafkajs's `client` (options of `new Kafka`),
    /// `subscribe` and `run`. The topics are not among them, since on the broker they have other names. Not there for
    /// clients that have no such section.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub sections: BTreeMap<String, BTreeMap<String, serde_json::Value>>,
    /// The topics' names on the broker.
    pub topics: Vec<String>,
    /// Most records in hand at once from one poll: one that blocks, then those that are there already.
    pub max_poll_records: u32,
    /// What a record costs.
    pub work: WorkSpec,
    /// When offsets are committed, and what happens to records that fail.
    pub delivery: DeliverySpec,
    /// Bytes that the handler holds for each byte of a record in hand, the record's own among them; at least 1.
    pub per_record_factor: f64,
    /// What costs are drawn from, with a record's stream and number: the same record costs the same on both sides.
    pub seed: u64,
    /// When to write a line.
    pub ticks: Ticks,
}

impl WorkerSpec {
    /// Whether this process can do what it says.
    #[must_use]
    pub const fn is_ours(&self) -> bool {
        self.protocol == PROTOCOL
    }
}

/// What processing costs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct WorkSpec {
    /// What one record costs.
    pub per_record: CostSpec,
    /// What a batch costs on top, before its first record, in microseconds.
    pub per_batch_us: u64,
    /// Records at once.
    pub concurrency: ConcurrencySpec,
    /// Where the handler runs.
    pub handler: HandlerSpec,
    /// The share of a record's cost that burns CPU, 0 to 1; the rest is waiting.
    pub cpu_share: f64,
    /// What a record with [`super::RecordFlags::SLOW`] costs, in microseconds.
    pub slow_us: u64,
    /// Stretches in which nothing is finished: a stalled downstream. Microseconds after the start of the ticks, from and to.
    /// `verify` sends none: where the load starts is known later, and [`super::Command::Stall`] tells them then.
    pub stalls_us: Vec<(u64, u64)>,
}

/// A cost: the same for every record, or the log-normal through p50 and p99, cut at max.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
pub enum CostSpec {
    /// Every record costs the same.
    Constant {
        /// Microseconds.
        us: f64,
    },
    /// `min(exp(mu + sigma × z), max)` with z standard normal.
    LogNormal {
        /// The logarithm of the median in seconds.
        mu: f64,
        /// The logarithm's standard deviation.
        sigma: f64,
        /// The most, in seconds.
        max: Option<f64>,
    },
}

/// Records processed at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ConcurrencySpec {
    /// At most that many, of a batch; the next batch waits for all of them.
    Bounded(u32),
    /// Everything polled is handed over at once, to a pool with one free place; polling goes on.
    Unbounded,
}

/// Where the handler runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum HandlerSpec {
    /// In the thread that polls.
    Inline,
    /// In threads of its own, while the client is polled, its partitions paused, so that only the poll interval counts.
    Thread,
    /// In the event loop, which it blocks while it burns CPU.
    EventLoop,
}

/// When offsets are committed, and what happens to records that fail.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DeliverySpec {
    /// When offsets are committed.
    pub commit: CommitSpec,
    /// What happens to a record that fails; nothing for none: it is skipped.
    pub retry: Option<RetrySpec>,
}

/// When offsets are committed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum CommitSpec {
    /// Once a batch is done.
    AfterBatch,
    /// Once a record is done.
    AfterRecord,
    /// As records arrive, before anything is done.
    OnReceipt,
    /// By the client's own clock.
    Interval,
}

/// What happens to records that fail.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RetrySpec {
    /// Tries in all.
    pub attempts: u32,
    /// The pause before the second try in microseconds; it doubles.
    pub backoff_us: u64,
    /// The topic, on the broker, where a record goes after the last.
    pub dead_letter: Option<String>,
}

/// How far a worker is in a partition that it holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Position {
    /// The topic.
    pub topic: String,
    /// The partition.
    pub partition: i32,
    /// Every record below this offset is processed; nothing before the first.
    pub processed: Option<i64>,
    /// One past the highest offset polled.
    pub polled: Option<i64>,
    /// The last offset that the broker took as committed.
    pub committed: Option<i64>,
}

/// What a worker did since its last tick, and where it is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct WorkerTick {
    /// When.
    pub at_us: i64,
    /// Which tick.
    pub tick: u32,
    /// Where it is in the partitions that it holds.
    pub positions: Vec<Position>,
    /// Records of which stream were processed since then; each once, however often.
    pub processed: Vec<Range>,
    /// Records processed since then, repetitions counted.
    pub records: u64,
    /// Bytes of their values.
    pub bytes: u64,
    /// Of them, those that this worker had processed before.
    pub repeated: u64,
    /// Of them, those that came after a later record of their key, and were no repetition.
    pub reordered: u64,
    /// Records of another run.
    pub foreign: u64,
    /// Records whose handler failed for good: dead letters, and skipped ones.
    pub failed: u64,
    /// Of them, those that went to the dead-letter topic.
    pub dead_letters: u64,
    /// Batches polled since then.
    pub batches: u64,
    /// Records polled and not processed now.
    pub in_hand: u64,
    /// From due time to the end of processing, in microseconds, of the records processed since then.
    pub latency: EncodedHistogram,
    /// The longest time between two polls that ended since then, in microseconds.
    pub longest_poll_gap_us: u64,
    /// Resident bytes of the process; nothing where it can't be told.
    pub resident_bytes: Option<u64>,
    /// CPU seconds of the process since its start.
    pub cpu_seconds: f64,
    /// Seconds since its start that the thread which waited longest was ready to run and did not.
    pub cpu_wait_seconds: Option<f64>,
}

/// What a worker writes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "line", rename_all = "kebab-case")]
pub enum WorkerLine {
    /// It has a consumer that is about to join.
    Ready {
        /// When.
        at_us: i64,
        /// [`PROTOCOL`].
        protocol: u32,
        /// The client and its version: `librdkafka 2.12.1`.
        client: String,
    },
    /// Partitions came.
    Assigned {
        /// When.
        at_us: i64,
        /// Which: topic and partition.
        partitions: Vec<(String, i32)>,
    },
    /// Partitions were given back.
    Revoked {
        /// When.
        at_us: i64,
        /// Which.
        partitions: Vec<(String, i32)>,
    },
    /// Partitions were lost: the group went on without this member.
    Lost {
        /// When.
        at_us: i64,
        /// Which.
        partitions: Vec<(String, i32)>,
    },
    /// Where it is.
    Tick(WorkerTick),
    /// The answer to [`super::Command::Stall`]: it will finish nothing in this stretch.
    Stall {
        /// When.
        at_us: i64,
        /// Its begin.
        from_us: i64,
        /// Its end.
        to_us: i64,
    },
    /// Something that went wrong, and goes on.
    Error {
        /// When.
        at_us: i64,
        /// librdkafka's name for it where there is one (`_MAX_POLL_EXCEEDED`), else a word.
        code: String,
        /// What.
        message: String,
        /// How often since the last such line.
        times: u64,
    },
    /// The last line.
    End {
        /// When.
        at_us: i64,
        /// Why.
        reason: EndReason,
    },
}

/// Why a worker ended by itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "reason", rename_all = "kebab-case")]
pub enum EndReason {
    /// It was told to.
    Stopped,
    /// It could not go on.
    Failed {
        /// Why.
        message: String,
    },
}
