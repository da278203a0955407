//! What a proof says while it runs: plain events, for whoever shows them.

use super::plan::Side;
use super::recording::Moment;
use super::verdict::Verdict;

/// What is told of a proof while it runs. `name` is always [`super::plan::Trial::name`].
#[derive(Debug, Clone, PartialEq)]
pub enum Progress {
    /// A broker is on its way, which may take a while.
    BrokerStarting {
        /// In words: "Apache Kafka 4.3.1 in docker".
        what: String,
    },
    /// It answers.
    BrokerReady {
        /// In words: "Apache Kafka 4.3.1 in docker, ready in 3.6 s".
        what: String,
    },
    /// A run begins: one side of a trial.
    RunStarted(RunStart),
    /// A run goes on to its next stage.
    Stage {
        /// Which trial.
        name: String,
        /// The stage.
        stage: Stage,
    },
    /// What was seen at a tick of a run.
    Moment {
        /// Which trial.
        name: String,
        /// What was seen.
        moment: Moment,
    },
    /// A run is over, and its topics are gone.
    RunEnded {
        /// Which trial.
        name: String,
        /// What came of it in a few words, where there is something to say: `worker 0 killed at its memory limit`.
        what: Option<String>,
    },
    /// All runs of a trial are over, and it is judged.
    Judged {
        /// Which trial.
        name: String,
        /// The verdict on its compiled side.
        verdict: Verdict,
    },
    /// What else was tried with a judged trial is over, too: limits, settings put back.
    Over {
        /// Which trial.
        name: String,
    },
    /// Something that people should know now, in a sentence without a full stop.
    Note {
        /// What.
        what: String,
    },
    /// It stops before its plan ends: Ctrl-C, a broker that died. What runs is being ended, and what it left removed.
    Stopping {
        /// Why, in a few words.
        why: String,
    },
}

/// What one run is.
#[derive(Debug, Clone, PartialEq)]
pub struct RunStart {
    /// Which trial.
    pub name: String,
    /// Which side; nothing where a trial has only one.
    pub side: Option<Side>,
    /// Which of the trial's runs, from 1.
    pub run: u32,
    /// How many runs the trial has.
    pub of: u32,
    /// Seconds of load.
    pub seconds: f64,
    /// Seconds of them until the warm-up is over.
    pub warm_up_s: f64,
    /// The target of lag, in records.
    pub lag_target: u64,
    /// What is enforced on one worker's memory, in bytes; nothing without a limit.
    pub memory_limit: Option<u64>,
}

/// What a run is at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stage {
    /// Its topics are being made.
    Topics,
    /// Its workers start and join their group.
    Joining,
    /// Load runs, nothing is judged yet.
    WarmUp,
    /// Load runs and is judged.
    Measuring,
    /// The load is over, and what is left is being worked off.
    Draining,
    /// Workers are ended, topics and groups removed.
    CleaningUp,
}

/// Who is told. Several runs may go on at once, from threads of their own.
pub trait Listener: Send + Sync {
    /// Takes note of one event, without waiting for anything.
    fn tell(&self, progress: Progress);
}

/// Nobody looks.
#[derive(Debug, Clone, Copy, Default)]
pub struct Silent;

impl Listener for Silent {
    fn tell(&self, _: Progress) {}
}
