//! One batch in hand: which of its records are done, and whether further ones should be begun.

use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Condvar, Mutex};
use std::time::{Duration, Instant};

use rdkafka::Message;
use tokio::sync::Notify;

use super::record::Record;

/// Whether records are begun.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum Stage {
    /// They are.
    Going,
    /// Those in handlers go on, no other is begun.
    Stopping,
    /// Those in handlers are cancelled, and not done.
    Abandoned,
}

/// Raised out of a pause where nothing further should be begun: the record is not done, and nothing is wrong.
#[derive(Debug, Clone, Copy)]
pub(super) struct Interrupted;

/// One partition's records of a batch.
pub struct Part {
    pub(super) topic: String,
    pub(super) partition: i32,
    pub(super) records: Vec<Record>,
    /// All before it are done.
    through: AtomicUsize,
    /// Further ones that are, where lanes take single records.
    done: Vec<AtomicBool>,
    stage: AtomicU8,
    active: AtomicUsize,
    gone: AtomicBool,
}

impl Part {
    fn new(records: Vec<Record>) -> Self {
        let first = &records[0];
        Self {
            topic: first.topic().to_owned(),
            partition: first.partition(),
            through: AtomicUsize::new(0),
            done: records.iter().map(|_| AtomicBool::new(false)).collect(),
            stage: AtomicU8::new(Stage::Going as u8),
            active: AtomicUsize::new(0),
            gone: AtomicBool::new(false),
            records,
        }
    }

    /// Whether no further record should be begun.
    pub(super) fn is_stopping(&self) -> bool {
        self.has_reached(Stage::Stopping)
    }

    fn has_reached(&self, stage: Stage) -> bool {
        self.stage.load(Ordering::SeqCst) >= stage as u8
    }

    /// All before `to` are done.
    pub(super) fn advance(&self, to: usize) {
        self.through.store(to, Ordering::Release);
    }

    /// How many from the start are done.
    pub(super) fn through(&self) -> usize {
        self.through.load(Ordering::Acquire)
    }

    /// One is done, whatever is with those before it.
    pub(super) fn mark(&self, index: usize) {
        self.done[index].store(true, Ordering::Release);
    }

    /// Whether its partition has been taken away.
    pub(super) fn is_gone(&self) -> bool {
        self.gone.load(Ordering::Acquire)
    }

    /// One past the last record of which all before it are done as well; `None` where the first is not.
    pub(super) fn position(&self) -> Option<i64> {
        let from = self.through();
        let further = self.done[from..]
            .iter()
            .take_while(|done| done.load(Ordering::Acquire))
            .count();
        self.through.fetch_max(from + further, Ordering::AcqRel);
        (from + further)
            .checked_sub(1)
            .map(|last| self.records[last].offset() + 1)
    }

    fn left(&self) -> usize {
        let undone = |done: &&AtomicBool| !done.load(Ordering::Acquire);
        self.done[self.through()..].iter().filter(undone).count()
    }
}

/// A batch in hand.
pub struct Work {
    pub(super) parts: Vec<Part>,
    pub(super) began: Instant,
    busy_us: AtomicU64,
    changed: Notify,
    resting: Mutex<()>,
    rested: Condvar,
}

impl Work {
    /// Records in the order in which they came, of any partitions.
    pub(super) fn new(records: impl IntoIterator<Item = Record>) -> Self {
        let mut parts: Vec<Vec<Record>> = Vec::new();
        let mut last = 0;
        for record in records {
            let is_its = |part: &Vec<Record>| part[0].is_beside(&record);
            // Mostly it is the partition of the record before.
            if !parts.get(last).is_some_and(is_its) {
                last = parts.iter().position(is_its).unwrap_or(parts.len());
            }
            match parts.get_mut(last) {
                Some(part) => part.push(record),
                None => parts.push(vec![record]),
            }
        }
        Self {
            parts: parts.into_iter().map(Part::new).collect(),
            began: Instant::now(),
            busy_us: AtomicU64::new(0),
            changed: Notify::new(),
            resting: Mutex::new(()),
            rested: Condvar::new(),
        }
    }

    /// How many records it has.
    pub(super) fn records(&self) -> usize {
        self.parts.iter().map(|part| part.records.len()).sum()
    }

    /// How many of them are not done.
    pub(super) fn left(&self) -> usize {
        self.parts.iter().map(Part::left).sum()
    }

    /// Whether records of a partition that is held were left undone though nothing stopped them.
    pub(super) fn is_left_undone(&self) -> bool {
        let mut going = self.parts.iter().filter(|part| !part.is_stopping() && !part.is_gone());
        going.any(|part| part.left() > 0)
    }

    /// Time in handlers, summed over lanes.
    pub(super) fn busy(&self) -> Duration {
        Duration::from_micros(self.busy_us.load(Ordering::Relaxed))
    }

    pub(super) fn was_busy(&self, time: Duration) {
        let us = u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
        self.busy_us.fetch_add(us, Ordering::Relaxed);
    }

    /// The part of a partition.
    pub(super) fn part(&self, topic: &str, partition: i32) -> Option<&Part> {
        self.parts
            .iter()
            .find(|part| part.partition == partition && part.topic == topic)
    }

    /// Begins no further record of any part, or cancels what is in handlers.
    pub(super) fn end_all(&self, stage: Stage) {
        self.end(stage, self.parts.iter());
    }

    /// The same for some parts.
    pub(super) fn end<'p>(&self, stage: Stage, parts: impl Iterator<Item = &'p Part>) {
        for part in parts {
            part.stage.fetch_max(stage as u8, Ordering::SeqCst);
        }
        self.changed.notify_waiters();
    }

    /// Its partition has been taken away: nothing of it is committed any more.
    pub(super) fn is_taken(&self, part: &Part) {
        part.gone.store(true, Ordering::Release);
    }

    /// Until a part is as far as that.
    pub(super) async fn reached(&self, part: &Part, stage: Stage) {
        loop {
            let mut changed = std::pin::pin!(self.changed.notified());
            changed.as_mut().enable();
            if part.has_reached(stage) {
                return;
            }
            changed.await;
        }
    }

    /// Sleeps, unless nothing further should be begun.
    pub(super) async fn pause(&self, part: &Part, time: Duration) -> Result<(), Interrupted> {
        tokio::select! {
            biased;
            () = self.reached(part, Stage::Stopping) => Err(Interrupted),
            () = tokio::time::sleep(time) => Ok(()),
        }
    }

    /// A record of that part is in a handler until this is dropped; `None` where no further one should be begun. Whoever ends
    /// the part and then waits for its rest either is seen here, or sees this one.
    pub(super) fn in_handler<'w>(&'w self, part: &'w Part) -> Option<InHandler<'w>> {
        part.active.fetch_add(1, Ordering::SeqCst);
        let in_handler = InHandler { work: self, part };
        (!part.is_stopping()).then_some(in_handler)
    }

    /// Waits until nothing of some parts is in a handler any more. False where something still is after that time. Blocks.
    pub(super) fn rest(&self, parts: &[&Part], within: Duration) -> bool {
        let given_up = Instant::now() + within;
        let mut resting = self.resting.lock().expect("no panic while it is held");
        while parts.iter().any(|part| part.active.load(Ordering::SeqCst) > 0) {
            let left = given_up.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return false;
            }
            (resting, _) = self
                .rested
                .wait_timeout(resting, left)
                .expect("no panic while it is held");
        }
        true
    }
}

/// See [`Work::in_handler`].
pub(super) struct InHandler<'w> {
    work: &'w Work,
    part: &'w Part,
}

impl Drop for InHandler<'_> {
    fn drop(&mut self) {
        if self.part.active.fetch_sub(1, Ordering::SeqCst) == 1 {
            // Held for a moment, so that who has just looked is waiting by now.
            drop(self.work.resting.lock());
            self.work.rested.notify_all();
        }
    }
}
