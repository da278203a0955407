//! The example that serves `lagproof verify` as a worker: by the protocol it comes to the right account.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use lagproof::harness::protocol::{
    CommitSpec, ConcurrencySpec, CostSpec, DeliverySpec, EndReason, HandlerSpec, Micros, PROTOCOL, RecordFlags,
    RecordHeader, StreamIntervals, Ticks, WorkSpec, WorkerLine, WorkerSpec,
};
use rdkafka::producer::{BaseRecord, Producer};

use super::kafka::{self, Kafka};
use super::service::eventually;

const TAG: u32 = 77;

fn now_us() -> i64 {
    i64::try_from(SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_micros()).unwrap()
}

fn spec(kafka: &Kafka, topic: &str) -> WorkerSpec {
    let properties = [
        ("bootstrap.servers", kafka.bootstrap.as_str()),
        ("group.id", topic),
        ("auto.offset.reset", "earliest"),
        ("enable.auto.commit", "false"),
        ("session.timeout.ms", "6000"),
        ("max.poll.interval.ms", "60000"),
        ("fetch.wait.max.ms", "50"),
    ];
    let properties = properties.map(|(name, value)| (name.to_owned(), value.to_owned()));
    WorkerSpec {
        protocol: PROTOCOL,
        run: "test".to_owned(),
        tag: TAG,
        service: "tested".to_owned(),
        replica: 0,
        properties: properties.into(),
        sections: BTreeMap::new(),
        topics: vec![topic.to_owned()],
        max_poll_records: 50,
        work: WorkSpec {
            per_record: CostSpec::LogNormal {
                mu: 0.001_f64.ln(),
                sigma: 0.5,
                max: Some(0.01),
            },
            per_batch_us: 1_000,
            concurrency: ConcurrencySpec::Bounded(1),
            handler: HandlerSpec::Inline,
            cpu_share: 0.2,
            slow_us: 0,
            stalls_us: Vec::new(),
        },
        delivery: DeliverySpec {
            commit: CommitSpec::AfterBatch,
            retry: None,
        },
        per_record_factor: 2.0,
        seed: 11,
        ticks: Ticks {
            start_us: now_us(),
            every_ms: 100,
            jitter_ms: 20,
            seed: 3,
        },
    }
}

/// A hundred records a partition, every fiftieth of them poison, and a stranger.
fn send(kafka: &Kafka, topic: &str, partitions: i32) {
    let producer = kafka.producer();
    let send = |partition: i32, value: &[u8]| {
        let key = format!("key-{partition}");
        let record = BaseRecord::<str, [u8]>::to(topic)
            .partition(partition)
            .key(&key)
            .payload(value);
        producer.send(record).map_err(|(error, _)| error).unwrap();
    };
    for partition in 0..partitions {
        for sequence in 0..100 {
            let header = RecordHeader {
                flags: if sequence % 50 == 7 {
                    RecordFlags::POISON
                } else {
                    RecordFlags::NONE
                },
                run: TAG,
                shard: 0,
                sequence,
                due_us: now_us(),
                // Each partition has keys of its own.
                key: u32::try_from(partition).unwrap(),
                key_sequence: sequence,
            };
            let mut value = [b'.'; 200];
            header.write(&mut value);
            send(partition, &value);
        }
    }
    send(0, b"a stranger");
    producer.flush(Duration::from_secs(20)).unwrap();
}

struct Worker {
    child: Child,
    stdin: Option<ChildStdin>,
    lines: Arc<Mutex<Vec<WorkerLine>>>,
}

impl Worker {
    fn start(first: &str) -> Self {
        let own = std::env::current_exe().unwrap();
        let program = own.ancestors().nth(2).unwrap().join("examples/lagproof-client-worker");
        assert!(
            program.exists(),
            "cargo build -p lagproof-client --example lagproof-client-worker"
        );
        let mut command = Command::new(program);
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let mut stdin = child.stdin.take().unwrap();
        writeln!(stdin, "{first}").unwrap();
        let (lines, output) = (
            Arc::new(Mutex::new(Vec::new())),
            BufReader::new(child.stdout.take().unwrap()),
        );
        let read = lines.clone();
        thread::spawn(move || {
            for line in output.lines().map_while(Result::ok) {
                read.lock().unwrap().push(serde_json::from_str(&line).unwrap());
            }
        });
        Self {
            child,
            stdin: Some(stdin),
            lines,
        }
    }

    fn lines(&self) -> Vec<WorkerLine> {
        self.lines.lock().unwrap().clone()
    }

    async fn ended(mut self) -> (Option<i32>, Vec<WorkerLine>) {
        let is_last = |line: Option<&WorkerLine>| matches!(line, Some(WorkerLine::End { .. }));
        eventually("it ends", || is_last(self.lines().last())).await;
        (self.child.wait().unwrap().code(), self.lines())
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn it_comes_to_the_right_account() {
    let kafka = kafka::shared();
    for concurrency in [
        ConcurrencySpec::Bounded(1),
        ConcurrencySpec::Bounded(4),
        ConcurrencySpec::Unbounded,
    ] {
        let topic = kafka.topic(3).await;
        let mut spec = spec(kafka, &topic);
        spec.work.concurrency = concurrency;
        let mut worker = Worker::start(&serde_json::to_string(&spec).unwrap());
        let assigned =
            |line: &WorkerLine| matches!(line, WorkerLine::Assigned { partitions, .. } if partitions.len() == 3);
        eventually("it has joined", || worker.lines().iter().any(assigned)).await;
        send(kafka, &topic, 3);
        let records = |worker: &Worker| {
            let lines = worker.lines();
            lines
                .iter()
                .map(|line| {
                    if let WorkerLine::Tick(tick) = line {
                        tick.records
                    } else {
                        0
                    }
                })
                .sum::<u64>()
        };
        eventually("all are through", || records(&worker) == 300).await;
        worker.stdin = None; // the end of the input means "stop"
        let (status, lines) = worker.ended().await;
        assert_eq!(status, Some(0), "{lines:?}");
        assert!(matches!(&lines[0], WorkerLine::Ready { client, .. } if client.contains("lagproof-client")));
        assert!(matches!(
            lines.last(),
            Some(WorkerLine::End {
                reason: EndReason::Stopped,
                ..
            })
        ));
        let ticks = lines.iter().filter_map(|line| {
            if let WorkerLine::Tick(tick) = line {
                Some(tick)
            } else {
                None
            }
        });
        let ticks: Vec<_> = ticks.collect();
        let (mut processed, mut latency) = (StreamIntervals::new(), Micros::new());
        let mut sums = BTreeMap::new();
        for tick in &ticks {
            processed.extend(&tick.processed);
            latency.merge_encoded(&tick.latency).unwrap();
            for (name, count) in [
                ("records", tick.records),
                ("repeated", tick.repeated),
                ("reordered", tick.reordered),
                ("foreign", tick.foreign),
                ("failed", tick.failed),
                ("dead letters", tick.dead_letters),
                ("bytes", tick.bytes),
            ] {
                *sums.entry(name).or_insert(0) += count;
            }
        }
        let expected = [
            ("bytes", 60_000),
            ("dead letters", 0),
            ("failed", 6),
            ("foreign", 1),
            ("records", 300),
            ("reordered", 0),
            ("repeated", 0),
        ];
        assert_eq!(sums, BTreeMap::from(expected), "{concurrency:?}");
        assert_eq!((processed.count(), latency.count()), (300, 300));
        let numbers: Vec<u32> = ticks.iter().map(|tick| tick.tick).collect();
        assert!(numbers.windows(2).all(|pair| pair[0] + 1 == pair[1]), "{numbers:?}");
        let last = ticks.last().unwrap();
        assert_eq!((last.in_hand, last.positions.len()), (0, 3));
        let ends = kafka.ends(&topic);
        for position in &last.positions {
            let end = ends.get(&position.partition).copied();
            assert_eq!(
                (position.processed, position.polled, position.committed),
                (end, end, end)
            );
        }
        assert!(last.resident_bytes.is_some_and(|bytes| bytes > 1_000_000) && last.cpu_seconds > 0.0);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stall_is_answered_and_kept() {
    let kafka = kafka::shared();
    let topic = kafka.topic(1).await;
    let mut worker = Worker::start(&serde_json::to_string(&spec(kafka, &topic)).unwrap());
    let (from, to) = (now_us(), now_us() + 10_000_000);
    let stdin = worker.stdin.as_mut().unwrap();
    writeln!(stdin, r#"{{"command":"stall","from_us":{from},"to_us":{to}}}"#).unwrap();
    let answers = |line: &WorkerLine| matches!(line, WorkerLine::Stall { from_us, to_us, .. } if (*from_us, *to_us) == (from, to));
    eventually("it answers", || worker.lines().iter().any(answers)).await;
    send(kafka, &topic, 1);
    let first = |worker: &Worker| {
        let lines = worker.lines();
        lines.iter().find_map(|line| match line {
            WorkerLine::Tick(tick) if tick.records > 0 => Some(tick.at_us),
            _ => None,
        })
    };
    eventually("records come through", || first(&worker).is_some()).await;
    assert!(first(&worker).unwrap() >= to);
    worker.stdin = None;
    assert_eq!(worker.ended().await.0, Some(0));
}

#[tokio::test]
async fn what_it_can_not_do_it_refuses_in_its_last_line() {
    let kafka = kafka::shared();
    let mut newer = spec(kafka, "t");
    newer.protocol = PROTOCOL + 1;
    let mut other = spec(kafka, "t");
    other.properties.insert("max_poll_records".to_owned(), "1".to_owned());
    let text = |spec: &WorkerSpec| serde_json::to_string(spec).unwrap();
    let unknown = text(&spec(kafka, "t")).replacen('{', "{\"more\":1,", 1);
    for (spec, says) in [
        (text(&newer), "of protocol 2"),
        (unknown, "unknown field `more`"),
        (text(&other), "max_poll_records"),
        ("nonsense".to_owned(), "no spec"),
    ] {
        let (status, lines) = Worker::start(&spec).ended().await;
        assert_eq!(status, Some(1));
        let Some(WorkerLine::End {
            reason: EndReason::Failed { message },
            ..
        }) = lines.last()
        else {
            panic!("{lines:?}")
        };
        assert!(message.contains(says), "{message}");
    }
}
