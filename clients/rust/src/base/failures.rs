//! What becomes of a record whose handler failed.

use std::sync::Arc;
use std::time::Duration;

use rdkafka::Message;

use super::breaker::{Attempt, Breaker};
use super::core::Core;
use super::dead_letters::DeadLetters;
use super::handler::Handling;
use super::lanes::{Ended, Lanes};
use super::observer::PassedBy;
use super::record::Record;
use super::work::{Interrupted, Part, Stage};
use crate::error::{BoxError, Error};
use crate::settings::Retry;

/// What happens to a record that failed for good where no dead-letter topic is declared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum OnPoison {
    /// `run` ends with [`Error::PoisonRecord`]; nothing from that record on is committed, so that nothing is lost.
    #[default]
    Stop,
    /// It is logged, counted as failed, and passed by.
    Skip,
}

/// Why a record is not done.
pub(super) enum Trouble {
    /// Nothing further should be begun.
    Interrupted,
    /// There is nowhere to put it.
    Poison(Error),
}

/// Sees failed records through: tries them again, waits for a downstream, puts them away.
pub(super) struct Failures<T> {
    pub(super) core: Arc<Core>,
    pub(super) handling: Arc<T>,
    pub(super) dead_letters: DeadLetters,
    pub(super) on_poison: OnPoison,
}

impl<T: Handling> Failures<T> {
    pub(super) fn breaker(&self) -> &Breaker {
        &self.core.breaker
    }

    /// A record whose first try failed. When this returns well, it is done.
    pub(super) async fn see_through(
        &self,
        lanes: &Lanes<T>,
        part: &Part,
        index: usize,
        mut error: BoxError,
    ) -> Result<(), Trouble> {
        let record = &part.records[index];
        let retry = self.core.settings().delivery.retry.clone();
        let attempts = retry.as_ref().map_or(1, |retry| retry.attempts);
        let mut tries = 1;
        loop {
            if self.handling.is_down(&error) {
                let again = || self.again(lanes, part, record);
                let pause = |time| lanes.work.pause(part, time);
                let stopping = || lanes.work.reached(part, Stage::Stopping);
                match self.breaker().retry(&error, again, pause, stopping).await {
                    Attempt::Done => return Ok(()),
                    Attempt::Failed(other) | Attempt::Down(other) => error = other,
                    Attempt::Interrupted => return Err(Trouble::Interrupted),
                }
            }
            if tries >= attempts {
                return self.put_away(lanes, part, record, retry.as_ref(), error, tries).await;
            }
            let backoff_ms = retry.as_ref().map_or(0.0, |retry| retry.backoff_ms);
            let doubled = f64::from(1_u32 << (tries - 1).min(20));
            let pause = Duration::from_secs_f64((backoff_ms * doubled / 1000.0).min(86_400.0));
            if lanes.work.pause(part, pause).await.is_err() {
                return Err(Trouble::Interrupted);
            }
            tries += 1;
            match self.again(lanes, part, record).await {
                Attempt::Done => return Ok(()),
                Attempt::Failed(other) | Attempt::Down(other) => error = other,
                Attempt::Interrupted => return Err(Trouble::Interrupted),
            }
        }
    }

    async fn again(&self, lanes: &Lanes<T>, part: &Part, record: &Record) -> Attempt {
        match lanes.guarded(part, async { self.handling.one(record).await }).await {
            Ended::Well => Attempt::Done,
            Ended::Failed(error) if self.handling.is_down(&error) => Attempt::Down(error),
            Ended::Failed(error) => Attempt::Failed(error),
            Ended::Abandoned => Attempt::Interrupted,
        }
    }

    async fn put_away(
        &self,
        lanes: &Lanes<T>,
        part: &Part,
        record: &Record,
        retry: Option<&Retry>,
        error: BoxError,
        tries: u32,
    ) -> Result<(), Trouble> {
        let name = &self.core.service_name;
        let place = format!("{}[{}]@{}", record.topic(), record.partition(), record.offset());
        let to = if let Some(topic) = retry.and_then(|retry| retry.dead_letter.as_deref()) {
            let pause = |time| lanes.work.pause(part, time);
            let put = tokio::select! {
                biased;
                put = self.dead_letters.put(topic, record, &error, tries, pause) => put,
                () = lanes.work.reached(part, Stage::Abandoned) => Err(Interrupted),
            };
            if put.is_err() {
                return Err(Trouble::Interrupted);
            }
            log::error!("{name}: {place} failed, tries: {tries} ({error}): it is in {topic}");
            PassedBy::DeadLetter
        } else if self.on_poison == OnPoison::Skip {
            log::error!("{name}: {place} failed, tries: {tries} ({error}): SKIPPED");
            PassedBy::Skipped
        } else {
            return Err(Trouble::Poison(Error::PoisonRecord {
                service_name: name.clone(),
                record: place,
                tries,
                cause: error,
            }));
        };
        self.core.observer.passed_by(record, to);
        self.core.counters.lock().expect("no panic while it is held").failed += 1;
        Ok(())
    }
}
