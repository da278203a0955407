//! How batches become records that are processed: in the thread that polls, in lanes, or in a queue without an end.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use rdkafka::Message;
use rdkafka::message::BorrowedMessage;

use crate::harness::protocol::{
    CommitSpec, ConcurrencySpec, HandlerSpec, ProcessError, RecordHeader, Stop, WorkerSpec,
};

use super::books::{Done, Outcome};
use super::client::{Client, Poller, Shared, commit, pause, resume};
use super::content::{Borrowed, Content, InHand, Owned, order};
use super::handler::Handler;
use super::ledger::Commit;
use super::pace::{Pace, Spent};
use super::pool::{Pool, Work};

/// How long a poll waits for a first record: how late the worker may hear that it is to stop.
const POLL: Duration = Duration::from_millis(100);

/// Records are finished together that take no longer than this, in microseconds.
const TOGETHER_US: f64 = 1_000.0;

/// How long a batch in threads may take before partitions are paused and the client is polled. Pausing throws away what
/// the client has fetched ahead, so it is not done for every batch.
const BEFORE_PAUSE: Duration = Duration::from_millis(250);

/// How often the client is polled meanwhile.
const SERVE: Duration = Duration::from_millis(20);

/// A thread of a lane holds little; the default would reserve megabytes for each.
const LANE_STACK: usize = 256 * 1024;

/// A record that was handed to a lane.
struct Handed {
    record: InHand<Owned>,
    /// How many of its batch are not finished; only where nobody waits for the batch.
    left: Option<Arc<AtomicUsize>>,
}

/// A worker's engine.
pub(super) struct Engine<'a> {
    spec: &'a WorkerSpec,
    client: &'a Client,
    shared: &'a Shared,
    stop: &'a Stop,
    handler: Handler,
    most: usize,
    per_batch_us: f64,
    event_loop: Mutex<()>,
}

impl<'a> Engine<'a> {
    #[expect(clippy::cast_precision_loss, reason = "a cost is shorter than 2^53 microseconds")]
    pub(super) fn new(spec: &'a WorkerSpec, client: &'a Client, shared: &'a Shared, stop: &'a Stop) -> Self {
        Self {
            spec,
            client,
            shared,
            stop,
            handler: Handler::new(spec, shared.stalls.clone()),
            most: spec.max_poll_records.max(1) as usize,
            per_batch_us: spec.work.per_batch_us as f64,
            event_loop: Mutex::new(()),
        }
    }

    /// Consumes until it is told to stop.
    ///
    /// # Errors
    /// Where the client can't go on.
    pub(super) fn run(&self) -> Result<(), ProcessError> {
        match (self.spec.work.concurrency, self.spec.work.handler) {
            (ConcurrencySpec::Unbounded, _) => self.lanes(1),
            (ConcurrencySpec::Bounded(0 | 1), HandlerSpec::Inline | HandlerSpec::EventLoop) => self.inline(),
            (ConcurrencySpec::Bounded(lanes), _) => self.lanes(lanes.max(1) as usize),
        }
    }

    fn after(&self, what: CommitSpec) {
        if self.shared.commit == what {
            commit(self.client, self.shared, Commit::Processed);
        }
    }

    /// Enters a batch into the books, and commits it if that is done on receipt.
    fn enter<'m, C>(
        &self,
        messages: &mut Vec<BorrowedMessage<'m>>,
        content: impl Fn(BorrowedMessage<'m>, usize) -> C,
    ) -> Vec<InHand<C>> {
        let mut places = Vec::with_capacity(messages.len());
        let as_polled = messages
            .iter()
            .map(|message| (message.topic(), message.partition(), message.offset()));
        self.shared.ledger.polled(as_polled, |place| places.push(place));
        let records = messages.drain(..).zip(places).filter_map(|(message, place)| {
            let (holding, topic) = place?;
            let value = message.payload().unwrap_or_default();
            let held = self.held(value.len());
            Some(InHand {
                holding,
                topic,
                partition: message.partition(),
                offset: message.offset(),
                header: RecordHeader::read(value).filter(|header| header.run == self.spec.tag),
                bytes: value.len(),
                content: content(message, held),
            })
        });
        let records = records.collect();
        if self.shared.commit == CommitSpec::OnReceipt {
            commit(self.client, self.shared, Commit::Polled);
        }
        records
    }

    /// Bytes that a handler holds for a value, the value's own among them.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a factor of at least 1"
    )]
    #[expect(clippy::cast_precision_loss, reason = "records are smaller than 2^53 bytes")]
    fn held(&self, length: usize) -> usize {
        (length as f64 * self.spec.per_record_factor.max(1.0)).ceil() as usize
    }

    fn done<C>(&self, record: &InHand<C>, outcome: Outcome, at_us: i64) -> Done {
        Done {
            holding: record.holding,
            offset: record.offset,
            header: record.header,
            bytes: record.bytes,
            at_us,
            outcome,
        }
    }

    /// One record after the other, in the thread that polls.
    fn inline(&self) -> Result<(), ProcessError> {
        let mut pace = Pace::new(self.stop, self.spec.work.cpu_share, None);
        let mut poller = Poller::new(self.client, self.shared);
        let mut messages = Vec::new();
        while !self.stop.is_requested() {
            poller.batch(self.most, POLL, &mut messages)?;
            if messages.is_empty() {
                continue;
            }
            let records = self.enter(&mut messages, Borrowed::new);
            if pace.spend(self.per_batch_us) == Spent::Interrupted || self.one_by_one(&records, &mut pace).is_none() {
                break;
            }
            self.after(CommitSpec::AfterBatch);
        }
        Ok(())
    }

    /// Nothing where the process is to end.
    fn one_by_one<C: Content>(&self, records: &[InHand<C>], pace: &mut Pace<'_>) -> Option<()> {
        let clock = &self.shared.clock;
        let mut done = Vec::with_capacity(records.len());
        let mut at = 0;
        while at < records.len() {
            let together = self.together(&records[at..]);
            if together.is_empty() {
                let record = &records[at];
                let outcome = self
                    .handler
                    .handle(record, pace, clock, self.stop, &self.shared.troubles)?;
                done.push(self.done(record, outcome, clock.now_us()));
                at += 1;
            } else {
                let start = clock.now_us();
                let whole = together.last().copied().unwrap_or(0.0);
                if pace.spend(whole) == Spent::Interrupted {
                    return None;
                }
                let spent = clock.now_us();
                self.handler.sit_out_stalls(clock, self.stop)?;
                let late = clock.now_us() - spent;
                for (record, until) in records[at..].iter().zip(&together) {
                    // Each where it would have ended by itself.
                    let share = if whole > 0.0 { until / whole } else { 1.0 };
                    #[expect(
                        clippy::cast_precision_loss,
                        clippy::cast_possible_truncation,
                        reason = "milliseconds"
                    )]
                    let took = ((spent - start) as f64 * share) as i64;
                    let outcome = if record.header.is_some() {
                        Outcome::Handled
                    } else {
                        Outcome::Foreign
                    };
                    done.push(self.done(record, outcome, start + took + late));
                }
                at += together.len();
            }
            self.shared.ledger.done(&done);
            done.clear();
            self.after(CommitSpec::AfterRecord);
        }
        Some(())
    }

    /// How many of the next records are finished together: for each the cost up to its end, in microseconds.
    fn together<C>(&self, records: &[InHand<C>]) -> Vec<f64> {
        let most = if self.shared.commit == CommitSpec::AfterRecord {
            1
        } else {
            records.len()
        };
        let mut until = 0.0;
        let mut costs = Vec::new();
        for record in records[..most].iter().take_while(|record| !record.is_poison()) {
            until += self.handler.cost(record);
            costs.push(until);
            if until >= TOGETHER_US {
                break;
            }
        }
        costs
    }

    /// In threads, up to `lanes` at once.
    fn lanes(&self, lanes: usize) -> Result<(), ProcessError> {
        let pool = Pool::new();
        let lanes = if self.shared.keeps_handed_over {
            1
        } else {
            lanes.min(self.most)
        };
        thread::scope(|scope| {
            for lane in 0..lanes {
                let started = thread::Builder::new()
                    .name(format!("lane {lane}"))
                    .stack_size(LANE_STACK)
                    .spawn_scoped(scope, || self.lane(&pool));
                if let Err(error) = started {
                    pool.close();
                    return Err(ProcessError(format!("could not start {lanes} threads: {error}")));
                }
            }
            let ended = self.feed(&pool, lanes);
            // Wakes whoever sleeps in the middle of a record.
            self.stop.request();
            pool.close();
            ended
        })
    }

    /// Polls, and hands over.
    fn feed(&self, pool: &Pool<Handed>, lanes: usize) -> Result<(), ProcessError> {
        let mut poller = Poller::new(self.client, self.shared);
        let mut messages = Vec::new();
        while !self.stop.is_requested() {
            if self.spec.work.handler == HandlerSpec::EventLoop {
                // While something burns, the loop does not come round to polling.
                drop(self.event_loop.lock().unwrap_or_else(PoisonError::into_inner));
            }
            poller.batch(self.most, POLL, &mut messages)?;
            if messages.is_empty() {
                continue;
            }
            let records = self.enter(&mut messages, |message, held| Owned::new(&message, held));
            let unwatched = self.shared.keeps_handed_over && self.shared.commit == CommitSpec::AfterBatch;
            let left = unwatched.then(|| Arc::new(AtomicUsize::new(records.len())));
            let handed = records.into_iter().map(|record| {
                let order = if lanes > 1 { order(&record) } else { None };
                let left = left.clone();
                (order, Handed { record, left })
            });
            pool.submit(self.per_batch_us, handed.collect());
            if self.shared.keeps_handed_over {
                continue;
            }
            if self.spec.work.handler == HandlerSpec::Thread {
                self.attend(pool, &mut poller, &mut messages)?;
            } else {
                while !pool.wait(POLL) && !self.stop.is_requested() {}
            }
            self.after(CommitSpec::AfterBatch);
        }
        Ok(())
    }

    /// Waits for a batch in threads; the client is polled meanwhile, with its partitions paused.
    fn attend(
        &self,
        pool: &Pool<Handed>,
        poller: &mut Poller<'a>,
        messages: &mut Vec<BorrowedMessage<'a>>,
    ) -> Result<(), ProcessError> {
        let interval = self
            .spec
            .properties
            .get("max.poll.interval.ms")
            .and_then(|text| text.parse().ok());
        let quarter = interval.map_or(BEFORE_PAUSE, |ms: u64| Duration::from_millis(ms / 4));
        if pool.wait(BEFORE_PAUSE.min(quarter)) {
            return Ok(());
        }
        pause(self.client, self.shared, self.shared.ledger.begun());
        while !pool.wait(SERVE) && !self.stop.is_requested() {
            // Partitions that came meanwhile are not paused yet; what they bring waits for the next batch.
            poller.batch(self.most, Duration::ZERO, messages)?;
            let brought = messages
                .iter()
                .map(|message| (message.topic().to_owned(), message.partition()));
            pause(self.client, self.shared, brought);
        }
        resume(self.client, self.shared, |_| true);
        Ok(())
    }

    /// A lane's life.
    fn lane(&self, pool: &Pool<Handed>) {
        let event_loop = (self.spec.work.handler == HandlerSpec::EventLoop).then_some(&self.event_loop);
        let mut pace = Pace::new(self.stop, self.spec.work.cpu_share, event_loop);
        while let Some(work) = pool.take() {
            match work {
                Work::Batch(us, records) => {
                    if pace.spend(us) == Spent::Interrupted {
                        return pool.close();
                    }
                    pool.begun(records);
                }
                Work::Record(order, handed) => {
                    if self.process(handed, &mut pace).is_none() {
                        return pool.close();
                    }
                    pool.ended(order);
                }
            }
        }
    }

    /// Processes a record in a lane; nothing where the process is to end.
    fn process(&self, handed: Handed, pace: &mut Pace<'_>) -> Option<()> {
        let Handed { record, left } = handed;
        let shared = self.shared;
        if shared.keeps_handed_over || shared.ledger.is_held(record.holding) {
            let outcome = self
                .handler
                .handle(&record, pace, &shared.clock, self.stop, &shared.troubles)?;
            shared
                .ledger
                .done(&[self.done(&record, outcome, shared.clock.now_us())]);
            drop(record);
            self.after(CommitSpec::AfterRecord);
        }
        if left.is_some_and(|left| left.fetch_sub(1, Ordering::SeqCst) == 1) {
            self.after(CommitSpec::AfterBatch);
        }
        Some(())
    }
}
