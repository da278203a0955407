//! Declared + matrix + defaults become the model, where every value knows where it came from.
//!
//! Layers, later ones winning: the edition's defaults, the matrix's defaults, the type's row, the profile, and for what
//! environments may change the environment; cases experiment on top of a resolved service.

mod broker;
mod case;
mod environment;
mod layers;
mod matrix;
pub mod pages;
mod service;
mod topic;

use rayon::prelude::*;

use crate::declared::Declared;
use crate::diagnostic::Findings;
use crate::model::project::Model;
use crate::source::Span;

pub use environment::in_environment;
pub use matrix::edition_targets;

/// Resolves a project. Nothing comes back where lagproof.toml, the matrix or the topics could not be read: everything
/// else rests on them, and their own findings say why.
#[must_use]
pub fn resolve(declared: &Declared) -> (Option<Model>, Findings) {
    let mut findings = Findings::new();
    let (Some(config), Some(matrix_file), Some(topics_file)) = (
        &declared.config.declared,
        &declared.matrix.declared,
        &declared.topics.declared,
    ) else {
        return (None, findings);
    };
    let matrix = matrix::resolve_matrix(matrix_file, declared.matrix.file);
    let base_broker = broker::resolve_broker(config.broker.as_ref(), Span::whole(declared.config.file));
    let topics = topic::resolve_topics(topics_file, &base_broker, declared.topics.file, &mut findings);
    let context = service::Context::new(matrix_file, &matrix, &topics);
    let resolved: Vec<_> = declared
        .services
        .par_iter()
        .filter_map(|file| file.declared.as_ref().map(|profile| (file, profile)))
        .map(|(file, profile)| service::resolve_service(&context, file, profile))
        .collect();
    let mut services = Vec::with_capacity(resolved.len());
    for (service, found) in resolved {
        services.push(service);
        findings.extend(found);
    }
    services.sort_by(|a, b| a.name.cmp(&b.name));
    let environments = environment::resolve_environments(declared, &base_broker, &services, &topics, &mut findings);
    let mut model = Model {
        name: config.name.value.0.clone(),
        base_branch: config
            .base
            .as_ref()
            .map_or_else(|| "main".to_owned(), |base| base.value.0.clone()),
        broker: base_broker,
        environments,
        matrix,
        topics,
        services,
        cases: Vec::new(),
    };
    model.cases = case::resolve_cases(declared, &model, &mut findings);
    (Some(model), findings)
}
