//! Trials made by hand, for tests of runs.

use std::collections::BTreeMap;

use lagproof::harness::plan::{
    FaultKind, FaultPlan, MemoryPlan, Phase, PhaseKind, Predicted, Side, SidePlan, Targets, TopicPlan, Trial,
};
use lagproof::harness::protocol::{
    CommitSpec, ConcurrencySpec, CostSpec, DeliverySpec, HandlerSpec, KeySpec, LoadTopic, SizeSpec, Stretch, WorkSpec,
};

/// A trial of one topic of four partitions: `rate` records a second for `seconds`, a record at `us` microseconds.
pub fn trial(rate: f64, seconds: f64, us: f64) -> Trial {
    let topic = TopicPlan {
        name: "it's a test".replace([' ', '\''], "."),
        replication: 1,
        configuration: BTreeMap::new(),
        load: LoadTopic {
            topic: "declared".to_owned(),
            partitions: 4,
            stretches: vec![Stretch {
                from_rate: rate,
                to_rate: rate,
                seconds,
            }],
            size: SizeSpec {
                mean: 200,
                max: 200,
                compression_ratio: 1.0,
            },
            key: Some(KeySpec {
                cardinality: 1_000,
                zipf: 0.0,
            }),
            poison_at_us: Vec::new(),
            slow_at_us: Vec::new(),
        },
        ..serde_json::from_str(TOPIC).unwrap()
    };
    let phase = |kind, from_s, to_s| Phase { kind, from_s, to_s };
    Trial {
        service: "tested".to_owned(),
        case: None,
        declared_client: "librdkafka".to_owned(),
        service_type: "sensor-processing".to_owned(),
        topics: vec![topic],
        phases: vec![
            phase(PhaseKind::WarmUp, 0.0, 1.0),
            phase(PhaseKind::Steady, 1.0, seconds),
        ],
        sides: vec![side(us)],
        order: vec![Side::After],
        targets: serde_json::from_str::<Targets>(r#"{"lag":100,"errors":0.01,"rebalances_per_hour":1.0}"#).unwrap(),
        faults: Vec::new(),
        speed: 1.0,
        speed_because: "asked for".to_owned(),
        cores_needed: 0.1,
        broker_properties: BTreeMap::new(),
        bytes: 10_000_000,
        notes: Vec::new(),
    }
}

/// 100 records of half a megabyte a second, `us` microseconds each, all held and committed on receipt, inside 128 MiB:
/// they don't fit.
pub fn heavy(seconds: f64, us: f64) -> Trial {
    let mut heavy = trial(100.0, seconds, us);
    heavy.topics[0].load.size.mean = 500_000;
    heavy.topics[0].load.size.max = 500_000;
    heavy.bytes = 400_000_000;
    let held = &mut heavy.sides[0];
    held.work.concurrency = ConcurrencySpec::Unbounded;
    held.delivery.commit = CommitSpec::OnReceipt;
    held.memory.limit = Some(128 << 20);
    heavy
}

const TOPIC: &str = r#"{"name":"","replication":1,"configuration":{},"load":{"topic":"","partitions":1,"stretches":[],
    "size":{"mean":40,"max":40,"compression_ratio":1.0},"key":null,"poison_at_us":[],"slow_at_us":[]}}"#;

/// A side that commits after each batch of at most 100.
pub fn side(us: f64) -> SidePlan {
    let properties = [
        ("auto.offset.reset", "earliest"),
        ("enable.auto.commit", "false"),
        ("session.timeout.ms", "6000"),
        ("heartbeat.interval.ms", "500"),
        ("max.poll.interval.ms", "10000"),
        ("fetch.wait.max.ms", "100"),
    ];
    SidePlan {
        side: Side::After,
        client: "librdkafka".to_owned(),
        properties: properties
            .map(|(key, value)| (key.to_owned(), value.to_owned()))
            .into_iter()
            .collect(),
        command: None,
        sections: BTreeMap::new(),
        instance_id: None,
        group: "tested".to_owned(),
        replicas: 1,
        max_poll_records: 100,
        work: WorkSpec {
            per_record: CostSpec::Constant { us },
            per_batch_us: 1_000,
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
            limit: None,
            resident: 0,
            per_record_factor: 1.0,
        },
        poll_interval_s: 10.0,
        session_s: Some(6.0),
        predicted: Predicted::default(),
    }
}

/// The same with something that goes wrong.
pub fn with_fault(mut trial: Trial, kind: FaultKind, at_s: f64) -> Trial {
    trial.faults.push(FaultPlan { kind, at_s });
    trial
}
