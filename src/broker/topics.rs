//! Topics: to be made, and as they are.

use std::collections::BTreeMap;

use rdkafka::admin::{NewTopic, TopicReplication};

use crate::model::topic::Topic;

/// A topic to be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TopicSpec {
    /// Its name.
    pub name: String,
    /// Its partitions.
    pub partitions: u32,
    /// Its replicas.
    pub replication: u32,
    /// Its configuration by Kafka's names.
    pub configuration: BTreeMap<String, String>,
}

impl TopicSpec {
    /// A topic with the broker's own configuration.
    #[must_use]
    pub fn new(name: &str, partitions: u32) -> Self {
        Self {
            name: name.to_owned(),
            partitions,
            replication: 1,
            configuration: BTreeMap::new(),
        }
    }

    /// A topic as declared.
    #[must_use]
    pub fn declared(topic: &Topic) -> Self {
        Self {
            name: topic.name.clone(),
            partitions: *topic.partitions,
            replication: *topic.replication,
            configuration: topic
                .configuration()
                .into_iter()
                .map(|(name, value)| (name.to_owned(), value))
                .collect(),
        }
    }

    pub(super) fn as_new(&self) -> NewTopic<'_> {
        let number = |number| i32::try_from(number).unwrap_or(i32::MAX);
        let replication = TopicReplication::Fixed(number(self.replication));
        self.configuration.iter().fold(
            NewTopic::new(&self.name, number(self.partitions), replication),
            |topic, (name, value)| topic.set(name, value),
        )
    }
}

/// A topic as it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TopicState {
    /// Its partitions.
    pub partitions: u32,
    /// Its replicas.
    pub replication: u32,
    /// The configuration that was set on the topic itself, by Kafka's names.
    pub configuration: BTreeMap<String, String>,
}
