//! What a row's settings become for librdkafka, as `lagproof compile` does it.
//!
//! `clients/cases/lowering.json` in lagproof's repository holds what the compiler does; the tests compare every case.

use std::collections::BTreeMap;
use std::fmt;

use serde_json::Value as Json;

use crate::error::Error;
use crate::settings::{Client, Commit, GroupProtocol, Isolation, Settings};

/// Settings that have one name there and mean the same.
const SAME: [(&str, &str); 11] = [
    ("fetch_min_bytes", "fetch.min.bytes"),
    ("max_partition_fetch_bytes", "max.partition.fetch.bytes"),
    ("queued_min_messages", "queued.min.messages"),
    ("fetch_queue_backoff_ms", "fetch.queue.backoff.ms"),
    ("connections_max_idle_ms", "connections.max.idle.ms"),
    ("receive_buffer_bytes", "socket.receive.buffer.bytes"),
    ("client_rack", "client.rack"),
    ("check_crcs", "check.crcs"),
    ("statistics_interval_ms", "statistics.interval.ms"),
    ("metadata_max_age_ms", "topic.metadata.refresh.interval.ms"),
    ("allow_auto_create_topics", "allow.auto.create.topics"),
];
/// Where the cluster is and how one logs in: how such keys begin.
const ENVIRONMENT: [&str; 9] = [
    "ssl_",
    "sasl_",
    "security_",
    "https_",
    "bootstrap_",
    "metadata_broker_list",
    "enable_ssl_",
    "enable_sasl_",
    "oauthbearer_",
];
const MOST_POLL_MS: u64 = 86_400_000;
const MOST_SOCKET_MS: u64 = 300_000;
const MESSAGE_MAX: u64 = 1_000_000;
const LEAST_FETCH: u64 = 1_000;
const RESPONSE_OVERHEAD: u64 = 512;

/// How a setting did not go straight through.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Loss {
    /// The client has nothing like it.
    Dropped,
    /// Something else stands for it.
    Substituted,
}

impl fmt::Display for Loss {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Dropped => "dropped",
            Self::Substituted => "substituted",
        })
    }
}

/// A setting that did not go straight through.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Note {
    /// Its key in the row.
    pub key: &'static str,
    /// What became of it.
    pub loss: Loss,
    /// Why.
    pub text: String,
}

/// What the client is given.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Lowered {
    /// librdkafka's properties.
    pub consumer: BTreeMap<String, String>,
    /// What to subscribe to.
    pub topics: Vec<String>,
    /// The batch size, which this crate honours, since librdkafka has none.
    pub max_poll_records: Option<u64>,
    /// What did not go straight through.
    pub notes: Vec<Note>,
}

impl Lowered {
    fn put(&mut self, name: &str, value: impl ToString) {
        self.consumer.insert(name.to_owned(), value.to_string());
    }

    fn substituted(&mut self, key: &'static str, text: String) {
        self.note(key, Loss::Substituted, text);
    }

    fn note(&mut self, key: &'static str, loss: Loss, text: String) {
        self.notes.push(Note { key, loss, text });
    }
}

/// The settings as librdkafka's properties.
///
/// # Errors
/// [`Error::BadRow`] where they are for another client, or say what only the environment may.
pub fn lower(settings: &Settings) -> Result<Lowered, Error> {
    let refuse = |key: String, problem: String, fix: &str| Error::BadRow {
        service_name: settings.service_name.clone(),
        key,
        problem,
        fix: fix.to_owned(),
    };
    if settings.client != Client::Librdkafka {
        let client = settings.client.as_str();
        return Err(refuse(
            "client".to_owned(),
            format!(
                "its profile declares {client}, which is no client of Rust's: its settings mean something else here"
            ),
            "Set client = \"librdkafka\" in its profile, or run the service with what it declares",
        ));
    }
    for key in settings.own_raw().into_iter().flat_map(|keys| keys.keys()) {
        let plain = key.replace('.', "_");
        if ENVIRONMENT.iter().any(|start| plain.starts_with(start)) {
            return Err(refuse(
                format!("raw.librdkafka.{key}"),
                "where the cluster is and how one logs in comes from the environment, never from the table".to_owned(),
                "Take it out of the profile and set KAFKA_BOOTSTRAP_SERVERS, KAFKA_SECURITY_PROTOCOL, KAFKA_SASL_… instead",
            ));
        }
    }
    let mut out = Lowered {
        topics: settings.topics.clone(),
        max_poll_records: settings.number("max_poll_records"),
        ..Lowered::default()
    };
    out.put("group.id", &settings.group);
    if let Some(id) = settings.instance_id.as_ref().filter(|id| !id.contains("${")) {
        out.put("group.instance.id", id);
    }
    out.put("group.protocol", settings.group_protocol.as_str());
    coordination(settings, &mut out);
    offset_reset(settings, &mut out);
    patience(settings, &mut out);
    sizes(settings, &mut out);
    for (key, name) in SAME {
        if let Some(value) = settings.consumer.get(key) {
            out.put(name, plain(value));
        }
    }
    if let Some(bytes) = settings.number("queued_max_bytes") {
        let units = (bytes / 1000).max(1);
        if units * 1000 != bytes {
            let text = format!(
                "rounded to {} bytes: the client takes whole units of 1,000",
                units * 1000
            );
            out.substituted("queued_max_bytes", text);
        }
        out.put("queued.max.messages.kbytes", units);
    }
    backoff(settings, &mut out, &RETRY);
    backoff(settings, &mut out, &RECONNECT);
    let timer = settings.delivery.commit == Commit::Interval;
    out.put("enable.auto.commit", timer);
    if timer {
        // Zero is no interval, and means "off" to the client.
        out.put(
            "auto.commit.interval.ms",
            settings.delivery.commit_interval_ms.clamp(1, MOST_POLL_MS),
        );
        out.put("enable.auto.offset.store", true);
    }
    let isolation = match settings.delivery.isolation {
        Isolation::ReadCommitted => "read_committed",
        Isolation::ReadUncommitted => "read_uncommitted",
    };
    out.put("isolation.level", isolation);
    for (key, value) in settings.own_raw().into_iter().flatten() {
        out.put(key, plain(value));
    }
    Ok(out)
}

/// A value as librdkafka reads it: text without quotes.
fn plain(value: &Json) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

fn offset_reset(settings: &Settings, out: &mut Lowered) {
    let word = match settings.text("auto_offset_reset") {
        None => return,
        Some("none") => "error",
        Some("earliest") => "earliest",
        Some("latest") => "latest",
        Some(_) => {
            let text = "the client can't look back by time: it starts at the oldest record, which skips nothing";
            out.substituted("auto_offset_reset", text.to_owned());
            "earliest"
        }
    };
    out.put("auto.offset.reset", word);
}

fn coordination(settings: &Settings, out: &mut Lowered) {
    let classic = settings.group_protocol == GroupProtocol::Classic;
    if classic {
        for (key, name) in [
            ("session_timeout_ms", "session.timeout.ms"),
            ("heartbeat_interval_ms", "heartbeat.interval.ms"),
        ] {
            if let Some(ms) = settings.number(key) {
                out.put(name, ms);
            }
        }
    }
    let declared = settings.max_poll_interval_ms();
    let session = settings.number("session_timeout_ms").unwrap_or(45_000);
    let least = if classic { session } else { 0 };
    let interval = declared.max(least).min(MOST_POLL_MS);
    if interval > declared {
        let text = format!("raised to {interval} ms: the client refuses one below session_timeout");
        out.substituted("max_poll_interval_ms", text);
    }
    out.put("max.poll.interval.ms", interval);
    if settings.number("rebalance_timeout_ms").is_some() {
        let text = "the client has none: the group waits for max_poll_interval";
        out.note("rebalance_timeout_ms", Loss::Dropped, text.to_owned());
    }
    if classic {
        assignors(settings, out);
        return;
    }
    if !settings.assignors().is_empty() {
        let text = "the broker assigns under group_protocol = \"consumer\": see remote_assignor";
        out.note("partition_assignment_strategy", Loss::Dropped, text.to_owned());
    }
    if let Some(remote) = settings.text("group_remote_assignor") {
        out.put("group.remote.assignor", remote);
    }
}

fn assignors(settings: &Settings, out: &mut Lowered) {
    const KEY: &str = "partition_assignment_strategy";
    const COOPERATIVE: &str = "cooperative-sticky";
    if settings.text("group_remote_assignor").is_some() {
        let text = "only group_protocol = \"consumer\" has it";
        out.note("group_remote_assignor", Loss::Dropped, text.to_owned());
    }
    let declared = settings.assignors();
    let mut names: Vec<&str> = Vec::new();
    for name in &declared {
        let name = if *name == "sticky" { COOPERATIVE } else { name };
        // The first decides how the group rebalances: librdkafka refuses a list of both kinds.
        let of_its_kind = names
            .first()
            .is_none_or(|first| (*first == COOPERATIVE) == (name == COOPERATIVE));
        if of_its_kind && !names.contains(&name) {
            names.push(name);
        }
    }
    if names.is_empty() {
        return;
    }
    let joined = names.join(",");
    if declared.contains(&"sticky") {
        let text = format!("the client has no sticky: {joined} stands for it, as sticky but cooperative");
        out.substituted(KEY, text);
    } else if names.len() < declared.len() {
        let text = format!("the client takes no list of eager and cooperative ones: only {joined} is left of it");
        out.substituted(KEY, text);
    }
    out.put("partition.assignment.strategy", joined);
}

/// The fetch wait and the request timeout, with the second between them without which librdkafka warns.
fn patience(settings: &Settings, out: &mut Lowered) {
    let mut wait = settings.number("fetch_max_wait_ms");
    let mut timeout = settings.number("request_timeout_ms");
    let real_wait = wait.unwrap_or(500);
    if real_wait + 1_000 > timeout.unwrap_or(60_000) {
        let raised = (real_wait + 1_000).min(MOST_SOCKET_MS);
        let lowered = real_wait.min(raised - 1_000);
        if lowered < real_wait {
            let text = format!("lowered to {lowered} ms: the client waits for an answer {MOST_SOCKET_MS} ms at most");
            out.substituted("fetch_max_wait_ms", text);
        }
        let text = format!("raised to {raised} ms: the client wants it a second above fetch_max_wait");
        out.substituted("request_timeout_ms", text);
        (wait, timeout) = (Some(lowered), Some(raised));
    }
    if let Some(wait) = wait {
        out.put("fetch.wait.max.ms", wait);
    }
    if let Some(timeout) = timeout {
        out.put("socket.timeout.ms", timeout);
    }
}

/// librdkafka wants message ≤ fetch, and fetch + 512 ≤ response.
fn sizes(settings: &Settings, out: &mut Lowered) {
    let fetch = settings.number("fetch_max_bytes");
    if let Some(fetch) = fetch {
        if fetch < LEAST_FETCH {
            let text = format!("raised to {LEAST_FETCH} bytes, the least that the client takes");
            out.substituted("fetch_max_bytes", text);
        }
        out.put("fetch.max.bytes", fetch.max(LEAST_FETCH));
    }
    let most = fetch.map_or(52_428_800, |fetch| fetch.max(LEAST_FETCH));
    let message = settings.number("message_max_bytes");
    if message.is_some_and(|message| message > most) {
        let text = format!("lowered to {most} bytes, which is fetch_max: the client refuses one above it");
        out.substituted("message_max_bytes", text);
    }
    if message.is_some() || most < MESSAGE_MAX {
        out.put("message.max.bytes", message.unwrap_or(MESSAGE_MAX).min(most));
    }
    if let Some(response) = settings.number("receive_message_max_bytes") {
        let least = most + RESPONSE_OVERHEAD;
        if response < least {
            let text = format!("raised to {least} bytes: the client refuses one below fetch_max + 512");
            out.substituted("receive_message_max_bytes", text);
        }
        out.put("receive.message.max.bytes", response.max(least));
    }
}

/// A first and a longest pause.
struct Backoff {
    first: (&'static str, &'static str, u64),
    longest: (&'static str, &'static str, u64),
    name: &'static str,
}

const RETRY: Backoff = Backoff {
    first: ("retry_backoff_ms", "retry.backoff.ms", 100),
    longest: ("retry_backoff_max_ms", "retry.backoff.max.ms", 1_000),
    name: "retry_backoff",
};
const RECONNECT: Backoff = Backoff {
    first: ("reconnect_backoff_ms", "reconnect.backoff.ms", 100),
    longest: ("reconnect_backoff_max_ms", "reconnect.backoff.max.ms", 10_000),
    name: "reconnect_backoff",
};

/// The longest pause must not be below the first; both are written, or neither.
fn backoff(settings: &Settings, out: &mut Lowered, of: &Backoff) {
    let defaults = (of.first.2, of.longest.2);
    let (first, longest) = match (settings.number(of.first.0), settings.number(of.longest.0)) {
        (None, None) => return,
        (Some(first), None) => (first, first.max(defaults.1)),
        (None, Some(longest)) => (longest.min(defaults.0), longest),
        // The client's own default: nobody chose it.
        (Some(first), Some(longest)) if first > longest && first == defaults.0 => (longest, longest),
        (Some(first), Some(longest)) if first > longest => {
            if longest != defaults.1 {
                let text = format!(
                    "raised to {first} ms, which is {}: the longest pause can't be below the first",
                    of.name
                );
                out.substituted(of.longest.0, text);
            }
            (first, first)
        }
        (Some(first), Some(longest)) => (first, longest),
    };
    out.put(of.first.1, first);
    out.put(of.longest.1, longest);
}
