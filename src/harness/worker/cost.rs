//! What a record costs: drawn from the seed and the record's place, so that it costs the same whenever and wherever it is
//! processed.

use crate::harness::protocol::{CostSpec, RecordFlags, RecordHeader, WorkSpec, split_mix};
use crate::model::cost::Cost;

/// What costs are drawn from.
#[derive(Debug, Clone)]
pub(super) struct Costs {
    seed: u64,
    per_record: Cost,
    slow_us: f64,
}

impl Costs {
    #[expect(clippy::cast_precision_loss, reason = "a cost is shorter than 2^53 microseconds")]
    pub(super) fn new(seed: u64, work: &WorkSpec) -> Self {
        let per_record = match work.per_record {
            CostSpec::Constant { us } => Cost::Constant { seconds: us / 1e6 },
            CostSpec::LogNormal { mu, sigma, max } => Cost::LogNormal { mu, sigma, max },
        };
        Self {
            seed,
            per_record,
            slow_us: work.slow_us as f64,
        }
    }

    /// What a record costs in microseconds. Topics count by their place in the spec: their names differ a side.
    pub(super) fn of(&self, topic: usize, partition: i32, header: &RecordHeader) -> f64 {
        if header.flags.0 & RecordFlags::SLOW.0 != 0 {
            return self.slow_us;
        }
        match &self.per_record {
            Cost::Constant { seconds } => seconds * 1e6,
            drawn => drawn.quantile(self.fraction(topic, partition, header)) * 1e6,
        }
    }

    /// Uniform in [0, 1).
    fn fraction(&self, topic: usize, partition: i32, header: &RecordHeader) -> f64 {
        let place = [
            topic as u64,
            u64::from(partition.cast_unsigned()),
            u64::from(header.shard),
            header.sequence,
        ];
        let bits = place.into_iter().fold(self.seed, |state, part| split_mix(state ^ part));
        #[expect(clippy::cast_precision_loss, reason = "53 bits fit")]
        let fraction = (bits >> 11) as f64 / (1_u64 << 53) as f64;
        fraction
    }
}

#[cfg(test)]
mod tests {
    use super::Costs;
    use crate::harness::protocol::{ConcurrencySpec, CostSpec, HandlerSpec, RecordFlags, RecordHeader, WorkSpec};

    fn costs(per_record: CostSpec) -> Costs {
        let work = WorkSpec {
            per_record,
            per_batch_us: 0,
            concurrency: ConcurrencySpec::Bounded(1),
            handler: HandlerSpec::Inline,
            cpu_share: 0.0,
            slow_us: 9_000_000,
            stalls_us: Vec::new(),
        };
        Costs::new(7, &work)
    }

    fn header(sequence: u64) -> RecordHeader {
        RecordHeader {
            flags: RecordFlags::NONE,
            run: 1,
            shard: 0,
            sequence,
            due_us: 0,
            key: 0,
            key_sequence: 0,
        }
    }

    #[test]
    fn the_declared_distribution_the_same_every_time() {
        let costs = costs(CostSpec::LogNormal {
            mu: 0.1_f64.ln(),
            sigma: 0.5,
            max: Some(0.2),
        });
        let mut drawn: Vec<f64> = (0..10_000).map(|n| costs.of(0, 3, &header(n))).collect();
        assert_eq!(costs.of(0, 3, &header(17)), drawn[17]);
        assert_ne!(costs.of(1, 3, &header(17)), drawn[17]);
        drawn.sort_by(f64::total_cmp);
        assert!((drawn[5_000] / 100_000.0 - 1.0).abs() < 0.03, "{}", drawn[5_000]);
        assert!((drawn[9_999] - 200_000.0).abs() < 1.0, "cut at the maximum");
        let slow = RecordHeader {
            flags: RecordFlags::SLOW,
            ..header(0)
        };
        assert_eq!(costs.of(0, 3, &slow), 9_000_000.0);
    }

    #[test]
    fn one_value_is_one_value() {
        let costs = costs(CostSpec::Constant { us: 100.0 });
        assert!((costs.of(0, 0, &header(5)) - 100.0).abs() < 1e-9);
    }
}
