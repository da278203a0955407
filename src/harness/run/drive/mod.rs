//! A run as it goes on: who is started when, what is waited for, what ends it.

mod end;
mod stalls;

use std::collections::BTreeMap;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use super::faults::{Action, restart, schedule};
use super::specs::{load_spec, worker_spec};
use super::{Ground, Names, RunError};
use crate::broker::Connection;
use crate::harness::launch::{Job, Process, ProcessId, Said};
use crate::harness::merge::{DoneTo, Head, Merger};
use crate::harness::plan::{PhaseKind, SidePlan, Trial};
use crate::harness::probe::{Eyes, Seen, Usage, Watch};
use crate::harness::progress::{Progress, Stage};
use crate::harness::protocol::{Clock, Shard, Ticks};
use crate::harness::recording::Recording;

/// How long workers may take to join; a group that was never there before waits for its coordinator.
const JOIN_WITHIN_US: i64 = 45_000_000;
/// How long nobody must have come or gone, for a group to count as joined.
const SETTLED_US: i64 = 500_000;
/// How long a load process may take from its start to its first record.
const LOAD_STARTS_IN_US: i64 = 1_500_000;
/// For how many ticks a broker may be silent before it is asked whether it still runs.
const ASK_TICKS: u32 = 4;
/// For how many ticks it may be silent although it runs.
const SILENT_TICKS: u32 = 20;
/// How long a broker that came back may take to be found again: `reconnect.backoff.max.ms`, and a little.
const FOUND_WITHIN_US: i64 = 15_000_000;
/// How long one step waits for news.
const STEP: Duration = Duration::from_millis(25);
/// How long load processes may take after the schedule's end to hear of every record.
const LOAD_ENDS_WITHIN_S: f64 = 90.0;

/// Everything that one run holds while it goes on.
pub(super) struct Drive<'r> {
    ground: &'r Ground<'r>,
    trial: &'r Trial,
    side: &'r SidePlan,
    names: &'r Names,
    connection: &'r Connection,
    clock: Clock,
    ticks: Ticks,
    merger: Merger,
    processes: BTreeMap<ProcessId, Box<dyn Process>>,
    started: ProcessId,
    said: (Sender<Said>, Receiver<Said>),
    seen: Receiver<Seen>,
    watch: Watch,
    restarting: Option<JoinHandle<Result<f64, String>>>,
    /// Until then it is not held against a broker that it does not answer.
    excused_us: i64,
    cut_short: Option<String>,
}

impl<'r> Drive<'r> {
    /// Begins to look; nothing else is started yet.
    pub(super) fn new(
        ground: &'r Ground<'r>,
        trial: &'r Trial,
        side: &'r SidePlan,
        names: &'r Names,
        connection: &'r Connection,
        mut head: Head,
    ) -> Result<Self, RunError> {
        let clock = Clock::start();
        head.ticks.start_us = clock.now_us() + 250_000;
        let ticks = head.ticks;
        let isolation = side
            .properties
            .get("isolation.level")
            .map_or("read_uncommitted", String::as_str);
        let refused = |reason: String| RunError::Probe { reason };
        let eyes =
            Eyes::open(connection, &names.group, &names.read, isolation).map_err(|error| refused(error.to_string()))?;
        let broker = Arc::clone(&ground.broker);
        // While a broker restarts it is locked, and uses nothing that could be told.
        let usage: Usage = Arc::new(move || {
            let broker = match broker.try_lock() {
                Ok(broker) => broker,
                Err(std::sync::TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
                Err(std::sync::TryLockError::WouldBlock) => return None,
            };
            broker.usage().map(|usage| usage.cpu.as_secs_f64())
        });
        let (tell, seen) = channel();
        let watch = Watch::begin(eyes, ticks, usage, move |seen| drop(tell.send(seen)))
            .map_err(|error| refused(error.to_string()))?;
        Ok(Self {
            ground,
            trial,
            side,
            names,
            connection,
            clock,
            ticks,
            merger: Merger::new(head),
            processes: BTreeMap::new(),
            started: 0,
            said: channel(),
            seen,
            watch,
            restarting: None,
            excused_us: 0,
            cut_short: None,
        })
    }

    /// Runs it to its end.
    pub(super) fn run(mut self, stage: &dyn Fn(Stage)) -> Result<Recording, RunError> {
        stage(Stage::Joining);
        for replica in 0..self.side.replicas {
            self.start_worker(replica)?;
        }
        self.join();
        if self.goes_on() {
            self.start_load()?;
            self.carry_load(stage)?;
        }
        if self.goes_on() {
            stage(Stage::Draining);
            self.drain();
        }
        Ok(self.end())
    }

    fn goes_on(&self) -> bool {
        self.cut_short.is_none()
    }

    /// Ends the run early, for the first reason that there is.
    fn cut(&mut self, why: impl Into<String>) {
        if self.cut_short.is_none() {
            self.cut_short = Some(why.into());
        }
    }

    fn start_worker(&mut self, replica: u32) -> Result<(), RunError> {
        let spec = worker_spec(
            (self.trial, self.side),
            self.names,
            self.connection,
            replica,
            self.ticks,
            self.ground.seed,
        );
        let job = Job::Worker {
            spec: Box::new(spec),
            command: self.side.command.clone(),
            memory: self.side.memory.enforced(),
        };
        let process = self.start(&job)?;
        self.merger.worker(process, replica);
        self.tell_stalls(process);
        Ok(())
    }

    fn start(&mut self, job: &Job) -> Result<ProcessId, RunError> {
        let process = self.started;
        self.started += 1;
        let started = self.ground.launcher.start(process, job, self.said.0.clone())?;
        self.processes.insert(process, started);
        Ok(process)
    }

    /// Takes in what is said and seen, waiting a little for it.
    fn step(&mut self) {
        if let Ok(said) = self.said.1.recv_timeout(STEP) {
            self.merger.said(said);
        }
        while let Ok(said) = self.said.1.try_recv() {
            self.merger.said(said);
        }
        let mut looked = false;
        while let Ok(seen) = self.seen.try_recv() {
            self.merger.seen(seen);
            looked = true;
        }
        if looked && let Some(moment) = self.merger.latest() {
            let name = self.trial.name().to_owned();
            self.ground.listener.tell(Progress::Moment { name, moment });
        }
        if self.ground.stop.is_requested() {
            self.cut("stopped by Ctrl-C");
        }
        self.watch_broker(looked);
    }

    /// Asks a broker that was `looked` at and has been silent for long whether it still runs.
    fn watch_broker(&mut self, looked: bool) {
        if let Some(restarting) = self.restarting.take_if(|thread| thread.is_finished()) {
            let now_us = self.clock.now_us();
            match restarting.join() {
                Ok(Ok(away_s)) => {
                    self.excused_us = now_us + FOUND_WITHIN_US;
                    self.merger
                        .fault(now_us, format!("the broker is back after {away_s:.1} s"));
                }
                Ok(Err(why)) => self.cut(format!("the broker did not come back: {why}")),
                Err(_) => self.cut("the broker did not come back"),
            }
        }
        let silent = self.merger.silent_ticks();
        if !looked || self.restarting.is_some() || silent < ASK_TICKS {
            return;
        }
        let checked = self
            .ground
            .broker
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .check();
        match checked {
            Err(error) => self.cut(error.brief()),
            Ok(()) if silent >= SILENT_TICKS && self.clock.now_us() > self.excused_us => {
                self.cut("the broker runs and has not answered for 5 s");
            }
            Ok(()) => {}
        }
    }

    /// Waits until every worker has its partitions.
    fn join(&mut self) {
        let since_us = self.clock.now_us();
        loop {
            self.step();
            let now_us = self.clock.now_us();
            let settled = self
                .merger
                .last_change_us()
                .is_some_and(|at_us| now_us - at_us > SETTLED_US);
            if !self.goes_on() || (settled && self.merger.has_joined()) {
                return;
            }
            if let Some(died) = self.merger.died() {
                return self.cut(format!("{died}, before there was any load"));
            }
            if now_us - since_us > JOIN_WITHIN_US {
                return self.cut(self.not_joined());
            }
        }
    }

    fn not_joined(&self) -> String {
        let seconds = JOIN_WITHIN_US / 1_000_000;
        match self.merger.not_joined().into_iter().next() {
            Some((replica, Some(why))) => format!("worker {replica} did not join its group within {seconds} s: {why}"),
            Some((replica, None)) => {
                format!("worker {replica} did not join its group within {seconds} s, and did not say why")
            }
            None => format!("after {seconds} s the group still moved partitions to and fro"),
        }
    }

    /// Starts the load at one of the workers' ticks, so that both count the same ones.
    fn start_load(&mut self) -> Result<(), RunError> {
        let every_us = i64::from(self.ticks.every_ms) * 1_000;
        let start_us = self.clock.now_us() + LOAD_STARTS_IN_US - self.ticks.start_us;
        let tick = u32::try_from(start_us.max(0) / every_us + 1).unwrap_or(u32::MAX);
        self.merger.load_starts_at(tick);
        for process in self.merger.running() {
            self.tell_stalls(process);
        }
        let ticks = Ticks {
            start_us: self.merger.started_us(),
            seed: self.ticks.seed.wrapping_add(u64::from(tick)),
            ..self.ticks
        };
        let of = self.ground.load_shards.max(1);
        for index in 0..of {
            let shard = Shard { index, of };
            let spec = load_spec(self.trial, self.names, self.connection, shard, ticks, self.ground.seed);
            let process = self.start(&Job::Load(spec))?;
            self.merger.load(process);
        }
        Ok(())
    }

    /// Seconds since the start of the load.
    #[expect(clippy::cast_precision_loss, reason = "a run's length")]
    fn at_s(&self) -> f64 {
        (self.clock.now_us() - self.merger.started_us()) as f64 / 1e6
    }

    /// Lets the load run, doing what was asked for at its time, until everything is sent.
    fn carry_load(&mut self, stage: &dyn Fn(Stage)) -> Result<(), RunError> {
        let mut actions = schedule(self.trial, self.side).into_iter().peekable();
        let warm_ups = self.trial.phases.iter().filter(|phase| phase.kind == PhaseKind::WarmUp);
        let warm_s = warm_ups.map(|phase| phase.to_s).fold(0.0, f64::max);
        let end_s = self.trial.seconds();
        let mut told = None;
        loop {
            self.step();
            if !self.goes_on() {
                return Ok(());
            }
            let at_s = self.at_s();
            let now = if at_s < warm_s { Stage::WarmUp } else { Stage::Measuring };
            if at_s >= 0.0 && told != Some(now) {
                told = Some(now);
                stage(now);
            }
            while let Some((_, action)) = actions.next_if(|(due_s, _)| *due_s <= at_s) {
                self.act(action)?;
            }
            if let Some(ending) = self.merger.broken_load() {
                let last = ending.log.lines().last().unwrap_or("it said nothing").to_owned();
                self.cut(format!("a load process ended before its load did: {last}"));
            } else if self.merger.load_is_over()
                && at_s >= end_s
                && actions.peek().is_none()
                && self.restarting.is_none()
            {
                return Ok(());
            } else if at_s > end_s + LOAD_ENDS_WITHIN_S {
                self.cut(format!(
                    "{LOAD_ENDS_WITHIN_S} s after the load's end the broker had not taken all of it"
                ));
            }
        }
    }

    fn act(&mut self, action: Action) -> Result<(), RunError> {
        let now_us = self.clock.now_us();
        match action {
            Action::Say(what) => self.merger.fault(now_us, what),
            Action::Stall(from, to) => self.stall_begins(from, to),
            Action::StallEnds(from, to) => self.has_stalled(from, to),
            Action::Start(replica) => {
                let what = if replica < self.side.replicas {
                    "started again"
                } else {
                    "added"
                };
                self.merger.fault(now_us, format!("worker {replica} {what}"));
                self.start_worker(replica)?;
            }
            Action::Kill(replica) => {
                if let Some(process) = self.merger.running_replica(replica) {
                    self.merger.fault(now_us, format!("worker {replica} killed"));
                    self.merger.done_to(process, DoneTo::Killed, now_us);
                    self.processes
                        .get_mut(&process)
                        .into_iter()
                        .for_each(|process| process.kill());
                }
            }
            Action::Stop(replica) => {
                if let Some(process) = self.merger.running_replica(replica) {
                    self.merger.fault(now_us, format!("worker {replica} taken away"));
                    self.tell_to_stop(process);
                }
            }
            Action::RestartBroker => {
                self.merger.fault(now_us, "the broker is restarted");
                match restart(&self.ground.broker) {
                    Ok(thread) => self.restarting = Some(thread),
                    Err(error) => self.cut(format!("the broker could not be restarted: {error}")),
                }
            }
        }
        Ok(())
    }
}
