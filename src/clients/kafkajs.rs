//! kafkajs 2.2.4: options of `new Kafka`, `consumer`, `subscribe` and `run`. What it does not know it ignores in silence.

use crate::model::keywords::{Assignor, Commit, GroupProtocol, Isolation};
use crate::model::service::Run;
use crate::model::settings::{OffsetReset, Setting, Value};

use super::lowered::{Loss, Section};
use super::lowering::{Backoff, Lowering};
use super::{bytes, count, ms};

const RETRY: Backoff = Backoff {
    first: Setting::RetryBackoff,
    longest: Setting::RetryBackoffMax,
    defaults: (300, 30_000),
};

pub(super) fn default(setting: Setting) -> Option<Value> {
    match setting {
        Setting::MaxPollRecords => count(500),
        Setting::SessionTimeout => ms(30_000),
        Setting::HeartbeatInterval => ms(3_000),
        Setting::MaxPollInterval | Setting::RebalanceTimeout => ms(60_000),
        Setting::Assignors => Some(Value::Assignors(Box::new([Assignor::Roundrobin]))),
        Setting::OffsetReset => Some(Value::OffsetReset(OffsetReset::Latest)),
        Setting::FetchMin => bytes(1),
        Setting::FetchMaxWait => ms(5_000),
        Setting::FetchMax => bytes(10_485_760),
        Setting::MaxPartitionFetch => bytes(1_048_576),
        Setting::RequestTimeout | Setting::RetryBackoffMax => ms(30_000),
        Setting::RetryBackoff => ms(300),
        Setting::MetadataMaxAge => ms(300_000),
        Setting::AllowAutoCreateTopics => Some(Value::Switch(true)),
        _ => None,
    }
}

pub(super) fn key(setting: Setting) -> Option<&'static str> {
    Some(match setting {
        Setting::SessionTimeout => "sessionTimeout",
        Setting::HeartbeatInterval => "heartbeatInterval",
        Setting::RebalanceTimeout => "rebalanceTimeout",
        Setting::Assignors => "partitionAssigners",
        Setting::OffsetReset => "fromBeginning",
        Setting::FetchMin => "minBytes",
        Setting::FetchMaxWait => "maxWaitTimeInMs",
        Setting::FetchMax => "maxBytes",
        Setting::MaxPartitionFetch => "maxBytesPerPartition",
        Setting::RequestTimeout => "requestTimeout",
        Setting::RetryBackoff => "retry.initialRetryTime",
        Setting::RetryBackoffMax => "retry.maxRetryTime",
        Setting::ClientRack => "rackId",
        Setting::MetadataMaxAge => "metadataMaxAge",
        Setting::AllowAutoCreateTopics => "allowAutoTopicCreation",
        Setting::MaxPollRecords
        | Setting::MaxPollInterval
        | Setting::RemoteAssignor
        | Setting::MessageMax
        | Setting::ReceiveMessageMax
        | Setting::QueuedMinMessages
        | Setting::QueuedMax
        | Setting::FetchQueueBackoff
        | Setting::ReconnectBackoff
        | Setting::ReconnectBackoffMax
        | Setting::ConnectionsMaxIdle
        | Setting::ReceiveBuffer
        | Setting::CheckCrcs
        | Setting::StatisticsInterval => return None,
    })
}

pub(super) fn lower(lowering: &mut Lowering<'_>) {
    pass(lowering, Section::Client, &[Setting::RequestTimeout]);
    if let Some((first, longest)) = lowering.backoff(&RETRY) {
        lowering.put(Section::Client, "retry.initialRetryTime", first);
        lowering.put(Section::Client, "retry.maxRetryTime", longest);
    }
    lowering.group("groupId");
    identity(lowering);
    lowering.loader_batch();
    pass(
        lowering,
        Section::Consumer,
        &[Setting::SessionTimeout, Setting::HeartbeatInterval],
    );
    rebalance(lowering);
    assignors(lowering);
    pass(
        lowering,
        Section::Consumer,
        &[
            Setting::FetchMin,
            Setting::FetchMaxWait,
            Setting::FetchMax,
            Setting::MaxPartitionFetch,
            Setting::ClientRack,
            Setting::MetadataMaxAge,
            Setting::AllowAutoCreateTopics,
        ],
    );
    let uncommitted = lowering.run.delivery.isolation.value == Isolation::ReadUncommitted;
    lowering.put(Section::Consumer, "readUncommitted", uncommitted);
    lowering.topics();
    if let Some(end) = lowering.either_end() {
        lowering.put(Section::Subscribe, "fromBeginning", end != OffsetReset::Latest);
    }
    delivery(lowering);
    dropped(lowering);
}

fn pass(lowering: &mut Lowering<'_>, section: Section, settings: &[Setting]) {
    for setting in settings {
        if let Some(key) = key(*setting) {
            lowering.pass(section, *setting, key);
        }
    }
}

fn identity(lowering: &mut Lowering<'_>) {
    let service = lowering.service;
    if service.group_protocol.value == GroupProtocol::Consumer {
        let text = "the client has the classic protocol only";
        lowering.note_key("group_protocol", &service.group_protocol, Loss::Dropped, text);
    }
    if let Some(id) = &service.instance_id {
        lowering.note_key("instance_id", id, Loss::Dropped, "the client has no static membership");
    }
}

/// The setting that a group waits for a busy member by. In every other client that is the poll interval, and so it is here,
/// unless there is a rebalance timeout other than the client's own. A row holds values, not who chose them: the client's own
/// written out means what leaving it out means, or a loader would do something else than the compiled files.
#[must_use]
pub fn rebalance_wait(run: &Run) -> Setting {
    let (own, poll) = (Setting::RebalanceTimeout, Setting::MaxPollInterval);
    let is_own_default = run
        .consumer
        .get(own)
        .is_none_or(|value| value.is_edition() || Some(&value.value) == default(own).as_ref());
    let is_declared = run.consumer.get(poll).is_some_and(|value| !value.is_edition());
    if is_own_default && is_declared { poll } else { own }
}

/// Of the poll interval, that is all that is left.
fn rebalance(lowering: &mut Lowering<'_>) {
    let (own, poll) = (Setting::RebalanceTimeout, Setting::MaxPollInterval);
    let setting = rebalance_wait(lowering.run);
    if let Some(wait) = lowering.number(setting) {
        lowering.put(Section::Consumer, "rebalanceTimeout", wait);
    }
    if setting == poll {
        if lowering.number(own) != lowering.number(poll) {
            let text = "written out, the client's own counts as not chosen: max_poll_interval stands for it; any other \
                        value, a second more or less, is kept";
            lowering.note(own, Loss::Elsewhere, text);
        }
        let text = "the client has no poll limit: it stands as the time that the group waits for a busy member, and a \
                    handler longer than session_timeout must call heartbeat()";
        lowering.note(poll, Loss::Elsewhere, text);
    } else {
        let text = "the client has no poll limit: rebalance_timeout is what the group waits for a busy member";
        lowering.note(poll, Loss::Elsewhere, text);
    }
}

/// Assigners are functions, which JSON can't hold: round-robin, the only one that the package has, is its default.
fn assignors(lowering: &mut Lowering<'_>) {
    let declared = lowering.run.consumer.assignors();
    if !declared.is_empty() && declared != [Assignor::Roundrobin] {
        let text = "the client has roundrobin only, which stands for it";
        lowering.note(Setting::Assignors, Loss::Substituted, text);
    }
}

/// Without an interval, auto-commit commits once a batch is through; the other two are the application's to do.
fn delivery(lowering: &mut Lowering<'_>) {
    let commit = lowering.run.delivery.commit.value;
    let auto = matches!(commit, Commit::AfterBatch | Commit::Interval);
    lowering.put(Section::Run, "autoCommit", auto);
    if commit == Commit::Interval {
        lowering.put(Section::Run, "autoCommitInterval", lowering.commit_interval());
    }
}

fn dropped(lowering: &mut Lowering<'_>) {
    const QUEUE: &str = "the client has no queue: it drains one response before the next";
    lowering.drop(&[
        (Setting::RemoteAssignor, "the client has the classic protocol only"),
        (Setting::MessageMax, "the client has no such limit"),
        (Setting::ReceiveMessageMax, "the client has no such limit"),
        (Setting::QueuedMinMessages, QUEUE),
        (Setting::QueuedMax, QUEUE),
        (Setting::FetchQueueBackoff, QUEUE),
        (
            Setting::ReconnectBackoff,
            "the client pauses by retry_backoff when it reconnects too",
        ),
        (
            Setting::ReconnectBackoffMax,
            "the client pauses by retry_backoff_max when it reconnects too",
        ),
        (Setting::ConnectionsMaxIdle, "the client keeps idle connections open"),
        (Setting::ReceiveBuffer, "the client leaves the buffer to the system"),
        (Setting::CheckCrcs, "the client verifies no checksums"),
        (
            Setting::StatisticsInterval,
            "the client reports through events, at any time",
        ),
    ]);
}
