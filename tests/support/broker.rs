//! What tests of brokers share: one broker a test binary, and children of this same binary that hold something until
//! they are killed.
#![allow(dead_code, reason = "test crates share this, and not each uses all of it")]

use std::env;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::OnceLock;
use std::thread;
use std::time::{Duration, Instant};

use lagproof::broker::{Broker, BrokerError, Caps, Jars, Lease, Options, Surroundings, Wanted, find_jars};
use lagproof::harness::plan::{SpeedWish, Wish};
use lagproof::harness::session::How;
use rdkafka::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::producer::{BaseProducer, BaseRecord, Producer};

/// What this machine offers.
pub fn here() -> Surroundings {
    Surroundings::of_process()
}

/// Starts a broker.
pub fn start(wanted: Wanted<'_>, options: &Options) -> Result<Broker, BrokerError> {
    Broker::start(wanted, options, &here(), &mut |progress| eprintln!("{progress}"))
}

/// The local broker of this test binary. Its guard ends it with the binary.
pub fn local() -> &'static Broker {
    static SHARED: OnceLock<Broker> = OnceLock::new();
    SHARED.get_or_init(|| {
        let broker = start(Wanted::Local, &Options::default()).unwrap_or_else(|error| panic!("{error}"));
        eprintln!("{broker}");
        broker.warm_up().unwrap();
        broker
    })
}

/// A proof of three seconds of steady load, in real time: too few for a verdict, enough to see that everything is done.
pub fn three_seconds(broker: Wanted<'_>) -> How<'_> {
    How {
        broker: Some(broker),
        lagproof: Some(PathBuf::from(env!("CARGO_BIN_EXE_lagproof"))),
        wish: Wish {
            steady_s: Some(3.0),
            speed: SpeedWish::Exactly(1.0),
            ..Wish::default()
        },
        ..How::default()
    }
}

/// A lease on a broker of ours; the journal's folder is not used there.
pub fn lease(broker: &Broker) -> Lease {
    broker.lease(Caps::default(), Path::new("/no/such")).unwrap()
}

/// The jars of the shared broker, with the stock tools.
pub fn jars() -> Jars {
    local();
    find_jars(&here()).unwrap().expect("the shared broker runs from them")
}

/// Waits until something holds.
pub fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    let start = Instant::now();
    while !holds() {
        assert!(start.elapsed() < Duration::from_secs(30), "not after 30 s: {what}");
        thread::sleep(Duration::from_millis(20));
    }
}

/// Whether a process is there and no zombie.
pub fn runs(process: u32) -> bool {
    std::fs::read(format!("/proc/{process}/cmdline")).is_ok_and(|command| !command.is_empty())
}

/// The processes that one has started and that have a word among their arguments.
pub fn children(parent: u32, word: &str) -> Vec<u32> {
    let processes = std::fs::read_dir("/proc").unwrap().filter_map(|entry| {
        let process: u32 = entry.unwrap().file_name().to_str()?.parse().ok()?;
        let status = std::fs::read_to_string(format!("/proc/{process}/status")).ok()?;
        let arguments = std::fs::read(format!("/proc/{process}/cmdline")).ok()?;
        let mut arguments = arguments.split(|byte| *byte == 0);
        let started = status.contains(&format!("\nPPid:\t{parent}\n"));
        (started && arguments.any(|argument| argument == word.as_bytes())).then_some(process)
    });
    processes.collect()
}

/// Writes records to a partition and waits until the broker has them.
pub fn produce(bootstrap: &str, topic: &str, partition: i32, records: &[&str]) {
    let producer: BaseProducer = ClientConfig::new()
        .set("bootstrap.servers", bootstrap)
        .create()
        .unwrap();
    for record in records {
        let record: BaseRecord<'_, str, str> = BaseRecord::to(topic).partition(partition).payload(record);
        producer.send(record).map_err(|(error, _)| error).unwrap();
    }
    producer.flush(Duration::from_secs(30)).unwrap();
}

/// A consumer.
pub fn consumer(bootstrap: &str, group: &str) -> BaseConsumer {
    ClientConfig::new()
        .set("bootstrap.servers", bootstrap)
        .set("group.id", group)
        .set("auto.offset.reset", "earliest")
        .set("enable.auto.commit", "false")
        .create()
        .unwrap()
}

/// The first and the next offset of a partition.
pub fn watermarks(bootstrap: &str, topic: &str, partition: i32) -> (i64, i64) {
    consumer(bootstrap, "watermarks")
        .fetch_watermarks(topic, partition, Duration::from_secs(10))
        .unwrap()
}

const ROLE: &str = "LAGPROOF_TEST_ROLE";

/// In a child, the part that it plays; in a test as such, nothing.
pub fn role() -> Option<String> {
    env::var(ROLE).ok()
}

/// In a child: says what is held and waits to be killed, or for the end of its standard input.
pub fn hold(what: &str) {
    println!("\nHELD {what}");
    let mut rest = Vec::new();
    std::io::stdin().read_to_end(&mut rest).unwrap();
}

/// A child of this test binary that plays a part in a test.
pub struct Actor {
    pub child: Child,
    pub stdin: Option<ChildStdin>,
    /// What it holds.
    pub held: String,
}

impl Actor {
    /// Runs one test of this binary as a child in a role, until it holds something.
    pub fn play(test: &str, role: &str, variables: &[(&str, &str)]) -> Self {
        let mut child = Self::spawn(test, role, variables);
        let stdin = child.stdin.take();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let held = lines.find_map(|line| line.unwrap().strip_prefix("HELD ").map(str::to_owned));
        // What else it says must find a reader, or it would end by that.
        thread::spawn(move || lines.for_each(drop));
        let held = held.unwrap_or_else(|| panic!("{test} as {role} ended: {:?}", child.wait()));
        Self { child, stdin, held }
    }

    /// The same without waiting for anything.
    pub fn spawn(test: &str, role: &str, variables: &[(&str, &str)]) -> Child {
        // Whoever runs the tests in the background has SIGINT ignored, and children inherit that. By its path, for a
        // child may be given a PATH without it.
        Command::new("/usr/bin/env")
            .arg("--default-signal=INT")
            .arg(env::current_exe().unwrap())
            .args(["--exact", test, "--nocapture", "--test-threads=1"])
            .env(ROLE, role)
            .envs(variables.iter().copied())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap()
    }

    /// Kills it with a signal and reaps it.
    pub fn signal(mut self, signal: rustix::process::Signal) {
        let pid = rustix::process::Pid::from_child(&self.child);
        rustix::process::kill_process(pid, signal).unwrap();
        self.child.wait().unwrap();
    }
}

/// A folder that is named in a message, and what a guard makes of it.
pub fn is_gone(folder: &Path) -> bool {
    let mut moved = folder.as_os_str().to_owned();
    moved.push(".gone");
    !folder.exists() && !PathBuf::from(moved).exists()
}
