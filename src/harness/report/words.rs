//! Words and numbers that all outputs share.

use std::borrow::Cow;

use crate::diagnostic::text::visible;
use crate::harness::outcome::{FoundLimit, Outcome, TrialOutcome};
use crate::harness::plan::{PhaseKind, Side, SidePlan, Trial};
use crate::harness::recording::{RebalanceCause, Recording};
use crate::harness::verdict::{Kpi, Mechanism, SideOutcome, Verdict};
use crate::proofs::text::{count, number};

/// What the numbers are worth.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Worth {
    /// Verdicts count.
    Proof,
    /// No verdict is one: it ran on the mock.
    SmokeTest,
}

impl Worth {
    pub(super) const fn of(outcome: &Outcome) -> Self {
        if outcome.broker.smoke_test {
            Self::SmokeTest
        } else {
            Self::Proof
        }
    }

    /// A verdict's word. On the mock it is another, so that nothing there can be taken for a proof.
    pub(super) const fn word(self, verdict: Verdict) -> &'static str {
        match (self, verdict) {
            (Self::Proof, Verdict::Pass) => "PASS",
            (Self::Proof, Verdict::Fail) => "FAIL",
            (Self::Proof, Verdict::Invalid) => "INVALID",
            (Self::Proof, Verdict::Inconclusive) => "INCONCLUSIVE",
            (Self::Proof, Verdict::NotJudged) => "NOT JUDGED",
            (Self::SmokeTest, Verdict::Pass) => "held",
            (Self::SmokeTest, Verdict::Fail) => "did not hold",
            (Self::SmokeTest, Verdict::Invalid) => "disturbed",
            (Self::SmokeTest, Verdict::Inconclusive) => "too little seen",
            (Self::SmokeTest, Verdict::NotJudged) => "not judged",
        }
    }
}

/// What a smoke test is, for every output.
pub(super) const SMOKE_TEST: &str = "a smoke test on librdkafka's mock broker: no verdict here is one";

/// What it comes to in all: the worst verdict of a compiled side. Where something that was asked for is in no trial, it is no
/// PASS.
pub(super) fn overall(outcome: &Outcome) -> Verdict {
    let missing = (!outcome.left_out.is_empty()).then_some(Verdict::Inconclusive);
    let worst = outcome.trials.iter().map(|trial| trial.verdict).chain(missing).max();
    worst.unwrap_or(Verdict::NotJudged)
}

/// The client that ran a side, as its workers said; nothing where none came.
pub(super) fn ran(side: &SideOutcome) -> Option<&str> {
    side.recordings.iter().find_map(Recording::client_name)
}

/// What a verdict was reached with, where it is not what is declared: `librdkafka; declares aiokafka`.
pub(super) fn reached_with(trial: &Trial, side: &SideOutcome) -> Option<String> {
    let planned = || plan_of(trial, side.judgement.side).map(|plan| plan.client.as_str());
    let client = ran(side).or_else(planned)?;
    (*client != trial.declared_client).then(|| format!("{client}; declares {}", trial.declared_client))
}

/// A verdict with what it was reached with: `PASS (librdkafka; declares aiokafka)`.
pub(super) fn told(worth: Worth, trial: &Trial, side: &SideOutcome) -> String {
    let verdict = side.judgement.verdict;
    let word = worth.word(verdict);
    match reached_with(trial, side) {
        Some(with) if verdict != Verdict::NotJudged => format!("{word} ({with})"),
        _ => word.to_owned(),
    }
}

/// A side's plan.
pub(super) fn plan_of(trial: &Trial, side: Side) -> Option<&SidePlan> {
    trial.sides.iter().find(|plan| plan.side == side)
}

/// The side that a trial's verdict is of.
pub(super) fn compiled(trial: &TrialOutcome) -> Option<&SideOutcome> {
    let after = |side: &&SideOutcome| side.judgement.side == Side::After;
    trial.sides.iter().find(after).or(trial.sides.last())
}

pub(super) const fn side(side: Side) -> &'static str {
    match side {
        Side::Before => "before",
        Side::After => "after",
    }
}

pub(super) const fn kpi(kpi: Kpi) -> &'static str {
    match kpi {
        Kpi::Lag => "lag",
        Kpi::BurstReturn => "back below target",
        Kpi::FaultReturn => "back after faults",
        Kpi::Throughput => "processed of ingested",
        Kpi::Memory => "memory",
        Kpi::Loss => "lost",
        Kpi::Order => "out of order",
        Kpi::Errors => "errors",
        Kpi::Rebalances => "rebalances",
        Kpi::PollInterval => "poll interval",
    }
}

/// A mechanism's name: also what a machine may match.
pub(super) const fn mechanism(mechanism: Mechanism) -> &'static str {
    match mechanism {
        Mechanism::TooSlow => "too slow",
        Mechanism::OutOfMemory => "out of memory",
        Mechanism::RetentionOvertook => "overtaken by retention",
        Mechanism::CommittedTooEarly => "committed too early",
        Mechanism::PollOverrun => "poll interval overrun",
        Mechanism::RebalanceStorm => "rebalance storm",
        Mechanism::LagFloor => "target below the lag floor",
        Mechanism::Crashed => "crashed",
        Mechanism::Interrupted => "interrupted",
    }
}

pub(super) const fn cause(cause: RebalanceCause) -> &'static str {
    match cause {
        RebalanceCause::Start => "workers joined",
        RebalanceCause::Fault => "provoked",
        RebalanceCause::PollInterval => "poll interval overrun",
        RebalanceCause::Session => "session timed out",
        RebalanceCause::WorkerDied => "a worker died",
        RebalanceCause::Unknown => "unknown cause",
    }
}

/// A size that was measured, in whole mebibytes: `41 MiB`.
#[expect(clippy::cast_precision_loss, reason = "a size for people")]
pub(super) fn mebibytes(bytes: u64) -> String {
    const GIB: f64 = (1_u64 << 30) as f64;
    const MIB: f64 = (1_u64 << 20) as f64;
    let bytes = bytes as f64;
    if bytes >= 10.0 * GIB {
        format!("{} GiB", number(bytes / GIB))
    } else if bytes >= 9.95 * MIB {
        format!("{} MiB", number((bytes / MIB).round()))
    } else {
        format!("{} MiB", number((bytes / MIB * 10.0).round() / 10.0))
    }
}

/// How long something takes, for people who wait: `40 s`, `4 min 10 s`, `2 h 5 min`.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "not negative")]
pub(super) fn time(seconds: f64) -> String {
    let all = seconds.max(0.0).round() as u64;
    let (hours, minutes, rest) = (all / 3_600, all / 60 % 60, all % 60);
    match (hours, minutes, rest) {
        (0, 0, _) => format!("{rest} s"),
        (0, _, 0) => format!("{minutes} min"),
        (0, ..) => format!("{minutes} min {rest} s"),
        (_, 0, _) => format!("{hours} h"),
        _ => format!("{hours} h {minutes} min"),
    }
}

/// The load of a trial: `500 records/s for 40 s after 5 s warm-up`.
pub(super) fn load(trial: &Trial) -> String {
    let mut rates: Vec<f64> = Vec::new();
    for topic in &trial.topics {
        for (at, stretch) in topic.load.stretches.iter().enumerate() {
            let highest = stretch.from_rate.max(stretch.to_rate);
            match rates.get_mut(at) {
                Some(rate) => *rate += highest,
                None => rates.push(highest),
            }
        }
    }
    let least = rates.iter().copied().fold(f64::INFINITY, f64::min);
    let most = rates.iter().copied().fold(0.0, f64::max);
    let rate = if rates.is_empty() {
        "no records".to_owned()
    } else if least < most {
        format!("{} to {} records/s", number(least), number(most))
    } else {
        format!("{} records/s", number(most))
    };
    let warm_up = warm_up_s(trial);
    let judged = time(trial.seconds() - warm_up);
    if warm_up > 0.0 {
        format!("{rate} for {judged} after {} warm-up", time(warm_up))
    } else {
        format!("{rate} for {judged}")
    }
}

/// Seconds of a trial's load until the warm-up is over.
pub(super) fn warm_up_s(trial: &Trial) -> f64 {
    let warm_up = trial.phases.iter().filter(|phase| phase.kind == PhaseKind::WarmUp);
    warm_up.map(|phase| phase.to_s).fold(0.0, f64::max)
}

/// How a trial's runs follow each other: `alternating runs A B B A`.
pub(super) fn order(trial: &Trial) -> Option<String> {
    if trial.sides.len() < 2 {
        return None;
    }
    let letters: Vec<&str> = trial
        .order
        .iter()
        .map(|side| match side {
            Side::Before => "A",
            Side::After => "B",
        })
        .collect();
    Some(format!("alternating runs {}", letters.join(" ")))
}

/// A trial's name with what it is: `motion-before-batching`, `a case of motion-event-filter`.
pub(super) fn case_of(trial: &Trial) -> Option<String> {
    trial.case.as_ref().map(|_| format!("a case of {}", trial.service))
}

/// Text from elsewhere on one line.
pub(super) fn line(text: &str) -> String {
    visible(text).replace(['\n', '\t'], " ")
}

/// Text from elsewhere as it is, with nothing in it that acts.
pub(super) fn shown(text: &str) -> Cow<'_, str> {
    visible(text)
}

/// `1 service`, `11 services`, `1 case`.
pub(super) fn how_many(outcome: &Outcome) -> String {
    let cases = outcome.trials.iter().filter(|trial| trial.trial.case.is_some()).count();
    let services = outcome.trials.len() - cases;
    match (services, cases) {
        (_, 0) => count(services as u64, "service"),
        (0, _) => count(cases as u64, "case"),
        _ => format!("{}, {}", count(services as u64, "service"), count(cases as u64, "case")),
    }
}

/// A limit: `the profile: its lag target holds at 4,000/s and not at 4,180/s`.
pub(super) fn limit(found: &FoundLimit) -> String {
    let at = |rate: f64| format!("{}/s", number(rate));
    let why = if found.because.is_empty() {
        String::new()
    } else {
        format!(": {}", found.because)
    };
    let what = match (found.holds, found.fails) {
        (Some(holds), Some(fails)) => format!("its lag target holds at {} and not at {}", at(holds), at(fails)),
        (Some(holds), None) => format!("its lag target holds at {}, and how much more is not known", at(holds)),
        (None, Some(fails)) => format!("its lag target does not even hold at {}", at(fails)),
        (None, None) => "no limit was found".to_owned(),
    };
    format!("{}: {what}{why}", found.of)
}
