//! How workers ended, and what a run still waits for.

use std::collections::BTreeSet;

use super::{Change, DoneTo, Merger, Partition, Worker, seconds};
use crate::harness::launch::{Ending, How, ProcessId};
use crate::harness::protocol::EndReason;
use crate::harness::recording::{WorkerEnd, WorkerFate};

impl Merger {
    /// How each worker ended, in the order of their starts.
    pub(super) fn fates(&self, ended_us: i64) -> Vec<WorkerFate> {
        let one_died = self
            .workers
            .values()
            .any(|worker| worker.done_to == DoneTo::Nothing && worker.ended.is_some());
        let fate = |worker: &Worker| {
            let at_us = worker.ended.as_ref().map_or(ended_us, |(at_us, _)| *at_us);
            let ending = worker.ended.as_ref().map(|(_, ending)| ending);
            let sampled = worker.ticks.values().filter_map(|tick| tick.resident_bytes).max();
            WorkerFate {
                replica: worker.replica,
                at_s: seconds(at_us - self.started_us()),
                end: match worker.end() {
                    // Told to stop before it could: because another one died, or because the load was over.
                    WorkerEnd::NeverJoined if one_died || worker.is_late => WorkerEnd::Stopped,
                    end => end,
                },
                peak_bytes: ending.and_then(|ending| ending.peak_bytes).or(sampled),
                log: ending.map(|ending| ending.log.clone()).unwrap_or_default(),
            }
        };
        self.workers.values().map(fate).collect()
    }

    /// Whether every worker has joined and every partition is held.
    #[must_use]
    pub fn has_joined(&self) -> bool {
        let held: BTreeSet<Partition> = self.workers.values().flat_map(Worker::holds).collect();
        let joined = |worker: &Worker| worker.ended.is_some() || worker.has_joined();
        self.workers.values().all(joined) && held == self.partitions()
    }

    /// The workers that have not joined, with the last that they complained of.
    #[must_use]
    pub fn not_joined(&self) -> Vec<(u32, Option<String>)> {
        let missing = self.workers.values().filter(|worker| !worker.has_joined());
        missing
            .map(|worker| (worker.replica, worker.last_error.clone()))
            .collect()
    }

    /// When somebody last got or gave back partitions, in microseconds of Unix time.
    #[must_use]
    pub fn last_change_us(&self) -> Option<i64> {
        let events = self.workers.values().flat_map(|worker| &worker.events);
        events.map(|event| event.at_us).max()
    }

    /// The workers that run.
    #[must_use]
    pub fn running(&self) -> Vec<ProcessId> {
        let runs = self.workers.iter().filter(|(_, worker)| worker.ended.is_none());
        runs.map(|(process, _)| *process).collect()
    }

    /// The running worker of a replica.
    #[must_use]
    pub fn running_replica(&self, replica: u32) -> Option<ProcessId> {
        let mut runs = self.workers.iter().filter(|(_, worker)| worker.ended.is_none());
        runs.find(|(_, worker)| worker.replica == replica)
            .map(|(process, _)| *process)
    }

    /// Whether a load process is connected and waits for its start.
    #[must_use]
    pub fn load_is_ready(&self) -> bool {
        self.loads.values().all(|load| load.ready || load.ended.is_some())
    }

    /// Whether every load process has sent all that it should.
    #[must_use]
    pub fn load_is_over(&self) -> bool {
        self.loads
            .values()
            .all(|load| load.end.is_some() || load.ended.is_some())
    }

    /// How a load process ended that had not sent everything.
    #[must_use]
    pub fn broken_load(&self) -> Option<&Ending> {
        let broken = self.loads.values().filter(|load| load.end.is_none());
        broken
            .filter_map(|load| load.ended.as_ref().map(|(_, ending)| ending))
            .next()
    }

    /// Whether every process has ended.
    #[must_use]
    pub fn all_ended(&self) -> bool {
        self.workers.values().all(|worker| worker.ended.is_some())
            && self.loads.values().all(|load| load.ended.is_some())
    }

    /// Records processed so far, repetitions by the same worker not counted.
    #[must_use]
    pub fn processed(&self) -> u64 {
        let ticks = self.workers.values().flat_map(|worker| worker.ticks.values());
        ticks.map(|tick| tick.records.saturating_sub(tick.repeated)).sum()
    }

    /// Records polled and not processed by workers that run.
    #[must_use]
    pub fn in_hand(&self) -> u64 {
        let runs = self.workers.values().filter(|worker| worker.ended.is_none());
        let last = runs.filter_map(|worker| worker.ticks.values().next_back());
        last.map(|tick| tick.in_hand).sum()
    }

    /// Lag at the newest tick at which the broker answered and all workers had spoken.
    #[must_use]
    pub fn lag_now(&self) -> Option<(u32, u64)> {
        let newest = *self.seen.keys().next_back()?;
        let moment = self.moment_at(newest.checked_sub(1)?)?;
        Some((newest, moment.lag?))
    }

    /// For how many ticks the broker has not answered. A look that waits for its time-out misses some: they count.
    #[must_use]
    pub fn silent_ticks(&self) -> u32 {
        let mut ticks = self.seen.iter();
        let (Some((first, _)), Some(newest)) = (ticks.next(), self.seen.keys().next_back()) else {
            return 0;
        };
        let answered = self.seen.iter().rev().find(|(_, seen)| seen.partitions.is_some());
        answered.map_or(newest + 1 - first, |(tick, _)| newest - tick)
    }

    /// Why a worker ended that nobody had told to, in a few words: the newest.
    #[must_use]
    pub fn died(&self) -> Option<String> {
        let mut dead: Vec<(i64, String)> = self
            .workers
            .values()
            .filter_map(|worker| {
                let (at_us, _) = worker.ended.as_ref().filter(|_| worker.done_to == DoneTo::Nothing)?;
                Some((*at_us, format!("worker {} {}", worker.replica, worker.end_said())))
            })
            .collect();
        dead.sort();
        dead.pop().map(|(_, what)| what)
    }
}

impl Worker {
    pub(super) fn has_joined(&self) -> bool {
        self.events.iter().any(|event| event.change == Change::Assigned)
    }

    fn holds(&self) -> BTreeSet<Partition> {
        let mut held = BTreeSet::new();
        if self.ended.is_some() {
            return held;
        }
        for event in &self.events {
            for partition in &event.partitions {
                match event.change {
                    Change::Assigned => held.insert(partition.clone()),
                    Change::Revoked | Change::Lost => held.remove(partition),
                };
            }
        }
        held
    }

    fn end(&self) -> WorkerEnd {
        let how = self.ended.as_ref().map(|(_, ending)| ending.how);
        match (how, self.done_to, &self.said_end) {
            (Some(How::OutOfMemory), ..) => WorkerEnd::OutOfMemory,
            (_, DoneTo::Killed, _) => WorkerEnd::KilledOnPurpose,
            (_, DoneTo::Hung, _) if self.has_joined() => WorkerEnd::Hung,
            _ if !self.has_joined() && self.was_told_or_killed() => WorkerEnd::NeverJoined,
            (Some(How::Signal(number)), ..) => WorkerEnd::Signal { number },
            (Some(How::Exited(status)), _, Some(EndReason::Failed { message })) => WorkerEnd::Failed {
                status,
                message: message.clone(),
            },
            (Some(How::Exited(0)), ..) if self.was_told() => WorkerEnd::Stopped,
            (Some(How::Exited(status)), ..) => WorkerEnd::Failed {
                status,
                message: self.last_words(),
            },
            (None, ..) => WorkerEnd::Hung,
        }
    }

    fn was_told_or_killed(&self) -> bool {
        matches!(self.done_to, DoneTo::Stopped | DoneTo::Hung)
    }

    /// The last line of its log, else that it said nothing.
    fn last_words(&self) -> String {
        let log = self.ended.as_ref().and_then(|(_, ending)| ending.log.lines().last());
        log.unwrap_or("it said nothing").to_owned()
    }

    /// How it ended, after its name.
    pub(super) fn end_said(&self) -> String {
        match self.end() {
            WorkerEnd::Stopped => "stopped".to_owned(),
            WorkerEnd::OutOfMemory => "was killed at its memory limit".to_owned(),
            WorkerEnd::KilledOnPurpose => "was killed on purpose".to_owned(),
            WorkerEnd::Signal { number } => format!("was ended by signal {number}"),
            WorkerEnd::Failed { status, message } => format!("ended with status {status}: {message}"),
            WorkerEnd::Hung => "did not end when told to".to_owned(),
            WorkerEnd::NeverJoined => "never joined its group".to_owned(),
        }
    }
}
