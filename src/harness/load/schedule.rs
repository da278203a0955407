//! When records are due: a pure function of the stretches, whatever the system does meanwhile.

use crate::harness::protocol::{Shard, Stretch};

/// The due times of one topic's records, all shards counted.
///
/// With N(t) records due until t seconds after the start, record n is due where N(t) = n + ½: in the middle of its place, so
/// that a stretch of 10 s at 0.1/s has one record.
#[derive(Debug, Clone, PartialEq)]
pub struct Schedule {
    pieces: Vec<Piece>,
    total: u64,
}

#[derive(Debug, Clone, Copy, PartialEq)]
struct Piece {
    /// Seconds after the start.
    start: f64,
    /// Records due before it.
    base: f64,
    stretch: Stretch,
}

impl Piece {
    /// Records due `t` seconds into it.
    fn due_by(&self, t: f64) -> f64 {
        let Stretch {
            from_rate,
            to_rate,
            seconds,
        } = self.stretch;
        let t = t.clamp(0.0, seconds);
        let bend = if seconds > 0.0 {
            (to_rate - from_rate) / (2.0 * seconds)
        } else {
            0.0
        };
        t * bend.mul_add(t, from_rate)
    }

    /// Seconds into it at which `x` records are due: the root of the quadratic, in the form that does not cancel.
    fn when(&self, x: f64) -> f64 {
        let Stretch {
            from_rate,
            to_rate,
            seconds,
        } = self.stretch;
        let bend = (to_rate - from_rate) / (2.0 * seconds);
        let root = from_rate.mul_add(from_rate, 4.0 * bend * x).max(0.0).sqrt();
        let sum = from_rate + root;
        if sum > 0.0 {
            (2.0 * x / sum).min(seconds)
        } else {
            seconds
        }
    }
}

/// Sums of floats are held to be whole where they miss it by less.
const SLACK: f64 = 1e-6;

impl Schedule {
    /// From stretches, one after the other. Rates and lengths below 0 count as 0.
    #[must_use]
    pub fn new(stretches: &[Stretch]) -> Self {
        let (mut start, mut base) = (0.0, 0.0);
        let mut pieces = Vec::with_capacity(stretches.len());
        for stretch in stretches {
            let stretch = Stretch {
                from_rate: stretch.from_rate.max(0.0),
                to_rate: stretch.to_rate.max(0.0),
                seconds: stretch.seconds.max(0.0),
            };
            let piece = Piece { start, base, stretch };
            start += stretch.seconds;
            base += piece.due_by(stretch.seconds);
            pieces.push(piece);
        }
        Self {
            pieces,
            total: whole(base + 0.5),
        }
    }

    /// How many records there are.
    #[must_use]
    pub const fn total(&self) -> u64 {
        self.total
    }

    /// When record `n` is due, in microseconds after the start; nothing where there is no such record.
    #[must_use]
    pub fn due_us(&self, n: u64) -> Option<i64> {
        if n >= self.total {
            return None;
        }
        #[expect(clippy::cast_precision_loss, reason = "fewer records than 2^53")]
        let x = n as f64 + 0.5;
        let after = self.pieces.partition_point(|piece| piece.base < x);
        let piece = &self.pieces[after.saturating_sub(1)];
        let seconds = piece.start + piece.when(x - piece.base);
        #[expect(clippy::cast_possible_truncation, reason = "a run takes no 292,000 years")]
        Some((seconds * 1e6).round() as i64)
    }

    /// How many records are due until `us` microseconds after the start.
    #[must_use]
    pub fn due_by(&self, us: i64) -> u64 {
        #[expect(clippy::cast_precision_loss, reason = "a run is shorter than 2^53 microseconds")]
        let t = us as f64 / 1e6;
        let started = self.pieces.partition_point(|piece| piece.start <= t);
        let Some(piece) = started.checked_sub(1).map(|at| &self.pieces[at]) else {
            return 0;
        };
        whole(piece.base + piece.due_by(t - piece.start) + 0.5).min(self.total)
    }
}

/// Of the first `records` of a schedule, how many are a shard's.
#[must_use]
pub fn share(records: u64, shard: Shard) -> u64 {
    let of = u64::from(shard.of.max(1));
    (records + of - 1).saturating_sub(u64::from(shard.index)) / of
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "not negative, far below 2^64"
)]
fn whole(records: f64) -> u64 {
    (records + SLACK) as u64
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{Schedule, share};
    use crate::harness::protocol::{Shard, Stretch};

    fn stretch(from_rate: f64, to_rate: f64, seconds: f64) -> Stretch {
        Stretch {
            from_rate,
            to_rate,
            seconds,
        }
    }

    #[test]
    fn an_even_pace_a_peak_and_a_ramp() {
        let schedule = Schedule::new(&[stretch(4.0, 4.0, 1.0), stretch(10.0, 10.0, 0.5), stretch(0.0, 8.0, 2.0)]);
        assert_eq!(schedule.total(), 4 + 5 + 8);
        let due: Vec<i64> = (0..10).filter_map(|n| schedule.due_us(n)).collect();
        let even = [125_000, 375_000, 625_000, 875_000];
        let peak = [1_050_000, 1_150_000, 1_250_000, 1_350_000, 1_450_000];
        assert_eq!(due[..4], even);
        assert_eq!(due[4..9], peak);
        // 2 t² records are due t seconds into the ramp.
        assert_eq!(due[9], 1_500_000 + 500_000);
        assert_eq!(schedule.due_us(17), None);
        assert_eq!(
            [0, 999_999, 1_500_000, i64::MAX / 2].map(|us| schedule.due_by(us)),
            [0, 4, 9, 17]
        );
    }

    #[test]
    fn few_records_and_none() {
        let one = Schedule::new(&[stretch(0.1, 0.1, 10.0)]);
        assert_eq!((one.total(), one.due_us(0)), (1, Some(5_000_000)));
        for stretches in [vec![], vec![stretch(0.0, 0.0, 5.0)], vec![stretch(9.0, 9.0, 0.0)]] {
            let none = Schedule::new(&stretches);
            assert_eq!((none.total(), none.due_us(0), none.due_by(1)), (0, None, 0));
        }
        let after = Schedule::new(&[stretch(0.0, 0.0, 3.0), stretch(1.0, 1.0, 1.0)]);
        assert_eq!((after.total(), after.due_us(0)), (1, Some(3_500_000)));
    }

    #[test]
    fn shards_share_without_a_gap() {
        for records in 0..20 {
            let sum: u64 = (0..3).map(|index| share(records, Shard { index, of: 3 })).sum();
            assert_eq!(sum, records);
        }
        assert_eq!(share(7, Shard { index: 0, of: 3 }), 3);
    }

    proptest! {
        #[test]
        fn in_order_and_counted(stretches in prop::collection::vec((0.0..900.0, 0.0..900.0, 0.0..4.0), 1..5)) {
            let stretches: Vec<Stretch> = stretches.into_iter().map(|(a, b, s)| stretch(a, b, s)).collect();
            let schedule = Schedule::new(&stretches);
            let end = stretches.iter().map(|stretch| stretch.seconds).sum::<f64>() * 1e6 + 1.0;
            let mut last = 0;
            for n in 0..schedule.total() {
                let due = schedule.due_us(n).unwrap();
                prop_assert!(due >= last && due as f64 <= end, "{n}: {due} after {last}, end {end}");
                prop_assert!(schedule.due_by(due + 2) > n);
                prop_assert!(due < 3 || schedule.due_by(due - 3) <= n);
                last = due;
            }
        }
    }
}
