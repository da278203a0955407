//! What every process and the probe said, merged into one [`Recording`].
//!
//! Pure. It does not matter in which order processes are heard, only in which each one spoke: everybody looks at the same
//! ticks, and what they saw is joined by the tick's number. Nothing is averaged, so that any number of load and worker
//! processes gives what one would.

mod account;
mod fates;
mod moments;
mod rebalances;
mod stalls;

use std::collections::{BTreeMap, BTreeSet};

use super::launch::{Ending, ProcessId, Said, What};
use super::plan::{FaultKind, Phase, Side};
use super::probe::{PartitionSeen, Seen};
use super::protocol::{CommitSpec, EndReason, LoadLine, Micros, StreamIntervals, Ticks, WorkerLine, WorkerTick};
use super::recording::{ErrorCount, FORMAT, FaultDone, MemoryHeldBy, Moment, Recording};

/// A topic's name on the broker, and a partition of it.
pub type Partition = (String, i32);

/// What is known of a run before anybody speaks.
#[derive(Debug, Clone, PartialEq)]
pub struct Head {
    /// The run's id.
    pub run: String,
    /// The trial's name.
    pub trial: String,
    /// Which side runs.
    pub side: Side,
    /// The workers' ticks.
    pub ticks: Ticks,
    /// What is measured when.
    pub phases: Vec<Phase>,
    /// The topics on the broker, with how many partitions they have.
    pub topics: Vec<(String, u32)>,
    /// When offsets are committed.
    pub commit: CommitSpec,
    /// Seconds that a group may take to notice that a member is gone.
    pub session_s: f64,
    /// Seconds that a member may take between two polls.
    pub poll_interval_s: f64,
    /// What was planned to go wrong.
    pub faults: Vec<FaultKind>,
    /// How memory is held to its limit.
    pub memory_held_by: MemoryHeldBy,
}

/// A change of what a worker holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Change {
    Assigned,
    Revoked,
    Lost,
}

/// Such a change, as told.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Event {
    at_us: i64,
    change: Change,
    partitions: Vec<Partition>,
}

/// What was done to a worker.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DoneTo {
    /// Nothing.
    Nothing,
    /// It was told to stop.
    Stopped,
    /// It was killed, as a fault.
    Killed,
    /// It was killed because it did not stop.
    Hung,
}

#[derive(Debug)]
struct Worker {
    replica: u32,
    /// Whether the load ran already when it was started.
    is_late: bool,
    done_to: DoneTo,
    stopped_us: Option<i64>,
    ready: Option<String>,
    ticks: BTreeMap<u32, WorkerTick>,
    events: Vec<Event>,
    overruns_us: Vec<i64>,
    stalls_us: Vec<(i64, i64)>,
    last_error: Option<String>,
    said_end: Option<EndReason>,
    ended: Option<(i64, Ending)>,
}

#[derive(Debug, Default)]
struct Load {
    ready: bool,
    ticks: BTreeMap<u32, LoadTick>,
    end: Option<(u64, u64, u64)>,
    ended: Option<(i64, Ending)>,
}

#[derive(Debug)]
struct LoadTick {
    at_us: i64,
    due: u64,
    acknowledged: u64,
    cpu_wait_seconds: Option<f64>,
}

/// Takes in what is said, and makes a recording of it.
#[derive(Debug)]
pub struct Merger {
    head: Head,
    /// The tick at which the load starts; nothing where it never did.
    first_tick: Option<u32>,
    workers: BTreeMap<ProcessId, Worker>,
    loads: BTreeMap<ProcessId, Load>,
    seen: BTreeMap<u32, Seen>,
    acknowledged: StreamIntervals,
    unsent: StreamIntervals,
    lateness: Micros,
    errors: BTreeMap<(String, String), (String, u64)>,
    faults: Vec<(i64, String)>,
}

impl Merger {
    /// Begins one.
    #[must_use]
    pub fn new(head: Head) -> Self {
        Self {
            head,
            first_tick: None,
            workers: BTreeMap::new(),
            loads: BTreeMap::new(),
            seen: BTreeMap::new(),
            acknowledged: StreamIntervals::new(),
            unsent: StreamIntervals::new(),
            lateness: Micros::new(),
            errors: BTreeMap::new(),
            faults: Vec::new(),
        }
    }

    /// Says at which of the workers' ticks the load starts; its own ticks are counted from there.
    pub fn load_starts_at(&mut self, tick: u32) {
        self.first_tick = Some(tick);
    }

    /// When the load starts, in microseconds of Unix time; where it never did, when the workers' ticks did.
    #[must_use]
    pub fn started_us(&self) -> i64 {
        let every = i64::from(self.head.ticks.every_ms) * 1000;
        self.head.ticks.start_us + i64::from(self.first_tick.unwrap_or(0)) * every
    }

    /// A worker process was started.
    pub fn worker(&mut self, process: ProcessId, replica: u32) {
        let worker = Worker {
            replica,
            is_late: self.first_tick.is_some(),
            done_to: DoneTo::Nothing,
            stopped_us: None,
            ready: None,
            ticks: BTreeMap::new(),
            events: Vec::new(),
            overruns_us: Vec::new(),
            stalls_us: Vec::new(),
            last_error: None,
            said_end: None,
            ended: None,
        };
        self.workers.insert(process, worker);
    }

    /// A load process was started.
    pub fn load(&mut self, process: ProcessId) {
        self.loads.insert(process, Load::default());
    }

    /// Something was done to a worker on purpose.
    pub fn done_to(&mut self, process: ProcessId, what: DoneTo, at_us: i64) {
        if let Some(worker) = self.workers.get_mut(&process) {
            worker.done_to = what;
            worker.stopped_us = worker.stopped_us.or(Some(at_us));
        }
    }

    /// A fault was done.
    pub fn fault(&mut self, at_us: i64, what: impl Into<String>) {
        self.faults.push((at_us, what.into()));
    }

    /// The broker was looked at.
    pub fn seen(&mut self, seen: Seen) {
        if let Some(error) = &seen.error {
            self.error("probe", "broker", error, 1);
        }
        self.seen.insert(seen.tick, seen);
    }

    /// A process said something.
    pub fn said(&mut self, said: Said) {
        let Said { process, at_us, what } = said;
        match what {
            What::Worker(line) => self.worker_line(process, line),
            What::Load(line) => self.load_line(process, line),
            What::Garbled { line, why } => {
                let who = self.name(process);
                self.error(&who, "not a line of the protocol", &format!("{why}: {line}"), 1);
            }
            What::Ended(ending) => {
                if let Some(worker) = self.workers.get_mut(&process) {
                    worker.ended = Some((at_us, ending));
                } else if let Some(load) = self.loads.get_mut(&process) {
                    load.ended = Some((at_us, ending));
                }
            }
        }
    }

    fn worker_line(&mut self, process: ProcessId, line: WorkerLine) {
        let name = self.name(process);
        let Some(worker) = self.workers.get_mut(&process) else {
            return;
        };
        let mut event = |at_us, change, partitions| {
            worker.events.push(Event {
                at_us,
                change,
                partitions,
            });
        };
        match line {
            WorkerLine::Ready { client, .. } => worker.ready = Some(client),
            WorkerLine::Assigned { at_us, partitions } => event(at_us, Change::Assigned, partitions),
            WorkerLine::Revoked { at_us, partitions } => event(at_us, Change::Revoked, partitions),
            WorkerLine::Lost { at_us, partitions } => event(at_us, Change::Lost, partitions),
            WorkerLine::Stall { from_us, to_us, .. } => worker.stalls_us.push((from_us, to_us)),
            WorkerLine::Tick(tick) => {
                let unreadable = tick.latency.decode().err();
                worker.ticks.insert(tick.tick, tick);
                if let Some(error) = unreadable {
                    self.error(&name, "histogram", &error.to_string(), 1);
                }
            }
            WorkerLine::Error {
                at_us,
                code,
                message,
                times,
            } => {
                if code == "_MAX_POLL_EXCEEDED" {
                    worker.overruns_us.push(at_us);
                }
                worker.last_error = Some(format!("{code}: {message}"));
                self.error(&name, &code, &message, times);
            }
            WorkerLine::End { reason, .. } => worker.said_end = Some(reason),
        }
    }

    fn load_line(&mut self, process: ProcessId, line: LoadLine) {
        let first_tick = self.first_tick.unwrap_or(0);
        let Some(load) = self.loads.get_mut(&process) else {
            return;
        };
        match line {
            LoadLine::Ready { .. } => load.ready = true,
            LoadLine::Tick {
                at_us,
                tick,
                due,
                acknowledged,
                failed,
                lateness,
                cpu_wait_seconds,
                ..
            } => {
                let new = self.acknowledged.extend(&acknowledged);
                self.unsent.extend(&failed);
                let before = load.ticks.get(&(first_tick + tick));
                let tick_now = LoadTick {
                    at_us,
                    due: due + before.map_or(0, |before| before.due),
                    acknowledged: new + before.map_or(0, |before| before.acknowledged),
                    cpu_wait_seconds,
                };
                load.ticks.insert(first_tick + tick, tick_now);
                if let Err(error) = self.lateness.merge_encoded(&lateness) {
                    let name = self.name(process);
                    self.error(&name, "histogram", &error.to_string(), 1);
                }
            }
            LoadLine::Error { message, times, .. } => {
                let name = self.name(process);
                self.error(&name, "load", &message, times);
            }
            LoadLine::End {
                due,
                acknowledged,
                failed,
                ..
            } => load.end = Some((due, acknowledged, failed)),
        }
    }

    /// Counts an error that goes on.
    pub fn error(&mut self, who: &str, code: &str, message: &str, times: u64) {
        let entry = self
            .errors
            .entry((who.to_owned(), code.to_owned()))
            .or_insert_with(|| (message.to_owned(), 0));
        entry.1 += times;
    }

    fn name(&self, process: ProcessId) -> String {
        match self.workers.get(&process) {
            Some(worker) => format!("worker {}", worker.replica),
            None => "load".to_owned(),
        }
    }

    /// All partitions that the group reads.
    fn partitions(&self) -> BTreeSet<Partition> {
        let of = |(topic, count): &(String, u32)| {
            let topic = topic.clone();
            (0..i32::try_from(*count).unwrap_or(i32::MAX)).map(move |partition| (topic.clone(), partition))
        };
        self.head.topics.iter().flat_map(of).collect()
    }

    /// The recording, once everybody has ended. `last` is what the broker showed at the very end.
    #[must_use]
    pub fn finish(self, last: Option<&[PartitionSeen]>, ended_us: i64, cut_short: Option<String>) -> Recording {
        let started_us = self.started_us();
        let moments = self.moments();
        let (account, latency, measured_latency) = self.account(last);
        let faults = self.faults.iter().map(|(at_us, what)| FaultDone {
            at_s: seconds(at_us - started_us),
            what: what.clone(),
        });
        let client = self.workers.values().find_map(|worker| worker.ready.clone());
        let errors = self.errors.iter().map(|((who, code), (message, times))| ErrorCount {
            who: who.clone(),
            code: code.clone(),
            message: message.clone(),
            times: *times,
        });
        let gaps = self.workers.values().flat_map(|worker| worker.ticks.values());
        let longest_us = gaps.map(|tick| tick.longest_poll_gap_us).max().unwrap_or(0);
        Recording {
            format: FORMAT,
            run: self.head.run.clone(),
            trial: self.head.trial.clone(),
            side: self.head.side,
            started_us,
            seconds: seconds(ended_us - started_us).max(0.0),
            client: client.unwrap_or_default(),
            account,
            latency: latency.encode(),
            measured_latency: measured_latency.encode(),
            lateness: self.lateness.encode(),
            rebalances: self.rebalances(),
            workers: self.fates(ended_us),
            errors: errors.collect(),
            faults: faults.collect(),
            longest_poll_gap_s: seconds(i64::try_from(longest_us).unwrap_or(i64::MAX)),
            memory_held_by: self.head.memory_held_by.clone(),
            cpu_wait: self.cpu_wait(),
            moments,
            cut_short,
        }
    }

    /// What was seen at the newest tick of which everybody has spoken, for showing while it runs.
    #[must_use]
    pub fn latest(&self) -> Option<Moment> {
        let newest = *self.seen.keys().next_back()?;
        self.moment_at(newest.checked_sub(1)?)
    }
}

/// Microseconds as seconds.
#[expect(clippy::cast_precision_loss, reason = "a run's length")]
fn seconds(us: i64) -> f64 {
    us as f64 / 1e6
}

#[cfg(test)]
mod tests;
