//! The topics of a trial, and the broker that has them.

use std::collections::BTreeMap;

use crate::broker::Options;
use crate::model::keywords::Ordering;
use crate::model::topic::Topic;

use super::super::protocol::{KeySpec, LoadTopic, RECORD_HEADER, SizeSpec};
use super::load::Schedule;
use super::trial::{Subject, float};
use super::wish::Brokers;
use super::{Order, TopicPlan};

/// Bytes of a record where nobody declares a size.
const SIZE: u64 = 1024;
/// Retention below that is felt within a run, in seconds.
const FELT_RETENTION_S: f64 = 3_600.0;

/// The topics of a trial, with what they get.
pub(super) fn topic_plans(
    subject: &Subject,
    scaled: &Subject,
    schedule: &Schedule,
    brokers: Brokers,
    notes: &mut Vec<String>,
) -> Vec<TopicPlan> {
    let plans = scaled.topics.iter().enumerate().map(|(at, topic)| {
        let declared = &subject.topics[at];
        if subject.load.is_empty() && declared.rate.is_none() {
            notes.push(format!("{}: no rate is declared", topic.name));
        }
        if topic.record_mean.is_none() {
            notes.push(format!(
                "{}: no record size is declared, {SIZE} bytes are sent",
                topic.name
            ));
        }
        if topic.record_mean.as_ref().is_some_and(|size| size.bytes() < HEADER) {
            notes.push(format!(
                "{}: records are raised to {HEADER} bytes, which the harness needs",
                topic.name
            ));
        }
        let promised = !topic.ordering.is_edition() && topic.ordering.value != Ordering::None;
        TopicPlan {
            name: topic.name.clone(),
            replication: match brokers {
                Brokers::Ours => 1,
                Brokers::Theirs => u16::try_from(topic.replication.value).unwrap_or(u16::MAX),
            },
            configuration: topic
                .configuration()
                .into_iter()
                .map(|(name, value)| (name.to_owned(), value))
                .collect(),
            order: if promised { Order::Kept } else { Order::Unpromised },
            load: LoadTopic {
                topic: topic.name.clone(),
                partitions: topic.partitions.value,
                stretches: schedule.stretches(at),
                size: size(topic),
                key: key(topic),
                poison_at_us: Vec::new(),
                slow_at_us: Vec::new(),
            },
        }
    });
    plans.collect()
}

const HEADER: u64 = RECORD_HEADER as u64;

/// How large a topic's records are.
pub(super) fn size(topic: &Topic) -> SizeSpec {
    let mean = topic.record_mean.as_ref().map_or(SIZE, |size| size.bytes()).max(HEADER);
    let max = topic.record_max.as_ref().map_or(mean, |size| size.bytes());
    SizeSpec {
        mean,
        max: max.max(mean),
        compression_ratio: topic.compression_ratio.value.max(1.0),
    }
}

/// Keys of which nobody says how many there are: a thousand, which any number of partitions shares evenly enough.
fn key(topic: &Topic) -> Option<KeySpec> {
    topic.key.as_ref().map(|key| KeySpec {
        cardinality: key
            .cardinality
            .as_ref()
            .map_or(1_000, |cardinality| cardinality.value.max(1)),
        zipf: key.zipf,
    })
}

/// Bytes that a topic gets in one run.
pub(super) fn bytes(topic: &TopicPlan) -> f64 {
    let records: f64 = topic
        .load
        .stretches
        .iter()
        .map(|stretch| f64::midpoint(stretch.from_rate, stretch.to_rate) * stretch.seconds)
        .sum();
    records * float(topic.load.size.mean)
}

/// What a broker of ours is started with: the declared bounds, what retention needs to be felt within a run, shorter
/// sessions where time is compressed, and what the case itself says.
pub(super) fn broker_properties(
    scaled: &Subject,
    sides: &[super::SidePlan],
    brokers: Brokers,
    speed: f64,
) -> BTreeMap<String, String> {
    if brokers == Brokers::Theirs {
        return BTreeMap::new();
    }
    let mut options = Options::default().with_bounds(&scaled.broker);
    let felt = |topic: &Topic| {
        let soon = |time: &std::time::Duration| time.as_secs_f64() < FELT_RETENTION_S;
        topic.retention_size.is_some() || topic.retention_time.as_ref().is_some_and(|time| soon(&time.value))
    };
    if scaled.topics.iter().any(felt) {
        options = options.with_quick_retention();
    }
    let least = scaled.broker.min_session_timeout.as_secs_f64();
    let shortest = sides.iter().filter_map(|side| side.session_s).reduce(f64::min);
    // Where time is compressed, settings that are put back are, too, and the client's own session is often the shortest.
    if speed > 1.0 || shortest.is_some_and(|session| session < least) {
        options = options.with_short_sessions();
    }
    let mut all = options.properties;
    all.extend(scaled.properties.iter().cloned());
    all
}
