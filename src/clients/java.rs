//! Apache Kafka's own client, 4.x. Sources: `ConsumerConfig.java`, and the log of a real KafkaConsumer.

use std::time::Duration;

use crate::model::keywords::{Assignor, Commit, GroupProtocol, Keyword};
use crate::model::settings::{OffsetReset, Setting, Value};

use super::lowered::{Literal, Loss, Section, Text};
use super::lowering::{Backoff, Lowering};
use super::{bytes, count, isolation_word, ms};

/// What `connections.max.idle.ms` is where nobody sets it.
const MAX_IDLE_MS: u64 = 540_000;

const RETRY: Backoff = Backoff {
    first: Setting::RetryBackoff,
    longest: Setting::RetryBackoffMax,
    defaults: (100, 1_000),
};
const RECONNECT: Backoff = Backoff {
    first: Setting::ReconnectBackoff,
    longest: Setting::ReconnectBackoffMax,
    defaults: (50, 1_000),
};

pub(super) fn default(setting: Setting) -> Option<Value> {
    match setting {
        Setting::MaxPollRecords => count(500),
        Setting::SessionTimeout => ms(45_000),
        Setting::HeartbeatInterval => ms(3_000),
        Setting::MaxPollInterval => ms(300_000),
        Setting::Assignors => Some(Value::Assignors(Box::new([
            Assignor::Range,
            Assignor::CooperativeSticky,
        ]))),
        Setting::OffsetReset => Some(Value::OffsetReset(OffsetReset::Latest)),
        Setting::FetchMin => bytes(1),
        Setting::FetchMaxWait => ms(500),
        Setting::FetchMax => bytes(52_428_800),
        Setting::MaxPartitionFetch => bytes(1_048_576),
        Setting::RequestTimeout => ms(30_000),
        Setting::RetryBackoff => ms(100),
        Setting::RetryBackoffMax => ms(1_000),
        Setting::ReconnectBackoff => ms(50),
        Setting::ReconnectBackoffMax => ms(1_000),
        Setting::ConnectionsMaxIdle => ms(MAX_IDLE_MS),
        Setting::ReceiveBuffer => bytes(65_536),
        Setting::CheckCrcs | Setting::AllowAutoCreateTopics => Some(Value::Switch(true)),
        Setting::MetadataMaxAge => ms(300_000),
        Setting::RebalanceTimeout
        | Setting::RemoteAssignor
        | Setting::MessageMax
        | Setting::ReceiveMessageMax
        | Setting::QueuedMinMessages
        | Setting::QueuedMax
        | Setting::FetchQueueBackoff
        | Setting::ClientRack
        | Setting::StatisticsInterval => None,
    }
}

pub(super) fn key(setting: Setting) -> Option<&'static str> {
    Some(match setting {
        Setting::MaxPollRecords => "max.poll.records",
        Setting::SessionTimeout => "session.timeout.ms",
        Setting::HeartbeatInterval => "heartbeat.interval.ms",
        Setting::MaxPollInterval => "max.poll.interval.ms",
        Setting::Assignors => "partition.assignment.strategy",
        Setting::RemoteAssignor => "group.remote.assignor",
        Setting::OffsetReset => "auto.offset.reset",
        Setting::FetchMin => "fetch.min.bytes",
        Setting::FetchMaxWait => "fetch.max.wait.ms",
        Setting::FetchMax => "fetch.max.bytes",
        Setting::MaxPartitionFetch => "max.partition.fetch.bytes",
        Setting::RequestTimeout => "request.timeout.ms",
        Setting::RetryBackoff => "retry.backoff.ms",
        Setting::RetryBackoffMax => "retry.backoff.max.ms",
        Setting::ReconnectBackoff => "reconnect.backoff.ms",
        Setting::ReconnectBackoffMax => "reconnect.backoff.max.ms",
        Setting::ConnectionsMaxIdle => "connections.max.idle.ms",
        Setting::ReceiveBuffer => "receive.buffer.bytes",
        Setting::ClientRack => "client.rack",
        Setting::CheckCrcs => "check.crcs",
        Setting::MetadataMaxAge => "metadata.max.age.ms",
        Setting::AllowAutoCreateTopics => "allow.auto.create.topics",
        Setting::RebalanceTimeout
        | Setting::MessageMax
        | Setting::ReceiveMessageMax
        | Setting::QueuedMinMessages
        | Setting::QueuedMax
        | Setting::FetchQueueBackoff
        | Setting::StatisticsInterval => return None,
    })
}

pub(super) fn lower(lowering: &mut Lowering<'_>) {
    lowering.group("group.id");
    lowering.instance_id(Section::Consumer, "group.instance.id");
    lowering.put(Section::Consumer, "group.protocol", lowering.protocol().as_str());
    pass(lowering, &[Setting::MaxPollRecords]);
    coordination(lowering);
    offset_reset(lowering);
    pass(
        lowering,
        &[
            Setting::FetchMin,
            Setting::FetchMaxWait,
            Setting::FetchMax,
            Setting::MaxPartitionFetch,
            Setting::RequestTimeout,
        ],
    );
    for backoff in [RETRY, RECONNECT] {
        if let (Some((first, longest)), Some(first_key), Some(longest_key)) =
            (lowering.backoff(&backoff), key(backoff.first), key(backoff.longest))
        {
            lowering.put(Section::Consumer, first_key, first);
            lowering.put(Section::Consumer, longest_key, longest);
        }
    }
    max_idle(lowering);
    receive_buffer(lowering);
    pass(
        lowering,
        &[
            Setting::ClientRack,
            Setting::CheckCrcs,
            Setting::MetadataMaxAge,
            Setting::AllowAutoCreateTopics,
        ],
    );
    delivery(lowering);
    dropped(lowering);
    lowering.topics();
}

fn pass(lowering: &mut Lowering<'_>, settings: &[Setting]) {
    for setting in settings {
        if let Some(key) = key(*setting) {
            lowering.pass(Section::Consumer, *setting, key);
        }
    }
}

fn coordination(lowering: &mut Lowering<'_>) {
    let protocol = lowering.protocol();
    if protocol == GroupProtocol::Classic {
        pass(lowering, &[Setting::SessionTimeout, Setting::HeartbeatInterval]);
    } else {
        lowering.left_to_broker();
    }
    pass(lowering, &[Setting::MaxPollInterval]);
    match protocol {
        GroupProtocol::Classic => {
            let classes: Vec<&str> = lowering.run.consumer.assignors().iter().copied().map(class).collect();
            if !classes.is_empty() {
                lowering.put(Section::Consumer, "partition.assignment.strategy", classes.join(","));
            }
            lowering.drop(&[(Setting::RemoteAssignor, "only group_protocol = \"consumer\" has it")]);
        }
        GroupProtocol::Consumer => pass(lowering, &[Setting::RemoteAssignor]),
    }
}

const fn class(assignor: Assignor) -> &'static str {
    match assignor {
        Assignor::Range => "org.apache.kafka.clients.consumer.RangeAssignor",
        Assignor::Roundrobin => "org.apache.kafka.clients.consumer.RoundRobinAssignor",
        Assignor::Sticky => "org.apache.kafka.clients.consumer.StickyAssignor",
        Assignor::CooperativeSticky => "org.apache.kafka.clients.consumer.CooperativeStickyAssignor",
    }
}

fn offset_reset(lowering: &mut Lowering<'_>) {
    let before_4 = lowering
        .service
        .client_version
        .as_ref()
        .is_some_and(|version| version.value < (4, 0));
    let literal = match lowering.run.consumer.offset_reset() {
        None => return,
        Some(OffsetReset::None) => Literal::from("none"),
        Some(OffsetReset::ByDuration(back)) if !before_4 => Literal::from(format!("by_duration:{}", iso_8601(back))),
        Some(_) => match lowering.either_end() {
            Some(OffsetReset::Latest) => Literal::from("latest"),
            _ => Literal::from("earliest"),
        },
    };
    lowering.put(Section::Consumer, "auto.offset.reset", literal);
}

/// `PT90S`, `PT0.25S`: seconds alone, which `java.time.Duration.parse` takes in any number.
fn iso_8601(duration: Duration) -> String {
    let (seconds, millis) = (duration.as_secs(), duration.subsec_millis());
    if millis == 0 {
        return format!("PT{seconds}S");
    }
    let fraction = format!("{millis:03}");
    format!("PT{seconds}.{}S", fraction.trim_end_matches('0'))
}

/// Under the classic protocol, kafka-clients 4.4 warns of connections that may close between two polls. −1 is never.
fn max_idle(lowering: &mut Lowering<'_>) {
    let declared = lowering.number(Setting::ConnectionsMaxIdle);
    if declared == Some(0) {
        lowering.put(Section::Consumer, "connections.max.idle.ms", Literal::Int(-1));
        return;
    }
    let least = match lowering.protocol() {
        GroupProtocol::Classic => lowering.number(Setting::MaxPollInterval).unwrap_or(300_000),
        GroupProtocol::Consumer => 0,
    };
    let idle = declared.unwrap_or(MAX_IDLE_MS);
    if idle < least {
        let text = format!("raised to {least} ms, which is max_poll_interval: the client warns of one below it");
        lowering.note(Setting::ConnectionsMaxIdle, Loss::Substituted, text);
    }
    lowering.put(Section::Consumer, "connections.max.idle.ms", idle.max(least));
}

/// Java's word for the system's own buffer is −1; 0 is refused when the first connection opens.
fn receive_buffer(lowering: &mut Lowering<'_>) {
    match lowering.number(Setting::ReceiveBuffer) {
        Some(0) => lowering.put(Section::Consumer, "receive.buffer.bytes", Literal::Int(-1)),
        _ => pass(lowering, &[Setting::ReceiveBuffer]),
    }
}

fn delivery(lowering: &mut Lowering<'_>) {
    let interval = lowering.run.delivery.commit.value == Commit::Interval;
    lowering.put(Section::Consumer, "enable.auto.commit", interval);
    if interval {
        lowering.put(Section::Consumer, "auto.commit.interval.ms", lowering.commit_interval());
    }
    let word = Text::Borrowed(isolation_word(lowering.run.delivery.isolation.value));
    lowering.put(Section::Consumer, "isolation.level", Literal::Text(word));
}

fn dropped(lowering: &mut Lowering<'_>) {
    const QUEUE: &str = "the client has no queue of its own: it fetches what one poll can take";
    lowering.drop(&[
        (
            Setting::RebalanceTimeout,
            "the client has none: the group waits for max_poll_interval",
        ),
        (Setting::MessageMax, "the client has no such limit"),
        (Setting::ReceiveMessageMax, "the client has no such limit"),
        (Setting::QueuedMinMessages, QUEUE),
        (Setting::QueuedMax, QUEUE),
        (Setting::FetchQueueBackoff, QUEUE),
        (
            Setting::StatisticsInterval,
            "the client reports through JMX, at any time",
        ),
    ]);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_what_java_parses() {
        for (millis, text) in [
            (0, "PT0S"),
            (90_000, "PT90S"),
            (250, "PT0.25S"),
            (86_400_001, "PT86400.001S"),
        ] {
            assert_eq!(iso_8601(Duration::from_millis(millis)), text);
        }
    }
}
