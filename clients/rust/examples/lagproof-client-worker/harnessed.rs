//! The handler of the harness's records: it spends what each costs, and enters it in the ledger.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use lagproof::harness::protocol::{ConcurrencySpec, CostSpec, RecordFlags, RecordHeader, WorkerLine, split_mix};
use lagproof::model::cost::Cost;
use lagproof_client::{Batch, BoxError, Handler, Observer, PassedBy, Record};
use rdkafka::Message;
use rdkafka::message::OwnedMessage;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use super::Shared;
use super::ledger::Outcome;

/// Below this, waits are owed and waited for together: a runtime's sleep is a millisecond at least.
const SHORT: Duration = Duration::from_millis(2);

/// The handler.
pub(crate) struct Harnessed {
    shared: Arc<Shared>,
    pace: Pace,
    /// Where everything goes at once that is unbounded.
    queue: UnboundedSender<OwnedMessage>,
    polled_at: Mutex<Instant>,
    /// What a handler holds for the records in hand.
    held: Mutex<Vec<u8>>,
}

impl Harnessed {
    pub(crate) fn new(shared: Arc<Shared>) -> (Self, UnboundedReceiver<OwnedMessage>) {
        let (queue, drained) = unbounded_channel();
        let harnessed = Self {
            pace: Pace::new(shared.clone()),
            shared,
            queue,
            polled_at: Mutex::new(Instant::now()),
            held: Mutex::default(),
        };
        (harnessed, drained)
    }

    fn is_unbounded(&self) -> bool {
        self.shared.spec.work.concurrency == ConcurrencySpec::Unbounded
    }
}

impl Handler for Harnessed {
    async fn batch_begins(&self, batch: &Batch<'_>) {
        let gap = {
            let mut polled_at = self.polled_at.lock().expect("no panic while it is held");
            std::mem::replace(&mut *polled_at, Instant::now()).elapsed()
        };
        self.shared
            .ledger
            .polled(batch, u64::try_from(gap.as_micros()).unwrap_or(u64::MAX));
        let bytes: usize = batch
            .parts()
            .flat_map(|(.., records)| records)
            .map(|record| record.payload().map_or(0, <[u8]>::len))
            .sum();
        #[expect(
            clippy::cast_precision_loss,
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "bytes of a batch, times a factor of at least 1"
        )]
        let extra = (bytes as f64 * (self.shared.spec.per_record_factor - 1.0)) as usize;
        {
            let mut held = self.held.lock().expect("no panic while it is held");
            if !self.is_unbounded() {
                held.clear();
            }
            let grown = held.len() + extra;
            held.resize(grown, 1);
        }
        #[expect(clippy::cast_precision_loss, reason = "shorter than 2^53 microseconds")]
        let per_batch = self.shared.spec.work.per_batch_us as f64;
        self.pace.spend(per_batch).await;
    }

    async fn process(&self, record: &Record) -> Result<(), BoxError> {
        if self.is_unbounded() {
            // Its receiver lives as long as the run.
            let _ = self.queue.send(record.detach());
            return Ok(());
        }
        self.pace.handle(record).await?;
        let at_us = self.shared.clock.now_us();
        self.shared.ledger.enter(record, Outcome::Processed, at_us);
        Ok(())
    }

    fn is_downstream(&self, _: &BoxError) -> bool {
        false
    }
}

/// Behind an unbounded hand-over: one free place.
pub(crate) async fn drain(shared: Arc<Shared>, mut queue: UnboundedReceiver<OwnedMessage>) {
    let pace = Pace::new(shared.clone());
    while let Some(record) = queue.recv().await {
        let outcome = match pace.handle(&record).await {
            Ok(()) => Outcome::Processed,
            Err(_) => Outcome::PassedBy(PassedBy::Skipped),
        };
        let at_us = shared.clock.now_us();
        shared.ledger.enter(&record, outcome, at_us);
    }
}

/// Spends time as the spec says.
struct Pace {
    shared: Arc<Shared>,
    cost: Cost,
    owed: Mutex<Duration>,
}

impl Pace {
    fn new(shared: Arc<Shared>) -> Self {
        let cost = match shared.spec.work.per_record {
            CostSpec::Constant { us } => Cost::Constant { seconds: us / 1e6 },
            CostSpec::LogNormal { mu, sigma, max } => Cost::LogNormal { mu, sigma, max },
        };
        Self {
            shared,
            cost,
            owed: Mutex::default(),
        }
    }

    /// What the handler of a record does.
    async fn handle(&self, record: &(impl Message + Sync)) -> Result<(), BoxError> {
        let header = self.shared.ledger.ours(record);
        if let Some(header) = &header {
            self.spend(self.cost_us(record, header)).await;
        }
        self.stalled().await;
        match header {
            Some(header) if header.flags.0 & RecordFlags::POISON.0 != 0 => Err("it was sent as poison".into()),
            _ => Ok(()),
        }
    }

    /// The same wherever the record is processed: drawn from the seed and its place.
    fn cost_us(&self, record: &impl Message, header: &RecordHeader) -> f64 {
        let spec = &self.shared.spec;
        #[expect(clippy::cast_precision_loss, reason = "shorter than 2^53 microseconds")]
        if header.flags.0 & RecordFlags::SLOW.0 != 0 {
            return spec.work.slow_us as f64;
        }
        if let Cost::Constant { seconds } = self.cost {
            return seconds * 1e6;
        }
        let topic = spec
            .topics
            .iter()
            .position(|topic| topic == record.topic())
            .unwrap_or_default();
        let place = [
            topic as u64,
            u64::from(record.partition().cast_unsigned()),
            u64::from(header.shard),
            header.sequence,
        ];
        let bits = place.into_iter().fold(spec.seed, |state, part| split_mix(state ^ part));
        #[expect(clippy::cast_precision_loss, reason = "53 bits fit")]
        let fraction = (bits >> 11) as f64 / (1_u64 << 53) as f64;
        self.cost.quantile(fraction) * 1e6
    }

    /// Burns CPU for its share of a cost, and waits for the rest.
    async fn spend(&self, us: f64) {
        let spec = &self.shared.spec.work;
        let until = Instant::now() + Duration::from_secs_f64(us * spec.cpu_share / 1e6);
        while Instant::now() < until {
            std::hint::spin_loop();
        }
        let wait = Duration::from_secs_f64(us * (1.0 - spec.cpu_share) / 1e6);
        if !matches!(
            spec.concurrency,
            ConcurrencySpec::Bounded(1) | ConcurrencySpec::Unbounded
        ) {
            tokio::time::sleep(wait).await;
            return;
        }
        let owed = {
            let mut owed = self.owed.lock().expect("no panic while it is held");
            *owed += wait;
            *owed
        };
        if owed >= SHORT {
            let began = Instant::now();
            tokio::time::sleep(owed - Duration::from_millis(1)).await;
            let mut owed = self.owed.lock().expect("no panic while it is held");
            *owed = owed.saturating_sub(began.elapsed());
        }
    }

    async fn stalled(&self) {
        let shared = &self.shared;
        while let Some(to_us) = shared.stalls.end_at(shared.clock.now_us()) {
            tokio::time::sleep_until(shared.clock.instant_at(to_us).into()).await;
        }
    }
}

impl Observer for Shared {
    fn assigned(&self, partitions: &[(String, i32)]) {
        let at_us = self.clock.now_us();
        let partitions = partitions.to_vec();
        self.lines.write(&WorkerLine::Assigned { at_us, partitions });
    }

    fn revoked(&self, partitions: &[(String, i32)]) {
        self.ledger.gone(partitions);
        let at_us = self.clock.now_us();
        let partitions = partitions.to_vec();
        self.lines.write(&WorkerLine::Revoked { at_us, partitions });
    }

    fn lost(&self, partitions: &[(String, i32)]) {
        self.ledger.gone(partitions);
        let at_us = self.clock.now_us();
        let partitions = partitions.to_vec();
        self.lines.write(&WorkerLine::Lost { at_us, partitions });
    }

    fn leaving(&self) {
        self.write_last_tick();
    }

    fn batch_ended(&self) {
        if self.spec.work.concurrency != ConcurrencySpec::Unbounded {
            self.ledger.put_down();
        }
    }

    fn passed_by(&self, record: &Record, to: PassedBy) {
        self.ledger.enter(record, Outcome::PassedBy(to), self.clock.now_us());
    }

    fn trouble(&self, message: &str) {
        self.troubles.note("client", message);
    }
}
