//! Family T: topics, beyond names that lead nowhere (those are resolving's).

mod names;
mod ordering;
mod partitions;
mod retention;

use super::Rule;

pub(super) use partitions::REPLICATION;
pub(super) use retention::RECORD_TOO_LARGE;

/// Every rule of the family.
pub(super) const RULES: &[Rule] = &[
    partitions::DECREASE,
    partitions::GROWTH,
    partitions::REPLICATION,
    partitions::SIZING,
    ordering::NO_KEY,
    ordering::CONCURRENT,
    ordering::COMPACT_NO_KEY,
    retention::SHORT,
    retention::SEGMENT,
    retention::RECORD_TOO_LARGE,
    names::COLLISION,
    names::RESERVED,
    names::UNREAD,
];
