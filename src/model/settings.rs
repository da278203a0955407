//! The consumer settings that lagproof models, under neutral names.
//!
//! One list makes the parser, the schema, the settings reference, the seeds' keys and the lowering tables. Facts are
//! those of Apache Kafka 4.2's `ConsumerConfig`, librdkafka 2.12.1's `CONFIGURATION.md`, aiokafka 0.14, kafkajs 2.2.4
//! and @confluentinc/kafka-javascript 1.10.1.

use std::fmt;
use std::time::Duration;

use crate::units::{Size, format_duration};

use super::keywords::{Assignor, Keyword, RemoteAssignor};
use super::origin::Sourced;

/// What kind of value a setting takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A whole number.
    Count,
    /// A duration of whole milliseconds, as text with a unit.
    Duration,
    /// A size in whole bytes, as text with a unit.
    Size,
    /// `true` or `false`.
    Switch,
    /// An assignor or a list of them, the preferred first.
    Assignors,
    /// `"earliest"`, `"latest"`, `"none"`, or a duration to look back such as `"1d"`.
    OffsetReset,
    /// `"uniform"` or `"range"`.
    RemoteAssignor,
    /// A name.
    Text,
}

/// Where a consumer starts that has no committed offset.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum OffsetReset {
    /// At the oldest record.
    Earliest,
    /// At the end.
    Latest,
    /// Not at all: an error.
    None,
    /// That far back (Java 4.x only).
    ByDuration(Duration),
}

impl fmt::Display for OffsetReset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Earliest => f.write_str("earliest"),
            Self::Latest => f.write_str("latest"),
            Self::None => f.write_str("none"),
            Self::ByDuration(duration) => f.write_str(&format_duration(*duration)),
        }
    }
}

/// A setting's value.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Value {
    /// A whole number.
    Count(u64),
    /// A duration of whole milliseconds.
    Duration(Duration),
    /// A size in bytes.
    Size(Size),
    /// A switch.
    Switch(bool),
    /// Assignors, the preferred first; never empty.
    Assignors(Box<[Assignor]>),
    /// Where to start.
    OffsetReset(OffsetReset),
    /// The broker's assignor.
    RemoteAssignor(RemoteAssignor),
    /// A name.
    Text(Box<str>),
}

/// As it stands in a profile, without quotes: `500`, `60s`, `8MiB`, `cooperative-sticky`.
impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Count(count) => write!(f, "{count}"),
            Self::Duration(duration) => f.write_str(&format_duration(*duration)),
            Self::Size(size) => write!(f, "{size}"),
            Self::Switch(on) => write!(f, "{on}"),
            Self::Assignors(list) => {
                let names: Vec<&str> = list.iter().map(|assignor| assignor.as_str()).collect();
                f.write_str(&names.join(", "))
            }
            Self::OffsetReset(reset) => write!(f, "{reset}"),
            Self::RemoteAssignor(assignor) => write!(f, "{assignor}"),
            Self::Text(text) => f.write_str(text),
        }
    }
}

impl Value {
    /// As TOML: `500`, `"60s"`, `["range", "roundrobin"]`.
    #[must_use]
    pub fn to_toml(&self) -> String {
        match self {
            Self::Count(_) | Self::Switch(_) => self.to_string(),
            Self::Assignors(list) if list.len() > 1 => {
                let names: Vec<String> = list.iter().map(|assignor| format!("\"{assignor}\"")).collect();
                format!("[{}]", names.join(", "))
            }
            _ => toml_edit::Value::from(self.to_string()).to_string(),
        }
    }

    /// The number behind a count (as it is), a duration (in milliseconds) or a size (in bytes).
    #[must_use]
    pub fn number(&self) -> Option<u64> {
        match self {
            Self::Count(count) => Some(*count),
            Self::Duration(duration) => u64::try_from(duration.as_millis()).ok(),
            Self::Size(size) => Some(size.bytes()),
            _ => None,
        }
    }
}

/// What is known of a setting whatever the client.
#[derive(Debug, Clone, Copy)]
pub struct SettingInfo {
    /// The neutral name, as written in profiles.
    pub name: &'static str,
    /// What it takes.
    pub kind: Kind,
    /// The key in a seed's document and, where section 6 of the design names one, the database's column.
    pub key: &'static str,
    /// One line.
    pub summary: &'static str,
    /// A paragraph: when one would change it.
    pub detail: &'static str,
}

macro_rules! settings {
    ($($variant:ident $name:literal $kind:ident $key:literal $summary:literal $detail:literal;)+) => {
        /// A consumer setting.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[repr(u8)]
        pub enum Setting { $(#[doc = $summary] $variant,)+ }

        /// How many settings there are.
        pub const SETTINGS: usize = [$(Setting::$variant,)+].len();

        impl Setting {
            /// Every setting, in the order of the documentation.
            pub const ALL: [Self; SETTINGS] = [$(Self::$variant,)+];

            /// What is known of it.
            #[must_use]
            pub const fn info(self) -> &'static SettingInfo {
                match self {
                    $(Self::$variant => &SettingInfo {
                        name: $name, kind: Kind::$kind, key: $key, summary: $summary, detail: $detail,
                    },)+
                }
            }
        }
    };
}

settings! {
    MaxPollRecords "max_poll_records" Count "max_poll_records"
        "most records in one batch"
        "A cap, not a size: a steady batch holds what arrived since the last one. Raise it where a cost a batch dominates; lower it to 1 where one record takes seconds or minutes.";
    SessionTimeout "session_timeout" Duration "session_timeout_ms"
        "silence after which the group takes a member for dead"
        "Longer survives pauses and slow networks; shorter hands a dead member's partitions on sooner.";
    HeartbeatInterval "heartbeat_interval" Duration "heartbeat_interval_ms"
        "time between heartbeats"
        "At most a third of the session timeout, so that two may be lost.";
    MaxPollInterval "max_poll_interval" Duration "max_poll_interval_ms"
        "longest time between two polls before the member leaves its group"
        "Must cover the slowest batch; too long, and a stuck handler holds its partitions that long.";
    RebalanceTimeout "rebalance_timeout" Duration "rebalance_timeout_ms"
        "longest time the group waits for members to rejoin (aiokafka, kafkajs)"
        "Other clients use the poll interval for it.";
    Assignors "assignors" Assignors "partition_assignment_strategy"
        "how partitions are shared out, the preferred first"
        "Every member of a group must have one in common. An assignor keeps no order: that is the key's promise.";
    RemoteAssignor "remote_assignor" RemoteAssignor "group_remote_assignor"
        "the broker's assignor under group_protocol = \"consumer\""
        "Unset, the broker chooses.";
    OffsetReset "offset_reset" OffsetReset "auto_offset_reset"
        "where to start without a committed offset"
        "With \"latest\", records that arrive before the first commit, or in a partition that is not yet seen, are skipped.";
    FetchMin "fetch_min" Size "fetch_min_bytes"
        "bytes that the broker waits for before it answers a fetch"
        "Above 1 byte, records wait for company, at most fetch_max_wait.";
    FetchMaxWait "fetch_max_wait" Duration "fetch_max_wait_ms"
        "longest time the broker waits for fetch_min"
        "Only felt where fetch_min is not met.";
    FetchMax "fetch_max" Size "fetch_max_bytes"
        "most bytes in one fetch response"
        "The first batch is always returned whole, so that a larger one is not stuck.";
    MaxPartitionFetch "max_partition_fetch" Size "max_partition_fetch_bytes"
        "most bytes of one partition in one fetch response"
        "Should hold the largest batch.";
    MessageMax "message_max" Size "message_max_bytes"
        "largest message (librdkafka)"
        "librdkafka refuses a fetch_max below it.";
    ReceiveMessageMax "receive_message_max" Size "receive_message_max_bytes"
        "largest response that is accepted (librdkafka)"
        "Must be at least fetch_max + 512 bytes; unset, it follows fetch_max.";
    QueuedMinMessages "queued_min_messages" Count "queued_min_messages"
        "messages that librdkafka tries to keep in its local queue"
        "Lower it with queued_max to bound memory.";
    QueuedMax "queued_max" Size "queued_max_bytes"
        "bytes in librdkafka's local queue beyond which it stops fetching"
        "Whole kB (1,000 bytes): librdkafka counts it in units of queued.max.messages.kbytes × 1000.";
    FetchQueueBackoff "fetch_queue_backoff" Duration "fetch_queue_backoff_ms"
        "pause before librdkafka looks again whether its queue has room"
        "Lower it together with a small queue, or every refill waits a second.";
    RequestTimeout "request_timeout" Duration "request_timeout_ms"
        "longest wait for a broker's answer"
        "Above fetch_max_wait, or fetches time out.";
    RetryBackoff "retry_backoff" Duration "retry_backoff_ms"
        "first pause before a failed request is repeated"
        "Grows to retry_backoff_max where the client backs off exponentially.";
    RetryBackoffMax "retry_backoff_max" Duration "retry_backoff_max_ms"
        "longest pause before a failed request is repeated"
        "";
    ReconnectBackoff "reconnect_backoff" Duration "reconnect_backoff_ms"
        "first pause before reconnecting to a broker"
        "";
    ReconnectBackoffMax "reconnect_backoff_max" Duration "reconnect_backoff_max_ms"
        "longest pause before reconnecting to a broker"
        "At least reconnect_backoff.";
    ConnectionsMaxIdle "connections_max_idle" Duration "connections_max_idle_ms"
        "idle time after which a connection is closed"
        "librdkafka takes 0 for never.";
    ReceiveBuffer "receive_buffer" Size "receive_buffer_bytes"
        "the socket's receive buffer"
        "Raise it for fast links with long round trips.";
    ClientRack "client_rack" Text "client_rack"
        "where this consumer stands, for fetching from the nearest replica"
        "";
    CheckCrcs "check_crcs" Switch "check_crcs"
        "whether checksums are verified"
        "";
    StatisticsInterval "statistics_interval" Duration "statistics_interval_ms"
        "how often librdkafka reports its statistics"
        "0s is off. In whole seconds; needs a callback.";
    MetadataMaxAge "metadata_max_age" Duration "metadata_max_age_ms"
        "how often topics and partitions are looked up again"
        "New partitions are found no sooner.";
    AllowAutoCreateTopics "allow_auto_create_topics" Switch "allow_auto_create_topics"
        "whether subscribing may create a topic"
        "A misspelt topic then exists, and stays empty.";
}

impl Setting {
    /// The neutral name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        self.info().name
    }

    /// The setting of that name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|setting| setting.name() == name)
    }
}

impl fmt::Display for Setting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A consumer's settings: for each a value and its origin, or nothing, which leaves it to the client.
#[derive(Debug, Clone, PartialEq)]
pub struct Settings(Box<[Option<Sourced<Value>>; SETTINGS]>);

impl Default for Settings {
    fn default() -> Self {
        Self(Box::new([const { None }; SETTINGS]))
    }
}

impl Settings {
    /// A setting's value and origin.
    #[must_use]
    pub fn get(&self, setting: Setting) -> Option<&Sourced<Value>> {
        self.0[setting as usize].as_ref()
    }

    /// Sets it, whatever it was.
    pub fn set(&mut self, setting: Setting, value: Sourced<Value>) {
        self.0[setting as usize] = Some(value);
    }

    /// Leaves it to the client.
    pub fn unset(&mut self, setting: Setting) {
        self.0[setting as usize] = None;
    }

    /// Those that are set, in the order of the documentation.
    pub fn iter(&self) -> impl Iterator<Item = (Setting, &Sourced<Value>)> {
        Setting::ALL
            .into_iter()
            .zip(self.0.iter())
            .filter_map(|(setting, value)| Some((setting, value.as_ref()?)))
    }

    /// A duration setting.
    #[must_use]
    pub fn duration(&self, setting: Setting) -> Option<Duration> {
        match self.get(setting)?.value {
            Value::Duration(duration) => Some(duration),
            _ => None,
        }
    }

    /// A size setting, in bytes.
    #[must_use]
    pub fn size(&self, setting: Setting) -> Option<u64> {
        match self.get(setting)?.value {
            Value::Size(size) => Some(size.bytes()),
            _ => None,
        }
    }

    /// A count setting.
    #[must_use]
    pub fn count(&self, setting: Setting) -> Option<u64> {
        match self.get(setting)?.value {
            Value::Count(count) => Some(count),
            _ => None,
        }
    }

    /// A switch.
    #[must_use]
    pub fn switch(&self, setting: Setting) -> Option<bool> {
        match self.get(setting)?.value {
            Value::Switch(on) => Some(on),
            _ => None,
        }
    }

    /// The assignors, the preferred first; empty where they are unset.
    #[must_use]
    pub fn assignors(&self) -> &[Assignor] {
        match self.get(Setting::Assignors) {
            Some(Sourced {
                value: Value::Assignors(list),
                ..
            }) => list,
            _ => &[],
        }
    }

    /// Where to start without a committed offset.
    #[must_use]
    pub fn offset_reset(&self) -> Option<OffsetReset> {
        match self.get(Setting::OffsetReset)?.value {
            Value::OffsetReset(reset) => Some(reset),
            _ => None,
        }
    }
}
