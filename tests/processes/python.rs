//! The protocol is what docs/worker-protocol.md says: a worker in another language follows it.

use std::path::Path;
use std::process::Command;

use lagproof::harness::protocol::{CommitSpec, CostSpec, WorkerLine, WorkerSpec};

use super::broker::watermarks;
use super::support::{
    Account, Process, broker, last_positions, load, run_load, start_worker, tag, tick_lines, topic, until_processed,
    worker,
};

fn start_python(spec: &WorkerSpec) -> Process<WorkerLine> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    // The first time, its packages are fetched: not in a test's half minute.
    static INSTALLED: std::sync::Once = std::sync::Once::new();
    INSTALLED.call_once(|| {
        let mut install = Command::new(root.join("tests/workers/python/run"));
        assert!(install.stdin(std::process::Stdio::null()).output().is_ok());
    });
    Process::start(Command::new(root.join("tests/workers/python/run")), spec)
}

#[test]
fn a_worker_in_python_comes_to_the_same_account() {
    let _topic = topic("python.account", 3, &[]);
    let tag = tag();
    let mut python = worker("python.account", tag);
    python.properties.insert("group.id".to_owned(), "python".to_owned());
    python.work.per_record = CostSpec::LogNormal {
        mu: 0.001_f64.ln(),
        sigma: 0.5,
        max: Some(0.01),
    };
    let ticks = python.ticks;
    let mut rust = python.clone();
    rust.properties.insert("group.id".to_owned(), "rust".to_owned());
    let (python, rust) = (start_python(&python), start_worker(&rust));
    python.until("it has joined", super::support::holds(3));
    super::broker::produce(broker().bootstrap(), "python.account", 0, &["a stranger"]);
    let mut spec = load("python.account", 3, tag, 150.0, 2.0);
    spec.topics[0].poison_at_us = vec![500_000, 1_000_000];
    let sent = run_load(&spec);
    until_processed(&[&python], 300);
    until_processed(&[&rust], 300);
    let (python, rust) = (python.stop(), rust.stop());
    assert!(matches!(&python[0], WorkerLine::Ready { client, .. } if client.starts_with("confluent-kafka")));
    for lines in [&python, &rust] {
        let account = Account::of(&[lines]);
        assert_eq!(account.processed, sent);
        assert_eq!((account.records, account.repeated, account.reordered), (300, 0, 0));
        assert_eq!((account.foreign, account.failed, account.latency.count()), (1, 2, 300));
        for (partition, position) in last_positions(lines) {
            let end = Some(watermarks(broker().bootstrap(), "python.account", partition).1);
            assert_eq!(
                (position.processed, position.polled, position.committed),
                (end, end, end),
                "{partition}"
            );
        }
    }
    assert_eq!(Account::of(&[&python]).bytes, Account::of(&[&rust]).bytes);
    assert!(matches!(python.last(), Some(WorkerLine::End { .. })));
    // Everybody looks at the same moments, and never before them; only the last tick comes early.
    for lines in [&python, &rust] {
        let seen = tick_lines(lines);
        assert!(seen.len() > 2);
        for tick in &seen[..seen.len() - 1] {
            assert!(tick.at_us >= ticks.at(tick.tick), "{} at {}", tick.tick, tick.at_us);
        }
    }
}

#[test]
fn a_worker_in_python_shares_a_group_with_ours() {
    let _topic = topic("python.mixed", 4, &[]);
    let tag = tag();
    let mut spec = worker("python.mixed", tag);
    spec.delivery.commit = CommitSpec::AfterRecord;
    let python = start_python(&spec);
    python.until("it has joined", super::support::holds(4));
    spec.replica = 1;
    let rust = start_worker(&spec);
    rust.until("it has joined", super::support::holds(2));
    let sent = run_load(&load("python.mixed", 4, tag, 100.0, 2.0));
    until_processed(&[&python, &rust], 200);
    let (python, rust) = (python.stop(), rust.stop());
    assert!(python.iter().any(|line| matches!(line, WorkerLine::Revoked { .. })));
    for lines in [&python, &rust] {
        assert!(Account::of(&[lines]).records > 0, "both had a part");
    }
    assert_eq!(Account::of(&[&python, &rust]).processed, sent);
}

#[test]
fn a_worker_in_python_stalls_when_it_is_told_to() {
    let _topic = topic("python.stall", 1, &[]);
    let tag = tag();
    let spec = worker("python.stall", tag);
    let mut python = start_python(&spec);
    python.until("it has joined", super::support::holds(1));
    let load = load("python.stall", 1, tag, 100.0, 1.0);
    let (from_us, to_us) = (load.ticks.start_us, load.ticks.start_us + 3_000_000);
    python.command(&format!(r#"{{"command":"stall","from_us":{from_us},"to_us":{to_us}}}"#));
    let answers = |line: &WorkerLine| matches!(line, WorkerLine::Stall { to_us: to, .. } if *to == to_us);
    python.until("it answers", |lines| lines.iter().any(answers));
    run_load(&load);
    until_processed(&[&python], 100);
    let lines = python.stop();
    let first = tick_lines(&lines).into_iter().find(|tick| tick.records > 0).unwrap();
    assert!(first.at_us >= to_us, "{} before {to_us}", first.at_us);
}

#[test]
fn a_spec_that_it_can_not_follow_is_said() {
    let mut spec = worker("python.none", 1);
    spec.protocol = 99;
    let (status, lines) = start_python(&spec).end();
    assert_eq!(status.code(), Some(1));
    let said = serde_json::to_string(lines.last().unwrap()).unwrap();
    assert!(
        said.contains("the spec is of protocol 99, this is protocol 1"),
        "{said}"
    );
}
