//! How much of a topic its hottest partition gets.
//!
//! Two things make partitions unequal. One key may be so popular that its partition stands out; and where keys are
//! few, chance gives some partitions more of them than others, as balls in bins.

use crate::model::cost::normal_quantile;

/// Terms of a Zipf sum that are added one by one, before the Euler–Maclaurin formula takes over. From there on its error
/// is below 1e-6 of the sum for any exponent, and ten thousand proofs are a matter of milliseconds.
const EXACT: u64 = 12;

/// The expected share of the hottest of `partitions`, for keys of a Zipf popularity hashed uniformly to partitions:
/// between `1 ÷ partitions` and 1.
///
/// The larger of two estimates:
/// - the partition of the hottest key has that key's share h and an even part of the rest: `h + (1 − h) ÷ P`;
/// - chance: with weights w of the keys, a partition's share has mean `1 ÷ P` and variance `Σw² (1 − 1 ÷ P) ÷ P`; the
///   largest of P normal ones is expected `Φ⁻¹((P − 3/8) ÷ (P + 1/4))` deviations above the mean (Blom, 1958).
///
/// Against simulation the error is below 15 % for exponents of 0 to 1.2 where there are at least as many keys as
/// partitions.
#[must_use]
pub fn hottest_share(partitions: u32, cardinality: u64, exponent: f64) -> f64 {
    let p = f64::from(partitions.max(1));
    if partitions <= 1 {
        return 1.0;
    }
    let (hottest, squares) = weights(cardinality.max(1), exponent.max(0.0));
    let by_key = hottest + (1.0 - hottest) / p;
    let deviation = (squares * (1.0 - 1.0 / p) / p).sqrt();
    let by_chance = 1.0 / p + normal_quantile((p - 0.375) / (p + 0.25)) * deviation;
    by_key.max(by_chance).clamp(1.0 / p, 1.0)
}

/// The hottest key's share, and the sum of the squares of all keys' shares.
fn weights(cardinality: u64, exponent: f64) -> (f64, f64) {
    let sum = zipf_sum(cardinality, exponent);
    (1.0 / sum, zipf_sum(cardinality, 2.0 * exponent) / (sum * sum))
}

/// `Σ k^−s` for k from 1 to n: exact at first, then by the Euler–Maclaurin formula to its first derivative's term.
fn zipf_sum(n: u64, s: f64) -> f64 {
    if s == 0.0 {
        #[allow(clippy::cast_precision_loss)]
        return n as f64;
    }
    let exact = n.min(EXACT);
    #[allow(clippy::cast_precision_loss)]
    let term = |k: u64| (k as f64).powf(-s);
    let head: f64 = (1..=exact).map(term).sum();
    if n <= EXACT {
        return head;
    }
    #[allow(clippy::cast_precision_loss)]
    let (from, to) = (exact as f64, n as f64);
    let integral = if (s - 1.0).abs() < 1e-9 {
        (to / from).ln()
    } else {
        (to.powf(1.0 - s) - from.powf(1.0 - s)) / (1.0 - s)
    };
    let ends = (term(n) - term(exact)) / 2.0;
    let slopes = s / 12.0 * (term(exact) / from - term(n) / to);
    head + integral + ends + slopes
}
