//! Services made by hand and by chance.

use std::time::Duration;

use lagproof::model::keywords::{Assignor, Client, Commit, GroupProtocol, Handler, Isolation, Keyword, RemoteAssignor};
use lagproof::model::limits::bounds;
use lagproof::model::origin::{Layer, Sourced};
use lagproof::model::service::{Concurrency, Delivery, Memory, Processing, Raw, RawValue, Run, Service, Targets};
use lagproof::model::settings::{Kind, OffsetReset, Setting, Settings, Value};
use lagproof::source::{FileId, Span};
use lagproof::units::Size;
use proptest::collection::vec;
use proptest::prelude::*;

const FILE: FileId = FileId(0);

pub fn at<T>(value: T, layer: Layer) -> Sourced<T> {
    Sourced::new(value, layer, Span::whole(FILE))
}

fn given<T>(value: T) -> Sourced<T> {
    at(value, Layer::Profile)
}

/// A service with nothing set: every setting is left to the client.
pub fn bare(name: &str, client: Client) -> Service {
    Service {
        name: name.to_owned(),
        file: FILE,
        version: given(1),
        service_type: given("any".to_owned()),
        client: given(client),
        client_version: None,
        group: given(name.to_owned()),
        group_protocol: at(GroupProtocol::Classic, Layer::Edition),
        instance_id: None,
        restart: None,
        summary: None,
        topics: vec![given("device.audio.raw".to_owned())],
        subscribed: vec![given("device.audio.*".to_owned())],
        replicas: given(1),
        run: Run {
            consumer: Settings::default(),
            delivery: Delivery {
                commit: given(Commit::AfterBatch),
                commit_interval: at(Duration::from_secs(5), Layer::Edition),
                isolation: given(Isolation::ReadCommitted),
                retry: None,
            },
            processing: Processing {
                per_record: None,
                per_record_max: None,
                per_batch: given(Duration::ZERO),
                concurrency: given(Concurrency::Bounded(1)),
                handler: given(Handler::Inline),
                cpu: None,
                assumed: Vec::new(),
            },
            memory: Memory {
                limit: None,
                resident: None,
                per_record_factor: given(1.0),
                assumed: Vec::new(),
            },
        },
        baseline: None,
        targets: Targets {
            lag: given(100),
            errors: given(0.01),
            rebalances_per_hour: given(1.0),
        },
        raw: Vec::new(),
        deviations: Vec::new(),
        allows: Vec::new(),
        renamed_from: Vec::new(),
    }
}

pub fn raw(client: Client, key: &str, value: RawValue) -> Raw {
    Raw {
        client,
        key: key.to_owned(),
        key_span: Span::whole(FILE),
        value: given(value),
    }
}

fn word<T: Keyword + std::fmt::Debug>() -> impl Strategy<Value = T> {
    proptest::sample::select(T::ALL)
}

/// Text that a name may be: no control characters, no blanks at its ends.
pub fn name() -> impl Strategy<Value = String> {
    "[^\\p{Cc}\\s]([^\\p{Cc}]{0,40}[^\\p{Cc}\\s])?".prop_filter("249 bytes at most", |text| text.len() <= 249)
}

fn duration(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

/// Any value in the bounds that reading enforces; the ends come up often.
fn value(setting: Setting) -> BoxedStrategy<Value> {
    let number = bounds(setting).map(|bounds| {
        prop_oneof![
            Just(bounds.min),
            Just(bounds.max),
            bounds.min..=bounds.max,
            bounds.min..=bounds.max.min(bounds.min + 100_000),
        ]
    });
    match (setting.info().kind, number) {
        (Kind::Count, Some(number)) => number.prop_map(Value::Count).boxed(),
        (Kind::Duration, Some(number)) => number.prop_map(|millis| Value::Duration(duration(millis))).boxed(),
        (Kind::Size, Some(number)) => number.prop_map(|bytes| Value::Size(Size(bytes))).boxed(),
        (Kind::Switch, _) => any::<bool>().prop_map(Value::Switch).boxed(),
        (Kind::Assignors, _) => vec(word::<Assignor>(), 1..5)
            .prop_map(|mut list| {
                let mut seen = Vec::new();
                list.retain(|assignor| {
                    !seen.contains(assignor) && {
                        seen.push(*assignor);
                        true
                    }
                });
                Value::Assignors(list.into())
            })
            .boxed(),
        (Kind::OffsetReset, _) => prop_oneof![
            Just(OffsetReset::Earliest),
            Just(OffsetReset::Latest),
            Just(OffsetReset::None),
            (0_u64..1_000_000_000).prop_map(|millis| OffsetReset::ByDuration(duration(millis))),
        ]
        .prop_map(Value::OffsetReset)
        .boxed(),
        (Kind::RemoteAssignor, _) => word::<RemoteAssignor>().prop_map(Value::RemoteAssignor).boxed(),
        (Kind::Text, _) => name().prop_map(|text| Value::Text(text.into())).boxed(),
        (kind, None) => panic!("{setting} is a {kind:?} without bounds"),
    }
}

fn settings() -> impl Strategy<Value = Settings> {
    let each: Vec<_> = Setting::ALL
        .into_iter()
        .map(|setting| {
            let layer = prop_oneof![Just(Layer::Edition), Just(Layer::Type), Just(Layer::Profile)];
            proptest::option::of((value(setting), layer)).boxed()
        })
        .collect();
    each.prop_map(|values| {
        let mut settings = Settings::default();
        for (setting, value) in Setting::ALL.into_iter().zip(values) {
            if let Some((value, layer)) = value {
                settings.set(setting, at(value, layer));
            }
        }
        settings
    })
}

fn raw_value() -> impl Strategy<Value = RawValue> {
    prop_oneof![
        any::<i64>().prop_map(RawValue::Integer),
        (0_i64..2000).prop_map(RawValue::Integer),
        any::<f64>().prop_map(RawValue::Float),
        any::<bool>().prop_map(RawValue::Switch),
        ".{0,20}".prop_map(RawValue::Text),
        Just(RawValue::Text("a\nsession.timeout.ms=1".to_owned())),
        Just(RawValue::Text(" x".to_owned())),
        Just(RawValue::Text("010".to_owned())),
        Just(RawValue::Text("#=\\u0041:! ä\u{1f980}".to_owned())),
    ]
}

/// Keys of all clients, modelled ones and aliases among them, and nonsense.
fn raw_key() -> impl Strategy<Value = String> {
    let known = proptest::sample::select(vec![
        "client.id",
        "client_id",
        "clientId",
        "fetch.error.backoff.ms",
        "socket.keepalive.enable",
        "max.in.flight",
        "max.in.flight.requests.per.connection",
        "send.buffer.bytes",
        "exclude_internal_topics",
        "retry.retries",
        "retry.factor",
        "maxInFlightRequests",
        "session.timeout.ms",
        "fetch.message.max.bytes",
        "group.id",
        "linger.ms",
        "max.partition.fetch.bytes",
        "enable.auto.offset.store",
        "max.poll.records",
        "bootstrap.servers",
        "offset.store.method",
        "js.consumer.max.cache.size.per.worker.ms",
        "partitionsConsumedConcurrently",
        "metrics.recording.level",
    ]);
    prop_oneof![4 => known.prop_map(str::to_owned), 1 => ".{0,12}"]
}

/// A service as reading could give it, whatever the rules say of it.
pub fn service() -> impl Strategy<Value = Service> {
    let identity = (
        name(),
        word::<Client>(),
        word::<GroupProtocol>(),
        proptest::option::of(name()),
    );
    let delivery = (word::<Commit>(), 0_u64..200_000_000, word::<Isolation>());
    let raws = vec((word::<Client>(), raw_key(), raw_value()), 0..6);
    let version = proptest::option::of((0_u32..5, 0_u32..15));
    (identity, settings(), delivery, raws, version).prop_map(|(identity, consumer, delivery, raws, version)| {
        let (group, client, protocol, id) = identity;
        let mut service = bare("any", client);
        service.group = given(group);
        service.group_protocol = given(protocol);
        service.instance_id = id.map(given);
        service.client_version = version.map(given);
        service.run.consumer = consumer;
        service.run.delivery = Delivery {
            commit: given(delivery.0),
            commit_interval: given(duration(delivery.1)),
            isolation: given(delivery.2),
            retry: None,
        };
        let mut seen: Vec<(Client, String)> = Vec::new();
        for (of, key, value) in raws {
            // TOML knows each key once.
            if !seen.contains(&(of, key.clone())) {
                seen.push((of, key.clone()));
                service.raw.push(raw(of, &key, value));
            }
        }
        service
    })
}
