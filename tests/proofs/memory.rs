use lagproof::proofs::fleet::{Assignor, Group, RecordSize, Topic};
use lagproof::proofs::memory::{Client, Fetching, Input, Memory, Over, prove};
use lagproof::proofs::work::{Concurrency, Work};
use lagproof::proofs::{Verdict, Words};

use super::facts::{accelerometer, close, members, motion, print};

const MIB: u64 = 1 << 20;

fn defaults(client: Client) -> Fetching {
    Fetching {
        client,
        brokers: Some(3),
        fetch_max: Some(50 * MIB),
        max_partition_fetch: Some(MIB),
        queued_max_kbytes: Some(65_536),
    }
}

fn input<'a>(fetching: Fetching, work: &'a Work, topics: &'a [Topic]) -> Input<'a> {
    Input {
        fetching,
        work,
        topics,
        group: members(1),
        resident: Some(40_000_000),
        per_record_factor: Some(15.0),
        limit: Some(256 * MIB),
    }
}

fn judged(fetching: Fetching) -> Memory {
    let (work, topics) = (motion(), [accelerometer()]);
    prove(&input(fetching, &work, &topics), Words::Written)
}

#[test]
fn the_sketch() {
    let memory = judged(defaults(Client::Librdkafka));
    assert_eq!(
        print(&memory.proof),
        "65.5 MB queue + 2 × 10.5 MB fetch + 4.19 MB client + 40 MB resident + 988 kB held | = 132 MB | of 256 MiB | \
         holds | 49 %"
    );
}

/// A stalled librdkafka consumer, one broker, four partitions: growth in MiB as measured, and the settings.
#[test]
fn the_bound_covers_what_was_measured() {
    for (measured, kbytes, fetch_max, partition_max) in [
        (74.0, 65_536, 50 * MIB, MIB),
        (14.0, 8_192, 50 * MIB, MIB),
        (5.0, 1_024, 50 * MIB, MIB),
        (124.0, 65_536, 50 * MIB, 8_000_000),
        (102.0, 65_536, 50 * MIB, 50 * MIB),
        (63.0, 16_384, 32_000_000, 8_000_000),
        (18.0, 4_096, 8 * MIB, 2 * MIB),
    ] {
        let fetching = Fetching {
            brokers: Some(1),
            fetch_max: Some(fetch_max),
            max_partition_fetch: Some(partition_max),
            queued_max_kbytes: Some(kbytes),
            ..defaults(Client::Librdkafka)
        };
        let topics = [Topic {
            partitions: Some(4),
            ..accelerometer()
        }];
        let work = motion();
        let bound = prove(&input(fetching, &work, &topics), Words::Written).fetched.unwrap() / 1_048_576.0;
        assert!(bound >= measured, "{bound} MiB does not cover {measured} MiB");
    }
}

#[test]
fn each_client_has_its_bound() {
    let fetched = |client| judged(defaults(client)).fetched.unwrap();
    let mib = 1_048_576.0;
    close(fetched(Client::Java), 10.0 * mib, 1e-9);
    close(fetched(Client::Aiokafka), 10.0 * mib, 1e-9);
    close(fetched(Client::Kafkajs), 2.0 * 10.0 * mib, 1e-9);
    let native = fetched(Client::Librdkafka);
    close(native, 65_536_000.0 + 24.0 * mib, 1e-9);
    close(fetched(Client::ConfluentJavascript), native + 500.0 * 128.0, 1e-9);
}

#[test]
fn large_batches_and_compression_count() {
    let work = motion();
    let topics = [Topic {
        record: RecordSize {
            mean: Some(MIB),
            max: Some(3 * MIB),
        },
        compression_ratio: 2.0,
        ..accelerometer()
    }];
    let java = prove(&input(defaults(Client::Java), &work, &topics), Words::Written);
    close(java.fetched.unwrap(), 10.0 * 3.0 * 2.0 * 1_048_576.0, 1e-9);
    close(java.held.unwrap(), 15.0 * (499.0 + 3.0) * 1_048_576.0, 1e-9);
    assert_eq!((java.proof.verdict, java.over), (Verdict::Broken, vec![Over::Limit]));
}

#[test]
fn unbounded_concurrency_breaks_whatever_the_limit() {
    let work = Work {
        concurrency: Some(Concurrency::Unbounded),
        ..motion()
    };
    let topics = [accelerometer()];
    let memory = prove(
        &Input {
            limit: None,
            ..input(defaults(Client::Aiokafka), &work, &topics)
        },
        Words::Written,
    );
    assert_eq!(
        (memory.proof.verdict, memory.over),
        (Verdict::Broken, vec![Over::UnboundedHandler])
    );
    assert_eq!(memory.proof.unknown, ["memory.limit"]);
}

#[test]
fn only_what_a_client_needs_can_be_unknown() {
    let work = motion();
    let topics = [accelerometer()];
    let none = |client| Fetching {
        client,
        brokers: None,
        fetch_max: None,
        max_partition_fetch: None,
        queued_max_kbytes: None,
    };
    let unknown = |client| {
        prove(&input(none(client), &work, &topics), Words::Written)
            .proof
            .unknown
    };
    assert_eq!(unknown(Client::Java), ["consumer.max_partition_fetch"]);
    assert_eq!(
        unknown(Client::Kafkajs),
        ["broker.count", "consumer.fetch_max", "consumer.max_partition_fetch"]
    );
    let topics = [Topic {
        record: RecordSize::default(),
        producer_batch: None,
        ..accelerometer()
    }];
    let memory = prove(
        &Input {
            resident: None,
            ..input(defaults(Client::Java), &work, &topics)
        },
        Words::Written,
    );
    assert_eq!(memory.proof.verdict, Verdict::Unknown);
    assert_eq!(
        memory.proof.unknown,
        [
            "memory.resident",
            "topics.\"device.sensor.accelerometer.raw\".producer_batch",
            "topics.\"device.sensor.accelerometer.raw\".record.max",
            "topics.\"device.sensor.accelerometer.raw\".record.mean",
        ]
    );
}

#[test]
fn a_replica_that_is_away_leaves_its_partitions_to_the_others() {
    let work = motion();
    let topics = [accelerometer()];
    let judged = |limit| {
        prove(
            &Input {
                group: Group {
                    replicas: Some(2),
                    assignor: Assignor::Range,
                },
                limit: Some(limit),
                ..input(defaults(Client::Java), &work, &topics)
            },
            Words::Written,
        )
    };
    let memory = judged(48 * MIB);
    assert_eq!(memory.proof.verdict, Verdict::Warns);
    assert!(matches!(memory.over[..], [Over::OneReplicaAway { total }] if total > 48.0 * 1_048_576.0));
    assert_eq!(judged(64 * MIB).proof.verdict, Verdict::Holds);
    assert_eq!(judged(40 * MIB).proof.verdict, Verdict::Broken);
}
