//! Whether the group kept together: rebalances, polls in time.

use crate::proofs::text::{count, number, seconds};

use super::super::plan::FaultKind;
use super::super::recording::{Rebalance, RebalanceCause};
use super::view::{View, wide};
use super::{Judgement, Kpi, Verdict};

/// −ln 0.05: with no event in a time T, the rate is below this over T with 95 % confidence (Poisson).
const POISSON_95: f64 = 2.995_732_273_553_991;
/// Between two looks, with their jitter, in seconds.
const TICK_S: f64 = 0.35;
/// What librdkafka says of a poll that came too late.
pub(super) const MAX_POLL_EXCEEDED: &str = "_MAX_POLL_EXCEEDED";

/// Rebalances that nobody provoked, after the warm-up: none. `others_s` are the measured seconds of the side's other runs.
pub(super) fn rebalances(view: View<'_>, others_s: f64) -> Judgement {
    let found = unprovoked(view);
    let says = |verdict| {
        view.says(Kpi::Rebalances, verdict, "none")
            .value(wide(found as u64))
            .measured(found.to_string())
    };
    if !view.is_declared_client() {
        return says(Verdict::NotJudged).because(view.other_client());
    }
    if found > 0 {
        let first = held_against(view).next();
        let what = first.map_or_else(String::new, |rebalance| {
            format!(", the first at {}: {}", seconds(rebalance.at_s), rebalance.what)
        });
        return says(Verdict::Fail).because(format!(
            "{} that nobody provoked{what}",
            count(found as u64, "rebalance")
        ));
    }
    let hours = (measured_s(view) + others_s) * view.trial.speed.max(1.0) / 3_600.0;
    let bound = if hours > 0.0 { POISSON_95 / hours } else { f64::INFINITY };
    let target = view.trial.targets.rebalances_per_hour;
    let soak = if bound > target && target > 0.0 {
        let hours = (POISSON_95 / target).ceil();
        format!("; < {}/h takes --soak {}h", number(target), number(hours))
    } else {
        String::new()
    };
    says(Verdict::Pass).because(format!(
        "none in this time is ≤ {}/h at 95 %{soak}",
        number(bound.ceil())
    ))
}

/// Seconds of a run that count for its rebalances.
pub(super) fn measured_s(view: View<'_>) -> f64 {
    (view.trial.seconds().min(view.run.seconds) - view.warm_until()).max(0.0)
}

/// Rebalances that nobody provoked, after the warm-up.
pub(super) fn unprovoked(view: View<'_>) -> usize {
    held_against(view).count()
}

/// They, each. What the group does once its broker is gone for good is not held against it.
fn held_against(view: View<'_>) -> impl Iterator<Item = &Rebalance> {
    let warm = view.warm_until();
    let answered = view.run.moments.iter().rfind(|moment| moment.lag.is_some());
    let until = match answered {
        Some(last) if view.run.cut_short.is_some() => last.at_s + TICK_S,
        _ => f64::INFINITY,
    };
    let all = view.run.rebalances.iter();
    all.filter(move |one| one.cause.is_unprovoked() && one.at_s >= warm && one.at_s <= until)
}

/// Polls in time.
pub(super) fn poll_interval(view: View<'_>) -> Judgement {
    let limit = view.side.poll_interval_s;
    let gap = view.run.longest_poll_gap_s;
    let says = |verdict| {
        view.says(Kpi::PollInterval, verdict, format!("< {}", seconds(limit)))
            .value(gap)
            .measured(seconds(gap))
    };
    let thrown_out = view
        .run
        .rebalances
        .iter()
        .any(|one| one.cause == RebalanceCause::PollInterval);
    let told = view.run.errors.iter().any(|error| error.code == MAX_POLL_EXCEEDED);
    let overrun = gap >= limit || thrown_out || told;
    let on_purpose = |kind: &FaultKind| match kind {
        FaultKind::SlowRecord => true,
        FaultKind::DownstreamStall { seconds } => *seconds >= limit,
        _ => false,
    };
    if overrun && view.trial.faults.iter().any(|fault| on_purpose(&fault.kind)) {
        return says(Verdict::NotJudged).because("a fault that was asked for takes longer than it");
    }
    if overrun {
        let member = if thrown_out || told {
            ", and the member left its group"
        } else {
            ""
        };
        return says(Verdict::Fail).because(format!(
            "{} passed between two polls of one worker{member}",
            seconds(gap.max(limit))
        ));
    }
    says(Verdict::Pass).because(format!("at most {} passed between two polls", seconds(gap)))
}
