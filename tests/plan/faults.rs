//! Verdicts on runs in which something was made to go wrong.

use lagproof::harness::plan::{Side, Trial, Wish, parse_fault};
use lagproof::harness::recording::{FaultDone, Recording, WorkerEnd};
use lagproof::harness::verdict::{Kpi, Mechanism, SideJudgement, Verdict, judge};

use super::made::Service;
use super::trial;
use super::verdicts::{filter, of};

/// 1,000 records a second, a session of 30 s, one replica of 10 partitions.
fn killed() -> Trial {
    let wish = Wish {
        faults: vec![parse_fault("worker-killed").unwrap()],
        ..Wish::default()
    };
    trial(wish, "motion-event-filter")
}

/// From the fault on nothing is processed for so long; then what waited is, at 5,000/s.
fn still_for(trial: &Trial, seconds: f64) -> Recording {
    let mut run = Service::quick().runs(trial, Side::After, 1);
    let at_s = trial.faults[0].at_s;
    run.faults = ["worker 0 killed", "worker 0 started again"]
        .map(|what| FaultDone {
            at_s: at_s + 0.01,
            what: what.to_owned(),
        })
        .to_vec();
    for moment in &mut run.moments {
        let since = moment.at_s - at_s;
        let waits = if since < 0.0 {
            0.0
        } else if since < seconds {
            moment.unassigned = 10;
            since * 1_000.0
        } else {
            (seconds * 1_000.0 - (since - seconds) * 4_000.0).max(0.0)
        };
        moment.lag = moment.lag.map(|lag| lag + waits as u64);
        moment.processed = moment.processed.saturating_sub(waits as u64);
    }
    run.workers[0].end = WorkerEnd::KilledOnPurpose;
    run
}

fn judged(trial: &Trial, run: Recording) -> SideJudgement {
    judge(trial, Side::After, &[run])
}

#[test]
fn what_a_fault_does_to_lag_is_judged_by_the_way_back() {
    let trial = killed();
    let judged = judged(&trial, still_for(&trial, 29.0));
    assert_eq!(judged.verdict, Verdict::Pass, "{judged:#?}");
    assert_eq!(
        (of(&judged, Kpi::Lag).measured.as_str(), of(&judged, Kpi::Lag).verdict),
        ("17", Verdict::Pass)
    );
    assert_eq!(of(&judged, Kpi::Throughput).verdict, Verdict::Pass);
    let back = of(&judged, Kpi::FaultReturn);
    assert!((back.value.unwrap() - 36.2).abs() < 0.5, "{back:?}");
    assert_eq!(back.target, "before the end");
    let [told] = &judged.faults[..] else {
        panic!("{judged:?}")
    };
    assert!(
        told.starts_with("worker 0 killed at 22.5 s: 10 partitions were held by nobody for 28.8 s (session_timeout 30 s); lag reached 28,873"),
        "{told}"
    );
    assert!(told.contains(", below 100 again after 36."), "{told}");
    assert_eq!(judged.causes, []);
}

#[test]
fn one_that_nobody_felt() {
    let trial = killed();
    let judged = judged(&trial, still_for(&trial, 0.0));
    let back = of(&judged, Kpi::FaultReturn);
    assert_eq!((back.verdict, back.measured.as_str()), (Verdict::Pass, "at once"));
    assert_eq!(judged.faults, ["worker 0 killed at 22.5 s; lag stayed below 100"]);
}

#[test]
fn who_does_not_come_back_has_failed_by_that() {
    let trial = killed();
    let mut run = still_for(&trial, 1_000.0);
    let last = run.moments.len() - 40;
    let stuck = run.moments[last].lag;
    for moment in &mut run.moments[last..] {
        moment.lag = stuck;
    }
    let stuck = judged(&trial, run.clone());
    assert_eq!(of(&stuck, Kpi::FaultReturn).verdict, Verdict::Fail);
    let mechanisms: Vec<Mechanism> = stuck.causes.iter().map(|cause| cause.mechanism).collect();
    assert_eq!(
        mechanisms,
        [Mechanism::Interrupted],
        "it is not too slow: {:?}",
        stuck.causes
    );
    assert!(stuck.causes[0].what.starts_with("worker 0 killed at 22.5 s: "));
    run.cut_short = Some("stopped by Ctrl-C".to_owned());
    let cut = judged(&trial, run);
    assert_eq!(of(&cut, Kpi::FaultReturn).verdict, Verdict::Inconclusive);
}

#[test]
fn one_that_had_not_happened_yet() {
    let trial = killed();
    let mut run = Service::quick().runs(&trial, Side::After, 1);
    run.moments.retain(|moment| moment.at_s < 20.0);
    run.cut_short = Some("stopped by Ctrl-C".to_owned());
    let judged = judged(&trial, run);
    assert_eq!(of(&judged, Kpi::FaultReturn).verdict, Verdict::Inconclusive);
    assert_eq!(judged.verdict, Verdict::Inconclusive);
}

/// Whoever was stopped had no time to come back from a burst.
#[test]
fn a_run_that_was_cut_short_has_not_failed_to_come_back() {
    let mut trial = filter();
    let burst_s = trial.phases[2].to_s;
    let service = Service::of_capacity(2_000.0);
    let mut run = service.runs(&trial, Side::After, 1);
    run.moments.retain(|moment| moment.at_s < burst_s + 2.0);
    let back = |trial: &Trial, run: &Recording| {
        let judged = judge(trial, Side::After, std::slice::from_ref(run));
        (of(&judged, Kpi::BurstReturn).verdict, judged.verdict)
    };
    run.cut_short = Some("the broker is gone".to_owned());
    assert_eq!(back(&trial, &run), (Verdict::Inconclusive, Verdict::Inconclusive));
    trial.targets.return_s = None;
    assert_eq!(back(&trial, &run), (Verdict::Inconclusive, Verdict::Inconclusive));
    run.cut_short = None;
    assert_eq!(back(&trial, &run).0, Verdict::Fail);
}

#[test]
fn records_in_hand_when_it_was_cut_short_are_no_loss() {
    let trial = filter();
    let mut run = Service::quick().runs(&trial, Side::After, 1);
    (run.account.lost, run.account.sent) = (500, 10_000);
    let loss = |run: &Recording| of(&judge(&trial, Side::After, std::slice::from_ref(run)), Kpi::Loss).verdict;
    assert_eq!(loss(&run), Verdict::Fail);
    run.cut_short = Some("stopped by Ctrl-C".to_owned());
    assert_eq!(loss(&run), Verdict::Inconclusive);
    run.workers[0].end = WorkerEnd::OutOfMemory;
    assert_eq!(loss(&run), Verdict::Fail, "these were lost by what it did");
}

#[test]
fn a_worker_that_hangs_in_the_middle_of_its_work_has_failed() {
    let trial = filter();
    let mut run = Service::quick().runs(&trial, Side::After, 1);
    run.workers[0].end = WorkerEnd::Hung;
    let verdict = |run: &Recording| of(&judge(&trial, Side::After, std::slice::from_ref(run)), Kpi::Throughput).clone();
    assert_eq!(
        verdict(&run).verdict,
        Verdict::Pass,
        "on its way out, with nothing in hand"
    );
    run.moments.last_mut().unwrap().in_hand = 12;
    let hung = verdict(&run);
    assert_eq!(hung.verdict, Verdict::Fail);
    assert_eq!(
        hung.because,
        "worker 0 ended by itself: it hung with 12 records in hand"
    );
    run.cut_short = Some("stopped by Ctrl-C".to_owned());
    assert_ne!(verdict(&run).verdict, Verdict::Fail);
}
