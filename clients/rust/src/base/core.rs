//! What the parts of a running consumer share.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, Weak};
use std::time::Duration;

use rdkafka::consumer::BaseConsumer;
use tokio::sync::watch;

use super::breaker::Breaker;
use super::context::Context;
use super::observer::Observer;
use super::work::{Stage, Work};
use crate::kafka;
use crate::metrics::Counters;
use crate::settings::{Commit, Config, Settings};

/// A topic and a partition of it.
pub(super) type Place = (String, i32);

/// Offsets of the partitions that are held.
#[derive(Debug, Default)]
pub(super) struct Offsets {
    pub(super) held: BTreeSet<Place>,
    /// One past the last record that is processed.
    pub(super) positions: BTreeMap<Place, i64>,
    /// The last that the broker took.
    pub(super) committed: BTreeMap<Place, i64>,
}

/// Shared by the runner, the client's thread, and whoever looks on.
pub(super) struct Core {
    pub(super) service_name: String,
    pub(super) breaker: Breaker,
    pub(super) observer: Arc<dyn Observer>,
    pub(super) stop: watch::Sender<bool>,
    pub(super) counters: Mutex<Counters>,
    /// How often partitions were assigned to the consumer that runs now.
    pub(super) assigned: watch::Sender<u64>,
    /// Which consumer that is; what an older one still says is ignored.
    epoch: AtomicU64,
    /// How often partitions were taken back.
    revocations: AtomicU64,
    running: Mutex<Option<Config>>,
    work: Mutex<Option<Arc<Work>>>,
    offsets: Mutex<Offsets>,
    consumer: Mutex<Weak<BaseConsumer<Context>>>,
    topics: Mutex<Vec<String>>,
}

fn held<T>(lock: &Mutex<T>) -> MutexGuard<'_, T> {
    lock.lock().expect("no panic while it is held")
}

impl Core {
    pub(super) fn new(service_name: &str, breaker: Breaker, observer: Arc<dyn Observer>) -> Self {
        Self {
            service_name: service_name.to_owned(),
            breaker,
            observer,
            stop: watch::Sender::new(false),
            counters: Mutex::default(),
            assigned: watch::Sender::new(0),
            epoch: AtomicU64::new(0),
            revocations: AtomicU64::new(0),
            running: Mutex::default(),
            work: Mutex::default(),
            offsets: Mutex::default(),
            consumer: Mutex::default(),
            topics: Mutex::default(),
        }
    }

    /// What it runs with now; `None` before it runs.
    pub(super) fn config(&self) -> Option<Config> {
        held(&self.running).clone()
    }

    /// The settings of that; it must run.
    pub(super) fn settings(&self) -> Arc<Settings> {
        let running = held(&self.running);
        running.as_ref().expect("it runs with something").settings.clone()
    }

    pub(super) fn run_with(&self, config: Config) {
        *held(&self.running) = Some(config);
    }

    /// Whether what is not begun is read again: not where it counted as done when it was received.
    pub(super) fn commits_when_done(&self) -> bool {
        self.settings().delivery.commit != Commit::OnReceipt
    }

    pub(super) fn is_stopping(&self) -> bool {
        *self.stop.borrow()
    }

    /// Until it is to stop.
    pub(super) async fn stopped(&self) {
        // The sender lives as long as this borrow.
        let _ = self.stop.subscribe().wait_for(|stop| *stop).await;
    }

    /// Ends it in good order: what is in handlers is finished and committed, and the group left.
    pub(super) fn stop(&self) {
        self.stop.send_replace(true);
        if let Some(work) = self.work()
            && self.commits_when_done()
        {
            work.end_all(Stage::Stopping);
        }
    }

    pub(super) fn work(&self) -> Option<Arc<Work>> {
        held(&self.work).clone()
    }

    pub(super) fn take_in_hand(&self, work: &Arc<Work>) {
        *held(&self.work) = Some(work.clone());
    }

    /// Nothing is in hand any more, and nobody gets the client any more, if no other has taken over.
    pub(super) fn let_go(&self, epoch: u64) {
        if self.epoch() == epoch {
            *held(&self.work) = None;
        }
        // Held while it looks: another one is put there after it has taken over.
        let mut consumer = held(&self.consumer);
        if self.epoch() == epoch {
            *consumer = Weak::new();
        }
    }

    /// It is through, as far as it came: what can be committed is known from now on.
    pub(super) fn put_down(&self, work: &Work) {
        self.note_positions(work);
        *held(&self.work) = None;
        let done = work.records() - work.left();
        let mut counters = held(&self.counters);
        counters.processed += done as u64;
        counters.busy_ms += work.busy().as_secs_f64() * 1000.0;
    }

    pub(super) fn offsets(&self) -> MutexGuard<'_, Offsets> {
        held(&self.offsets)
    }

    /// Takes over how far the batch in hand is, in partitions that are still held.
    fn note_positions(&self, work: &Work) {
        let mut offsets = self.offsets();
        for part in work.parts.iter().filter(|part| !part.is_gone()) {
            if let Some(position) = part.position() {
                let place = (part.topic.clone(), part.partition);
                if offsets.held.contains(&place) {
                    offsets.positions.insert(place, position);
                }
            }
        }
    }

    /// What is processed and not committed.
    pub(super) fn uncommitted(&self) -> BTreeMap<Place, i64> {
        if let Some(work) = self.work() {
            self.note_positions(&work);
        }
        let offsets = self.offsets();
        let is_new = |(place, to): &(&Place, &i64)| offsets.committed.get(*place) != Some(*to);
        offsets
            .positions
            .iter()
            .filter(is_new)
            .map(|(place, to)| (place.clone(), *to))
            .collect()
    }

    /// How often partitions were taken back.
    pub(super) fn revocations(&self) -> u64 {
        self.revocations.load(Ordering::Acquire)
    }

    /// Partitions are somebody else's from now on.
    pub(super) fn gave_back(&self, revoked: &[Place]) {
        let mut offsets = self.offsets();
        for place in revoked {
            offsets.held.remove(place);
            offsets.positions.remove(place);
            offsets.committed.remove(place);
        }
        drop(offsets);
        self.revocations.fetch_add(1, Ordering::AcqRel);
    }

    /// The broker took these of partitions that are still held.
    pub(super) fn took(&self, committed: impl IntoIterator<Item = (Place, i64)>) {
        let mut offsets = self.offsets();
        for (place, to) in committed {
            if offsets.held.contains(&place) {
                offsets.committed.insert(place, to);
            }
        }
    }

    pub(super) fn epoch(&self) -> u64 {
        self.epoch.load(Ordering::Acquire)
    }

    /// Another consumer takes over, or none.
    pub(super) fn begin_anew(&self, topics: Vec<String>) -> u64 {
        *self.offsets() = Offsets::default();
        self.assigned.send_replace(0);
        *held(&self.topics) = topics;
        self.epoch.fetch_add(1, Ordering::AcqRel) + 1
    }

    pub(super) fn uses(&self, consumer: &Arc<BaseConsumer<Context>>) {
        *held(&self.consumer) = Arc::downgrade(consumer);
    }

    pub(super) fn consumer(&self) -> Option<Arc<BaseConsumer<Context>>> {
        held(&self.consumer).upgrade()
    }

    /// How far the whole group is behind, in records, by what it committed; `None` where it can't be told now.
    pub(super) async fn group_lag(&self) -> Option<i64> {
        let (consumer, topics) = (self.consumer()?, held(&self.topics).clone());
        let asking = tokio::task::spawn_blocking(move || kafka::group_lag(&*consumer, &topics));
        asking.await.ok().flatten()
    }

    /// Until it has partitions, or knows that there are none for it. False where that takes longer.
    pub(super) async fn joined(&self, within: Duration) -> bool {
        let mut assigned = self.assigned.subscribe();
        tokio::time::timeout(within, assigned.wait_for(|times| *times > 0))
            .await
            .is_ok()
    }
}
