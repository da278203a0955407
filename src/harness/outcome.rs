//! What one `verify` came to: what reports are made of.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::plan::{LeftOut, Trial};
use super::verdict::{SideOutcome, Verdict, exit_status};

/// The outcome's format; its JSON schema is generated.
pub const FORMAT: u32 = 1;

/// What one `verify` came to.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Outcome {
    /// [`FORMAT`].
    pub format: u32,
    /// lagproof's version.
    pub lagproof: String,
    /// The project's name.
    pub project: String,
    /// When it began, Unix time in microseconds.
    pub started_us: i64,
    /// Seconds that it took in all.
    pub seconds: f64,
    /// What drew the load.
    pub seed: u64,
    /// The broker.
    pub broker: BrokerFacts,
    /// The machine.
    pub machine: MachineFacts,
    /// What was tried, in order.
    pub trials: Vec<TrialOutcome>,
    /// What was asked for and is in no trial: services that can't be tried as they are declared, trials that could not begin,
    /// those that were not come to.
    #[serde(default)]
    pub left_out: Vec<LeftOut>,
    /// Why it ended before its plan did; its verdicts count for what was measured.
    pub cut_short: Option<String>,
}

impl Outcome {
    /// Whether everything that was asked for was tried to its end.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        self.left_out.is_empty() && self.cut_short.is_none()
    }

    /// The process's exit status: that of the verdicts, and 4 where all of them are PASS and something that was asked for is
    /// missing. 0 for a smoke test, where no verdict is one.
    #[must_use]
    pub fn exit_status(&self) -> u8 {
        if self.broker.smoke_test {
            return 0;
        }
        match exit_status(self.trials.iter().map(|trial| trial.verdict)) {
            0 if !self.is_whole() => 4,
            status => status,
        }
    }
}

/// The broker that a verdict comes from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct BrokerFacts {
    /// `docker`, `local`, `mock`, `declared`.
    pub kind: String,
    /// In words: "Apache Kafka 4.3.1 in docker (apache/kafka:4.3.1), ready in 3.6 s".
    pub what: String,
    /// Kafka's version.
    pub version: String,
    /// Why this one.
    pub why: String,
    /// Whether it is a smoke test only, as on the mock: no verdict is one then.
    pub smoke_test: bool,
}

/// The machine that a verdict comes from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct MachineFacts {
    /// Its operating system and version.
    pub system: String,
    /// Its processor's name.
    pub processor: String,
    /// Its cores.
    pub cores: u32,
    /// Its memory in bytes.
    pub memory: u64,
}

/// One trial and what it came to.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct TrialOutcome {
    /// The plan.
    pub trial: Trial,
    /// The sides, the baseline first where there is one.
    pub sides: Vec<SideOutcome>,
    /// The trial's verdict: that of the compiled side.
    pub verdict: Verdict,
    /// Settings that were put back one at a time, and what came of it; empty where nobody asked.
    pub put_back: Vec<PutBack>,
    /// The highest rates that hold; empty where nobody asked.
    #[serde(default)]
    pub limits: Vec<FoundLimit>,
    /// The file of evidence that it left, from the project's folder; nothing where it left none.
    #[serde(default)]
    pub evidence: Option<String>,
}

/// One setting of the baseline put back into the compiled side.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct PutBack {
    /// Its neutral name.
    pub setting: String,
    /// Its value in the baseline.
    pub before: String,
    /// Its value as compiled.
    pub after: String,
    /// What came of it.
    pub verdict: Verdict,
    /// What the compiled side came to in the same place: whatever differs from it makes the difference. It fails where a client's
    /// defaults hold a higher rate.
    #[serde(default = "pass")]
    pub compiled: Verdict,
    /// Why, where it failed.
    pub what: String,
}

const fn pass() -> Verdict {
    Verdict::Pass
}

/// The highest rate at which the lag target still holds, as far as it was found.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct FoundLimit {
    /// Of what: "the profile", "the defaults of librdkafka".
    pub of: String,
    /// The highest rate that held, in records a second as declared: compressed time multiplies rates.
    pub holds: Option<f64>,
    /// The lowest rate that did not, in the same unit.
    pub fails: Option<f64>,
    /// Why the search ended before both ends met, in a sentence without a full stop; empty where they did.
    pub because: String,
    /// All rates that were tried, in order.
    pub probes: Vec<Probe>,
}

/// One rate that was tried.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Probe {
    /// Records a second over all topics.
    pub rate: f64,
    /// What came of it: of lag and throughput alone.
    pub verdict: Verdict,
    /// Lag as measured, in words.
    pub lag: String,
}
