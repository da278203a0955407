//! How proofs read where more than one line is needed.

use std::time::Duration;

use lagproof::model::cost::Cost;
use lagproof::proofs::Words;
use lagproof::proofs::fleet::{Keys, Peak, Topic};
use lagproof::proofs::work::{Commit, Work};
use lagproof::proofs::{capacity, lag_floor, poll_budget};

use super::facts::{accelerometer, at_once, members, motion, ms, print};

fn peaking() -> Topic {
    Topic {
        rate: Some(5_000.0),
        peak: Some(Peak {
            rate: 40_000.0,
            lasts: Some(Duration::from_secs(60)),
            every: Some(Duration::from_secs(3_600)),
        }),
        keys: Keys::Zipf {
            cardinality: 5_000,
            exponent: 0.8,
        },
        ..accelerometer()
    }
}

#[test]
fn capacity_with_skew_and_a_peak() {
    let proof = capacity::prove(&motion(), &[peaking()], &members(4), Words::Written).proof;
    insta::assert_snapshot!(print(&proof), @r"
    1,500/s expected, 12,000/s peak on the busiest of 4 members ÷ 7,576/s | ρ = 0.20 expected, 1.58 peak |  | warns | 
    1,652/s expected, 13,216/s peak with the hottest partition, 14 % of its topic | ρ = 0.22 expected, 1.74 peak |  | warns | 
    a peak leaves 338,412 records on a member, worked off | in 57.1 s | of 59 min | warns | 1.6 %
    ");
}

#[test]
fn lag_floor_with_a_peak() {
    let proof = lag_floor::prove(
        &motion(),
        &[peaking()],
        &members(4),
        &at_once(),
        Some(500),
        Words::Written,
    )
    .proof;
    insta::assert_snapshot!(print(&proof), @r"
    sum of 4 members, at most 2 × 1,500/s × 18.8 ms each | = 184 records | of 500 | holds | 37 %
    peak of 40,000/s: lag grows by 9,697/s | back in 43.8 s | of 59 min | holds |
    ");
    let work = Work {
        max_poll_records: Some(1),
        commit: Commit::AfterRecord,
        ..motion()
    };
    let proof = lag_floor::prove(&work, &[peaking()], &members(4), &at_once(), Some(500), Words::Written).proof;
    insta::assert_snapshot!(print(&proof), @r"
    1,500/s against 62.1/s that a member can process | grows by 4,752/s | of 500 | broken | 
    peak of 40,000/s: lag grows by 39,752/s | never back |  | broken |
    ");
}

#[test]
fn poll_budget_of_a_slow_model() {
    let work = Work {
        per_record: Some(Cost::fitted(ms(2_000.0), ms(9_000.0), Some(ms(720_000.0))).unwrap()),
        max_poll_records: None,
        ..motion()
    };
    let budget = |work: &Work| print(&poll_budget::prove(work, Some(Duration::from_secs(600)), Words::Written).proof);
    insta::assert_snapshot!(budget(&work), @r"
    one record at its max | = 12 min | of 10 min | broken | 120 %
    not declared: consumer.max_poll_records |  |  | unknown |
    ");
    let work = Work {
        max_poll_records: Some(10),
        ..work
    };
    insta::assert_snapshot!(budget(&work), @r"
    15 ms + 10 × 2.46 s | = 24.7 s | of 10 min | holds | 4.1 %
    99 of 100 batches | = 40.6 s | of 10 min | holds | 6.8 %
    one record at its max | = 12 min | of 10 min | broken | 120 %
    ");
}
