//! librdkafka, 2.12 and later. Sources: its `CONFIGURATION.md`, and `rd_kafka_conf_finalize` for what it checks.

use crate::model::keywords::{Assignor, Commit};
use crate::model::settings::{OffsetReset, Setting, Value};

use super::lowered::Section;
use super::lowering::Lowering;
use super::native;
use super::{bytes, count, ms};

pub(super) fn default(setting: Setting) -> Option<Value> {
    match setting {
        Setting::MaxPollRecords => count(500),
        Setting::SessionTimeout => ms(45_000),
        Setting::HeartbeatInterval => ms(3_000),
        Setting::MaxPollInterval => ms(300_000),
        Setting::Assignors => Some(Value::Assignors(Box::new([Assignor::Range, Assignor::Roundrobin]))),
        Setting::OffsetReset => Some(Value::OffsetReset(OffsetReset::Latest)),
        Setting::FetchMin => bytes(1),
        Setting::FetchMaxWait => ms(500),
        Setting::FetchMax => bytes(52_428_800),
        Setting::MaxPartitionFetch => bytes(1_048_576),
        Setting::QueuedMinMessages => count(100_000),
        Setting::QueuedMax => bytes(65_536_000),
        Setting::FetchQueueBackoff => ms(1_000),
        Setting::RequestTimeout => ms(60_000),
        Setting::RetryBackoff => ms(100),
        Setting::RetryBackoffMax => ms(1_000),
        Setting::ReconnectBackoff => ms(100),
        Setting::ReconnectBackoffMax => ms(10_000),
        Setting::ConnectionsMaxIdle | Setting::StatisticsInterval => ms(0),
        Setting::ReceiveBuffer => bytes(0),
        Setting::CheckCrcs | Setting::AllowAutoCreateTopics => Some(Value::Switch(false)),
        Setting::MetadataMaxAge => ms(300_000),
        // message.max.bytes and receive.message.max.bytes follow fetch.max.bytes unless somebody says otherwise.
        Setting::MessageMax | Setting::ReceiveMessageMax => None,
        Setting::RebalanceTimeout | Setting::RemoteAssignor | Setting::ClientRack => None,
    }
}

pub(super) fn key(setting: Setting) -> Option<&'static str> {
    match setting {
        // From 2.15 on it takes `max.poll.records`, but for share consumers only.
        Setting::MaxPollRecords => None,
        _ => native::key(setting),
    }
}

pub(super) fn lower(lowering: &mut Lowering<'_>) {
    native::identity(lowering);
    lowering.loader_batch();
    native::settings(lowering, native::Poll::AsDeclared);
    let interval = lowering.run.delivery.commit.value == Commit::Interval;
    lowering.put(Section::Consumer, "enable.auto.commit", interval);
    if interval {
        lowering.put(Section::Consumer, "auto.commit.interval.ms", lowering.commit_interval());
        // "By the clock, whatever has been processed": without it nothing is ever committed unless the application
        // stores offsets itself.
        lowering.put(Section::Consumer, "enable.auto.offset.store", true);
    }
    native::isolation(lowering);
    lowering.topics();
}
