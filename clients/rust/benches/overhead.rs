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
use serde_json::json;

use kafka::Kafka;
use service::Service;

/// The most that it may cost of a record's time.
const CLAIM: f64 = 0.10;
/// Bytes a record, and how many.
const SIZES: [(usize, usize); 2] = [(100, 400_000), (10_000, 40_000)];
const BATCH: usize = 500;

/// Seconds of the clock and of the CPU.
#[derive(Debug, Clone, Copy)]
struct Took {
    seconds: f64,
    cpu: f64,
}

/// A moment, by the clock and by the CPU.
#[derive(Debug, Clone, Copy)]
struct Moment(Instant, f64);

impl Moment {
    fn now() -> Self {
        let cpu = clock_gettime(ClockId::ProcessCPUTime);
        #[expect(clippy::cast_precision_loss, reason = "seconds of a benchmark")]
        Self(Instant::now(), cpu.tv_sec as f64 + cpu.tv_nsec as f64 / 1e9)
    }

    fn took(self) -> Took {
        let now = Self::now();
        Took {
            seconds: (now.0 - self.0).as_secs_f64(),
            cpu: now.1 - self.1,
        }
    }
}

/// The trivial handler, which both sides await.
async fn handle(record: &impl rdkafka::Message) -> Result<(), BoxError> {
    std::hint::black_box(record.payload());
    Ok(())
}

/// Knows when the first batch came.
#[derive(Default)]
struct Own(Mutex<Option<Moment>>);

impl Handler for Own {
    async fn batch_begins(&self, _: &Batch<'_>) {
        self.0.lock().unwrap().get_or_insert_with(Moment::now);
    }

    async fn process(&self, record: &Record) -> Result<(), BoxError> {
        handle(record).await
    }
}

/// From the first batch to the last commit.
async fn based(service: &Service, kafka: &Kafka, count: usize) -> Took {
    let own = Arc::new(Own::default());
    let consumer = BaseKafkaConsumer::new(&service.name, service.loader(), own.clone());
    let mut consumer = consumer
        .bootstrap_servers(&kafka.bootstrap)
        .handle_signals(HandleSignals::No);
    let handle = consumer.handle();
    let running = tokio::spawn(consumer.run());
    let committed = || handle.positions().iter().filter_map(|one| one.committed).sum::<i64>();
    let all = i64::try_from(count).unwrap();
    while committed() < all {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    let took = own.0.lock().unwrap().expect("it consumed").took();
    handle.stop();
    running.await.unwrap().unwrap();
    took
}

/// The loop that one writes by hand: receive, handle, commit every so many.
async fn bare(service: &Service, kafka: &Kafka, count: usize) -> Took {
    let loader = service.loader();
    let consumer = loader
        .create_consumer(&service.name, &[], Some(&kafka.bootstrap))
        .await
        .unwrap();
    let (mut first, mut left) = (None, count);
    while left > 0 {
        for _ in 0..BATCH.min(left) {
            let record = consumer.recv().await.unwrap();
            first.get_or_insert_with(Moment::now);
            handle(&record).await.unwrap();
            left -= 1;
        }
        consumer.commit_consumer_state(CommitMode::Sync).unwrap();
    }
    let took = first.expect("it consumed").took();
    drop(consumer);
    loader.close().await;
    took
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
    println!("{cores} cores; paired runs, batches of at most {BATCH}, a commit a batch");
    println!("  record   records    bare /s    base /s   median of pairs: time     CPU   claim");
    for (size, count) in SIZES {
        let topic = kafka.topic(4).await;
        fill(kafka, &topic, size, count);
        let mut pairs = Vec::new();
        for round in 0..=rounds {
            let service = || {
                let service = Service::new();
                service.seed(&[&topic], json!({"consumer": {"max_poll_records": BATCH}}));
                service
            };
            let pair = if round % 2 == 0 {
                let first = bare(&service(), kafka, count).await;
                (first, based(&service(), kafka, count).await)
            } else {
                let first = based(&service(), kafka, count).await;
                (bare(&service(), kafka, count).await, first)
            };
            if round > 0 {
                pairs.push(pair); // the first pair warms up
            }
        }
        let slower = median(pairs.iter().map(|(bare, base)| base.seconds / bare.seconds - 1.0));
        let cpu = median(pairs.iter().map(|(bare, base)| base.cpu / bare.cpu - 1.0));
        #[expect(clippy::cast_precision_loss, reason = "counts of a benchmark")]
        let rate = |took: fn(&(Took, Took)) -> f64| median(pairs.iter().map(|pair| count as f64 / took(pair)));
        let is_met = slower < CLAIM;
        missed += u8::from(!is_met);
        println!(
            "{size:6} B  {count:8}  {:9.0}  {:9.0}   {:+21.1} %  {:+5.1} %   < {:.0} %: {}",
            rate(|pair| pair.0.seconds),
            rate(|pair| pair.1.seconds),
            slower * 100.0,
            cpu * 100.0,
            CLAIM * 100.0,
            if is_met { "met" } else { "MISSED" }
        );
    }
    ExitCode::from(missed.min(1))
}
