use std::time::Duration;

use lagproof::proofs::fleet::{Peak, Topic};
use lagproof::proofs::lag_floor::{Fetch, Floor, Over, Return, prove};
use lagproof::proofs::work::{Commit, Concurrency, Work};
use lagproof::proofs::{Verdict, Words};

use super::facts::{accelerometer, at_once, close, members, motion, ms, print, steady};

fn records(floor: Floor) -> f64 {
    match floor {
        Floor::Steady { records } => records,
        Floor::Grows { .. } => panic!("{floor:?}"),
    }
}

/// Measured on a real broker, one member: rate, per_batch in ms, the largest lag seen.
#[test]
fn agrees_with_what_was_measured() {
    for (rate, per_batch, measured) in [
        (500.0, 15.0, 17.5),
        (1_000.0, 15.0, 34.0),
        (2_000.0, 15.0, 84.0),
        (5_000.0, 15.0, 344.0),
        (500.0, 100.0, 96.0),
    ] {
        let work = Work {
            per_batch: Some(ms(per_batch)),
            ..motion()
        };
        let floor = prove(
            &work,
            &[steady(rate)],
            &members(1),
            &at_once(),
            Some(100_000),
            Words::Written,
        )
        .numbers
        .unwrap();
        close(records(floor.expected), measured, 0.12);
    }
}

#[test]
fn the_sketch() {
    let floor = prove(
        &motion(),
        &[steady(500.0)],
        &members(1),
        &at_once(),
        Some(100),
        Words::Written,
    );
    assert_eq!(
        print(&floor.proof),
        "2 × 500/s × 16.8 ms | = 17 records | of 100 | holds | 17 %"
    );
    close(floor.numbers.unwrap().batch, 0.017, 0.02);
}

#[test]
fn waiting_for_bytes_comes_on_top() {
    let fetch = |min| Fetch {
        min: Some(min),
        max_wait: Some(ms(500.0)),
    };
    let topic = |mean| {
        let mut topic = steady(500.0);
        topic.record.mean = Some(mean);
        [topic]
    };
    // Measured 218.
    let waits = prove(
        &motion(),
        &topic(200),
        &members(1),
        &fetch(100_000),
        Some(100),
        Words::Written,
    );
    close(records(waits.numbers.unwrap().expected), 218.0, 0.25);
    assert_eq!(
        (waits.proof.verdict, waits.over),
        (Verdict::Broken, vec![Over::Expected])
    );
    // Met after 100 ms.
    let met = prove(
        &motion(),
        &topic(200),
        &members(1),
        &fetch(10_000),
        Some(100),
        Words::Written,
    )
    .numbers
    .unwrap();
    close(met.wait, 0.1, 1e-9);
}

#[test]
fn without_a_steady_state_lag_grows() {
    let work = Work {
        max_poll_records: Some(1),
        ..motion()
    };
    let floor = prove(
        &work,
        &[steady(500.0)],
        &members(1),
        &at_once(),
        Some(100),
        Words::Written,
    );
    assert_eq!(floor.over, [Over::Expected]);
    // Measured: 8,789 behind after 20 s.
    let Floor::Grows { per_second, .. } = floor.numbers.unwrap().expected else {
        panic!("no steady state")
    };
    close(per_second, 8_789.0 / 20.0, 0.02);
}

#[test]
fn a_commit_a_record_costs_a_record() {
    let floor = |commit| {
        let work = Work { commit, ..motion() };
        records(
            prove(
                &work,
                &[steady(500.0)],
                &members(1),
                &at_once(),
                Some(100),
                Words::Written,
            )
            .numbers
            .unwrap()
            .expected,
        )
    };
    close(
        floor(Commit::AfterRecord),
        2.0 * 500.0 * 0.015 / (1.0 - 500.0 * 0.0011),
        1e-9,
    );
    assert!(floor(Commit::AfterRecord) > floor(Commit::AfterBatch));
    assert!(floor(Commit::Interval) < floor(Commit::AfterBatch));
}

#[test]
fn members_add_up() {
    let one = |replicas| {
        let floor = prove(
            &motion(),
            &[steady(500.0)],
            &members(replicas),
            &at_once(),
            Some(100),
            Words::Written,
        );
        (records(floor.numbers.unwrap().expected), print(&floor.proof))
    };
    let (lag, text) = one(10);
    close(lag, 10.0 * 2.0 * 50.0 * 0.016 / (1.0 - 50.0 * 0.0001), 1e-9);
    assert!(
        text.starts_with("10 members × (2 × 50/s × 16.1 ms) | = 16 records"),
        "{text}"
    );
    let (_, text) = one(4);
    assert!(
        text.starts_with("sum of 4 members, at most 2 × 150/s × 16.2 ms each"),
        "{text}"
    );
}

#[test]
fn slow_records_are_in_hand() {
    let work = Work {
        per_record: Some(lagproof::model::cost::Cost::constant(ms(2_000.0))),
        max_poll_records: Some(1),
        concurrency: Some(Concurrency::Bounded(1)),
        ..motion()
    };
    let floor = prove(
        &work,
        &[steady(0.1)],
        &members(1),
        &at_once(),
        Some(100),
        Words::Written,
    );
    assert_eq!(
        print(&floor.proof),
        "one record in hand | = 1 record | of 100 | holds | 1.0 %"
    );
}

fn peaking(rate: f64, lasts: Option<u64>) -> Topic {
    Topic {
        peak: Some(Peak {
            rate,
            lasts: lasts.map(Duration::from_secs),
            every: Some(Duration::from_secs(600)),
        }),
        ..accelerometer()
    }
}

#[test]
fn after_a_peak_lag_comes_back() {
    let judged = |rate, lasts| {
        prove(
            &motion(),
            &[peaking(rate, lasts)],
            &members(1),
            &at_once(),
            Some(100),
            Words::Written,
        )
    };
    assert_eq!(judged(1_000.0, None).numbers.unwrap().back, Some(Return::NeverLeft));
    assert_eq!(judged(1_000.0, None).proof.verdict, Verdict::Holds);
    // Capacity is 7,576/s: 2,424/s are left over for 60 s, and 7,076/s work them off.
    let over = judged(10_000.0, Some(60));
    let Some(Return::After { seconds, gap }) = over.numbers.unwrap().back else {
        panic!("comes back")
    };
    close(seconds, (2_424.2 * 60.0 + 1_000.0 - 100.0) / 7_075.8, 1e-3);
    close(gap, 540.0, 1e-9);
    assert_eq!(over.proof.verdict, Verdict::Holds);
    let late = judged(100_000.0, Some(60));
    assert_eq!((late.proof.verdict, late.over), (Verdict::Warns, vec![Over::NotBack]));
    let unknown = judged(10_000.0, None);
    assert_eq!(unknown.proof.verdict, Verdict::Unknown);
    assert_eq!(
        unknown.proof.unknown,
        ["topics.\"device.sensor.accelerometer.raw\".peak.for"]
    );
}

#[test]
fn without_a_target_nothing_is_shown() {
    let floor = prove(
        &motion(),
        &[steady(500.0)],
        &members(1),
        &at_once(),
        None,
        Words::Written,
    );
    assert_eq!(floor.proof.verdict, Verdict::Unknown);
    assert_eq!(floor.proof.unknown, ["targets.lag"]);
}
