//! Topics.

use std::collections::{BTreeMap, BTreeSet};

use crate::declared::{KeySection, PeakSection, Spanned, TopicName, TopicSection, TopicsFile, pages as declared_pages};
use crate::diagnostic::{Finding, Findings};
use crate::model::broker::Broker;
use crate::model::keywords::{Cleanup, Ordering};
use crate::model::origin::{Layer, Sourced};
use crate::model::topic::{Key, Peak, Topic};
use crate::source::{FileId, Span};
use crate::units::shown;

use super::layers::{allows, assumed, lay, lay_some, pinned, sourced};

/// The topics that could be read, and the names of those that could not: their own findings say why, and who reads them
/// is not wrong too.
pub(super) fn resolve_topics(
    declared: &TopicsFile,
    broker: &Broker,
    file: FileId,
    findings: &mut Findings,
) -> (BTreeMap<String, Topic>, BTreeSet<String>) {
    let (mut topics, mut unreadable) = (BTreeMap::new(), BTreeSet::new());
    for (name, section) in &declared.topics {
        if !TopicName::is_valid(&name.value) || name.value.contains(['*', '?']) {
            findings.push(bad_topic_name(name));
            unreadable.insert(name.value.clone());
            continue;
        }
        let Some(partitions) = &section.partitions else {
            unreadable.insert(name.value.clone());
            continue;
        };
        let mut topic = bare_topic(name, sourced(partitions, Layer::Profile), broker, Span::whole(file));
        lay_topic(&mut topic, section, Layer::Profile);
        topics.insert(name.value.clone(), topic);
    }
    (topics, unreadable)
}

pub(super) fn bad_topic_name(name: &Spanned<String>) -> Finding {
    Finding::new(
        &declared_pages::BAD_NAME,
        name.span,
        format!("`{}` can't be a topic's name", shown(&name.value)),
    )
    .at_run_time("brokers refuse to create it")
    .help("topics are named by at most 249 letters, digits, `.`, `_` and `-`")
}

/// Three copies, or as many as there are brokers.
pub(super) fn default_replication(broker: &Broker) -> u32 {
    3.min(broker.count.value)
}

/// A topic of which only its name and partitions are known.
fn bare_topic(name: &Spanned<String>, partitions: Sourced<u32>, broker: &Broker, file: Span) -> Topic {
    Topic {
        name: name.value.clone(),
        span: name.span,
        partitions,
        partitions_now: None,
        replication: Sourced {
            value: default_replication(broker),
            origin: pinned((), file).origin,
        },
        rate: None,
        sources: None,
        peak: None,
        record_mean: None,
        record_max: None,
        producer_batch: None,
        compression_ratio: pinned(1.0, file),
        key: None,
        ordering: pinned(Ordering::None, file),
        retention_time: None,
        retention_size: None,
        segment_size: None,
        segment_time: None,
        cleanup: pinned(Cleanup::Delete, file),
        reason: None,
        assumed: Vec::new(),
        allows: Vec::new(),
    }
}

/// Lays a section over a topic.
pub(super) fn lay_topic(topic: &mut Topic, section: &TopicSection, layer: Layer) {
    lay(&mut topic.partitions, section.partitions.as_ref(), layer);
    lay_some(&mut topic.partitions_now, section.partitions_now.as_ref(), layer);
    lay(&mut topic.replication, section.replication.as_ref(), layer);
    if let Some(rate) = &section.rate {
        topic.rate = Some(Sourced::new(rate.value.total, layer, rate.span));
        topic.sources = rate.value.sources;
    }
    if let Some(peak) = &section.peak {
        topic.peak = Some(resolve_peak(&peak.value, layer));
    }
    if let Some(record) = &section.record {
        lay_some(&mut topic.record_mean, record.value.mean.as_ref(), layer);
        lay_some(&mut topic.record_max, record.value.max.as_ref(), layer);
    }
    lay_some(&mut topic.producer_batch, section.producer_batch.as_ref(), layer);
    lay(&mut topic.compression_ratio, section.compression_ratio.as_ref(), layer);
    if let Some(key) = &section.key {
        topic.key = Some(resolve_key(&key.value, layer));
        if topic.ordering.origin.layer == Layer::Edition {
            topic.ordering = Sourced::new(Ordering::PerKey, Layer::Edition, key.span);
        }
    }
    lay(&mut topic.ordering, section.ordering.as_ref(), layer);
    lay_some(&mut topic.retention_time, section.retention_time.as_ref(), layer);
    lay_some(&mut topic.retention_size, section.retention_size.as_ref(), layer);
    lay_some(&mut topic.segment_size, section.segment_size.as_ref(), layer);
    lay_some(&mut topic.segment_time, section.segment_time.as_ref(), layer);
    lay(&mut topic.cleanup, section.cleanup.as_ref(), layer);
    lay_some(&mut topic.reason, section.reason.as_ref(), layer);
    if section.assumed.is_some() {
        topic.assumed = assumed(section.assumed.as_ref());
    }
    topic.allows.extend(allows(&section.allows, layer));
}

fn resolve_peak(peak: &PeakSection, layer: Layer) -> Peak {
    Peak {
        rate: Sourced::new(peak.rate.value.total, layer, peak.rate.span),
        lasts: peak.lasts.as_ref().map(|lasts| sourced(lasts, layer)),
        every: peak.every.as_ref().map(|every| sourced(every, layer)),
    }
}

fn resolve_key(key: &KeySection, layer: Layer) -> Key {
    Key {
        field: sourced(&key.field, layer),
        cardinality: key.cardinality.as_ref().map(|cardinality| sourced(cardinality, layer)),
        zipf: key.zipf.as_ref().map_or(0.0, |zipf| zipf.value),
    }
}
