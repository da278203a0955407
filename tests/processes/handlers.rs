//! Where handlers run, what they hold, in which order they end.

use lagproof::harness::protocol::{ConcurrencySpec, CostSpec, HandlerSpec, KeySpec, SizeSpec, WorkerLine};

use super::support::{Account, holds, load, run_load, start_worker, tag, tick_lines, topic, until_processed, worker};

#[test]
fn every_kind_keeps_the_order_of_a_key_and_commits() {
    let _topic = topic("handlers.kinds", 3, &[]);
    let tag = tag();
    let mut spec = load("handlers.kinds", 3, tag, 600.0, 0.5);
    spec.topics[0].key = Some(KeySpec {
        cardinality: 8,
        zipf: 1.0,
    });
    let sent = run_load(&spec);
    let kinds = [
        (HandlerSpec::Inline, ConcurrencySpec::Bounded(1), 0.0),
        (HandlerSpec::Inline, ConcurrencySpec::Bounded(6), 0.0),
        (HandlerSpec::Thread, ConcurrencySpec::Bounded(1), 0.5),
        (HandlerSpec::Thread, ConcurrencySpec::Bounded(6), 0.0),
        (HandlerSpec::EventLoop, ConcurrencySpec::Bounded(1), 1.0),
        (HandlerSpec::EventLoop, ConcurrencySpec::Bounded(6), 0.3),
        (HandlerSpec::Thread, ConcurrencySpec::Unbounded, 0.0),
        (HandlerSpec::EventLoop, ConcurrencySpec::Unbounded, 0.2),
    ];
    for (handler, concurrency, cpu_share) in kinds {
        let mut spec = worker("handlers.kinds", tag);
        spec.properties
            .insert("group.id".to_owned(), format!("kinds-{handler:?}-{concurrency:?}"));
        spec.work.handler = handler;
        spec.work.concurrency = concurrency;
        spec.work.cpu_share = cpu_share;
        spec.work.per_record = CostSpec::LogNormal {
            mu: 0.000_5_f64.ln(),
            sigma: 1.0,
            max: Some(0.01),
        };
        let process = start_worker(&spec);
        until_processed(&[&process], 300);
        let lines = process.stop();
        let account = Account::of(&[&lines]);
        let kind = format!("{handler:?} {concurrency:?}");
        assert_eq!(account.processed, sent, "{kind}");
        assert_eq!(
            (account.records, account.repeated, account.reordered),
            (300, 0, 0),
            "{kind}"
        );
        let committed: i64 = super::support::last_positions(&lines)
            .values()
            .filter_map(|position| position.committed)
            .sum();
        assert_eq!(committed, 300, "{kind}");
    }
}

#[test]
fn partitions_that_go_take_their_records_with_them() {
    let _topic = topic("handlers.rebalance", 2, &[]);
    let tag = tag();
    let sent = run_load(&load("handlers.rebalance", 2, tag, 400.0, 0.5));
    let mut spec = worker("handlers.rebalance", tag);
    spec.max_poll_records = 200;
    spec.work.handler = HandlerSpec::Thread;
    spec.work.per_record = CostSpec::Constant { us: 10_000.0 };
    let first = start_worker(&spec);
    first.until("it is at work", |lines| Account::of(&[lines]).records > 10);
    // The second joins while the first one's batch is under way in a thread.
    let second = start_worker(&spec);
    second.until("it has one", holds(1));
    until_processed(&[&first, &second], 200);
    let (first, second) = (first.stop(), second.stop());
    assert!(first.iter().any(|line| matches!(line, WorkerLine::Revoked { .. })));
    let account = Account::of(&[&first, &second]);
    assert_eq!(account.lost(&sent), 0);
    assert_eq!(account.reordered, 0);
    assert!(
        account.by_two + account.repeated <= 2,
        "only what was in the middle is done twice: {account:?}"
    );
}

/// The most resident memory that a worker said it had, and the most records in hand.
fn peak(lines: &[WorkerLine]) -> (u64, u64) {
    let ticks = tick_lines(lines);
    let resident = ticks.iter().filter_map(|tick| tick.resident_bytes).max().unwrap_or(0);
    (resident, ticks.iter().map(|tick| tick.in_hand).max().unwrap_or(0))
}

#[test]
fn a_queue_without_an_end_fills_memory() {
    let _topic = topic("handlers.memory", 2, &[("max.message.bytes", "2000000")]);
    let tag = tag();
    let mut spec = load("handlers.memory", 2, tag, 40.0, 1.5);
    spec.properties
        .insert("message.max.bytes".to_owned(), "2000000".to_owned());
    spec.topics[0].size = SizeSpec {
        mean: 500_000,
        max: 500_000,
        compression_ratio: 1.0,
    };
    run_load(&spec);
    let run = |group: &str, concurrency, factor: f64| {
        let mut spec = worker("handlers.memory", tag);
        let bounds = [
            ("group.id", group),
            ("queued.max.messages.kbytes", "2048"),
            ("fetch.max.bytes", "2000000"),
            ("fetch.message.max.bytes", "1000000"),
            ("fetch.queue.backoff.ms", "10"),
        ];
        spec.properties
            .extend(bounds.map(|(name, value)| (name.to_owned(), value.to_owned())));
        spec.max_poll_records = 1;
        spec.work.concurrency = concurrency;
        spec.per_record_factor = factor;
        spec.work.per_record = CostSpec::Constant { us: 20_000.0 };
        let process = start_worker(&spec);
        until_processed(&[&process], 60);
        peak(&process.stop())
    };
    let (bounded, bounded_hand) = run("memory.bounded", ConcurrencySpec::Bounded(1), 1.0);
    let (unbounded, unbounded_hand) = run("memory.unbounded", ConcurrencySpec::Unbounded, 1.0);
    let (tripled, _) = run("memory.tripled", ConcurrencySpec::Unbounded, 3.0);
    assert_eq!(bounded_hand, 1);
    assert!(unbounded_hand > 20, "{unbounded_hand}");
    assert!(unbounded > bounded + 8_000_000, "{unbounded} {bounded}");
    assert!(tripled > unbounded + 15_000_000, "{tripled} {unbounded}");
}
