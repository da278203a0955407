//! Recordings made up by a simulation: records arrive as the plan says, a service does so many a second.

use lagproof::harness::plan::{PhaseKind, Side, Trial};
use lagproof::harness::protocol::{Micros, Stretch, split_mix};
use lagproof::harness::recording::{Account, FORMAT, MemoryHeldBy, Moment, Recording, WorkerEnd, WorkerFate};

/// How a made-up service does.
#[derive(Debug, Clone)]
pub struct Service {
    /// Records a second that it can do.
    pub capacity: f64,
    /// Records that are always in hand.
    pub in_hand: f64,
    /// By how much that varies.
    pub noise: f64,
    /// Records that the log holds at most: older ones are deleted.
    pub retained: f64,
    /// Seconds after the load at which nobody looks any longer.
    pub patience_s: f64,
}

impl Service {
    /// One that keeps up.
    pub const fn quick() -> Self {
        Self {
            capacity: 100_000.0,
            in_hand: 12.0,
            noise: 5.0,
            retained: f64::INFINITY,
            patience_s: 30.0,
        }
    }

    pub const fn of_capacity(capacity: f64) -> Self {
        Self {
            capacity,
            ..Self::quick()
        }
    }

    /// What is recorded of it. `seed` decides the noise.
    pub fn runs(&self, trial: &Trial, side: Side, seed: u64) -> Recording {
        let end_s = trial.seconds();
        let (mut sent, mut processed, mut lost) = (0.0_f64, 0.0_f64, 0.0_f64);
        let (mut at_s, mut tick) = (0.0, 0_u64);
        let mut moments = Vec::new();
        while at_s < end_s + self.patience_s {
            tick += 1;
            let jitter = fraction(seed.wrapping_mul(7_919).wrapping_add(tick)).mul_add(0.1, -0.05);
            let now = (tick as f64).mul_add(0.25, jitter);
            let passed = now - at_s;
            sent += due(trial, now) - due(trial, at_s);
            processed += (self.capacity * passed).min(sent - processed - lost);
            let over = sent - processed - lost - self.retained;
            lost += over.max(0.0);
            at_s = now;
            let noise = fraction(seed.wrapping_mul(104_729).wrapping_add(tick)).mul_add(2.0, -1.0) * self.noise;
            let hand = if now < end_s {
                (self.in_hand + noise).max(0.0)
            } else {
                0.0
            };
            let behind = (sent - processed - lost).max(hand.min(sent));
            moments.push(Moment {
                at_s,
                lag: Some(behind.round() as u64),
                committed_lag: Some(behind.round() as u64),
                sent: sent.round() as u64,
                due: sent.round() as u64,
                processed: (sent - lost - behind).max(0.0).round() as u64,
                in_hand: hand.round() as u64,
                memory: vec![40 << 20],
                broker_cores: Some(0.1),
                worker_cores: Some(0.1),
                unassigned: 0,
            });
            if now > end_s && behind < 1.0 {
                break;
            }
        }
        let plan = trial.sides.iter().find(|plan| plan.side == side).expect("a side");
        let account = Account {
            sent: sent.round() as u64,
            processed: processed.round() as u64,
            lost: lost.round() as u64,
            lost_to_retention: lost.round() as u64,
            ..Account::default()
        };
        Recording {
            format: FORMAT,
            run: format!("made-{seed}"),
            trial: trial.name().to_owned(),
            side,
            started_us: 1_700_000_000_000_000,
            seconds: at_s,
            client: format!("{} 2.12.1", plan.client),
            moments,
            account,
            latency: late(&[(30_000, 100)]),
            measured_latency: late(&[(30_000, 100)]),
            lateness: late(&[(100, 990), (3_000, 10)]),
            rebalances: Vec::new(),
            workers: (0..plan.replicas)
                .map(|replica| WorkerFate {
                    replica,
                    at_s,
                    end: WorkerEnd::Stopped,
                    peak_bytes: Some(41 << 20),
                    log: String::new(),
                })
                .collect(),
            errors: Vec::new(),
            faults: Vec::new(),
            longest_poll_gap_s: 0.05,
            memory_held_by: MemoryHeldBy::Cgroup,
            cpu_wait: Some(0.01),
            cut_short: None,
        }
    }
}

/// A histogram of (microseconds, times).
pub fn late(counts: &[(i64, u64)]) -> lagproof::harness::protocol::EncodedHistogram {
    let mut micros = Micros::new();
    for (us, times) in counts {
        micros.record_n(*us, *times);
    }
    micros.encode()
}

/// A number from 0 to 1.
pub fn fraction(seed: u64) -> f64 {
    (split_mix(seed) >> 11) as f64 / (1_u64 << 53) as f64
}

/// Records due until a moment, over all topics.
fn due(trial: &Trial, until_s: f64) -> f64 {
    let of = |stretches: &[Stretch]| {
        let (mut from_s, mut sum) = (0.0, 0.0);
        for stretch in stretches {
            let part = (until_s - from_s).clamp(0.0, stretch.seconds);
            let to = (stretch.to_rate - stretch.from_rate).mul_add(part / stretch.seconds, stretch.from_rate);
            sum += part * f64::midpoint(stretch.from_rate, to);
            from_s += stretch.seconds;
        }
        sum
    };
    trial.topics.iter().map(|topic| of(&topic.load.stretches)).sum()
}

/// The end of the first phase of a kind.
pub fn end_of(trial: &Trial, kind: PhaseKind) -> f64 {
    let phase = trial.phases.iter().find(|phase| phase.kind == kind);
    phase.expect("such a phase").to_s
}
