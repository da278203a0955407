//! From a plan to an outcome: brokers, waves of trials, alternating runs, verdicts.
//!
//! Trials of one wave run side by side; the runs of one trial never do. Trials that need other broker settings get another
//! broker, one after the other.

mod brokers;
mod error;
mod machine;
mod service;
mod trial;

use std::path::PathBuf;
use std::thread;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use super::launch::{Launcher, Local, Program};
use super::outcome::{FORMAT, Outcome, TrialOutcome};
use super::plan::{Plan, Trial};
use super::progress::{Listener, Progress};
use super::protocol::Stop;
use super::run::Ground;
use crate::broker::{Caps, Surroundings, Wanted};

pub use error::SessionError;
pub use machine::{cores, machine};
pub use service::{How, Proof, VerifyError, verify_service};
pub use trial::{Runner, TrialError};

use brokers::Brokers;

/// What a session runs with.
pub struct Session<'a> {
    /// The project's name.
    pub project: String,
    /// The broker that is wanted.
    pub wanted: Wanted<'a>,
    /// What this machine offers.
    pub surroundings: Surroundings,
    /// What is started.
    pub program: Program,
    /// Who is told how it goes.
    pub listener: &'a dyn Listener,
    /// The wish to end early.
    pub stop: &'a Stop,
    /// The most that all runs together may put on a cluster that is not ours.
    pub caps: Caps,
    /// Where names on such a cluster are journalled.
    pub journals: PathBuf,
    /// How many load processes share out the load of a run; at least 1.
    pub load_shards: u32,
    /// What else is tried with a trial that was judged: limits, settings put back. It gets the trial's outcome and may add to
    /// it.
    pub afterwards: Option<&'a Afterwards<'a>>,
    /// Called with the bootstrap servers of the last broker before it ends.
    pub keep: Option<&'a (dyn Fn(&str) + Sync)>,
}

/// What else is tried with a trial that was judged.
pub type Afterwards<'a> = dyn Fn(&Runner<'_, '_>, &mut TrialOutcome) -> Result<(), TrialError> + Sync + 'a;

/// Runs a plan.
///
/// # Errors
/// [`SessionError`] where nothing could be measured at all. What ends it later is [`Outcome::cut_short`].
pub fn verify(plan: &Plan, session: &Session<'_>) -> Result<Outcome, SessionError> {
    let (begun, started) = (Instant::now(), SystemTime::now());
    let launcher = Local::new(session.program.clone()).map_err(SessionError::Launch)?;
    let mut brokers = Brokers::new(session, plan);
    let mut outcomes: Vec<(usize, TrialOutcome)> = Vec::new();
    let mut cut_short = None;
    for wave in &plan.waves {
        if session.stop.is_requested() {
            cut_short = cut_short.or(stopped(session));
        }
        if cut_short.is_some() {
            break;
        }
        let trials: Vec<(usize, &Trial)> = wave.iter().map(|at| (*at, &plan.trials[*at])).collect();
        let Some((_, first)) = trials.first() else { continue };
        let broker = match brokers.for_trial(first) {
            Ok(broker) => broker,
            Err(error) if outcomes.is_empty() => return Err(SessionError::Broker(error)),
            Err(error) => {
                cut_short = Some(error.to_string());
                break;
            }
        };
        let ground = Ground {
            broker,
            launcher: &launcher as &dyn Launcher,
            listener: session.listener,
            stop: session.stop,
            caps: session.caps,
            journals: &session.journals,
            load_shards: session.load_shards,
            seed: plan.seed,
        };
        for (at, done) in run_wave(&ground, session, &trials) {
            match done {
                Ok(outcome) => {
                    let early = outcome.sides.iter().flat_map(|side| &side.recordings);
                    // A worker that does not join concerns one trial; a broker that died or Ctrl-C all of them.
                    let ended = early.filter_map(|recording| recording.cut_short.clone()).next();
                    if session.stop.is_requested() || ground.broker().check().is_err() {
                        cut_short = cut_short.or(ended).or(stopped(session));
                    }
                    outcomes.push((at, outcome));
                }
                Err(error) => {
                    if outcomes.is_empty() && trials.len() == 1 && plan.waves.len() == 1 {
                        return Err(SessionError::Run(error));
                    }
                    let what = format!("{}: {error}", plan.trials[at].name());
                    session.listener.tell(Progress::Note { what: what.clone() });
                    cut_short.get_or_insert(what);
                }
            }
        }
    }
    let facts = brokers.end();
    outcomes.sort_by_key(|(at, _)| *at);
    let Some(broker) = facts.filter(|_| !outcomes.is_empty()) else {
        let why = cut_short.unwrap_or_else(|| "the plan is empty".to_owned());
        return Err(SessionError::Nothing { why });
    };
    let started_us = started.duration_since(UNIX_EPOCH).unwrap_or_default().as_micros();
    Ok(Outcome {
        format: FORMAT,
        lagproof: env!("CARGO_PKG_VERSION").to_owned(),
        project: session.project.clone(),
        started_us: i64::try_from(started_us).unwrap_or(i64::MAX),
        seconds: begun.elapsed().as_secs_f64(),
        seed: plan.seed,
        broker,
        machine: machine(),
        trials: outcomes.into_iter().map(|(_, outcome)| outcome).collect(),
        cut_short,
    })
}

/// That somebody wished to end, where somebody did.
fn stopped(session: &Session<'_>) -> Option<String> {
    session.stop.is_requested().then(|| TrialError::Stopped.to_string())
}

/// Runs trials side by side.
fn run_wave<'t>(
    ground: &Ground<'_>,
    session: &Session<'_>,
    trials: &[(usize, &'t Trial)],
) -> Vec<(usize, Result<TrialOutcome, TrialError>)> {
    let run = |trial: &'t Trial| {
        let runner = Runner { ground, trial };
        let mut outcome = runner.run()?;
        if let Some(afterwards) = session.afterwards
            && !session.stop.is_requested()
            && let Err(error) = afterwards(&runner, &mut outcome)
        {
            // The verdict stands without it.
            let what = format!("{}: {error}", trial.name());
            session.listener.tell(Progress::Note { what });
        }
        Ok(outcome)
    };
    match trials {
        [(at, trial)] => vec![(*at, run(trial))],
        many => thread::scope(|scope| {
            let threads: Vec<_> = many
                .iter()
                .map(|(at, trial)| (*at, scope.spawn(move || run(trial))))
                .collect();
            let joined = threads
                .into_iter()
                .map(|(at, thread)| (at, thread.join().unwrap_or(Err(TrialError::Broken))));
            joined.collect()
        }),
    }
}
