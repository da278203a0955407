//! One run of one side of a trial: from a plan to a recording.
//!
//! Topics and a group of its own, workers that join before the load starts, the load, faults at their time, what is left
//! worked off, and everything taken away again. Whatever happens on the way, what was measured so far is a recording; one
//! that ended early says why.

mod drain;
mod drive;
mod error;
mod faults;
mod names;
mod specs;

use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::launch::{Launcher, Limits};
use super::merge::Head;
use super::plan::{SidePlan, Trial};
use super::progress::{Listener, Progress, Stage};
use super::protocol::{Stop, Ticks};
use super::recording::{MemoryHeldBy, Recording};
use crate::broker::{Broker, Caps, Kind};
use crate::units::Size;

pub use error::RunError;
pub use names::Names;

use drive::Drive;

/// Milliseconds from one look to the next.
pub const EVERY_MS: u32 = 250;
/// How much earlier or later than that a look may come, in milliseconds.
pub const JITTER_MS: u32 = 50;

/// What runs share.
#[derive(Clone)]
pub struct Ground<'a> {
    /// The broker. It is locked for moments only, but for a restart that was asked for.
    pub broker: Arc<Mutex<Broker>>,
    /// Starts processes.
    pub launcher: &'a dyn Launcher,
    /// Who is told how it goes.
    pub listener: &'a dyn Listener,
    /// The wish to end early.
    pub stop: &'a Stop,
    /// The most that all runs together may put on a cluster that is not ours.
    pub caps: Caps,
    /// Where names on such a cluster are journalled.
    pub journals: &'a Path,
    /// How many load processes share out the load; at least 1.
    pub load_shards: u32,
    /// What is drawn from.
    pub seed: u64,
}

impl Ground<'_> {
    /// The broker.
    pub fn broker(&self) -> MutexGuard<'_, Broker> {
        self.broker.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Runs one side of a trial once.
///
/// # Errors
/// [`RunError`] where it can't begin: topics that can't be made, processes that can't be started. What goes wrong later is
/// in the recording.
pub fn run_side(ground: &Ground<'_>, trial: &Trial, side: &SidePlan) -> Result<Recording, RunError> {
    let stage = |stage| {
        let name = trial.name().to_owned();
        ground.listener.tell(Progress::Stage { name, stage });
    };
    stage(Stage::Topics);
    let bytes = Size(trial.bytes_per_run());
    let (mut lease, connection) = {
        let broker = ground.broker();
        if let Some(room) = broker.room().filter(|room| *room < bytes) {
            return Err(RunError::NoRoom { needed: bytes, room });
        }
        (broker.lease(ground.caps, ground.journals)?, broker.connection().clone())
    };
    lease.promise(bytes)?;
    let names = Names::make(&mut lease, trial, side)?;
    let head = Head {
        run: names.run.clone(),
        trial: trial.name().to_owned(),
        side: side.side,
        ticks: Ticks {
            start_us: 0,
            every_ms: EVERY_MS,
            jitter_ms: JITTER_MS,
            seed: ground.seed,
        },
        phases: trial.phases.clone(),
        topics: names.read.clone(),
        commit: side.delivery.commit,
        session_s: side.session_s.unwrap_or(45.0),
        poll_interval_s: side.poll_interval_s,
        faults: trial.faults.iter().map(|fault| fault.kind).collect(),
        memory_held_by: held_by(ground.launcher.limits(), side),
    };
    let drive = Drive::new(ground, trial, side, &names, &connection, head)?;
    let recording = drive.run(&stage);
    stage(Stage::CleaningUp);
    if is_gone(&ground.broker) {
        // What was made there went with it, and to ask for that would take a minute.
        return recording;
    }
    let note = |what| ground.listener.tell(Progress::Note { what });
    if let Err(error) = lease.release_telling(&mut |leaving| note(leaving.to_string())) {
        note(format!("what the run made was not removed: {error}; {}", error.help()));
    }
    recording
}

/// Whether a broker of ours has ended.
fn is_gone(broker: &Mutex<Broker>) -> bool {
    let mut broker = broker.lock().unwrap_or_else(PoisonError::into_inner);
    matches!(broker.kind(), Kind::Docker | Kind::Local) && broker.check().is_err()
}

fn held_by(limits: &Limits, side: &SidePlan) -> MemoryHeldBy {
    match (side.memory.enforced(), limits) {
        (None, _) => MemoryHeldBy::NoLimit,
        (Some(_), Limits::Enforced) => MemoryHeldBy::Cgroup,
        (Some(_), Limits::Unenforced { because }) => MemoryHeldBy::Sampled {
            because: because.clone(),
        },
    }
}
