use std::time::Duration;

use lagproof::model::cost::Cost;
use lagproof::proofs::capacity::{Drain, Over, prove};
use lagproof::proofs::fleet::{Assignor, Group, Keys, Peak, Topic};
use lagproof::proofs::work::{Concurrency, Handler, Work};
use lagproof::proofs::{Verdict, Words};

use super::facts::{accelerometer, close, members, motion, ms, print, steady};

#[test]
fn the_sketch() {
    let capacity = prove(&motion(), &[accelerometer()], &members(1), Words::Written);
    assert_eq!(
        print(&capacity.proof),
        "500/s expected, 2,500/s peak ÷ 7,576/s |  ρ = 0.07 expected, 0.33 peak |  | holds | ".replace("|  ρ", "| ρ")
    );
}

/// Measured: 60/s of 500/s were done, one record a poll.
#[test]
fn single_records_are_too_slow() {
    let work = Work {
        max_poll_records: Some(1),
        ..motion()
    };
    let capacity = prove(&work, &[steady(500.0)], &members(1), Words::Written);
    close(capacity.numbers.unwrap().capacity, 60.0, 0.05);
    assert_eq!(
        (capacity.proof.verdict, capacity.over),
        (Verdict::Broken, vec![Over::Expected])
    );
}

fn slow(peak: f64, every: Option<u64>) -> Topic {
    Topic {
        rate: Some(50.0),
        peak: Some(Peak {
            rate: peak,
            lasts: Some(Duration::from_secs(60)),
            every: every.map(Duration::from_secs),
        }),
        ..accelerometer()
    }
}

/// 10 ms a record, no overhead but the commit: just below 100/s.
fn ten() -> Work {
    Work {
        per_batch: Some(Duration::ZERO),
        per_record: Some(Cost::constant(ms(10.0))),
        ..motion()
    }
}

#[test]
fn a_peak_must_drain_before_the_next() {
    let judged = |peak, every| prove(&ten(), &[slow(peak, every)], &members(1), Words::Written);
    let busy = judged(90.0, Some(600));
    assert_eq!((busy.proof.verdict, busy.over), (Verdict::Warns, vec![Over::Busy]));
    let drained = judged(200.0, Some(600));
    assert_eq!(
        (drained.proof.verdict, drained.over),
        (Verdict::Warns, vec![Over::Peak])
    );
    let Some(Drain::Backlog { records, seconds, gap }) = drained.numbers.unwrap().drain else {
        panic!("a backlog")
    };
    close(records, 100.0 * 60.0, 0.01);
    close(seconds, 120.0, 0.02);
    close(gap, 540.0, 1e-9);
    let late = judged(200.0, Some(150));
    assert_eq!(
        (late.proof.verdict, late.over),
        (Verdict::Broken, vec![Over::NotDrained])
    );
    let unknown = judged(200.0, None);
    assert_eq!(
        unknown.proof.unknown,
        ["topics.\"device.sensor.accelerometer.raw\".peak.every"]
    );
    assert_ne!(unknown.proof.verdict, Verdict::Holds);
    assert_eq!(judged(70.0, None).proof.verdict, Verdict::Holds);
}

#[test]
fn the_busiest_member_counts() {
    let topics = ["a", "b"].map(|name| Topic {
        name: name.to_owned(),
        partitions: Some(4),
        ..steady(100.0)
    });
    let judged = |assignor| {
        let group = Group {
            replicas: Some(3),
            assignor,
        };
        prove(&motion(), &topics, &group, Words::Written)
            .numbers
            .unwrap()
            .even
            .expected
    };
    close(judged(Assignor::Range), 100.0, 1e-9);
    close(judged(Assignor::Even), 75.0, 1e-9);
    let idle = prove(&motion(), &topics, &members(10), Words::Written).numbers.unwrap();
    assert_eq!((idle.usable, idle.idle), (8, 2));
}

#[test]
fn the_hottest_partition_can_break_what_is_even() {
    let topic = |keys| Topic { keys, ..steady(300.0) };
    let judged = |keys| prove(&ten(), &[topic(keys)], &members(5), Words::Written);
    assert_eq!(judged(Keys::None).proof.verdict, Verdict::Holds);
    let skewed = judged(Keys::Zipf {
        cardinality: 1_000,
        exponent: 1.2,
    });
    assert_eq!((skewed.proof.verdict, skewed.proof.lines.len()), (Verdict::Broken, 2));
    let numbers = skewed.numbers.unwrap();
    assert!(numbers.even.rho_expected < 0.7 && numbers.hottest.unwrap().rho_expected > 1.0);
    let unknown = judged(Keys::Undeclared);
    assert_eq!(unknown.proof.verdict, Verdict::Unknown);
    assert_eq!(
        unknown.proof.unknown,
        ["topics.\"device.sensor.accelerometer.raw\".key.cardinality"]
    );
    // One member has it all, whatever the keys.
    assert_eq!(
        prove(
            &ten(),
            &[Topic {
                rate: Some(50.0),
                ..topic(Keys::Undeclared)
            }],
            &members(1),
            Words::Written
        )
        .proof
        .unknown,
        [""; 0]
    );
}

#[test]
fn concurrency_is_worth_what_the_handler_allows() {
    let capacity = |handler, cpu| {
        let work = Work {
            concurrency: Some(Concurrency::Bounded(8)),
            handler,
            cpu: ms(cpu),
            ..ten()
        };
        prove(&work, &[steady(10.0)], &members(1), Words::Written)
            .numbers
            .unwrap()
            .capacity
    };
    close(capacity(Handler::EventLoop, 0.0), 800.0, 0.02);
    close(capacity(Handler::EventLoop, 5.0), 200.0, 0.01);
    close(capacity(Handler::Inline, 10.0), 100.0, 0.01);
    close(capacity(Handler::Thread, 10.0), 800.0, 0.02);
}
