//! The highest rate at which the lag target still holds.

use std::fmt::Display;

use super::super::outcome::Probe;
use super::super::plan::{Trial, at_rate};
use super::super::verdict::{Kpi, SideOutcome, Verdict};

/// How near the two ends of the answer come: the failing rate is at most this many times the holding one.
pub const STEP: f64 = 1.05;
/// Seconds of steady load of a probe: 132 samples.
const STEADY_S: f64 = 33.0;
/// Most probes of one search: doubling over a factor of a thousand, then bisection.
const MOST_PROBES: usize = 18;

/// Why a search ended.
#[derive(Debug, Clone, PartialEq)]
pub enum Stopped {
    /// The limit is known to [`STEP`].
    Found,
    /// The harness could not send or look at more than that: the limit is at least what held.
    HarnessGaveOut {
        /// Why.
        because: String,
    },
    /// Nothing held, down to a thousandth of the rate that it began with.
    NothingHeld,
    /// A probe said nothing: too few samples or records.
    Inconclusive {
        /// Why.
        because: String,
    },
    /// A probe could not run, or nobody wished to go on. What was tried before counts.
    Ended {
        /// Why.
        because: String,
    },
    /// So many probes are enough.
    Enough,
}

/// What a search found.
#[derive(Debug, Clone, PartialEq)]
pub struct Limit {
    /// The highest rate that held, in records a second over all topics, as it ran.
    pub holds: Option<f64>,
    /// The lowest rate that did not.
    pub fails: Option<f64>,
    /// All that was tried, in order.
    pub probes: Vec<Probe>,
    /// Why it ended.
    pub stopped: Stopped,
}

/// Searches from `start` records a second: doubling until it fails, or halving until it holds, then the geometric middle
/// until both ends are within [`STEP`]. A probe that is INVALID is tried once more: a busy moment is no limit. Where the
/// callback fails, the search ends with what it knows.
pub fn find_limit<E: Display>(
    trial: &Trial,
    start: f64,
    mut run: impl FnMut(&Trial) -> Result<SideOutcome, E>,
) -> Limit {
    let start = if start.is_finite() && start > 0.0 { start } else { 1.0 };
    let mut limit = Limit {
        holds: None,
        fails: None,
        probes: Vec::new(),
        stopped: Stopped::Enough,
    };
    let mut again = false;
    while limit.probes.len() < MOST_PROBES {
        let rate = match (limit.holds, limit.fails) {
            (None, None) => start,
            (Some(holds), None) => holds * 2.0,
            (None, Some(fails)) if fails <= start / 1_000.0 => {
                limit.stopped = Stopped::NothingHeld;
                break;
            }
            (None, Some(fails)) => fails / 2.0,
            (Some(holds), Some(fails)) if fails <= holds * STEP => {
                limit.stopped = Stopped::Found;
                break;
            }
            (Some(holds), Some(fails)) => (holds * fails).sqrt(),
        };
        let outcome = match run(&at_rate(trial, rate, STEADY_S)) {
            Ok(outcome) => outcome,
            Err(error) => {
                limit.stopped = Stopped::Ended {
                    because: error.to_string(),
                };
                break;
            }
        };
        let (verdict, because) = of_rate(&outcome);
        limit.probes.push(Probe {
            rate,
            verdict,
            lag: lag(&outcome),
        });
        let second = std::mem::replace(&mut again, verdict == Verdict::Invalid);
        match verdict {
            Verdict::Invalid if !second => {}
            Verdict::Pass => limit.holds = Some(rate),
            Verdict::Fail => limit.fails = Some(rate),
            Verdict::Invalid => {
                limit.stopped = Stopped::HarnessGaveOut { because };
                break;
            }
            Verdict::Inconclusive | Verdict::NotJudged => {
                limit.stopped = Stopped::Inconclusive { because };
                break;
            }
        }
    }
    limit
}

/// What a probe says of its rate: of lag and throughput, and why.
fn of_rate(outcome: &SideOutcome) -> (Verdict, String) {
    let judgements = &outcome.judgement.judgements;
    let asked = judgements
        .iter()
        .filter(|judgement| matches!(judgement.kpi, Kpi::Lag | Kpi::Throughput));
    let verdict = Verdict::worst(asked.clone().map(|judgement| judgement.verdict));
    let because = asked
        .filter(|judgement| judgement.verdict == verdict)
        .map(|judgement| judgement.because.clone())
        .next()
        .unwrap_or_else(|| "lag was not judged".to_owned());
    (verdict, because)
}

fn lag(outcome: &SideOutcome) -> String {
    let judgements = &outcome.judgement.judgements;
    let lag = judgements.iter().find(|judgement| judgement.kpi == Kpi::Lag);
    lag.map_or_else(String::new, |lag| lag.measured.clone())
}
