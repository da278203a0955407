//! Processes, specs and the account that their lines come to.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, OnceLock};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use lagproof::broker::{Broker, Lease, Options, TopicSpec, Wanted};
use lagproof::harness::protocol::{
    CommitSpec, ConcurrencySpec, CostSpec, DeliverySpec, HandlerSpec, KeySpec, LoadLine, LoadSpec, LoadTopic, Micros,
    PROTOCOL, Position, Shard, SizeSpec, StreamIntervals, Stretch, Ticks, WorkSpec, WorkerLine, WorkerSpec, WorkerTick,
};
use rustix::process::{Pid, Signal, kill_process};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::broker::{eventually, lease, start};

/// A broker that deletes quickly and takes short sessions; it ends with the test binary.
pub fn broker() -> &'static Broker {
    static SHARED: OnceLock<Broker> = OnceLock::new();
    SHARED.get_or_init(|| {
        let options = Options::default().with_quick_retention().with_short_sessions();
        let broker = start(Wanted::Local, &options).unwrap_or_else(|error| panic!("{error}"));
        broker.warm_up().unwrap();
        broker
    })
}

/// A topic of its own for a test, and what holds it.
pub fn topic(name: &str, partitions: u32, configuration: &[(&str, &str)]) -> Lease {
    let mut lease = lease(broker());
    let mut spec = TopicSpec::new(name, partitions);
    spec.configuration = configuration
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect();
    lease.create_topics(&[spec]).unwrap();
    lease
}

pub fn now_us() -> i64 {
    i64::try_from(SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_micros()).unwrap()
}

/// What stands in the records of one test.
pub fn tag() -> u32 {
    static NEXT: AtomicU32 = AtomicU32::new(1);
    NEXT.fetch_add(1, Ordering::Relaxed)
}

/// Ticks from `in_ms` milliseconds on.
pub fn ticks(in_ms: i64) -> Ticks {
    Ticks {
        start_us: now_us() + in_ms * 1_000,
        every_ms: 100,
        jitter_ms: 20,
        seed: 3,
    }
}

fn properties(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    let here = [("bootstrap.servers", broker().bootstrap())];
    let pairs = pairs.iter().chain(&here);
    pairs
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect()
}

/// A load of `records` a second for `seconds` on one topic.
pub fn load(topic: &str, partitions: u32, tag: u32, rate: f64, seconds: f64) -> LoadSpec {
    LoadSpec {
        protocol: PROTOCOL,
        run: "test".to_owned(),
        tag,
        shard: Shard { index: 0, of: 1 },
        seed: 11,
        properties: properties(&[("acks", "all"), ("linger.ms", "5")]),
        topics: vec![LoadTopic {
            topic: topic.to_owned(),
            partitions,
            stretches: vec![Stretch {
                from_rate: rate,
                to_rate: rate,
                seconds,
            }],
            size: SizeSpec {
                mean: 200,
                max: 400,
                compression_ratio: 2.0,
            },
            key: Some(KeySpec {
                cardinality: 20,
                zipf: 0.8,
            }),
            poison_at_us: Vec::new(),
            slow_at_us: Vec::new(),
        }],
        ticks: ticks(300),
    }
}

/// A worker in a group that is named as its topic: one record after the other, batches of 50, commit per batch.
pub fn worker(topic: &str, tag: u32) -> WorkerSpec {
    let group = [
        ("group.id", topic),
        ("auto.offset.reset", "earliest"),
        ("enable.auto.commit", "false"),
        ("session.timeout.ms", "1000"),
        ("heartbeat.interval.ms", "300"),
        ("max.poll.interval.ms", "60000"),
        ("fetch.wait.max.ms", "50"),
    ];
    WorkerSpec {
        protocol: PROTOCOL,
        run: "test".to_owned(),
        tag,
        service: "tested".to_owned(),
        replica: 0,
        properties: properties(&group),
        sections: BTreeMap::new(),
        topics: vec![topic.to_owned()],
        max_poll_records: 50,
        work: WorkSpec {
            per_record: CostSpec::Constant { us: 200.0 },
            per_batch_us: 1_000,
            concurrency: ConcurrencySpec::Bounded(1),
            handler: HandlerSpec::Inline,
            cpu_share: 0.0,
            slow_us: 0,
            stalls_us: Vec::new(),
        },
        delivery: DeliverySpec {
            commit: CommitSpec::AfterBatch,
            retry: None,
        },
        per_record_factor: 1.0,
        seed: 11,
        ticks: ticks(0),
    }
}

/// A process of the harness and the lines that it has written so far.
pub struct Process<L> {
    child: Child,
    stdin: Option<ChildStdin>,
    lines: Arc<Mutex<Vec<L>>>,
    reader: Option<JoinHandle<()>>,
}

impl<L: DeserializeOwned + Clone + Send + 'static> Process<L> {
    pub fn start(mut command: Command, spec: &impl Serialize) -> Self {
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::inherit())
            .spawn()
            .unwrap();
        let mut stdin = child.stdin.take().unwrap();
        // One that ends at once takes no spec.
        let _ = writeln!(stdin, "{}", serde_json::to_string(spec).unwrap());
        let lines = Arc::new(Mutex::new(Vec::new()));
        let read = Arc::clone(&lines);
        let output = BufReader::new(child.stdout.take().unwrap());
        let reader = thread::spawn(move || {
            for line in output.lines() {
                let line = line.unwrap();
                let line = serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line}"));
                read.lock().unwrap().push(line);
            }
        });
        Self {
            child,
            stdin: Some(stdin),
            lines,
            reader: Some(reader),
        }
    }

    pub fn lines(&self) -> Vec<L> {
        self.lines.lock().unwrap().clone()
    }

    pub fn until(&self, what: &str, holds: impl Fn(&[L]) -> bool) {
        eventually(what, || holds(&self.lines.lock().unwrap()));
    }

    pub fn command(&mut self, text: &str) {
        writeln!(self.stdin.as_mut().unwrap(), "{text}").unwrap();
    }

    pub fn close_input(&mut self) {
        self.stdin = None;
    }

    pub fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }

    /// Waits for its end: its status, and all its lines.
    pub fn end(mut self) -> (ExitStatus, Vec<L>) {
        let status = self.child.wait().unwrap();
        self.reader.take().unwrap().join().unwrap();
        (status, self.lines())
    }

    /// Tells it to stop, and waits.
    pub fn stop(mut self) -> Vec<L> {
        self.command(r#"{"command":"stop"}"#);
        let (status, lines) = self.end();
        assert!(status.success(), "{status}");
        lines
    }

    pub fn kill(self) -> Vec<L> {
        self.signal(Signal::KILL);
        self.end().1
    }
}

impl<L> Drop for Process<L> {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn ours(verb: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_lagproof"));
    command.arg(verb);
    command
}

pub fn start_worker(spec: &WorkerSpec) -> Process<WorkerLine> {
    Process::start(ours("worker"), spec)
}

pub fn start_load(spec: &LoadSpec) -> Process<LoadLine> {
    Process::start(ours("load"), spec)
}

/// Runs a load to its end and says what the broker acknowledged.
pub fn run_load(spec: &LoadSpec) -> StreamIntervals {
    let (status, lines) = start_load(spec).end();
    assert!(status.success(), "{status}");
    sent(&lines)
}

/// What the broker acknowledged.
pub fn sent(lines: &[LoadLine]) -> StreamIntervals {
    let mut sent = StreamIntervals::new();
    for line in lines {
        match line {
            LoadLine::Tick { acknowledged, .. } => drop(sent.extend(acknowledged)),
            LoadLine::Error { message, .. } => eprintln!("load: {message}"),
            _ => {}
        }
    }
    sent
}

/// What workers' lines come to.
#[derive(Debug, Default)]
pub struct Account {
    pub processed: StreamIntervals,
    /// Processed by a worker after another had.
    pub by_two: u64,
    pub records: u64,
    pub bytes: u64,
    pub repeated: u64,
    pub reordered: u64,
    pub foreign: u64,
    pub failed: u64,
    pub dead_letters: u64,
    pub batches: u64,
    pub latency: Micros,
    pub errors: BTreeMap<String, u64>,
}

impl Account {
    pub fn of(workers: &[&[WorkerLine]]) -> Self {
        let mut account = Self::default();
        for line in workers.iter().copied().flatten() {
            match line {
                WorkerLine::Tick(tick) => account.add(tick),
                WorkerLine::Error { code, times, .. } => *account.errors.entry(code.clone()).or_default() += times,
                _ => {}
            }
        }
        account
    }

    fn add(&mut self, tick: &WorkerTick) {
        let told: u64 = tick.processed.iter().map(|range| range.to - range.from).sum();
        self.by_two += told - self.processed.extend(&tick.processed);
        self.records += tick.records;
        self.bytes += tick.bytes;
        self.repeated += tick.repeated;
        self.reordered += tick.reordered;
        self.foreign += tick.foreign;
        self.failed += tick.failed;
        self.dead_letters += tick.dead_letters;
        self.batches += tick.batches;
        self.latency.merge_encoded(&tick.latency).unwrap();
    }

    pub fn lost(&self, sent: &StreamIntervals) -> u64 {
        self.processed.missing(sent).count()
    }
}

/// Waits until workers have processed as many different records.
pub fn until_processed(workers: &[&Process<WorkerLine>], count: u64) {
    let begun = Instant::now();
    loop {
        let lines: Vec<Vec<WorkerLine>> = workers.iter().map(|worker| worker.lines()).collect();
        let lines: Vec<&[WorkerLine]> = lines.iter().map(Vec::as_slice).collect();
        let processed = Account::of(&lines).processed.count();
        if processed >= count {
            return;
        }
        if begun.elapsed() > Duration::from_secs(60) {
            let mut said = String::new();
            for lines in lines {
                let odd = lines.iter().filter(|line| !matches!(line, WorkerLine::Tick(_)));
                said += &format!("{:#?}\n{:#?}\n", odd.collect::<Vec<_>>(), tick_lines(lines).last());
            }
            panic!("{processed} of {count} processed after a minute:\n{said}");
        }
        thread::sleep(Duration::from_millis(20));
    }
}

pub fn tick_lines(lines: &[WorkerLine]) -> Vec<&WorkerTick> {
    let ticks = lines.iter().filter_map(|line| match line {
        WorkerLine::Tick(tick) => Some(tick),
        _ => None,
    });
    ticks.collect()
}

/// Where a worker was in its partitions when it last held any.
pub fn last_positions(lines: &[WorkerLine]) -> BTreeMap<i32, Position> {
    let held = tick_lines(lines)
        .into_iter()
        .rev()
        .find(|tick| !tick.positions.is_empty());
    let positions = held.map(|tick| tick.positions.clone()).unwrap_or_default();
    positions
        .into_iter()
        .map(|position| (position.partition, position))
        .collect()
}

/// Whether it holds as many partitions.
pub fn holds(count: usize) -> impl Fn(&[WorkerLine]) -> bool {
    move |lines| {
        let assigned: usize = lines
            .iter()
            .map(|line| match line {
                WorkerLine::Assigned { partitions, .. } => partitions.len(),
                _ => 0,
            })
            .sum();
        assigned >= count
    }
}
