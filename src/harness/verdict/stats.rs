//! The statistics that verdicts rest on. Deterministic: the same samples give the same bounds.

use std::cmp::Ordering;

use statrs::distribution::{Binomial, DiscreteCDF as _};

use crate::model::cost::normal_quantile;

use super::super::protocol::split_mix;

/// The percentile that is bounded, and the confidence.
const SHARE: f64 = 0.95;
/// How often the bootstrap draws.
const REPLICATES: usize = 2_000;
/// What its draws come from.
const SEED: u64 = 0x006c_6167_7072_6f6f;
/// The least length of a block in samples: two seconds, which hold several batches.
const LEAST_BLOCK: usize = 8;
/// The most: a hundred seconds.
const MOST_BLOCK: usize = 400;
/// Most points that every pair is looked at of; more are thinned out evenly.
const MOST_POINTS: usize = 2_000;

/// The value that a share `q` of the samples does not exceed, by the nearest rank: one of the samples, and no smaller than
/// what interpolation would give. Nothing of no samples.
#[must_use]
pub fn quantile(samples: &[f64], q: f64) -> Option<f64> {
    let mut sorted = samples.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted.get(rank(sorted.len(), q)).copied()
}

/// The nearest rank of a share of `n` samples, from 0; `n` is at least 1.
fn rank(n: usize, q: f64) -> usize {
    #[expect(clippy::cast_precision_loss, reason = "a number of samples")]
    let rank = (q * n as f64 - 1e-9).ceil().max(1.0);
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "at least 1")]
    let rank = rank as usize - 1;
    rank.min(n.saturating_sub(1))
}

/// The upper 95 % confidence bound of the 95th percentile: the larger of two.
///
/// - The moving-block bootstrap (Künsch, 1989): series are put together from blocks of consecutive samples, so that what
///   hangs together in time stays together; the bound is the 95th percentile of their 95th percentiles.
/// - The binomial bound, a sample of so high a rank that only one series in twenty of independent samples has it below the
///   true percentile. So far out in the tail the bootstrap alone is too sure of itself: of simulated series of 140 samples
///   its bound covered the true percentile in 86 of 100, the larger of both in 97, and in 94 where neighbours are alike
///   (an autocorrelation of 0.5).
///
/// Nothing of no samples.
#[must_use]
pub fn p95_upper_bound(samples: &[f64]) -> Option<f64> {
    let n = samples.len();
    let mut sorted = samples.to_vec();
    sorted.sort_by(f64::total_cmp);
    let independent = *sorted.get(binomial_rank(n)?)?;
    let block = block_length(samples).min(n);
    let starts = (n - block + 1) as u64;
    let rank = rank(n, SHARE);
    let mut draws = 0_u64;
    let mut drawn = Vec::with_capacity(n + block);
    let mut bounds: Vec<f64> = Vec::with_capacity(REPLICATES);
    for _ in 0..REPLICATES {
        drawn.clear();
        while drawn.len() < n {
            draws += 1;
            // A modulus of at most some thousands favours nothing that could be seen.
            #[expect(clippy::cast_possible_truncation, reason = "below the number of samples")]
            let start = (split_mix(SEED.wrapping_add(draws)) % starts) as usize;
            drawn.extend_from_slice(&samples[start..start + block]);
        }
        drawn.truncate(n);
        bounds.push(*drawn.select_nth_unstable_by(rank, f64::total_cmp).1);
    }
    Some(quantile(&bounds, SHARE)?.max(independent))
}

/// The rank, from 0, of the sample that is above the true percentile with 95 % confidence if samples are independent: one
/// above what a binomial count of the samples below it does not exceed. The largest where there are too few.
fn binomial_rank(n: usize) -> Option<usize> {
    let below = Binomial::new(SHARE, n as u64).ok()?.inverse_cdf(SHARE);
    usize::try_from(below).ok().map(|below| below.min(n.saturating_sub(1)))
}

/// How many consecutive samples hang together: about n^⅓ and a half more, the order at which the bootstrap's error is least
/// (Hall, Horowitz and Jing, 1995); at least two seconds of samples, at least until the autocorrelation is no longer told
/// from noise, at most a quarter of all and a hundred seconds.
#[must_use]
pub fn block_length(samples: &[f64]) -> usize {
    let n = samples.len();
    #[expect(clippy::cast_precision_loss, reason = "a number of samples")]
    let wide = n as f64;
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a small number")]
    let by_size = (1.5 * wide.cbrt()).ceil() as usize;
    let most = (n / 4).clamp(1, MOST_BLOCK);
    let noise = 2.0 / wide.sqrt();
    let mean = samples.iter().sum::<f64>() / wide.max(1.0);
    let centred: Vec<f64> = samples.iter().map(|sample| sample - mean).collect();
    let variance: f64 = centred.iter().map(|sample| sample * sample).sum();
    let related = (1..most).find(|apart| {
        let product: f64 = centred
            .iter()
            .zip(&centred[*apart..])
            .map(|(one, other)| one * other)
            .sum();
        variance <= 0.0 || product / variance < noise
    });
    by_size.max(LEAST_BLOCK).max(related.unwrap_or(most)).min(most)
}

/// A trend.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Slope {
    /// The median of the slopes of all pairs (Theil, 1950; Sen, 1968), a second.
    pub median: f64,
    /// Its lower 99 % confidence bound, one-sided.
    pub lower: f64,
}

/// The trend of `(seconds, value)`, and how small it may be. Values are first averaged over blocks that hang together: the
/// bound is one for independent points, and a sawtooth of batches is not a trend. Nothing where fewer than four blocks are
/// left, or all are at one time.
#[must_use]
pub fn theil_sen(points: &[(f64, f64)]) -> Option<Slope> {
    let values: Vec<f64> = points.iter().map(|point| point.1).collect();
    let block = block_length(&values).min((points.len() / 12).max(1));
    let thin = points.len().div_ceil(block).div_ceil(MOST_POINTS).max(1);
    let means: Vec<(f64, f64)> = points
        .chunks_exact(block * thin)
        .map(|chunk| {
            #[expect(clippy::cast_precision_loss, reason = "a small number")]
            let n = chunk.len() as f64;
            let sum = chunk
                .iter()
                .fold((0.0, 0.0), |sum, point| (sum.0 + point.0, sum.1 + point.1));
            (sum.0 / n, sum.1 / n)
        })
        .collect();
    if means.len() < 4 {
        return None;
    }
    let mut slopes = Vec::with_capacity(means.len() * (means.len() - 1) / 2);
    for (at, one) in means.iter().enumerate() {
        for other in &means[at + 1..] {
            let apart = other.0 - one.0;
            if apart > 0.0 {
                slopes.push((other.1 - one.1) / apart);
            }
        }
    }
    slopes.sort_unstable_by(f64::total_cmp);
    let median = middle(&slopes)?;
    // Kendall's S has this variance where there is no trend; ties make it smaller.
    #[expect(clippy::cast_precision_loss, reason = "a number of pairs")]
    let (n, pairs) = (means.len() as f64, slopes.len() as f64);
    let tied: f64 = ties(&means)
        .into_iter()
        .map(|t| t * (t - 1.0) * 2.0_f64.mul_add(t, 5.0))
        .sum();
    let variance = (n * (n - 1.0) * 2.0_f64.mul_add(n, 5.0) - tied).max(0.0) / 18.0;
    let below = normal_quantile(0.99) * variance.sqrt();
    let rank = ((pairs - below) / 2.0).floor();
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "not negative")]
    let lower = if rank < 1.0 {
        slopes[0]
    } else {
        slopes[rank as usize - 1]
    };
    Some(Slope { median, lower })
}

fn middle(sorted: &[f64]) -> Option<f64> {
    let half = sorted.len() / 2;
    match sorted.len() {
        0 => None,
        odd if odd % 2 == 1 => Some(sorted[half]),
        _ => Some(f64::midpoint(sorted[half - 1], sorted[half])),
    }
}

/// How many points share a value, for each value that several have.
fn ties(points: &[(f64, f64)]) -> Vec<f64> {
    let mut values: Vec<f64> = points.iter().map(|point| point.1).collect();
    values.sort_unstable_by(f64::total_cmp);
    values
        .chunk_by(|one, other| one.total_cmp(other) == Ordering::Equal)
        .filter(|group| group.len() > 1)
        .map(|group| {
            #[expect(clippy::cast_precision_loss, reason = "a number of samples")]
            let size = group.len() as f64;
            size
        })
        .collect()
}
