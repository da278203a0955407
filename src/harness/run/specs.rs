//! What load and worker processes are told.

use std::collections::BTreeMap;

use super::Names;
use crate::broker::Connection;
use crate::harness::plan::{SidePlan, Trial};
use crate::harness::protocol::{LoadSpec, LoadTopic, PROTOCOL, Shard, Ticks, WorkSpec, WorkerSpec};

/// The names that clients have for the group.
const GROUP_KEYS: [&str; 3] = ["group.id", "group_id", "groupId"];

/// What one worker is told before anything else. `ticks` are the workers' own. When nothing is to be finished it is told later:
/// that counts from the start of the load, which nobody knows before all have joined.
pub(super) fn worker_spec(
    (trial, side): (&Trial, &SidePlan),
    names: &Names,
    connection: &Connection,
    replica: u32,
    ticks: Ticks,
    seed: u64,
) -> WorkerSpec {
    let mut properties = side.properties.clone();
    properties.extend(connection.properties());
    for key in GROUP_KEYS {
        if properties.contains_key(key) || key == GROUP_KEYS[0] {
            properties.insert(key.to_owned(), names.group.clone());
        }
    }
    if let Some(text) = &side.instance_id {
        properties.insert("group.instance.id".to_owned(), filled(text, replica));
    }
    let mut delivery = side.delivery.clone();
    if let Some(topic) = delivery.retry.as_mut().and_then(|retry| retry.dead_letter.as_mut()) {
        *topic = names.topic(topic).to_owned();
    }
    let work = WorkSpec {
        stalls_us: Vec::new(),
        ..side.work.clone()
    };
    WorkerSpec {
        protocol: PROTOCOL,
        run: names.run.clone(),
        tag: names.tag,
        service: trial.service.clone(),
        replica,
        properties,
        sections: side.sections.clone(),
        topics: names.read.iter().map(|(topic, _)| topic.clone()).collect(),
        max_poll_records: side.max_poll_records,
        work,
        delivery,
        per_record_factor: side.memory.per_record_factor,
        seed,
        ticks,
    }
}

/// What one load process is told.
pub(super) fn load_spec(
    trial: &Trial,
    names: &Names,
    connection: &Connection,
    shard: Shard,
    ticks: Ticks,
    seed: u64,
) -> LoadSpec {
    let topics = trial.topics.iter().map(|topic| LoadTopic {
        topic: names.topic(&topic.name).to_owned(),
        ..topic.load.clone()
    });
    LoadSpec {
        protocol: PROTOCOL,
        run: names.run.clone(),
        tag: names.tag,
        shard,
        seed,
        properties: producer(trial, connection),
        topics: topics.collect(),
        ticks,
    }
}

/// A producer that sends at once, keeps order whatever it has to repeat, and takes the largest of the records.
fn producer(trial: &Trial, connection: &Connection) -> BTreeMap<String, String> {
    let largest = trial.topics.iter().map(|topic| topic.load.size.max).max().unwrap_or(0);
    let compresses = trial.topics.iter().any(|topic| topic.load.size.compression_ratio > 1.0);
    let mut properties: BTreeMap<String, String> = connection.properties().into_iter().collect();
    let ours = [
        ("client.id", "lagproof-load".to_owned()),
        ("enable.idempotence", "true".to_owned()),
        ("acks", "all".to_owned()),
        ("linger.ms", "5".to_owned()),
        // What was due while the broker was away must find room: the schedule does not wait.
        ("queue.buffering.max.messages", "2000000".to_owned()),
        ("message.timeout.ms", "60000".to_owned()),
        (
            "message.max.bytes",
            largest.saturating_add(100_000).max(1_000_000).to_string(),
        ),
        ("compression.type", if compresses { "lz4" } else { "none" }.to_owned()),
    ];
    properties.extend(ours.map(|(key, value)| (key.to_owned(), value)));
    properties
}

/// A static member id with its variable replaced by the replica's number.
fn filled(text: &str, replica: u32) -> String {
    match (text.find("${"), text.rfind('}')) {
        (Some(from), Some(to)) if from < to => format!("{}{replica}{}", &text[..from], &text[to + 1..]),
        _ => format!("{text}-{replica}"),
    }
}

#[cfg(test)]
mod tests {
    use super::filled;

    #[test]
    fn member_ids_differ() {
        assert_eq!(filled("vision-${REPLICA}", 3), "vision-3");
        assert_eq!(filled("${HOSTNAME}.x", 0), "0.x");
        assert_eq!(filled("fixed", 1), "fixed-1");
    }
}
