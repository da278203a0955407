//! The proofs behind a service, for whoever prints them.

use crate::model::project::Model;
use crate::model::service::Service;
use crate::model::topic::Topic;
use crate::proofs::inputs::Proofs;
use crate::rules::{Index, ServiceView};

/// A service, what it reads, and its four proofs.
#[derive(Debug, Clone, PartialEq)]
pub struct ServiceProofs<'m> {
    /// The service.
    pub service: &'m Service,
    /// The declared topics that it reads.
    pub topics: Vec<&'m Topic>,
    /// The four proofs.
    pub proofs: Proofs,
}

impl ServiceProofs<'_> {
    /// What of all this nobody stated, a table each: `processing.*` for all of it, else its keys.
    #[must_use]
    pub fn assumed(&self) -> Vec<String> {
        let run = &self.service.run;
        let mut all: Vec<String> = of("processing", &run.processing.assumed).into_iter().collect();
        all.extend(of("memory", &run.memory.assumed));
        for topic in &self.topics {
            all.extend(of(&format!("topics.\"{}\"", topic.name), &topic.assumed));
        }
        all
    }
}

/// `processing.*`, `topics."x".rate`, or `topics."x".{rate, peak}`.
fn of(table: &str, keys: &[String]) -> Option<String> {
    match keys {
        [] => None,
        [one] => Some(format!("{table}.{one}")),
        many => Some(format!("{table}.{{{}}}", many.join(", "))),
    }
}

/// The proofs of the services of these names; of all where none is named.
#[must_use]
pub fn prove<'m>(model: &'m Model, names: &[String]) -> Vec<ServiceProofs<'m>> {
    let index = Index::new(model);
    model
        .services
        .iter()
        .filter(|service| names.is_empty() || names.contains(&service.name))
        .map(|service| ServiceProofs {
            service,
            topics: service
                .topics
                .iter()
                .filter_map(|topic| model.topics.get(&topic.value))
                .collect(),
            proofs: ServiceView::new(model, &index, service).proofs().clone(),
        })
        .collect()
}
