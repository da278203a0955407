//! Why sides fail, in sentences with numbers.

use lagproof::harness::plan::{Comparison, Side, Trial, Wish};
use lagproof::harness::recording::{ErrorCount, FaultDone, Rebalance, RebalanceCause, WorkerEnd};
use lagproof::harness::verdict::{Kpi, Mechanism, SideJudgement, Verdict, judge};

use super::made::Service;
use super::trial;
use super::verdicts::{filter, motion, of};

fn case(name: &str) -> Trial {
    let wish = Wish {
        comparison: Comparison::BeforeAfter,
        ..Wish::default()
    };
    trial(wish, name)
}

fn told(judged: &SideJudgement) -> Vec<(Mechanism, &str)> {
    judged
        .causes
        .iter()
        .map(|cause| (cause.mechanism, cause.what.as_str()))
        .collect()
}

#[test]
fn too_slow() {
    let trial = motion();
    let run = Service::of_capacity(60.0).runs(&trial, Side::Before, 1);
    let judged = judge(&trial, Side::Before, &[run]);
    assert_eq!(judged.verdict, Verdict::Fail);
    assert_eq!(
        told(&judged),
        [(
            Mechanism::TooSlow,
            "60 records/s of capacity against 500/s: 16.7 ms a record, one record a poll"
        )]
    );
    assert_eq!(of(&judged, Kpi::Throughput).measured, "12 %");
}

#[test]
fn out_of_memory_and_committed_too_early() {
    let trial = case("vision-before-limits");
    let mut run = Service::of_capacity(33.0).runs(&trial, Side::Before, 1);
    run.workers[0].end = WorkerEnd::OutOfMemory;
    run.workers[0].at_s = 12.5;
    for moment in &mut run.moments {
        moment.lag = Some(1);
        moment.in_hand = 251;
    }
    run.account.lost = 251;
    run.account.lost_to_retention = 0;
    run.account.sent = 620;
    let judged = judge(&trial, Side::Before, &[run]);
    assert_eq!(judged.verdict, Verdict::Fail);
    assert_eq!(of(&judged, Kpi::Memory).measured, "killed at 256 MiB");
    assert_eq!(
        told(&judged),
        [
            (
                Mechanism::OutOfMemory,
                "the system killed it at 256 MiB after 12.5 s with 251 records in hand, taken as they came"
            ),
            (
                Mechanism::CommittedTooEarly,
                "251 records were committed and not done yet when their worker died: 40 % of all"
            ),
        ]
    );
}

#[test]
fn retention_overtook() {
    let trial = case("audio-before-large-fetches");
    let service = Service {
        retained: 4_000.0,
        ..Service::of_capacity(350.0)
    };
    let run = service.runs(&trial, Side::Before, 1);
    let judged = judge(&trial, Side::Before, &[run]);
    assert_eq!(judged.verdict, Verdict::Fail);
    assert_eq!(
        of(&judged, Kpi::Lag).verdict,
        Verdict::NotJudged,
        "the case has no steady stretch"
    );
    let told = told(&judged);
    assert_eq!(told[0].0, Mechanism::RetentionOvertook);
    assert!(
        told[0]
            .1
            .starts_with("the broker, which keeps 32 MiB a partition, deleted 4,981 records"),
        "{}",
        told[0].1
    );
    assert!(
        told[0].1.ends_with("350 records/s of capacity against 800/s"),
        "{}",
        told[0].1
    );
}

#[test]
fn the_poll_came_too_late_again_and_again() {
    let trial = filter();
    let mut run = Service::quick().runs(&trial, Side::After, 1);
    run.longest_poll_gap_s = 63.0;
    run.errors.push(ErrorCount {
        who: "worker 0".to_owned(),
        code: "_MAX_POLL_EXCEEDED".to_owned(),
        message: "Application maximum poll interval (60000ms) exceeded by 3000ms".to_owned(),
        times: 3,
    });
    for at_s in [10.0, 20.0, 30.0] {
        run.rebalances.push(Rebalance {
            at_s,
            cause: RebalanceCause::PollInterval,
            what: "worker 0 left".to_owned(),
        });
    }
    let judged = judge(&trial, Side::After, &[run]);
    assert_eq!(
        told(&judged),
        [
            (
                Mechanism::PollOverrun,
                "63 s between two polls against 60 s, 3 times left the group for it"
            ),
            (Mechanism::RebalanceStorm, "3 rebalances in 55 s"),
        ]
    );
    assert_eq!(of(&judged, Kpi::PollInterval).verdict, Verdict::Fail);
    assert!(judged.disagreements[0].contains("a full batch takes 0.1 % of the poll interval"));
}

#[test]
fn a_target_below_what_settings_can_reach() {
    let trial = motion();
    let service = Service {
        in_hand: 165.0,
        noise: 20.0,
        ..Service::quick()
    };
    let judged = judge(&trial, Side::After, &[service.runs(&trial, Side::After, 1)]);
    let told = told(&judged);
    assert_eq!(told.len(), 1);
    assert_eq!(told[0].0, Mechanism::LagFloor);
    assert!(told[0].1.starts_with("lag settles around 16"), "{}", told[0].1);
    assert!(
        judged.disagreements[0].starts_with("the proofs say that lag stays around 17, its p95 is 18"),
        "{:?}",
        judged.disagreements
    );
}

#[test]
fn memory_past_the_bound_on_paper_is_pointed_out_beside_what_the_process_takes() {
    let trial = motion();
    let side = trial.sides.iter().find(|side| side.side == Side::After).unwrap();
    let bound = (side.predicted.memory.unwrap() as u64) - side.memory.resident;
    let found = |held: u64| {
        let mut run = Service::quick().runs(&trial, Side::After, 1);
        run.moments[40].memory = vec![run.moments[0].memory[0] + held];
        judge(&trial, Side::After, &[run]).disagreements
    };
    assert_eq!(found(bound / 5 * 6), Vec::<String>::new(), "an allocator keeps some");
    let told = found(bound / 10 * 13);
    assert!(
        told.len() == 1 && told[0].contains("are held beside what is resident"),
        "{told:?}"
    );
}

#[test]
fn a_worker_that_ends_by_itself() {
    let trial = motion();
    let mut run = Service::quick().runs(&trial, Side::After, 1);
    run.workers[0].end = WorkerEnd::Failed {
        status: 3,
        message: "no such module".to_owned(),
    };
    let judged = judge(&trial, Side::After, &[run]);
    assert_eq!(
        told(&judged),
        [(Mechanism::Crashed, "worker 0 ended by itself: no such module")]
    );
}

#[test]
fn what_passes_has_no_cause() {
    let trial = filter();
    let judged = judge(&trial, Side::After, &[Service::quick().runs(&trial, Side::After, 1)]);
    assert_eq!(told(&judged), []);
}

#[test]
fn what_stood_still_for_a_while_is_no_lag_floor() {
    let trial = motion();
    let mut run = Service::quick().runs(&trial, Side::After, 1);
    let mut still = |fault: bool| {
        for moment in &mut run.moments {
            if (20.0..26.0).contains(&moment.at_s) {
                moment.lag = Some(900);
            }
        }
        if fault {
            run.faults.push(FaultDone {
                at_s: 19.0,
                what: "worker 0 killed".to_owned(),
            });
        }
        let judged = judge(&trial, Side::After, &[run.clone()]);
        assert_eq!(judged.causes.len(), 1, "{judged:?}");
        assert_eq!(judged.causes[0].mechanism, Mechanism::Interrupted);
        judged.causes[0].what.clone()
    };
    let by_itself = still(false);
    assert!(by_itself.starts_with("lag is around 1"), "{by_itself}");
    assert!(by_itself.ends_with(", at most 900"), "{by_itself}");
    let asked = still(true);
    assert!(
        asked.ends_with("at most 900, after what was asked for: worker 0 killed at 19 s"),
        "{asked}"
    );
}
