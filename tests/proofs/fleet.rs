use lagproof::proofs::fleet::{Assignor, Share, share_out};
use lagproof::proofs::skew::hottest_share;
use proptest::prelude::*;

use super::facts::{Dice, close};

fn share(members: u32, partitions: &[u32]) -> Share {
    Share {
        members,
        partitions: partitions.to_vec(),
    }
}

#[test]
fn range_piles_leftovers_on_the_first_members() {
    assert_eq!(
        share_out(&[4, 4], 3, Assignor::Range),
        [share(1, &[2, 2]), share(2, &[1, 1])]
    );
    assert_eq!(
        share_out(&[4, 4], 3, Assignor::Even),
        [share(1, &[2, 1]), share(1, &[1, 2]), share(1, &[1, 1])]
    );
}

#[test]
fn members_without_partitions_are_counted() {
    assert_eq!(share_out(&[2], 5, Assignor::Even), [share(2, &[1]), share(3, &[0])]);
    assert_eq!(
        share_out(&[1], u32::MAX, Assignor::Range),
        [share(1, &[1]), share(u32::MAX - 1, &[0])]
    );
}

proptest! {
    #[test]
    fn every_partition_has_one_member(
        topics in prop::collection::vec(1_u32..40, 1..5),
        replicas in 1_u32..30,
        assignor in prop_oneof![Just(Assignor::Range), Just(Assignor::Even)],
    ) {
        let shares = share_out(&topics, replicas, assignor);
        prop_assert_eq!(shares.iter().map(|share| share.members).sum::<u32>(), replicas);
        for (at, partitions) in topics.iter().enumerate() {
            let held: u32 = shares.iter().map(|share| share.members * share.partitions[at]).sum();
            prop_assert_eq!(held, *partitions);
        }
        if assignor == Assignor::Even {
            let sums = || shares.iter().map(|share| share.partitions.iter().sum::<u32>());
            prop_assert!(sums().max().unwrap() - sums().min().unwrap() <= 1);
        }
    }
}

#[test]
fn the_hottest_partition_agrees_with_simulation() {
    for (partitions, keys, exponent) in [
        (10_u32, 100_u64, 0.0),
        (10, 1_000, 0.0),
        (6, 50, 0.5),
        (10, 1_000, 1.0),
        (4, 5_000, 1.2),
        (10, 10, 0.0),
    ] {
        let weights: Vec<f64> = (1..=keys).map(|rank| (rank as f64).powf(-exponent)).collect();
        let all: f64 = weights.iter().sum();
        let mut dice = Dice(11);
        let rounds = 300;
        let mut hottest = 0.0;
        for _ in 0..rounds {
            let mut loads = vec![0.0; partitions as usize];
            for weight in &weights {
                loads[(dice.bits() % u64::from(partitions)) as usize] += weight / all;
            }
            hottest += loads.iter().copied().fold(0.0, f64::max);
        }
        close(
            hottest_share(partitions, keys, exponent),
            hottest / f64::from(rounds),
            0.15,
        );
    }
}

#[test]
fn many_keys_are_even_and_one_key_is_not() {
    close(hottest_share(10, 1_000_000_000, 0.0), 0.1, 0.01);
    assert_eq!(hottest_share(10, 1, 0.0), 1.0);
    assert_eq!(hottest_share(1, 50, 1.0), 1.0);
    // The sum over a million keys: H = 14.392726…
    close(
        hottest_share(1_000_000, 1_000_000, 1.0),
        1.0 / 14.392_726_722_865_724,
        1e-3,
    );
}
