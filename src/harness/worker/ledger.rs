//! The books of one worker: where it is in its partitions, and what became of every record.
//!
//! One lock, held for the length of a few additions: the sampler reads it at its moment whatever the handler is doing.

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::harness::protocol::{Intervals, Micros, Position, Range, RecordHeader, Stream};

/// One assignment of one partition; a partition that comes back is another one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Holding(usize);

/// How a record ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Outcome {
    /// Its handler took it.
    Handled,
    /// Its handler failed for good and it was skipped.
    Skipped,
    /// Its handler failed for good and it is in the dead-letter topic.
    DeadLetter,
    /// It is of another run.
    Foreign,
}

/// A record that was dealt with.
#[derive(Debug, Clone, Copy)]
pub(super) struct Done {
    pub holding: Holding,
    pub offset: i64,
    pub header: Option<RecordHeader>,
    /// Of its value.
    pub bytes: usize,
    /// When, Unix time.
    pub at_us: i64,
    pub outcome: Outcome,
}

/// What has become of an assignment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Held,
    /// The partition went, and what was open in it is dropped.
    Dropped,
    /// The partition went, and what was open in it will still be processed.
    Kept,
}

#[derive(Debug)]
struct Held {
    partition: usize,
    state: State,
    polled: Option<i64>,
    processed: Option<i64>,
    committed: Option<i64>,
    /// Polled and not all processed, in the order of offsets, with whether each is.
    open: VecDeque<(i64, bool)>,
}

/// A partition that was held at some time, and the numbers that were processed in it.
#[derive(Debug)]
struct Partition {
    topic: usize,
    number: i32,
    holding: Option<Holding>,
    streams: Vec<(u32, Numbers)>,
}

#[derive(Debug, Default)]
struct Numbers {
    ever: Intervals,
    since_tick: Intervals,
}

/// What is counted from tick to tick.
#[derive(Debug, Default)]
pub(super) struct Counters {
    pub records: u64,
    pub bytes: u64,
    pub repeated: u64,
    pub reordered: u64,
    pub foreign: u64,
    pub failed: u64,
    pub dead_letters: u64,
    pub batches: u64,
    pub latency: Micros,
    pub longest_poll_gap_us: u64,
}

/// What the books say at a moment.
#[derive(Debug)]
pub(super) struct Page {
    pub positions: Vec<Position>,
    pub processed: Vec<Range>,
    pub in_hand: u64,
    pub counters: Counters,
}

#[derive(Debug)]
struct Books {
    topics: Vec<String>,
    partitions: Vec<Partition>,
    /// By topic and partition: an index into `partitions`.
    known: Vec<Vec<Option<usize>>>,
    held: Vec<Held>,
    /// The number that comes next, by topic, shard and key.
    keys: HashMap<(u32, u32, u32), u64>,
    in_hand: u64,
    counters: Counters,
}

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
            keys: HashMap::new(),
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
        mut entered: impl FnMut(Option<(Holding, usize)>),
    ) {
        let mut books = self.books();
        books.counters.batches += 1;
        type Last<'r> = (&'r str, i32, Option<(Holding, usize)>);
        let mut last: Option<Last<'_>> = None;
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

impl Books {
    fn partition(&mut self, topic: &str, number: i32) -> usize {
        let at = self.topics.iter().position(|known| known == topic).unwrap_or_else(|| {
            self.topics.push(topic.to_owned());
            self.topics.len() - 1
        });
        let place = usize::try_from(number).unwrap_or(0);
        if self.known.len() <= at {
            self.known.resize(at + 1, Vec::new());
        }
        let known = &mut self.known[at];
        if known.len() <= place {
            known.resize(place + 1, None);
        }
        *known[place].get_or_insert_with(|| {
            self.partitions.push(Partition {
                topic: at,
                number,
                holding: None,
                streams: Vec::new(),
            });
            self.partitions.len() - 1
        })
    }

    fn hold(&mut self, partition: usize) {
        let holding = Holding(self.held.len());
        self.held.push(Held {
            partition,
            state: State::Held,
            polled: None,
            processed: None,
            committed: None,
            open: VecDeque::new(),
        });
        self.partitions[partition].holding = Some(holding);
    }

    fn done(&mut self, done: &Done) {
        let held = &mut self.held[done.holding.0];
        if held.state != State::Dropped {
            self.in_hand = self.in_hand.saturating_sub(1);
        }
        held.close(done.offset);
        let counters = &mut self.counters;
        let (Some(header), false) = (&done.header, done.outcome == Outcome::Foreign) else {
            counters.foreign += 1;
            return;
        };
        counters.records += 1;
        counters.bytes += done.bytes as u64;
        counters.latency.record(done.at_us - header.due_us);
        if matches!(done.outcome, Outcome::Skipped | Outcome::DeadLetter) {
            counters.failed += 1;
        }
        if done.outcome == Outcome::DeadLetter {
            counters.dead_letters += 1;
        }
        let partition = &mut self.partitions[held.partition];
        let numbers = match partition
            .streams
            .iter_mut()
            .position(|(shard, _)| *shard == header.shard)
        {
            Some(at) => &mut partition.streams[at].1,
            None => {
                partition.streams.push((header.shard, Numbers::default()));
                &mut partition.streams.last_mut().expect("just pushed").1
            }
        };
        if numbers.ever.insert(header.sequence, header.sequence + 1) == 0 {
            counters.repeated += 1;
            return;
        }
        numbers.since_tick.insert(header.sequence, header.sequence + 1);
        if header.key != u32::MAX {
            let topic = u32::try_from(partition.topic).unwrap_or(u32::MAX);
            let next = self.keys.entry((topic, header.shard, header.key)).or_default();
            if header.key_sequence < *next {
                counters.reordered += 1;
            } else {
                *next = header.key_sequence + 1;
            }
        }
    }
}

impl Held {
    /// Marks an offset as processed, and moves the position past all that are without a gap.
    fn close(&mut self, offset: i64) {
        if self.state != State::Held {
            return;
        }
        // Nearly always the first. Offsets rise, except after a reset to an earlier one.
        let at = match self.open.front() {
            Some(first) if first.0 == offset => Some(0),
            _ => self
                .open
                .binary_search_by_key(&offset, |open| open.0)
                .ok()
                .or_else(|| self.open.iter().position(|open| open.0 == offset)),
        };
        if let Some(at) = at {
            self.open[at].1 = true;
        }
        while let Some((offset, true)) = self.open.front().copied() {
            self.open.pop_front();
            self.processed = Some(offset + 1);
        }
    }
}

#[cfg(test)]
#[path = "ledger_tests.rs"]
mod tests;
