//! Which key a record has, and which partition that is.

use crate::harness::protocol::split_mix;

/// Numbers drawn from a state: SplitMix64.
#[derive(Debug, Clone, Copy)]
pub(super) struct Draw(u64);

impl Draw {
    /// A sequence of its own for record `n` of topic `topic`.
    pub(super) fn of(seed: u64, topic: usize, n: u64) -> Self {
        let topic = split_mix(seed ^ (topic as u64).wrapping_mul(0xd134_2543_de82_ef95));
        Self(split_mix(topic.wrapping_add(n)))
    }

    pub(super) fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        split_mix(self.0)
    }

    /// Uniform in [0, 1).
    pub(super) fn fraction(&mut self) -> f64 {
        #[expect(clippy::cast_precision_loss, reason = "53 bits fit")]
        let fraction = (self.bits() >> 11) as f64;
        fraction / (1_u64 << 53) as f64
    }
}

/// Ranks by a Zipf distribution: rank k of `cardinality`, from 0, has weight (k + 1)^−exponent.
///
/// Rejection from the integral of x^−s, which needs no table whatever the cardinality (Hörmann and Derflinger, 1996; the
/// simpler form with a flat start below 1).
#[derive(Debug, Clone, Copy)]
pub(super) struct Zipf {
    cardinality: f64,
    exponent: f64,
    /// The envelope's whole area: 1 for the first rank, then the integral from 1 to the cardinality.
    area: f64,
}

impl Zipf {
    #[expect(clippy::cast_precision_loss, reason = "fewer keys than 2^53")]
    pub(super) fn new(cardinality: u64, exponent: f64) -> Self {
        let cardinality = cardinality.max(1) as f64;
        let exponent = exponent.max(0.0);
        let area = if is_one(exponent) {
            1.0 + cardinality.ln()
        } else {
            (cardinality.powf(1.0 - exponent) - exponent) / (1.0 - exponent)
        };
        Self {
            cardinality,
            exponent,
            area,
        }
    }

    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "between 0 and the cardinality"
    )]
    pub(super) fn rank(&self, draw: &mut Draw) -> u64 {
        if self.exponent <= 0.0 {
            return ((draw.fraction() * self.cardinality) as u64).min(self.cardinality as u64 - 1);
        }
        loop {
            let x = self.at(draw.fraction() * self.area);
            let rank = (x + 1.0).floor().min(self.cardinality);
            let weight = rank.powf(-self.exponent);
            let envelope = if rank > 1.0 { x.powf(-self.exponent) } else { 1.0 };
            if draw.fraction() * envelope <= weight {
                return rank as u64 - 1;
            }
        }
    }

    /// Where the area below the envelope is `area`.
    fn at(&self, area: f64) -> f64 {
        if area <= 1.0 {
            area
        } else if is_one(self.exponent) {
            (area - 1.0).exp()
        } else {
            let power = 1.0 - self.exponent;
            area.mul_add(power, self.exponent).powf(1.0 / power)
        }
    }
}

fn is_one(exponent: f64) -> bool {
    (exponent - 1.0).abs() < 1e-9
}

/// The partition of a key, as Java's producer and librdkafka's `murmur2` choose it.
#[must_use]
pub fn partition_of(key: &[u8], partitions: u32) -> i32 {
    let positive = murmur2(key).cast_signed() & i32::MAX;
    positive % i32::try_from(partitions.max(1)).unwrap_or(i32::MAX)
}

/// 32-bit MurmurHash2 with Kafka's seed.
fn murmur2(key: &[u8]) -> u32 {
    const M: u32 = 0x5bd1_e995;
    #[expect(clippy::cast_possible_truncation, reason = "as in Kafka's, keys are far shorter")]
    let mut hash = 0x9747_b28c ^ key.len() as u32;
    let mut words = key.chunks_exact(4);
    for word in words.by_ref() {
        let mut k = u32::from_le_bytes([word[0], word[1], word[2], word[3]]).wrapping_mul(M);
        k ^= k >> 24;
        hash = hash.wrapping_mul(M) ^ k.wrapping_mul(M);
    }
    let rest = words.remainder();
    if !rest.is_empty() {
        for (at, byte) in rest.iter().enumerate() {
            hash ^= u32::from(*byte) << (8 * at);
        }
        hash = hash.wrapping_mul(M);
    }
    hash ^= hash >> 13;
    hash = hash.wrapping_mul(M);
    hash ^ (hash >> 15)
}

#[cfg(test)]
mod tests {
    use super::{Draw, Zipf, murmur2, partition_of};

    /// From Apache Kafka's UtilsTest.testMurmur2.
    #[test]
    fn murmur2_is_kafkas() {
        let known = [
            ("21", -973_932_308),
            ("foobar", -790_332_482),
            ("a-little-bit-long-string", -985_981_536),
            ("a-little-bit-longer-string", -1_486_304_829),
            ("lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58_897_971),
            ("abc", 479_470_107),
        ];
        for (key, hash) in known {
            assert_eq!(murmur2(key.as_bytes()).cast_signed(), hash, "{key}");
        }
        assert_eq!(partition_of(b"abc", 10), 7);
        assert_eq!(partition_of(b"21", 10), ((-973_932_308_i32) & i32::MAX) % 10);
        assert_eq!(partition_of(b"21", 0), 0);
    }

    #[test]
    fn shares_are_zipfs() {
        for (cardinality, exponent) in [(5, 0.0), (5, 0.5), (20, 1.0), (20, 1.2), (1, 1.0), (1_000_000, 2.0)] {
            let zipf = Zipf::new(cardinality, exponent);
            let weight = |k: u64| ((k + 1) as f64).powf(-exponent);
            let sum: f64 = (0..cardinality).map(weight).sum();
            let draws = 100_000;
            let mut counts = [0_u64; 20];
            for n in 0..draws {
                let rank = zipf.rank(&mut Draw::of(7, 0, n));
                assert!(rank < cardinality);
                if let Some(count) = counts.get_mut(rank as usize) {
                    *count += 1;
                }
            }
            for k in 0..cardinality.min(20) {
                let expected = draws as f64 * weight(k) / sum;
                let off = counts[k as usize] as f64 - expected;
                assert!(
                    off.abs() < 5.0 * expected.sqrt() + 1.0,
                    "{cardinality} {exponent} {k}: {off} of {expected}"
                );
            }
        }
    }

    #[test]
    fn records_and_topics_draw_apart() {
        let bits = |seed, topic, n| Draw::of(seed, topic, n).bits();
        assert_eq!(bits(1, 0, 5), bits(1, 0, 5));
        let apart = [bits(1, 0, 5), bits(1, 0, 6), bits(1, 1, 5), bits(2, 0, 5)];
        assert!((0..4).all(|a| (0..a).all(|b| apart[a] != apart[b])));
    }
}
