//! Cases: a resolved service under other conditions.

use crate::declared::{CaseFile, DeclaredFile};
use crate::diagnostic::Findings;
use crate::model::case::{Case, Load};
use crate::model::origin::{Layer, Sourced};
use crate::model::project::Model;

use super::broker::lay_broker;
use super::layers::{lay, lay_consumer, lay_delivery, lay_memory, lay_processing, lay_targets, sourced};
use super::pages;
use super::service::{lay_client, lay_run};
use super::topic::lay_topic;

pub(super) fn resolve_cases(
    cases: &[DeclaredFile<CaseFile>],
    model: &Model,
    unreadable: &[String],
    findings: &mut Findings,
) -> Vec<Case> {
    cases
        .iter()
        .filter_map(|file| {
            let case = file.declared.as_ref()?;
            let name = &case.service.value.0;
            match model.service(name) {
                Some(_) => Some(resolve_case(file, case, model, findings)),
                // The service's own file says what is wrong.
                None if unreadable.contains(name) => None,
                None => {
                    findings.push(pages::unknown_case_service(&file.name, &case.service, model));
                    None
                }
            }
        })
        .collect()
}

fn resolve_case(file: &DeclaredFile<CaseFile>, case: &CaseFile, model: &Model, findings: &mut Findings) -> Case {
    let mut service = model
        .service(&case.service.value.0)
        .expect("looked up by the caller")
        .clone();
    let layer = Layer::Case;
    lay(&mut service.client, case.client.as_ref(), layer);
    lay_client(
        &mut service.run,
        &model.matrix,
        service.client.value,
        service.group_protocol.value,
    );
    lay(&mut service.replicas, case.replicas.as_ref(), layer);
    if let Some(section) = &case.consumer {
        lay_consumer(&mut service.run, &section.value, layer);
    }
    if let Some(section) = &case.processing {
        lay_processing(&mut service.run.processing, &section.value, layer);
    }
    if let Some(section) = &case.delivery {
        lay_delivery(&mut service.run.delivery, &section.value, layer);
    }
    if let Some(section) = &case.memory {
        lay_memory(&mut service.run.memory, &section.value, layer);
    }
    if let Some(section) = &case.targets {
        lay_targets(&mut service.targets, &section.value, layer);
    }
    service.baseline = case
        .baseline
        .as_ref()
        .map(|section| Box::new(lay_run(&service.run, &section.value, layer)));
    let mut topics: Vec<_> = service
        .topics
        .iter()
        .filter_map(|topic| model.topics.get(&topic.value).cloned())
        .collect();
    for (name, section) in &case.topics {
        match topics.iter_mut().find(|topic| topic.name == name.value) {
            Some(topic) => lay_topic(topic, section, layer),
            // The service reads it; topics.toml's own findings say why it is not here.
            None if service.subscribed.iter().any(|topic| topic.value == name.value)
                && !model.topics.contains_key(&name.value) => {}
            None => findings.push(pages::case_topic_not_read(&file.name, name, &service)),
        }
    }
    let mut broker = model.broker.clone();
    let mut broker_properties = Vec::new();
    if let Some(section) = &case.broker {
        lay_broker(&mut broker, &section.value.bounds, layer);
        broker_properties = section
            .value
            .properties
            .iter()
            .map(|(key, value)| {
                (
                    key.value.clone(),
                    Sourced::new(value.value.to_string(), layer, value.span),
                )
            })
            .collect();
    }
    Case {
        name: file.name.clone(),
        file: file.file,
        summary: case.summary.as_ref().map(|summary| sourced(summary, layer)),
        service,
        topics,
        broker,
        broker_properties,
        load: case
            .load
            .iter()
            .map(|load| Load {
                rate: sourced(&load.value.rate, layer),
                lasts: sourced(&load.value.lasts, layer),
            })
            .collect(),
    }
}
