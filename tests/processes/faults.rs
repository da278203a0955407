//! What goes wrong shows in the lines: by its real mechanism, not by being told.

use lagproof::harness::protocol::{
    CommitSpec, ConcurrencySpec, CostSpec, HandlerSpec, LoadLine, RetrySpec, SizeSpec, WorkerLine,
};

use super::broker::watermarks;
use super::support::{
    Account, broker, holds, last_positions, load, run_load, start_load, start_worker, tag, tick_lines, topic,
    until_processed, worker,
};

#[test]
fn a_killed_worker_s_batch_is_done_again() {
    let _topic = topic("faults.killed", 2, &[]);
    let tag = tag();
    let sent = run_load(&load("faults.killed", 2, tag, 400.0, 0.5));
    let mut spec = worker("faults.killed", tag);
    // A batch of 100 takes 2 s: killed in its middle, half of it was done and not committed.
    spec.max_poll_records = 100;
    spec.work.per_record = CostSpec::Constant { us: 20_000.0 };
    let first = start_worker(&spec);
    until_processed(&[&first], 20);
    let killed = first.kill();
    assert!(!killed.iter().any(|line| matches!(line, WorkerLine::End { .. })));
    spec.work.per_record = CostSpec::Constant { us: 0.0 };
    spec.ticks = super::support::ticks(0);
    let second = start_worker(&spec);
    until_processed(&[&second], 200);
    let account = Account::of(&[&killed, &second.stop()]);
    assert_eq!(account.lost(&sent), 0);
    assert!(account.by_two >= 20, "{}", account.by_two);
    assert_eq!((account.repeated, account.reordered), (0, 0));
}

#[test]
fn what_was_committed_on_receipt_dies_with_the_worker() {
    let _topic = topic("faults.receipt", 2, &[]);
    let tag = tag();
    let sent = run_load(&load("faults.receipt", 2, tag, 400.0, 0.5));
    let mut spec = worker("faults.receipt", tag);
    spec.delivery.commit = CommitSpec::OnReceipt;
    spec.work.concurrency = ConcurrencySpec::Unbounded;
    spec.work.per_record = CostSpec::Constant { us: 20_000.0 };
    let first = start_worker(&spec);
    // All are in its memory, and committed; it has done a few of them.
    first.until("all are polled", |lines| {
        tick_lines(lines).last().is_some_and(|tick| {
            let polled: i64 = tick.positions.iter().filter_map(|position| position.polled).sum();
            let committed: i64 = tick.positions.iter().filter_map(|position| position.committed).sum();
            polled == 200 && committed == 200 && tick.in_hand > 100
        })
    });
    let killed = first.kill();
    let second = start_worker(&spec);
    second.until("it holds both", holds(2));
    let more = run_load(&load("faults.receipt", 2, tag, 100.0, 0.1));
    assert_eq!(more.count(), 10);
    second.until("it goes on behind them", |lines| {
        tick_lines(lines).iter().map(|tick| tick.records).sum::<u64>() >= 10
    });
    let account = Account::of(&[&killed, &second.stop()]);
    let lost = account.lost(&sent);
    assert!((50..200).contains(&lost), "{lost} of 200");
}

#[test]
fn what_retention_deletes_is_missing() {
    let configuration = [
        ("retention.bytes", "100000"),
        ("segment.bytes", "1048576"),
        ("segment.ms", "500"),
    ];
    let _topic = topic("faults.retention", 1, &configuration);
    let tag = tag();
    let mut spec = worker("faults.retention", tag);
    // It takes what there is and is busy with it for longer than the broker keeps the rest.
    spec.max_poll_records = 10;
    spec.work.per_record = CostSpec::Constant { us: 20_000.0 };
    for (name, value) in [
        ("queued.min.messages", "1"),
        ("fetch.message.max.bytes", "50000"),
        ("fetch.max.bytes", "1000000"),
    ] {
        spec.properties.insert(name.to_owned(), value.to_owned());
    }
    let process = start_worker(&spec);
    process.until("it holds the partition", holds(1));
    let mut flood = load("faults.retention", 1, tag, 500.0, 4.0);
    flood.topics[0].size = SizeSpec {
        mean: 5_000,
        max: 5_000,
        compression_ratio: 1.0,
    };
    let sent = run_load(&flood);
    let end = Some(sent.count() as i64);
    process.until("it is at the end", |lines| {
        last_positions(lines)
            .get(&0)
            .is_some_and(|position| position.processed == end)
    });
    let account = Account::of(&[&process.stop()]);
    let lost = account.lost(&sent);
    assert!(watermarks(broker().bootstrap(), "faults.retention", 0).0 > 0);
    assert!(lost > 100, "{lost} lost");
    assert_eq!(lost + account.processed.count(), 2_000);
    assert!(account.errors["offset-reset"] > 0, "{:?}", account.errors);
}

#[test]
fn poison_goes_to_the_dead_letters_or_is_skipped() {
    let _topics = (topic("faults.poison", 2, &[]), topic("faults.poison.dlq", 1, &[]));
    let tag = tag();
    let mut spec = load("faults.poison", 2, tag, 300.0, 0.5);
    spec.topics[0].poison_at_us = vec![100_000, 200_000, 300_000];
    let sent = run_load(&spec);
    let run = |group: &str, retry: Option<RetrySpec>, lanes: u32| {
        let mut spec = worker("faults.poison", tag);
        spec.properties.insert("group.id".to_owned(), group.to_owned());
        spec.delivery.retry = retry;
        spec.work.concurrency = ConcurrencySpec::Bounded(lanes);
        let process = start_worker(&spec);
        until_processed(&[&process], 150);
        let account = Account::of(&[&process.stop()]);
        assert_eq!(account.lost(&sent), 0, "a failed record is dealt with");
        assert_eq!(account.reordered, 0);
        (account.records, account.failed, account.dead_letters)
    };
    let retry = RetrySpec {
        attempts: 3,
        backoff_us: 1_000,
        dead_letter: Some("faults.poison.dlq".to_owned()),
    };
    assert_eq!(run("poison.letters", Some(retry.clone()), 1), (150, 3, 3));
    assert_eq!(watermarks(broker().bootstrap(), "faults.poison.dlq", 0), (0, 3));
    assert_eq!(run("poison.lanes", Some(retry.clone()), 4), (150, 3, 3));
    let skipping = RetrySpec {
        dead_letter: None,
        ..retry
    };
    assert_eq!(run("poison.skip", Some(skipping), 1), (150, 3, 0));
    assert_eq!(run("poison.none", None, 1), (150, 3, 0));
    assert_eq!(watermarks(broker().bootstrap(), "faults.poison.dlq", 0), (0, 6));
}

#[test]
fn a_slow_record_overruns_the_poll_interval() {
    let _topic = topic("faults.slow", 2, &[]);
    let tag = tag();
    let mut spec = worker("faults.slow", tag);
    spec.properties
        .insert("max.poll.interval.ms".to_owned(), "1000".to_owned());
    spec.work.slow_us = 2_500_000;
    let process = start_worker(&spec);
    process.until("it holds both", holds(2));
    let mut load = load("faults.slow", 2, tag, 100.0, 1.0);
    load.topics[0].slow_at_us = vec![500_000];
    let sent = run_load(&load);
    assert_eq!(sent.count(), 100);
    process.until("it lost its partitions", |lines| {
        lines
            .iter()
            .any(|line| matches!(line, WorkerLine::Lost { partitions, .. } if partitions.len() == 2))
    });
    until_processed(&[&process], 100);
    let lines = process.stop();
    let account = Account::of(&[&lines]);
    assert!(account.errors["_MAX_POLL_EXCEEDED"] >= 1, "{:?}", account.errors);
    assert_eq!(account.lost(&sent), 0);
    assert!(account.repeated >= 1, "the batch was not committed, and came again");
    let gap = tick_lines(&lines)
        .iter()
        .map(|tick| tick.longest_poll_gap_us)
        .max()
        .unwrap();
    assert!(gap >= 2_500_000, "{gap}");
}

#[test]
fn a_handler_in_threads_does_not_overrun_it() {
    let _topic = topic("faults.threads", 2, &[]);
    let tag = tag();
    let mut spec = worker("faults.threads", tag);
    spec.properties
        .insert("max.poll.interval.ms".to_owned(), "1000".to_owned());
    spec.work.slow_us = 2_500_000;
    spec.work.handler = HandlerSpec::Thread;
    let process = start_worker(&spec);
    process.until("it holds both", holds(2));
    let mut load = load("faults.threads", 2, tag, 100.0, 1.0);
    load.topics[0].slow_at_us = vec![500_000];
    let sent = run_load(&load);
    until_processed(&[&process], 100);
    let lines = process.stop();
    let account = Account::of(&[&lines]);
    assert_eq!(account.processed, sent);
    assert_eq!((account.repeated, account.reordered), (0, 0));
    assert_eq!(account.errors, [].into());
    assert!(!lines.iter().any(|line| matches!(line, WorkerLine::Lost { .. })));
}

#[test]
fn a_stall_holds_everything_up_until_it_ends() {
    let _topic = topic("faults.stall", 1, &[]);
    let tag = tag();
    let mut spec = worker("faults.stall", tag);
    let load = load("faults.stall", 1, tag, 100.0, 2.0);
    spec.ticks = load.ticks;
    spec.work.stalls_us = vec![(500_000, 2_500_000)];
    let process = start_worker(&spec);
    let sent = run_load(&load);
    until_processed(&[&process], 200);
    let lines = process.stop();
    let account = Account::of(&[&lines]);
    assert_eq!(account.processed, sent);
    let (from, to) = (spec.ticks.start_us + 600_000, spec.ticks.start_us + 2_500_000);
    let during = tick_lines(&lines)
        .into_iter()
        .filter(|tick| tick.at_us > from && tick.at_us < to);
    assert_eq!(during.skip(1).map(|tick| tick.records).sum::<u64>(), 0);
    assert!(account.latency.max().unwrap() > 1_500_000);
}

#[test]
fn a_stall_that_a_command_tells_is_answered_and_kept() {
    let _topic = topic("faults.told", 1, &[]);
    let tag = tag();
    let mut spec = worker("faults.told", tag);
    let load = load("faults.told", 1, tag, 100.0, 2.0);
    spec.ticks = load.ticks;
    let mut process = start_worker(&spec);
    process.until("it holds it", holds(1));
    let (from_us, to_us) = (load.ticks.start_us, load.ticks.start_us + 4_000_000);
    process.command(&format!(r#"{{"command":"stall","from_us":{from_us},"to_us":{to_us}}}"#));
    let answers = |line: &WorkerLine| matches!(line, WorkerLine::Stall { from_us: from, to_us: to, .. } if (*from, *to) == (from_us, to_us));
    process.until("it answers", |lines| lines.iter().any(answers));
    let sent = run_load(&load);
    until_processed(&[&process], 200);
    let lines = process.stop();
    assert_eq!(Account::of(&[&lines]).processed, sent);
    let first = tick_lines(&lines).into_iter().find(|tick| tick.records > 0).unwrap();
    assert!(first.at_us >= to_us, "{} before {to_us}", first.at_us);
}

#[test]
fn records_that_the_broker_refuses_have_failed() {
    let _topic = topic("faults.refused", 1, &[("max.message.bytes", "1000")]);
    let mut spec = load("faults.refused", 1, tag(), 100.0, 0.5);
    spec.properties.insert("linger.ms".to_owned(), "0".to_owned());
    spec.topics[0].size = SizeSpec {
        mean: 5_000,
        max: 5_000,
        compression_ratio: 1.0,
    };
    let (status, lines) = start_load(&spec).end();
    assert!(status.success());
    assert!(
        matches!(
            lines.last(),
            Some(LoadLine::End {
                due: 50,
                acknowledged: 0,
                failed: 50,
                ..
            })
        ),
        "{:?}",
        lines.last()
    );
    let told = lines.iter().filter_map(|line| match line {
        LoadLine::Error { message, times, .. } => Some((message.clone(), *times)),
        _ => None,
    });
    let told: Vec<_> = told.collect();
    assert!(
        told.iter().all(|(message, _)| message.contains("MSG_SIZE_TOO_LARGE")),
        "{told:?}"
    );
    assert_eq!(told.iter().map(|(_, times)| times).sum::<u64>(), 50);
}

#[test]
fn a_full_queue_makes_records_late_and_loses_none() {
    let _topic = topic("faults.full", 1, &[]);
    let tag = tag();
    let mut spec = load("faults.full", 1, tag, 2_000.0, 0.5);
    spec.properties
        .insert("queue.buffering.max.messages".to_owned(), "1".to_owned());
    spec.properties.insert("linger.ms".to_owned(), "20".to_owned());
    let (status, lines) = start_load(&spec).end();
    assert!(status.success());
    let mut late = 0;
    for line in &lines {
        if let LoadLine::Tick { lateness, .. } = line {
            late = late.max(lateness.decode().unwrap().max().unwrap_or(0));
        }
    }
    assert_eq!(super::support::sent(&lines).count(), 1_000);
    // One at a time, with a lingering of 20 ms each: the last is handed over about 20 s after it was due.
    assert!(late > 5_000_000, "{late}");
}
