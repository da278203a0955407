//! What a replica counts, and the memory that it takes.

use std::time::Instant;

/// Resident memory of this process in megabytes; `None` where the system does not tell it.
pub fn memory_megabytes() -> Option<f64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kibibytes: f64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kibibytes * 1024.0 / 1e6)
}

/// What is recorded of a stretch of processing; what is `None` stays unknown.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Metrics {
    /// Records, failed ones among them.
    pub messages_processed: i64,
    /// Time in handlers in milliseconds, summed over all records.
    pub processing_time_ms: Option<f64>,
    /// Records a second.
    pub messages_per_second: Option<f64>,
    /// Resident memory in megabytes; measured where it is not given.
    pub memory_usage_mb: Option<f64>,
    /// Records that failed for good.
    pub messages_failed: Option<i64>,
    /// Times that partitions were assigned.
    pub rebalances: Option<i32>,
    /// Which replica.
    pub instance: Option<String>,
}

/// Counted since the last row that was recorded.
#[derive(Debug, Clone, PartialEq)]
pub struct Counters {
    /// Records, failed ones among them.
    pub processed: u64,
    /// Records that failed for good.
    pub failed: u64,
    /// Time in handlers in milliseconds, summed over all records.
    pub busy_ms: f64,
    /// Times that partitions were assigned.
    pub rebalances: u32,
    /// When counting began.
    pub since: Instant,
}

impl Default for Counters {
    fn default() -> Self {
        Self {
            processed: 0,
            failed: 0,
            busy_ms: 0.0,
            rebalances: 0,
            since: Instant::now(),
        }
    }
}

impl Counters {
    /// What was counted; counting begins anew.
    pub(crate) fn take(&mut self) -> Self {
        std::mem::take(self)
    }

    /// What could not be recorded counts in the next row.
    pub(crate) fn put_back(&mut self, taken: &Self) {
        self.processed += taken.processed;
        self.failed += taken.failed;
        self.busy_ms += taken.busy_ms;
        self.rebalances += taken.rebalances;
        self.since = taken.since;
    }
}
