//! What a service and a topic compile to, as documents, and the digests of those.
//!
//! `settings` is everything that a running service needs: its digest is what a version stands for. `context` is what
//! others need to know about it: its digest is what a revision stands for. Each form has a number; a form never changes,
//! so that a newer lagproof gives the same digests.

use std::borrow::Cow;
use std::collections::BTreeMap;

use crate::model::cost::Cost;
use crate::model::keywords::{Client, Keyword};
use crate::model::project::Model;
use crate::model::service::{Concurrency, Delivery, Raw, RawValue, Service};
use crate::model::settings::Settings;
use crate::model::topic::Topic;

use super::digest::Digest;
use super::doc::Doc;
use super::values::value_doc;

const SETTINGS_FORM: &str = "settings form 1";
const CONTEXT_FORM: &str = "context form 1";
const TOPIC_FORM: &str = "topic form 1";
const PROOF_FORM: &str = "proof form 1";
const INPUT_FORM: &str = "proof input form 1";

type Entries = Vec<(Cow<'static, str>, Doc)>;

fn put(entries: &mut Entries, key: &'static str, doc: Doc) {
    entries.push((Cow::Borrowed(key), doc));
}

fn put_some<T>(entries: &mut Entries, key: &'static str, value: Option<T>, doc: impl FnOnce(T) -> Doc) {
    if let Some(value) = value {
        put(entries, key, doc(value));
    }
}

/// Everything that a running service needs.
#[must_use]
pub fn settings_doc(service: &Service) -> Doc {
    let mut doc = Entries::with_capacity(12);
    put(&mut doc, "client", Doc::text(service.client.value));
    put(&mut doc, "group", Doc::text(&service.group.value));
    put(&mut doc, "group_protocol", Doc::text(service.group_protocol.value));
    put_some(&mut doc, "instance_id", service.instance_id.as_ref(), |id| {
        Doc::text(&id.value)
    });
    let topics = service.topics.iter().map(|topic| Doc::text(&topic.value));
    put(&mut doc, "topics", Doc::List(topics.collect()));
    put(&mut doc, "consumer", consumer_doc(&service.run.consumer));
    put(&mut doc, "delivery", delivery_doc(&service.run.delivery));
    put(
        &mut doc,
        "concurrency",
        match service.run.processing.concurrency.value {
            Concurrency::Bounded(most) => Doc::integer(most),
            Concurrency::Unbounded => Doc::text("unbounded"),
        },
    );
    put(&mut doc, "handler", Doc::text(service.run.processing.handler.value));
    if !service.raw.is_empty() {
        put(&mut doc, "raw", raw_doc(&service.raw));
    }
    Doc::Object(doc)
}

fn consumer_doc(settings: &Settings) -> Doc {
    Doc::Object(
        settings
            .iter()
            .map(|(setting, value)| (Cow::Borrowed(setting.info().key), value_doc(&value.value)))
            .collect(),
    )
}

fn delivery_doc(delivery: &Delivery) -> Doc {
    let mut doc = Entries::new();
    put(&mut doc, "commit", Doc::text(delivery.commit.value));
    put(
        &mut doc,
        "commit_interval_ms",
        Doc::milliseconds(delivery.commit_interval.value),
    );
    put(&mut doc, "isolation", Doc::text(delivery.isolation.value));
    put_some(&mut doc, "retry", delivery.retry.as_ref(), |retry| {
        let mut doc = Entries::new();
        put(&mut doc, "attempts", Doc::integer(retry.attempts.value));
        put(&mut doc, "backoff_ms", Doc::milliseconds(retry.backoff.value));
        put_some(&mut doc, "dead_letter", retry.dead_letter.as_ref(), |topic| {
            Doc::text(&topic.value)
        });
        Doc::Object(doc)
    });
    Doc::Object(doc)
}

fn raw_doc(raw: &[Raw]) -> Doc {
    let mut clients = Entries::new();
    for client in Client::ALL {
        let mut of_client: Vec<&Raw> = raw.iter().filter(|one| one.client == *client).collect();
        of_client.sort_by(|a, b| a.key.cmp(&b.key));
        if !of_client.is_empty() {
            let entries = of_client
                .into_iter()
                .map(|one| (Cow::Owned(one.key.clone()), raw_value_doc(&one.value.value)));
            put(&mut clients, client.as_str(), Doc::Object(entries.collect()));
        }
    }
    Doc::Object(clients)
}

fn raw_value_doc(value: &RawValue) -> Doc {
    match value {
        RawValue::Integer(number) => Doc::Integer(*number),
        RawValue::Float(number) => Doc::Decimal(*number),
        RawValue::Switch(on) => Doc::Switch(*on),
        RawValue::Text(text) => Doc::text(text),
    }
}

/// What others need to know about a service.
#[must_use]
pub fn context_doc(model: &Model, service: &Service) -> Doc {
    let mut doc = Entries::with_capacity(6);
    put(&mut doc, "type", Doc::text(&service.service_type.value));
    put_some(&mut doc, "summary", service.summary.as_ref(), |summary| {
        Doc::text(&summary.value)
    });
    put(&mut doc, "replicas", Doc::integer(service.replicas.value));
    put(&mut doc, "targets", targets_doc(service));
    let topics = service.topics.iter().filter_map(|topic| {
        let topic = model.topics.get(&topic.value)?;
        let mut doc = Entries::new();
        put(&mut doc, "partitions", Doc::integer(topic.partitions.value));
        put_some(&mut doc, "rate", topic.rate.as_ref(), |rate| Doc::rate(rate.value));
        put_some(&mut doc, "peak_rate", topic.peak.as_ref(), |peak| {
            Doc::rate(peak.rate.value)
        });
        Some((Cow::Owned(topic.name.clone()), Doc::Object(doc)))
    });
    put(&mut doc, "topics", Doc::Object(topics.collect()));
    Doc::Object(doc)
}

/// What a topic should be.
#[must_use]
pub fn topic_doc(topic: &Topic) -> Doc {
    let mut doc = Entries::with_capacity(16);
    put(&mut doc, "partitions", Doc::integer(topic.partitions.value));
    put_some(&mut doc, "partitions_now", topic.partitions_now.as_ref(), |now| {
        Doc::integer(now.value)
    });
    put(&mut doc, "replication", Doc::integer(topic.replication.value));
    put_some(&mut doc, "rate", topic.rate.as_ref(), |rate| Doc::rate(rate.value));
    put_some(&mut doc, "peak", topic.peak.as_ref(), |peak| {
        let mut doc = Entries::new();
        put(&mut doc, "rate", Doc::rate(peak.rate.value));
        put_some(&mut doc, "lasts_ms", peak.lasts.as_ref(), |lasts| {
            Doc::milliseconds(lasts.value)
        });
        put_some(&mut doc, "every_ms", peak.every.as_ref(), |every| {
            Doc::milliseconds(every.value)
        });
        Doc::Object(doc)
    });
    put_some(&mut doc, "record_mean_bytes", topic.record_mean.as_ref(), |size| {
        Doc::bytes(size.value)
    });
    put_some(&mut doc, "record_max_bytes", topic.record_max.as_ref(), |size| {
        Doc::bytes(size.value)
    });
    put_some(&mut doc, "key", topic.key.as_ref(), |key| {
        let mut doc = Entries::new();
        put(&mut doc, "field", Doc::text(&key.field.value));
        put_some(&mut doc, "cardinality", key.cardinality.as_ref(), |cardinality| {
            Doc::integer(cardinality.value)
        });
        put(&mut doc, "zipf", Doc::Decimal(key.zipf));
        Doc::Object(doc)
    });
    put(&mut doc, "ordering", Doc::text(topic.ordering.value));
    put_some(&mut doc, "retention_ms", topic.retention_time.as_ref(), |time| {
        Doc::milliseconds(time.value)
    });
    put_some(&mut doc, "retention_bytes", topic.retention_size.as_ref(), |size| {
        Doc::bytes(size.value)
    });
    put_some(&mut doc, "segment_ms", topic.segment_time.as_ref(), |time| {
        Doc::milliseconds(time.value)
    });
    put_some(&mut doc, "segment_bytes", topic.segment_size.as_ref(), |size| {
        Doc::bytes(size.value)
    });
    put(&mut doc, "cleanup", Doc::text(topic.cleanup.value));
    put_some(&mut doc, "reason", topic.reason.as_ref(), |reason| {
        Doc::text(&reason.value)
    });
    Doc::Object(doc)
}

/// What a version stands for.
#[must_use]
pub fn settings_digest(service: &Service) -> Digest {
    Digest::of_doc(SETTINGS_FORM, &settings_doc(service))
}

/// What a revision stands for.
#[must_use]
pub fn context_digest(model: &Model, service: &Service) -> Digest {
    Digest::of_doc(CONTEXT_FORM, &context_doc(model, service))
}

/// What a topic's revision stands for.
#[must_use]
pub fn topic_digest(topic: &Topic) -> Digest {
    Digest::of_doc(TOPIC_FORM, &topic_doc(topic))
}

/// What evidence stands for: settings, context, costs and memory, and the topics as the load is made from them.
#[must_use]
pub fn proof_digest(model: &Model, service: &Service) -> Digest {
    let mut doc = Entries::new();
    put(&mut doc, "settings", settings_doc(service));
    put(&mut doc, "context", context_doc(model, service));
    let topics = service.topics.iter().filter_map(|topic| {
        let topic = model.topics.get(&topic.value)?;
        Some((Cow::Owned(topic.name.clone()), topic_doc(topic)))
    });
    put(&mut doc, "load", Doc::Object(topics.collect()));
    put(&mut doc, "costs", costs_doc(service));
    put(&mut doc, "memory", memory_doc(service));
    Digest::of_doc(PROOF_FORM, &Doc::Object(doc))
}

/// What evidence rests on, part by part, each under a name that people know. What is only said about a service, such as its
/// summary, is no part.
#[must_use]
pub fn proof_inputs(model: &Model, service: &Service) -> BTreeMap<String, Digest> {
    let mut parts = BTreeMap::new();
    let mut part = |name: String, doc: &Doc| {
        parts.insert(name, Digest::of_doc(INPUT_FORM, doc));
    };
    part("settings".to_owned(), &settings_doc(service));
    part("replicas".to_owned(), &Doc::integer(service.replicas.value));
    part("targets".to_owned(), &targets_doc(service));
    part("costs".to_owned(), &costs_doc(service));
    part("memory".to_owned(), &memory_doc(service));
    for topic in &service.topics {
        if let Some(topic) = model.topics.get(&topic.value) {
            let mut doc = Entries::new();
            put(&mut doc, "topic", topic_doc(topic));
            put_some(
                &mut doc,
                "producer_batch_bytes",
                topic.producer_batch.as_ref(),
                |size| Doc::bytes(size.value),
            );
            put(
                &mut doc,
                "compression_ratio",
                Doc::Decimal(topic.compression_ratio.value),
            );
            part(format!("topics.\"{}\"", topic.name), &Doc::Object(doc));
        }
    }
    parts
}

fn targets_doc(service: &Service) -> Doc {
    let mut targets = Entries::new();
    put(&mut targets, "lag", Doc::integer(service.targets.lag.value));
    put(&mut targets, "errors", Doc::Decimal(service.targets.errors.value));
    let rebalances = service.targets.rebalances_per_hour.value;
    put(&mut targets, "rebalances_per_hour", Doc::Decimal(rebalances));
    Doc::Object(targets)
}

fn costs_doc(service: &Service) -> Doc {
    let processing = &service.run.processing;
    let mut costs = Entries::new();
    put_some(&mut costs, "per_record", processing.per_record.as_ref(), |cost| {
        cost_doc(&cost.value)
    });
    put(
        &mut costs,
        "per_batch_ms",
        Doc::milliseconds(processing.per_batch.value),
    );
    put_some(&mut costs, "cpu_ms", processing.cpu.as_ref(), |cpu| {
        Doc::milliseconds(cpu.value)
    });
    Doc::Object(costs)
}

fn memory_doc(service: &Service) -> Doc {
    let memory = &service.run.memory;
    let mut held = Entries::new();
    put_some(&mut held, "limit", memory.limit.as_ref(), |size| Doc::bytes(size.value));
    put_some(&mut held, "resident", memory.resident.as_ref(), |size| {
        Doc::bytes(size.value)
    });
    put(
        &mut held,
        "per_record_factor",
        Doc::Decimal(memory.per_record_factor.value),
    );
    Doc::Object(held)
}

/// The parameters of a cost. Those of a log-normal were computed: the last bits, which differ between machines' logarithms,
/// are left out.
fn cost_doc(cost: &Cost) -> Doc {
    let rounded = |number: f64| Doc::Text(format!("{number:.9}"));
    let mut doc = Entries::new();
    match *cost {
        Cost::Constant { seconds } => put(&mut doc, "seconds", rounded(seconds)),
        Cost::LogNormal { mu, sigma, max } => {
            put(&mut doc, "mu", rounded(mu));
            put(&mut doc, "sigma", rounded(sigma));
            put_some(&mut doc, "max_seconds", max, rounded);
        }
    }
    Doc::Object(doc)
}
