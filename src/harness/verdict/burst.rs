//! What becomes of bursts.

use crate::proofs::text::{number, seconds};

use super::super::plan::{Phase, PhaseKind};
use super::super::recording::WorkerEnd;
use super::disturbed::IN_A_ROW;
use super::stats::{quantile, theil_sen};
use super::view::{View, wide};
use super::{Judgement, Kpi, Verdict};

/// Before a burst, lag is looked at for so many seconds.
const BEFORE_S: f64 = 3.0;

/// The time until lag is back below the target after bursts: the longest counts.
pub(super) fn burst_return(view: View<'_>) -> Judgement {
    let target = wide(view.trial.targets.lag);
    let bound = match view.trial.targets.return_s {
        Some(within) => format!("within {}", seconds(within)),
        None => "before the end".to_owned(),
    };
    let says = |verdict| view.says(Kpi::BurstReturn, verdict, bound.clone());
    // The dead leave no lag behind that says anything of a way back.
    if view
        .run
        .workers
        .iter()
        .any(|worker| worker.end == WorkerEnd::OutOfMemory)
    {
        return says(Verdict::NotJudged).because("a worker was killed at its memory limit");
    }
    let mut longest: Option<f64> = None;
    for phase in view.phases(PhaseKind::Burst) {
        if above_before(view, phase, target) {
            return says(Verdict::NotJudged).because("lag was at or above its target before the burst already");
        }
        match after(view, phase, target) {
            Back::After(time) => longest = Some(longest.unwrap_or(0.0).max(time)),
            Back::Unseen => return says(Verdict::Inconclusive).because("lag was not seen after the burst"),
            Back::Never { level, seen } => return never(view, says, level, seen),
        }
    }
    let Some(time) = longest else {
        return says(Verdict::NotJudged).because("its load has no burst");
    };
    let measured = if time <= 0.0 {
        "at once".to_owned()
    } else {
        seconds(time)
    };
    let within = view.trial.targets.return_s.unwrap_or(f64::INFINITY);
    let peak = highest(view);
    let because = format!(
        "lag reached {} in a burst, below {} again: {measured}",
        number(peak),
        number(target)
    );
    let verdict = if time <= within { Verdict::Pass } else { Verdict::Fail };
    says(verdict).value(time).measured(measured).because(because)
}

/// Lag that was not back when nobody looked any longer.
fn never(view: View<'_>, says: impl Fn(Verdict) -> super::view::Said, level: f64, seen: f64) -> Judgement {
    let said = |verdict| says(verdict).value(seen).measured(format!("not in {}", seconds(seen)));
    let left = format!("lag was {} when nobody looked any longer", number(level));
    let falls = theil_sen(&view.lag(PhaseKind::Return)).is_some_and(|slope| slope.median < 0.0);
    match view.trial.targets.return_s {
        // Whoever was stopped had no time to come back.
        None if view.run.cut_short.is_some() => said(Verdict::Inconclusive).because(left),
        Some(within) if seen < within && (falls || view.run.cut_short.is_some()) => {
            said(Verdict::Inconclusive).because(format!("{left}, and falling: {} were too short", seconds(seen)))
        }
        _ => said(Verdict::Fail).because(left),
    }
}

/// When lag was back.
enum Back {
    /// So many seconds after the burst's end.
    After(f64),
    /// Not as long as somebody looked.
    Never {
        /// Records behind then.
        level: f64,
        /// Seconds after the burst's end.
        seen: f64,
    },
    /// Nobody looked.
    Unseen,
}

fn after(view: View<'_>, burst: &Phase, target: f64) -> Back {
    let next = view
        .phases(PhaseKind::Burst)
        .map(|phase| phase.from_s)
        .find(|from_s| *from_s >= burst.to_s)
        .unwrap_or(f64::INFINITY);
    let mut seen = view.lag_from(burst.to_s);
    seen.retain(|point| point.0 < next);
    let Some(last) = seen.last() else { return Back::Unseen };
    let stays = |at: &usize| seen[*at..].iter().take(IN_A_ROW).all(|point| point.1 < target);
    match (0..seen.len()).find(stays) {
        Some(0) => Back::After(0.0),
        Some(at) => Back::After(seen[at].0 - burst.to_s),
        None => Back::Never {
            level: last.1,
            seen: last.0 - burst.to_s,
        },
    }
}

fn above_before(view: View<'_>, burst: &Phase, target: f64) -> bool {
    let warm = view.warm_until();
    let before: Vec<f64> = view
        .run
        .moments
        .iter()
        .filter(|moment| moment.at_s >= warm && moment.at_s >= burst.from_s - BEFORE_S && moment.at_s < burst.from_s)
        .filter_map(|moment| moment.lag.map(wide))
        .collect();
    quantile(&before, 0.5).is_some_and(|level| level >= target)
}

fn highest(view: View<'_>) -> f64 {
    let from = view.phases(PhaseKind::Burst).next().map_or(0.0, |phase| phase.from_s);
    let seen = view.run.moments.iter().filter(|moment| moment.at_s >= from);
    seen.filter_map(|moment| moment.lag).map(wide).fold(0.0, f64::max)
}
