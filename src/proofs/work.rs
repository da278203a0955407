//! What a consumer does with what it polls: costs, concurrency, commits.

use std::time::Duration;

use crate::model::cost::Cost;

use super::need;

/// What one commit costs, in seconds. Measured with librdkafka against a broker on the same machine: a batch took
/// about 1 ms longer than its processing, and single records, each committed, lost the same.
pub const COMMIT_SECONDS: f64 = 1e-3;

/// How many records one member processes at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Concurrency {
    /// At most that many; 0 counts as 1.
    Bounded(u32),
    /// As many as arrive: records are handed over without waiting.
    Unbounded,
}

/// Where the handler runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Handler {
    /// On the thread that polls.
    Inline,
    /// On threads of its own. They are taken to have a core each.
    Thread,
    /// On an event loop: one thread that many records share while they wait.
    EventLoop,
}

/// When offsets are committed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Commit {
    /// Once a batch.
    AfterBatch,
    /// Once a record.
    AfterRecord,
    /// As records are received; processing goes on beside the polls.
    OnReceipt,
    /// By the clock, beside processing.
    Interval,
}

/// What a consumer does with what it polls, as far as it is declared.
#[derive(Debug, Clone, PartialEq)]
pub struct Work {
    /// What a batch costs on top of its records (`processing.per_batch`).
    pub per_batch: Option<Duration>,
    /// What a record costs (`processing.per_record`).
    pub per_record: Option<Cost>,
    /// How much of a record's cost burns CPU; zero where it only waits.
    pub cpu: Duration,
    /// The most records that a poll returns (`consumer.max_poll_records`); 0 counts as 1.
    pub max_poll_records: Option<u32>,
    /// Records processed at once (`processing.concurrency`).
    pub concurrency: Option<Concurrency>,
    /// Where the handler runs.
    pub handler: Handler,
    /// When offsets are committed.
    pub commit: Commit,
}

impl Work {
    /// All of it, or nothing and the names of what is missing.
    pub(super) fn known(&self, unknown: &mut Vec<String>) -> Option<Known> {
        let per_batch = need(self.per_batch, "processing.per_batch", unknown);
        let cost = need(self.per_record.as_ref(), "processing.per_record", unknown);
        let records = need(self.max_poll_records, "consumer.max_poll_records", unknown);
        let concurrency = need(self.concurrency, "processing.concurrency", unknown);
        Some(Known {
            per_batch: per_batch?.as_secs_f64(),
            cost: cost?.clone(),
            mean: cost?.mean(),
            cpu: self.cpu.as_secs_f64(),
            records: records?.max(1),
            concurrency: concurrency?,
            handler: self.handler,
            commit: self.commit,
        })
    }
}

/// [`Work`] of which everything is known. Times are in seconds.
#[derive(Debug, Clone)]
pub(super) struct Known {
    pub per_batch: f64,
    pub cost: Cost,
    /// The cost's mean.
    pub mean: f64,
    pub cpu: f64,
    /// At least 1.
    pub records: u32,
    pub concurrency: Concurrency,
    pub handler: Handler,
    pub commit: Commit,
}

impl Known {
    /// Records processed at once as declared; infinite where nothing bounds them.
    pub fn declared(&self) -> f64 {
        match self.concurrency {
            Concurrency::Bounded(bound) => f64::from(bound.max(1)),
            Concurrency::Unbounded => f64::INFINITY,
        }
    }

    /// What the declared concurrency is worth. On one thread (`inline`, `event-loop`) records overlap only while they
    /// wait: a share of the cost that burns CPU holds everything up, so it is worth `1 ÷ share` at most, and nothing
    /// where all of it burns.
    pub fn worth(&self) -> f64 {
        let mean = self.mean;
        let burning = match self.handler {
            Handler::Thread => 0.0,
            Handler::Inline | Handler::EventLoop if mean > 0.0 && mean.is_finite() => (self.cpu / mean).min(1.0),
            Handler::Inline | Handler::EventLoop => 0.0,
        };
        self.declared().min(1.0 / burning)
    }

    /// How many records a full batch takes one after another: `⌈n ÷ concurrency⌉`, at least 1.
    pub fn steps(&self) -> f64 {
        (f64::from(self.records) / self.worth() - 1e-9).ceil().max(1.0)
    }

    /// How many records of a full batch run side by side with independent costs; at least 1.
    pub fn lanes(&self) -> f64 {
        if self.worth() < self.declared() {
            return 1.0;
        }
        self.declared().min(f64::from(self.records))
    }

    /// Seconds of a member's time that one record takes at the mean cost, batches and commits aside.
    pub fn per_record(&self) -> f64 {
        let worth = self.worth();
        let commit = match self.commit {
            Commit::AfterRecord => COMMIT_SECONDS,
            Commit::AfterBatch | Commit::OnReceipt | Commit::Interval => 0.0,
        };
        if worth.is_infinite() {
            commit
        } else {
            self.mean / worth + commit
        }
    }

    /// Seconds that a batch takes however few records it has: its overhead and its commit.
    pub fn overhead(&self) -> f64 {
        let commit = match self.commit {
            Commit::AfterBatch | Commit::OnReceipt => COMMIT_SECONDS,
            Commit::AfterRecord | Commit::Interval => 0.0,
        };
        self.per_batch + commit
    }

    /// Seconds that a full batch keeps a member busy. Where the next poll waits for the batch, its last round of
    /// records counts in full; `on-receipt` polls on beside it.
    pub fn full_batch(&self) -> f64 {
        let n = f64::from(self.records);
        let processing = match self.commit {
            Commit::OnReceipt => n * self.per_record(),
            Commit::AfterRecord => self.steps() * self.mean + n * COMMIT_SECONDS,
            Commit::AfterBatch | Commit::Interval => self.steps() * self.mean,
        };
        self.overhead() + processing
    }

    /// Records a second that one member can process when its batches are full.
    pub fn capacity(&self) -> f64 {
        f64::from(self.records) / self.full_batch()
    }
}
