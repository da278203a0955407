//! Looking at the broker while a run goes on: where logs begin and end, what the group has committed, what the broker uses.

mod eyes;
mod watch;

pub use eyes::Eyes;
pub use watch::{Usage, Watch};

/// A partition as the broker shows it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct PartitionSeen {
    /// The topic's name on the broker.
    pub topic: String,
    /// The partition.
    pub partition: i32,
    /// The first offset that is still there.
    pub start: i64,
    /// The offset that the next record gets; where only committed records are read, the end of what can be read.
    pub end: i64,
    /// What the group has committed; nothing before the first time.
    pub committed: Option<i64>,
}

/// What was seen at a tick.
#[derive(Debug, Clone, PartialEq)]
pub struct Seen {
    /// Which tick.
    pub tick: u32,
    /// When the ends were asked for: Unix time in microseconds.
    pub at_us: i64,
    /// All partitions; nothing where the broker did not answer.
    pub partitions: Option<Vec<PartitionSeen>>,
    /// CPU seconds that the broker has used since it started; nothing where it can't be told.
    pub broker_cpu_seconds: Option<f64>,
    /// Why the broker did not answer.
    pub error: Option<String>,
}
