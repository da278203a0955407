//! Trials that run side by side, and what is tried with each of them afterwards.

use std::thread;

use super::{Runner, Session, TrialError};
use crate::harness::outcome::TrialOutcome;
use crate::harness::plan::Trial;
use crate::harness::progress::Progress;
use crate::harness::run::Ground;

/// Runs trials side by side; when all of them are judged, tries with each what else is wanted, one after the other.
pub(super) fn run_wave(
    ground: &Ground<'_>,
    session: &Session<'_>,
    trials: &[(usize, &Trial)],
) -> Vec<(usize, Result<TrialOutcome, TrialError>)> {
    let run = |trial: &Trial| Runner { ground, trial }.run();
    let mut done: Vec<(usize, Result<TrialOutcome, TrialError>)> = match trials {
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
    };
    let Some(afterwards) = session.afterwards else {
        return done;
    };
    for ((_, trial), (_, outcome)) in trials.iter().zip(&mut done) {
        let Ok(outcome) = outcome else { continue };
        // Nothing more comes of a broker that is gone.
        if session.stop.is_requested() || ground.broker().check().is_err() {
            break;
        }
        if let Err(error) = afterwards(&Runner { ground, trial }, outcome) {
            // The verdict stands without it.
            let what = format!("{}: {error}", trial.name());
            session.listener.tell(Progress::Note { what });
        }
        let name = trial.name().to_owned();
        session.listener.tell(Progress::Over { name });
    }
    done
}
