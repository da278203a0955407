//! The client's thread: it alone polls, so that neither a long batch nor a blocked runtime costs the membership.

use std::collections::{BTreeMap, VecDeque};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Weak};
use std::thread;
use std::time::{Duration, Instant};

use rdkafka::ClientConfig;
use rdkafka::Message;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::KafkaError;
use tokio::sync::oneshot;

use super::commits::{Committed, commit, commit_these, send_processed};
use super::context::Context;
use super::core::Core;
use super::record::Record;
use super::work::Work;
use crate::error::Error;
use crate::kafka;
use crate::leaving::{Member, leave};
use crate::settings::Commit;

/// The longest that a poll waits for the first record.
const WAIT: Duration = Duration::from_millis(250);
/// The longest that the last commit and the farewell may take: librdkafka waits for a coordinator that is away.
const FAREWELL: Duration = Duration::from_secs(10);

/// What it answers to being asked for the next batch: none where nothing came meanwhile.
type Next = Result<Option<Arc<Work>>, KafkaError>;

enum Command {
    /// Commit what is processed, then the next batch.
    Next(oneshot::Sender<Next>),
    /// Commit what is processed.
    Commit(oneshot::Sender<()>),
    /// Leave the group.
    End,
}

/// A consumer in a thread of its own, in its group until it is ended.
pub(super) struct Driver {
    commands: Sender<Command>,
    ended: oneshot::Receiver<()>,
    core: Arc<Core>,
}

impl Driver {
    /// Makes a consumer and joins its group.
    pub(super) fn start(core: &Arc<Core>, client: &ClientConfig, topics: Vec<String>) -> Result<Self, Error> {
        let refused = |error| kafka::refusal(&core.service_name, error);
        let epoch = core.begin_anew(topics.clone());
        let context = Context {
            core: core.clone(),
            epoch,
        };
        let mut client = client.clone();
        if core.settings().delivery.commit == Commit::Interval {
            // Its timer commits what is stored: that is what is processed, rather than what was handed over.
            client.set("enable.auto.offset.store", "false");
        }
        let consumer: BaseConsumer<Context> = client.create_with_context(context).map_err(refused)?;
        let names: Vec<&str> = topics.iter().map(String::as_str).collect();
        consumer.subscribe(&names).map_err(refused)?;
        let consumer = Arc::new(consumer);
        core.uses(&consumer);
        let (commands, received) = channel();
        let (end, ended) = oneshot::channel();
        let driving = Driving {
            consumer,
            core: core.clone(),
            epoch,
            stash: VecDeque::new(),
            revocations: core.revocations(),
            is_paused: false,
            member: Member::of(&client),
            ended: None,
            warned: Weak::new(),
            quiet_until: Instant::now(),
            said: BTreeMap::new(),
        };
        let thread = thread::Builder::new().name("lagproof-kafka".to_owned());
        let spawned = thread.spawn(move || {
            driving.go_on(&received);
            let _ = end.send(());
        });
        spawned.map_err(|error| Error::BrokerAway {
            service_name: core.service_name.clone(),
            cause: format!("no thread for the client: {error}"),
        })?;
        Ok(Self {
            commands,
            ended,
            core: core.clone(),
        })
    }

    /// Commits what is processed and waits a moment for the next batch. The one before is dropped meanwhile, which takes as long
    /// as a good part of gathering one.
    pub(super) async fn next(&self, before: Option<Arc<Work>>) -> Next {
        let (reply, answer) = oneshot::channel();
        let _ = self.commands.send(Command::Next(reply));
        drop(before);
        // The thread lives as long as its driver, unless it panics.
        answer.await.unwrap_or(Err(KafkaError::Canceled))
    }

    /// Commits what is processed.
    pub(super) async fn commit(&self) {
        let (reply, answer) = oneshot::channel();
        let _ = self.commands.send(Command::Commit(reply));
        let _ = answer.await;
    }

    /// Commits what is processed and leaves the group, if a broker answers in time.
    pub(super) async fn end(self) {
        let _ = self.commands.send(Command::End);
        if tokio::time::timeout(FAREWELL, self.ended).await.is_err() {
            let uncommitted = if self.core.commits_when_done() {
                self.core.uncommitted().len()
            } else {
                0
            };
            log::error!(
                "{}: no broker took the last commit {} s after the stop: the last batch of {uncommitted} partitions is \
                 processed again",
                self.core.service_name,
                FAREWELL.as_secs()
            );
        }
    }
}

struct Driving {
    consumer: Arc<BaseConsumer<Context>>,
    core: Arc<Core>,
    /// Which consumer it is.
    epoch: u64,
    /// Records that came while a batch was in hand: they are the next one.
    stash: VecDeque<Record>,
    /// How often partitions had been taken back when the records above were last looked through.
    revocations: u64,
    is_paused: bool,
    member: Member,
    /// What the client ended with while a batch was in hand: it says so once.
    ended: Option<KafkaError>,
    /// The batch whose length has been said.
    warned: Weak<Work>,
    /// No commit before that: the last one failed.
    quiet_until: Instant,
    /// What was said, and when.
    said: BTreeMap<String, Instant>,
}

impl Driving {
    fn go_on(mut self, commands: &Receiver<Command>) {
        let mut tick = Duration::from_secs(1);
        loop {
            match commands.recv_timeout(tick) {
                Ok(Command::Next(reply)) => {
                    let next = self.next();
                    let interval = self.core.settings().max_poll_interval_ms();
                    tick = (Duration::from_millis(interval) / 4).min(Duration::from_secs(1));
                    let _ = reply.send(next);
                }
                Ok(Command::Commit(reply)) => {
                    self.commit();
                    let _ = reply.send(());
                }
                Err(RecvTimeoutError::Timeout) => {
                    if self.core.settings().delivery.commit == Commit::Interval {
                        self.commit(); // the timer goes on meanwhile
                    }
                    self.keep_membership();
                }
                Ok(Command::End) | Err(RecvTimeoutError::Disconnected) => break,
            }
        }
        if self.core.commits_when_done() {
            commit(&self.core, &self.consumer);
        }
        self.core.observer.leaving();
        // Whoever dropped the run dropped what was in hand.
        self.core.let_go(self.epoch);
        self.stash.clear();
        // Somebody may be asking it for offsets. The last one ends it, which calls for polls: that is for this thread.
        while Arc::strong_count(&self.consumer) > 1 {
            thread::sleep(Duration::from_millis(5));
        }
        leave(&*self.consumer, self.member, || {
            Record::poll(&self.consumer, Duration::ZERO);
        });
    }

    fn may_commit(&self) -> bool {
        self.core.commits_when_done() && Instant::now() >= self.quiet_until
    }

    fn commit(&mut self) {
        if self.may_commit() {
            let ended = commit(&self.core, &self.consumer);
            self.committed(ended);
        }
    }

    fn committed(&mut self, ended: Committed) {
        if ended == Committed::NotYet {
            self.quiet_until = Instant::now() + Duration::from_secs(1);
        }
    }

    /// While the broker answers to the commit, the next batch is gathered; it is not begun before.
    fn next(&mut self) -> Next {
        if let Some(error) = self.ended.take() {
            return Err(error);
        }
        let consumer = self.consumer.clone();
        let mut sent = None;
        if self.may_commit() {
            sent = send_processed(&self.core, &consumer);
        }
        if self.is_paused {
            self.is_paused = false;
            if let Err(error) = self.consumer.assignment().and_then(|all| self.consumer.resume(&all)) {
                self.say(&error);
            }
        }
        let settings = self.core.settings();
        let most = settings.max_poll_records();
        let mut batch: VecDeque<Record> = std::mem::take(&mut self.stash);
        self.stash = batch.split_off(batch.len().min(most));
        while batch.len() < most {
            let may_wait = batch.is_empty() && sent.is_none();
            let wait = if may_wait { WAIT } else { Duration::ZERO };
            match Record::poll(&self.consumer, wait) {
                Some(Ok(record)) => batch.push_back(record),
                Some(Err(error)) if kafka::is_final(&error) => return Err(error),
                Some(Err(error)) => self.say(&error),
                None => {
                    // There may have been a rebalance, which is always followed by this.
                    self.drop_what_is_not_held(&mut batch);
                    if !batch.is_empty() {
                        break;
                    }
                    // Nothing to gather meanwhile.
                    let Some(sent) = sent.take() else { break };
                    self.committed(sent.wait(&self.core));
                }
            }
        }
        if let Some(sent) = sent {
            self.committed(sent.wait(&self.core));
        }
        if batch.is_empty() || (self.core.is_stopping() && self.core.commits_when_done()) {
            return Ok(None); // not begun, and so read again
        }
        let work = Arc::new(Work::new(batch));
        if settings.delivery.commit == Commit::OnReceipt {
            let ends = work.parts.iter().filter_map(|part| {
                let last = part.records.last()?;
                Some(((part.topic.clone(), part.partition), last.offset() + 1))
            });
            commit_these(&self.core, &self.consumer, ends.collect());
        }
        self.core.take_in_hand(&work);
        Ok(Some(work))
    }

    /// What is not held any more is somebody else's.
    fn drop_what_is_not_held(&mut self, batch: &mut VecDeque<Record>) {
        let revocations = self.core.revocations();
        if std::mem::replace(&mut self.revocations, revocations) == revocations {
            return;
        }
        let offsets = self.core.offsets();
        let is_held = |record: &Record| offsets.held.contains(&(record.topic().to_owned(), record.partition()));
        batch.retain(is_held);
        self.stash.retain(is_held);
    }

    /// While a batch takes long or the downstream is down: partitions paused, and the client polled all the same.
    fn keep_membership(&mut self) {
        let core = self.core.clone();
        let Some(work) = core.work() else { return };
        let interval = Duration::from_millis(core.settings().max_poll_interval_ms());
        let elapsed = work.began.elapsed();
        let is_down = core.breaker.is_open();
        if elapsed < interval / 2 && !is_down {
            return;
        }
        if elapsed > interval.mul_f64(0.8) && !is_down && self.warned.as_ptr() != Arc::as_ptr(&work) {
            self.warned = Arc::downgrade(&work);
            log::warn!(
                "{}: a batch of {} takes longer than max_poll_interval ({} s), {} records to go: partitions are paused and \
                 membership is kept; lower max_poll_records, or raise max_poll_interval",
                core.service_name,
                work.records(),
                interval.as_secs_f64(),
                work.left()
            );
        }
        self.is_paused = true;
        if let Err(error) = self.consumer.assignment().and_then(|all| self.consumer.pause(&all)) {
            self.say(&error);
        }
        match Record::poll(&self.consumer, Duration::ZERO) {
            Some(Ok(record)) => self.stash.push_back(record),
            Some(Err(error)) => {
                self.say(&error);
                if kafka::is_final(&error) {
                    self.ended = Some(error);
                }
            }
            None => self.drop_what_is_not_held(&mut VecDeque::new()),
        }
    }

    /// librdkafka tries by itself again; the same is said once a minute.
    fn say(&mut self, error: &KafkaError) {
        let text = error.to_string();
        self.core.observer.trouble(&text);
        let now = Instant::now();
        let is_new = self
            .said
            .get(&text)
            .is_none_or(|at| now - *at > Duration::from_secs(60));
        if is_new {
            log::warn!("{}: {text}: goes on", self.core.service_name);
            self.said.insert(text, now);
        }
    }
}
