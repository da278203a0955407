//! Recordings of processes that are made up.

mod account;
mod moments;
mod rebalances;

use super::{DoneTo, Head, Merger};
use crate::harness::launch::{Ending, How, ProcessId, Said, What};
use crate::harness::plan::{FaultKind, Phase, PhaseKind, Side};
use crate::harness::probe::{PartitionSeen, Seen};
use crate::harness::protocol::{
    CommitSpec, EncodedHistogram, EndReason, LoadLine, Micros, Position, Range, Stream, Ticks, WorkerLine, WorkerTick,
};
use crate::harness::recording::{MemoryHeldBy, RebalanceCause, Recording, WorkerEnd};

const EVERY: i64 = 250_000;

fn ticks() -> Ticks {
    Ticks {
        start_us: 0,
        every_ms: 250,
        jitter_ms: 0,
        seed: 0,
    }
}

fn head(commit: CommitSpec) -> Head {
    Head {
        run: "r".to_owned(),
        trial: "t".to_owned(),
        side: Side::After,
        ticks: ticks(),
        phases: vec![Phase {
            kind: PhaseKind::WarmUp,
            from_s: 0.0,
            to_s: 0.5,
        }],
        topics: vec![("t".to_owned(), 2)],
        commit,
        session_s: 10.0,
        poll_interval_s: 60.0,
        faults: Vec::new(),
        memory_held_by: MemoryHeldBy::NoLimit,
    }
}

/// A merger whose load starts at the first tick.
fn started(head: Head) -> Merger {
    let mut merger = Merger::new(head);
    merger.load_starts_at(0);
    merger
}

fn range(partition: i32, shard: u32, from: u64, to: u64) -> Range {
    Range {
        stream: Stream {
            topic: "t".to_owned(),
            partition,
            shard,
        },
        from,
        to,
    }
}

fn position(partition: i32, processed: i64) -> Position {
    Position {
        topic: "t".to_owned(),
        partition,
        processed: Some(processed),
        polled: Some(processed),
        committed: Some(processed),
    }
}

fn histogram(us: i64, times: u64) -> EncodedHistogram {
    let mut micros = Micros::new();
    micros.record_n(us, times);
    micros.encode()
}

fn tick(tick: u32, positions: Vec<Position>, processed: Vec<Range>) -> WorkerTick {
    let records = processed.iter().map(|range| range.to - range.from).sum();
    WorkerTick {
        at_us: i64::from(tick) * EVERY,
        tick,
        positions,
        processed,
        records,
        bytes: 0,
        repeated: 0,
        reordered: 0,
        foreign: 0,
        failed: 0,
        dead_letters: 0,
        batches: 1,
        in_hand: 1,
        latency: histogram(1_000 * i64::from(tick), records),
        longest_poll_gap_us: 5,
        resident_bytes: Some(100),
        cpu_seconds: f64::from(tick) * 0.1,
        cpu_wait_seconds: Some(f64::from(tick) * 0.01),
    }
}

fn said(process: ProcessId, at_us: i64, what: What) -> Said {
    Said { process, at_us, what }
}

fn assigned(process: ProcessId, at_us: i64, partitions: &[i32]) -> Said {
    let partitions = partitions.iter().map(|at| ("t".to_owned(), *at)).collect();
    said(process, at_us, What::Worker(WorkerLine::Assigned { at_us, partitions }))
}

fn lost(process: ProcessId, at_us: i64, partitions: &[i32]) -> Said {
    let partitions = partitions.iter().map(|at| ("t".to_owned(), *at)).collect();
    said(process, at_us, What::Worker(WorkerLine::Lost { at_us, partitions }))
}

fn ended(process: ProcessId, at_us: i64, how: How) -> Said {
    let ending = Ending {
        how,
        peak_bytes: Some(7),
        log: "last words".to_owned(),
    };
    said(process, at_us, What::Ended(ending))
}

fn partition(partition: i32, start: i64, end: i64, committed: Option<i64>) -> PartitionSeen {
    PartitionSeen {
        topic: "t".to_owned(),
        partition,
        start,
        end,
        committed,
    }
}

fn seen(tick: u32, partitions: Vec<PartitionSeen>) -> Seen {
    Seen {
        tick,
        at_us: i64::from(tick) * EVERY,
        partitions: Some(partitions),
        broker_cpu_seconds: Some(f64::from(tick) * 0.05),
        error: None,
    }
}

fn load_tick(process: ProcessId, tick: u32, due: u64, acknowledged: Vec<Range>) -> Said {
    let line = LoadLine::Tick {
        at_us: 0,
        tick,
        due,
        acknowledged,
        failed: Vec::new(),
        lateness: histogram(100, due),
        cpu_seconds: 0.0,
        cpu_wait_seconds: None,
    };
    said(process, 0, What::Load(line))
}
