//! A trial's table: one row a target or figure, one value a side. Terminal, HTML and Markdown print the same rows.

use crate::harness::outcome::TrialOutcome;
use crate::harness::plan::{PhaseKind, Predicted};
use crate::harness::recording::Recording;
use crate::harness::verdict::{Judgement, Kpi, SideOutcome, Verdict};
use crate::proofs::text::{bytes, number, percent, rate, ratio, seconds};

use super::Figures;
use super::words::{mebibytes, plan_of};

/// The first row's label, but for loads without a steady stretch: these have their highest lag there.
pub(super) const STEADY_LAG: &str = "lag, p95";

/// One line of a trial's table.
#[derive(Debug, Clone, PartialEq)]
pub struct Row {
    /// What is shown: `lag, p95`.
    pub label: &'static str,
    /// One a side, in the order of the trial's sides.
    pub values: Vec<Value>,
    /// What must hold; empty where nothing is declared.
    pub target: String,
}

/// What is shown of one side.
#[derive(Debug, Clone, PartialEq)]
pub struct Value {
    /// `16,720`.
    pub text: String,
    /// What is said of it; nothing of a figure that is only shown.
    pub verdict: Option<Verdict>,
}

/// Every row of a trial but its verdict's.
#[must_use]
pub fn rows(trial: &TrialOutcome) -> Vec<Row> {
    let sides: Vec<Seen<'_>> = trial.sides.iter().map(|side| Seen::of(trial, side)).collect();
    let mut rows = Vec::new();
    let judged = |label, kpi: Kpi, own: &dyn Fn(&Figures) -> String| Row {
        label,
        values: sides.iter().map(|side| side.judged(kpi, own)).collect(),
        target: target(&sides, kpi),
    };
    let matters = |kpi: Kpi| sides.iter().any(|side| side.matters(kpi));
    let fails = |kpi: Kpi| sides.iter().any(|side| side.verdict(kpi) > Some(Verdict::NotJudged));

    rows.push(
        if trial.trial.phases.iter().any(|phase| phase.kind == PhaseKind::Steady) {
            judged(STEADY_LAG, Kpi::Lag, &|figures| whole(figures.lag_p95))
        } else {
            // A burst leaves a backlog; what is judged is the way back, and the p95 over both would say nothing.
            let mut highest = plain("lag, highest", &sides, &|figures| whole(figures.lag_max));
            highest.target = "bursts: judged by the way back".to_owned();
            highest
        },
    );
    if matters(Kpi::BurstReturn) {
        rows.push(judged("back below target", Kpi::BurstReturn, &|_| unknown()));
    }
    if matters(Kpi::FaultReturn) {
        rows.push(judged("back after faults", Kpi::FaultReturn, &|_| unknown()));
    }
    rows.push(judged("processed of ingested", Kpi::Throughput, &|figures| {
        figures.processed_share.map_or_else(unknown, percent)
    }));
    rows.push(plain("end-to-end p99", &sides, &|figures| {
        figures.latency_p99_s.map_or_else(unknown, seconds)
    }));
    rows.push(Row {
        label: "lost · out of order",
        values: sides.iter().map(Seen::lost_and_order).collect(),
        target: [target(&sides, Kpi::Loss), target(&sides, Kpi::Order)]
            .into_iter()
            .filter(|target| !target.is_empty())
            .collect::<Vec<_>>()
            .join(" · "),
    });
    if sides.iter().any(|side| side.figures.account.duplicated > 0) {
        rows.push(plain("processed again", &sides, &|figures| {
            whole(Some(figures.account.duplicated))
        }));
    }
    if matters(Kpi::Errors) {
        rows.push(judged("errors", Kpi::Errors, &|figures| {
            whole(Some(figures.account.failed))
        }));
    }
    rows.push(judged("memory, peak", Kpi::Memory, &|figures| {
        figures.memory_peak.map_or_else(unknown, mebibytes)
    }));
    if fails(Kpi::PollInterval) {
        rows.push(judged("longest between polls", Kpi::PollInterval, &|figures| {
            seconds(figures.poll_gap_s)
        }));
    }
    let mut row = judged("rebalances", Kpi::Rebalances, &|figures| {
        whole(Some(figures.rebalances))
    });
    row.target = rebalances(&sides, row.target);
    rows.push(row);
    rows
}

/// What the proofs predict of each side, in rows of the same form; none where nothing is known.
#[must_use]
pub fn predicted(trial: &TrialOutcome) -> Vec<Row> {
    let sides: Vec<Predicted> = trial
        .sides
        .iter()
        .map(|side| plan_of(&trial.trial, side.judgement.side).map_or_else(Predicted::default, |p| p.predicted.clone()))
        .collect();
    let row = |label, each: &dyn Fn(&Predicted) -> Option<String>| {
        let values: Vec<Option<String>> = sides.iter().map(each).collect();
        values.iter().any(Option::is_some).then(|| Row {
            label,
            values: values
                .into_iter()
                .map(|value| Value {
                    text: value.unwrap_or_else(unknown),
                    verdict: None,
                })
                .collect(),
            target: String::new(),
        })
    };
    [
        row("lag", &lag_predicted),
        row("utilisation", &|p| p.utilisation.map(ratio)),
        row("utilisation, peak", &|p| p.utilisation_peak.map(ratio)),
        row("memory, at most", &|p| p.memory.map(bytes)),
        row("poll budget used", &|p| p.poll_budget.map(percent)),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// `floor 17`, or `grows 438/s`.
pub(super) fn lag_predicted(predicted: &Predicted) -> Option<String> {
    match (predicted.lag_grows, predicted.lag_floor) {
        (Some(grows), _) if grows > 0.0 => Some(format!("grows {}", rate(grows))),
        (_, Some(floor)) => Some(format!("floor {}", number(floor.ceil()))),
        _ => None,
    }
}

/// A side with its figures.
struct Seen<'a> {
    side: &'a SideOutcome,
    figures: Figures,
}

impl<'a> Seen<'a> {
    fn of(trial: &TrialOutcome, side: &'a SideOutcome) -> Self {
        let recordings: Vec<&Recording> = side.recordings.iter().collect();
        Self {
            side,
            figures: Figures::of(&trial.trial, &recordings),
        }
    }

    fn judgement(&self, kpi: Kpi) -> Option<&Judgement> {
        self.side.judgement.judgements.iter().find(|one| one.kpi == kpi)
    }

    fn verdict(&self, kpi: Kpi) -> Option<Verdict> {
        self.judgement(kpi).map(|one| one.verdict)
    }

    fn matters(&self, kpi: Kpi) -> bool {
        self.verdict(kpi).is_some_and(|verdict| verdict != Verdict::NotJudged)
    }

    /// What the judgement measured, else our own figure; of a side that never ran there is none.
    fn judged(&self, kpi: Kpi, own: &dyn Fn(&Figures) -> String) -> Value {
        let judgement = self.judgement(kpi);
        Value {
            text: judgement
                .map(|one| one.measured.clone())
                .filter(|measured| !measured.is_empty())
                .unwrap_or_else(|| {
                    if self.side.recordings.is_empty() {
                        unknown()
                    } else {
                        own(&self.figures)
                    }
                }),
            verdict: judgement.map(|one| one.verdict),
        }
    }

    fn lost_and_order(&self) -> Value {
        // Of the run that counts, as all else that is judged: the sum over runs is no run's.
        let lost = self.judged(Kpi::Loss, &|figures| whole(Some(figures.account.lost)));
        let reordered = self.judged(Kpi::Order, &|figures| whole(Some(figures.account.reordered)));
        Value {
            text: format!("{} · {}", lost.text, reordered.text),
            verdict: self.verdict(Kpi::Loss).max(self.verdict(Kpi::Order)),
        }
    }
}

/// What must hold: as the last side that says it has it, the compiled one.
fn target(sides: &[Seen<'_>], kpi: Kpi) -> String {
    let said = sides.iter().rev().find_map(|side| side.judgement(kpi));
    said.map(|one| one.target.clone()).unwrap_or_default()
}

/// What none in so short a time is worth stands beside the target: `none (at most 270 an hour at 95 %: …)`.
fn rebalances(sides: &[Seen<'_>], target: String) -> String {
    let mut held = sides.iter().rev().filter_map(|side| side.judgement(Kpi::Rebalances));
    let held = held.find(|one| one.verdict == Verdict::Pass && !one.because.is_empty());
    match held {
        Some(one) => {
            let worth = one.because.strip_prefix("none in this time is ");
            format!("{target} ({})", worth.unwrap_or(&one.because))
        }
        None => target,
    }
}

fn plain(label: &'static str, sides: &[Seen<'_>], each: &dyn Fn(&Figures) -> String) -> Row {
    let value = |side: &Seen<'_>| Value {
        text: each(&side.figures),
        verdict: None,
    };
    Row {
        label,
        values: sides.iter().map(value).collect(),
        target: String::new(),
    }
}

#[expect(clippy::cast_precision_loss, reason = "a number for people")]
pub(super) fn whole(value: Option<u64>) -> String {
    value.map_or_else(unknown, |value| number(value as f64))
}

fn unknown() -> String {
    "–".to_owned()
}
