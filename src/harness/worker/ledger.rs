//! The books of one worker: where it is in its partitions, and what became of every record.
//!
//! One lock, held for the length of a few additions: the sampler reads it at its moment whatever the handler is doing.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::harness::protocol::{Position, Range, Stream};

use super::books::{Books, Counters, Done, Holding, State};

/// What the books say at a moment.
#[derive(Debug)]
pub(super) struct Page {
    pub positions: Vec<Position>,
    pub processed: Vec<Range>,
    pub in_hand: u64,
    pub counters: Counters,
}

/// Where a record stands: under which holding, and its topic's place in the spec; nothing where its partition went.
pub(super) type Place = Option<(Holding, usize)>;

/// The books of one worker.
#[derive(Debug)]
pub(super) struct Ledger(Mutex<Books>);

impl Ledger {
    /// Of a worker on these topics.
    pub(super) fn new(topics: &[String]) -> Self {
        Self(Mutex::new(Books {
            topics: topics.to_vec(),
            partitions: Vec::new(),
            known: Vec::new(),
            held: Vec::new(),
            keys: HashMap::default(),
            in_hand: 0,
            counters: Counters::default(),
        }))
    }

    fn books(&self) -> MutexGuard<'_, Books> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Partitions came.
    pub(super) fn assigned(&self, partitions: &[(String, i32)]) {
        let mut books = self.books();
        for (topic, number) in partitions {
            let partition = books.partition(topic, *number);
            books.hold(partition);
        }
    }

    /// Partitions went. What is open in them is no longer in hand, unless it is `kept`: then it will still be processed.
    pub(super) fn unassigned(&self, partitions: &[(String, i32)], kept: bool) {
        let mut books = self.books();
        for (topic, number) in partitions {
            let partition = books.partition(topic, *number);
            let Some(holding) = books.partitions[partition].holding.take() else {
                continue;
            };
            let held = &mut books.held[holding.0];
            held.state = if kept { State::Kept } else { State::Dropped };
            let open = std::mem::take(&mut held.open);
            if !kept {
                let dropped = open.iter().filter(|(_, done)| !done).count() as u64;
                books.in_hand = books.in_hand.saturating_sub(dropped);
            }
        }
    }

    /// Whether a partition is still held as it was.
    pub(super) fn is_held(&self, holding: Holding) -> bool {
        self.books().held[holding.0].state == State::Held
    }

    /// Enters a batch as it was polled: each record's topic, partition and offset. Says under which holding each stands, and
    /// which topic of the spec it is; nothing where its partition went while the batch was polled.
    pub(super) fn polled<'a>(
        &self,
        records: impl Iterator<Item = (&'a str, i32, i64)>,
        mut entered: impl FnMut(Place),
    ) {
        let mut books = self.books();
        books.counters.batches += 1;
        let mut last: Option<(&str, i32, Place)> = None;
        for (topic, number, offset) in records {
            let place = match last {
                Some((t, n, place)) if t == topic && n == number => place,
                _ => {
                    let at = books.partition(topic, number);
                    let partition = &books.partitions[at];
                    partition.holding.map(|holding| (holding, partition.topic))
                }
            };
            last = Some((topic, number, place));
            if let Some((holding, _)) = place {
                let held = &mut books.held[holding.0];
                held.polled = Some(offset + 1);
                held.open.push_back((offset, false));
                books.in_hand += 1;
            }
            entered(place);
        }
    }

    /// Enters records that were dealt with.
    pub(super) fn done(&self, done: &[Done]) {
        let mut books = self.books();
        for done in done {
            books.done(done);
        }
    }

    /// The held partitions that have brought a record.
    pub(super) fn begun(&self) -> Vec<(String, i32)> {
        let books = self.books();
        let begun = books.partitions.iter().filter_map(|partition| {
            books.held[partition.holding?.0].polled?;
            Some((books.topics[partition.topic].clone(), partition.number))
        });
        begun.collect()
    }

    /// How long the application stayed away between two polls.
    pub(super) fn poll_gap(&self, us: u64) {
        let mut books = self.books();
        books.counters.longest_poll_gap_us = books.counters.longest_poll_gap_us.max(us);
    }

    /// Where each held partition could be committed to and is not: topic, partition, offset.
    pub(super) fn to_commit(&self, what: Commit) -> Vec<(String, i32, i64)> {
        let books = self.books();
        let held = books.partitions.iter().filter_map(|partition| {
            let held = &books.held[partition.holding?.0];
            let offset = match what {
                Commit::Processed => held.processed,
                Commit::Polled => held.polled,
            }?;
            let new = held.committed.is_none_or(|committed| committed < offset);
            new.then(|| (books.topics[partition.topic].clone(), partition.number, offset))
        });
        held.collect()
    }

    /// The broker took these as committed.
    pub(super) fn committed(&self, offsets: impl IntoIterator<Item = (String, i32, i64)>) {
        let mut books = self.books();
        for (topic, number, offset) in offsets {
            let partition = books.partition(&topic, number);
            if let Some(holding) = books.partitions[partition].holding {
                books.held[holding.0].committed = Some(offset);
            }
        }
    }

    /// What the books say now; counters and numbers begin anew.
    pub(super) fn page(&self) -> Page {
        let mut books = self.books();
        let Books {
            topics,
            partitions,
            held,
            in_hand,
            counters,
            ..
        } = &mut *books;
        let positions = partitions.iter().filter_map(|partition| {
            let held = &held[partition.holding?.0];
            Some(Position {
                topic: topics[partition.topic].clone(),
                partition: partition.number,
                processed: held.processed,
                polled: held.polled,
                committed: held.committed,
            })
        });
        let positions = positions.collect();
        let mut processed = Vec::new();
        for partition in partitions.iter_mut() {
            for (shard, numbers) in &mut partition.streams {
                let since = std::mem::take(&mut numbers.since_tick);
                processed.extend(since.iter().map(|(from, to)| Range {
                    stream: Stream {
                        topic: topics[partition.topic].clone(),
                        partition: partition.number,
                        shard: *shard,
                    },
                    from,
                    to,
                }));
            }
        }
        Page {
            positions,
            processed,
            in_hand: *in_hand,
            counters: std::mem::take(counters),
        }
    }
}

/// Up to where offsets are committed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Commit {
    /// What was processed.
    Processed,
    /// What was polled.
    Polled,
}

#[cfg(test)]
#[path = "ledger_tests.rs"]
mod tests;
