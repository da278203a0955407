//! Making the Kafka client that a row declares.

use std::collections::HashSet;
use std::sync::Mutex;
use std::time::Duration;

use rdkafka::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer, ConsumerContext};
use rdkafka::error::{KafkaError, KafkaResult, RDKafkaErrorCode};
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};

use crate::error::Error;
use crate::lowering::lower;
use crate::security;
use crate::settings::{Settings, expand};

/// The longest that a broker may take for one answer.
pub(crate) const PATIENCE: Duration = Duration::from_secs(5);

/// The topics that the call names, else the row's.
pub(crate) fn topics_of(settings: &Settings, given: &[String]) -> Result<Vec<String>, Error> {
    let topics = if given.is_empty() { &settings.topics } else { given };
    if topics.is_empty() {
        let service_name = settings.service_name.clone();
        return Err(Error::NoTopics { service_name });
    }
    let (wanted, declared): (HashSet<_>, HashSet<_>) = (topics.iter().collect(), settings.topics.iter().collect());
    if !declared.is_empty() && wanted != declared {
        once(format!(
            "{}: reads {}, and its profile declares {}: proofs and alerts are about the declared ones",
            settings.service_name,
            topics.join(", "),
            settings.topics.join(", ")
        ));
    }
    Ok(topics.to_vec())
}

/// librdkafka's properties: the row's, and the environment's.
pub(crate) fn client_config(settings: &Settings, bootstrap_servers: Option<&str>) -> Result<ClientConfig, Error> {
    let lowered = lower(settings)?;
    for note in &lowered.notes {
        once(format!(
            "{}: {} is {}: {}",
            settings.service_name, note.key, note.loss, note.text
        ));
    }
    let mut config = connection(&settings.service_name, bootstrap_servers)?;
    for (key, value) in lowered.consumer {
        config.set(key, value);
    }
    if let Some(id) = &settings.instance_id {
        let id = expand(id, &settings.service_name, &security::process)?;
        config.set("group.instance.id", id);
    }
    Ok(config)
}

/// Where the cluster is and how to log in.
pub(crate) fn connection(service_name: &str, bootstrap_servers: Option<&str>) -> Result<ClientConfig, Error> {
    let mut config = ClientConfig::new();
    config.set("client.id", format!("lagproof-{service_name}"));
    config.set(
        "bootstrap.servers",
        security::bootstrap(bootstrap_servers, &security::process)?,
    );
    for (name, value) in security::properties(&security::process)? {
        config.set(name, value);
    }
    Ok(config)
}

/// What librdkafka's refusal of a configuration means; values that may be secret are left out.
pub(crate) fn refusal(service_name: &str, error: KafkaError) -> Error {
    let problem = match &error {
        KafkaError::ClientConfig(_, text, key, value) => {
            let is_secret = ["sasl.", "ssl."].iter().any(|start| key.starts_with(start));
            format!("{text} ({key} = {})", if is_secret { "…" } else { value })
        }
        other => other.to_string(),
    };
    Error::BadRow {
        service_name: service_name.to_owned(),
        key: "consumer".to_owned(),
        problem: format!("librdkafka refuses it: {problem}"),
        fix: String::new(),
    }
}

/// Whether trying again is of no use.
pub(crate) fn is_final(error: &KafkaError) -> bool {
    match error {
        KafkaError::MessageConsumptionFatal(_) => true,
        KafkaError::MessageConsumption(code) => matches!(
            code,
            RDKafkaErrorCode::TopicAuthorizationFailed
                | RDKafkaErrorCode::GroupAuthorizationFailed
                | RDKafkaErrorCode::ClusterAuthorizationFailed
                | RDKafkaErrorCode::FencedInstanceId
        ),
        _ => false,
    }
}

/// Asks any broker anything.
pub(crate) fn answers<C: ConsumerContext, K: Consumer<C>>(consumer: &K, topic: Option<&str>) -> KafkaResult<()> {
    // What begins so is a pattern, and no name to ask for.
    let topic = topic.filter(|topic| !topic.starts_with('^'));
    consumer.fetch_metadata(topic, Duration::from_secs(2)).map(drop)
}

/// Records behind of the whole group, by what it committed; `None` where it can't be told now. Blocks.
pub(crate) fn group_lag<C: ConsumerContext>(consumer: &BaseConsumer<C>, topics: &[String]) -> Option<i64> {
    let mut asked = TopicPartitionList::new();
    for topic in topics.iter().filter(|topic| !topic.starts_with('^')) {
        let metadata = consumer.fetch_metadata(Some(topic), PATIENCE).ok()?;
        for found in metadata.topics() {
            for partition in found.partitions() {
                asked.add_partition(topic, partition.id());
            }
        }
    }
    // Committed offsets are read before the ends, or lag would be negative.
    let committed = consumer.committed_offsets(asked, PATIENCE).ok()?;
    let mut behind = 0;
    for one in committed.elements() {
        if let Offset::Offset(offset) = one.offset() {
            let (_, end) = consumer.fetch_watermarks(one.topic(), one.partition(), PATIENCE).ok()?;
            behind += (end - offset).max(0);
        }
    }
    Some(behind)
}

/// Said once, however often consumers are made anew.
pub(crate) fn once(text: String) {
    static SAID: Mutex<Option<HashSet<String>>> = Mutex::new(None);
    let mut said = SAID.lock().expect("no panic while it is held");
    if said.get_or_insert_default().insert(text.clone()) {
        log::warn!("{text}");
    }
}
