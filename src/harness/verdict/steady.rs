//! Steady lag, and whether what comes is done.

use crate::proofs::text::{count, number, percent, seconds};

use super::super::plan::PhaseKind;
use super::super::recording::WorkerEnd;
use super::stats::{p95_upper_bound, quantile, theil_sen};
use super::view::{View, wide};
use super::{Judgement, Kpi, Verdict};

/// Samples that a verdict takes: 30 seconds of them.
const SAMPLES: usize = 120;
/// Records that a verdict takes.
const RECORDS: f64 = 30.0;
/// The share that may be missing at a window's edges.
const EDGES: f64 = 0.01;
/// An hour in seconds.
const HOUR_S: f64 = 3_600.0;

/// Steady lag: the upper 95 % bound of its p95 below the target, and not rising past it within an hour.
pub(super) fn lag(view: View<'_>) -> Judgement {
    let target = wide(view.trial.targets.lag);
    let says = |verdict| view.says(Kpi::Lag, verdict, format!("< {}", number(target)));
    let phase = view.phases(PhaseKind::Steady).next();
    if phase.is_none() {
        return says(Verdict::NotJudged).because("its load has no steady stretch");
    }
    let points = view.lag(PhaseKind::Steady);
    let samples: Vec<f64> = points.iter().map(|point| point.1).collect();
    let Some(p95) = quantile(&samples, 0.95) else {
        return says(Verdict::Inconclusive).because("lag was never seen after the warm-up");
    };
    let measured = number(p95.round());
    if samples.len() < SAMPLES {
        return says(Verdict::Inconclusive)
            .value(p95)
            .measured(measured)
            .because(format!(
                "{} of lag after the warm-up{}, a verdict takes {SAMPLES}",
                count(samples.len() as u64, "sample"),
                if view.trial.faults.is_empty() {
                    ""
                } else {
                    " and apart from faults"
                }
            ));
    }
    if let Some(flow) = view.flow(PhaseKind::Steady).filter(|flow| flow.sent < RECORDS) {
        return says(Verdict::Inconclusive)
            .value(p95)
            .measured(measured)
            .because(format!(
                "{} came after the warm-up, a verdict takes {RECORDS}",
                count_of(flow.sent, "record")
            ));
    }
    let upper = p95_upper_bound(&samples).unwrap_or(p95);
    let judged = |verdict| says(verdict).value(upper).measured(measured.clone());
    if upper >= target {
        return judged(Verdict::Fail).because(format!(
            "its p95 is {}, at most {} with 95 % confidence",
            number(p95.round()),
            number(upper.round())
        ));
    }
    if let Some((per_second, hours)) = rises(view, &points, target) {
        return judged(Verdict::Fail).because(format!(
            "it rises by at least {} a second and passes the target within {}",
            number(per_second),
            seconds(hours)
        ));
    }
    judged(Verdict::Pass).because(format!(
        "its p95 is at most {} with 95 % confidence, and it does not rise",
        number(upper.round())
    ))
}

/// By how much lag rises for sure, and in how many seconds it then passes the target, if within an hour. Where time is
/// compressed, so is the hour.
fn rises(view: View<'_>, points: &[(f64, f64)], target: f64) -> Option<(f64, f64)> {
    let slope = theil_sen(points)?;
    if slope.lower <= 0.0 {
        return None;
    }
    let levels: Vec<f64> = points.iter().map(|point| point.1).collect();
    let level = quantile(&levels, 0.5)?;
    let left = (target - level).max(0.0) / slope.median.max(slope.lower);
    (left < HOUR_S / view.trial.speed.max(1.0)).then_some((slope.lower, left))
}

/// Processed at least what came, but for what is in hand at the window's edges.
pub(super) fn throughput(view: View<'_>) -> Judgement {
    let says = |verdict| view.says(Kpi::Throughput, verdict, "≥ 100 %");
    if let Some((who, what)) = crashed(view) {
        return says(Verdict::Fail)
            .measured(format!("worker {who} ended"))
            .because(format!("worker {who} ended by itself: {what}"));
    }
    let is_steady = view.phases(PhaseKind::Steady).next().is_some();
    let (sent, processed) = match view.flow(PhaseKind::Steady) {
        Some(flow) => (flow.sent, flow.processed),
        None if !is_steady => {
            let account = &view.run.account;
            (wide(account.sent), wide(account.processed))
        }
        None => return says(Verdict::Inconclusive).because("nothing was seen after the warm-up"),
    };
    if sent <= 0.0 {
        return says(Verdict::Inconclusive).because("nothing was sent after the warm-up");
    }
    let share = processed / sent;
    let missing = (sent - processed).max(0.0);
    // What the target lets wait, or a hundredth: a window cuts through batches.
    let allowed = (sent * EDGES).max(if is_steady {
        wide(view.trial.targets.lag).min(sent / 4.0)
    } else {
        0.0
    });
    let shown = percent(share.min(1.0));
    let verdict = if missing <= allowed {
        Verdict::Pass
    } else if view.run.cut_short.is_some() && !is_steady {
        // What a burst left behind was to be done after it.
        Verdict::Inconclusive
    } else {
        Verdict::Fail
    };
    let shown = if verdict == Verdict::Pass {
        "100 %".to_owned()
    } else {
        shown
    };
    says(verdict).value(share).measured(shown).because(format!(
        "{} of {} were processed",
        number(processed),
        count_of(sent, "record")
    ))
}

/// A worker that ended by itself, and what it said; or that hung in the middle of its work.
pub(super) fn crashed<'a>(view: View<'a>) -> Option<(u32, String)> {
    let in_hand = view.run.moments.last().map_or(0, |last| last.in_hand);
    view.run.workers.iter().find_map(|worker| match &worker.end {
        WorkerEnd::Signal { number } => Some((worker.replica, format!("signal {number}"))),
        WorkerEnd::Failed { status, message } if message.is_empty() => {
            Some((worker.replica, format!("exit status {status}")))
        }
        WorkerEnd::Failed { message, .. } => Some((worker.replica, message.clone())),
        // One that hangs on its way out has done its work.
        WorkerEnd::Hung if in_hand > 0 && view.run.cut_short.is_none() => Some((
            worker.replica,
            format!("it hung with {} in hand", count(in_hand, "record")),
        )),
        _ => None,
    })
}

/// `1 record`, `16,500 records`.
pub(super) fn count_of(value: f64, noun: &str) -> String {
    let plural = if (value - 1.0).abs() < f64::EPSILON { "" } else { "s" };
    format!("{} {noun}{plural}", number(value))
}
