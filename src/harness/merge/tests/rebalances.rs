use super::*;

#[test]
fn rebalances_have_causes() {
    let mut merger = started(head(CommitSpec::AfterBatch));
    merger.load_starts_at(4);
    for worker in 0..2 {
        merger.worker(worker, worker);
        merger.said(assigned(
            worker,
            300_000 + i64::from(worker) * 400_000,
            &[i32::try_from(worker).unwrap()],
        ));
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
    let mut merger = started(head);
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
    assert_eq!(
        merger.finish(None, 9_000_000, None).rebalances[1].cause,
        RebalanceCause::Fault
    );
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
    assert_eq!(
        merger.not_joined(),
        [(1, Some("InvalidSessionTimeout: 500 ms".to_owned()))]
    );
    merger.done_to(1, DoneTo::Stopped, 0);
    merger.said(ended(1, 0, How::Exited(0)));
    let recording = merger.finish(None, 0, Some("why".to_owned()));
    assert_eq!(recording.workers[1].end, WorkerEnd::NeverJoined);
    assert_eq!(recording.cut_short.as_deref(), Some("why"));
}

/// Nobody waits for the others once one is dead: that they had no time to join says nothing of them.
#[test]
fn who_was_told_to_stop_because_another_died_has_not_failed_to_join() {
    let mut merger = Merger::new(head(CommitSpec::AfterBatch));
    merger.worker(0, 0);
    merger.worker(1, 1);
    merger.said(ended(0, 0, How::OutOfMemory));
    merger.done_to(1, DoneTo::Stopped, 1);
    merger.said(ended(1, 2, How::Exited(0)));
    let recording = merger.finish(None, 3, Some("why".to_owned()));
    let ends: Vec<&WorkerEnd> = recording.workers.iter().map(|worker| &worker.end).collect();
    assert_eq!(ends, [&WorkerEnd::OutOfMemory, &WorkerEnd::Stopped]);
}

#[test]
fn a_replica_that_came_too_late_to_join_is_no_complaint() {
    let mut merger = started(head(CommitSpec::AfterBatch));
    merger.worker(0, 0);
    merger.done_to(0, DoneTo::Stopped, 1);
    merger.said(ended(0, 2, How::Exited(0)));
    let recording = merger.finish(None, 3, None);
    assert_eq!(recording.workers[0].end, WorkerEnd::Stopped);
}

/// Four members thrown out in turn, never a second of quiet between: that is one rebalance after the other.
#[test]
fn a_group_that_is_never_quiet_goes_round_and_round() {
    let mut merger = started(head(CommitSpec::AfterBatch));
    merger.worker(0, 0);
    merger.said(assigned(0, -1, &[0, 1]));
    for step in 1..40_i64 {
        let at_us = step * 800_000;
        merger.said(if step % 2 == 1 {
            lost(0, at_us, &[0, 1])
        } else {
            assigned(0, at_us, &[0, 1])
        });
    }
    let found = merger.finish(None, 40_000_000, None).rebalances.len();
    assert!((9..=12).contains(&found), "{found} in half a minute");
}

#[test]
fn where_no_load_came_nothing_was_measured() {
    let mut merger = Merger::new(head(CommitSpec::AfterBatch));
    merger.worker(0, 0);
    merger.said(assigned(0, 400_000, &[0, 1]));
    merger.seen(seen(3, vec![partition(0, 0, 0, None), partition(1, 0, 0, None)]));
    assert_eq!(merger.latest(), None);
    let recording = merger.finish(None, 9_000_000, Some("why".to_owned()));
    assert!(recording.moments.is_empty());
    assert_eq!(recording.rebalances[0].cause, RebalanceCause::Start);
}
