//! `report.json`: the whole outcome for machines, with the samples of each run in a file of its own.

use jiff::Timestamp;
use schemars::{JsonSchema, Schema, schema_for};
use serde::{Deserialize, Serialize};

use crate::diagnostic::text::guard_json;
use crate::harness::outcome::{BrokerFacts, FORMAT, FoundLimit, MachineFacts, Outcome, PutBack, TrialOutcome};
use crate::harness::plan::{LeftOut, Side, Trial};
use crate::harness::recording::{ErrorCount, FaultDone, MemoryHeldBy, Rebalance, Recording, WorkerFate};
use crate::harness::verdict::{Cause, Judgement, SideOutcome, Verdict};

use super::Figures;
use super::words::{Worth, overall};

/// What `report.json` holds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Report {
    /// The format's number; what is removed or changes its meaning makes a new one.
    pub format: u32,
    /// lagproof's version.
    pub lagproof: String,
    /// The project's name.
    pub project: String,
    /// When it began, in UTC, by RFC 3339.
    pub started: String,
    /// Seconds that it took in all.
    pub seconds: f64,
    /// What load, costs and jitter were drawn from.
    pub seed: u64,
    /// The worst verdict of a trial, and INCONCLUSIVE at best where something was left out; null in a smoke test, where none
    /// is one.
    pub verdict: Option<Verdict>,
    /// Whether it is a smoke test only, on the mock.
    pub smoke_test: bool,
    /// Why it ended before its plan did; its verdicts count for what was measured.
    pub cut_short: Option<String>,
    /// What was asked for and is in no trial: services that can't be tried as they are declared, trials that could not begin,
    /// those that were not come to.
    #[serde(default)]
    pub left_out: Vec<LeftOut>,
    /// The broker.
    pub broker: BrokerFacts,
    /// The machine.
    pub machine: MachineFacts,
    /// What was tried, in order.
    pub trials: Vec<TrialReport>,
}

/// One service, or one case.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct TrialReport {
    /// Its name: the case's, else the service's.
    pub name: String,
    /// The verdict on the compiled side; null in a smoke test.
    pub verdict: Option<Verdict>,
    /// The sides, the baseline first where there is one.
    pub sides: Vec<SideReport>,
    /// Settings that were put back one at a time, and what came of it.
    pub put_back: Vec<PutBack>,
    /// The highest rates that hold, where they were searched.
    #[serde(default)]
    pub limits: Vec<FoundLimit>,
    /// The file of evidence that it left, from the project's folder.
    #[serde(default)]
    pub evidence: Option<String>,
    /// What was planned.
    pub plan: Trial,
}

/// One side of a trial.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct SideReport {
    /// Which one.
    pub side: Side,
    /// The verdict; null in a smoke test.
    pub verdict: Option<Verdict>,
    /// The targets, judged.
    pub judgements: Vec<Judgement>,
    /// Why it fails.
    pub causes: Vec<Cause>,
    /// What came of each fault.
    #[serde(default)]
    pub faults: Vec<String>,
    /// Where the proofs on paper and the measurement disagree.
    pub disagreements: Vec<String>,
    /// The numbers of all runs together.
    pub figures: Figures,
    /// Its runs, in order.
    pub runs: Vec<RunReport>,
}

/// One run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct RunReport {
    /// The run's id.
    pub run: String,
    /// Where its samples are, beside this file.
    pub samples: String,
    /// When the load started, in UTC, by RFC 3339.
    pub started: String,
    /// Seconds from there until everything was drained, or given up on.
    pub seconds: f64,
    /// The client that the workers said they are.
    pub client: String,
    /// Its numbers.
    pub figures: Figures,
    /// Every change of who holds what.
    pub rebalances: Vec<Rebalance>,
    /// How each worker ended.
    pub workers: Vec<WorkerFate>,
    /// What went wrong and went on.
    pub errors: Vec<ErrorCount>,
    /// What was done to it on purpose.
    pub faults: Vec<FaultDone>,
    /// How memory was held to its limit.
    pub memory_held_by: MemoryHeldBy,
    /// The share of the run that some thread of ours was ready to run and did not.
    pub cpu_wait: Option<f64>,
    /// Why it ended before its plan did.
    pub cut_short: Option<String>,
}

/// `report.json` as text.
#[must_use]
pub fn render(outcome: &Outcome) -> String {
    pretty(&report(outcome))
}

/// The schema of `report.json`.
#[must_use]
pub fn schema() -> Schema {
    let mut schema = schema_for!(Report);
    schema.insert("title".to_owned(), "lagproof: report.json".into());
    schema
}

/// A run's samples as text.
#[must_use]
pub fn samples(recording: &Recording) -> String {
    let text = serde_json::to_string(recording).unwrap_or_default();
    format!("{}\n", guard_json(&text))
}

/// A run's samples' file, beside `report.json`; `run` counts the side's runs from 1.
#[must_use]
pub fn samples_path(trial: &Trial, side: Side, run: usize) -> String {
    // Names of services and cases make file names already; what does not is not let through here either.
    let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
    let name: String = trial.name().chars().map(|c| if fits(c) { c } else { '_' }).collect();
    // A case may be called as a service is.
    let folder = if trial.case.is_some() {
        "samples/cases"
    } else {
        "samples"
    };
    format!("{folder}/{name}-{}-{run}.json", super::words::side(side))
}

/// What `report.json` holds of an outcome.
#[must_use]
pub fn report(outcome: &Outcome) -> Report {
    let worth = Worth::of(outcome);
    Report {
        format: FORMAT,
        lagproof: outcome.lagproof.clone(),
        project: outcome.project.clone(),
        started: moment(outcome.started_us),
        seconds: outcome.seconds,
        seed: outcome.seed,
        verdict: counted(worth, overall(outcome)),
        smoke_test: outcome.broker.smoke_test,
        cut_short: outcome.cut_short.clone(),
        left_out: outcome.left_out.clone(),
        broker: outcome.broker.clone(),
        machine: outcome.machine.clone(),
        trials: outcome.trials.iter().map(|trial| trial_report(trial, worth)).collect(),
    }
}

fn trial_report(trial: &TrialOutcome, worth: Worth) -> TrialReport {
    TrialReport {
        name: trial.trial.name().to_owned(),
        verdict: counted(worth, trial.verdict),
        sides: trial.sides.iter().map(|side| side_report(trial, side, worth)).collect(),
        put_back: trial.put_back.clone(),
        limits: trial.limits.clone(),
        evidence: trial.evidence.clone(),
        plan: trial.trial.clone(),
    }
}

fn side_report(trial: &TrialOutcome, side: &SideOutcome, worth: Worth) -> SideReport {
    let judgement = &side.judgement;
    let all: Vec<&Recording> = side.recordings.iter().collect();
    let runs = all.iter().enumerate().map(|(at, recording)| RunReport {
        run: recording.run.clone(),
        samples: samples_path(&trial.trial, judgement.side, at + 1),
        started: moment(recording.started_us),
        seconds: recording.seconds,
        client: recording.client.clone(),
        figures: Figures::of(&trial.trial, &[recording]),
        rebalances: recording.rebalances.clone(),
        workers: recording.workers.clone(),
        errors: recording.errors.clone(),
        faults: recording.faults.clone(),
        memory_held_by: recording.memory_held_by.clone(),
        cpu_wait: recording.cpu_wait,
        cut_short: recording.cut_short.clone(),
    });
    SideReport {
        side: judgement.side,
        verdict: counted(worth, judgement.verdict),
        judgements: judgement.judgements.clone(),
        causes: judgement.causes.clone(),
        faults: judgement.faults.clone(),
        disagreements: judgement.disagreements.clone(),
        figures: Figures::of(&trial.trial, &all),
        runs: runs.collect(),
    }
}

fn counted(worth: Worth, verdict: Verdict) -> Option<Verdict> {
    (worth == Worth::Proof).then_some(verdict)
}

/// A time in UTC: `2026-11-23T14:35:12Z`; the epoch where it is out of range.
pub(super) fn moment(us: i64) -> String {
    let at = Timestamp::from_microsecond(us).unwrap_or(Timestamp::UNIX_EPOCH);
    at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

fn pretty<T: Serialize>(value: &T) -> String {
    let text = serde_json::to_string_pretty(value).unwrap_or_default();
    format!("{}\n", guard_json(&text))
}
