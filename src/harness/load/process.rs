//! The loop itself, and the thread that says every tick how it goes.

use std::io::{BufRead, Write};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use rdkafka::ClientConfig;
use rdkafka::config::FromClientConfigAndContext;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::producer::{BaseRecord, Producer, PurgeConfig, ThreadedProducer};
use rdkafka::util::get_rdkafka_version;

use crate::harness::protocol::{
    Clock, Lines, LoadLine, LoadSpec, PROTOCOL, ProcessError, Stop, Ticks, UsageMeter, obey, precise_sleep, read_spec,
};

use super::account::{Account, Reports, Sent};
use super::records::Records;
use super::schedule::share;

/// How long the broker may take to know all topics.
const TOPICS_WITHIN: Duration = Duration::from_secs(30);

/// How long records in flight may take once the process is told to stop.
const FLUSH_WITHIN: Duration = Duration::from_secs(10);

/// The pause before a full queue is tried again.
const FULL_QUEUE_PAUSE: Duration = Duration::from_micros(500);

/// Sleeps are cut into these, to hear of a stop.
const NAP: Duration = Duration::from_millis(50);

/// Runs a load process: a spec and commands from `input`, lines to `output`, until everything is acknowledged or given up,
/// or until it is told to stop.
///
/// # Errors
/// Where there is no spec of ours, or its topics are not there.
pub fn run(
    mut input: impl BufRead + Send + 'static,
    output: impl Write + Send + Sync + 'static,
) -> Result<(), ProcessError> {
    let clock = Clock::start();
    let spec: LoadSpec = read_spec(&mut input).map_err(|error| ProcessError(error.to_string()))?;
    if !spec.is_ours() {
        let (theirs, ours) = (spec.protocol, PROTOCOL);
        return Err(ProcessError(format!(
            "the spec is of protocol {theirs}, this is protocol {ours}"
        )));
    }
    if spec.shard.index >= spec.shard.of {
        let (index, of) = (spec.shard.index, spec.shard.of);
        return Err(ProcessError(format!(
            "the spec's shard {index} is none of {of}: they count from 0"
        )));
    }
    let stop = Stop::new();
    let system = |what: &str, error: std::io::Error| ProcessError(format!("could not {what}: {error}"));
    stop.on_signals().map_err(|error| system("watch for signals", error))?;
    obey(input, &stop, |_| ()).map_err(|error| system("start a thread", error))?;

    let account = Arc::new(Account::new(&spec));
    let producer = connect(&spec, &account, &stop)?;
    // Of this thread and those that it starts from now on; the client's own are as they are.
    precise_sleep();
    let lines = Arc::new(Lines::new(output, stop.clone()));
    lines.write(&LoadLine::Ready {
        at_us: clock.now_us(),
        protocol: PROTOCOL,
        client: format!("librdkafka {}", get_rdkafka_version().1),
    });

    let topics: Vec<Records> = spec
        .topics
        .iter()
        .enumerate()
        .map(|(at, topic)| Records::new(at, topic, spec.shard, spec.seed, spec.tag))
        .collect();
    let mut ticker = Ticker {
        account: Arc::clone(&account),
        schedules: topics.iter().map(|records| records.schedule().clone()).collect(),
        spec_shard: spec.shard,
        start_us: spec.ticks.start_us,
        clock,
        told: 0,
        meter: UsageMeter::new(),
    };
    let done = Stop::new();
    let ticking = {
        let (done, lines, ticks) = (done.clone(), Arc::clone(&lines), spec.ticks);
        thread::spawn(move || {
            let tick = ticker.until(&done, ticks, &lines);
            (ticker, tick)
        })
    };
    let due = Loop {
        producer: &producer,
        account: &account,
        stop: &stop,
        clock,
        start_us: spec.ticks.start_us,
    }
    .send(topics);
    finish(&producer, &stop);
    done.request();
    let (mut ticker, tick) = ticking
        .join()
        .map_err(|_| ProcessError("the ticking thread broke".to_owned()))?;
    ticker.tell(tick, due, &lines);
    let tally = account.tally();
    lines.write(&LoadLine::End {
        at_us: clock.now_us(),
        due,
        acknowledged: tally.acknowledged_total,
        failed: tally.failed_total,
    });
    Ok(())
}

/// A producer that knows all topics.
fn connect(spec: &LoadSpec, account: &Arc<Account>, stop: &Stop) -> Result<ThreadedProducer<Reports>, ProcessError> {
    let mut config = ClientConfig::new();
    for (name, value) in &spec.properties {
        config.set(name, value);
    }
    let producer = ThreadedProducer::from_config_and_context(&config, Reports(Arc::clone(account)))
        .map_err(|error| ProcessError(format!("librdkafka does not take the producer's properties: {error}")))?;
    let until = Instant::now() + TOPICS_WITHIN;
    for topic in &spec.topics {
        loop {
            let found = producer
                .client()
                .fetch_metadata(Some(&topic.topic), Duration::from_secs(5));
            let why = match &found {
                Ok(metadata) => {
                    let ready = metadata
                        .topics()
                        .iter()
                        .find(|found| found.name() == topic.topic)
                        .map_or(0, |found| {
                            found
                                .partitions()
                                .iter()
                                .filter(|partition| partition.leader() >= 0)
                                .count()
                        });
                    if ready >= topic.partitions as usize {
                        break;
                    }
                    format!("{ready} of its {} partitions have a leader", topic.partitions)
                }
                Err(error) => error.to_string(),
            };
            if Instant::now() >= until || stop.wait_until(Instant::now() + Duration::from_millis(100)) {
                return Err(ProcessError(format!("the topic {} is not there: {why}", topic.topic)));
            }
        }
    }
    Ok(producer)
}

/// Waits for what is in flight: as long as the client itself would, or not long where the process is told to stop.
fn finish(producer: &ThreadedProducer<Reports>, stop: &Stop) {
    while producer.in_flight_count() > 0 && !stop.is_requested() {
        let _ = producer.flush(Duration::from_millis(100));
    }
    if producer.in_flight_count() > 0 && producer.flush(FLUSH_WITHIN).is_err() {
        producer.purge(PurgeConfig::default().queue().inflight());
        let _ = producer.flush(Duration::from_secs(1));
    }
}

struct Loop<'a> {
    producer: &'a ThreadedProducer<Reports>,
    account: &'a Account,
    stop: &'a Stop,
    clock: Clock,
    start_us: i64,
}

impl Loop<'_> {
    /// Sends every record when it is due and says how many were due.
    fn send(&self, mut topics: Vec<Records>) -> u64 {
        let (mut key, mut value) = (Vec::new(), Vec::new());
        let mut due_total = 0;
        // One loop for all topics: whatever is due first.
        let next = |topics: &[Records]| {
            let heads = topics
                .iter()
                .enumerate()
                .filter_map(|(at, records)| Some((records.peek()?, at)));
            heads.min_by_key(|(due, at)| (due.due_us, *at))
        };
        while let Some((due, at)) = next(&topics) {
            let records = &mut topics[at];
            // Made before it is due, so that making it does not make it late.
            let placed = records.make(&due, self.start_us, &mut key, &mut value);
            let due_us = self.start_us + due.due_us;
            if !self.sleep_until(due_us) {
                break;
            }
            due_total += 1;
            let sent = Sent {
                stream: self.account.stream(at, placed.partition),
                sequence: placed.sequence,
            };
            self.hand_over(&records.topic.topic, placed.partition, &key, &value, sent);
            self.account.tally().lateness.record(self.clock.now_us() - due_us);
        }
        due_total
    }

    /// Sleeps; false where the process is told to stop.
    fn sleep_until(&self, us: i64) -> bool {
        loop {
            if self.stop.is_requested() {
                return false;
            }
            let left = u64::try_from(us - self.clock.now_us()).unwrap_or(0);
            if left == 0 {
                return true;
            }
            thread::sleep(Duration::from_micros(left).min(NAP));
        }
    }

    /// Hands a record to the client, as soon as its queue has room.
    fn hand_over(&self, topic: &str, partition: i32, key: &[u8], value: &[u8], sent: Sent) {
        let mut record = BaseRecord::<[u8], [u8], Box<Sent>>::with_opaque_to(topic, Box::new(sent))
            .partition(partition)
            .payload(value);
        if !key.is_empty() {
            record = record.key(key);
        }
        loop {
            match self.producer.send(record) {
                Ok(()) => return,
                Err((KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull), again))
                    if !self.stop.is_requested() =>
                {
                    record = again;
                    thread::sleep(FULL_QUEUE_PAUSE);
                }
                Err((error, _)) => {
                    self.account.tally().failed(sent);
                    self.account.troubles.note_kafka(&error, &error.to_string());
                    return;
                }
            }
        }
    }
}

/// Says every tick what happened since the last one.
struct Ticker {
    account: Arc<Account>,
    schedules: Vec<super::schedule::Schedule>,
    spec_shard: crate::harness::protocol::Shard,
    start_us: i64,
    clock: Clock,
    /// Records due that were told.
    told: u64,
    meter: UsageMeter,
}

impl Ticker {
    /// Until it is done; then says which tick would have been next.
    fn until<W: Write>(&mut self, done: &Stop, ticks: Ticks, lines: &Lines<W>) -> u32 {
        let mut tick = ticks.next_after(self.clock.now_us());
        while !done.wait_until(self.clock.instant_at(ticks.at(tick))) {
            let elapsed = self.clock.now_us() - self.start_us;
            let due = self
                .schedules
                .iter()
                .map(|schedule| share(schedule.due_by(elapsed), self.spec_shard))
                .sum();
            self.tell(tick, due, lines);
            tick += 1;
        }
        tick
    }

    /// Writes a tick; `due` is how many records were due in all.
    fn tell<W: Write>(&mut self, tick: u32, due: u64, lines: &Lines<W>) {
        let at_us = self.clock.now_us();
        let (acknowledged, failed, lateness) = self.account.take();
        let usage = self.meter.look();
        for trouble in self.account.troubles.take() {
            lines.write(&LoadLine::Error {
                at_us,
                message: format!("{}: {}", trouble.code, trouble.message),
                times: trouble.times,
            });
        }
        lines.write(&LoadLine::Tick {
            at_us,
            tick,
            due: due.saturating_sub(self.told),
            acknowledged,
            failed,
            lateness: lateness.encode(),
            cpu_seconds: usage.cpu_seconds,
            cpu_wait_seconds: usage.cpu_wait_seconds,
        });
        self.told = self.told.max(due);
    }
}
