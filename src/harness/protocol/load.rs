//! The load process: what it is told, and what it tells.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{EncodedHistogram, PROTOCOL, Range, Shard, Ticks};

/// Everything that one load process needs. The same spec, seed and shard give the same records.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LoadSpec {
    /// [`PROTOCOL`].
    pub protocol: u32,
    /// The run's id, for logs.
    pub run: String,
    /// Stands in every record, so that those of another run are told apart.
    pub tag: u32,
    /// Which part of the load this process sends: records number `index`, `index + of`, … of the schedule.
    pub shard: Shard,
    /// What sizes and keys are drawn from.
    pub seed: u64,
    /// The producer's properties, as librdkafka has them.
    pub properties: BTreeMap<String, String>,
    /// Where records go.
    pub topics: Vec<LoadTopic>,
    /// When to write a line. The schedule begins at its start.
    pub ticks: Ticks,
}

impl LoadSpec {
    /// Whether this process can do what it says.
    #[must_use]
    pub const fn is_ours(&self) -> bool {
        self.protocol == PROTOCOL
    }
}

/// What one topic gets.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LoadTopic {
    /// Its name on the broker.
    pub topic: String,
    /// Its partitions. A record's partition is chosen here, as Java's producer does: murmur2 of the key.
    pub partitions: u32,
    /// The load, one stretch after the other.
    pub stretches: Vec<Stretch>,
    /// How large its records are.
    pub size: SizeSpec,
    /// What they are keyed by; nothing for records without a key, which are dealt out in turn.
    pub key: Option<KeySpec>,
    /// Moments, in microseconds after the load's start: the next record from each on fails its handler.
    pub poison_at_us: Vec<u64>,
    /// Moments like these: the next record from each on takes the worker's `slow_us`.
    pub slow_at_us: Vec<u64>,
}

/// A stretch of load at an even pace.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Stretch {
    /// Records a second at its start, over all partitions and shards.
    pub from_rate: f64,
    /// Records a second at its end; the rate goes evenly from one to the other.
    pub to_rate: f64,
    /// Seconds.
    pub seconds: f64,
}

/// How large records are, in bytes; at least [`super::RECORD_HEADER`].
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SizeSpec {
    /// The mean.
    pub mean: u64,
    /// The largest. Sizes are exponential above half of the mean, cut at it; all are the mean where both are equal.
    pub max: u64,
    /// Uncompressed over compressed bytes that values are made for; 1 is noise.
    pub compression_ratio: f64,
}

/// What records are keyed by.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct KeySpec {
    /// How many keys there are; key k is the text `key-k`.
    pub cardinality: u64,
    /// The Zipf exponent; 0 is uniform.
    pub zipf: f64,
}

/// What a load process writes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "line", rename_all = "kebab-case")]
pub enum LoadLine {
    /// It is connected, knows all topics, and waits for the start.
    Ready {
        /// When.
        at_us: i64,
        /// [`PROTOCOL`].
        protocol: u32,
        /// librdkafka's version.
        client: String,
    },
    /// What happened since the last such line.
    Tick {
        /// When.
        at_us: i64,
        /// Which tick.
        tick: u32,
        /// Records that were due since then.
        due: u64,
        /// Records that the broker acknowledged since then.
        acknowledged: Vec<Range>,
        /// Records that it refused, or that were given up.
        failed: Vec<Range>,
        /// How late records were handed to the client, in microseconds after they were due; before it was full or not.
        lateness: EncodedHistogram,
        /// CPU seconds of this process since its start.
        cpu_seconds: f64,
        /// Seconds since its start that the thread which waited longest was ready to run and did not; nothing where it
        /// can't be told.
        cpu_wait_seconds: Option<f64>,
    },
    /// Something that went wrong, and goes on.
    Error {
        /// When.
        at_us: i64,
        /// What.
        message: String,
        /// How often since the last such line.
        times: u64,
    },
    /// Everything was sent, and acknowledged or given up.
    End {
        /// When.
        at_us: i64,
        /// Records due in all.
        due: u64,
        /// Records acknowledged in all.
        acknowledged: u64,
        /// Records that failed.
        failed: u64,
    },
}
