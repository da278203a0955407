//! What was made to go wrong, and for how long it was felt.

use crate::proofs::text::{count, number, seconds};

use super::super::plan::{FaultKind, FaultPlan, PhaseKind};
use super::stats::theil_sen;
use super::view::{View, wide};
use super::{Judgement, Kpi, Verdict};

/// So many samples in a row below the target are a return: a second of them.
pub(super) const IN_A_ROW: usize = 4;
/// How long after a fault's own time its consequences may begin to show, in seconds: a broker's start, a second rebalance.
const REACH_S: f64 = 15.0;
/// Partitions that nobody holds for less than that are a rebalance, and not worth a word.
const UNHELD_S: f64 = 1.0;

/// A fault, and what came of it.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Disturbance {
    /// What was done: `worker 0 killed`.
    what: String,
    /// When, in seconds after the start of the load.
    pub at_s: f64,
    /// How long lag was felt to be disturbed.
    pub back: Back,
    /// The highest lag until then.
    peak: f64,
    /// Most partitions that nobody held at once, and for how many seconds some were.
    unheld: (u32, f64),
    /// The session that a group waits for where a member dies without a word, in seconds.
    session_s: Option<f64>,
}

/// When lag was back.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Back {
    /// It never left.
    NotFelt,
    /// So many seconds after the fault.
    After(f64),
    /// Not as long as somebody looked.
    Never {
        /// Records behind then.
        level: f64,
        /// Seconds after the fault.
        seen_s: f64,
    },
}

impl Disturbance {
    /// Until when it was felt, in seconds after the start of the load.
    pub fn until_s(&self) -> f64 {
        match self.back {
            Back::NotFelt => self.at_s,
            Back::After(time) => self.at_s + time,
            Back::Never { .. } => f64::INFINITY,
        }
    }

    /// In a sentence without a full stop.
    pub fn told(&self, target: f64) -> String {
        let mut text = format!("{} at {}", self.what, seconds(self.at_s));
        let (partitions, lasted) = self.unheld;
        if lasted >= UNHELD_S {
            let session = self.session_s.map_or_else(String::new, |session| {
                format!(" (session_timeout {})", seconds(session))
            });
            let were = if partitions == 1 { "was" } else { "were" };
            text += &format!(
                ": {} {were} held by nobody for {}{session}",
                count(u64::from(partitions), "partition"),
                seconds(lasted)
            );
        }
        let peak = number(self.peak);
        text + &match self.back {
            Back::NotFelt => format!("; lag stayed below {}", number(target)),
            Back::After(time) => format!(
                "; lag reached {peak}, below {} again after {}",
                number(target),
                seconds(time)
            ),
            Back::Never { level, seen_s } => {
                format!(
                    "; lag reached {peak}, and was still {} after {}",
                    number(level),
                    seconds(seen_s)
                )
            }
        }
    }
}

/// Faults that were done, in order.
pub(super) fn disturbances(view: View<'_>) -> Vec<Disturbance> {
    let faults = view.trial.faults.iter();
    faults.filter_map(|fault| disturbance(view, fault)).collect()
}

fn disturbance(view: View<'_>, fault: &FaultPlan) -> Option<Disturbance> {
    // Each is done at its moment or, by a harness that is busy, later.
    let done = view.run.faults.iter().find(|done| done.at_s >= fault.at_s - 0.05)?;
    let side = view.side;
    let session_s = side.session_s.unwrap_or(0.0);
    let lasts_s = match fault.kind {
        FaultKind::WorkerKilled => session_s,
        FaultKind::BrokerRestarted | FaultKind::PoisonRecord => 0.0,
        #[expect(clippy::cast_precision_loss, reason = "microseconds of a run")]
        FaultKind::SlowRecord => side.work.slow_us as f64 / 1e6 + session_s,
        FaultKind::DownstreamStall { seconds } | FaultKind::ReplicaAdded { seconds } => seconds,
    };
    let target = wide(view.trial.targets.lag);
    let seen = view.lag_from(done.at_s);
    let reach_s = done.at_s + lasts_s + REACH_S;
    let back = back(&seen, target, reach_s, done.at_s);
    let until_s = match back {
        Back::NotFelt => reach_s,
        Back::After(time) => done.at_s + time,
        Back::Never { .. } => f64::INFINITY,
    };
    let felt = || seen.iter().take_while(|point| point.0 <= until_s);
    Some(Disturbance {
        what: done.what.clone(),
        at_s: done.at_s,
        back,
        peak: felt().map(|point| point.1).fold(0.0, f64::max),
        unheld: unheld(view, done.at_s, until_s),
        session_s: side.session_s.filter(|_| fault.kind == FaultKind::WorkerKilled),
    })
}

/// The end of the last excursion above the target that begins in time.
fn back(seen: &[(f64, f64)], target: f64, reach_s: f64, from_s: f64) -> Back {
    let mut back = Back::NotFelt;
    let mut at = 0;
    while let Some(left) = (at..seen.len()).find(|at| seen[*at].1 >= target) {
        if seen[left].0 > reach_s {
            break;
        }
        let stays = |at: &usize| seen[*at..].iter().take(IN_A_ROW).all(|point| point.1 < target);
        let Some(returned) = (left..seen.len()).find(stays) else {
            let (last_s, level) = seen[seen.len() - 1];
            return Back::Never {
                level,
                seen_s: last_s - from_s,
            };
        };
        back = Back::After(seen[returned].0 - from_s);
        at = returned;
    }
    back
}

/// Most partitions that nobody held at once between two moments, and the seconds in which there was one.
fn unheld(view: View<'_>, from_s: f64, until_s: f64) -> (u32, f64) {
    let moments: Vec<(f64, u32)> = view
        .run
        .moments
        .iter()
        .filter(|moment| from_s <= moment.at_s && moment.at_s <= until_s)
        .map(|moment| (moment.at_s, moment.unassigned))
        .collect();
    let most = moments.iter().map(|(_, partitions)| *partitions).max().unwrap_or(0);
    let lasted = moments
        .windows(2)
        .filter(|pair| pair[0].1 > 0)
        .map(|pair| pair[1].0 - pair[0].0)
        .sum();
    (most, lasted)
}

/// The time until lag is back below its target after faults: the longest counts.
pub(super) fn fault_return(view: View<'_>) -> Judgement {
    let says = |verdict| view.says(Kpi::FaultReturn, verdict, "before the end");
    let target = wide(view.trial.targets.lag);
    let found = disturbances(view);
    if found.is_empty() {
        return says(Verdict::Inconclusive).because("what was to go wrong had not, when it ended");
    }
    let mut longest = 0.0_f64;
    for one in &found {
        match one.back {
            Back::NotFelt => {}
            Back::After(time) => longest = longest.max(time),
            Back::Never { seen_s, .. } => {
                let falls = theil_sen(&tail(view)).is_some_and(|slope| slope.median < 0.0);
                let verdict = if falls || view.run.cut_short.is_some() {
                    Verdict::Inconclusive
                } else {
                    Verdict::Fail
                };
                return says(verdict)
                    .value(seen_s)
                    .measured(format!("not in {}", seconds(seen_s)))
                    .because(one.told(target));
            }
        }
    }
    let measured = if longest > 0.0 {
        seconds(longest)
    } else {
        "at once".to_owned()
    };
    let told: Vec<String> = found.iter().map(|one| one.told(target)).collect();
    says(Verdict::Pass)
        .value(longest)
        .measured(measured)
        .because(told.join("; "))
}

/// The last seconds in which somebody looked.
fn tail(view: View<'_>) -> Vec<(f64, f64)> {
    let seen = view.lag_from(f64::NEG_INFINITY);
    let from = seen.len().saturating_sub(8 * IN_A_ROW);
    seen[from..].to_vec()
}

/// The steady stretches without what was felt of faults, as (from, to) in seconds.
pub(super) fn undisturbed(view: View<'_>) -> Vec<(f64, f64)> {
    let mut stretches: Vec<(f64, f64)> = view
        .phases(PhaseKind::Steady)
        .map(|phase| (phase.from_s, phase.to_s))
        .collect();
    for one in disturbances(view) {
        let (from_s, to_s) = (one.at_s, one.until_s());
        let apart = |(start, end): (f64, f64)| [(start, end.min(from_s)), (start.max(to_s), end)];
        stretches = stretches
            .into_iter()
            .flat_map(apart)
            .filter(|(start, end)| start < end)
            .collect();
    }
    stretches
}
