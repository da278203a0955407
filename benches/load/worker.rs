//! A worker without processing cost, doing all its accounting, against a bare librdkafka loop with the same properties.

use std::process::Command;

use lagproof::broker::Broker;
use lagproof::harness::protocol::{CommitSpec, LoadLine, WorkerLine};

use super::processes::{Process, lagproof};
use super::{Args, Claims, Outcome, specs};

pub fn run(args: &Args, broker: &Broker, claims: &mut Claims) -> Outcome {
    let topic = "bench-worker";
    let lease = specs::topic(broker, topic)?;
    fill(args, broker, topic)?;
    println!(
        "\nRecords a second, {} of {} bytes from the broker's cache",
        args.records, args.size
    );
    println!("  {:<44} {:>12} {:>12} {:>8}", "", "bare loop", "worker", "ratio");
    for (what, commit, bare) in [
        ("committed by the client's clock", CommitSpec::Interval, "poll"),
        (
            "committed after every batch of 500",
            CommitSpec::AfterBatch,
            "poll-and-commit",
        ),
    ] {
        let (mut bares, mut workers, mut ratios) = (Vec::new(), Vec::new(), Vec::new());
        // The first pair warms the broker's cache.
        for run in 0..=args.runs {
            let group = |side: &str| format!("{bare}-{side}-{run}");
            let bare_rate = bare_loop(args, bare, topic, specs::consumer(broker, &group("bare"), commit))?;
            let worker_rate = worker(args, topic, specs::consumer(broker, &group("worker"), commit), commit)?;
            if run > 0 {
                bares.push(bare_rate);
                workers.push(worker_rate);
                ratios.push(worker_rate / bare_rate);
            }
        }
        let all: Vec<String> = ratios.iter().map(|ratio| format!("{ratio:.2}")).collect();
        let ratio = median(&mut ratios);
        println!(
            "  {what:<44} {:>12.0} {:>12.0} {ratio:>8.2}   pairs {}",
            median(&mut bares),
            median(&mut workers),
            all.join(" "),
        );
        if commit == CommitSpec::Interval {
            claims.at_least("a worker's rate over a bare loop's, median of pairs", 0.9, ratio, "");
        }
    }
    drop(lease);
    Ok(())
}

/// Writes the records, as fast as they go.
fn fill(args: &Args, broker: &Broker, topic: &str) -> Outcome {
    let seconds = 5.0;
    #[expect(clippy::cast_precision_loss, reason = "a few million")]
    let mut spec = specs::load(broker, topic, args.records as f64 / seconds, seconds, args.size);
    spec.properties
        .insert("queue.buffering.max.messages".to_owned(), "1000000".to_owned());
    let mut load = Process::start(lagproof("load"), &spec)?;
    let mut sent = 0;
    while let Some(line) = load.line()? {
        if let LoadLine::End { acknowledged, .. } = serde_json::from_str(&line)? {
            sent = acknowledged;
        }
    }
    load.end()?;
    if sent == args.records {
        Ok(())
    } else {
        Err(format!("{sent} of {} were sent", args.records).into())
    }
}

/// Moments of a process: microseconds, and records until then.
type Moments = Vec<(i64, u64)>;

fn bare_loop(
    args: &Args,
    which: &str,
    topic: &str,
    properties: std::collections::BTreeMap<String, String>,
) -> Outcome<f64> {
    let mut command = Command::new(std::env::current_exe()?);
    command.args(["--bare", which]);
    let mut process = Process::start(command, &(topic, properties))?;
    let mut moments = Moments::new();
    while let Some(line) = process.line()? {
        let (at, count) = line.trim().split_once(' ').ok_or("no moment")?;
        moments.push((at.parse()?, count.parse()?));
        if moments.last().is_some_and(|moment| moment.1 >= args.records) {
            break;
        }
    }
    process.end()?;
    rate(&moments, args.records)
}

fn worker(
    args: &Args,
    topic: &str,
    properties: std::collections::BTreeMap<String, String>,
    commit: CommitSpec,
) -> Outcome<f64> {
    let mut process = Process::start(lagproof("worker"), &specs::worker(topic, properties, commit))?;
    let (mut moments, mut count) = (Moments::new(), 0);
    while let Some(line) = process.line()? {
        if let WorkerLine::Tick(tick) = serde_json::from_str(&line)? {
            count += tick.records;
            moments.push((tick.at_us, count));
            if count >= args.records {
                break;
            }
        }
    }
    process.end()?;
    rate(&moments, args.records)
}

/// Records a second between a tenth and nine tenths of all: neither joining nor the end of the topic is in it.
fn rate(moments: &Moments, records: u64) -> Outcome<f64> {
    let first = moments.iter().find(|moment| moment.1 >= records / 10);
    let last = moments.iter().rev().find(|moment| moment.1 <= records / 10 * 9);
    match (first, last) {
        #[expect(clippy::cast_precision_loss, reason = "a few million")]
        (Some(first), Some(last)) if last.0 > first.0 => {
            Ok((last.1 - first.1) as f64 / ((last.0 - first.0) as f64 / 1e6))
        }
        _ => Err("too few records to measure a rate: take more with --records".into()),
    }
}

pub fn median(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    match values.len() {
        0 => f64::NAN,
        many => f64::midpoint(values[(many - 1) / 2], values[many / 2]),
    }
}
