use super::*;

fn sent(merger: &mut Merger, count: u64) {
    merger.load(10);
    merger.said(load_tick(10, 0, count, vec![range(0, 0, 0, count)]));
}

fn merger_of_dead() -> Merger {
    let mut merger = started(head(CommitSpec::OnReceipt));
    merger.worker(0, 0);
    merger.said(assigned(0, 0, &[0, 1]));
    merger.said(ended(0, 300_000, How::OutOfMemory));
    merger
}

#[test]
fn what_was_committed_and_never_processed_is_lost() {
    let mut merger = started(head(CommitSpec::OnReceipt));
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
    assert_eq!(
        (account.processed, account.lost, account.lost_to_retention),
        (32, 58, 0)
    );
    assert_eq!(recording.workers[0].end, WorkerEnd::OutOfMemory);
    assert_eq!(recording.workers[0].peak_bytes, Some(7), "by the system's own count");
    assert_eq!(
        merger_of_dead().died().unwrap(),
        "worker 0 was killed at its memory limit"
    );
}

#[test]
fn what_retention_took_is_lost_to_it() {
    let mut merger = started(head(CommitSpec::AfterBatch));
    sent(&mut merger, 100);
    merger.worker(0, 0);
    merger.said(assigned(0, 0, &[0, 1]));
    let reads = |at, processed: Vec<Range>, end| {
        said(
            0,
            0,
            What::Worker(WorkerLine::Tick(tick(at, vec![position(0, end)], processed))),
        )
    };
    merger.said(reads(1, vec![range(0, 0, 0, 20)], 20));
    merger.seen(seen(1, vec![partition(0, 50, 100, Some(20)), partition(1, 0, 0, None)]));
    merger.said(reads(2, vec![range(0, 0, 50, 100)], 100));
    let end = [partition(0, 50, 100, Some(100)), partition(1, 0, 0, None)];
    merger.seen(seen(2, end.to_vec()));
    let recording = merger.finish(Some(&end), 1_000_000, None);
    assert_eq!(recording.moments[1].lag, Some(50), "what is gone is no lag");
    let account = recording.account;
    assert_eq!(
        (account.processed, account.lost, account.lost_to_retention),
        (70, 30, 30)
    );
}

#[test]
fn what_retention_took_between_two_looks_is_lost_to_it_unless_a_worker_died() {
    let account = |died: bool| {
        let mut merger = started(head(CommitSpec::AfterBatch));
        sent(&mut merger, 100);
        merger.worker(0, 0);
        merger.said(assigned(0, 0, &[0, 1]));
        let reads = |at, processed: Vec<Range>, end| {
            let tick = tick(at, vec![position(0, end)], processed);
            said(0, 0, What::Worker(WorkerLine::Tick(tick)))
        };
        merger.said(reads(1, vec![range(0, 0, 0, 20)], 20));
        merger.seen(seen(1, vec![partition(0, 50, 100, Some(20)), partition(1, 0, 0, None)]));
        // By the time that it jumped, the log began at 60.
        merger.said(reads(2, vec![range(0, 0, 60, 100)], 100));
        if died {
            merger.said(ended(0, 600_000, How::Signal(9)));
        }
        let end = [partition(0, 60, 100, Some(100)), partition(1, 0, 0, None)];
        merger.seen(seen(3, end.to_vec()));
        let account = merger.finish(Some(&end), 1_000_000, None).account;
        (account.lost, account.lost_to_retention)
    };
    assert_eq!(account(false), (40, 40));
    assert_eq!(account(true), (40, 30), "it may have held the others");
}

#[test]
fn what_a_killed_worker_had_committed_unheard_is_not_lost() {
    let mut merger = started(head(CommitSpec::AfterBatch));
    sent(&mut merger, 100);
    merger.worker(0, 0);
    merger.said(assigned(0, 0, &[0, 1]));
    merger.said(said(
        0,
        0,
        What::Worker(WorkerLine::Tick(tick(
            1,
            vec![position(0, 40)],
            vec![range(0, 0, 0, 40)],
        ))),
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
    let mut merger = started(head(CommitSpec::AfterBatch));
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
