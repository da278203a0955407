//! What one record costs to process, as a distribution that proofs compute with and load generators sample from.
//!
//! A log-normal is the usual description of service times: positive, skewed, and fixed by two percentiles. Where a
//! maximum is declared it is a *bound on the handler*, such as its time-out: a record that would take longer takes
//! exactly the maximum. So the distribution is that of `min(X, max)` (censored), not that of X given X ≤ max
//! (conditional): the percentiles that were declared stay what they are, and the share of records that run into the
//! bound shows up as a lump at the bound. All moments are in closed form.

use std::f64::consts::{PI, SQRT_2};
use std::fmt;
use std::time::Duration;

use statrs::function::erf::{erfc, erfc_inv};

use crate::units::format_duration;

/// The standard normal's 99th percentile.
const Z99: f64 = 2.326_347_874_040_841;

/// How far below the mean the asymptotic Mills ratio takes over from erfc, in standard deviations.
const DEEP_TAIL: f64 = -30.0;

/// What one record costs.
#[derive(Debug, Clone, PartialEq)]
pub enum Cost {
    /// Every record costs the same.
    Constant {
        /// Seconds a record.
        seconds: f64,
    },
    /// `min(X, max)` with ln X normal.
    LogNormal {
        /// The mean of the logarithm of the cost in seconds; ln of the median.
        mu: f64,
        /// The standard deviation of that logarithm; 0 where the declared percentiles are one value.
        sigma: f64,
        /// The most that a record can cost, in seconds; nothing bounds it where absent.
        max: Option<f64>,
    },
}

/// Why no distribution goes through the declared percentiles.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CostError {
    /// p50 is above p99.
    Median {
        /// The declared median.
        p50: Duration,
        /// The declared 99th percentile.
        p99: Duration,
    },
    /// p99 is above max.
    Max {
        /// The declared 99th percentile.
        p99: Duration,
        /// The declared maximum.
        max: Duration,
    },
    /// p50 is zero while others are not: no log-normal has a median of zero.
    ZeroMedian,
}

impl fmt::Display for CostError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Median { p50, p99 } => {
                write!(
                    f,
                    "p50 ({}) is above p99 ({})",
                    format_duration(*p50),
                    format_duration(*p99)
                )
            }
            Self::Max { p99, max } => {
                write!(
                    f,
                    "p99 ({}) is above max ({})",
                    format_duration(*p99),
                    format_duration(*max)
                )
            }
            Self::ZeroMedian => f.write_str("p50 is 0 while the others are not: no log-normal has such a median"),
        }
    }
}

impl std::error::Error for CostError {}

impl Cost {
    /// Every record costs the same.
    #[must_use]
    pub fn constant(cost: Duration) -> Self {
        Self::Constant {
            seconds: cost.as_secs_f64(),
        }
    }

    /// The log-normal through p50 and p99, cut at max: what would be above costs exactly max.
    ///
    /// p50 = p99 is a constant, except that a max above them stays known as what a record can cost.
    ///
    /// # Errors
    /// Unless p50 ≤ p99 ≤ max, and if p50 alone is zero.
    pub fn fitted(p50: Duration, p99: Duration, max: Option<Duration>) -> Result<Self, CostError> {
        if p50 > p99 {
            return Err(CostError::Median { p50, p99 });
        }
        if let Some(max) = max.filter(|max| p99 > *max) {
            return Err(CostError::Max { p99, max });
        }
        if p50 == p99 && max.is_none_or(|max| max == p99) {
            return Ok(Self::constant(p50));
        }
        if p50.is_zero() {
            return Err(CostError::ZeroMedian);
        }
        let mu = p50.as_secs_f64().ln();
        Ok(Self::LogNormal {
            mu,
            sigma: (p99.as_secs_f64().ln() - mu) / Z99,
            max: max.map(|max| max.as_secs_f64()),
        })
    }

    /// The mean, in seconds.
    #[must_use]
    pub fn mean(&self) -> f64 {
        self.moment(1.0)
    }

    /// The variance, in seconds squared.
    #[must_use]
    pub fn variance(&self) -> f64 {
        match *self {
            Self::Constant { .. } => 0.0,
            Self::LogNormal { sigma, .. } if sigma <= 0.0 => 0.0,
            Self::LogNormal { mu, sigma, max: None } => (sigma * sigma).exp_m1() * sigma.mul_add(sigma, 2.0 * mu).exp(),
            Self::LogNormal { .. } => {
                let mean = self.mean();
                mean.mul_add(-mean, self.moment(2.0)).max(0.0)
            }
        }
    }

    /// The cost that a share `p` of records does not exceed, in seconds. `p` is held within 0 and the largest number
    /// below 1, so that the answer is finite; a `p` that is no number counts as one half.
    #[must_use]
    pub fn quantile(&self, p: f64) -> f64 {
        match *self {
            Self::Constant { seconds } => seconds,
            Self::LogNormal { mu, sigma, .. } if sigma <= 0.0 => mu.exp(),
            Self::LogNormal { mu, sigma, max } => {
                let p = if p.is_nan() {
                    0.5
                } else {
                    p.clamp(0.0, 1.0 - f64::EPSILON / 2.0)
                };
                let free = sigma.mul_add(normal_quantile(p), mu).exp();
                max.map_or(free, |max| free.min(max))
            }
        }
    }

    /// The most that one record can cost; nothing where nothing bounds it.
    #[must_use]
    pub fn max(&self) -> Option<Duration> {
        match *self {
            Self::Constant { seconds } => Some(duration(seconds)),
            Self::LogNormal { max, .. } => max.map(duration),
        }
    }

    /// The cost at `u`, a number drawn uniformly from [0, 1): the inverse of the distribution function. The one way
    /// from the declaration to a cost, for whoever generates load.
    #[must_use]
    pub fn sample(&self, u: f64) -> Duration {
        duration(self.quantile(u))
    }

    /// The k-th moment about zero, in seconds to the k.
    fn moment(&self, k: f64) -> f64 {
        match *self {
            Self::Constant { seconds } => power(seconds, k),
            Self::LogNormal { mu, sigma, .. } if sigma <= 0.0 => (k * mu).exp(),
            Self::LogNormal { mu, sigma, max: None } => (k * k * sigma).mul_add(sigma / 2.0, k * mu).exp(),
            Self::LogNormal {
                mu,
                sigma,
                max: Some(max),
            } => {
                let at_max = (max.ln() - mu) / sigma;
                power(max, k) * normal_cdf(-at_max) + below(mu, sigma, max, k)
            }
        }
    }
}

/// xᵏ. Means are taken all the time, and the general way is slow.
fn power(x: f64, k: f64) -> f64 {
    if k == 1.0 { x } else { x.powf(k) }
}

/// E[Xᵏ; X < max] for a log-normal X: `exp(kμ + k²σ²/2) Φ(z − kσ)` with `z = (ln max − μ)/σ`.
///
/// Deep in the tail that is infinity times zero. There the equal form `maxᵏ φ(z) Φ(z − kσ)/φ(z − kσ)` is used, with
/// the asymptotic series of the Mills ratio (Abramowitz and Stegun 26.2.12).
fn below(mu: f64, sigma: f64, max: f64, k: f64) -> f64 {
    let z = (max.ln() - mu) / sigma;
    let shifted = k.mul_add(-sigma, z);
    if shifted > DEEP_TAIL {
        return (k * k * sigma).mul_add(sigma / 2.0, k * mu).exp() * normal_cdf(shifted);
    }
    let density = (-z * z / 2.0).exp() / (2.0 * PI).sqrt();
    let square = shifted * shifted;
    max.powf(k) * density * (1.0 - 1.0 / square + 3.0 / (square * square)) / -shifted
}

/// Φ(x): the share of a standard normal distribution below x.
#[must_use]
pub fn normal_cdf(x: f64) -> f64 {
    erfc(-x / SQRT_2) / 2.0
}

/// Φ⁻¹(p): where a share `p` of a standard normal distribution lies below; infinite at 0 and 1.
#[must_use]
pub fn normal_quantile(p: f64) -> f64 {
    -SQRT_2 * erfc_inv(2.0 * p)
}

/// Seconds as a duration; what no duration can hold is the longest one.
fn duration(seconds: f64) -> Duration {
    Duration::try_from_secs_f64(seconds.max(0.0)).unwrap_or(Duration::MAX)
}
