//! Models made by hand: only what the scripts look at differs from one to the next.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use lagproof::model::broker::{Broker, Environment, LoadPermission, Security, Stage, TopicOverride};
use lagproof::model::keywords::{Cleanup, Client, Commit, GroupProtocol, Handler, Isolation, Ordering};
use lagproof::model::matrix::{Edition, Matrix, Sizing};
use lagproof::model::origin::{Layer, Sourced};
use lagproof::model::project::Model;
use lagproof::model::service::{Concurrency, Delivery, Memory, Processing, Run, Service, Targets};
use lagproof::model::settings::{Setting, Settings, Value};
use lagproof::model::topic::{Key, Topic};
use lagproof::source::{FileId, Span};
use lagproof::units::Size;

const FILE: FileId = FileId(0);

pub fn sourced<T>(value: T) -> Sourced<T> {
    Sourced::new(value, Layer::Profile, Span::whole(FILE))
}

pub fn topic(name: &str, partitions: u32) -> Topic {
    Topic {
        name: name.to_owned(),
        span: Span::whole(FILE),
        partitions: sourced(partitions),
        partitions_now: None,
        replication: sourced(3),
        rate: None,
        sources: None,
        peak: None,
        record_mean: None,
        record_max: None,
        producer_batch: None,
        compression_ratio: sourced(1.0),
        key: None,
        ordering: sourced(Ordering::PerKey),
        retention_time: Some(sourced(Duration::from_secs(7 * 86_400))),
        retention_size: None,
        segment_size: None,
        segment_time: None,
        cleanup: sourced(Cleanup::Delete),
        reason: None,
        assumed: Vec::new(),
        allows: Vec::new(),
    }
}

pub fn keyed(mut topic: Topic, field: &str) -> Topic {
    topic.key = Some(Key {
        field: sourced(field.to_owned()),
        cardinality: None,
        zipf: 0.0,
    });
    topic
}

pub fn service(name: &str, group: &str, protocol: GroupProtocol, settings: &[(Setting, u64)]) -> Service {
    let mut consumer = Settings::default();
    for (setting, milliseconds) in settings {
        consumer.set(*setting, sourced(Value::Duration(Duration::from_millis(*milliseconds))));
    }
    Service {
        name: name.to_owned(),
        file: FILE,
        version: sourced(1),
        service_type: sourced("sensor-processing".to_owned()),
        client: sourced(Client::Librdkafka),
        client_version: None,
        group: sourced(group.to_owned()),
        group_protocol: sourced(protocol),
        instance_id: None,
        restart: None,
        summary: None,
        topics: Vec::new(),
        subscribed: Vec::new(),
        replicas: sourced(1),
        run: Run {
            consumer,
            delivery: Delivery {
                commit: sourced(Commit::AfterBatch),
                commit_interval: sourced(Duration::from_secs(5)),
                isolation: sourced(Isolation::ReadCommitted),
                retry: None,
            },
            processing: Processing {
                per_record: None,
                per_record_max: None,
                per_batch: sourced(Duration::ZERO),
                concurrency: sourced(Concurrency::Bounded(1)),
                handler: sourced(Handler::Inline),
                cpu: None,
                assumed: Vec::new(),
            },
            memory: Memory {
                limit: None,
                resident: None,
                per_record_factor: sourced(1.0),
                assumed: Vec::new(),
            },
        },
        baseline: None,
        targets: Targets {
            lag: sourced(100),
            errors: sourced(0.01),
            rebalances_per_hour: sourced(1.0),
        },
        raw: Vec::new(),
        deviations: Vec::new(),
        allows: Vec::new(),
        renamed_from: Vec::new(),
    }
}

fn broker() -> Broker {
    let seconds = |seconds| sourced(Duration::from_secs(seconds));
    Broker {
        version: sourced((4, 0)),
        count: sourced(3),
        min_session_timeout: seconds(6),
        max_session_timeout: seconds(1800),
        max_group_size: sourced(1000),
        message_max: sourced(Size(1_048_588)),
        fetch_max: sourced(Size(57_671_680)),
        offsets_retention: seconds(604_800),
        consumer_session_timeout: (seconds(45), seconds(60)),
        consumer_heartbeat_interval: (seconds(5), seconds(15)),
    }
}

pub fn environment(name: &str, topic: &str, partitions: u32) -> Environment {
    Environment {
        name: name.to_owned(),
        span: Span::whole(FILE),
        brokers: Vec::new(),
        broker: broker(),
        security: Security::default(),
        load: LoadPermission::Refused,
        cluster_id: None,
        stage: Stage::Test,
        services: Vec::new(),
        topics: vec![TopicOverride {
            topic: sourced(topic.to_owned()),
            partitions: Some(sourced(partitions)),
            rate: None,
            peak_rate: None,
        }],
    }
}

pub fn model(topics: impl IntoIterator<Item = Topic>, services: Vec<Service>) -> Model {
    Model {
        name: "reference".to_owned(),
        base_branch: "main".to_owned(),
        broker: broker(),
        environments: Vec::new(),
        matrix: Matrix {
            file: FILE,
            edition: sourced(Edition::E2026),
            defaults: Vec::new(),
            types: Vec::new(),
            sizing: Sizing {
                min_partitions: 3,
                rate_per_partition: None,
            },
        },
        topics: topics
            .into_iter()
            .map(|topic| (topic.name.clone(), topic))
            .collect::<BTreeMap<_, _>>(),
        services: services.into_iter().map(Arc::new).collect(),
        cases: Vec::new(),
    }
}
