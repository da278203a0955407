//! Handing a batch to the handler: in order, or side by side with order kept per key.

use std::collections::{HashMap, VecDeque};
use std::panic::{AssertUnwindSafe, resume_unwind};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use futures_util::FutureExt;
use rdkafka::Message;
use tokio::task::{JoinError, JoinSet};

use super::driver::Driver;
use super::failures::{Failures, Trouble};
use super::handler::Handling;
use super::work::{Part, Stage, Work};
use crate::error::{BoxError, Error, HandlerPanic, HandlerTimeout};
use crate::settings::Concurrency;

/// How a run of handlers ended.
pub(super) enum Ended {
    /// Nothing failed.
    Well,
    /// The record after those that are done failed.
    Failed(BoxError),
    /// It was cancelled.
    Abandoned,
}

/// A batch on its way through the handler.
pub(super) struct Lanes<T> {
    pub(super) work: Arc<Work>,
    pub(super) handling: Arc<T>,
    pub(super) failures: Arc<Failures<T>>,
    /// The most that one record may take.
    pub(super) limit: Duration,
    /// Who commits after each record, if that is declared.
    pub(super) after_record: Option<Arc<Driver>>,
}

/// Records that go one after the other: a part, and their places in it.
type Chain = (usize, Vec<usize>);

impl<T: Handling> Lanes<T> {
    /// Until all is done, or nothing further is begun.
    ///
    /// # Errors
    /// [`Error::PoisonRecord`]: nothing from that record on is done.
    pub(super) async fn run(self, concurrency: Concurrency) -> Result<(), Error> {
        let most = match concurrency {
            Concurrency::Bounded(most) => most.get() as usize,
            Concurrency::Unbounded => usize::MAX,
        };
        if most == 1 || T::TOGETHER {
            self.in_order().await
        } else {
            self.side_by_side(most).await
        }
    }

    async fn in_order(&self) -> Result<(), Error> {
        let mut result = Ok(());
        for part in &self.work.parts {
            result = self.part_in_order(part).await;
            if result.is_err() {
                self.work.end_all(Stage::Stopping);
                break;
            }
        }
        result
    }

    async fn part_in_order(&self, part: &Part) -> Result<(), Error> {
        let (mut at, count) = (0, part.records.len());
        let mut singly = self.after_record.is_some();
        while at < count && !part.is_stopping() {
            let to = if singly { at + 1 } else { count };
            let Some(in_handler) = self.work.in_handler(part) else {
                break;
            };
            let ended = self
                .guarded(part, async { self.handling.run(part, at, to).await })
                .await;
            at = part.through();
            match ended {
                Ended::Well => {}
                Ended::Abandoned => return Ok(()),
                Ended::Failed(error) => {
                    singly |= T::TOGETHER && !self.handling.is_down(&error);
                    match self.failures.see_through(self, part, at, error).await {
                        Ok(()) => {
                            at += 1;
                            part.advance(at);
                        }
                        Err(Trouble::Interrupted) => return Ok(()),
                        Err(Trouble::Poison(error)) => return Err(error),
                    }
                }
            }
            drop(in_handler);
            if let Some(driver) = &self.after_record {
                driver.commit().await;
            }
        }
        Ok(())
    }

    async fn side_by_side(self, most: usize) -> Result<(), Error> {
        let chains = self.chains();
        let lanes = most.min(chains.len());
        let chains = Arc::new(Mutex::new(chains));
        let own = Arc::new(self);
        let mut running = JoinSet::new();
        for _ in 0..lanes {
            let (own, chains) = (own.clone(), chains.clone());
            running.spawn(async move {
                let result = own.lane(&chains).await;
                if result.is_err() {
                    own.work.end_all(Stage::Stopping);
                }
                result
            });
        }
        let (mut result, mut panicked) = (Ok(()), None);
        while let Some(ended) = running.join_next().await {
            match ended.map_err(JoinError::try_into_panic) {
                Ok(ended) => result = result.and(ended),
                Err(Ok(panic)) => {
                    own.work.end_all(Stage::Stopping);
                    panicked = Some(panic);
                }
                // A runtime that shuts down.
                Err(Err(_)) => own.work.end_all(Stage::Stopping),
            }
        }
        if let Some(panic) = panicked {
            // Not a handler's, which is caught: as where lanes are not tasks of their own, it is the run's.
            resume_unwind(panic);
        }
        result
    }

    /// Records of one key in their order, each key by itself; records without a key are each by themselves.
    fn chains(&self) -> VecDeque<Chain> {
        let mut chains: VecDeque<Chain> = VecDeque::new();
        let mut of_key: HashMap<(usize, &[u8]), usize> = HashMap::new();
        for (number, part) in self.work.parts.iter().enumerate() {
            for (index, record) in part.records.iter().enumerate() {
                let chain = record
                    .key()
                    .map(|key| *of_key.entry((number, key)).or_insert(chains.len()));
                match chain.filter(|chain| *chain < chains.len()) {
                    Some(chain) => chains[chain].1.push(index),
                    None => chains.push_back((number, vec![index])),
                }
            }
        }
        chains
    }

    async fn lane(&self, chains: &Mutex<VecDeque<Chain>>) -> Result<(), Error> {
        let next = || chains.lock().expect("no panic while it is held").pop_front();
        while let Some((number, indexes)) = next() {
            let part = &self.work.parts[number];
            for index in indexes {
                if self.failures.breaker().is_open() {
                    tokio::select! {
                        () = self.failures.breaker().closed() => {}
                        () = self.work.reached(part, Stage::Stopping) => {}
                    }
                }
                let Some(in_handler) = self.work.in_handler(part) else {
                    break;
                };
                let record = &part.records[index];
                match self.guarded(part, async { self.handling.one(record).await }).await {
                    Ended::Well => {}
                    Ended::Abandoned => break,
                    Ended::Failed(error) => match self.failures.see_through(self, part, index, error).await {
                        Ok(()) => {}
                        Err(Trouble::Interrupted) => break,
                        Err(Trouble::Poison(error)) => return Err(error),
                    },
                }
                part.mark(index);
                drop(in_handler);
                if let Some(driver) = &self.after_record {
                    driver.commit().await;
                }
            }
        }
        Ok(())
    }

    /// Runs handlers, which are called in here, too; one that panics or takes too long ends with an error, and all end where they are abandoned.
    pub(super) async fn guarded(&self, part: &Part, handling: impl Future<Output = Result<(), BoxError>>) -> Ended {
        let began = Instant::now();
        let seconds = self.limit.as_secs_f64();
        let ended = tokio::select! {
            biased;
            result = AssertUnwindSafe(handling).catch_unwind() => match result {
                Ok(Ok(())) => Ended::Well,
                Ok(Err(error)) => Ended::Failed(error),
                Err(panic) => Ended::Failed(HandlerPanic(said(&*panic)).into()),
            },
            () = self.work.reached(part, Stage::Abandoned) => Ended::Abandoned,
            () = overdue(part, self.limit) => Ended::Failed(HandlerTimeout { seconds }.into()),
        };
        self.work.was_busy(began.elapsed());
        ended
    }
}

/// Until one record has taken longer than the limit: none has been done for so long.
async fn overdue(part: &Part, limit: Duration) {
    let look = (limit / 10).min(Duration::from_secs(5));
    let (mut seen, mut since) = (part.through(), Instant::now());
    loop {
        tokio::time::sleep(look).await;
        let now = part.through();
        if now != seen {
            (seen, since) = (now, Instant::now());
        } else if since.elapsed() >= limit {
            return;
        }
    }
}

/// What a panic said.
fn said(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "no text".to_owned())
}
