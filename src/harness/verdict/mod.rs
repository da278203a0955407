//! Verdicts: pure functions over recordings.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::plan::Side;
use super::recording::Recording;

mod burst;
mod causes;
mod disagreements;
mod disturbed;
mod held;
mod judge;
mod kept;
mod stats;
mod steady;
mod text;
mod validity;
mod view;

pub use judge::judge;
pub use stats::{Slope, block_length, p95_upper_bound, quantile, theil_sen};
pub use text::{exit_status, kpi_words};
pub use validity::{MOST_CPU_WAIT, MOST_LATE_MS, MOST_P99_LATE_MS};

/// What is said of a target, a side, a trial.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// It held.
    Pass,
    /// The harness itself fixes the outcome, or could not look.
    NotJudged,
    /// Too little was seen.
    Inconclusive,
    /// The harness did not do what it should: send lateness or CPU wait past their bounds.
    Invalid,
    /// It did not hold.
    Fail,
}

/// A target that is judged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Kpi {
    /// Steady lag below its target, and not rising.
    Lag,
    /// Back below the target after bursts.
    BurstReturn,
    /// Back below the target after faults; judged only where there are some.
    FaultReturn,
    /// Processed at least what came.
    Throughput,
    /// Inside the memory limit.
    Memory,
    /// Records lost.
    Loss,
    /// Order kept per key.
    Order,
    /// Handlers that fail.
    Errors,
    /// Rebalances that nobody provoked.
    Rebalances,
    /// Polls in time.
    PollInterval,
}

/// One target, judged.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Judgement {
    /// Which.
    pub kpi: Kpi,
    /// What is said of it.
    pub verdict: Verdict,
    /// The number that was held against the target, in the target's unit; nothing where there is none.
    pub value: Option<f64>,
    /// What was measured, for people: `17`, `12 %`, `killed at 256 MiB`.
    pub measured: String,
    /// What must hold, for people: `< 100`.
    pub target: String,
    /// Why the verdict is what it is, in a sentence without a full stop.
    pub because: String,
}

/// Why a side fails, by name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Mechanism {
    /// It can't do as much as comes.
    TooSlow,
    /// The system killed it at its memory limit.
    OutOfMemory,
    /// The broker deleted what it had not read yet.
    RetentionOvertook,
    /// It had said that it was done with records that it then lost.
    CommittedTooEarly,
    /// It took longer between two polls than it may.
    PollOverrun,
    /// The group went round and round.
    RebalanceStorm,
    /// Its target is below what these settings can reach.
    LagFloor,
    /// A worker ended by itself.
    Crashed,
    /// It stood still for a while, and is otherwise quick enough.
    Interrupted,
}

/// A mechanism, with its numbers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Cause {
    /// Its name.
    pub mechanism: Mechanism,
    /// In a sentence without a full stop: "60 records/s of capacity against 500/s: 16.7 ms a record, one record a poll".
    pub what: String,
}

/// One side of a trial, judged over all its runs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct SideJudgement {
    /// Which side.
    pub side: Side,
    /// The worst of its judgements; one INVALID run makes it INVALID unless another run FAILs.
    pub verdict: Verdict,
    /// All targets.
    pub judgements: Vec<Judgement>,
    /// Why it fails.
    pub causes: Vec<Cause>,
    /// What came of each fault, in sentences without a full stop.
    #[serde(default)]
    pub faults: Vec<String>,
    /// Where the proofs and the measurement disagree, in sentences without a full stop.
    pub disagreements: Vec<String>,
}

/// A side's runs and what is said of them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct SideOutcome {
    /// What is said.
    pub judgement: SideJudgement,
    /// What it rests on, in the order of the runs.
    pub recordings: Vec<Recording>,
}
