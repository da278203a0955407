//! Committing what is processed.

use std::collections::BTreeMap;

use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::{KafkaError, KafkaResult, RDKafkaErrorCode};
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};

use super::answer::Answer;
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
            log::error!(
                "{}: offsets could not be stored ({error}): tried again",
                core.service_name
            );
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

/// Commits positions of partitions that are held, and blocks until the broker has answered.
pub(super) fn commit_these(
    core: &Core,
    consumer: &BaseConsumer<Context>,
    positions: BTreeMap<Place, i64>,
) -> Committed {
    send(core, consumer, positions).map_or(Committed::Taken, |sent| sent.wait(core))
}

/// A commit that the broker has not answered yet.
pub(super) struct Sent<'c> {
    positions: BTreeMap<Place, i64>,
    answer: KafkaResult<Answer<'c>>,
}

/// Sends what is processed and not committed; nothing where there is none, or where the client's timer sends it.
pub(super) fn send_processed<'c>(core: &Core, consumer: &'c BaseConsumer<Context>) -> Option<Sent<'c>> {
    if core.settings().delivery.commit == Commit::Interval {
        commit(core, consumer);
        return None;
    }
    send(core, consumer, core.uncommitted())
}

fn send<'c>(core: &Core, consumer: &'c BaseConsumer<Context>, positions: BTreeMap<Place, i64>) -> Option<Sent<'c>> {
    if positions.is_empty() {
        return None;
    }
    let answer = Answer::to_commit(consumer, &list(core, &positions));
    Some(Sent { positions, answer })
}

impl Sent<'_> {
    /// Blocks until the broker has answered.
    pub(super) fn wait(self, core: &Core) -> Committed {
        let Err(error) = self.answer.and_then(Answer::wait) else {
            core.took(self.positions);
            return Committed::Taken;
        };
        if went_on(&error) {
            log::warn!(
                "{}: the group went on without this member before it could commit ({error}): the last batch of up to {} \
                 partitions is processed again by who has them now",
                core.service_name,
                self.positions.len()
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
