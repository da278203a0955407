//! What a run does, worked out from the model before anything starts.
//!
//! A plan is plain data: it can be printed, kept beside a recording, and judged against later.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::protocol::{DeliverySpec, LoadTopic, WorkSpec};

mod cores;
mod faults;
mod load;
mod make;
mod print;
mod series;
mod side;
mod speed;
mod topics;
mod trial;
mod variants;
mod wish;

pub use cores::{Company, waves};
pub use faults::{FaultError, FaultWish, parse_fault};
pub use make::{Names, PlanError, make_plan};
pub use print::print;
pub use series::{SeriesError, parse_series};
pub use variants::{Variant, at_rate, defaults_put_back, defaults_side, put_backs};
pub use wish::{Brokers, Comparison, LoadWish, Point, SpeedWish, Wish, WorkerCommand, Workers};

/// Everything that one `verify` does.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Plan {
    /// What load, costs and jitter are drawn from.
    pub seed: u64,
    /// What is tried, in the order of their names.
    pub trials: Vec<Trial>,
    /// Which trials run at the same time, as indices into `trials`: groups that fit into the machine's cores, one after the
    /// other.
    pub waves: Vec<Vec<usize>>,
    /// The machine's cores, as counted when the plan was made.
    pub cores: u32,
    /// What can't be tried, and why; nothing of it was asked for by name.
    #[serde(default)]
    pub left_out: Vec<LeftOut>,
}

impl Plan {
    /// Bytes that the load of all runs writes.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.trials.iter().fold(0, |sum, trial| sum.saturating_add(trial.bytes))
    }
}

/// A service or a case that can't be tried.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct LeftOut {
    /// Its name.
    pub name: String,
    /// Why, in a sentence without a full stop.
    pub because: String,
    /// What to do.
    pub help: String,
}

/// One service, or one case, under load.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Trial {
    /// The service.
    pub service: String,
    /// The case, where it is one: its verdict never passes for the service.
    pub case: Option<String>,
    /// What the service declares: `aiokafka`.
    pub declared_client: String,
    /// Its type: `vision-ai`.
    pub service_type: String,
    /// Its topics, with what they get. Rates are those really sent: times `speed`.
    pub topics: Vec<TopicPlan>,
    /// What is measured when.
    pub phases: Vec<Phase>,
    /// How it runs: the compiled side, and the baseline where it is asked for.
    pub sides: Vec<SidePlan>,
    /// Whole runs, alternating, where there are two sides: A B B A.
    pub order: Vec<Side>,
    /// What must hold.
    pub targets: Targets,
    /// What goes wrong on purpose.
    pub faults: Vec<FaultPlan>,
    /// By how much time is compressed; 1 is real time. Everything here is as it runs, already divided.
    pub speed: f64,
    /// Why that speed: the floor that it stops at, or "asked for".
    pub speed_because: String,
    /// Cores that load, broker and workers need at the highest rate.
    pub cores_needed: f64,
    /// What the environment's brokers are set to for this trial, by Kafka's names.
    pub broker_properties: BTreeMap<String, String>,
    /// Bytes that the load writes in all runs together.
    pub bytes: u64,
    /// What one should know of it, in sentences: assumed values, sizes that were raised.
    pub notes: Vec<String>,
}

impl Trial {
    /// Its name in output and in reports' file names: the case's, else the service's.
    #[must_use]
    pub fn name(&self) -> &str {
        self.case.as_deref().unwrap_or(&self.service)
    }

    /// Bytes that the load writes in one run.
    #[must_use]
    pub fn bytes_per_run(&self) -> u64 {
        self.bytes / self.order.len().max(1) as u64
    }

    /// Seconds from the start of the load to its end.
    #[must_use]
    pub fn seconds(&self) -> f64 {
        self.phases.iter().map(|phase| phase.to_s).fold(0.0, f64::max)
    }
}

/// A topic and what it gets.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct TopicPlan {
    /// Its name as declared. On the broker it may have a prefix, and has one a side.
    pub name: String,
    /// Its replication factor on the broker that is used.
    pub replication: u16,
    /// Its configuration by Kafka's names.
    pub configuration: BTreeMap<String, String>,
    /// What its readers were promised of the order of records.
    #[serde(default)]
    pub order: Order,
    /// Its load; `load.topic` is the declared name until a run gives it another.
    pub load: LoadTopic,
}

/// What was promised of the order of a topic's records.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Order {
    /// Nobody wrote a promise down.
    #[default]
    Unpromised,
    /// Records of one key stay in order, or all of a partition.
    Kept,
}

/// What a stretch of a run is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum PhaseKind {
    /// Nothing of it is judged but loss.
    WarmUp,
    /// The expected rate: steady lag is judged.
    Steady,
    /// A peak, or a ramp: the time to return below target is judged after it.
    Burst,
    /// After a burst: the time to return below target is measured from its start on.
    Return,
}

/// A stretch of a run, in seconds after the start of the load.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Phase {
    /// What it is for.
    pub kind: PhaseKind,
    /// Its start.
    pub from_s: f64,
    /// Its end.
    pub to_s: f64,
}

/// Which side of a before/after.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Side {
    /// The baseline.
    Before,
    /// The compiled profile.
    After,
}

/// How one side runs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct SidePlan {
    /// Which one.
    pub side: Side,
    /// What runs it, as far as that is known beforehand: `librdkafka`, or the name of the worker command that was given.
    pub client: String,
    /// The command of a worker of somebody's own, program and arguments; nothing for ours.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub command: Option<Vec<String>>,
    /// The client's properties as compiled; with `speed`, timers are divided.
    pub properties: BTreeMap<String, String>,
    /// The other sections of the client's compiled file: kafkajs's `client`, `subscribe` and `run`, without the topics.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub sections: BTreeMap<String, BTreeMap<String, serde_json::Value>>,
    /// The static member id with its variable, where there is one: `vision-${REPLICA}`.
    pub instance_id: Option<String>,
    /// The group as declared.
    pub group: String,
    /// How many workers.
    pub replicas: u32,
    /// Most records of one poll.
    pub max_poll_records: u32,
    /// What processing costs.
    pub work: WorkSpec,
    /// Commits and retries.
    pub delivery: DeliverySpec,
    /// What it may hold.
    pub memory: MemoryPlan,
    /// `max.poll.interval.ms` as it runs, in seconds.
    pub poll_interval_s: f64,
    /// `session.timeout.ms` as it runs, in seconds; nothing where the broker has it.
    pub session_s: Option<f64>,
    /// What the proofs predict for it.
    pub predicted: Predicted,
}

/// What a worker may hold, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct MemoryPlan {
    /// The container's limit as declared; nothing where none is.
    pub limit: Option<u64>,
    /// What the service itself holds before the first record. It is not allocated: what is enforced is limit − resident.
    pub resident: u64,
    /// Bytes held for each byte of a record in hand.
    pub per_record_factor: f64,
}

impl MemoryPlan {
    /// What is enforced on a worker, in bytes.
    #[must_use]
    pub fn enforced(&self) -> Option<u64> {
        self.limit.map(|limit| limit.saturating_sub(self.resident))
    }
}

/// What must hold.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Targets {
    /// Records behind, below which it must stay.
    pub lag: u64,
    /// The share of records that may fail, below which it must stay; also of those lost.
    pub errors: f64,
    /// Rebalances an hour, below which it must stay.
    pub rebalances_per_hour: f64,
    /// Seconds after a burst within which lag must be below its target again: until the next one, scaled as the burst
    /// is. Nothing where nobody declares when the next one comes.
    #[serde(default)]
    pub return_s: Option<f64>,
}

/// What `check --proofs` says of a side, in numbers; nothing where an input is unknown.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
pub struct Predicted {
    /// Utilisation at the expected rate, of the busiest member.
    pub utilisation: Option<f64>,
    /// Utilisation at the peak rate.
    pub utilisation_peak: Option<f64>,
    /// Records of lag that can't be avoided at the expected rate; nothing where lag grows.
    pub lag_floor: Option<f64>,
    /// Records a second by which lag grows at the expected rate.
    pub lag_grows: Option<f64>,
    /// The most memory in bytes, resident included.
    pub memory: Option<f64>,
    /// The share of the poll interval that a full batch takes on average.
    pub poll_budget: Option<f64>,
    /// The four proofs as printed, for reports.
    pub lines: Vec<String>,
}

/// Something that goes wrong on purpose.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct FaultPlan {
    /// What.
    pub kind: FaultKind,
    /// When, in seconds after the start of the load.
    pub at_s: f64,
}

/// What can be made to go wrong.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum FaultKind {
    /// A worker is killed at once, and started again.
    WorkerKilled,
    /// The broker ends in good order, and starts again.
    BrokerRestarted,
    /// One record takes longer than the poll interval.
    SlowRecord,
    /// One record fails however often it is tried.
    PoisonRecord,
    /// Nothing is finished for that long.
    DownstreamStall {
        /// Seconds.
        seconds: f64,
    },
    /// One more worker joins, and leaves again.
    ReplicaAdded {
        /// Seconds until it leaves.
        seconds: f64,
    },
}
