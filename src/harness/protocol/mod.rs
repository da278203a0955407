//! What crosses between the harness and the processes that it starts: specs in, sample lines out.
//!
//! A process gets its spec as one line of JSON on standard input, and may get commands on later lines ([`Command`]). It
//! writes sample lines of JSON to standard output, one object a line, as things happen: one that is killed has said
//! all but the last quarter of a second. Standard error is its log. The end of standard input means "stop".
//!
//! Nothing here is a percentile: histograms, counters, ranges and offsets merge across shards and machines.
//! Times are Unix time in microseconds.

mod clock;
mod histogram;
mod intervals;
mod lines;
mod load;
mod record;
mod schema;
mod stalls;
mod stop;
mod ticks;
mod troubles;
mod usage;
mod worker;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use clock::Clock;
pub use histogram::{HistogramError, Micros};
pub use intervals::{Intervals, StreamIntervals};
pub use lines::{Lines, SpecError, obey, read_spec};
pub use load::{KeySpec, LoadLine, LoadSpec, LoadTopic, SizeSpec, Stretch};
pub use record::{RECORD_HEADER, RecordFlags, RecordHeader};
pub use schema::worker_schema;
pub use stalls::Stalls;
pub use stop::{Stop, precise_sleep};
pub use ticks::{Ticks, split_mix};
pub use troubles::{ProcessError, Trouble, Troubles, error_name};
pub use usage::{ProcessUsage, UsageMeter};
pub use worker::{
    CommitSpec, ConcurrencySpec, CostSpec, DeliverySpec, EndReason, HandlerSpec, Position, RetrySpec, WorkSpec,
    WorkerLine, WorkerSpec, WorkerTick,
};

/// The protocol's version. A process refuses a spec of another one.
pub const PROTOCOL: u32 = 1;

/// One of several processes that share out the same work.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Shard {
    /// Which one, from 0.
    pub index: u32,
    /// How many there are; at least 1.
    pub of: u32,
}

/// What a process may be told on later lines of its standard input.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "command", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Command {
    /// Finish in good order: commit what is done, leave the group, write the last line, exit 0.
    Stop,
    /// A worker finishes nothing in this stretch, and answers with [`WorkerLine::Stall`] that it will not. Others skip it.
    Stall {
        /// Its begin, Unix time in microseconds.
        from_us: i64,
        /// Its end, not part of it.
        to_us: i64,
    },
}

/// One partition's records as one load shard sends them, numbered from 0 without a gap.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
pub struct Stream {
    /// The topic's name on the broker.
    pub topic: String,
    /// The partition.
    pub partition: i32,
    /// The load shard.
    pub shard: u32,
}

/// Numbers `from..to` (the end not among them) of a stream.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Range {
    /// The stream.
    #[serde(flatten)]
    pub stream: Stream,
    /// The first number.
    pub from: u64,
    /// One past the last.
    pub to: u64,
}

/// A histogram of microseconds that merges: HdrHistogram's V2 format, deflated, in base64.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct EncodedHistogram(pub String);
