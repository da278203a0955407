//! Committing what is processed.

use std::collections::BTreeMap;

use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};

use super::context::Context;
use super::core::{Core, Place};
use crate::settings::Commit;

/// How it ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Committed {
    /// The broker took it, or there was nothing.
    Taken,
    /// The broker did not take it: tried again with the next batch.
    NotYet,
}

/// Commits what is processed and not committed, and blocks until the broker has answered; or leaves it to the client's timer.
pub(super) fn commit(core: &Core, consumer: &BaseConsumer<Context>) -> Committed {
    let positions = core.uncommitted();
    if core.settings().delivery.commit == Commit::Interval {
        store(core, consumer, &positions)
    } else {
        commit_these(core, consumer, positions)
    }
}

/// What the client's timer commits from now on, and the client when it gives partitions back.
fn store(core: &Core, consumer: &BaseConsumer<Context>, positions: &BTreeMap<Place, i64>) -> Committed {
    if positions.is_empty() {
        return Committed::Taken;
    }
    match consumer.store_offsets(&list(core, positions)) {
        Ok(()) => Committed::Taken,
        Err(error) => {
            log::error!("{}: offsets could not be stored ({error}): tried again", core.service_name);
            Committed::NotYet
        }
    }
}

fn list(core: &Core, positions: &BTreeMap<Place, i64>) -> TopicPartitionList {
    let mut offsets = TopicPartitionList::with_capacity(positions.len());
    for ((topic, partition), to) in positions {
        if let Err(error) = offsets.add_partition_offset(topic, *partition, Offset::Offset(*to)) {
            log::error!("{}: {topic}[{partition}]: {error}", core.service_name);
        }
    }
    offsets
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
    match consumer.commit(&list(core, &positions), CommitMode::Sync) {
        Ok(()) => {
            core.took(positions);
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
