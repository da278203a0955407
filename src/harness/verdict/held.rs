//! What is held and kept: memory, records, their order.

use crate::proofs::text::{declared_bytes, number, percent};

use super::super::plan::{FaultKind, Order};
use super::super::protocol::ConcurrencySpec;
use super::super::recording::{MemoryHeldBy, RebalanceCause, WorkerEnd};
use super::steady::count_of;
use super::view::{View, wide};
use super::{Judgement, Kpi, Verdict};

/// Inside the memory limit: the system kills what is not.
pub(super) fn memory(view: View<'_>) -> Judgement {
    let Some(limit) = view.side.memory.enforced() else {
        return view
            .says(Kpi::Memory, Verdict::NotJudged, "no limit")
            .measured(peak_text(view))
            .because("no memory limit is declared");
    };
    let says = |verdict| view.says(Kpi::Memory, verdict, declared_bytes(limit));
    let peak = peak(view);
    let killed = view
        .run
        .workers
        .iter()
        .find(|worker| worker.end == WorkerEnd::OutOfMemory);
    if let Some(worker) = killed.filter(|_| view.is_declared_client()) {
        return says(Verdict::Fail)
            .value(wide(worker.peak_bytes.unwrap_or(limit)))
            .measured(format!("killed at {}", declared_bytes(limit)))
            .because(format!(
                "the system killed worker {} at its limit after {}",
                worker.replica,
                crate::proofs::text::seconds(worker.at_s)
            ));
    }
    let measured = if killed.is_some() {
        format!("killed at {}", declared_bytes(limit))
    } else {
        peak_text(view)
    };
    let says = |verdict| {
        let said = says(verdict).measured(measured.clone());
        match peak {
            Some(peak) => said.value(wide(peak)),
            None => said,
        }
    };
    if !view.is_declared_client() {
        return says(Verdict::NotJudged).because(view.other_client());
    }
    match &view.run.memory_held_by {
        MemoryHeldBy::Cgroup => says(Verdict::Pass).because("no worker was killed at its limit"),
        MemoryHeldBy::Sampled { because } => {
            let over = peak.is_some_and(|peak| peak > limit);
            let past = if over { "; what was sampled is past it" } else { "" };
            says(Verdict::NotJudged).because(format!("nothing enforced the limit: {because}{past}"))
        }
        MemoryHeldBy::NoLimit => says(Verdict::NotJudged).because("nothing enforced the limit"),
    }
}

/// The most that one worker held, in bytes.
pub(super) fn peak(view: View<'_>) -> Option<u64> {
    let ends = view.run.workers.iter().filter_map(|worker| worker.peak_bytes);
    let seen = view.run.moments.iter().flat_map(|moment| moment.memory.iter().copied());
    ends.chain(seen).max()
}

fn peak_text(view: View<'_>) -> String {
    peak(view).map_or_else(
        || "unknown".to_owned(),
        |peak| format!("{} MiB", number((wide(peak) / 1_048_576.0).round())),
    )
}

/// Records that were acknowledged and never processed, as a share of all.
pub(super) fn loss(view: View<'_>) -> Judgement {
    let most = view.trial.targets.errors;
    let says = |verdict| view.says(Kpi::Loss, verdict, format!("< {}", percent(most)));
    let account = &view.run.account;
    if account.sent == 0 {
        return says(Verdict::Inconclusive).because("nothing was sent");
    }
    let share = wide(account.lost) / wide(account.sent);
    let measured = if account.lost == 0 {
        "0".to_owned()
    } else {
        format!("{} ({})", number(wide(account.lost)), percent(share))
    };
    let gone = match account.lost_to_retention {
        0 => String::new(),
        gone => format!(
            ", {} of them deleted by the broker before they were read",
            number(wide(gone))
        ),
    };
    let because = format!(
        "{} of {} were never processed{gone}",
        number(wide(account.lost)),
        count_of(wide(account.sent), "record")
    );
    let all_stopped = || view.run.workers.iter().all(|worker| worker.end == WorkerEnd::Stopped);
    let verdict = if account.lost > 0 && share >= most {
        if view.run.cut_short.is_some() && account.lost_to_retention == 0 && all_stopped() {
            return says(Verdict::Inconclusive)
                .value(share)
                .measured(measured)
                .because(format!("{because}: they were in hand when it was cut short"));
        }
        Verdict::Fail
    } else {
        Verdict::Pass
    };
    says(verdict).value(share).measured(measured).because(because)
}

/// Order kept per key, where it was promised.
pub(super) fn order(view: View<'_>) -> Judgement {
    let topics = &view.trial.topics;
    let kept = topics.iter().filter(|topic| topic.order == Order::Kept).count();
    let reordered = view.run.account.reordered;
    let says = |verdict| {
        view.says(Kpi::Order, verdict, if kept > 0 { "0" } else { "none promised" })
            .value(wide(reordered))
            .measured(number(wide(reordered)))
    };
    let because = format!(
        "{} processed after a later one of their key",
        if reordered == 1 {
            "1 record was".to_owned()
        } else {
            format!("{} records were", number(wide(reordered)))
        }
    );
    // Each worker sees the order of what it does itself.
    let moved = view.run.rebalances.iter().any(|one| one.cause != RebalanceCause::Start);
    let goes_on = view.side.work.concurrency == ConcurrencySpec::Unbounded;
    match (kept, reordered) {
        (kept, 0) if kept > 0 && moved && goes_on => says(Verdict::NotJudged).because(
            "partitions moved while their old holder still had records of them in hand: nobody saw the order between the two",
        ),
        (0, _) => says(Verdict::NotJudged).because("no topic of it declares an order"),
        (_, 0) => says(Verdict::Pass).because(because),
        (kept, _) if kept < topics.len() => {
            says(Verdict::NotJudged).because(format!("{because}, and topics that promise no order are among them"))
        }
        _ => says(Verdict::Fail).because(because),
    }
}

/// Handlers that fail: what they do is the harness's own doing, unless a fault was asked for that may make them.
pub(super) fn errors(view: View<'_>) -> Judgement {
    let most = view.trial.targets.errors;
    let account = &view.run.account;
    let share = if account.processed > 0 {
        wide(account.failed) / wide(account.processed)
    } else {
        0.0
    };
    let says = |verdict| {
        view.says(Kpi::Errors, verdict, format!("< {}", percent(most)))
            .value(share)
            .measured(percent(share))
    };
    let may_fail = |kind: &FaultKind| matches!(kind, FaultKind::PoisonRecord | FaultKind::DownstreamStall { .. });
    if !view.trial.faults.iter().any(|fault| may_fail(&fault.kind)) {
        return says(Verdict::NotJudged).because("handlers fail only where a fault makes them");
    }
    let because = format!(
        "{} of {} failed for good, {} of them are dead letters",
        number(wide(account.failed)),
        count_of(wide(account.processed), "record"),
        number(wide(account.dead_letters))
    );
    let verdict = if share < most { Verdict::Pass } else { Verdict::Fail };
    says(verdict).because(because)
}
