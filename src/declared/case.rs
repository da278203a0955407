//! `profiles/cases/*.toml`: experiments for verify.

use std::time::Duration;

use crate::model::keywords::Client;
use crate::model::service::RawValue;
use crate::units::Rate;

use super::consumer::ConsumerSection;
use super::environment::BrokerSection;
use super::fields::{Fields, Section, Spanned};
use super::names::ServiceName;
use super::parts::{BaselineSection, DeliverySection, MemorySection, ProcessingSection, TargetsSection};
use super::service::RawSection;
use super::topics::TopicSection;

/// `[[load]]`: a stretch of load.
#[derive(Debug, Clone, PartialEq)]
pub struct LoadSection {
    /// Records a second.
    pub rate: Spanned<Rate>,
    /// How long.
    pub lasts: Spanned<Duration>,
}

impl Section for LoadSection {
    fn read(fields: &mut Fields<'_>) -> Option<Self> {
        let rate = fields.required("rate", "records a second, over all topics of the case");
        let lasts = fields.required("for", "how long");
        Some(Self {
            rate: rate?,
            lasts: lasts?,
        })
    }
}

/// `[broker]` of a case: bounds, and properties that only this case's own broker is started with.
#[derive(Debug, Clone, PartialEq)]
pub struct CaseBroker {
    /// Bounds.
    pub bounds: BrokerSection,
    /// Properties under Kafka's own names.
    pub properties: Vec<(Spanned<String>, Spanned<RawValue>)>,
}

impl Section for CaseBroker {
    fn read(fields: &mut Fields<'_>) -> Option<Self> {
        let bounds = BrokerSection::read(fields).unwrap_or_default();
        let properties = fields.section::<RawSection>(
            "properties",
            "broker properties under Kafka's own names, for brokers that verify starts itself",
        );
        Some(Self {
            bounds,
            properties: properties.map(|table| table.value.0).unwrap_or_default(),
        })
    }
}

/// A case as written.
#[derive(Debug, Clone, PartialEq)]
pub struct CaseFile {
    /// The service that it experiments with.
    pub service: Spanned<ServiceName>,
    /// What it shows.
    pub summary: Option<Spanned<String>>,
    /// Another client.
    pub client: Option<Spanned<Client>>,
    /// Another number of replicas.
    pub replicas: Option<Spanned<u32>>,
    /// Topics as changed, by name.
    pub topics: Vec<(Spanned<String>, TopicSection)>,
    /// Client settings that differ.
    pub consumer: Option<Spanned<ConsumerSection>>,
    /// Costs that differ.
    pub processing: Option<Spanned<ProcessingSection>>,
    /// Commits, isolation, retries that differ.
    pub delivery: Option<Spanned<DeliverySection>>,
    /// Memory that differs.
    pub memory: Option<Spanned<MemorySection>>,
    /// Targets that differ.
    pub targets: Option<Spanned<TargetsSection>>,
    /// The before side.
    pub baseline: Option<Spanned<BaselineSection>>,
    /// The brokers as changed.
    pub broker: Option<Spanned<CaseBroker>>,
    /// The load, stretch by stretch.
    pub load: Vec<Spanned<LoadSection>>,
}

impl Section for CaseFile {
    fn read(fields: &mut Fields<'_>) -> Option<Self> {
        let service = fields.required("service", "the service that is experimented with");
        let summary = fields.optional("summary", "what the case shows, in a line");
        let client = fields.optional("client", "another client");
        let replicas = fields.optional("replicas", "another number of replicas");
        let topics = fields.named(
            "topics",
            "topics as changed, by name; what is left out stays as declared",
        );
        let consumer = fields.section("consumer", "client settings that differ");
        let processing = fields.section("processing", "costs that differ");
        let delivery = fields.section("delivery", "commits, isolation, retries that differ");
        let memory = fields.section("memory", "memory that differs");
        let targets = fields.section("targets", "targets that differ");
        let baseline = fields.section(
            "baseline",
            "the before side: any key of consumer, processing, delivery, memory",
        );
        let broker = fields.section("broker", "the brokers as changed");
        let load = fields.sections(
            "load",
            "a stretch of load: rate and for; left out, the topics' declared rates",
        );
        Some(Self {
            service: service?,
            summary,
            client,
            replicas,
            topics,
            consumer,
            processing,
            delivery,
            memory,
            targets,
            baseline,
            broker,
            load,
        })
    }
}
