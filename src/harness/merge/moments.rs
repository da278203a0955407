//! What was seen at each tick.

use std::collections::BTreeMap;

use super::{Change, Merger, Partition, Worker, seconds};
use crate::harness::probe::PartitionSeen;
use crate::harness::protocol::{StreamIntervals, WorkerTick};
use crate::harness::recording::Moment;

/// Sums up to a tick.
#[derive(Debug, Default, Clone)]
struct SoFar {
    sent: u64,
    due: u64,
    processed: u64,
}

impl Merger {
    /// All moments since the load started, in order.
    pub(super) fn moments(&self) -> Vec<Moment> {
        let mut processed = StreamIntervals::new();
        let mut so_far = SoFar::default();
        let mut moments = Vec::new();
        let Some(first_tick) = self.first_tick else {
            return moments;
        };
        for tick in self.ticks() {
            self.add_tick(tick, &mut so_far, &mut processed);
            if tick >= first_tick {
                moments.push(self.moment(tick, &so_far));
            }
        }
        moments
    }

    /// One moment, for showing; all before it are added up anew.
    pub(super) fn moment_at(&self, tick: u32) -> Option<Moment> {
        if self.first_tick.is_none_or(|first| tick < first) {
            return None;
        }
        let workers = self.workers.values();
        let records = workers.flat_map(|worker| worker.ticks.range(..=tick)).map(|(_, tick)| {
            // Repetitions by another worker are counted here; the recording counts each record once.
            tick.records.saturating_sub(tick.repeated)
        });
        let loads = || self.loads.values().flat_map(|load| load.ticks.range(..=tick));
        let so_far = SoFar {
            sent: loads().map(|(_, tick)| tick.acknowledged).sum(),
            due: loads().map(|(_, tick)| tick.due).sum(),
            processed: records.sum(),
        };
        Some(self.moment(tick, &so_far))
    }

    /// Every tick of which somebody said something, up to the last at which the broker was looked at.
    fn ticks(&self) -> Vec<u32> {
        let last = self.seen.keys().next_back().copied().unwrap_or(0);
        let workers = self.workers.values().flat_map(|worker| worker.ticks.keys());
        let loads = self.loads.values().flat_map(|load| load.ticks.keys());
        let mut ticks: Vec<u32> = workers.chain(loads).chain(self.seen.keys()).copied().collect();
        ticks.retain(|tick| *tick <= last);
        ticks.sort_unstable();
        ticks.dedup();
        ticks
    }

    fn add_tick(&self, tick: u32, so_far: &mut SoFar, processed: &mut StreamIntervals) {
        for load in self.loads.values() {
            if let Some(tick) = load.ticks.get(&tick) {
                so_far.sent += tick.acknowledged;
                so_far.due += tick.due;
            }
        }
        for worker in self.workers.values() {
            if let Some(tick) = worker.ticks.get(&tick) {
                so_far.processed += processed.extend(&tick.processed);
            }
        }
    }

    fn moment(&self, tick: u32, so_far: &SoFar) -> Moment {
        let at_us = self.head.ticks.at(tick);
        let held = self.held_at(tick, at_us);
        let seen = self.seen.get(&tick).and_then(|seen| seen.partitions.as_deref());
        let lag = seen.map(|partitions| {
            sum(partitions, |seen| {
                position(held.get(&key(seen)).copied().flatten(), seen)
            })
        });
        let committed_lag = seen.map(|partitions| sum(partitions, |seen| position(None, seen)));
        let alive: Vec<&WorkerTick> = self
            .in_order()
            .filter_map(|worker| worker.tick_at(tick, at_us))
            .collect();
        let all = self.partitions().len();
        Moment {
            at_s: seconds(at_us - self.started_us()),
            lag,
            committed_lag,
            sent: so_far.sent,
            due: so_far.due,
            processed: so_far.processed,
            in_hand: alive.iter().map(|tick| tick.in_hand).sum(),
            memory: alive.iter().map(|tick| tick.resident_bytes.unwrap_or(0)).collect(),
            broker_cores: self.broker_cores(tick),
            worker_cores: self.worker_cores(tick),
            unassigned: u32::try_from(all.saturating_sub(held.len())).unwrap_or(u32::MAX),
        }
    }

    /// Which partitions are held at a tick, and how far their holder is; nothing before its first record.
    fn held_at(&self, tick: u32, at_us: i64) -> BTreeMap<Partition, Option<i64>> {
        let mut held: BTreeMap<Partition, Option<i64>> = BTreeMap::new();
        for worker in self.workers.values() {
            let Some(last) = worker.tick_at(tick, at_us) else {
                continue;
            };
            for position in &last.positions {
                let partition = (position.topic.clone(), position.partition);
                if worker.gave_up(&partition, last.at_us, at_us) {
                    continue;
                }
                // For an instant two may think that they hold one: the further one is right.
                let known = held.entry(partition).or_default();
                *known = (*known).max(position.processed);
            }
        }
        held
    }

    fn in_order(&self) -> impl Iterator<Item = &Worker> {
        let mut workers: Vec<&Worker> = self.workers.values().collect();
        workers.sort_by_key(|worker| worker.replica);
        workers.into_iter()
    }

    fn broker_cores(&self, tick: u32) -> Option<f64> {
        let now = self.seen.get(&tick)?;
        let (_, before) = self.seen.range(..tick).next_back()?;
        rate(
            (before.at_us, before.broker_cpu_seconds?),
            (now.at_us, now.broker_cpu_seconds?),
        )
    }

    fn worker_cores(&self, tick: u32) -> Option<f64> {
        let cores = self.workers.values().filter_map(|worker| {
            let now = worker.ticks.get(&tick)?;
            let (_, before) = worker.ticks.range(..tick).next_back()?;
            rate((before.at_us, before.cpu_seconds), (now.at_us, now.cpu_seconds))
        });
        cores.reduce(|sum, cores| sum + cores)
    }

    /// Of the thread that waited longest for a core: the share of the time since the load started.
    pub(super) fn cpu_wait(&self) -> Option<f64> {
        let started_us = self.started_us();
        let share = |ticks: &mut dyn Iterator<Item = (i64, Option<f64>)>| {
            let known: Vec<(i64, f64)> = ticks
                .filter(|(at_us, _)| *at_us >= started_us)
                .filter_map(|(at_us, waited)| Some((at_us, waited?)))
                .collect();
            rate(*known.first()?, *known.last()?)
        };
        let workers = self
            .workers
            .values()
            .filter_map(|worker| share(&mut worker.ticks.values().map(|tick| (tick.at_us, tick.cpu_wait_seconds))));
        let loads = self
            .loads
            .values()
            .filter_map(|load| share(&mut load.ticks.values().map(|tick| (tick.at_us, tick.cpu_wait_seconds))));
        workers.chain(loads).reduce(f64::max)
    }
}

impl Worker {
    /// Its newest word at a tick; nothing before its first and after its end.
    fn tick_at(&self, tick: u32, at_us: i64) -> Option<&WorkerTick> {
        let ended = self.ended.as_ref().is_some_and(|(ended_us, _)| *ended_us <= at_us);
        let last = self.ticks.range(..=tick).next_back()?.1;
        (!ended || last.tick == tick).then_some(last)
    }

    /// Whether a partition was taken from it between its last word and now.
    fn gave_up(&self, partition: &Partition, since_us: i64, until_us: i64) -> bool {
        let of = |event: &&super::Event| event.at_us > since_us && event.at_us <= until_us;
        let mut changes = self.events.iter().filter(of);
        changes
            .rfind(|event| event.partitions.contains(partition))
            .is_some_and(|event| event.change != Change::Assigned)
    }
}

fn key(seen: &PartitionSeen) -> Partition {
    (seen.topic.clone(), seen.partition)
}

/// Where a partition is read on from: what is processed, else what is committed, else the log's start; never before that.
fn position(processed: Option<i64>, seen: &PartitionSeen) -> i64 {
    processed.or(seen.committed).unwrap_or(seen.start).max(seen.start)
}

fn sum(partitions: &[PartitionSeen], position: impl Fn(&PartitionSeen) -> i64) -> u64 {
    let behind = |seen: &PartitionSeen| u64::try_from(seen.end - position(seen)).unwrap_or(0);
    partitions.iter().map(behind).sum()
}

/// What grows by the second between two looks.
fn rate(before: (i64, f64), now: (i64, f64)) -> Option<f64> {
    let seconds = seconds(now.0 - before.0);
    (seconds > 0.0).then(|| ((now.1 - before.1) / seconds).max(0.0))
}
