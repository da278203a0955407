//! The runs of one trial, and what is said of them.

use std::fmt;

use crate::harness::outcome::TrialOutcome;
use crate::harness::plan::{PhaseKind, Side, SidePlan, Trial};
use crate::harness::progress::{Progress, RunStart};
use crate::harness::recording::{Recording, WorkerEnd};
use crate::harness::run::{Ground, RunError, run_side};
use crate::harness::verdict::{SideOutcome, Verdict, judge};

use super::shortfall::take_back;

/// Why a trial could not be run.
#[derive(Debug)]
pub enum TrialError {
    /// A run could not begin.
    Run(RunError),
    /// Somebody wished to end.
    Stopped,
    /// A mistake of ours: its thread broke.
    Broken,
}

impl TrialError {
    /// What to do about it.
    #[must_use]
    pub fn help(&self) -> String {
        match self {
            Self::Run(error) => error.help(),
            Self::Stopped => "run it again".to_owned(),
            Self::Broken => "report it, with what was printed before".to_owned(),
        }
    }
}

impl fmt::Display for TrialError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Run(error) => write!(f, "{error}"),
            Self::Stopped => f.write_str("stopped by Ctrl-C"),
            Self::Broken => f.write_str("a thread of lagproof broke"),
        }
    }
}

impl std::error::Error for TrialError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Run(error) => Some(error),
            Self::Stopped | Self::Broken => None,
        }
    }
}

impl From<RunError> for TrialError {
    fn from(error: RunError) -> Self {
        Self::Run(error)
    }
}

/// Runs trials on a broker: the planned one, and variants of it.
#[derive(Clone, Copy)]
pub struct Runner<'r, 'g> {
    /// What runs share.
    pub ground: &'r Ground<'g>,
    /// The trial as planned.
    pub trial: &'r Trial,
}

impl Runner<'_, '_> {
    /// All runs of the trial in their order, judged.
    ///
    /// # Errors
    /// [`TrialError`] where the first run can't begin; where a later one can't, the trial is judged by those before, and what
    /// held in them is INCONCLUSIVE.
    pub fn run(&self) -> Result<TrialOutcome, TrialError> {
        let sides = self.sides(self.trial)?;
        let after = sides.iter().find(|side| side.judgement.side == Side::After);
        let verdict = after.map_or(Verdict::Inconclusive, |side| side.judgement.verdict);
        self.ground.listener.tell(Progress::Judged {
            name: self.trial.name().to_owned(),
            verdict,
        });
        Ok(TrialOutcome {
            trial: self.trial.clone(),
            sides,
            verdict,
            put_back: Vec::new(),
            limits: Vec::new(),
            evidence: None,
        })
    }

    /// The compiled side of a variant, run once and judged.
    ///
    /// # Errors
    /// As [`Self::run`].
    pub fn try_variant(&self, variant: &Trial) -> Result<SideOutcome, TrialError> {
        if self.ground.stop.is_requested() {
            return Err(TrialError::Stopped);
        }
        let mut once = variant.clone();
        once.sides.retain(|side| side.side == Side::After);
        once.bytes = variant.bytes_per_run();
        once.order = vec![Side::After];
        self.sides(&once)?.pop().ok_or(TrialError::Broken)
    }

    fn sides(&self, trial: &Trial) -> Result<Vec<SideOutcome>, TrialError> {
        let mut recordings: Vec<Recording> = Vec::new();
        let mut ended = None;
        let runs = u32::try_from(trial.order.len()).unwrap_or(u32::MAX);
        for (run, side) in (1..).zip(&trial.order) {
            let Some(plan) = trial.sides.iter().find(|plan| plan.side == *side) else {
                continue;
            };
            if self.ground.stop.is_requested() && !recordings.is_empty() {
                ended = Some(TrialError::Stopped.to_string());
                break;
            }
            self.ground.listener.tell(start(trial, plan, run, runs));
            let ran = run_side(self.ground, trial, plan);
            let what = ran.as_ref().ok().and_then(said);
            let name = trial.name().to_owned();
            self.ground.listener.tell(Progress::RunEnded { name, what });
            match ran {
                Ok(recording) => recordings.push(recording),
                Err(error) if recordings.is_empty() => return Err(error.into()),
                Err(error) => {
                    let why = format!("run {run} of {runs} could not begin: {error}");
                    let what = format!("{}: {why}", trial.name());
                    self.ground.listener.tell(Progress::Note { what });
                    ended = Some(why);
                    break;
                }
            }
            // Nothing more comes of a broker that is gone.
            if let Err(error) = self.ground.broker().check() {
                ended = Some(error.brief());
                break;
            }
        }
        let judged = trial.sides.iter().map(|plan| {
            let of: Vec<Recording> = recordings.iter().filter(|one| one.side == plan.side).cloned().collect();
            let mut judgement = judge(trial, plan.side, &of);
            let planned = trial.order.iter().filter(|side| **side == plan.side).count();
            take_back(&mut judgement, of.len(), planned, ended.as_deref());
            SideOutcome {
                judgement,
                recordings: of,
            }
        });
        let mut judged: Vec<SideOutcome> = judged.collect();
        judged.sort_by_key(|side| side.judgement.side);
        Ok(judged)
    }
}

fn start(trial: &Trial, side: &SidePlan, run: u32, of: u32) -> Progress {
    let warm_ups = trial.phases.iter().filter(|phase| phase.kind == PhaseKind::WarmUp);
    Progress::RunStarted(RunStart {
        name: trial.name().to_owned(),
        side: (trial.sides.len() > 1).then_some(side.side),
        run,
        of,
        seconds: trial.seconds(),
        warm_up_s: warm_ups.map(|phase| phase.to_s).fold(0.0, f64::max),
        lag_target: trial.targets.lag,
        memory_limit: side.memory.enforced(),
    })
}

/// What came of a run, where there is something to say.
fn said(recording: &Recording) -> Option<String> {
    if let Some(why) = &recording.cut_short {
        return Some(why.clone());
    }
    recording.workers.iter().find_map(|worker| {
        let replica = worker.replica;
        match &worker.end {
            WorkerEnd::OutOfMemory => Some(format!("worker {replica} killed at its memory limit")),
            WorkerEnd::Signal { number } => Some(format!("worker {replica} ended by signal {number}")),
            WorkerEnd::Failed { message, .. } => Some(format!("worker {replica} ended: {message}")),
            WorkerEnd::Hung => Some(format!("worker {replica} did not end when told to")),
            WorkerEnd::NeverJoined => Some(format!("worker {replica} never joined")),
            WorkerEnd::Stopped | WorkerEnd::KilledOnPurpose => None,
        }
    })
}
