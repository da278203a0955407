//! What became of the records.

use std::collections::BTreeMap;

use super::{DoneTo, Merger, Partition, Worker};
use crate::harness::plan::PhaseKind;
use crate::harness::probe::PartitionSeen;
use crate::harness::protocol::{CommitSpec, Micros, StreamIntervals, WorkerTick};
use crate::harness::recording::Account;

/// Records of a partition that were sent, and those that nobody said to have processed.
#[derive(Debug, Default, Clone, Copy)]
struct Counted {
    sent: u64,
    missing: u64,
}

impl Merger {
    /// The account, and end-to-end latency: of all records, and of those in measured phases.
    pub(super) fn account(&self, last: Option<&[PartitionSeen]>) -> (Account, Micros, Micros) {
        let mut processed = StreamIntervals::new();
        let (mut latency, mut measured) = (Micros::new(), Micros::new());
        let mut account = Account::default();
        let mut records = 0;
        for tick in self.workers.values().flat_map(|worker| worker.ticks.values()) {
            processed.extend(&tick.processed);
            records += tick.records;
            account.reordered += tick.reordered;
            account.failed += tick.failed;
            account.dead_letters += tick.dead_letters;
            account.foreign += tick.foreign;
            // What can't be read was said when it came, and the account is exact without it.
            if let Ok(read) = tick.latency.decode() {
                latency.merge(&read);
                if self.is_measured(tick) {
                    measured.merge(&read);
                }
            }
        }
        account.sent = self.acknowledged.count();
        account.unsent = self.unsent.count();
        account.duplicated = records.saturating_sub(processed.count());
        let seen = last.or_else(|| self.seen.values().rev().find_map(|seen| seen.partitions.as_deref()));
        let counted = self.counted(&processed);
        let nobody_died = self
            .workers
            .values()
            .all(|worker| worker.ended.is_none() || worker.said_end.is_some());
        let mut unheard = 0;
        for (partition, counted) in &counted {
            let end = seen.and_then(|all| all.iter().find(|seen| is(seen, partition)));
            let done = self.done_unheard(partition).min(counted.missing);
            let to_come = end.map_or(0, |end| self.to_come(partition, end));
            let lost = counted.missing.saturating_sub(done).saturating_sub(to_come);
            unheard += done;
            account.lost += lost;
            account.lost_to_retention += match self.overtaken(partition) {
                0 => 0,
                // The log's start is seen at ticks only, and goes on until the worker has jumped to it.
                _ if nobody_died => lost,
                seen => lost.min(seen),
            };
        }
        account.processed = account.sent.min(processed.count()) + unheard;
        (account, latency, measured)
    }

    fn is_measured(&self, tick: &WorkerTick) -> bool {
        let at_s = super::seconds(self.head.ticks.at(tick.tick) - self.started_us());
        let mut warm_ups = self.head.phases.iter().filter(|phase| phase.kind == PhaseKind::WarmUp);
        at_s >= 0.0 && !warm_ups.any(|phase| at_s >= phase.from_s && at_s < phase.to_s)
    }

    fn counted(&self, processed: &StreamIntervals) -> BTreeMap<Partition, Counted> {
        let mut counted: BTreeMap<Partition, Counted> = BTreeMap::new();
        for (stream, sent) in self.acknowledged.iter() {
            let of = counted.entry((stream.topic.clone(), stream.partition)).or_default();
            of.sent += sent.count();
            of.missing += processed
                .stream(stream)
                .map_or_else(|| sent.count(), |done| done.missing(sent).count());
        }
        counted
    }

    /// Records that are still in the log for whoever comes next: neither processed nor given up.
    fn to_come(&self, partition: &Partition, end: &PartitionSeen) -> u64 {
        let positions = self.workers.values().flat_map(|worker| worker.positions(partition));
        let processed = positions.filter_map(|position| position.processed).max();
        let resume = end.committed.max(processed).unwrap_or(end.start).max(end.start);
        u64::try_from(end.end - resume).unwrap_or(0)
    }

    /// Records that a worker processed and committed and then could not tell of, because it was killed: it speaks every
    /// quarter of a second, and where commits follow processing the broker knows better.
    fn done_unheard(&self, partition: &Partition) -> u64 {
        if !matches!(self.head.commit, CommitSpec::AfterBatch | CommitSpec::AfterRecord) {
            return 0;
        }
        let of = |worker: &Worker| {
            let (ended_us, _) = worker.ended.as_ref().filter(|_| worker.said_end.is_none())?;
            let told = worker.ticks.values().next_back()?.positions.iter();
            let told = told.filter(|position| (&position.topic, position.partition) == (&partition.0, partition.1));
            let told = told
                .map(|position| position.processed.or(position.committed))
                .next()??;
            let seen = self.seen.values().filter(|seen| seen.at_us > *ended_us);
            let then = seen.filter_map(|seen| seen.partitions.as_ref()).next()?;
            let committed = then.iter().find(|seen| is(seen, partition))?.committed?;
            u64::try_from(committed - told).ok()
        };
        self.workers.values().filter_map(of).sum()
    }

    /// Records of a partition that the broker deleted before they were polled: the most by which its log's start was past
    /// what had been polled, each time that this happened.
    fn overtaken(&self, partition: &Partition) -> u64 {
        let (mut sum, mut ahead) = (0, 0);
        for (tick, seen) in &self.seen {
            let Some(found) = seen.partitions.iter().flatten().find(|seen| is(seen, partition)) else {
                continue;
            };
            let polled = self.workers.values().filter_map(|worker| {
                let last = worker.ticks.range(..=*tick).next_back()?.1;
                let of = |position: &&crate::harness::protocol::Position| {
                    (&position.topic, position.partition) == (&partition.0, partition.1)
                };
                last.positions.iter().find(of)?.polled
            });
            let polled = polled.max().or(found.committed).unwrap_or(0);
            if found.start > polled {
                ahead = ahead.max(found.start - polled);
            } else {
                sum += std::mem::take(&mut ahead);
            }
        }
        u64::try_from(sum + ahead).unwrap_or(0)
    }
}

impl Worker {
    /// All that it said of a partition.
    fn positions<'w>(
        &'w self,
        partition: &'w Partition,
    ) -> impl Iterator<Item = &'w crate::harness::protocol::Position> {
        let all = self.ticks.values().flat_map(|tick| &tick.positions);
        all.filter(move |position| (&position.topic, position.partition) == (&partition.0, partition.1))
    }

    /// Whether it ended because it was told to.
    pub(super) fn was_told(&self) -> bool {
        matches!(self.done_to, DoneTo::Stopped)
    }
}

fn is(seen: &PartitionSeen, partition: &Partition) -> bool {
    (&seen.topic, seen.partition) == (&partition.0, partition.1)
}
