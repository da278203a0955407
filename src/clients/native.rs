//! librdkafka's keys, which librdkafka and confluent's JavaScript client have in common.

use crate::model::keywords::{Assignor, GroupProtocol};
use crate::model::settings::{OffsetReset, Setting};

use super::isolation_word;
use super::lowered::{Literal, Loss, Section, Text};
use super::lowering::{Backoff, Lowering};

/// What becomes of `max.poll.interval.ms`.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Poll {
    /// It is in force as given.
    AsDeclared,
    /// The package doubles it before librdkafka sees it.
    Doubled,
}

/// The most that `max.poll.interval.ms` may be, in milliseconds.
const MAX_POLL_MS: u64 = 86_400_000;
/// The most that `socket.timeout.ms` may be, in milliseconds.
const SOCKET_TIMEOUT_MS: u64 = 300_000;
/// `message.max.bytes` where nobody sets it.
const MESSAGE_MAX: u64 = 1_000_000;
/// The least that `message.max.bytes` may be, and with it `fetch.max.bytes`.
const LEAST_MESSAGE_MAX: u64 = 1_000;
/// What a response needs beside the records.
const RESPONSE_OVERHEAD: u64 = 512;

const RETRY: Backoff = Backoff {
    first: Setting::RetryBackoff,
    longest: Setting::RetryBackoffMax,
    defaults: (100, 1_000),
};
const RECONNECT: Backoff = Backoff {
    first: Setting::ReconnectBackoff,
    longest: Setting::ReconnectBackoffMax,
    defaults: (100, 10_000),
};

pub(super) fn key(setting: Setting) -> Option<&'static str> {
    Some(match setting {
        Setting::MaxPollRecords | Setting::RebalanceTimeout => return None,
        Setting::SessionTimeout => "session.timeout.ms",
        Setting::HeartbeatInterval => "heartbeat.interval.ms",
        Setting::MaxPollInterval => "max.poll.interval.ms",
        Setting::Assignors => "partition.assignment.strategy",
        Setting::RemoteAssignor => "group.remote.assignor",
        Setting::OffsetReset => "auto.offset.reset",
        Setting::FetchMin => "fetch.min.bytes",
        Setting::FetchMaxWait => "fetch.wait.max.ms",
        Setting::FetchMax => "fetch.max.bytes",
        Setting::MaxPartitionFetch => "max.partition.fetch.bytes",
        Setting::MessageMax => "message.max.bytes",
        Setting::ReceiveMessageMax => "receive.message.max.bytes",
        Setting::QueuedMinMessages => "queued.min.messages",
        Setting::QueuedMax => "queued.max.messages.kbytes",
        Setting::FetchQueueBackoff => "fetch.queue.backoff.ms",
        Setting::RequestTimeout => "socket.timeout.ms",
        Setting::RetryBackoff => "retry.backoff.ms",
        Setting::RetryBackoffMax => "retry.backoff.max.ms",
        Setting::ReconnectBackoff => "reconnect.backoff.ms",
        Setting::ReconnectBackoffMax => "reconnect.backoff.max.ms",
        Setting::ConnectionsMaxIdle => "connections.max.idle.ms",
        Setting::ReceiveBuffer => "socket.receive.buffer.bytes",
        Setting::ClientRack => "client.rack",
        Setting::CheckCrcs => "check.crcs",
        Setting::StatisticsInterval => "statistics.interval.ms",
        Setting::MetadataMaxAge => "topic.metadata.refresh.interval.ms",
        Setting::AllowAutoCreateTopics => "allow.auto.create.topics",
    })
}

/// Who the member is.
pub(super) fn identity(lowering: &mut Lowering<'_>) {
    lowering.group("group.id");
    lowering.instance_id(Section::Consumer, "group.instance.id");
    let protocol = crate::model::keywords::Keyword::as_str(lowering.protocol());
    lowering.put(Section::Consumer, "group.protocol", protocol);
}

/// Everything of `[consumer]` but the batch size, in the order of the documentation.
pub(super) fn settings(lowering: &mut Lowering<'_>, poll: Poll) {
    coordination(lowering, poll);
    offset_reset(lowering);
    let (wait, timeout) = patience(lowering);
    pass(lowering, &[Setting::FetchMin]);
    put(lowering, Setting::FetchMaxWait, wait);
    sizes(lowering);
    pass(lowering, &[Setting::QueuedMinMessages]);
    queue(lowering);
    pass(lowering, &[Setting::FetchQueueBackoff]);
    put(lowering, Setting::RequestTimeout, timeout);
    for backoff in [RETRY, RECONNECT] {
        if let Some((first, longest)) = lowering.backoff(&backoff) {
            // librdkafka's least retry pause is 1 ms, as is lagproof's.
            put(lowering, backoff.first, Some(first));
            put(lowering, backoff.longest, Some(longest));
        }
    }
    pass(
        lowering,
        &[
            Setting::ConnectionsMaxIdle,
            Setting::ReceiveBuffer,
            Setting::ClientRack,
            Setting::CheckCrcs,
            Setting::StatisticsInterval,
            Setting::MetadataMaxAge,
            Setting::AllowAutoCreateTopics,
        ],
    );
}

pub(super) fn isolation(lowering: &mut Lowering<'_>) {
    let word = isolation_word(lowering.run.delivery.isolation.value);
    lowering.put(Section::Consumer, "isolation.level", word);
}

fn pass(lowering: &mut Lowering<'_>, settings: &[Setting]) {
    for setting in settings {
        if let Some(key) = key(*setting) {
            lowering.pass(Section::Consumer, *setting, key);
        }
    }
}

fn put(lowering: &mut Lowering<'_>, setting: Setting, value: Option<u64>) {
    if let (Some(key), Some(value)) = (key(setting), value) {
        lowering.put(Section::Consumer, key, value);
    }
}

fn coordination(lowering: &mut Lowering<'_>, poll: Poll) {
    let (session, interval) = (lowering.number(Setting::SessionTimeout), poll_interval(lowering, poll));
    if lowering.protocol() == GroupProtocol::Classic {
        put(lowering, Setting::SessionTimeout, session);
        pass(lowering, &[Setting::HeartbeatInterval]);
    } else {
        lowering.left_to_broker();
    }
    put(lowering, Setting::MaxPollInterval, Some(interval));
    let none = "the client has none: the group waits for max_poll_interval";
    lowering.drop(&[(Setting::RebalanceTimeout, none)]);
    match lowering.protocol() {
        GroupProtocol::Classic => {
            assignors(lowering);
            lowering.drop(&[(Setting::RemoteAssignor, "only group_protocol = \"consumer\" has it")]);
        }
        GroupProtocol::Consumer => pass(lowering, &[Setting::RemoteAssignor]),
    }
}

/// The poll interval in milliseconds, in the client's bounds and, under the classic protocol, not below the session
/// timeout, which librdkafka refuses.
fn poll_interval(lowering: &mut Lowering<'_>, poll: Poll) -> u64 {
    let declared = lowering.number(Setting::MaxPollInterval).unwrap_or(300_000);
    let factor = if poll == Poll::Doubled { 2 } else { 1 };
    let least = match lowering.protocol() {
        GroupProtocol::Classic => lowering
            .number(Setting::SessionTimeout)
            .unwrap_or(45_000)
            .div_ceil(factor),
        GroupProtocol::Consumer => 0,
    };
    let interval = declared.clamp(least, MAX_POLL_MS / factor);
    if interval > declared {
        let text = format!("raised to {interval} ms: the client refuses one below session_timeout");
        lowering.note(Setting::MaxPollInterval, Loss::Substituted, text);
    } else if interval < declared {
        let text = format!("lowered to {interval} ms: the client doubles it, and takes no more than a day");
        lowering.note(Setting::MaxPollInterval, Loss::Substituted, text);
    }
    interval
}

fn assignors(lowering: &mut Lowering<'_>) {
    let declared = lowering.run.consumer.assignors();
    let mut names: Vec<&'static str> = Vec::with_capacity(declared.len());
    let mut cooperative = None;
    for assignor in declared {
        let name = match assignor {
            Assignor::Range => "range",
            Assignor::Roundrobin => "roundrobin",
            Assignor::Sticky | Assignor::CooperativeSticky => "cooperative-sticky",
        };
        // The first decides how the group rebalances: librdkafka refuses a list of both kinds.
        let kind = name == "cooperative-sticky";
        if *cooperative.get_or_insert(kind) == kind && !names.contains(&name) {
            names.push(name);
        }
    }
    if names.is_empty() {
        return;
    }
    let list = names.join(",");
    if declared.contains(&Assignor::Sticky) {
        let text = format!("the client has no sticky: {list} stands for it, as sticky but cooperative");
        lowering.note(Setting::Assignors, Loss::Substituted, text);
    } else if names.len() < declared.len() {
        let text = format!("the client takes no list of eager and cooperative ones: only {list} is left of it");
        lowering.note(Setting::Assignors, Loss::Substituted, text);
    }
    lowering.put(Section::Consumer, "partition.assignment.strategy", list);
}

fn offset_reset(lowering: &mut Lowering<'_>) {
    let reset = match lowering.run.consumer.offset_reset() {
        None => return,
        // What others call none.
        Some(OffsetReset::None) => "error",
        Some(_) => match lowering.either_end() {
            Some(OffsetReset::Latest) => "latest",
            _ => "earliest",
        },
    };
    lowering.put(Section::Consumer, "auto.offset.reset", reset);
}

/// The fetch wait and the request timeout, in milliseconds, with the second between them without which librdkafka warns.
fn patience(lowering: &mut Lowering<'_>) -> (Option<u64>, Option<u64>) {
    const MARGIN: u64 = 1_000;
    let (wait, timeout) = (
        lowering.number(Setting::FetchMaxWait),
        lowering.number(Setting::RequestTimeout),
    );
    let (effective_wait, effective_timeout) = (wait.unwrap_or(500), timeout.unwrap_or(60_000));
    if effective_wait + MARGIN <= effective_timeout {
        return (wait, timeout);
    }
    let timeout = (effective_wait + MARGIN).min(SOCKET_TIMEOUT_MS);
    let wait = effective_wait.min(timeout - MARGIN);
    if wait < effective_wait {
        let text = format!("lowered to {wait} ms: the client waits for an answer {SOCKET_TIMEOUT_MS} ms at most");
        lowering.note(Setting::FetchMaxWait, Loss::Substituted, text);
    }
    let text = format!("raised to {timeout} ms: the client wants it a second above fetch_max_wait");
    lowering.note(Setting::RequestTimeout, Loss::Substituted, text);
    (Some(wait), Some(timeout))
}

/// The sizes of fetches and messages: librdkafka wants message ≤ fetch, and fetch + 512 ≤ response.
fn sizes(lowering: &mut Lowering<'_>) {
    let fetch = lowering
        .number(Setting::FetchMax)
        .map(|declared| declared.max(LEAST_MESSAGE_MAX));
    if fetch > lowering.number(Setting::FetchMax) {
        let text = format!("raised to {LEAST_MESSAGE_MAX} bytes, the least that the client takes");
        lowering.note(Setting::FetchMax, Loss::Substituted, text);
    }
    put(lowering, Setting::FetchMax, fetch);
    pass(lowering, &[Setting::MaxPartitionFetch]);
    let message = lowering.number(Setting::MessageMax);
    let most = fetch.unwrap_or(52_428_800);
    if message.is_some_and(|message| message > most) {
        let text = format!("lowered to {most} bytes, which is fetch_max: the client refuses one above it");
        lowering.note(Setting::MessageMax, Loss::Substituted, text);
    }
    if message.is_some() || most < MESSAGE_MAX {
        put(
            lowering,
            Setting::MessageMax,
            Some(message.unwrap_or(MESSAGE_MAX).min(most)),
        );
    }
    if let Some(response) = lowering.number(Setting::ReceiveMessageMax) {
        let least = most + RESPONSE_OVERHEAD;
        if response < least {
            let text = format!("raised to {least} bytes: the client refuses one below fetch_max + 512");
            lowering.note(Setting::ReceiveMessageMax, Loss::Substituted, text);
        }
        put(lowering, Setting::ReceiveMessageMax, Some(response.max(least)));
    }
}

/// librdkafka counts its queue in units of 1,000 bytes and calls them kbytes.
fn queue(lowering: &mut Lowering<'_>) {
    let Some(declared) = lowering.number(Setting::QueuedMax) else {
        return;
    };
    let units = (declared / 1_000).max(1);
    if units * 1_000 != declared {
        let text = format!(
            "rounded to {} bytes: the client takes whole units of 1,000",
            units * 1_000
        );
        lowering.note(Setting::QueuedMax, Loss::Substituted, text);
    }
    let key: Text = Text::Borrowed("queued.max.messages.kbytes");
    lowering.put(Section::Consumer, key, Literal::from(units));
}
