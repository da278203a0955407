//! What is compared with: loops that do nothing else, each in a process of its own.

use std::collections::BTreeMap;
use std::thread;
use std::time::{Duration, Instant};

use clap::{Args, ValueEnum};
use lagproof::harness::protocol::{Clock, Micros, precise_sleep};
use rdkafka::ClientConfig;
use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer};

use super::Outcome;

/// How this binary is started as a bare loop.
#[derive(Debug, Args)]
pub struct BareArgs {
    /// Be a bare loop.
    #[arg(long, hide = true, value_enum)]
    pub bare: Option<Bare>,
    #[arg(long, hide = true, default_value_t = 1_000)]
    bare_rate: u32,
    #[arg(long, hide = true, default_value_t = 1.0)]
    bare_seconds: f64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Bare {
    /// Poll and count; offsets are committed by the client's clock.
    Poll,
    /// Poll batches of 500 and commit each, waiting for the broker.
    PollAndCommit,
    /// Sleep until each due time.
    Sleep,
}

pub fn run(which: Bare, args: &BareArgs) -> Outcome {
    match which {
        Bare::Poll => poll(false),
        Bare::PollAndCommit => poll(true),
        Bare::Sleep => sleep(args),
    }
}

/// Reads `[topic, properties]` and prints `microseconds count` four times a second until its standard input ends.
fn poll(commits: bool) -> Outcome {
    let mut line = String::new();
    std::io::stdin().read_line(&mut line)?;
    let (topic, properties): (String, BTreeMap<String, String>) = serde_json::from_str(&line)?;
    let ended = thread::spawn(|| std::io::stdin().read_line(&mut String::new()));
    let consumer: BaseConsumer = ClientConfig::from_iter(properties).create()?;
    consumer.subscribe(&[&topic])?;
    let clock = Clock::start();
    let (mut count, mut next) = (0_u64, Instant::now());
    while !ended.is_finished() {
        // The longest that a loop stays here is what is in one batch, so that the clock is looked at now and then only.
        let before = count;
        let mut wait = Duration::from_millis(100);
        while count < before + 500 {
            match consumer.poll(wait) {
                Some(message) => drop(message?),
                None => break,
            }
            count += 1;
            wait = Duration::ZERO;
        }
        if commits && count > before {
            consumer.commit_consumer_state(CommitMode::Sync)?;
        }
        if Instant::now() >= next {
            println!("{} {count}", clock.now_us());
            next = Instant::now() + Duration::from_millis(250);
        }
    }
    Ok(())
}

/// Sleeps until each due time of an even pace and prints a histogram of how late it woke.
fn sleep(args: &BareArgs) -> Outcome {
    precise_sleep();
    let every = 1.0 / f64::from(args.bare_rate);
    let mut late = Micros::new();
    let start = Instant::now() + Duration::from_millis(100);
    let mut n = 0.5;
    while n * every < args.bare_seconds {
        let due = start + Duration::from_secs_f64(n * every);
        let left = due.saturating_duration_since(Instant::now());
        if !left.is_zero() {
            thread::sleep(left);
        }
        late.record(i64::try_from(due.elapsed().as_micros())?);
        n += 1.0;
    }
    println!("{}", late.encode().0);
    Ok(())
}
