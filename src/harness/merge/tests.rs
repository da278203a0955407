use super::{DoneTo, Head, Merger};
use crate::harness::launch::{Ending, How, ProcessId, Said, What};
use crate::harness::plan::{FaultKind, Phase, PhaseKind, Side};
use crate::harness::probe::{PartitionSeen, Seen};
use crate::harness::protocol::{
    CommitSpec, EncodedHistogram, EndReason, LoadLine, Micros, Position, Range, Stream, Ticks, WorkerLine, WorkerTick,
};
use crate::harness::recording::{MemoryHeldBy, RebalanceCause, Recording, WorkerEnd};

const EVERY: i64 = 250_000;

fn ticks() -> Ticks {
    Ticks {
        start_us: 0,
        every_ms: 250,
        jitter_ms: 0,
        seed: 0,
    }
}

fn head(commit: CommitSpec) -> Head {
    Head {
        run: "r".to_owned(),
        trial: "t".to_owned(),
        side: Side::After,
        ticks: ticks(),
        phases: vec![Phase {
            kind: PhaseKind::WarmUp,
            from_s: 0.0,
            to_s: 0.5,
        }],
        topics: vec![("t".to_owned(), 2)],
        commit,
        session_s: 10.0,
        poll_interval_s: 60.0,
        faults: Vec::new(),
        memory_held_by: MemoryHeldBy::NoLimit,
    }
}

fn range(partition: i32, shard: u32, from: u64, to: u64) -> Range {
    Range {
        stream: Stream {
            topic: "t".to_owned(),
            partition,
            shard,
        },
        from,
        to,
    }
}

fn position(partition: i32, processed: i64) -> Position {
    Position {
        topic: "t".to_owned(),
        partition,
        processed: Some(processed),
        polled: Some(processed),
        committed: Some(processed),
    }
}

fn histogram(us: i64, times: u64) -> EncodedHistogram {
    let mut micros = Micros::new();
    micros.record_n(us, times);
    micros.encode()
}

fn tick(tick: u32, positions: Vec<Position>, processed: Vec<Range>) -> WorkerTick {
    let records = processed.iter().map(|range| range.to - range.from).sum();
    WorkerTick {
        at_us: i64::from(tick) * EVERY,
        tick,
        positions,
        processed,
        records,
        bytes: 0,
        repeated: 0,
        reordered: 0,
        foreign: 0,
        failed: 0,
        dead_letters: 0,
        batches: 1,
        in_hand: 1,
        latency: histogram(1_000 * i64::from(tick), records),
        longest_poll_gap_us: 5,
        resident_bytes: Some(100),
        cpu_seconds: f64::from(tick) * 0.1,
        cpu_wait_seconds: Some(f64::from(tick) * 0.01),
    }
}

fn said(process: ProcessId, at_us: i64, what: What) -> Said {
    Said { process, at_us, what }
}

fn assigned(process: ProcessId, at_us: i64, partitions: &[i32]) -> Said {
    let partitions = partitions.iter().map(|at| ("t".to_owned(), *at)).collect();
    said(process, at_us, What::Worker(WorkerLine::Assigned { at_us, partitions }))
}

fn lost(process: ProcessId, at_us: i64, partitions: &[i32]) -> Said {
    let partitions = partitions.iter().map(|at| ("t".to_owned(), *at)).collect();
    said(process, at_us, What::Worker(WorkerLine::Lost { at_us, partitions }))
}

fn ended(process: ProcessId, at_us: i64, how: How) -> Said {
    let ending = Ending {
        how,
        peak_bytes: Some(7),
        log: "last words".to_owned(),
    };
    said(process, at_us, What::Ended(ending))
}

fn partition(partition: i32, start: i64, end: i64, committed: Option<i64>) -> PartitionSeen {
    PartitionSeen {
        topic: "t".to_owned(),
        partition,
        start,
        end,
        committed,
    }
}

fn seen(tick: u32, partitions: Vec<PartitionSeen>) -> Seen {
    Seen {
        tick,
        at_us: i64::from(tick) * EVERY,
        partitions: Some(partitions),
        broker_cpu_seconds: Some(f64::from(tick) * 0.05),
        error: None,
    }
}

fn load_tick(process: ProcessId, tick: u32, due: u64, acknowledged: Vec<Range>) -> Said {
    let line = LoadLine::Tick {
        at_us: 0,
        tick,
        due,
        acknowledged,
        failed: Vec::new(),
        lateness: histogram(100, due),
        cpu_seconds: 0.0,
        cpu_wait_seconds: None,
    };
    said(process, 0, What::Load(line))
}

/// Two workers and one or three load processes of the same 60 records; the load starts at tick 4.
fn run(shards: u32, order: impl Fn(&mut Vec<Said>)) -> Recording {
    let mut merger = Merger::new(head(CommitSpec::AfterBatch));
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
            all.push(said(worker, 0, What::Worker(WorkerLine::Tick(tick(at, positions, processed)))));
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
    assert_eq!((last.in_hand, &last.memory[..], last.unassigned), (2, &[100, 100][..], 0));
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
    let mut merger = Merger::new(head(CommitSpec::AfterBatch));
    merger.worker(0, 0);
    let mut before_its_first = position(0, 0);
    before_its_first.processed = None;
    merger.said(said(
        0,
        0,
        What::Worker(WorkerLine::Tick(tick(0, vec![before_its_first], vec![]))),
    ));
    merger.seen(seen(0, vec![partition(0, 0, 100, Some(40)), partition(1, 30, 100, Some(10))]));
    let recording = merger.finish(None, 0, None);
    assert_eq!(recording.moments[0].lag, Some(60 + 70));
    assert_eq!(recording.moments[0].unassigned, 1);
}

fn sent(merger: &mut Merger, count: u64) {
    merger.load(10);
    merger.said(load_tick(10, 0, count, vec![range(0, 0, 0, count)]));
}

#[test]
fn what_was_committed_and_never_processed_is_lost() {
    let mut merger = Merger::new(head(CommitSpec::OnReceipt));
    sent(&mut merger, 100);
    merger.worker(0, 0);
    merger.said(assigned(0, 0, &[0, 1]));
    let mut at = position(0, 30);
    at.committed = Some(90);
    at.polled = Some(90);
    let mut held = tick(1, vec![at], vec![range(0, 0, 0, 30), range(0, 0, 40, 42)]);
    held.resident_bytes = Some(9_000);
    merger.said(said(0, 0, What::Worker(WorkerLine::Tick(held))));
    merger.said(ended(0, 300_000, How::OutOfMemory));
    let end = [partition(0, 0, 100, Some(90)), partition(1, 0, 0, None)];
    merger.seen(seen(2, end.to_vec()));
    let recording = merger.finish(Some(&end), 1_000_000, None);
    let account = recording.account;
    assert_eq!((account.processed, account.lost, account.lost_to_retention), (32, 58, 0));
    assert_eq!(recording.workers[0].end, WorkerEnd::OutOfMemory);
    assert_eq!(recording.workers[0].peak_bytes, Some(7), "by the system's own count");
    assert_eq!(merger_of_dead().died().unwrap(), "worker 0 was killed at its memory limit");
}

fn merger_of_dead() -> Merger {
    let mut merger = Merger::new(head(CommitSpec::OnReceipt));
    merger.worker(0, 0);
    merger.said(assigned(0, 0, &[0, 1]));
    merger.said(ended(0, 300_000, How::OutOfMemory));
    merger
}

#[test]
fn what_retention_took_is_lost_to_it() {
    let mut merger = Merger::new(head(CommitSpec::AfterBatch));
    sent(&mut merger, 100);
    merger.worker(0, 0);
    merger.said(assigned(0, 0, &[0, 1]));
    let reads = |at, processed: Vec<Range>, end| {
        said(0, 0, What::Worker(WorkerLine::Tick(tick(at, vec![position(0, end)], processed))))
    };
    merger.said(reads(1, vec![range(0, 0, 0, 20)], 20));
    merger.seen(seen(1, vec![partition(0, 50, 100, Some(20)), partition(1, 0, 0, None)]));
    merger.said(reads(2, vec![range(0, 0, 50, 100)], 100));
    let end = [partition(0, 50, 100, Some(100)), partition(1, 0, 0, None)];
    merger.seen(seen(2, end.to_vec()));
    let recording = merger.finish(Some(&end), 1_000_000, None);
    assert_eq!(recording.moments[1].lag, Some(50), "what is gone is no lag");
    let account = recording.account;
    assert_eq!((account.processed, account.lost, account.lost_to_retention), (70, 30, 30));
}

#[test]
fn what_a_killed_worker_had_committed_unheard_is_not_lost() {
    let mut merger = Merger::new(head(CommitSpec::AfterBatch));
    sent(&mut merger, 100);
    merger.worker(0, 0);
    merger.said(assigned(0, 0, &[0, 1]));
    merger.said(said(
        0,
        0,
        What::Worker(WorkerLine::Tick(tick(1, vec![position(0, 40)], vec![range(0, 0, 0, 40)]))),
    ));
    merger.done_to(0, DoneTo::Killed, 400_000);
    merger.fault(400_000, "worker 0 killed");
    merger.said(ended(0, 400_000, How::Signal(9)));
    merger.seen(seen(2, vec![partition(0, 0, 100, Some(55)), partition(1, 0, 0, None)]));
    merger.worker(1, 0);
    merger.said(assigned(1, 700_000, &[0, 1]));
    // It begins at 55, and 5 of its records had been processed before and not committed.
    let mut second = tick(5, vec![position(0, 100)], vec![range(0, 0, 55, 100)]);
    second.records = 45;
    merger.said(said(1, 0, What::Worker(WorkerLine::Tick(second))));
    let end = [partition(0, 0, 100, Some(100)), partition(1, 0, 0, None)];
    let recording = merger.finish(Some(&end), 2_000_000, None);
    let account = recording.account;
    assert_eq!((account.processed, account.lost, account.duplicated), (100, 0, 0));
    let ends: Vec<&WorkerEnd> = recording.workers.iter().map(|fate| &fate.end).collect();
    assert_eq!(ends, [&WorkerEnd::KilledOnPurpose, &WorkerEnd::Hung]);
}

#[test]
fn records_that_two_workers_did_are_duplicates() {
    let mut merger = Merger::new(head(CommitSpec::AfterBatch));
    sent(&mut merger, 10);
    for worker in 0..2 {
        merger.worker(worker, worker);
        let from = u64::from(worker) * 4;
        let line = tick(1, Vec::new(), vec![range(0, 0, from, from + 6)]);
        merger.said(said(worker, 0, What::Worker(WorkerLine::Tick(line))));
    }
    let account = merger.finish(None, 0, None).account;
    assert_eq!((account.processed, account.duplicated, account.lost), (10, 2, 0));
}

#[test]
fn rebalances_have_causes() {
    let mut merger = Merger::new(head(CommitSpec::AfterBatch));
    merger.load_starts_at(4);
    for worker in 0..2 {
        merger.worker(worker, worker);
        merger.said(assigned(worker, 300_000 + i64::from(worker) * 400_000, &[i32::try_from(worker).unwrap()]));
    }
    let s = 1_000_000;
    // An overrun, told late.
    let overrun = WorkerLine::Error {
        at_us: 20 * s,
        code: "_MAX_POLL_EXCEEDED".to_owned(),
        message: "m".to_owned(),
        times: 1,
    };
    merger.said(said(0, 0, What::Worker(overrun)));
    merger.said(lost(0, 20 * s + 100_000, &[0]));
    merger.said(assigned(0, 20 * s + 900_000, &[0]));
    // A lost session.
    merger.said(lost(1, 40 * s, &[1]));
    merger.said(assigned(1, 41 * s, &[1]));
    // A fault, and what the group makes of it when the session is over.
    merger.fault(60 * s, "worker 1 killed");
    merger.done_to(1, DoneTo::Killed, 60 * s);
    merger.said(ended(1, 60 * s, How::Signal(9)));
    merger.said(assigned(0, 70 * s, &[0, 1]));
    // One that dies by itself.
    merger.worker(2, 1);
    merger.said(assigned(2, 80 * s, &[1]));
    merger.said(ended(2, 90 * s, How::Exited(3)));
    merger.said(assigned(0, 101 * s, &[1]));
    // Nothing known, and then the farewells.
    merger.said(assigned(0, 150 * s, &[0, 1]));
    merger.done_to(0, DoneTo::Stopped, 160 * s);
    merger.said(lost(0, 160 * s + 10, &[0]));
    let recording = merger.finish(None, 161 * s, None);
    let told: Vec<String> = recording
        .rebalances
        .iter()
        .map(|one| format!("{:.1} {:?} {}", one.at_s, one.cause, one.what))
        .collect();
    insta::assert_snapshot!(told.join("\n"), @r"
    -0.7 Start 2 workers joined
    19.1 PollInterval worker 0 took longer than 60 s between two polls
    39.0 Session worker 1 lost its partitions: its heartbeats did not come in time
    69.0 Fault worker 1 killed
    79.0 Unknown partitions moved
    100.0 WorkerDied worker 1 ended with status 3: last words
    149.0 Unknown partitions moved
    ");
    assert_eq!(recording.errors[0].who, "worker 0");
}

#[test]
fn an_overrun_that_was_asked_for_is_a_fault() {
    let mut head = head(CommitSpec::AfterBatch);
    head.faults = vec![FaultKind::SlowRecord];
    let mut merger = Merger::new(head);
    merger.worker(0, 0);
    merger.said(assigned(0, -1, &[0, 1]));
    let overrun = WorkerLine::Error {
        at_us: 5_000_000,
        code: "_MAX_POLL_EXCEEDED".to_owned(),
        message: "m".to_owned(),
        times: 1,
    };
    merger.said(said(0, 0, What::Worker(overrun)));
    merger.said(lost(0, 5_000_100, &[0, 1]));
    assert_eq!(merger.finish(None, 9_000_000, None).rebalances[1].cause, RebalanceCause::Fault);
}

#[test]
fn a_worker_that_never_joins_is_known() {
    let mut merger = Merger::new(head(CommitSpec::AfterBatch));
    merger.worker(0, 0);
    merger.worker(1, 1);
    merger.said(assigned(0, 0, &[0, 1]));
    assert!(!merger.has_joined());
    let refused = WorkerLine::Error {
        at_us: 0,
        code: "InvalidSessionTimeout".to_owned(),
        message: "500 ms".to_owned(),
        times: 1,
    };
    merger.said(said(1, 0, What::Worker(refused)));
    assert_eq!(merger.not_joined(), [(1, Some("InvalidSessionTimeout: 500 ms".to_owned()))]);
    merger.done_to(1, DoneTo::Stopped, 0);
    merger.said(ended(1, 0, How::Exited(0)));
    let recording = merger.finish(None, 0, Some("why".to_owned()));
    assert_eq!(recording.workers[1].end, WorkerEnd::NeverJoined);
    assert_eq!(recording.cut_short.as_deref(), Some("why"));
}
