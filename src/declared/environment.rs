//! `[broker]` and `[environments.*]` of lagproof.toml.

use std::time::Duration;

use crate::units::Size;

use super::fields::{Fields, Section, Spanned};
use super::names::{Address, Name, Version};
use super::topics::RateText;

/// `[broker]`: bounds that the brokers enforce.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct BrokerSection {
    /// The Kafka version.
    pub version: Option<Spanned<Version>>,
    /// How many brokers.
    pub count: Option<Spanned<u32>>,
    /// `group.min.session.timeout.ms`.
    pub min_session_timeout: Option<Spanned<Duration>>,
    /// `group.max.session.timeout.ms`.
    pub max_session_timeout: Option<Spanned<Duration>>,
    /// `group.max.size`.
    pub max_group_size: Option<Spanned<u32>>,
    /// `message.max.bytes`.
    pub message_max: Option<Spanned<Size>>,
    /// `fetch.max.bytes`.
    pub fetch_max: Option<Spanned<Size>>,
    /// `offsets.retention.minutes`.
    pub offsets_retention: Option<Spanned<Duration>>,
    /// `group.consumer.min.session.timeout.ms`.
    pub min_consumer_session_timeout: Option<Spanned<Duration>>,
    /// `group.consumer.max.session.timeout.ms`.
    pub max_consumer_session_timeout: Option<Spanned<Duration>>,
    /// `group.consumer.min.heartbeat.interval.ms`.
    pub min_consumer_heartbeat_interval: Option<Spanned<Duration>>,
    /// `group.consumer.max.heartbeat.interval.ms`.
    pub max_consumer_heartbeat_interval: Option<Spanned<Duration>>,
}

impl Section for BrokerSection {
    fn read(fields: &mut Fields<'_>) -> Option<Self> {
        Some(Self {
            version: fields.optional("version", "the brokers' Kafka version; default 4.0"),
            count: fields.optional("count", "how many brokers there are; default 3"),
            min_session_timeout: fields.optional("min_session_timeout", "group.min.session.timeout.ms; default 6s"),
            max_session_timeout: fields.optional("max_session_timeout", "group.max.session.timeout.ms; default 30min"),
            max_group_size: fields.optional("max_group_size", "group.max.size; default unlimited"),
            message_max: fields.optional("message_max", "message.max.bytes; default 1048588B"),
            fetch_max: fields.optional("fetch_max", "the brokers' fetch.max.bytes; default 55MiB"),
            offsets_retention: fields.optional("offsets_retention", "offsets.retention.minutes; default 7d"),
            min_consumer_session_timeout: fields.optional(
                "min_consumer_session_timeout",
                "group.consumer.min.session.timeout.ms; default 45s",
            ),
            max_consumer_session_timeout: fields.optional(
                "max_consumer_session_timeout",
                "group.consumer.max.session.timeout.ms; default 60s",
            ),
            min_consumer_heartbeat_interval: fields.optional(
                "min_consumer_heartbeat_interval",
                "group.consumer.min.heartbeat.interval.ms; default 5s",
            ),
            max_consumer_heartbeat_interval: fields.optional(
                "max_consumer_heartbeat_interval",
                "group.consumer.max.heartbeat.interval.ms; default 15s",
            ),
        })
    }
}

/// `security = { … }`: never a secret.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct SecuritySection {
    /// `security.protocol`.
    pub protocol: Option<Spanned<Name>>,
    /// `sasl.mechanism`.
    pub mechanism: Option<Spanned<Name>>,
    /// The path of the certificate authorities' file.
    pub ca: Option<Spanned<Name>>,
}

impl Section for SecuritySection {
    fn read(fields: &mut Fields<'_>) -> Option<Self> {
        Some(Self {
            protocol: fields.optional("protocol", "security.protocol, such as SASL_SSL"),
            mechanism: fields.optional("mechanism", "sasl.mechanism, such as SCRAM-SHA-512"),
            ca: fields.optional("ca", "the path of the certificate authorities' file"),
        })
    }
}

/// `[environments.NAME.services.NAME]`: what differs for a service there.
#[derive(Debug, Clone, PartialEq)]
pub struct ServiceOverrideSection {
    /// Another number of replicas.
    pub replicas: Option<Spanned<u32>>,
    /// Another memory limit.
    pub memory_limit: Option<Spanned<Size>>,
    /// Another resident size.
    pub memory_resident: Option<Spanned<Size>>,
}

#[derive(Debug, Clone, PartialEq)]
struct MemoryOverride {
    limit: Option<Spanned<Size>>,
    resident: Option<Spanned<Size>>,
}

impl Section for MemoryOverride {
    fn read(fields: &mut Fields<'_>) -> Option<Self> {
        Some(Self {
            limit: fields.optional("limit", "the container's memory limit there"),
            resident: fields.optional("resident", "memory in use before the first record there"),
        })
    }
}

impl Section for ServiceOverrideSection {
    fn read(fields: &mut Fields<'_>) -> Option<Self> {
        let replicas = fields.optional("replicas", "how many replicas run there");
        let memory = fields.section::<MemoryOverride>("memory", "what a replica may hold there");
        let (memory_limit, memory_resident) =
            memory.map_or((None, None), |memory| (memory.value.limit, memory.value.resident));
        Some(Self {
            replicas,
            memory_limit,
            memory_resident,
        })
    }
}

/// `[environments.NAME.topics.NAME]`: what differs for a topic there.
#[derive(Debug, Clone, PartialEq)]
pub struct TopicOverrideSection {
    /// Another number of partitions.
    pub partitions: Option<Spanned<u32>>,
    /// Another rate.
    pub rate: Option<Spanned<RateText>>,
    /// Another peak rate.
    pub peak_rate: Option<Spanned<RateText>>,
}

impl Section for TopicOverrideSection {
    fn read(fields: &mut Fields<'_>) -> Option<Self> {
        Some(Self {
            partitions: fields.optional("partitions", "how many partitions it has there"),
            rate: fields.optional("rate", "expected records a second there"),
            peak_rate: fields.optional("peak_rate", "records a second at the peak there"),
        })
    }
}

/// `[environments.NAME]`.
#[derive(Debug, Clone, PartialEq)]
pub struct EnvironmentSection {
    /// Bootstrap servers.
    pub brokers: Option<Spanned<Vec<Spanned<Address>>>>,
    /// Bounds that differ there.
    pub broker: Option<Spanned<BrokerSection>>,
    /// How clients authenticate.
    pub security: Option<Spanned<SecuritySection>>,
    /// Whether load may be driven at it.
    pub load: Option<Spanned<bool>>,
    /// The cluster's id.
    pub cluster_id: Option<Spanned<Name>>,
    /// Whether it serves real users.
    pub production: Option<Spanned<bool>>,
    /// What differs for services.
    pub services: Vec<(Spanned<String>, ServiceOverrideSection)>,
    /// What differs for topics.
    pub topics: Vec<(Spanned<String>, TopicOverrideSection)>,
}

impl Section for EnvironmentSection {
    fn read(fields: &mut Fields<'_>) -> Option<Self> {
        Some(Self {
            brokers: fields.optional("brokers", "bootstrap servers, host:port"),
            broker: fields.section("broker", "bounds that its brokers enforce, where they differ"),
            security: fields.section(
                "security",
                "protocol, mechanism and CA path; secrets come from the process environment",
            ),
            load: fields.optional("load", "whether lagproof may drive load at it; default false"),
            cluster_id: fields.optional("cluster_id", "the cluster's id, which load requires to match"),
            production: fields.optional("production", "whether it serves real users; default false"),
            services: fields.named("services", "what differs for services there: replicas, memory"),
            topics: fields.named("topics", "what differs for topics there: partitions, rates"),
        })
    }
}
