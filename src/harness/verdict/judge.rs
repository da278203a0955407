//! One side of a trial, judged over all its runs.

use super::super::plan::{Side, Trial};
use super::super::recording::Recording;
use super::burst::burst_return;
use super::causes::causes;
use super::disagreements::disagreements;
use super::disturbed::{disturbances, fault_return};
use super::held::{errors, loss, memory, order};
use super::kept::{measured_s, poll_interval, rebalances};
use super::steady::{lag, throughput};
use super::validity::complaints;
use super::view::{View, wide};
use super::{Cause, Judgement, Kpi, SideJudgement, Verdict};

/// Every target, in the order in which they are shown; [`Kpi::FaultReturn`] comes after them where there are faults.
const KPIS: [Kpi; 9] = [
    Kpi::Lag,
    Kpi::BurstReturn,
    Kpi::Throughput,
    Kpi::Memory,
    Kpi::Loss,
    Kpi::Order,
    Kpi::Errors,
    Kpi::Rebalances,
    Kpi::PollInterval,
];

/// Judges a side by what its runs recorded: of each target the worst run counts. A run that is INVALID says nothing of the
/// service, but does not take back what another one showed to fail. Of a run that was cut short, what failed has failed, and
/// what held so far is INCONCLUSIVE.
#[must_use]
pub fn judge(trial: &Trial, side: Side, recordings: &[Recording]) -> SideJudgement {
    let views: Vec<View<'_>> = trial
        .sides
        .iter()
        .filter(|plan| plan.side == side)
        .flat_map(|plan| {
            recordings
                .iter()
                .filter(|run| run.side == side)
                .map(move |run| View { trial, side: plan, run })
        })
        .collect();
    let mut judged = SideJudgement {
        side,
        verdict: Verdict::Inconclusive,
        judgements: Vec::new(),
        causes: Vec::new(),
        faults: Vec::new(),
        disagreements: Vec::new(),
    };
    let all_s: f64 = views.iter().map(|view| measured_s(*view)).sum();
    let runs: Vec<Vec<Judgement>> = views
        .iter()
        .map(|view| of_run(*view, all_s - measured_s(*view)))
        .collect();
    for judgements in &runs {
        if judged.judgements.is_empty() {
            judged.judgements.clone_from(judgements);
        } else {
            for (worst, other) in judged.judgements.iter_mut().zip(judgements) {
                take_worse(worst, other);
            }
        }
    }
    let mut valid: Vec<(View<'_>, &Vec<Judgement>)> = views.iter().copied().zip(&runs).collect();
    valid.retain(|(_, judgements)| judgements.iter().all(|judgement| judgement.verdict != Verdict::Invalid));
    // The run whose numbers are shown is asked first: a cause that says other numbers than the table is believed by nobody.
    valid.sort_by_key(|(_, judgements)| !is_shown(&judged.judgements, judgements));
    for (view, judgements) in valid {
        for cause in causes(view, judgements) {
            add(&mut judged.causes, cause);
        }
        for one in disturbances(view) {
            let told = one.told(wide(trial.targets.lag));
            if !judged.faults.iter().any(|known| same(known, &told)) {
                judged.faults.push(told);
            }
        }
        for disagreement in disagreements(view, judgements) {
            if !judged.disagreements.iter().any(|known| same(known, &disagreement)) {
                judged.disagreements.push(disagreement);
            }
        }
    }
    if judged.judgements.is_empty() {
        let faults = (!trial.faults.is_empty()).then_some(Kpi::FaultReturn);
        judged.judgements = KPIS.into_iter().chain(faults).map(unseen).collect();
    }
    judged.verdict = Verdict::worst(judged.judgements.iter().map(|judgement| judgement.verdict));
    judged
}

/// One run's judgements, in the order of [`KPIS`].
fn of_run(view: View<'_>, others_s: f64) -> Vec<Judgement> {
    let mut judgements = vec![
        lag(view),
        burst_return(view),
        throughput(view),
        memory(view),
        loss(view),
        order(view),
        errors(view),
        rebalances(view, others_s),
        poll_interval(view),
    ];
    if !view.trial.faults.is_empty() {
        judgements.push(fault_return(view));
    }
    let complaints = complaints(view);
    for judgement in &mut judgements {
        if judgement.verdict == Verdict::NotJudged {
            continue;
        }
        if !complaints.is_empty() {
            judgement.verdict = Verdict::Invalid;
            judgement.because = complaints.join("; ");
        } else if let Some(why) = &view.run.cut_short
            && judgement.verdict == Verdict::Pass
        {
            judgement.verdict = Verdict::Inconclusive;
            judgement.because = format!("cut short ({why}); until then: {}", judgement.because);
        }
    }
    judgements
}

/// The worse of two runs' judgements; of two alike, the one with the larger number.
fn take_worse(worst: &mut Judgement, other: &Judgement) {
    let rank = |judgement: &Judgement| (judgement.verdict != Verdict::NotJudged, judgement.verdict);
    let worse =
        rank(other) > rank(worst) || (rank(other) == rank(worst) && worse_value(worst.kpi, worst.value, other.value));
    if worse {
        worst.clone_from(other);
    }
}

/// Whether what failed first of all, in the order in which causes are looked for, was this run's.
fn is_shown(shown: &[Judgement], of_run: &[Judgement]) -> bool {
    let fails = |kpi: &&Kpi| {
        let mut all = shown.iter();
        all.any(|one| one.kpi == **kpi && one.verdict == Verdict::Fail)
    };
    let first = [Kpi::Memory, Kpi::Loss]
        .iter()
        .chain(&KPIS)
        .chain(&[Kpi::FaultReturn])
        .find(fails);
    first.is_none_or(|kpi| {
        let of = |all: &[Judgement]| all.iter().find(|one| one.kpi == *kpi).cloned();
        of(shown) == of(of_run)
    })
}

/// Whether two sentences differ in their numbers alone.
fn same(one: &str, other: &str) -> bool {
    let words = |text: &str| -> String {
        text.chars()
            .filter(|c| !c.is_ascii_digit() && !".,".contains(*c))
            .collect()
    };
    words(one) == words(other)
}

/// Of most targets more is worse; of throughput, less.
fn worse_value(kpi: Kpi, worst: Option<f64>, other: Option<f64>) -> bool {
    match (worst, other) {
        (Some(worst), Some(other)) if kpi == Kpi::Throughput => other < worst,
        (Some(worst), Some(other)) => other > worst,
        (None, Some(_)) => true,
        _ => false,
    }
}

/// Each mechanism once, as the run tells it that says it first.
fn add(causes: &mut Vec<Cause>, cause: Cause) {
    if !causes.iter().any(|known| known.mechanism == cause.mechanism) {
        causes.push(cause);
    }
}

fn unseen(kpi: Kpi) -> Judgement {
    Judgement {
        kpi,
        verdict: Verdict::Inconclusive,
        value: None,
        measured: String::new(),
        target: String::new(),
        because: "it never ran".to_owned(),
    }
}
