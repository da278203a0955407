//! How processes start and end.

use std::process::{Command, Stdio};

use lagproof::harness::protocol::{EndReason, LoadLine, WorkerLine};
use rustix::process::Signal;

use super::support::{Process, holds, load, start_load, start_worker, tag, tick_lines, ticks, topic, worker};

fn stopped(lines: &[WorkerLine]) -> bool {
    matches!(
        lines.last(),
        Some(WorkerLine::End {
            reason: EndReason::Stopped,
            ..
        })
    )
}

#[test]
fn a_worker_ends_in_good_order_whoever_asks() {
    let _topic = topic("lifecycle.stop", 2, &[]);
    let ways: [fn(&mut Process<WorkerLine>); 4] = [
        |process| process.command(r#"{"command":"stop"}"#),
        Process::close_input,
        |process| process.signal(Signal::TERM),
        |process| process.signal(Signal::INT),
    ];
    for (way, ask) in ways.into_iter().enumerate() {
        let mut spec = worker("lifecycle.stop", tag());
        spec.ticks = ticks(0);
        let mut process = start_worker(&spec);
        process.until("it holds both", holds(2));
        process.command("nonsense is skipped");
        ask(&mut process);
        let (status, lines) = process.end();
        assert!(status.success(), "{way}: {status}");
        assert!(stopped(&lines), "{way}: {lines:?}");
        let gave_back = lines
            .iter()
            .any(|line| matches!(line, WorkerLine::Revoked { partitions, .. } if partitions.len() == 2));
        assert!(gave_back, "{way}: it left its group: {lines:?}");
        assert!(!tick_lines(&lines).is_empty());
    }
}

#[test]
fn a_stop_does_not_wait_for_a_record_of_an_hour() {
    let _topic = topic("lifecycle.long", 1, &[]);
    let tag = tag();
    let mut load = load("lifecycle.long", 1, tag, 50.0, 0.2);
    load.topics[0].slow_at_us = vec![100_000];
    super::support::run_load(&load);
    for concurrency in [1, 3] {
        let mut spec = worker("lifecycle.long", tag);
        spec.properties
            .insert("group.id".to_owned(), format!("long-{concurrency}"));
        spec.work.slow_us = 3_600_000_000;
        spec.work.concurrency = lagproof::harness::protocol::ConcurrencySpec::Bounded(concurrency);
        let process = start_worker(&spec);
        process.until("it is in the middle of it", |lines| {
            tick_lines(lines).last().is_some_and(|tick| tick.in_hand > 0)
        });
        assert!(stopped(&process.stop()));
    }
}

#[test]
fn a_load_that_is_stopped_says_what_it_sent() {
    let _topic = topic("lifecycle.load", 1, &[]);
    let mut process = start_load(&load("lifecycle.load", 1, tag(), 100.0, 3_600.0));
    process.until("it is under way", |lines| super::support::sent(lines).count() > 20);
    process.command(r#"{"command":"stop"}"#);
    let (status, lines) = process.end();
    assert!(status.success());
    let Some(LoadLine::End {
        due,
        acknowledged,
        failed,
        ..
    }) = lines.last()
    else {
        panic!("{:?}", lines.last());
    };
    assert_eq!((*acknowledged, *failed), (*due, 0));
    assert_eq!(super::support::sent(&lines).count(), *due);
}

#[test]
fn what_can_not_start_says_why() {
    let end = |lines: &[WorkerLine]| match lines.last() {
        Some(WorkerLine::End {
            reason: EndReason::Failed { message },
            ..
        }) => message.clone(),
        other => panic!("{other:?}"),
    };
    let mut odd = worker("lifecycle.none", 1);
    odd.properties.insert("max.poll.records".to_owned(), "500".to_owned());
    let (status, lines) = start_worker(&odd).end();
    assert_eq!(status.code(), Some(2));
    assert!(end(&lines).contains("max.poll.records"), "{lines:?}");

    let mut old = worker("lifecycle.none", 1);
    old.protocol = 99;
    assert_eq!(
        end(&start_worker(&old).end().1),
        "the spec is of protocol 99, this is protocol 1"
    );
    old = worker("lifecycle.none", 1);
    let run = [("autoCommit".to_owned(), true.into())];
    old.sections.insert("run".to_owned(), run.into());
    assert_eq!(
        end(&start_worker(&old).end().1),
        "the spec has sections of another client (run): this worker is one of librdkafka, which has properties only"
    );
    old = worker("lifecycle.none", 1);
    old.properties.remove("group.id");
    assert_eq!(end(&start_worker(&old).end().1), "the properties have no group.id");

    let output = Command::new(env!("CARGO_BIN_EXE_lagproof"))
        .arg("load")
        .stdin(Stdio::null())
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(2));
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.starts_with("error: no spec came on standard input"), "{said}");

    let mut shard = load("lifecycle.none", 1, 1, 1.0, 1.0);
    shard.shard.index = 1;
    assert_eq!(start_load(&shard).end().0.code(), Some(2));
}
