//! What a worker has done since its last tick, by sequence numbers. Each record is entered once its processing has ended.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Mutex, MutexGuard};

use lagproof::harness::protocol::{Micros, Range, RecordHeader, Stream, StreamIntervals};
use lagproof_client::{Batch, PassedBy};
use rdkafka::Message;

/// Counted since the last tick.
#[derive(Default)]
pub(crate) struct Counted {
    pub(crate) records: u64,
    pub(crate) bytes: u64,
    pub(crate) repeated: u64,
    pub(crate) reordered: u64,
    pub(crate) foreign: u64,
    pub(crate) failed: u64,
    pub(crate) dead_letters: u64,
    pub(crate) batches: u64,
    pub(crate) latency: Micros,
    pub(crate) longest_poll_gap_us: u64,
}

/// What the ledger says at a moment.
pub(crate) struct Page {
    pub(crate) polled: BTreeMap<(String, i32), i64>,
    pub(crate) processed: Vec<Range>,
    pub(crate) in_hand: u64,
    pub(crate) counted: Counted,
}

#[derive(Default)]
struct Books {
    ever: StreamIntervals,
    since: StreamIntervals,
    /// By topic, shard and key: one past the highest key sequence.
    keys: HashMap<(String, u32, u32), u64>,
    polled: BTreeMap<(String, i32), i64>,
    in_hand: u64,
    counted: Counted,
}

/// How a record ended.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    Processed,
    PassedBy(PassedBy),
}

/// Read by the sampler's thread.
pub(crate) struct Ledger {
    tag: u32,
    books: Mutex<Books>,
}

impl Ledger {
    pub(crate) fn new(tag: u32) -> Self {
        Self {
            tag,
            books: Mutex::default(),
        }
    }

    fn books(&self) -> MutexGuard<'_, Books> {
        self.books.lock().expect("no panic while it is held")
    }

    /// The header of a record of this run.
    pub(crate) fn ours(&self, record: &impl Message) -> Option<RecordHeader> {
        let header = RecordHeader::read(record.payload()?)?;
        (header.run == self.tag).then_some(header)
    }

    /// A batch came, so long after the one before was through.
    pub(crate) fn polled(&self, batch: &Batch<'_>, gap_us: u64) {
        let mut books = self.books();
        books.counted.batches += 1;
        books.counted.longest_poll_gap_us = books.counted.longest_poll_gap_us.max(gap_us);
        books.in_hand += batch.len() as u64;
        for (topic, partition, records) in batch.parts() {
            if let Some(last) = records.last() {
                books.polled.insert((topic.to_owned(), partition), last.offset() + 1);
            }
        }
    }

    /// Nothing is in hand any more.
    pub(crate) fn put_down(&self) {
        self.books().in_hand = 0;
    }

    /// Partitions went.
    pub(crate) fn gone(&self, partitions: &[(String, i32)]) {
        let mut books = self.books();
        for place in partitions {
            books.polled.remove(place);
        }
    }

    /// A record is through.
    pub(crate) fn enter(&self, record: &impl Message, outcome: Outcome, at_us: i64) {
        let header = self.ours(record);
        let mut books = self.books();
        books.in_hand = books.in_hand.saturating_sub(1);
        let Some(header) = header else {
            books.counted.foreign += 1;
            return;
        };
        let counted = &mut books.counted;
        counted.records += 1;
        counted.bytes += record.payload().map_or(0, <[u8]>::len) as u64;
        counted.failed += u64::from(outcome != Outcome::Processed);
        counted.dead_letters += u64::from(outcome == Outcome::PassedBy(PassedBy::DeadLetter));
        counted.latency.record(at_us - header.due_us);
        let stream = Stream {
            topic: record.topic().to_owned(),
            partition: record.partition(),
            shard: header.shard,
        };
        let range = Range {
            stream,
            from: header.sequence,
            to: header.sequence + 1,
        };
        if books.ever.insert(&range) == 0 {
            books.counted.repeated += 1;
            return;
        }
        books.since.insert(&range);
        if header.key != u32::MAX {
            let key = (range.stream.topic, header.shard, header.key);
            let last = books.keys.entry(key).or_default();
            let is_late = header.key_sequence < *last;
            *last = (*last).max(header.key_sequence + 1);
            books.counted.reordered += u64::from(is_late);
        }
    }

    /// What it says now; counters and numbers begin anew.
    pub(crate) fn page(&self) -> Page {
        let mut books = self.books();
        Page {
            polled: books.polled.clone(),
            processed: std::mem::take(&mut books.since).ranges(),
            in_hand: books.in_hand,
            counted: std::mem::take(&mut books.counted),
        }
    }
}
