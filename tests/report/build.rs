//! Outcomes to report on, built from the numbers of cases that were tried by hand on a real broker.

use std::collections::BTreeMap;

use lagproof::harness::outcome::{BrokerFacts, FORMAT, MachineFacts, Outcome, PutBack, TrialOutcome};
use lagproof::harness::plan::{
    MemoryPlan, Order, Phase, PhaseKind, Predicted, Side, SidePlan, Targets, TopicPlan, Trial,
};
use lagproof::harness::protocol::{
    CommitSpec, ConcurrencySpec, CostSpec, DeliverySpec, HandlerSpec, KeySpec, LoadTopic, Micros, SizeSpec, Stretch,
    WorkSpec,
};
use lagproof::harness::recording::{
    Account, MemoryHeldBy, Moment, Rebalance, RebalanceCause, Recording, WorkerEnd, WorkerFate,
};
use lagproof::harness::verdict::{Cause, Judgement, Kpi, Mechanism, SideJudgement, SideOutcome, Verdict};

/// 2026-11-23 14:35:12 UTC.
pub const STARTED: i64 = 1_795_444_512_000_000;

pub const MIB: u64 = 1 << 20;

/// An outcome of these trials on Apache Kafka.
pub fn outcome(trials: Vec<TrialOutcome>) -> Outcome {
    Outcome {
        format: FORMAT,
        lagproof: "0.1.0".to_owned(),
        project: "loom".to_owned(),
        started_us: STARTED,
        seconds: 214.0,
        seed: 7,
        broker: BrokerFacts {
            kind: "docker".to_owned(),
            what: "Apache Kafka 4.3.1 in docker, ready in 3.6 s".to_owned(),
            version: "4.3.1".to_owned(),
            why: String::new(),
            smoke_test: false,
        },
        machine: MachineFacts {
            system: "Debian 12".to_owned(),
            processor: "a processor".to_owned(),
            cores: 2,
            memory: 8 << 30,
        },
        trials,
        left_out: Vec::new(),
        cut_short: None,
    }
}

/// One target, judged.
pub fn judged(kpi: Kpi, verdict: Verdict, measured: &str, target: &str, because: &str) -> Judgement {
    Judgement {
        kpi,
        verdict,
        value: None,
        measured: measured.to_owned(),
        target: target.to_owned(),
        because: because.to_owned(),
    }
}

/// A trial of a case, or of a service where `case` is none.
pub fn trial(service: &str, case: Option<&str>, stretches: &[(f64, f64)], warm_up: f64) -> Trial {
    let seconds: f64 = stretches.iter().map(|(_, seconds)| seconds).sum();
    let phases = [(PhaseKind::WarmUp, 0.0, warm_up), (PhaseKind::Steady, warm_up, seconds)];
    Trial {
        service: service.to_owned(),
        case: case.map(str::to_owned),
        declared_client: "librdkafka".to_owned(),
        service_type: "sensor-processing".to_owned(),
        topics: vec![TopicPlan {
            name: "device.raw".to_owned(),
            replication: 1,
            configuration: BTreeMap::new(),
            order: Order::Kept,
            load: LoadTopic {
                topic: "device.raw".to_owned(),
                partitions: 4,
                stretches: stretches
                    .iter()
                    .map(|(rate, seconds)| Stretch {
                        from_rate: *rate,
                        to_rate: *rate,
                        seconds: *seconds,
                    })
                    .collect(),
                size: SizeSpec {
                    mean: 200,
                    max: 200,
                    compression_ratio: 1.0,
                },
                key: Some(KeySpec {
                    cardinality: 10_000,
                    zipf: 0.0,
                }),
                poison_at_us: Vec::new(),
                slow_at_us: Vec::new(),
            },
        }],
        phases: phases
            .into_iter()
            .filter(|(_, from, to)| from < to)
            .map(|(kind, from_s, to_s)| Phase { kind, from_s, to_s })
            .collect(),
        sides: vec![side_plan(Side::After)],
        order: vec![Side::After],
        targets: Targets {
            lag: 100,
            errors: 0.01,
            rebalances_per_hour: 1.0,
            return_s: Some(60.0),
        },
        faults: Vec::new(),
        speed: 1.0,
        speed_because: "asked for".to_owned(),
        cores_needed: 1.6,
        broker_properties: BTreeMap::new(),
        bytes: 9_000_000,
        notes: Vec::new(),
    }
}

pub fn side_plan(side: Side) -> SidePlan {
    SidePlan {
        side,
        client: "librdkafka".to_owned(),
        properties: [("max.poll.interval.ms", "60000"), ("group.id", "loom-motion")]
            .map(|(key, value)| (key.to_owned(), value.to_owned()))
            .into(),
        command: None,
        sections: BTreeMap::new(),
        instance_id: None,
        group: "loom-motion".to_owned(),
        replicas: 1,
        max_poll_records: 500,
        work: WorkSpec {
            per_record: CostSpec::Constant { us: 100.0 },
            per_batch_us: 15_000,
            concurrency: ConcurrencySpec::Bounded(1),
            handler: HandlerSpec::Inline,
            cpu_share: 0.0,
            slow_us: 0,
            stalls_us: Vec::new(),
        },
        delivery: DeliverySpec {
            commit: CommitSpec::AfterBatch,
            retry: None,
        },
        memory: MemoryPlan {
            limit: Some(256 * MIB),
            resident: 0,
            per_record_factor: 1.0,
        },
        poll_interval_s: 60.0,
        session_s: Some(45.0),
        predicted: Predicted::default(),
    }
}

/// How a run goes: sent and processed so far, lag and memory at each second.
pub type Course<'c> = &'c dyn Fn(f64) -> (f64, f64, f64, Option<f64>);

/// A run of `seconds` with four moments a second.
pub fn recording(trial: &Trial, side: Side, seconds: f64, course: Course<'_>) -> Recording {
    let mut moments = Vec::new();
    let mut at_s = 0.0;
    let mut n = 0_u32;
    while at_s <= seconds {
        let (sent, processed, lag, memory) = course(at_s);
        moments.push(Moment {
            at_s,
            lag: (n % 53 != 52).then_some(lag.round() as u64),
            committed_lag: Some(lag.round() as u64 + 3),
            sent: sent as u64,
            due: sent as u64,
            processed: processed as u64,
            in_hand: 1,
            memory: memory.into_iter().map(|mib| (mib * MIB as f64) as u64).collect(),
            broker_cores: Some(0.2),
            worker_cores: Some(0.3),
            unassigned: 0,
        });
        n += 1;
        // Not quite every quarter of a second, as in life; made up the same each time.
        at_s = f64::from(n)
            .mul_add(0.25, f64::from(n * 7 % 11) * 0.008 - 0.04)
            .max(0.0);
    }
    let last = moments.last().cloned().expect("a moment");
    Recording {
        format: lagproof::harness::recording::FORMAT,
        run: format!("{}-run", trial.name()),
        trial: trial.name().to_owned(),
        side,
        started_us: STARTED,
        seconds,
        client: "librdkafka 2.12.1".to_owned(),
        account: Account {
            sent: last.sent,
            processed: last.processed.min(last.sent),
            ..Account::default()
        },
        moments,
        latency: latencies(0.03, 0.3).encode(),
        measured_latency: latencies(0.03, 0.3).encode(),
        lateness: latencies(0.0001, 1.2).encode(),
        rebalances: vec![Rebalance {
            at_s: -0.8,
            cause: RebalanceCause::Start,
            what: "1 worker has all 4 partitions".to_owned(),
        }],
        workers: vec![WorkerFate {
            replica: 0,
            at_s: seconds,
            end: WorkerEnd::Stopped,
            peak_bytes: None,
            log: String::new(),
        }],
        errors: Vec::new(),
        faults: Vec::new(),
        longest_poll_gap_s: 0.52,
        memory_held_by: MemoryHeldBy::Cgroup,
        cpu_wait: Some(0.01),
        cut_short: None,
    }
}

/// 2,000 latencies around a median in seconds, spread by magnitudes; the same each time.
pub fn latencies(median: f64, spread: f64) -> Micros {
    let mut histogram = Micros::new();
    for n in 1..2_000_u32 {
        let share = f64::from(n) / 2_000.0;
        // The logistic distribution's quantile: close to the normal's, and exact arithmetic.
        let z = (share / (1.0 - share)).ln() / 1.7;
        histogram.record((median * (spread * z).exp() * 1e6) as i64);
    }
    histogram
}

/// A side with its runs.
pub fn side(side: Side, verdict: Verdict, judgements: Vec<Judgement>, recordings: Vec<Recording>) -> SideOutcome {
    SideOutcome {
        judgement: SideJudgement {
            side,
            verdict,
            judgements,
            causes: Vec::new(),
            faults: Vec::new(),
            disagreements: Vec::new(),
        },
        recordings,
    }
}

pub fn cause(mechanism: Mechanism, what: &str) -> Cause {
    Cause {
        mechanism,
        what: what.to_owned(),
    }
}

/// A trial with what came of it.
pub fn tried(trial: Trial, sides: Vec<SideOutcome>, put_back: Vec<PutBack>) -> TrialOutcome {
    let verdict = sides.last().map_or(Verdict::NotJudged, |one| one.judgement.verdict);
    TrialOutcome {
        trial,
        sides,
        verdict,
        put_back,
        limits: Vec::new(),
        evidence: None,
    }
}
