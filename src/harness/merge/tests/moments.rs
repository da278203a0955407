use super::*;

/// Two workers and one or three load processes of the same 60 records; the load starts at tick 4.
fn run(shards: u32, order: impl Fn(&mut Vec<Said>)) -> Recording {
    let mut merger = started(head(CommitSpec::AfterBatch));
    merger.load_starts_at(4);
    let mut all = Vec::new();
    for worker in 0..2 {
        merger.worker(worker, worker);
        all.push(assigned(worker, 300_000, &[i32::try_from(worker).unwrap()]));
    }
    for shard in 0..shards {
        merger.load(10 + shard);
    }
    for step in 0..3_u32 {
        let at = 4 + step;
        for shard in 0..shards {
            let each = 10 / u64::from(shards);
            let extra = if shard == 0 { 10 % u64::from(shards) } else { 0 };
            let per_step = each + extra;
            let from = u64::from(step) * per_step;
            let sent = |partition| range(partition, shard, from, from + per_step);
            all.push(load_tick(10 + shard, step, 2 * per_step, vec![sent(0), sent(1)]));
        }
        for worker in 0..2 {
            // Each is one step behind, and does 10 records a step.
            let at_partition = i32::try_from(worker).unwrap();
            let done = i64::from(step) * 10;
            let processed = match step {
                0 => Vec::new(),
                _ => (0..shards)
                    .map(|shard| {
                        let per_step = 10 / u64::from(shards) + if shard == 0 { 10 % u64::from(shards) } else { 0 };
                        let from = u64::from(step - 1) * per_step;
                        range(at_partition, shard, from, from + per_step)
                    })
                    .collect(),
            };
            let positions = vec![position(at_partition, done)];
            all.push(said(
                worker,
                0,
                What::Worker(WorkerLine::Tick(tick(at, positions, processed))),
            ));
        }
        let end = i64::from(step + 1) * 10;
        merger.seen(seen(at, vec![partition(0, 0, end, None), partition(1, 0, end, None)]));
    }
    order(&mut all);
    all.into_iter().for_each(|one| merger.said(one));
    for worker in 0..2 {
        merger.done_to(worker, DoneTo::Stopped, 2_000_000);
        merger.said(said(
            worker,
            2_100_000,
            What::Worker(WorkerLine::End {
                at_us: 2_100_000,
                reason: EndReason::Stopped,
            }),
        ));
        merger.said(ended(worker, 2_100_000, How::Exited(0)));
    }
    let last = [partition(0, 0, 30, Some(20)), partition(1, 0, 30, Some(20))];
    merger.finish(Some(&last), 2_100_000, None)
}

#[test]
fn lag_is_what_the_log_has_and_the_worker_has_not_at_the_same_tick() {
    let recording = run(1, |_| {});
    let lags: Vec<Option<u64>> = recording.moments.iter().map(|moment| moment.lag).collect();
    assert_eq!(lags, [Some(20), Some(20), Some(20)]);
    let last = recording.moments.last().unwrap();
    assert_eq!((last.at_s, last.sent, last.due, last.processed), (0.5, 60, 60, 40));
    assert_eq!(
        (last.in_hand, &last.memory[..], last.unassigned),
        (2, &[100, 100][..], 0)
    );
    assert_eq!(last.committed_lag, Some(60), "nobody had committed anything");
    assert!((last.broker_cores.unwrap() - 0.2).abs() < 1e-9);
    assert!((last.worker_cores.unwrap() - 0.8).abs() < 1e-9);
    let account = recording.account;
    assert_eq!(
        (account.sent, account.processed, account.lost),
        (60, 40, 0),
        "what is still in the log is not lost: {account:?}"
    );
    // 20 were processed at 0.25 s, in the warm-up, and 20 at 0.5 s.
    assert_eq!(recording.latency.decode().unwrap().count(), 40);
    assert_eq!(recording.measured_latency.decode().unwrap().count(), 20);
    assert_eq!(recording.rebalances.len(), 1);
    assert_eq!(recording.rebalances[0].cause, RebalanceCause::Start);
    assert_eq!(recording.workers[0].end, WorkerEnd::Stopped);
    assert!((recording.cpu_wait.unwrap() - 0.04).abs() < 1e-9);
    assert!((recording.seconds - 1.1).abs() < 1e-9);
}

#[test]
fn three_load_processes_are_one_in_whatever_order_they_are_heard() {
    let one = run(1, |_| {});
    let three = run(3, |_| {});
    assert_eq!(one, three);
    // Each process's own lines stay in their order.
    let shuffled = run(3, |all| all.sort_by_key(|said| std::cmp::Reverse(said.process)));
    assert_eq!(one, shuffled);
}

#[test]
fn a_partition_that_nobody_holds_lags_from_what_is_committed_and_no_further_than_its_start() {
    let mut merger = started(head(CommitSpec::AfterBatch));
    merger.worker(0, 0);
    let mut before_its_first = position(0, 0);
    before_its_first.processed = None;
    merger.said(said(
        0,
        0,
        What::Worker(WorkerLine::Tick(tick(0, vec![before_its_first], vec![]))),
    ));
    merger.seen(seen(
        0,
        vec![partition(0, 0, 100, Some(40)), partition(1, 30, 100, Some(10))],
    ));
    let recording = merger.finish(None, 0, None);
    assert_eq!(recording.moments[0].lag, Some(60 + 70));
    assert_eq!(recording.moments[0].unassigned, 1);
}

#[test]
fn a_broker_is_silent_for_as_long_as_it_did_not_answer() {
    let mut merger = started(head(CommitSpec::AfterBatch));
    assert_eq!(merger.silent_ticks(), 0);
    let silent = |tick| Seen {
        partitions: None,
        ..seen(tick, Vec::new())
    };
    merger.seen(silent(3));
    merger.seen(silent(4));
    assert_eq!(merger.silent_ticks(), 2, "it never answered");
    merger.seen(seen(5, Vec::new()));
    assert_eq!(merger.silent_ticks(), 0);
    // A look that waits for its time-out takes the time of eight.
    merger.seen(silent(13));
    merger.seen(silent(21));
    assert_eq!(merger.silent_ticks(), 16);
}
