//! What makes a run INVALID.

use lagproof::harness::plan::Side;
use lagproof::harness::protocol::EncodedHistogram;
use lagproof::harness::recording::{Recording, WorkerEnd};
use lagproof::harness::verdict::{Kpi, Verdict, judge};

use super::made::{Service, late};
use super::verdicts::{motion, of};

/// The verdict and its reason after a change to a run that passes.
fn after(change: impl Fn(&mut Recording)) -> (Verdict, String) {
    let trial = motion();
    let mut run = Service::quick().runs(&trial, Side::After, 1);
    change(&mut run);
    let judged = judge(&trial, Side::After, &[run]);
    (judged.verdict, of(&judged, Kpi::Lag).because.clone())
}

#[test]
fn load_that_was_late() {
    let (verdict, because) = after(|run| run.lateness = late(&[(100, 900), (40_000, 100)]));
    assert_eq!(verdict, Verdict::Invalid);
    assert_eq!(
        because,
        "one record in a hundred was sent 40 ms late or more, 25 are the most"
    );
    let (verdict, because) = after(|run| run.lateness = late(&[(100, 999), (300_000, 1)]));
    assert_eq!(verdict, Verdict::Invalid);
    assert_eq!(because, "a record was sent 300 ms late, 250 are the most");
    let (verdict, _) = after(|run| run.lateness = late(&[(100, 999), (240_000, 1)]));
    assert_eq!(verdict, Verdict::Pass);
    let (verdict, because) = after(|run| run.lateness = EncodedHistogram("no histogram".to_owned()));
    assert_eq!(verdict, Verdict::Invalid, "{because}");
}

#[test]
fn a_machine_that_was_too_busy() {
    let (verdict, because) = after(|run| run.cpu_wait = Some(0.4));
    assert_eq!(verdict, Verdict::Invalid);
    assert_eq!(
        because,
        "a thread was ready to run and waited for a core 40 % of the time, 25 % are the most"
    );
    assert_eq!(
        after(|run| run.cpu_wait = None).0,
        Verdict::Pass,
        "where it can't be told"
    );
}

#[test]
fn a_worker_that_never_joined() {
    let (verdict, because) = after(|run| {
        run.workers[0].end = WorkerEnd::NeverJoined;
        run.workers[0].log = "connecting\nBroker: Invalid session timeout\n\n".to_owned();
    });
    assert_eq!(verdict, Verdict::Invalid);
    assert_eq!(
        because,
        "worker 0 never joined its group: Broker: Invalid session timeout"
    );
}

#[test]
fn records_that_never_arrived_or_were_not_ours() {
    let (verdict, because) = after(|run| run.account.unsent = 1_000);
    assert_eq!(verdict, Verdict::Invalid);
    assert_eq!(because, "1,000 of 23,500 records never reached the broker");
    let (verdict, because) = after(|run| run.account.foreign = 1);
    assert_eq!(
        (verdict, because.as_str()),
        (Verdict::Invalid, "1 record of another run came")
    );
}

#[test]
fn what_is_not_judged_stays_so() {
    let trial = motion();
    let mut run = Service::quick().runs(&trial, Side::After, 1);
    run.cpu_wait = Some(1.0);
    let judged = judge(&trial, Side::After, &[run]);
    assert_eq!(of(&judged, Kpi::Errors).verdict, Verdict::NotJudged);
    assert_eq!(judged.causes, [], "an invalid run has no cause of the service's");
}
