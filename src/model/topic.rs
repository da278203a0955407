//! Topics as declared.

use std::time::Duration;

use crate::source::Span;
use crate::units::{Rate, Size};

use super::keywords::{Cleanup, Keyword as _, Ordering};
use super::origin::Sourced;
use super::service::Allow;

/// How fast records arrive on top of the expected rate, for how long, and how often.
#[derive(Debug, Clone, PartialEq)]
pub struct Peak {
    /// Records a second while it lasts, over all partitions.
    pub rate: Sourced<Rate>,
    /// How long it lasts.
    pub lasts: Option<Sourced<Duration>>,
    /// How often it comes.
    pub every: Option<Sourced<Duration>>,
}

/// What records are keyed by.
#[derive(Debug, Clone, PartialEq)]
pub struct Key {
    /// The field.
    pub field: Sourced<String>,
    /// How many keys there are.
    pub cardinality: Option<Sourced<u64>>,
    /// The Zipf exponent of their popularity; 0 is uniform.
    pub zipf: f64,
}

/// A topic.
#[derive(Debug, Clone, PartialEq)]
pub struct Topic {
    /// Its name.
    pub name: String,
    /// Where its table's name stands.
    pub span: Span,
    /// Partitions as wanted.
    pub partitions: Sourced<u32>,
    /// Partitions as they are now, where that is known.
    pub partitions_now: Option<Sourced<u32>>,
    /// The replication factor.
    pub replication: Sourced<u32>,
    /// Expected records a second, over all partitions and sources.
    pub rate: Option<Sourced<Rate>>,
    /// Records a second of one source, and how many sources there are.
    pub sources: Option<(Rate, u64)>,
    /// The peak.
    pub peak: Option<Peak>,
    /// The mean record, in bytes.
    pub record_mean: Option<Sourced<Size>>,
    /// The largest record, in bytes.
    pub record_max: Option<Sourced<Size>>,
    /// The producers' batch size, in bytes.
    pub producer_batch: Option<Sourced<Size>>,
    /// Uncompressed over compressed bytes; 1 is none.
    pub compression_ratio: Sourced<f64>,
    /// What records are keyed by; nothing for unkeyed topics.
    pub key: Option<Key>,
    /// What must be kept in order.
    pub ordering: Sourced<Ordering>,
    /// `retention.ms`.
    pub retention_time: Option<Sourced<Duration>>,
    /// `retention.bytes`, a partition.
    pub retention_size: Option<Sourced<Size>>,
    /// `segment.bytes`.
    pub segment_size: Option<Sourced<Size>>,
    /// `segment.ms`.
    pub segment_time: Option<Sourced<Duration>>,
    /// The cleanup policy.
    pub cleanup: Sourced<Cleanup>,
    /// Why it has the partitions that it has.
    pub reason: Option<Sourced<String>>,
    /// Keys whose values nobody stated; `*` stands for all of them.
    pub assumed: Vec<String>,
    /// Findings that are accepted here.
    pub allows: Vec<Allow>,
}

impl Topic {
    /// The largest batch that a fetch may have to hold, in bytes: the producers' batch size or the largest record.
    #[must_use]
    pub fn largest_batch(&self) -> Option<u64> {
        let batch = self.producer_batch.as_ref().map(|size| size.bytes());
        let record = self.record_max.as_ref().map(|size| size.bytes());
        batch.max(record)
    }

    /// Its configuration in Kafka's names and units, by name.
    #[must_use]
    pub fn configuration(&self) -> Vec<(&'static str, String)> {
        let milliseconds = |duration: &Sourced<Duration>| duration.as_millis().to_string();
        let bytes = |size: &Sourced<Size>| size.bytes().to_string();
        [
            ("cleanup.policy", Some(self.cleanup.as_str().to_owned())),
            ("retention.bytes", self.retention_size.as_ref().map(bytes)),
            ("retention.ms", self.retention_time.as_ref().map(milliseconds)),
            ("segment.bytes", self.segment_size.as_ref().map(bytes)),
            ("segment.ms", self.segment_time.as_ref().map(milliseconds)),
        ]
        .into_iter()
        .filter_map(|(name, value)| Some((name, value?)))
        .collect()
    }
}
