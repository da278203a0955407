//! `profiles/services/*.toml`: one service a file.

use std::time::Duration;

use crate::model::keywords::{Client, GroupProtocol};
use crate::model::service::RawValue;

use super::consumer::ConsumerSection;
use super::fields::{Fields, Section, Spanned};
use super::names::{Name, TopicName, Version};
use super::parts::{
    AllowSection, BaselineSection, DeliverySection, DeviationSection, MemorySection, ProcessingSection, RenamedSection,
    TargetsSection,
};

/// `[raw.<client>]`: settings that lagproof does not model.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct RawSection(pub Vec<(Spanned<String>, Spanned<RawValue>)>);

impl Section for RawSection {
    fn read(fields: &mut Fields<'_>) -> Option<Self> {
        Some(Self(fields.entries()))
    }
}

/// `[raw]`: a table a client.
#[derive(Debug, Clone, PartialEq, Default)]
struct RawTables(Vec<(Client, RawSection)>);

impl Section for RawTables {
    fn read(fields: &mut Fields<'_>) -> Option<Self> {
        let doc = "settings that lagproof does not model, under the client's own names";
        let mut tables = Vec::new();
        for (client, key) in [
            (Client::Librdkafka, "librdkafka"),
            (Client::Java, "java"),
            (Client::Aiokafka, "aiokafka"),
            (Client::Kafkajs, "kafkajs"),
            (Client::ConfluentJavascript, "confluent-javascript"),
        ] {
            tables.extend(
                fields
                    .section::<RawSection>(key, doc)
                    .map(|table| (client, table.value)),
            );
        }
        Some(Self(tables))
    }
}

/// A profile as written.
#[derive(Debug, Clone, PartialEq)]
pub struct ServiceFile {
    /// The version of what it compiles to.
    pub version: Spanned<u32>,
    /// Its row of the matrix.
    pub service_type: Spanned<String>,
    /// Its client.
    pub client: Spanned<Client>,
    /// The client's version.
    pub client_version: Option<Spanned<Version>>,
    /// Its consumer group.
    pub group: Spanned<Name>,
    /// How the group is coordinated.
    pub group_protocol: Option<Spanned<GroupProtocol>>,
    /// The static member id.
    pub instance_id: Option<Spanned<Name>>,
    /// How long a restart takes.
    pub restart: Option<Spanned<Duration>>,
    /// What it does.
    pub summary: Option<Spanned<String>>,
    /// The topics that it reads.
    pub topics: Spanned<Vec<Spanned<TopicName>>>,
    /// How many replicas run.
    pub replicas: Option<Spanned<u32>>,
    /// Client settings.
    pub consumer: Option<Spanned<ConsumerSection>>,
    /// Costs.
    pub processing: Option<Spanned<ProcessingSection>>,
    /// Commits, isolation, retries.
    pub delivery: Option<Spanned<DeliverySection>>,
    /// Memory.
    pub memory: Option<Spanned<MemorySection>>,
    /// Targets.
    pub targets: Option<Spanned<TargetsSection>>,
    /// How it ran before.
    pub baseline: Option<Spanned<BaselineSection>>,
    /// Settings that lagproof does not model.
    pub raw: Vec<(Client, RawSection)>,
    /// Settings that leave the matrix.
    pub deviations: Vec<Spanned<DeviationSection>>,
    /// Findings that are accepted.
    pub allows: Vec<Spanned<AllowSection>>,
    /// Former names.
    pub renamed: Vec<Spanned<RenamedSection>>,
}

impl Section for ServiceFile {
    fn read(fields: &mut Fields<'_>) -> Option<Self> {
        let version = fields.required("version", "bumped with every change in what the profile compiles to");
        let service_type = fields.required("type", "the row of the matrix that it follows");
        let client = fields.required("client", "the Kafka client that it is built on");
        let client_version = fields.optional("client_version", "the client's version, where a rule depends on it");
        let group = fields.required(
            "group",
            "the consumer group; always written out, so that renaming a file abandons no offsets",
        );
        let group_protocol = fields.optional("group_protocol", "how the group is coordinated; default classic");
        let instance_id = fields.optional(
            "instance_id",
            "static membership: an id with a ${VARIABLE} that differs a replica",
        );
        let restart = fields.optional("restart", "how long a restart takes, for judging static membership");
        let summary = fields.optional("summary", "what the service does, in a line");
        let topics = fields.required("topics", "the topics that it reads; * and ? match against topics.toml");
        let replicas = fields.optional("replicas", "how many replicas run; default 1");
        let consumer = fields.section(
            "consumer",
            "client settings under neutral names; only what differs from the type",
        );
        let processing = fields.section("processing", "what processing costs");
        let delivery = fields.section("delivery", "commits, isolation, retries, dead letters");
        let memory = fields.section("memory", "what a replica may hold");
        let targets = fields.section("targets", "what the service must reach");
        let baseline = fields.section(
            "baseline",
            "how it ran before: any key of consumer, processing, delivery, memory",
        );
        let raw = fields.section::<RawTables>("raw", "settings that lagproof does not model, a table a client");
        let deviations = fields.sections("deviation", "a setting that leaves the matrix, with the reason");
        let allows = fields.sections("allow", "a finding that is accepted, with the reason");
        let renamed = fields.sections("renamed", "a name that the service had before");
        Some(Self {
            version: version?,
            service_type: service_type?,
            client: client?,
            client_version,
            group: group?,
            group_protocol,
            instance_id,
            restart,
            summary,
            topics: topics?,
            replicas,
            consumer,
            processing,
            delivery,
            memory,
            targets,
            baseline,
            raw: raw.map(|raw| raw.value.0).unwrap_or_default(),
            deviations,
            allows,
            renamed,
        })
    }
}
