//! What the base consumer costs over a bare loop on rdkafka's `StreamConsumer` with the same settings: paired runs, alternating,
//! A B B A, after a pair that warms up. Exit status 1 where the claim is missed.
//!
//! ```console
//! $ just bench-rust-client [ROUNDS]
//! ```

#[path = "../tests/client/kafka.rs"]
#[allow(dead_code, reason = "the tests use more of it")]
mod kafka;
#[path = "../tests/client/postgres.rs"]
#[allow(dead_code, reason = "the tests use more of it")]
mod postgres;
#[path = "../tests/client/said.rs"]
#[allow(dead_code, reason = "the tests use more of it")]
mod said;
#[path = "../tests/client/service.rs"]
#[allow(dead_code, reason = "the tests use more of it")]
mod service;

use std::process::ExitCode;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use lagproof_client::{BaseKafkaConsumer, Batch, BoxError, HandleSignals, Handler, Record};
use rdkafka::consumer::{CommitMode, Consumer};
use rdkafka::producer::{BaseRecord, Producer};
use rustix::time::{ClockId, clock_gettime};
use serde_json::{Value as Json, json};
use tokio::sync::Notify;

use kafka::Kafka;
use service::Service;

/// The most that it may cost of a record's time.
const CLAIM: f64 = 0.10;
/// Bytes a record, and how many.
const SIZES: [(usize, usize); 2] = [(100, 1_500_000), (10_000, 100_000)];
const BATCH: usize = 500;

/// Who commits: a commit a batch waits for the broker, which is most of a small record's time; beside the client's timer only
/// the loop itself is seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Commits {
    ABatch,
    ByTimer,
}

impl Commits {
    fn name(self) -> &'static str {
        match self {
            Self::ABatch => "after-batch",
            Self::ByTimer => "interval",
        }
    }

    fn row(self) -> Json {
        json!({
            // Librdkafka's queue never runs empty by waiting a second before it fetches again.
            "consumer": {"max_poll_records": BATCH, "fetch_queue_backoff_ms": 5},
            "delivery": {"commit": self.name(), "commit_interval_ms": 1000},
        })
    }
}

/// Seconds of the clock and of the CPU that a record took.
#[derive(Debug, Clone, Copy)]
struct Took {
    seconds: f64,
    cpu: f64,
}

/// Looks at the clocks between batches, once a tenth of all is through and once nine tenths are: by then caches and queues are
/// as they stay, and neither the start nor the end is in it.
struct Watch {
    all: usize,
    done: usize,
    from: Option<(usize, Instant, f64)>,
    to: Option<(usize, Instant, f64)>,
}

impl Watch {
    fn new(all: usize) -> Self {
        Self {
            all,
            done: 0,
            from: None,
            to: None,
        }
    }

    /// Before a batch of so many. True once it has seen enough.
    fn begins(&mut self, count: usize) -> bool {
        if self.done * 10 >= self.all && self.from.is_none() {
            self.from = Some(Self::look(self.done));
        } else if self.done * 10 >= self.all * 9 && self.to.is_none() {
            self.to = Some(Self::look(self.done));
        }
        self.done += count;
        self.to.is_some()
    }

    #[expect(clippy::cast_precision_loss, reason = "seconds of a benchmark")]
    fn look(done: usize) -> (usize, Instant, f64) {
        let cpu = clock_gettime(ClockId::ProcessCPUTime);
        (done, Instant::now(), cpu.tv_sec as f64 + cpu.tv_nsec as f64 / 1e9)
    }

    #[expect(clippy::cast_precision_loss, reason = "counts of a benchmark")]
    fn took(&self) -> Took {
        let (from, to) = self.from.zip(self.to).expect("it saw enough");
        let records = (to.0 - from.0) as f64;
        Took {
            seconds: (to.1 - from.1).as_secs_f64() / records,
            cpu: (to.2 - from.2) / records,
        }
    }
}

/// The trivial handler, which both sides await.
async fn handle(record: &impl rdkafka::Message) -> Result<(), BoxError> {
    std::hint::black_box(record.payload());
    Ok(())
}

struct Own {
    watch: Mutex<Watch>,
    enough: Notify,
}

impl Handler for Own {
    async fn batch_begins(&self, batch: &Batch<'_>) {
        if self.watch.lock().unwrap().begins(batch.len()) {
            self.enough.notify_one();
        }
    }

    async fn process(&self, record: &Record) -> Result<(), BoxError> {
        handle(record).await
    }
}

async fn based(service: &Service, kafka: &Kafka, count: usize) -> Took {
    let own = Arc::new(Own {
        watch: Mutex::new(Watch::new(count)),
        enough: Notify::new(),
    });
    let consumer = BaseKafkaConsumer::new(&service.name, service.loader(), own.clone());
    let mut consumer = consumer
        .bootstrap_servers(&kafka.bootstrap)
        .handle_signals(HandleSignals::No);
    let handle = consumer.handle();
    let running = tokio::spawn(consumer.run());
    own.enough.notified().await;
    handle.stop();
    running.await.unwrap().unwrap();
    own.watch.lock().unwrap().took()
}

/// The loop that one writes by hand: receive, handle, commit every so many, or leave that to the client.
async fn bare(service: &Service, kafka: &Kafka, count: usize, commits: Commits) -> Took {
    let loader = service.loader();
    let consumer = loader
        .create_consumer(&service.name, &[], Some(&kafka.bootstrap))
        .await
        .unwrap();
    let mut watch = Watch::new(count);
    while !watch.begins(BATCH) {
        for _ in 0..BATCH {
            let record = consumer.recv().await.unwrap();
            handle(&record).await.unwrap();
        }
        if commits == Commits::ABatch {
            consumer.commit_consumer_state(CommitMode::Sync).unwrap();
        }
    }
    drop(consumer);
    loader.close().await;
    watch.took()
}

fn fill(kafka: &Kafka, topic: &str, size: usize, count: usize) {
    let producer = kafka.producer();
    let value: Vec<u8> = (0..size).map(|_| fastrand::u8(..)).collect();
    for number in 0..count {
        let partition = i32::try_from(number % 4).unwrap();
        let mut record = BaseRecord::<(), [u8]>::to(topic).partition(partition).payload(&value);
        while let Err((_, again)) = producer.send(record) {
            record = again;
            producer.poll(Duration::from_millis(5));
        }
    }
    producer.flush(Duration::from_secs(120)).unwrap();
}

fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    if values.len() % 2 == 1 {
        values[middle]
    } else {
        f64::midpoint(values[middle - 1], values[middle])
    }
}

#[tokio::main]
async fn main() -> ExitCode {
    let rounds: usize = std::env::args().skip(1).find_map(|word| word.parse().ok()).unwrap_or(6);
    let (kafka, mut missed) = (kafka::shared(), 0);
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    println!("{cores} cores; {rounds} paired runs, batches of at most {BATCH}; rates are medians");
    println!("  record   records  commit          bare /s    base /s   median of pairs: time     CPU   claim");
    for (size, count) in SIZES {
        let topic = kafka.topic(4).await;
        fill(kafka, &topic, size, count);
        for commits in [Commits::ABatch, Commits::ByTimer] {
            let mut pairs = Vec::new();
            for round in 0..=rounds {
                let service = || {
                    let service = Service::new();
                    service.seed(&[&topic], commits.row());
                    service
                };
                let pair = if round % 2 == 0 {
                    let first = bare(&service(), kafka, count, commits).await;
                    (first, based(&service(), kafka, count).await)
                } else {
                    let first = based(&service(), kafka, count).await;
                    (bare(&service(), kafka, count, commits).await, first)
                };
                if round > 0 {
                    pairs.push(pair); // the first pair warms up
                }
            }
            let slower = median(pairs.iter().map(|(bare, base)| base.seconds / bare.seconds - 1.0));
            let cpu = median(pairs.iter().map(|(bare, base)| base.cpu / bare.cpu - 1.0));
            let is_met = slower < CLAIM;
            missed += u8::from(!is_met);
            println!(
                "{size:6} B  {count:8}  {:<12}  {:9.0}  {:9.0}   {:+21.1} %  {:+5.1} %   < {:.0} %: {}",
                commits.name(),
                1.0 / median(pairs.iter().map(|(bare, _)| bare.seconds)),
                1.0 / median(pairs.iter().map(|(_, base)| base.seconds)),
                slower * 100.0,
                cpu * 100.0,
                CLAIM * 100.0,
                if is_met { "met" } else { "MISSED" }
            );
        }
    }
    ExitCode::from(missed.min(1))
}
