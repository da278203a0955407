//! Every record is accounted for, by number.

use lagproof::harness::protocol::{CommitSpec, EndReason, LoadLine, LoadTopic, Micros, Shard, WorkerLine};

use super::broker::watermarks;
use super::support::{
    Account, broker, last_positions, load, run_load, sent, start_load, start_worker, tag, tick_lines, topic,
    until_processed, worker,
};

#[test]
fn nothing_is_lost_repeated_or_out_of_order() {
    let _topic = topic("account.exact", 4, &[]);
    let tag = tag();
    let process = start_worker(&worker("account.exact", tag));
    let spec = load("account.exact", 4, tag, 300.0, 2.0);
    let sent = run_load(&spec);
    assert_eq!(sent.count(), 600);
    until_processed(&[&process], 600);
    let lines = process.stop();
    let account = Account::of(&[&lines]);
    assert_eq!(account.processed, sent);
    assert_eq!((account.records, account.repeated, account.reordered), (600, 0, 0));
    assert_eq!((account.foreign, account.failed, account.latency.count()), (0, 0, 600));
    assert!(
        account.bytes > 600 * 150 && account.bytes < 600 * 250,
        "{}",
        account.bytes
    );
    assert!(account.batches > 1 && account.errors.is_empty(), "{account:?}");

    // What it said of its positions is what the broker has.
    for (partition, position) in last_positions(&lines) {
        let end = Some(watermarks(broker().bootstrap(), "account.exact", partition).1);
        assert_eq!(
            (position.processed, position.polled, position.committed),
            (end, end, end),
            "{partition}"
        );
    }
    // The order of its lines.
    assert!(
        matches!(&lines[0], WorkerLine::Ready { client, .. } if client.starts_with("librdkafka 2.")),
        "{lines:?}"
    );
    let End(reason) = End::of(&lines);
    assert_eq!(reason, EndReason::Stopped);
    let numbers: Vec<u32> = tick_lines(&lines).iter().map(|tick| tick.tick).collect();
    assert!(numbers.is_sorted_by(|a, b| a < b), "{numbers:?}");
    let last = tick_lines(&lines).pop().unwrap();
    assert_eq!(last.in_hand, 0);
    assert!(last.resident_bytes.unwrap() > 1_000_000 && last.cpu_seconds > 0.0);
}

/// The last line.
struct End(EndReason);

impl End {
    fn of(lines: &[WorkerLine]) -> Self {
        match lines.last() {
            Some(WorkerLine::End { reason, .. }) => Self(reason.clone()),
            other => panic!("the last line is {other:?}"),
        }
    }
}

#[test]
fn shards_and_replicas_come_to_the_same() {
    let _topics = (topic("account.shards.a", 3, &[]), topic("account.shards.b", 2, &[]));
    let tag = tag();
    let both = |shard: Shard| {
        let mut spec = load("account.shards.a", 3, tag, 150.0, 2.0);
        spec.topics.push(LoadTopic {
            topic: "account.shards.b".to_owned(),
            partitions: 2,
            key: None,
            ..spec.topics[0].clone()
        });
        spec.shard = shard;
        spec
    };
    let workers: Vec<_> = (0..2)
        .map(|replica| {
            let mut spec = worker("account.shards.a", tag);
            spec.replica = replica;
            spec.topics.push("account.shards.b".to_owned());
            // Records that go from one to the other as the second joins are not what is tested here.
            spec.delivery.commit = CommitSpec::AfterRecord;
            start_worker(&spec)
        })
        .collect();
    let loads: Vec<_> = (0..3).map(|index| start_load(&both(Shard { index, of: 3 }))).collect();
    let mut acknowledged = lagproof::harness::protocol::StreamIntervals::new();
    let mut lateness = Micros::new();
    for load in loads {
        let (status, lines) = load.end();
        assert!(status.success());
        acknowledged.extend(&sent(&lines).ranges());
        let mut due_told = 0;
        for line in &lines {
            if let LoadLine::Tick {
                due, lateness: late, ..
            } = line
            {
                due_told += due;
                lateness.merge_encoded(late).unwrap();
            }
        }
        let Some(LoadLine::End {
            due,
            acknowledged,
            failed,
            ..
        }) = lines.last()
        else {
            panic!("{:?}", lines.last());
        };
        assert_eq!((*due, *acknowledged, *failed, due_told), (200, 200, 0, 200));
    }
    assert_eq!((acknowledged.count(), lateness.count()), (600, 600));
    until_processed(&workers.iter().collect::<Vec<_>>(), 600);
    let lines: Vec<Vec<WorkerLine>> = workers.into_iter().map(|worker| worker.stop()).collect();
    let account = Account::of(&lines.iter().map(Vec::as_slice).collect::<Vec<_>>());
    assert_eq!(account.processed, acknowledged);
    assert_eq!(account.reordered, 0);
}

#[test]
fn records_of_others_are_told_apart() {
    let _topic = topic("account.foreign", 1, &[]);
    let (ours, theirs) = (tag(), tag());
    super::broker::produce(broker().bootstrap(), "account.foreign", 0, &["not of the harness"]);
    run_load(&load("account.foreign", 1, theirs, 50.0, 0.2));
    run_load(&load("account.foreign", 1, ours, 50.0, 0.2));
    let process = start_worker(&worker("account.foreign", ours));
    until_processed(&[&process], 10);
    let account = Account::of(&[&process.stop()]);
    assert_eq!((account.records, account.foreign), (10, 11));
}
