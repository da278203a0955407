//! What one run measured: all that a verdict rests on, merged from every process, as plain data.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::plan::Side;
use super::protocol::EncodedHistogram;

/// The recording's format; one of another is not read.
pub const FORMAT: u32 = 1;

/// One run of one side of a trial.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Recording {
    /// [`FORMAT`].
    pub format: u32,
    /// The run's id.
    pub run: String,
    /// The trial's name.
    pub trial: String,
    /// Which side ran.
    pub side: Side,
    /// When the load started, Unix time in microseconds.
    pub started_us: i64,
    /// Seconds from there until everything was drained, or given up on.
    pub seconds: f64,
    /// The client that the workers said they are: `librdkafka 2.12.1`; empty where none came so far.
    pub client: String,
    /// What was seen at each tick, in order.
    pub moments: Vec<Moment>,
    /// What became of the records, counted once drained.
    pub account: Account,
    /// End-to-end latency: from due time to the end of processing, microseconds.
    pub latency: EncodedHistogram,
    /// The same of the records processed in measured phases, without the warm-up.
    pub measured_latency: EncodedHistogram,
    /// How late records were sent, microseconds after they were due.
    pub lateness: EncodedHistogram,
    /// Every change of who holds what, in order.
    pub rebalances: Vec<Rebalance>,
    /// How each worker ended; replicas started again are workers of their own.
    pub workers: Vec<WorkerFate>,
    /// What went wrong and went on, by code.
    pub errors: Vec<ErrorCount>,
    /// What was done to it on purpose, when.
    pub faults: Vec<FaultDone>,
    /// The longest time between two polls of one worker, in seconds.
    pub longest_poll_gap_s: f64,
    /// How memory was held to its limit.
    pub memory_held_by: MemoryHeldBy,
    /// The share of the run that some thread of ours was ready to run and did not: seconds waited for a core over wall
    /// seconds, of the thread that waited longest. Nothing where it can't be told.
    pub cpu_wait: Option<f64>,
    /// Why it ended before its plan did.
    pub cut_short: Option<String>,
}

impl Recording {
    /// The client that the workers said they are, without its version; nothing where none came so far.
    #[must_use]
    pub fn client_name(&self) -> Option<&str> {
        self.client.split_whitespace().next()
    }
}

/// What was seen at one tick.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Moment {
    /// Seconds after the start of the load.
    pub at_s: f64,
    /// Log end − processed position, summed over the group's partitions; nothing where the broker did not answer.
    pub lag: Option<u64>,
    /// Log end − committed offset, summed.
    pub committed_lag: Option<u64>,
    /// Records acknowledged by the broker so far.
    pub sent: u64,
    /// Records due so far.
    pub due: u64,
    /// Records processed so far, repetitions not counted.
    pub processed: u64,
    /// Records polled and not processed.
    pub in_hand: u64,
    /// Resident bytes of each worker that runs, in the order of replicas.
    pub memory: Vec<u64>,
    /// Cores that the broker used since the last moment.
    pub broker_cores: Option<f64>,
    /// Cores that all workers used since the last moment.
    pub worker_cores: Option<f64>,
    /// Partitions that no worker held.
    pub unassigned: u32,
}

/// What became of the records.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
pub struct Account {
    /// Acknowledged by the broker.
    pub sent: u64,
    /// Refused by it, or given up by the producer.
    pub unsent: u64,
    /// Processed at least once.
    pub processed: u64,
    /// Acknowledged and never processed.
    pub lost: u64,
    /// Of the lost, those that the broker had deleted before they were polled: their offset is below the log's start.
    pub lost_to_retention: u64,
    /// Processed again, each repetition counted.
    pub duplicated: u64,
    /// Processed after a later record of their key.
    pub reordered: u64,
    /// Handlers that failed for good.
    pub failed: u64,
    /// Of them, those in the dead-letter topic.
    pub dead_letters: u64,
    /// Records of other runs.
    pub foreign: u64,
}

/// A change of who holds what.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Rebalance {
    /// Seconds after the start of the load.
    pub at_s: f64,
    /// Why.
    pub cause: RebalanceCause,
    /// What is known of it, in a sentence without a full stop.
    pub what: String,
}

/// Why a group rebalanced.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum RebalanceCause {
    /// Workers joined at the start.
    Start,
    /// A fault that was asked for.
    Fault,
    /// A member took longer between two polls than it may.
    PollInterval,
    /// A member's heartbeats did not come.
    Session,
    /// A worker died that nobody had killed on purpose.
    WorkerDied,
    /// None of these.
    Unknown,
}

impl RebalanceCause {
    /// Whether the service is to blame.
    #[must_use]
    pub const fn is_unprovoked(self) -> bool {
        !matches!(self, Self::Start | Self::Fault)
    }
}

/// How a worker ended.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct WorkerFate {
    /// Which replica it was.
    pub replica: u32,
    /// When it ended, seconds after the start of the load.
    pub at_s: f64,
    /// How.
    pub end: WorkerEnd,
    /// The most memory that was seen, in bytes: by the system's own peak where there is one.
    pub peak_bytes: Option<u64>,
    /// The last lines of its log.
    pub log: String,
}

/// How a worker ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "end", rename_all = "kebab-case")]
pub enum WorkerEnd {
    /// In good order, when told to.
    Stopped,
    /// Killed by the system at its memory limit.
    OutOfMemory,
    /// Killed by a fault that was asked for.
    KilledOnPurpose,
    /// By a signal that nobody of us sent.
    Signal {
        /// Its number.
        number: i32,
    },
    /// By itself, with a status or with words.
    Failed {
        /// Its exit status.
        status: i32,
        /// What it said.
        message: String,
    },
    /// It did not end when told to, and was killed.
    Hung,
    /// It never joined its group.
    NeverJoined,
}

/// Something that went wrong and went on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ErrorCount {
    /// Who said it: `worker 0`, `load`, `probe`.
    pub who: String,
    /// librdkafka's name where there is one.
    pub code: String,
    /// The first message.
    pub message: String,
    /// How often.
    pub times: u64,
}

/// A fault as it was done.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct FaultDone {
    /// Seconds after the start of the load.
    pub at_s: f64,
    /// What was done.
    pub what: String,
}

/// How memory was held to its limit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "by", rename_all = "kebab-case")]
pub enum MemoryHeldBy {
    /// A control group a worker: what passes the limit is killed by the system.
    Cgroup,
    /// Nothing: it was sampled, and a kill can't be judged.
    Sampled {
        /// Why there is no control group.
        because: String,
    },
    /// No limit is declared.
    NoLimit,
}
