//! @confluentinc/kafka-javascript 1.10: librdkafka's keys at top level, without a `kafkaJS` block, which sets other
//! defaults and mistranslates `maxBytes`. The edition's defaults are those of the block all the same: it is how the
//! package is documented, and so how services run today.

use crate::model::keywords::{Assignor, Commit};
use crate::model::settings::{OffsetReset, Setting, Value};

use super::librdkafka;
use super::lowered::Section;
use super::lowering::Lowering;
use super::native;
use super::{bytes, count, ms};

pub(super) fn default(setting: Setting) -> Option<Value> {
    match setting {
        Setting::MaxPollRecords => count(32),
        Setting::SessionTimeout => ms(30_000),
        Setting::Assignors => Some(Value::Assignors(Box::new([Assignor::Roundrobin]))),
        Setting::OffsetReset => Some(Value::OffsetReset(OffsetReset::Latest)),
        // The block's maxBytes becomes the limit of one partition, whatever maxBytesPerPartition says.
        Setting::MaxPartitionFetch => bytes(10_485_760),
        Setting::RequestTimeout | Setting::RetryBackoffMax => ms(30_000),
        Setting::RetryBackoff => ms(300),
        Setting::AllowAutoCreateTopics => Some(Value::Switch(true)),
        _ => librdkafka::default(setting),
    }
}

pub(super) fn key(setting: Setting) -> Option<&'static str> {
    match setting {
        Setting::MaxPollRecords => Some("js.consumer.max.batch.size"),
        _ => native::key(setting),
    }
}

pub(super) fn lower(lowering: &mut Lowering<'_>) {
    native::identity(lowering);
    lowering.pass(Section::Consumer, Setting::MaxPollRecords, "js.consumer.max.batch.size");
    native::settings(lowering, native::Poll::Doubled);
    // `enable.auto.offset.store` is forbidden: the package stores offsets itself after each message or batch.
    let interval = lowering.run.delivery.commit.value == Commit::Interval;
    lowering.put(Section::Consumer, "enable.auto.commit", interval);
    if interval {
        lowering.put(Section::Consumer, "auto.commit.interval.ms", lowering.commit_interval());
    }
    native::isolation(lowering);
    lowering.topics();
}
