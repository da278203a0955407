//! A downstream that stalls: at the moment that was planned, however long workers take to join.

use lagproof::harness::plan::{FaultKind, Trial};
use lagproof::harness::recording::{Moment, Recording};

use super::runs::{With, run};
use super::trial::{trial, with_fault};

/// Nothing is finished for 3 s from 3 s after the start of the load; `script` starts the worker.
fn stalled(script: &str) -> Recording {
    let seconds = 3.0;
    let mut wanted: Trial = with_fault(trial(100.0, 9.0, 500.0), FaultKind::DownstreamStall { seconds }, 3.0);
    let side = &mut wanted.sides[0];
    side.work.stalls_us = vec![(3_000_000, 6_000_000)];
    let script = script.replace("WORKER", &format!("{} worker", env!("CARGO_BIN_EXE_lagproof")));
    side.command = Some(["/bin/sh", "-c", &script].map(str::to_owned).to_vec());
    run(&wanted, &With::default()).unwrap()
}

#[test]
fn a_stall_is_where_the_plan_has_it_however_late_the_worker_joins() {
    let recording = stalled("sleep 9; exec WORKER");
    assert_eq!(recording.cut_short, None);
    let account = recording.account;
    assert_eq!(
        (account.sent, account.processed, account.lost),
        (900, 900, 0),
        "{account:?}"
    );
    assert_eq!(recording.faults.len(), 1, "{:?}", recording.faults);
    assert_eq!(recording.faults[0].what, "nothing is finished for 3 s");
    assert!((recording.faults[0].at_s - 3.0).abs() < 1e-6, "{:?}", recording.faults);
    let at = |moment: &&Moment, from: f64, to: f64| (from..to).contains(&moment.at_s);
    let processed = |from: f64, to: f64| -> Vec<u64> {
        let moments = recording.moments.iter().filter(|moment| at(moment, from, to));
        moments.map(|moment| moment.processed).collect()
    };
    // A record that was in hand when it began is not finished either: from the first look on nothing moves.
    let during = processed(3.3, 5.9);
    assert!(during.len() >= 8, "{:?}", recording.moments);
    assert!(during.iter().all(|count| *count == during[0]), "{during:?}");
    let before = processed(0.0, 3.0);
    assert!(
        before.last().unwrap() > &before[0] && *before.last().unwrap() > 100,
        "{before:?}"
    );
}

#[test]
fn a_worker_that_does_not_know_the_command_ends_the_run() {
    // As an older worker has it: it logs the line, and skips it.
    let recording = stalled(r#"sed -u '/"command":"stall"/d' | WORKER"#);
    let why = recording.cut_short.unwrap();
    assert!(
        why.starts_with(
            "worker 0 did not answer that it finishes nothing for 3 s: it does not know the command `stall`"
        ),
        "{why}"
    );
    assert!(
        recording.faults.is_empty(),
        "nothing is marked that was not: {:?}",
        recording.faults
    );
    assert!(recording.seconds < 6.0);
}
