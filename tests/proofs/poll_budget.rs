use std::time::Duration;

use lagproof::model::cost::Cost;
use lagproof::proofs::poll_budget::{Over, prove, sum_quantile};
use lagproof::proofs::work::{Concurrency, Handler, Work};
use lagproof::proofs::{Verdict, Words};

use super::facts::{Dice, close, motion, ms, print};

fn minutes(value: u64) -> Option<Duration> {
    Some(Duration::from_secs(60 * value))
}

fn vision(max: Option<Duration>) -> Work {
    Work {
        per_batch: Some(ms(20.0)),
        per_record: Some(Cost::fitted(ms(2_000.0), ms(9_000.0), max).unwrap()),
        max_poll_records: Some(1),
        ..motion()
    }
}

#[test]
fn the_sketch() {
    let budget = prove(&motion(), minutes(1), Words::Written);
    assert_eq!(
        print(&budget.proof),
        "15 ms + 500 × 0.1 ms | = 65 ms | of 60 s | holds | 0.1 %"
    );
    close(budget.mean.unwrap(), 0.065, 1e-9);
    assert_eq!(budget.over, []);
}

#[test]
fn a_record_that_may_take_too_long_breaks_it() {
    let budget = prove(&vision(minutes(12)), minutes(10), Words::Written);
    assert_eq!(budget.over, [Over::RecordMax]);
    assert_eq!(budget.proof.verdict, Verdict::Broken);
    assert_eq!(budget.record_max, Some(720.0));
    assert_eq!(prove(&vision(minutes(10)), minutes(10), Words::Written).over, []);
}

#[test]
fn a_cost_without_maximum_is_unknown() {
    let budget = prove(&vision(None), minutes(10), Words::Written);
    assert_eq!(budget.proof.verdict, Verdict::Unknown);
    assert_eq!(budget.proof.unknown, ["processing.per_record.max"]);
}

#[test]
fn what_breaks_is_said_even_if_the_rest_is_unknown() {
    let work = Work {
        max_poll_records: None,
        ..vision(minutes(12))
    };
    let budget = prove(&work, minutes(10), Words::Written);
    assert_eq!(
        (budget.proof.verdict, budget.over),
        (Verdict::Broken, vec![Over::RecordMax])
    );
    assert_eq!(budget.proof.unknown, ["consumer.max_poll_records"]);
}

#[test]
fn mean_and_tail_are_told_apart() {
    let work = |n| Work {
        max_poll_records: Some(n),
        ..vision(minutes(1))
    };
    let tail = prove(&work(20), minutes(1), Words::Written);
    assert_eq!((tail.over, tail.proof.verdict), (vec![Over::P99], Verdict::Warns));
    let mean = prove(&work(30), minutes(1), Words::Written);
    assert_eq!(
        (mean.over, mean.proof.verdict),
        (vec![Over::Mean, Over::P99], Verdict::Broken)
    );
}

#[test]
fn a_limit_that_is_just_met_holds() {
    let work = Work {
        per_batch: Some(Duration::ZERO),
        per_record: Some(Cost::constant(ms(0.1))),
        max_poll_records: Some(600_000),
        ..motion()
    };
    assert_eq!(prove(&work, minutes(1), Words::Written).over, []);
}

#[test]
fn concurrency_divides_unless_one_thread_burns() {
    let work = |handler, cpu| Work {
        per_record: Some(Cost::constant(ms(100.0))),
        max_poll_records: Some(10),
        concurrency: Some(Concurrency::Bounded(4)),
        handler,
        cpu: ms(cpu),
        ..motion()
    };
    let mean = |work: &Work| prove(work, minutes(1), Words::Written).mean.unwrap();
    close(mean(&work(Handler::EventLoop, 0.0)), 0.315, 1e-9);
    close(mean(&work(Handler::EventLoop, 50.0)), 0.515, 1e-9);
    close(mean(&work(Handler::Inline, 100.0)), 1.015, 1e-9);
    close(mean(&work(Handler::Thread, 100.0)), 0.315, 1e-9);
    let printed = print(&prove(&work(Handler::EventLoop, 0.0), minutes(1), Words::Written).proof);
    assert!(printed.starts_with("15 ms + ⌈10 ÷ 4⌉ × 100 ms | = 315 ms"), "{printed}");
}

/// The 99th percentile of 20,000 simulated batches has a standard error of about 1–2 %; 10 % is what is promised.
#[test]
fn the_sum_agrees_with_simulation() {
    for (p99, max) in [(1.5, None), (4.5, Some(200.0)), (16.3, Some(100.0)), (16.3, None)] {
        let time = Duration::from_secs_f64;
        let cost = Cost::fitted(time(1.0), time(p99), max.map(time)).unwrap();
        for (steps, lanes) in [(1_u32, 1_u32), (2, 1), (10, 1), (100, 1), (500, 1), (5, 4), (1, 8)] {
            let mut dice = Dice(3);
            let rounds = if steps * lanes > 50 { 4_000 } else { 20_000 };
            let mut seen: Vec<f64> = (0..rounds)
                .map(|_| {
                    let lane = |dice: &mut Dice| (0..steps).map(|_| cost.quantile(dice.unit())).sum::<f64>();
                    (0..lanes).map(|_| lane(&mut dice)).fold(0.0, f64::max)
                })
                .collect();
            seen.sort_by(f64::total_cmp);
            let reckoned = sum_quantile(&cost, f64::from(steps), f64::from(lanes), 0.99);
            let measured = seen[rounds * 99 / 100];
            assert!(
                (reckoned / measured - 1.0).abs() < 0.10,
                "p99 {p99}, max {max:?}, {steps} steps, {lanes} lanes: {reckoned} for {measured}"
            );
        }
    }
}
