//! What the broker says of a group's partitions.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use rdkafka::Offset;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::KafkaError;
use rdkafka::topic_partition_list::TopicPartitionList;

use super::PartitionSeen;
use crate::broker::Connection;

/// A consumer that never joins: it asks for offsets, of all partitions at once.
pub struct Eyes {
    consumer: BaseConsumer,
    partitions: Vec<(String, i32)>,
    group: String,
}

impl fmt::Debug for Eyes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Eyes")
            .field("group", &self.group)
            .finish_non_exhaustive()
    }
}

impl Eyes {
    /// Looks at these topics, given with how many partitions they have, and at what this group commits. `isolation` is
    /// Kafka's `isolation.level`.
    ///
    /// # Errors
    /// Where librdkafka does not take the connection's settings.
    pub fn open(
        connection: &Connection,
        group: &str,
        topics: &[(String, u32)],
        isolation: &str,
    ) -> Result<Self, KafkaError> {
        let consumer = connection
            .client_config()
            .set("group.id", group)
            .set("isolation.level", isolation)
            .set("enable.auto.commit", "false")
            .set("log_level", "0")
            .create()?;
        let partitions = topics
            .iter()
            .flat_map(|(topic, count)| (0..i32::try_from(*count).unwrap_or(i32::MAX)).map(|at| (topic.clone(), at)))
            .collect();
        Ok(Self {
            consumer,
            partitions,
            group: group.to_owned(),
        })
    }

    /// What the group has committed: to be read before the ends, or a commit in between would seem ahead of them.
    ///
    /// # Errors
    /// Where the group's coordinator does not answer in time.
    pub fn committed(&self, within: Duration) -> Result<BTreeMap<(String, i32), i64>, KafkaError> {
        let answer = self.consumer.committed_offsets(self.asking(Offset::Invalid)?, within)?;
        Ok(offsets(&answer))
    }

    /// Where all logs begin and end, the ends first.
    ///
    /// # Errors
    /// Where a leader does not answer in time.
    pub fn look(
        &self,
        committed: &BTreeMap<(String, i32), i64>,
        within: Duration,
    ) -> Result<Vec<PartitionSeen>, KafkaError> {
        // Kafka takes the two special offsets where a time is asked for, and answers for all partitions in one request a
        // broker; `fetch_watermarks` would ask partition by partition.
        let ends = offsets(&self.consumer.offsets_for_times(self.asking(Offset::End)?, within)?);
        let starts = offsets(
            &self
                .consumer
                .offsets_for_times(self.asking(Offset::Beginning)?, within)?,
        );
        let seen = self.partitions.iter().filter_map(|key| {
            let end = *ends.get(key)?;
            Some(PartitionSeen {
                topic: key.0.clone(),
                partition: key.1,
                start: starts.get(key).copied().unwrap_or(0).min(end),
                end,
                committed: committed.get(key).copied(),
            })
        });
        let seen: Vec<PartitionSeen> = seen.collect();
        if seen.len() < self.partitions.len() {
            // A partition without a leader has no end.
            return Err(KafkaError::OffsetFetch(
                rdkafka::error::RDKafkaErrorCode::LeaderNotAvailable,
            ));
        }
        Ok(seen)
    }

    fn asking(&self, offset: Offset) -> Result<TopicPartitionList, KafkaError> {
        let mut list = TopicPartitionList::with_capacity(self.partitions.len());
        for (topic, partition) in &self.partitions {
            list.add_partition_offset(topic, *partition, offset)?;
        }
        Ok(list)
    }
}

fn offsets(list: &TopicPartitionList) -> BTreeMap<(String, i32), i64> {
    let all = list.elements();
    let known = all
        .iter()
        .filter_map(|element| match (element.error(), element.offset()) {
            (Ok(()), Offset::Offset(offset)) => Some(((element.topic().to_owned(), element.partition()), offset)),
            _ => None,
        });
    known.collect()
}
