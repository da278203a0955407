//! When everybody looks: the same moments in every process, without asking each other.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A schedule of moments, one every `every_ms` with a jitter, so that nothing periodic is always seen in the same phase.
///
/// Tick k is at `start_us + k × every + jitter(k)`, where `jitter(k)` is uniform in ± `jitter_ms`: the upper 53 bits of
/// SplitMix64 of `seed + k`, as a fraction of 2⁵³, scaled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Ticks {
    /// When the run starts.
    pub start_us: i64,
    /// Milliseconds from one to the next.
    pub every_ms: u32,
    /// The most that a tick is early or late, in milliseconds; below half of `every_ms`.
    pub jitter_ms: u32,
    /// What the jitter is drawn from.
    pub seed: u64,
}

impl Ticks {
    /// When tick `k` is.
    #[must_use]
    pub fn at(&self, k: u32) -> i64 {
        #[expect(clippy::cast_precision_loss, reason = "53 bits fit")]
        let fraction = (split_mix(self.seed.wrapping_add(u64::from(k))) >> 11) as f64 / (1_u64 << 53) as f64;
        let jitter = fraction.mul_add(2.0, -1.0) * f64::from(self.jitter_ms) * 1000.0;
        #[expect(clippy::cast_possible_truncation, reason = "a fraction of a second")]
        let jitter = jitter as i64;
        self.start_us + i64::from(k) * i64::from(self.every_ms) * 1000 + jitter
    }

    /// The first tick after `now_us`: where a process begins that was started in the middle of a run.
    #[must_use]
    pub fn next_after(&self, now_us: i64) -> u32 {
        let every_us = i64::from(self.every_ms.max(1)) * 1000;
        let near = (now_us - self.start_us).div_euclid(every_us) - 1;
        let mut tick = u32::try_from(near.max(0)).unwrap_or(u32::MAX);
        while self.at(tick) <= now_us && tick < u32::MAX {
            tick += 1;
        }
        tick
    }
}

/// One output of SplitMix64 (Steele, Lea and Flood, 2014) for a state that has just been advanced to `state`.
#[must_use]
pub fn split_mix(state: u64) -> u64 {
    let mut z = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::Ticks;

    #[test]
    fn every_tick_comes_once_and_in_order() {
        let ticks = Ticks {
            start_us: 1_000_000_000,
            every_ms: 250,
            jitter_ms: 50,
            seed: 7,
        };
        for k in 0..2_000 {
            let even = ticks.start_us + i64::from(k) * 250_000;
            assert!((ticks.at(k) - even).abs() <= 50_000);
            assert!(ticks.at(k) < ticks.at(k + 1));
            assert_eq!(ticks.next_after(ticks.at(k)), k + 1);
            assert_eq!(ticks.next_after(ticks.at(k) - 1), k);
        }
        assert_eq!(ticks.next_after(0), 0);
    }

    /// As docs/worker-protocol.md computes it, for those who write a worker in another language.
    #[test]
    fn a_tick_that_the_documentation_names() {
        let ticks = Ticks {
            start_us: 0,
            every_ms: 250,
            jitter_ms: 50,
            seed: 7,
        };
        assert_eq!([0, 1, 2].map(|k| ticks.at(k)), [-11_017, 261_850, 518_236]);
    }
}
