//! Why a side fails, by name and with numbers.

use crate::proofs::text::{bytes, count, declared_bytes, number, percent, seconds};

use super::super::plan::{PhaseKind, TopicPlan};
use super::super::protocol::{CommitSpec, ConcurrencySpec};
use super::super::recording::{RebalanceCause, WorkerEnd};
use super::disturbed::{Back, disturbances};
use super::kept::{MAX_POLL_EXCEEDED, unprovoked};
use super::steady::{count_of, crashed};
use super::view::{View, wide};
use super::{Cause, Judgement, Kpi, Mechanism, Verdict};

/// So many rebalances that nobody provoked are a storm.
const STORM: usize = 3;
/// What is processed at below that share of what comes is too slow for it.
const TOO_SLOW: f64 = 0.98;

/// The mechanisms that a run's failures come from, each once.
pub(super) fn causes(view: View<'_>, judgements: &[Judgement]) -> Vec<Cause> {
    let fails = |kpi: Kpi| {
        let mut all = judgements.iter();
        all.any(|judgement| judgement.kpi == kpi && judgement.verdict == Verdict::Fail)
    };
    if !judgements.iter().any(|judgement| judgement.verdict == Verdict::Fail) {
        return Vec::new();
    }
    let mut found = Vec::new();
    let mut add = |mechanism, what: Option<String>| {
        if let Some(what) = what {
            found.push(Cause { mechanism, what });
        }
    };
    let killed = out_of_memory(view);
    let is_killed = killed.is_some();
    add(Mechanism::OutOfMemory, killed);
    if fails(Kpi::Loss) {
        add(Mechanism::RetentionOvertook, retention(view));
        add(Mechanism::CommittedTooEarly, committed_too_early(view));
    }
    if fails(Kpi::PollInterval) || fails(Kpi::Rebalances) {
        add(Mechanism::PollOverrun, poll_overrun(view));
        add(Mechanism::RebalanceStorm, storm(view));
    }
    if let Some((who, what)) = crashed(view) {
        add(
            Mechanism::Crashed,
            Some(format!("worker {who} ended by itself: {what}")),
        );
    }
    let behind = fails(Kpi::Lag) || fails(Kpi::Throughput) || fails(Kpi::BurstReturn);
    if behind && !is_killed && crashed(view).is_none() {
        let slow = too_slow(view);
        let is_slow = slow.is_some();
        add(Mechanism::TooSlow, slow);
        if !is_slow && fails(Kpi::Lag) {
            match interrupted(view) {
                Some(what) => add(Mechanism::Interrupted, Some(what)),
                None => add(Mechanism::LagFloor, lag_floor(view)),
            }
        }
    }
    if fails(Kpi::FaultReturn) {
        add(Mechanism::Interrupted, never_back(view));
    }
    found
}

fn out_of_memory(view: View<'_>) -> Option<String> {
    let worker = view
        .run
        .workers
        .iter()
        .find(|worker| worker.end == WorkerEnd::OutOfMemory)?;
    let limit = view
        .side
        .memory
        .enforced()
        .map_or_else(|| "its limit".to_owned(), declared_bytes);
    let before = view.run.moments.iter().rev().find(|moment| moment.at_s <= worker.at_s);
    let held = before
        .filter(|moment| moment.in_hand > 0)
        .map_or_else(String::new, |moment| {
            let unbounded = view.side.work.concurrency == ConcurrencySpec::Unbounded;
            let how = if unbounded { ", taken as they came" } else { "" };
            format!(" with {} in hand{how}", count(moment.in_hand, "record"))
        });
    Some(format!(
        "the system killed it at {limit} after {}{held}",
        seconds(worker.at_s)
    ))
}

fn retention(view: View<'_>) -> Option<String> {
    let account = &view.run.account;
    if account.lost_to_retention == 0 {
        return None;
    }
    let kept: Vec<String> = view.trial.topics.iter().filter_map(retained).collect();
    let kept = if kept.is_empty() {
        String::new()
    } else {
        format!(", which keeps {}", kept.join(", "))
    };
    let speed = capacity(view).map_or_else(String::new, |capacity| format!(": {}", against(view, capacity)));
    Some(format!(
        "the broker{kept}, deleted {} before they were read{speed}",
        count(account.lost_to_retention, "record")
    ))
}

fn retained(topic: &TopicPlan) -> Option<String> {
    let size: u64 = topic.configuration.get("retention.bytes")?.parse().ok()?;
    Some(format!("{} a partition", declared_bytes(size)))
}

fn committed_too_early(view: View<'_>) -> Option<String> {
    let account = &view.run.account;
    let lost = account.lost.saturating_sub(account.lost_to_retention);
    let early = matches!(view.side.delivery.commit, CommitSpec::OnReceipt | CommitSpec::Interval);
    let died = view
        .run
        .workers
        .iter()
        .any(|worker| !matches!(worker.end, WorkerEnd::Stopped | WorkerEnd::NeverJoined));
    (lost > 0 && early && died).then(|| {
        format!(
            "{} were committed and not done yet when their worker died: {} of all",
            count(lost, "record"),
            percent(wide(lost) / wide(account.sent.max(1)))
        )
    })
}

fn poll_overrun(view: View<'_>) -> Option<String> {
    let run = view.run;
    let thrown_out = run
        .rebalances
        .iter()
        .filter(|one| one.cause == RebalanceCause::PollInterval)
        .count();
    let told = run.errors.iter().any(|error| error.code == MAX_POLL_EXCEEDED);
    let gap = run.longest_poll_gap_s;
    let limit = view.side.poll_interval_s;
    if thrown_out == 0 && !told && gap < limit {
        return None;
    }
    let left = match thrown_out {
        0 => String::new(),
        times => format!(", {} left the group for it", count_of(wide(times as u64), "time")),
    };
    Some(format!(
        "{} between two polls against {}{left}",
        seconds(gap.max(limit)),
        seconds(limit)
    ))
}

fn storm(view: View<'_>) -> Option<String> {
    let times = unprovoked(view);
    (times >= STORM).then(|| {
        let measured = super::kept::measured_s(view);
        format!("{} in {}", count(times as u64, "rebalance"), seconds(measured))
    })
}

fn too_slow(view: View<'_>) -> Option<String> {
    let capacity = capacity(view)?;
    (capacity.processed < capacity.comes * TOO_SLOW).then(|| {
        let replicas = f64::from(view.side.replicas.max(1));
        let each = replicas / capacity.processed.max(f64::MIN_POSITIVE);
        let batch = match view.side.max_poll_records {
            1 => "one record a poll".to_owned(),
            records => format!("at most {records} records a poll"),
        };
        if capacity.processed <= 0.0 {
            return format!("nothing was processed while {}/s came", number(capacity.comes));
        }
        format!("{}: {} a record, {batch}", against(view, capacity), seconds(each))
    })
}

/// Records a second that come and that get done, while there was always something to do.
#[derive(Debug, Clone, Copy)]
struct Capacity {
    processed: f64,
    comes: f64,
}

/// In the busiest phase: a burst where there is one, else the steady stretch.
fn capacity(view: View<'_>) -> Option<Capacity> {
    let of = |kind| {
        view.flow(kind).filter(|flow| flow.seconds > 0.0).map(|flow| Capacity {
            processed: flow.processed / flow.seconds,
            comes: flow.sent / flow.seconds,
        })
    };
    let (burst, steady) = (of(PhaseKind::Burst), of(PhaseKind::Steady));
    match (burst, steady) {
        (_, Some(steady)) if steady.processed < steady.comes * TOO_SLOW => Some(steady),
        (Some(burst), _) => Some(burst),
        (None, steady) => steady,
    }
}

/// `60 records/s of capacity against 500/s`.
fn against(_: View<'_>, capacity: Capacity) -> String {
    format!(
        "{} records/s of capacity against {}/s",
        number(round(capacity.processed)),
        number(round(capacity.comes))
    )
}

/// Measured rates to what can be known of them.
fn round(rate: f64) -> f64 {
    if rate >= 10.0 {
        rate.round()
    } else {
        (rate * 10.0).round() / 10.0
    }
}

/// Where lag is below its target for most of the time, and far above it for a while: how long, how much, and what was done
/// before on purpose.
fn interrupted(view: View<'_>) -> Option<String> {
    let lag = view.lag(PhaseKind::Steady);
    let target = wide(view.trial.targets.lag);
    let levels: Vec<f64> = lag.iter().map(|point| point.1).collect();
    let usual = super::stats::quantile(&levels, 0.5)?;
    let above: Vec<&(f64, f64)> = lag.iter().filter(|point| point.1 >= target).collect();
    let (first, last) = (above.first()?, above.last()?);
    if usual >= target / 2.0 {
        return None;
    }
    let most = above.iter().map(|point| point.1).fold(0.0, f64::max);
    let done = view.run.faults.iter().rfind(|fault| fault.at_s <= first.0);
    let after = done.map_or_else(String::new, |fault| {
        format!(", after what was asked for: {} at {}", fault.what, seconds(fault.at_s))
    });
    Some(format!(
        "lag is around {}, and was past its target between {} and {}, at most {}{after}",
        number(usual.round()),
        seconds(first.0),
        seconds(last.0),
        number(most)
    ))
}

/// The fault after which lag did not come back.
fn never_back(view: View<'_>) -> Option<String> {
    let all = disturbances(view);
    let one = all.iter().find(|one| matches!(one.back, Back::Never { .. }))?;
    Some(one.told(wide(view.trial.targets.lag)))
}

fn lag_floor(view: View<'_>) -> Option<String> {
    let lag: Vec<f64> = view.lag(PhaseKind::Steady).into_iter().map(|point| point.1).collect();
    let level = super::stats::quantile(&lag, 0.5)?;
    let floor = view.side.predicted.lag_floor;
    let why = match floor {
        Some(floor) if floor >= wide(view.trial.targets.lag) => format!(
            ", as the proofs say: with these settings it can't come below {}",
            number(floor.round())
        ),
        _ => ": what comes is done, and this much is always in hand".to_owned(),
    };
    let size: f64 = view
        .trial
        .topics
        .iter()
        .map(|topic| wide(topic.load.size.mean))
        .fold(0.0, f64::max);
    let held = if size * level >= 1e6 {
        format!(" ({})", bytes(size * level))
    } else {
        String::new()
    };
    Some(format!("lag settles around {}{held}{why}", number(level.round())))
}
