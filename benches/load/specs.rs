//! What the processes are told.

use std::collections::BTreeMap;
use std::path::Path;

use lagproof::broker::{Broker, Caps, Lease, TopicSpec};
use lagproof::harness::protocol::{
    Clock, CommitSpec, ConcurrencySpec, CostSpec, DeliverySpec, HandlerSpec, KeySpec, LoadSpec, LoadTopic, PROTOCOL,
    Shard, SizeSpec, Stretch, Ticks, WorkSpec, WorkerSpec,
};

use super::Outcome;

/// What the records carry.
const TAG: u32 = 7;

/// Partitions of all topics here.
pub const PARTITIONS: u32 = 6;

/// A topic, and what holds it.
pub fn topic(broker: &Broker, name: &str) -> Outcome<Lease> {
    let mut lease = broker.lease(Caps::default(), Path::new("none is written"))?;
    lease.create_topics(&[TopicSpec::new(name, PARTITIONS)])?;
    Ok(lease)
}

fn ticks(in_s: f64) -> Ticks {
    #[expect(clippy::cast_possible_truncation, reason = "a few seconds")]
    let ahead = (in_s * 1e6) as i64;
    Ticks {
        start_us: Clock::start().now_us() + ahead,
        every_ms: 250,
        jitter_ms: 50,
        seed: 7,
    }
}

/// A load at an even pace.
pub fn load(broker: &Broker, topic: &str, rate: f64, seconds: f64, size: u64) -> LoadSpec {
    let properties = [
        ("bootstrap.servers", broker.bootstrap()),
        ("acks", "1"),
        ("linger.ms", "5"),
    ];
    LoadSpec {
        protocol: PROTOCOL,
        run: "bench".to_owned(),
        tag: TAG,
        shard: Shard { index: 0, of: 1 },
        seed: 7,
        properties: map(&properties),
        topics: vec![LoadTopic {
            topic: topic.to_owned(),
            partitions: PARTITIONS,
            stretches: vec![Stretch {
                from_rate: rate,
                to_rate: rate,
                seconds,
            }],
            size: SizeSpec {
                mean: size,
                max: size,
                compression_ratio: 2.0,
            },
            key: Some(KeySpec {
                cardinality: 1_000,
                zipf: 0.0,
            }),
            poison_at_us: Vec::new(),
            slow_at_us: Vec::new(),
        }],
        ticks: ticks(1.5),
    }
}

/// A worker that costs nothing.
pub fn worker(topic: &str, properties: BTreeMap<String, String>, commit: CommitSpec) -> WorkerSpec {
    WorkerSpec {
        protocol: PROTOCOL,
        run: "bench".to_owned(),
        tag: TAG,
        service: "bench".to_owned(),
        replica: 0,
        properties,
        sections: BTreeMap::new(),
        topics: vec![topic.to_owned()],
        max_poll_records: 500,
        work: WorkSpec {
            per_record: CostSpec::Constant { us: 0.0 },
            per_batch_us: 0,
            concurrency: ConcurrencySpec::Bounded(1),
            handler: HandlerSpec::Inline,
            cpu_share: 0.0,
            slow_us: 0,
            stalls_us: Vec::new(),
        },
        delivery: DeliverySpec { commit, retry: None },
        per_record_factor: 1.0,
        seed: 7,
        ticks: ticks(0.0),
    }
}

/// A consumer's properties: librdkafka's own defaults, with a group, but for the pause in fetching once its queue is full.
/// With the default of a second the rate is that pause: any loop that is a little slower than the fetching fills the queue,
/// and then waits most of the time.
pub fn consumer(broker: &Broker, group: &str, commit: CommitSpec) -> BTreeMap<String, String> {
    let auto = if commit == CommitSpec::Interval {
        "true"
    } else {
        "false"
    };
    map(&[
        ("bootstrap.servers", broker.bootstrap()),
        ("group.id", group),
        ("auto.offset.reset", "earliest"),
        ("enable.auto.commit", auto),
        ("fetch.queue.backoff.ms", "1"),
    ])
}

fn map(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect()
}
