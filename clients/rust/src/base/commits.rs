//! Committing what is processed.

use std::collections::BTreeMap;

use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};

use super::context::Context;
use super::core::{Core, Place};

/// How it ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Committed {
    /// The broker took it, or there was nothing.
    Taken,
    /// The broker did not take it: tried again with the next batch.
    NotYet,
}

/// Commits what is processed and not committed. Blocks until the broker has answered.
pub(super) fn commit(core: &Core, consumer: &BaseConsumer<Context>) -> Committed {
    commit_these(core, consumer, core.uncommitted())
}

/// Commits positions of partitions that are held.
pub(super) fn commit_these(
    core: &Core,
    consumer: &BaseConsumer<Context>,
    positions: BTreeMap<Place, i64>,
) -> Committed {
    if positions.is_empty() {
        return Committed::Taken;
    }
    let mut offsets = TopicPartitionList::with_capacity(positions.len());
    for ((topic, partition), to) in &positions {
        if let Err(error) = offsets.add_partition_offset(topic, *partition, Offset::Offset(*to)) {
            log::error!("{}: {topic}[{partition}]: {error}", core.service_name);
        }
    }
    match consumer.commit(&offsets, CommitMode::Sync) {
        Ok(()) => {
            let mut known = core.offsets();
            for (place, to) in positions {
                if known.held.contains(&place) {
                    known.committed.insert(place, to);
                }
            }
            Committed::Taken
        }
        Err(error) => {
            if went_on(&error) {
                log::warn!(
                    "{}: the group went on without this member before it could commit ({error}): the last batch of up to \
                     {} partitions is processed again by who has them now",
                    core.service_name,
                    positions.len()
                );
            } else {
                log::error!(
                    "{}: offsets could not be committed ({error}): tried again; a crash now would repeat the last batch",
                    core.service_name
                );
            }
            core.observer.trouble(&error.to_string());
            Committed::NotYet
        }
    }
}

fn went_on(error: &KafkaError) -> bool {
    matches!(
        error,
        KafkaError::ConsumerCommit(
            RDKafkaErrorCode::UnknownMemberId
                | RDKafkaErrorCode::IllegalGeneration
                | RDKafkaErrorCode::RebalanceInProgress
                | RDKafkaErrorCode::FencedInstanceId
                | RDKafkaErrorCode::StaleMemberEpoch
                | RDKafkaErrorCode::FencedMemberEpoch
        )
    )
}
