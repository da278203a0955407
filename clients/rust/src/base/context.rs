//! Hearing of rebalances. Called in the client's thread, within a poll.

use std::sync::Arc;
use std::time::Duration;

use rdkafka::ClientContext;
use rdkafka::consumer::{BaseConsumer, Consumer, ConsumerContext, Rebalance};
use rdkafka::error::KafkaResult;
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};

use super::commits::commit;
use super::core::{Core, Place};
use super::work::{Part, Stage};

/// Tells a consumer which partitions come and go.
pub(super) struct Context {
    pub(super) core: Arc<Core>,
    /// Which consumer it belongs to.
    pub(super) epoch: u64,
}

impl ClientContext for Context {}

impl ConsumerContext for Context {
    fn pre_rebalance(&self, consumer: &BaseConsumer<Self>, rebalance: &Rebalance<'_>) {
        if self.core.epoch() != self.epoch {
            return;
        }
        match rebalance {
            Rebalance::Revoke(revoked) => {
                self.revoked(consumer, &places(revoked));
                // librdkafka forgets a partition that goes, but not that it was paused: back again, it would bring nothing.
                if let Err(error) = consumer.resume(&TopicPartitionList::clone(revoked)) {
                    log::warn!("{}: {error}", self.core.service_name);
                }
            }
            Rebalance::Assign(assigned) => self.core.offsets().held.extend(places(assigned)),
            Rebalance::Error(error) => log::error!("{}: a rebalance failed: {error}", self.core.service_name),
        }
    }

    /// What the client committed by its timer.
    fn commit_callback(&self, result: KafkaResult<()>, offsets: &TopicPartitionList) {
        if self.core.epoch() != self.epoch {
            return;
        }
        if let Err(error) = result {
            log::warn!(
                "{}: the client's timer could not commit ({error}): it tries again; a crash now would repeat what was \
                 processed since it last could",
                self.core.service_name
            );
            return;
        }
        let elements = offsets.elements();
        let taken = elements.iter().filter(|one| one.error().is_ok());
        self.core.took(taken.filter_map(|one| match one.offset() {
            Offset::Offset(to) => Some(((one.topic().to_owned(), one.partition()), to)),
            _ => None,
        }));
    }

    fn post_rebalance(&self, _: &BaseConsumer<Self>, rebalance: &Rebalance<'_>) {
        if let Rebalance::Assign(assigned) = rebalance
            && self.core.epoch() == self.epoch
        {
            let assigned = places(assigned);
            let core = &self.core;
            core.counters.lock().expect("no panic while it is held").rebalances += 1;
            core.assigned.send_modify(|times| *times += 1);
            core.observer.assigned(&assigned);
            log::info!("{}: has {} more partitions", core.service_name, assigned.len());
        }
    }
}

impl Context {
    /// What is in handlers is finished and committed; what is not begun is read again by who gets the partitions.
    fn revoked(&self, consumer: &BaseConsumer<Self>, revoked: &[Place]) {
        let core = &self.core;
        if let Some(work) = core.work() {
            let parts: Vec<&Part> = revoked
                .iter()
                .filter_map(|(topic, partition)| work.part(topic, *partition))
                .collect();
            if core.commits_when_done() {
                // Else what is not begun would be lost.
                work.end(Stage::Stopping, parts.iter().copied());
            }
            // The group waits for max_poll_interval.
            let patience = Duration::from_millis(core.settings().max_poll_interval_ms()).mul_f64(0.8);
            if !work.rest(&parts, patience) {
                log::warn!(
                    "{}: {} records were still in handlers when the group could not wait any longer: cancelled, and \
                     read again by who gets their partitions",
                    core.service_name,
                    work.left()
                );
                work.end(Stage::Abandoned, parts.iter().copied());
                work.rest(&parts, Duration::from_secs(1));
            }
        }
        let is_lost = consumer.assignment_lost();
        if is_lost {
            log::warn!(
                "{}: its partitions were taken away: what it had not committed is processed again by who has them now",
                core.service_name
            );
        } else if core.commits_when_done() {
            commit(core, consumer);
        }
        if let Some(work) = core.work() {
            let parts = revoked
                .iter()
                .filter_map(|(topic, partition)| work.part(topic, *partition));
            parts.for_each(|part| work.is_taken(part));
        }
        core.gave_back(revoked);
        match (revoked.is_empty(), is_lost) {
            (true, _) => {}
            (false, true) => core.observer.lost(revoked),
            (false, false) => core.observer.revoked(revoked),
        }
    }
}

fn places(list: &TopicPartitionList) -> Vec<Place> {
    let elements = list.elements();
    elements
        .iter()
        .map(|one| (one.topic().to_owned(), one.partition()))
        .collect()
}
