//! aiokafka 0.14: the keyword arguments of AIOKafkaConsumer.

use crate::model::keywords::{Assignor, Commit, GroupProtocol};
use crate::model::settings::{OffsetReset, Setting, Value};

use super::lowered::{Literal, Loss, Section, Text};
use super::lowering::Lowering;
use super::{bytes, count, isolation_word, ms};

pub(super) fn default(setting: Setting) -> Option<Value> {
    match setting {
        Setting::MaxPollRecords => count(500),
        Setting::SessionTimeout => ms(10_000),
        Setting::HeartbeatInterval => ms(3_000),
        Setting::MaxPollInterval => ms(300_000),
        Setting::Assignors => Some(Value::Assignors(Box::new([Assignor::Roundrobin]))),
        Setting::OffsetReset => Some(Value::OffsetReset(OffsetReset::Latest)),
        Setting::FetchMin => bytes(1),
        Setting::FetchMaxWait => ms(500),
        Setting::FetchMax => bytes(52_428_800),
        Setting::MaxPartitionFetch => bytes(1_048_576),
        Setting::RequestTimeout => ms(40_000),
        Setting::RetryBackoff => ms(100),
        Setting::ConnectionsMaxIdle => ms(540_000),
        Setting::CheckCrcs => Some(Value::Switch(true)),
        Setting::MetadataMaxAge => ms(300_000),
        // Unset, rebalance_timeout_ms follows session_timeout_ms.
        Setting::RebalanceTimeout => None,
        _ => None,
    }
}

pub(super) fn key(setting: Setting) -> Option<&'static str> {
    Some(match setting {
        Setting::MaxPollRecords => "max_poll_records",
        Setting::SessionTimeout => "session_timeout_ms",
        Setting::HeartbeatInterval => "heartbeat_interval_ms",
        Setting::MaxPollInterval => "max_poll_interval_ms",
        Setting::RebalanceTimeout => "rebalance_timeout_ms",
        Setting::Assignors => "partition_assignment_strategy",
        Setting::OffsetReset => "auto_offset_reset",
        Setting::FetchMin => "fetch_min_bytes",
        Setting::FetchMaxWait => "fetch_max_wait_ms",
        Setting::FetchMax => "fetch_max_bytes",
        Setting::MaxPartitionFetch => "max_partition_fetch_bytes",
        Setting::RequestTimeout => "request_timeout_ms",
        Setting::RetryBackoff => "retry_backoff_ms",
        Setting::ConnectionsMaxIdle => "connections_max_idle_ms",
        Setting::ClientRack => "client_rack",
        Setting::CheckCrcs => "check_crcs",
        Setting::MetadataMaxAge => "metadata_max_age_ms",
        Setting::RemoteAssignor
        | Setting::MessageMax
        | Setting::ReceiveMessageMax
        | Setting::QueuedMinMessages
        | Setting::QueuedMax
        | Setting::FetchQueueBackoff
        | Setting::RetryBackoffMax
        | Setting::ReconnectBackoff
        | Setting::ReconnectBackoffMax
        | Setting::ReceiveBuffer
        | Setting::StatisticsInterval
        | Setting::AllowAutoCreateTopics => return None,
    })
}

pub(super) fn lower(lowering: &mut Lowering<'_>) {
    lowering.group("group_id");
    lowering.instance_id(Section::Consumer, "group_instance_id");
    protocol(lowering);
    pass(
        lowering,
        &[
            Setting::MaxPollRecords,
            Setting::SessionTimeout,
            Setting::HeartbeatInterval,
            Setting::MaxPollInterval,
            Setting::RebalanceTimeout,
        ],
    );
    assignors(lowering);
    let reset = match lowering.run.consumer.offset_reset() {
        Some(OffsetReset::None) => Some("none"),
        _ => lowering.either_end().map(|end| match end {
            OffsetReset::Latest => "latest",
            _ => "earliest",
        }),
    };
    if let Some(reset) = reset {
        lowering.put(Section::Consumer, "auto_offset_reset", reset);
    }
    pass(
        lowering,
        &[
            Setting::FetchMin,
            Setting::FetchMaxWait,
            Setting::FetchMax,
            Setting::MaxPartitionFetch,
            Setting::RequestTimeout,
            Setting::RetryBackoff,
        ],
    );
    match lowering.number(Setting::ConnectionsMaxIdle) {
        Some(0) => lowering.put(Section::Consumer, "connections_max_idle_ms", Literal::Off),
        _ => pass(lowering, &[Setting::ConnectionsMaxIdle]),
    }
    rack(lowering);
    pass(lowering, &[Setting::CheckCrcs, Setting::MetadataMaxAge]);
    let interval = lowering.run.delivery.commit.value == Commit::Interval;
    lowering.put(Section::Consumer, "enable_auto_commit", interval);
    if interval {
        lowering.put(Section::Consumer, "auto_commit_interval_ms", lowering.commit_interval());
    }
    let word = isolation_word(lowering.run.delivery.isolation.value);
    lowering.put(Section::Consumer, "isolation_level", word);
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

fn protocol(lowering: &mut Lowering<'_>) {
    let protocol = &lowering.service.group_protocol;
    if protocol.value == GroupProtocol::Consumer {
        lowering.note_key(
            "group_protocol",
            protocol,
            Loss::Dropped,
            "the client has the classic protocol only",
        );
    }
}

/// Dotted paths of classes: strings are all that JSON holds, and the reader imports them.
fn assignors(lowering: &mut Lowering<'_>) {
    let declared = lowering.run.consumer.assignors();
    let mut classes: Vec<Text> = Vec::with_capacity(declared.len());
    for assignor in declared {
        let class = match assignor {
            Assignor::Range => "aiokafka.coordinator.assignors.range.RangePartitionAssignor",
            Assignor::Roundrobin => "aiokafka.coordinator.assignors.roundrobin.RoundRobinPartitionAssignor",
            Assignor::Sticky | Assignor::CooperativeSticky => {
                "aiokafka.coordinator.assignors.sticky.sticky_assignor.StickyPartitionAssignor"
            }
        };
        if !classes.iter().any(|other| other == class) {
            classes.push(Text::Borrowed(class));
        }
    }
    if declared.contains(&Assignor::CooperativeSticky) {
        let text = "the client has no cooperative-sticky: sticky stands for it, as sticky but eager";
        lowering.note(Setting::Assignors, Loss::Substituted, text);
    }
    if !classes.is_empty() {
        lowering.put(
            Section::Consumer,
            "partition_assignment_strategy",
            Literal::List(classes),
        );
    }
}

fn rack(lowering: &mut Lowering<'_>) {
    let old = lowering
        .service
        .client_version
        .as_ref()
        .is_some_and(|version| version.value < (0, 14));
    if old {
        lowering.drop(&[(Setting::ClientRack, "the client has it from 0.14 on")]);
    } else {
        pass(lowering, &[Setting::ClientRack]);
    }
}

fn dropped(lowering: &mut Lowering<'_>) {
    const QUEUE: &str = "the client has no queue of messages: it holds one response a partition";
    const PAUSE: &str = "the client pauses by retry_backoff, always the same";
    lowering.drop(&[
        (Setting::RemoteAssignor, "the client has the classic protocol only"),
        (Setting::MessageMax, "the client has no such limit"),
        (Setting::ReceiveMessageMax, "the client has no such limit"),
        (Setting::QueuedMinMessages, QUEUE),
        (Setting::QueuedMax, QUEUE),
        (Setting::FetchQueueBackoff, QUEUE),
        (Setting::RetryBackoffMax, PAUSE),
        (Setting::ReconnectBackoff, PAUSE),
        (Setting::ReconnectBackoffMax, PAUSE),
        (Setting::ReceiveBuffer, "the client leaves the buffer to the system"),
        (Setting::StatisticsInterval, "the client reports no statistics"),
        (
            Setting::AllowAutoCreateTopics,
            "the client leaves it to the broker's auto.create.topics.enable",
        ),
    ]);
}
