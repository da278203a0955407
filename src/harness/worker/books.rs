//! The entries of a worker's [ledger](super::ledger): partitions that were held, what is open in them, numbers that were
//! processed.

use std::collections::{HashMap, VecDeque};
use std::hash::{BuildHasherDefault, Hasher};

use crate::harness::protocol::{Intervals, Micros, RecordHeader};

/// One assignment of one partition; a partition that comes back is another one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Holding(pub usize);

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
pub(super) enum State {
    Held,
    /// The partition went, and what was open in it is dropped.
    Dropped,
    /// The partition went, and what was open in it will still be processed.
    Kept,
}

#[derive(Debug)]
pub(super) struct Held {
    pub partition: usize,
    pub state: State,
    pub polled: Option<i64>,
    pub processed: Option<i64>,
    pub committed: Option<i64>,
    /// Polled and not all processed, in the order of offsets, with whether each is.
    pub open: VecDeque<(i64, bool)>,
}

/// A partition that was held at some time, and the numbers that were processed in it.
#[derive(Debug)]
pub(super) struct Partition {
    pub topic: usize,
    pub number: i32,
    pub holding: Option<Holding>,
    pub streams: Vec<(u32, Numbers)>,
}

#[derive(Debug, Default)]
pub(super) struct Numbers {
    pub ever: Intervals,
    pub since_tick: Intervals,
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

#[derive(Debug)]
pub(super) struct Books {
    pub topics: Vec<String>,
    pub partitions: Vec<Partition>,
    /// By topic and partition: an index into `partitions`.
    pub known: Vec<Vec<Option<usize>>>,
    pub held: Vec<Held>,
    /// The number that comes next, by topic, shard and key.
    pub keys: HashMap<(u32, u32, u32), u64, BuildHasherDefault<Quick>>,
    pub in_hand: u64,
    pub counters: Counters,
}

/// A hash of three small numbers that nobody outside chooses: one multiplication each, where the standard one, which stands
/// up to attacks, was a tenth of all accounting.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Quick(u64);

impl Hasher for Quick {
    fn write(&mut self, bytes: &[u8]) {
        bytes.iter().for_each(|byte| self.write_u32(u32::from(*byte)));
    }

    fn write_u32(&mut self, number: u32) {
        self.0 = (self.0.rotate_left(23) ^ u64::from(number)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    }

    fn finish(&self) -> u64 {
        self.0 ^ (self.0 >> 32)
    }
}

impl Books {
    pub(super) fn partition(&mut self, topic: &str, number: i32) -> usize {
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

    pub(super) fn hold(&mut self, partition: usize) {
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

    pub(super) fn done(&mut self, done: &Done) {
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
