//! Starting load and worker processes, and hearing what they say.
//!
//! A [`Launcher`] starts a process from its spec and nothing else, wherever it runs; what it writes arrives as [`Said`] on
//! one channel, in the order in which it was written. [`Local`] runs them on this machine.

mod cgroup;
mod guard;
mod local;
mod process;

use std::fmt;
use std::io;
use std::sync::mpsc::Sender;

use super::protocol::{Command, LoadLine, LoadSpec, WorkerLine, WorkerSpec};

pub use cgroup::{Groups, sweep_groups};
pub use local::{Local, Program};

/// What is started.
#[derive(Debug, Clone, PartialEq)]
pub enum Job {
    /// A load process.
    Load(LoadSpec),
    /// A worker.
    Worker {
        /// What it is told.
        spec: Box<WorkerSpec>,
        /// The program and arguments of one of somebody's own; nothing for ours.
        command: Option<Vec<String>>,
        /// The most memory that it may take, in bytes; nothing where no limit is declared.
        memory: Option<u64>,
    },
}

/// Which process of a run: counted from 0 in the order of their starts.
pub type ProcessId = u32;

/// What a process said, or that it ended.
#[derive(Debug, Clone, PartialEq)]
pub struct Said {
    /// Which process.
    pub process: ProcessId,
    /// When it arrived here: Unix time in microseconds.
    pub at_us: i64,
    /// What.
    pub what: What,
}

/// What a process said, or that it ended.
#[derive(Debug, Clone, PartialEq)]
pub enum What {
    /// A load process's line.
    Load(LoadLine),
    /// A worker's line.
    Worker(WorkerLine),
    /// A line that is none.
    Garbled {
        /// Its beginning.
        line: String,
        /// Why it is none.
        why: String,
    },
    /// It ended; nothing follows.
    Ended(Ending),
}

/// How a process ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ending {
    /// How.
    pub how: How,
    /// The most memory that it took by the system's own count, in bytes; nothing where there is none.
    pub peak_bytes: Option<u64>,
    /// The last lines of its log.
    pub log: String,
}

/// How a process ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum How {
    /// With an exit status.
    Exited(i32),
    /// By a signal.
    Signal(i32),
    /// Killed by the system at its memory limit.
    OutOfMemory,
}

/// How memory limits are held here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Limits {
    /// By the system: what passes its limit is killed.
    Enforced,
    /// Not at all, and why.
    Unenforced {
        /// In a clause: "no control group can be made: …".
        because: String,
    },
}

/// Starts processes.
pub trait Launcher: Send + Sync {
    /// Starts one. What it says goes to `out`, with `process` on it.
    ///
    /// # Errors
    /// [`LaunchError`] where it can't be started at all; one that starts and fails says so by its ending.
    fn start(&self, process: ProcessId, job: &Job, out: Sender<Said>) -> Result<Box<dyn Process>, LaunchError>;

    /// How memory limits are held.
    fn limits(&self) -> &Limits;
}

/// A process that was started. Dropping one kills it.
pub trait Process: Send {
    /// Tells it something. One that has ended or was told to stop is not told.
    fn tell(&mut self, command: Command);

    /// Tells it to finish in good order. One that has ended is not told.
    fn stop(&mut self);

    /// Kills it at once. One that has ended is not killed again.
    fn kill(&mut self);
}

/// Why a process could not be started.
#[derive(Debug)]
pub struct LaunchError {
    /// What was being done: "run lagproof".
    pub doing: String,
    /// What the system says.
    pub error: io::Error,
    /// What to do about it.
    pub help: &'static str,
}

impl LaunchError {
    fn of(doing: impl Into<String>) -> impl FnOnce(io::Error) -> Self {
        let doing = doing.into();
        move |error| Self {
            doing,
            error,
            help: "check the path, its permissions, and how many processes may run",
        }
    }
}

impl fmt::Display for LaunchError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "could not {}: {}", self.doing, self.error)
    }
}

impl std::error::Error for LaunchError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.error)
    }
}
