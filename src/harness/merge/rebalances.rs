//! Changes of who holds what, and why.

use super::{Change, DoneTo, Event, Merger, seconds};
use crate::harness::plan::FaultKind;
use crate::harness::recording::{Rebalance, RebalanceCause};

/// Changes that are not further apart belong together: members hear of one within a heartbeat.
const TOGETHER_US: i64 = 1_000_000;
/// The longest that one lasts: a group that is never quiet goes round and round.
const LONGEST_US: i64 = 3_000_000;
/// How much later than it could a change may come, and still be the consequence of what happened: coordinators and
/// clients look only every so often.
const SLACK_US: i64 = 5_000_000;
/// How far apart an overrun and the change that follows from it may be told: callbacks wait for the next poll.
const TOLD_US: i64 = 2_000_000;

/// One change as it is seen from all workers.
struct Cluster<'a> {
    from_us: i64,
    to_us: i64,
    events: Vec<(u32, &'a Event)>,
}

impl Merger {
    /// All rebalances, in order.
    pub(super) fn rebalances(&self) -> Vec<Rebalance> {
        let started_us = self.started_us();
        let clusters = self.clusters();
        let describe = |cluster: &Cluster<'_>| {
            let (cause, what) = self.why(cluster);
            Rebalance {
                at_s: seconds(cluster.from_us - started_us),
                cause,
                what,
            }
        };
        clusters.iter().map(describe).collect()
    }

    /// Events of all workers, the farewells at the end left out.
    fn clusters(&self) -> Vec<Cluster<'_>> {
        let started_us = self.load_started_us();
        let mut events: Vec<(u32, &Event)> = Vec::new();
        let stopping_us = self.stopping_us();
        for worker in self.workers.values() {
            let told = |event: &&Event| worker.stopped_us.is_none_or(|stopped| event.at_us < stopped);
            let before_the_end = |event: &&Event| stopping_us.is_none_or(|stopping| event.at_us < stopping);
            let heard = worker.events.iter().filter(told).filter(before_the_end);
            events.extend(heard.map(|event| (worker.replica, event)));
        }
        events.sort_by_key(|(replica, event)| (event.at_us, *replica));
        let mut clusters: Vec<Cluster<'_>> = Vec::new();
        for (replica, event) in events {
            match clusters.last_mut() {
                Some(last)
                    if event.at_us < started_us
                        || (event.at_us - last.to_us <= TOGETHER_US && event.at_us - last.from_us <= LONGEST_US) =>
                {
                    last.to_us = event.at_us;
                    last.events.push((replica, event));
                }
                _ => clusters.push(Cluster {
                    from_us: event.at_us,
                    to_us: event.at_us,
                    events: vec![(replica, event)],
                }),
            }
        }
        clusters
    }

    /// When the load started; where it never did, everything was before it.
    fn load_started_us(&self) -> i64 {
        self.first_tick.map_or(i64::MAX, |_| self.started_us())
    }

    /// When the last worker that still ran was told to stop: from then on everybody leaves.
    fn stopping_us(&self) -> Option<i64> {
        let told = self.workers.values().filter(|worker| worker.done_to != DoneTo::Killed);
        let told: Vec<i64> = told.filter_map(|worker| worker.stopped_us).collect();
        // A replica that was added and taken away again was told alone.
        let last = *told.iter().max()?;
        told.into_iter().filter(|stopped| last - stopped <= TOGETHER_US).min()
    }

    fn why(&self, cluster: &Cluster<'_>) -> (RebalanceCause, String) {
        if cluster.from_us < self.load_started_us() {
            let mut who: Vec<u32> = cluster.events.iter().map(|(replica, _)| *replica).collect();
            who.sort_unstable();
            who.dedup();
            let workers = if who.len() == 1 { "worker" } else { "workers" };
            return (RebalanceCause::Start, format!("{} {workers} joined", who.len()));
        }
        let until_us = micros(self.head.session_s) + SLACK_US;
        let near = |at_us: i64| at_us >= cluster.from_us - TOLD_US && at_us <= cluster.to_us + TOLD_US;
        let mut overran = self
            .workers
            .values()
            .filter(|worker| worker.overruns_us.iter().any(|at_us| near(*at_us)));
        if let Some(worker) = overran.next() {
            let what = format!(
                "worker {} took longer than {} s between two polls",
                worker.replica, self.head.poll_interval_s
            );
            let asked = self.head.faults.contains(&FaultKind::SlowRecord);
            return match asked {
                true => (RebalanceCause::Fault, what),
                false => (RebalanceCause::PollInterval, what),
            };
        }
        let follows = |at_us: i64| at_us <= cluster.to_us && cluster.from_us - at_us <= until_us;
        if let Some((_, what)) = self.faults.iter().rev().find(|(at_us, _)| follows(*at_us)) {
            return (RebalanceCause::Fault, what.clone());
        }
        let mut died = self.workers.values().filter(|worker| {
            let ended_us = worker.ended.as_ref().map(|(at_us, _)| *at_us);
            worker.done_to == DoneTo::Nothing && ended_us.is_some_and(follows)
        });
        if let Some(worker) = died.next() {
            return (
                RebalanceCause::WorkerDied,
                format!("worker {} {}", worker.replica, worker.end_said()),
            );
        }
        let lost = cluster.events.iter().find(|(_, event)| event.change == Change::Lost);
        match lost {
            Some((replica, _)) => (
                RebalanceCause::Session,
                format!("worker {replica} lost its partitions: its heartbeats did not come in time"),
            ),
            None => (RebalanceCause::Unknown, "partitions moved".to_owned()),
        }
    }
}

#[expect(clippy::cast_possible_truncation, reason = "a timeout in microseconds")]
fn micros(seconds: f64) -> i64 {
    (seconds * 1e6) as i64
}
