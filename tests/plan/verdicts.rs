//! Verdicts on made-up runs.

use lagproof::harness::plan::{Comparison, FaultKind, FaultWish, LoadWish, Order, PhaseKind, Side, Trial, Wish};
use lagproof::harness::protocol::ConcurrencySpec;
use lagproof::harness::recording::{MemoryHeldBy, Rebalance, RebalanceCause, Recording};
use lagproof::harness::verdict::{Judgement, Kpi, SideJudgement, Verdict, exit_status, judge};

use super::made::{Service, end_of};
use super::trial;

pub fn motion() -> Trial {
    let wish = Wish {
        comparison: Comparison::BeforeAfter,
        ..Wish::default()
    };
    trial(wish, "motion-before-batching")
}

/// A service with a burst: 1,000/s, and 5,000/s for 12 s.
pub fn filter() -> Trial {
    trial(Wish::default(), "motion-event-filter")
}

pub fn of(judged: &SideJudgement, kpi: Kpi) -> &Judgement {
    judged
        .judgements
        .iter()
        .find(|one| one.kpi == kpi)
        .expect("every target")
}

pub fn verdicts(judged: &SideJudgement) -> Vec<(Kpi, Verdict)> {
    judged.judgements.iter().map(|one| (one.kpi, one.verdict)).collect()
}

fn judged(trial: &Trial, run: Recording) -> SideJudgement {
    judge(trial, Side::After, &[run])
}

#[test]
fn a_service_that_keeps_up_passes() {
    let trial = motion();
    let runs = [1, 2].map(|seed| Service::quick().runs(&trial, Side::After, seed));
    let judged = judge(&trial, Side::After, &runs);
    assert_eq!(judged.verdict, Verdict::Pass);
    assert_eq!(
        verdicts(&judged),
        [
            (Kpi::Lag, Verdict::Pass),
            (Kpi::BurstReturn, Verdict::NotJudged),
            (Kpi::Throughput, Verdict::Pass),
            (Kpi::Memory, Verdict::Pass),
            (Kpi::Loss, Verdict::Pass),
            (Kpi::Order, Verdict::NotJudged),
            (Kpi::Errors, Verdict::NotJudged),
            (Kpi::Rebalances, Verdict::Pass),
            (Kpi::PollInterval, Verdict::Pass),
        ]
    );
    let one = judge(&trial, Side::After, &runs[..1]);
    assert_eq!(
        of(&one, Kpi::Rebalances).because,
        "none in this time is ≤ 270/h at 95 %; < 1/h takes --soak 3h"
    );
    let lag = of(&one, Kpi::Lag);
    assert_eq!((lag.measured.as_str(), lag.target.as_str()), ("16", "< 100"));
    assert_eq!(judged.causes, []);
    assert_eq!(judged.disagreements, Vec::<String>::new());
}

#[test]
fn of_two_runs_the_worse_counts() {
    let trial = motion();
    let good = Service::quick().runs(&trial, Side::After, 1);
    let slow = Service::of_capacity(450.0).runs(&trial, Side::After, 2);
    let mut late = good.clone();
    late.cpu_wait = Some(0.4);
    let verdict = |runs: &[Recording]| judge(&trial, Side::After, runs).verdict;
    assert_eq!(verdict(&[good.clone(), slow.clone()]), Verdict::Fail);
    assert_eq!(verdict(&[good.clone(), late.clone()]), Verdict::Invalid);
    assert_eq!(
        verdict(&[late.clone(), slow]),
        Verdict::Fail,
        "what was shown to fail has failed"
    );
    assert_eq!(verdict(&[late]), Verdict::Invalid);
    assert_eq!(verdict(&[]), Verdict::Inconclusive, "what never ran is no pass");
    let other_side = Service::quick().runs(&trial, Side::Before, 1);
    assert_eq!(verdict(&[other_side]), Verdict::Inconclusive);
}

#[test]
fn lag_that_rises_fails_before_it_has_passed_the_target() {
    let trial = motion();
    // One record a second is left over: 40 at the end, and 100 after two minutes.
    let mut run = Service {
        in_hand: 8.0,
        noise: 3.0,
        ..Service::quick()
    }
    .runs(&trial, Side::After, 1);
    for moment in &mut run.moments {
        moment.lag = moment.lag.map(|lag| lag + moment.at_s as u64);
    }
    let judged = judged(&trial, run);
    let lag = of(&judged, Kpi::Lag);
    assert_eq!(lag.verdict, Verdict::Fail);
    assert!(lag.because.starts_with("it rises by at least 0.9"), "{}", lag.because);
}

#[test]
fn lag_that_rises_too_slowly_to_matter_is_not_rising() {
    let trial = motion();
    let mut run = Service {
        in_hand: 8.0,
        noise: 0.0,
        ..Service::quick()
    }
    .runs(&trial, Side::After, 1);
    for moment in &mut run.moments {
        // Past the target in hours only.
        moment.lag = Some(if moment.at_s > 25.0 { 9 } else { 8 });
    }
    assert_eq!(of(&judged(&trial, run), Kpi::Lag).verdict, Verdict::Pass);
}

#[test]
fn too_little_is_inconclusive() {
    let short = trial(
        Wish {
            steady_s: Some(20.0),
            load: LoadWish::Declared,
            ..Wish::default()
        },
        "motion-before-batching",
    );
    let verdict = judged(&short, Service::quick().runs(&short, Side::After, 1));
    assert_eq!(verdict.verdict, Verdict::Inconclusive);
    assert!(
        of(&verdict, Kpi::Lag)
            .because
            .ends_with("samples of lag after the warm-up, a verdict takes 120")
    );

    let rare = trial(
        Wish {
            speed: lagproof::harness::plan::SpeedWish::Exactly(1.0),
            steady_s: Some(40.0),
            ..Wish::default()
        },
        "minicpm-vision",
    );
    let service = Service {
        in_hand: 0.0,
        noise: 0.0,
        ..Service::quick()
    };
    let verdict = judged(&rare, service.runs(&rare, Side::After, 1));
    assert_eq!(
        of(&verdict, Kpi::Lag).because,
        "16 records came after the warm-up, a verdict takes 30"
    );

    let motion = motion();
    let mut cut = Service::quick().runs(&motion, Side::After, 1);
    cut.cut_short = Some("Ctrl-C".to_owned());
    let verdict = judged(&motion, cut);
    assert_eq!(verdict.verdict, Verdict::Inconclusive);
    assert!(
        of(&verdict, Kpi::Lag)
            .because
            .starts_with("cut short (Ctrl-C); until then: its p95")
    );
}

#[test]
fn what_failed_before_it_was_cut_short_has_failed() {
    let trial = motion();
    let mut cut = Service::of_capacity(60.0).runs(&trial, Side::After, 1);
    cut.cut_short = Some("Ctrl-C".to_owned());
    assert_eq!(judged(&trial, cut).verdict, Verdict::Fail);
}

#[test]
fn bursts_return_or_do_not() {
    let trial = filter();
    let back = |service: &Service| {
        let judged = judged(&trial, service.runs(&trial, Side::After, 1));
        of(&judged, Kpi::BurstReturn).clone()
    };
    let quick = back(&Service::quick());
    assert_eq!((quick.verdict, quick.measured.as_str()), (Verdict::Pass, "at once"));
    // 12 s × 500/s left behind, worked off at 3,500/s.
    let behind = back(&Service::of_capacity(4_500.0));
    assert_eq!(behind.verdict, Verdict::Pass);
    assert!((behind.value.unwrap() - 1.7).abs() < 0.4, "{behind:?}");
    // 12 s × 3,000/s, worked off at 1,000/s: 36 s, of which 8 s of load and 10 s more are looked at.
    let slow = Service {
        patience_s: 10.0,
        ..Service::of_capacity(2_000.0)
    };
    let unseen = back(&slow);
    assert_eq!(unseen.verdict, Verdict::Inconclusive, "{unseen:?}");
    let mut strict = trial.clone();
    strict.targets.return_s = Some(1.0);
    let late = judge(
        &strict,
        Side::After,
        &[Service::of_capacity(4_500.0).runs(&strict, Side::After, 1)],
    );
    assert_eq!(of(&late, Kpi::BurstReturn).verdict, Verdict::Fail);
    let never = judge(&strict, Side::After, &[slow.runs(&strict, Side::After, 1)]);
    assert_eq!(of(&never, Kpi::BurstReturn).verdict, Verdict::Fail);
    // Where it was late before, the burst says nothing more.
    let hopeless = judge(
        &trial,
        Side::After,
        &[Service::of_capacity(500.0).runs(&trial, Side::After, 1)],
    );
    assert_eq!(of(&hopeless, Kpi::BurstReturn).verdict, Verdict::NotJudged);
    assert_eq!(of(&hopeless, Kpi::Lag).verdict, Verdict::Fail);
}

#[test]
fn another_client_is_judged_but_for_memory_and_rebalances() {
    let trial = trial(Wish::default(), "silero-vad");
    let mut run = Service::quick().runs(&trial, Side::After, 1);
    run.rebalances.push(Rebalance {
        at_s: 20.0,
        cause: RebalanceCause::Session,
        what: "worker 1 was taken for dead".to_owned(),
    });
    let judged = judge(&trial, Side::After, &[run]);
    assert_eq!(judged.verdict, Verdict::Pass);
    for kpi in [Kpi::Memory, Kpi::Rebalances] {
        let one = of(&judged, kpi);
        assert_eq!(one.verdict, Verdict::NotJudged);
        assert_eq!(
            one.because, "librdkafka ran, and the declared client does this in its own way",
            "alike for all services and both targets: it is then said once"
        );
    }
}

#[test]
fn memory_is_judged_where_it_is_enforced() {
    let trial = motion();
    let mut run = Service::quick().runs(&trial, Side::After, 1);
    run.memory_held_by = MemoryHeldBy::Sampled {
        because: "no control group can be made".to_owned(),
    };
    let memory = of(&judged(&trial, run.clone()), Kpi::Memory).clone();
    assert_eq!(
        (memory.verdict, memory.measured.as_str()),
        (Verdict::NotJudged, "41 MiB")
    );
    assert_eq!(
        memory.because,
        "nothing enforced the limit: no control group can be made"
    );
    run.workers[0].peak_bytes = Some(300 << 20);
    let memory = of(&judged(&trial, run), Kpi::Memory).clone();
    assert!(
        memory.because.ends_with("what was sampled is past it"),
        "{}",
        memory.because
    );
    let mut unlimited = trial;
    unlimited.sides[1].memory.limit = None;
    let run = Service::quick().runs(&unlimited, Side::After, 1);
    assert_eq!(of(&judged(&unlimited, run), Kpi::Memory).verdict, Verdict::NotJudged);
}

#[test]
fn losses_below_the_target_pass_with_their_number() {
    let trial = motion();
    let mut run = Service::quick().runs(&trial, Side::After, 1);
    run.account.lost = 100;
    let loss = of(&judged(&trial, run.clone()), Kpi::Loss).clone();
    assert_eq!((loss.verdict, loss.measured.as_str()), (Verdict::Pass, "100 (0.4 %)"));
    run.account.lost = 225;
    assert_eq!(of(&judged(&trial, run), Kpi::Loss).verdict, Verdict::Fail);
}

#[test]
fn order_counts_where_it_was_promised() {
    let mut trial = motion();
    let mut run = Service::quick().runs(&trial, Side::After, 1);
    run.account.reordered = 3;
    assert_eq!(of(&judged(&trial, run.clone()), Kpi::Order).verdict, Verdict::NotJudged);
    trial.topics[0].order = Order::Kept;
    let order = of(&judged(&trial, run.clone()), Kpi::Order).clone();
    assert_eq!(order.verdict, Verdict::Fail);
    assert_eq!(order.because, "3 records were processed after a later one of their key");
    run.account.reordered = 0;
    assert_eq!(of(&judged(&trial, run.clone()), Kpi::Order).verdict, Verdict::Pass);
    // Who goes on with what it has after it gave a partition back may be overtaken, and each worker sees its own records only.
    trial.sides[1].work.concurrency = ConcurrencySpec::Unbounded;
    assert_eq!(of(&judged(&trial, run.clone()), Kpi::Order).verdict, Verdict::Pass);
    run.rebalances.push(Rebalance {
        at_s: 20.0,
        cause: RebalanceCause::Fault,
        what: "worker 1 started".to_owned(),
    });
    assert_eq!(of(&judged(&trial, run), Kpi::Order).verdict, Verdict::NotJudged);
    let gps = super::trial(Wish::default(), "gps-geocoding-consumer");
    assert!(
        gps.topics.iter().all(|topic| topic.order == Order::Kept),
        "a route is a sequence"
    );
}

#[test]
fn errors_are_judged_where_a_fault_makes_them() {
    let faults = vec![FaultWish {
        kind: FaultKind::PoisonRecord,
        at_s: None,
    }];
    let trial = super::trial(
        Wish {
            faults,
            ..Wish::default()
        },
        "motion-event-filter",
    );
    let mut run = Service::quick().runs(&trial, Side::After, 1);
    run.account.failed = 1;
    assert_eq!(of(&judged(&trial, run.clone()), Kpi::Errors).verdict, Verdict::Pass);
    run.account.failed = run.account.processed / 50;
    assert_eq!(of(&judged(&trial, run), Kpi::Errors).verdict, Verdict::Fail);
}

#[test]
fn the_warm_up_and_asked_for_faults_may_rebalance() {
    let trial = filter();
    let mut run = Service::quick().runs(&trial, Side::After, 1);
    let rebalance = |at_s, cause| Rebalance {
        at_s,
        cause,
        what: "it went".to_owned(),
    };
    run.rebalances = vec![
        rebalance(-1.0, RebalanceCause::Start),
        rebalance(2.0, RebalanceCause::Unknown),
        rebalance(30.0, RebalanceCause::Fault),
    ];
    assert_eq!(of(&judged(&trial, run.clone()), Kpi::Rebalances).verdict, Verdict::Pass);
    run.rebalances.push(rebalance(
        end_of(&trial, PhaseKind::WarmUp) + 1.0,
        RebalanceCause::Unknown,
    ));
    let judgement = of(&judged(&trial, run), Kpi::Rebalances).clone();
    assert_eq!(judgement.verdict, Verdict::Fail);
    assert_eq!(
        judgement.because,
        "1 rebalance that nobody provoked, the first at 6 s: it went"
    );
}

#[test]
fn the_worst_decides_the_exit_status() {
    use Verdict::{Fail, Inconclusive, Invalid, NotJudged, Pass};
    for (verdicts, status) in [
        (vec![Pass, Pass], 0),
        (vec![Pass, NotJudged], 0),
        (vec![Inconclusive, Pass], 4),
        (vec![Inconclusive, Invalid, Pass], 5),
        (vec![Inconclusive, Invalid, Fail], 1),
        (vec![NotJudged], 4),
        (vec![], 4),
    ] {
        assert_eq!(exit_status(verdicts.clone()), status, "{verdicts:?}");
    }
}

#[test]
fn what_a_group_does_without_its_broker_is_not_held_against_it() {
    let trial = motion();
    let mut run = Service::quick().runs(&trial, Side::After, 1);
    for moment in &mut run.moments {
        if moment.at_s > 20.0 {
            moment.lag = None;
        }
    }
    run.rebalances.push(Rebalance {
        at_s: 26.0,
        cause: RebalanceCause::Session,
        what: "worker 0 lost its partitions: its heartbeats did not come in time".to_owned(),
    });
    let rebalances = |run: &Recording| of(&judged(&trial, run.clone()), Kpi::Rebalances).verdict;
    assert_eq!(rebalances(&run), Verdict::Fail, "of a run that went on");
    run.cut_short = Some("the broker ended".to_owned());
    assert_eq!(rebalances(&run), Verdict::Inconclusive);
    run.rebalances[0].at_s = 15.0;
    run.rebalances.last_mut().unwrap().at_s = 15.0;
    assert_eq!(rebalances(&run), Verdict::Fail, "what came before it ended counts");
}
