//! What somebody wants of a plan.

use std::collections::BTreeMap;

use super::faults::FaultWish;
use crate::model::keywords::Client;

/// What somebody wants of a plan. [`Wish::default`] is `lagproof verify` without a word more.
#[derive(Debug, Clone, PartialEq)]
pub struct Wish {
    /// Services and cases by name; every service where none is named, or every case with a baseline beside it.
    pub names: Vec<String>,
    /// Whether the baseline runs too.
    pub comparison: Comparison,
    /// Seconds of steady load, as they pass on the clock; what the plan finds right where nothing is said.
    pub steady_s: Option<f64>,
    /// By how much time is compressed.
    pub speed: SpeedWish,
    /// Another load than the declared one.
    pub load: LoadWish,
    /// What load, costs and jitter are drawn from.
    pub seed: u64,
    /// What goes wrong on purpose.
    pub faults: Vec<FaultWish>,
    /// How many runs each side gets; one, or two beside a baseline, where nothing is said.
    pub runs: Option<u32>,
    /// Whose brokers it runs on.
    pub brokers: Brokers,
    /// Whose workers run.
    pub workers: Workers,
    /// The machine's cores.
    pub cores: u32,
}

impl Default for Wish {
    fn default() -> Self {
        Self {
            names: Vec::new(),
            comparison: Comparison::CompiledOnly,
            steady_s: None,
            speed: SpeedWish::Largest,
            load: LoadWish::Declared,
            seed: 7,
            faults: Vec::new(),
            runs: None,
            brokers: Brokers::Ours,
            workers: Workers::default(),
            cores: 2,
        }
    }
}

/// Whether the baseline runs too.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Comparison {
    /// The compiled side alone.
    CompiledOnly,
    /// Both sides, in alternating whole runs.
    BeforeAfter,
}

/// By how much time is compressed.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum SpeedWish {
    /// The most that the floors allow, service by service; cases in real time.
    Largest,
    /// So much, or not at all.
    Exactly(f64),
}

/// What load runs. Rates are as declared; compressed time multiplies them.
#[derive(Debug, Clone, PartialEq)]
pub enum LoadWish {
    /// What topics and cases declare.
    Declared,
    /// Evenly from one rate to another, over all topics.
    Ramp {
        /// Records a second at its start.
        from: f64,
        /// Records a second at its end.
        to: f64,
        /// Seconds.
        seconds: f64,
    },
    /// As it was recorded: at least two points, seconds rising from one to the next.
    Replay(Vec<Point>),
}

/// A point of a recorded series: from then on, until the next one, so many records a second.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Point {
    /// Seconds, from any origin.
    pub seconds: f64,
    /// Records a second.
    pub rate: f64,
}

/// Whose brokers it runs on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Brokers {
    /// One that we start, whose bounds may be lowered.
    Ours,
    /// Somebody's own: time is never compressed there.
    Theirs,
}

/// Whose workers run: commands that speak the worker protocol; for services without one ours, on librdkafka.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Workers {
    /// For services of all clients that have none of their own in `of`.
    pub any: Option<WorkerCommand>,
    /// By the client that a service declares.
    pub of: BTreeMap<Client, WorkerCommand>,
}

impl Workers {
    /// The command for services that declare a client; nothing where ours runs them.
    #[must_use]
    pub fn command(&self, client: Client) -> Option<&WorkerCommand> {
        self.of.get(&client).or(self.any.as_ref())
    }
}

/// A command that speaks the worker protocol with the declared client.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WorkerCommand {
    /// What it is called in output.
    pub name: String,
    /// Its program and arguments.
    pub words: Vec<String>,
}

impl WorkerCommand {
    /// A program and its arguments.
    #[must_use]
    pub fn of_words(words: Vec<String>) -> Self {
        Self {
            name: words.join(" "),
            words,
        }
    }

    /// A command for the shell.
    #[must_use]
    pub fn of_shell(command: &str) -> Self {
        Self {
            name: command.to_owned(),
            words: ["/bin/sh", "-c", command].map(str::to_owned).to_vec(),
        }
    }
}
