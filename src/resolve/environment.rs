//! Environments: what they may change, and the model as it stands in one.

use std::sync::Arc;

use crate::declared::{BrokerSection, EnvironmentSection, Spanned};
use crate::diagnostic::Findings;
use crate::model::broker::{Broker, Environment, LoadPermission, Security, ServiceOverride, Stage, TopicOverride};
use crate::model::origin::{Layer, Sourced};
use crate::model::project::Model;
use crate::model::service::Service;

use super::Resolver;
use super::broker::lay_broker;
use super::layers::sourced;
use super::pages;

pub(super) fn resolve_environments(
    context: &Resolver<'_>,
    services: &[Arc<Service>],
    unreadable: &[String],
    findings: &mut Findings,
) -> Vec<Environment> {
    let topics = &context.topics;
    // A profile that could not be read is known by its file's name: an override of it is not an error too.
    let is_service = |name: &str| {
        services
            .binary_search_by(|service| service.name.as_str().cmp(name))
            .is_ok()
            || unreadable.iter().any(|unreadable| unreadable == name)
    };
    let mut environments: Vec<Environment> = context
        .config
        .environments
        .iter()
        .map(|(name, section)| {
            for (service, _) in section
                .services
                .iter()
                .filter(|(service, _)| !is_service(&service.value))
            {
                findings.push(pages::unknown_override(
                    &name.value,
                    "service",
                    service,
                    services.iter().map(|s| s.name.as_str()),
                ));
            }
            for (topic, _) in section.topics.iter().filter(|(topic, _)| {
                !topics.contains_key(&topic.value) && !context.unreadable_topics.contains(&topic.value)
            }) {
                findings.push(pages::unknown_override(
                    &name.value,
                    "topic",
                    topic,
                    topics.keys().map(String::as_str),
                ));
            }
            resolve_environment(name, section, &context.broker)
        })
        .collect();
    environments.sort_by(|a, b| a.name.cmp(&b.name));
    environments
}

fn resolve_environment(name: &Spanned<String>, section: &EnvironmentSection, base: &Broker) -> Environment {
    let mut broker = base.clone();
    if let Some(bounds) = &section.broker {
        lay_broker(&mut broker, &bounds.value as &BrokerSection, Layer::Environment);
    }
    let text = |value: &Option<Spanned<crate::declared::Name>>| value.as_ref().map(|value| value.value.0.clone());
    Environment {
        name: name.value.clone(),
        span: name.span,
        brokers: section
            .brokers
            .iter()
            .flat_map(|brokers| brokers.value.iter().map(|broker| broker.value.0.clone()))
            .collect(),
        broker,
        security: section
            .security
            .as_ref()
            .map_or_else(Security::default, |security| Security {
                protocol: text(&security.value.protocol),
                mechanism: text(&security.value.mechanism),
                ca: text(&security.value.ca),
            }),
        load: match &section.load {
            Some(load) if load.value => LoadPermission::Allowed,
            _ => LoadPermission::Refused,
        },
        cluster_id: text(&section.cluster_id),
        stage: match &section.production {
            Some(production) if production.value => Stage::Production,
            _ => Stage::Test,
        },
        services: section
            .services
            .iter()
            .map(|(service, section)| ServiceOverride {
                service: sourced(service, Layer::Environment),
                replicas: section
                    .replicas
                    .as_ref()
                    .map(|value| sourced(value, Layer::Environment)),
                memory_limit: section
                    .memory_limit
                    .as_ref()
                    .map(|value| sourced(value, Layer::Environment)),
                memory_resident: section
                    .memory_resident
                    .as_ref()
                    .map(|value| sourced(value, Layer::Environment)),
            })
            .collect(),
        topics: section
            .topics
            .iter()
            .map(|(topic, section)| TopicOverride {
                topic: sourced(topic, Layer::Environment),
                partitions: section
                    .partitions
                    .as_ref()
                    .map(|value| sourced(value, Layer::Environment)),
                rate: section
                    .rate
                    .as_ref()
                    .map(|rate| Sourced::new(rate.value.total, Layer::Environment, rate.span)),
                peak_rate: section
                    .peak_rate
                    .as_ref()
                    .map(|rate| Sourced::new(rate.value.total, Layer::Environment, rate.span)),
            })
            .collect(),
    }
}

/// The model as it stands in an environment: its brokers, replicas, memory, rates and partitions.
#[must_use]
pub fn in_environment(model: &Model, environment: &Environment) -> Model {
    let mut there = model.clone();
    there.broker = environment.broker.clone();
    for topic in there.topics.values_mut().filter(|topic| topic.replication.is_edition()) {
        topic.replication.value = super::topic::default_replication(&there.broker);
    }
    for change in &environment.services {
        let Ok(at) = there
            .services
            .binary_search_by(|service| service.name.cmp(&change.service))
        else {
            continue;
        };
        let service = Arc::make_mut(&mut there.services[at]);
        if let Some(replicas) = &change.replicas {
            service.replicas = replicas.clone();
        }
        if change.memory_limit.is_some() {
            service.run.memory.limit.clone_from(&change.memory_limit);
        }
        if change.memory_resident.is_some() {
            service.run.memory.resident.clone_from(&change.memory_resident);
        }
    }
    for change in &environment.topics {
        let Some(topic) = there.topics.get_mut(&change.topic.value) else {
            continue;
        };
        if let Some(partitions) = &change.partitions {
            topic.partitions = partitions.clone();
        }
        if change.rate.is_some() {
            topic.rate.clone_from(&change.rate);
        }
        if let (Some(peak), Some(rate)) = (&mut topic.peak, &change.peak_rate) {
            peak.rate = rate.clone();
        }
    }
    there
}
