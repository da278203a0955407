//! The consumer: its callbacks, its commits, its batches.

use std::collections::BTreeSet;
use std::io::Write;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use rdkafka::config::{FromClientConfigAndContext, RDKafkaLogLevel};
use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer, ConsumerContext, Rebalance};
use rdkafka::error::{KafkaError, KafkaResult, RDKafkaErrorCode};
use rdkafka::message::BorrowedMessage;
use rdkafka::{ClientConfig, ClientContext, Offset, TopicPartitionList};

use crate::harness::protocol::{
    Clock, CommitSpec, ConcurrencySpec, Lines, ProcessError, Stalls, Troubles, WorkerLine, WorkerSpec,
};

use super::ledger::{Commit, Ledger};

/// Where lines go.
pub(super) type Out = Lines<Box<dyn Write + Send>>;

/// What all threads of a worker share.
pub(super) struct Shared {
    pub clock: Clock,
    pub ledger: Ledger,
    pub lines: Out,
    pub troubles: Troubles,
    pub stalls: Stalls,
    pub commit: CommitSpec,
    /// Whether records of partitions that went are processed all the same: nobody remembers whose they were.
    pub keeps_handed_over: bool,
    /// Partitions that are paused while a batch is in threads.
    pub paused: Mutex<BTreeSet<(String, i32)>>,
}

impl Shared {
    pub(super) fn new(spec: &WorkerSpec, clock: Clock, lines: Out) -> Self {
        Self {
            clock,
            ledger: Ledger::new(&spec.topics),
            lines,
            troubles: Troubles::default(),
            stalls: Stalls::of(spec),
            commit: spec.delivery.commit,
            keeps_handed_over: spec.work.concurrency == ConcurrencySpec::Unbounded,
            paused: Mutex::new(BTreeSet::new()),
        }
    }
}

impl Shared {
    /// The partitions that are paused now.
    pub(super) fn paused(&self) -> MutexGuard<'_, BTreeSet<(String, i32)>> {
        self.paused.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn note(&self, result: KafkaResult<()>) {
        if let Err(error) = result {
            self.troubles.note_kafka(&error, &error.to_string());
        }
    }
}

/// What librdkafka calls back, from inside a poll.
pub(super) struct Callbacks(Arc<Shared>);

/// The consumer.
pub(super) type Client = BaseConsumer<Callbacks>;

/// Makes it from exactly the spec's properties; it has not joined yet.
pub(super) fn connect(spec: &WorkerSpec, shared: &Arc<Shared>) -> Result<Client, ProcessError> {
    let mut config = ClientConfig::new();
    for (name, value) in &spec.properties {
        config.set(name, value);
    }
    if spec.properties.get("group.id").is_none_or(String::is_empty) {
        return Err(ProcessError("the properties have no group.id".to_owned()));
    }
    // How much it logs is ours to say; the rest is the profile's.
    config.set_log_level(RDKafkaLogLevel::Info);
    Client::from_config_and_context(&config, Callbacks(Arc::clone(shared)))
        .map_err(|error| ProcessError(format!("librdkafka does not take the properties: {error}")))
}

impl ClientContext for Callbacks {
    fn log(&self, _: RDKafkaLogLevel, facility: &str, message: &str) {
        eprintln!("librdkafka: {facility}: {message}");
        // The only trace of records that were deleted before they were read.
        if facility == "OFFSET" && message.contains("offset reset") {
            self.0.troubles.note("offset-reset", message);
        }
    }

    fn error(&self, error: KafkaError, reason: &str) {
        self.0.troubles.note_kafka(&error, reason);
    }
}

impl ConsumerContext for Callbacks {
    fn pre_rebalance(&self, client: &BaseConsumer<Self>, rebalance: &Rebalance<'_>) {
        let at_us = self.0.clock.now_us();
        match rebalance {
            Rebalance::Assign(list) => {
                let partitions = partitions(list);
                self.0.ledger.assigned(&partitions);
                self.0.lines.write(&WorkerLine::Assigned { at_us, partitions });
            }
            Rebalance::Revoke(list) => {
                let partitions = partitions(list);
                let lost = client.assignment_lost();
                if !lost && matches!(self.0.commit, CommitSpec::AfterBatch | CommitSpec::AfterRecord) {
                    commit(client, &self.0, Commit::Processed);
                }
                // librdkafka forgets a partition that goes, but not that it was paused.
                resume(client, &self.0, |partition| partitions.contains(partition));
                self.0.ledger.unassigned(&partitions, self.0.keeps_handed_over);
                self.0.lines.write(&if lost {
                    WorkerLine::Lost { at_us, partitions }
                } else {
                    WorkerLine::Revoked { at_us, partitions }
                });
            }
            Rebalance::Error(error) => self.0.troubles.note_kafka(error, &error.to_string()),
        }
    }

    /// Of commits by the client's own clock.
    fn commit_callback(&self, result: KafkaResult<()>, offsets: &TopicPartitionList) {
        match result {
            Ok(()) => self.0.ledger.committed(offsets_of(offsets)),
            Err(KafkaError::ConsumerCommit(RDKafkaErrorCode::NoOffset)) => {}
            Err(error) => self.0.troubles.note_kafka(&error, &error.to_string()),
        }
    }
}

fn partitions(list: &TopicPartitionList) -> Vec<(String, i32)> {
    let elements = list.elements();
    elements
        .iter()
        .map(|element| (element.topic().to_owned(), element.partition()))
        .collect()
}

fn offsets_of(list: &TopicPartitionList) -> Vec<(String, i32, i64)> {
    let elements = list.elements();
    let offsets = elements
        .iter()
        .filter_map(|element| match (element.offset(), element.error()) {
            (Offset::Offset(offset), Ok(())) => Some((element.topic().to_owned(), element.partition(), offset)),
            _ => None,
        });
    offsets.collect()
}

/// Pauses partitions that are not. Only such as have brought a record since they came: one that is paused while the client
/// still looks up where to begin never begins (seen with librdkafka 2.12.1).
pub(super) fn pause(client: &Client, shared: &Shared, partitions: impl IntoIterator<Item = (String, i32)>) {
    let new: Vec<(String, i32)> = {
        let paused = shared.paused();
        partitions
            .into_iter()
            .filter(|partition| !paused.contains(partition))
            .collect()
    };
    if !new.is_empty() {
        shared.note(client.pause(&list(&new)));
        shared.paused().extend(new);
    }
}

/// Resumes those of the paused partitions. Others are left alone: resuming them would drop what was fetched.
pub(super) fn resume(client: &Client, shared: &Shared, which: impl Fn(&(String, i32)) -> bool) {
    let back: Vec<(String, i32)> = {
        let mut paused = shared.paused();
        let (back, rest) = std::mem::take(&mut *paused).into_iter().partition(which);
        *paused = rest;
        BTreeSet::into_iter(back).collect()
    };
    if !back.is_empty() {
        shared.note(client.resume(&list(&back)));
    }
}

fn list(partitions: &[(String, i32)]) -> TopicPartitionList {
    let mut list = TopicPartitionList::with_capacity(partitions.len());
    for (topic, partition) in partitions {
        list.add_partition(topic, *partition);
    }
    list
}

/// Commits and waits for the broker, as services do. What it refuses stays to be committed.
pub(super) fn commit(client: &Client, shared: &Shared, what: Commit) {
    let offsets = shared.ledger.to_commit(what);
    if offsets.is_empty() {
        return;
    }
    let mut list = TopicPartitionList::with_capacity(offsets.len());
    let listed = offsets.iter().try_for_each(|(topic, partition, offset)| {
        list.add_partition_offset(topic, *partition, Offset::Offset(*offset))
    });
    match listed.and_then(|()| client.commit(&list, CommitMode::Sync)) {
        Ok(()) => shared.ledger.committed(offsets),
        Err(error) => shared.troubles.note_kafka(&error, &error.to_string()),
    }
}

/// Leaves the group; partitions are given back on the way.
///
/// A client that is dropped while it has yet to hear of an assignment may hang for ever: librdkafka ends, and never answers
/// to its being taken (its issue 4884; seen with 2.12.1). So it hears of all there is first. A static member stays in its group,
/// and so must not unsubscribe.
pub(super) fn leave(client: Client, spec: &WorkerSpec) {
    if let Ok(held) = client.assignment() {
        // What was fetched is dropped unseen: else its offsets might be stored as read.
        let _ = client.pause(&held);
    }
    if !spec.properties.contains_key("group.instance.id") {
        client.unsubscribe();
    }
    // Time for the unassignment as well: a cooperative member that is ended in the middle of it says no farewell.
    let mut quiet = 0;
    while quiet < 10 {
        quiet = if client.poll(Duration::from_millis(10)).is_some() {
            0
        } else {
            quiet + 1
        };
    }
}

/// Polls, and keeps the time between two polls.
pub(super) struct Poller<'a> {
    client: &'a Client,
    shared: &'a Shared,
    ended: Instant,
}

impl<'a> Poller<'a> {
    pub(super) fn new(client: &'a Client, shared: &'a Shared) -> Self {
        Self {
            client,
            shared,
            ended: Instant::now(),
        }
    }

    /// One poll that waits up to `timeout`, then those that are there already, up to `most`; added to `batch`.
    ///
    /// A batch call that waits for `most` records *or* the timeout would make lag of rate × timeout.
    ///
    /// # Errors
    /// Where the client can't go on.
    pub(super) fn batch(
        &mut self,
        most: usize,
        timeout: Duration,
        batch: &mut Vec<BorrowedMessage<'a>>,
    ) -> Result<(), ProcessError> {
        let gap = self.ended.elapsed();
        self.shared
            .ledger
            .poll_gap(u64::try_from(gap.as_micros()).unwrap_or(u64::MAX));
        let mut wait = if batch.is_empty() { timeout } else { Duration::ZERO };
        while batch.len() < most {
            match self.client.poll(wait) {
                Some(Ok(message)) => batch.push(message),
                Some(Err(KafkaError::PartitionEOF(_))) => {}
                Some(Err(error @ KafkaError::MessageConsumptionFatal(_))) => {
                    return Err(ProcessError(format!("librdkafka gave up: {error}")));
                }
                Some(Err(error)) => self.shared.troubles.note_kafka(&error, &error.to_string()),
                None => break,
            }
            wait = Duration::ZERO;
        }
        self.ended = Instant::now();
        Ok(())
    }
}
