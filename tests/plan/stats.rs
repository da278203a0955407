//! The statistics under verdicts.

use lagproof::harness::verdict::{block_length, p95_upper_bound, quantile, theil_sen};
use proptest::prelude::*;

use super::made::fraction;

/// Noise in which neighbours are alike: x(k) = share × x(k − 1) + uniform noise, around 50.
fn alike(n: usize, share: f64, seed: u64) -> Vec<f64> {
    let mut level = 0.0;
    (0..n + 50)
        .map(|at| {
            level = share * level + fraction(seed.wrapping_mul(1_000_003).wrapping_add(at as u64)).mul_add(2.0, -1.0);
            50.0 + 10.0 * level
        })
        .skip(50)
        .collect()
}

#[test]
fn quantiles_are_samples() {
    let hundred: Vec<f64> = (1..=100).map(f64::from).collect();
    assert_eq!(quantile(&hundred, 0.95), Some(95.0));
    assert_eq!(quantile(&hundred, 0.0), Some(1.0));
    assert_eq!(quantile(&hundred, 1.0), Some(100.0));
    assert_eq!(quantile(&[3.0], 0.5), Some(3.0));
    assert_eq!(quantile(&[], 0.5), None);
    assert_eq!(p95_upper_bound(&[]), None);
    assert_eq!(p95_upper_bound(&[7.0; 140]), Some(7.0));
}

#[test]
fn blocks_are_longer_where_samples_hang_together() {
    let loose = block_length(&alike(140, 0.0, 1));
    let tight = block_length(&alike(140, 0.95, 1));
    assert_eq!(loose, 8);
    assert!(tight > loose, "{tight}");
    assert!(tight <= 35, "{tight}: at most a quarter");
}

/// The bound should hold for 95 of 100 series, and for most of them also where neighbours are alike.
#[test]
fn the_bound_covers_the_true_percentile() {
    for (share, least) in [(0.0, 57), (0.5, 54)] {
        let truth = quantile(&alike(100_000, share, 99), 0.95).unwrap();
        let covered = (0..60)
            .filter(|seed| p95_upper_bound(&alike(140, share, *seed)).unwrap() >= truth)
            .count();
        assert!(covered >= least, "share {share}: {covered} of 60");
    }
}

#[test]
fn a_trend_is_found_and_noise_is_none() {
    let points = |slope: f64, share: f64, seed: u64| -> Vec<(f64, f64)> {
        let noise = alike(140, share, seed);
        let at = |k: usize| k as f64 * 0.25;
        noise
            .iter()
            .enumerate()
            .map(|(k, noise)| (at(k), slope.mul_add(at(k), *noise)))
            .collect()
    };
    let slope = theil_sen(&points(2.0, 0.3, 5)).unwrap();
    assert!((slope.median - 2.0).abs() < 0.4, "{slope:?}");
    assert!(slope.lower > 1.0 && slope.lower <= slope.median, "{slope:?}");
    for share in [0.0, 0.5, 0.8] {
        let false_alarms = (0..100)
            .filter(|seed| theil_sen(&points(0.0, share, *seed)).unwrap().lower > 0.0)
            .count();
        assert!(false_alarms <= 5, "share {share}: {false_alarms} of 100");
    }
    assert_eq!(theil_sen(&[(0.0, 5.0); 3]), None);
    let flat: Vec<(f64, f64)> = (0..140).map(|k| (f64::from(k), 3.0)).collect();
    assert_eq!(theil_sen(&flat).map(|slope| slope.lower), Some(0.0));
}

#[test]
fn a_sawtooth_of_batches_is_no_trend() {
    let saw: Vec<(f64, f64)> = (0..140_u32)
        .map(|k| (f64::from(k) * 0.25, f64::from(k * 37 % 500)))
        .collect();
    assert!(theil_sen(&saw).unwrap().lower <= 0.0);
}

#[test]
fn twenty_thousand_points_are_no_trouble() {
    let many: Vec<(f64, f64)> = (0..20_000_u32)
        .map(|k| (f64::from(k), f64::from(k % 97) + f64::from(k) / 100.0))
        .collect();
    let slope = theil_sen(&many).unwrap();
    assert!((slope.median - 0.01).abs() < 1e-3, "{slope:?}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn the_bound_is_a_sample_and_not_below_the_percentile(samples in prop::collection::vec(0.0..1e6_f64, 1..200)) {
        let own = quantile(&samples, 0.95).unwrap();
        let bound = p95_upper_bound(&samples).unwrap();
        prop_assert!(bound >= own);
        prop_assert!(samples.contains(&bound));
        prop_assert_eq!(Some(bound), p95_upper_bound(&samples), "the same samples give the same bound");
    }

    #[test]
    fn moving_all_samples_moves_the_trend_by_nothing(samples in prop::collection::vec(0.0..1e3_f64, 60..200), by in 0.0..1e3_f64) {
        let points = |by: f64| -> Vec<(f64, f64)> {
            samples.iter().enumerate().map(|(k, value)| (k as f64, value + by)).collect()
        };
        let (one, other) = (theil_sen(&points(0.0)).unwrap(), theil_sen(&points(by)).unwrap());
        prop_assert!((one.median - other.median).abs() < 1e-6);
    }
}
