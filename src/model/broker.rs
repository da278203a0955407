//! What is assumed of the brokers, and the environments that a project runs in.

use std::time::Duration;

use crate::source::Span;
use crate::units::Size;

use super::origin::Sourced;

/// The brokers' bounds. Defaults are those of Apache Kafka 4.x.
#[derive(Debug, Clone, PartialEq)]
pub struct Broker {
    /// The Kafka version as `(major, minor)`.
    pub version: Sourced<(u32, u32)>,
    /// How many brokers there are.
    pub count: Sourced<u32>,
    /// `group.min.session.timeout.ms`.
    pub min_session_timeout: Sourced<Duration>,
    /// `group.max.session.timeout.ms`.
    pub max_session_timeout: Sourced<Duration>,
    /// `group.max.size`.
    pub max_group_size: Sourced<u32>,
    /// `message.max.bytes`.
    pub message_max: Sourced<Size>,
    /// `fetch.max.bytes`.
    pub fetch_max: Sourced<Size>,
    /// `offsets.retention.minutes`.
    pub offsets_retention: Sourced<Duration>,
    /// `group.consumer.min.session.timeout.ms` and the maximum (KIP-848).
    pub consumer_session_timeout: (Sourced<Duration>, Sourced<Duration>),
    /// `group.consumer.min.heartbeat.interval.ms` and the maximum (KIP-848).
    pub consumer_heartbeat_interval: (Sourced<Duration>, Sourced<Duration>),
}

/// How clients authenticate; secrets come from the process environment, never from here.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Security {
    /// `security.protocol`.
    pub protocol: Option<String>,
    /// `sasl.mechanism`.
    pub mechanism: Option<String>,
    /// The path of the certificate authorities' file.
    pub ca: Option<String>,
}

/// Whether lagproof may drive load at an environment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum LoadPermission {
    /// It may not: the default.
    #[default]
    Refused,
    /// It may, where the cluster's id matches.
    Allowed,
}

/// Whether an environment serves real users.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Stage {
    /// It does: rewritten seeds are refused there.
    Production,
    /// It does not.
    #[default]
    Test,
}

/// A place that the project runs in. Consumer settings are the same in all of them.
#[derive(Debug, Clone, PartialEq)]
pub struct Environment {
    /// Its name in lagproof.toml.
    pub name: String,
    /// Where it is declared.
    pub span: Span,
    /// Bootstrap servers.
    pub brokers: Vec<String>,
    /// Its brokers' bounds.
    pub broker: Broker,
    /// How clients authenticate there.
    pub security: Security,
    /// Whether load may be driven at it.
    pub load: LoadPermission,
    /// The cluster's id, which load requires.
    pub cluster_id: Option<String>,
    /// Whether it serves real users.
    pub stage: Stage,
    /// What differs for services there, by name.
    pub services: Vec<ServiceOverride>,
    /// What differs for topics there, by name.
    pub topics: Vec<TopicOverride>,
}

/// What an environment changes for a service.
#[derive(Debug, Clone, PartialEq)]
pub struct ServiceOverride {
    /// The service.
    pub service: Sourced<String>,
    /// Another number of replicas.
    pub replicas: Option<Sourced<u32>>,
    /// Another memory limit.
    pub memory_limit: Option<Sourced<Size>>,
    /// Another resident size.
    pub memory_resident: Option<Sourced<Size>>,
}

/// What an environment changes for a topic.
#[derive(Debug, Clone, PartialEq)]
pub struct TopicOverride {
    /// The topic.
    pub topic: Sourced<String>,
    /// Another number of partitions.
    pub partitions: Option<Sourced<u32>>,
    /// Another rate.
    pub rate: Option<Sourced<crate::units::Rate>>,
    /// Another peak rate.
    pub peak_rate: Option<Sourced<crate::units::Rate>>,
}
