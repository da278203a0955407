//! Verdicts in words, and as an exit status.

use super::{Kpi, Verdict};

impl Verdict {
    /// The word that is printed.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Pass => "PASS",
            Self::NotJudged => "NOT JUDGED",
            Self::Inconclusive => "INCONCLUSIVE",
            Self::Invalid => "INVALID",
            Self::Fail => "FAIL",
        }
    }

    /// The worst of some, of which those that were not judged say nothing; [`Verdict::NotJudged`] of nothing else.
    #[must_use]
    pub fn worst(verdicts: impl IntoIterator<Item = Self>) -> Self {
        let judged = verdicts.into_iter().filter(|verdict| *verdict != Self::NotJudged);
        judged.max().unwrap_or(Self::NotJudged)
    }
}

/// The process's exit status for the verdicts of all trials: 1 for FAIL, then 5 for INVALID, then 4 for INCONCLUSIVE, else 0.
/// Nothing judged is nothing shown: 4.
#[must_use]
pub fn exit_status(verdicts: impl IntoIterator<Item = Verdict>) -> u8 {
    match Verdict::worst(verdicts) {
        Verdict::Fail => 1,
        Verdict::Invalid => 5,
        Verdict::Inconclusive | Verdict::NotJudged => 4,
        Verdict::Pass => 0,
    }
}

/// A target's name in tables.
#[must_use]
pub const fn kpi_words(kpi: Kpi) -> &'static str {
    match kpi {
        Kpi::Lag => "lag, p95",
        Kpi::BurstReturn => "back after bursts",
        Kpi::FaultReturn => "back after faults",
        Kpi::Throughput => "processed of ingested",
        Kpi::Memory => "memory, peak",
        Kpi::Loss => "lost",
        Kpi::Order => "out of order",
        Kpi::Errors => "errors",
        Kpi::Rebalances => "rebalances",
        Kpi::PollInterval => "between polls",
    }
}
