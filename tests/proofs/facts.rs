//! The motion filter of the sketches and measurements, and a fixed-seed generator for simulations.

use std::time::Duration;

use lagproof::model::cost::Cost;
use lagproof::proofs::Proof;
use lagproof::proofs::fleet::{Assignor, Group, Keys, Peak, RecordSize, Topic};
use lagproof::proofs::lag_floor::Fetch;
use lagproof::proofs::work::{Commit, Concurrency, Handler, Work};

pub fn ms(value: f64) -> Duration {
    Duration::from_secs_f64(value / 1e3)
}

pub fn motion() -> Work {
    Work {
        per_batch: Some(ms(15.0)),
        per_record: Some(Cost::constant(ms(0.1))),
        cpu: Duration::ZERO,
        max_poll_records: Some(500),
        concurrency: Some(Concurrency::Bounded(1)),
        handler: Handler::Inline,
        commit: Commit::AfterBatch,
    }
}

pub fn accelerometer() -> Topic {
    Topic {
        name: "device.sensor.accelerometer.raw".to_owned(),
        partitions: Some(10),
        rate: Some(500.0),
        peak: Some(Peak {
            rate: 2_500.0,
            lasts: Some(Duration::from_secs(600)),
            every: Some(Duration::from_secs(3_600)),
        }),
        record: RecordSize {
            mean: Some(128),
            max: Some(2_000),
        },
        producer_batch: Some(16_384),
        compression_ratio: 1.0,
        keys: Keys::None,
    }
}

pub fn steady(rate: f64) -> Topic {
    Topic {
        rate: Some(rate),
        peak: None,
        ..accelerometer()
    }
}

pub fn members(replicas: u32) -> Group {
    Group {
        replicas: Some(replicas),
        assignor: Assignor::Even,
    }
}

pub fn at_once() -> Fetch {
    Fetch {
        min: Some(1),
        max_wait: Some(ms(500.0)),
    }
}

/// A proof as a reader would see it, columns parted by bars.
pub fn print(proof: &Proof) -> String {
    let lines = proof.lines.iter().map(|line| {
        [
            &line.formula,
            &line.result,
            &line.bound,
            line.verdict.word(),
            &line.share,
        ]
        .map(str::to_owned)
        .join(" | ")
    });
    lines.collect::<Vec<_>>().join("\n")
}

/// SplitMix64: a small generator whose numbers are the same everywhere.
pub struct Dice(pub u64);

impl Dice {
    pub fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// Uniform in [0, 1).
    #[allow(clippy::cast_precision_loss)]
    pub fn unit(&mut self) -> f64 {
        (self.bits() >> 11) as f64 / (1_u64 << 53) as f64
    }
}

pub fn close(value: f64, wanted: f64, tolerance: f64) {
    assert!(
        (value - wanted).abs() <= tolerance * wanted.abs(),
        "{value} is not within {tolerance} of {wanted}"
    );
}
