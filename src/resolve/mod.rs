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

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::declared::{CaseFile, ConfigFile, DeclaredFile, MatrixFile, ServiceFile, Shared};
use crate::diagnostic::Findings;
use crate::model::broker::Broker;
use crate::model::matrix::Matrix;
use crate::model::project::Model;
use crate::model::service::Service;
use crate::model::topic::Topic;
use crate::source::Span;

pub use environment::in_environment;
pub use matrix::edition_targets;

/// What every service is resolved against.
#[derive(Debug)]
pub struct Resolver<'d> {
    config: &'d ConfigFile,
    declared_matrix: &'d MatrixFile,
    matrix: Matrix,
    topics: BTreeMap<String, Topic>,
    unreadable_topics: BTreeSet<String>,
    broker: Broker,
}

impl<'d> Resolver<'d> {
    /// Resolves what services share. Nothing comes back where lagproof.toml, the matrix or the topics could not be read:
    /// everything else rests on them, and their own findings say why.
    pub fn new(shared: &'d Shared, findings: &mut Findings) -> Option<Self> {
        let config = shared.config.declared.as_ref()?;
        let declared_matrix = shared.matrix.declared.as_ref()?;
        let declared_topics = shared.topics.declared.as_ref()?;
        let broker = broker::resolve_broker(config.broker.as_ref(), Span::whole(shared.config.file));
        let (topics, unreadable_topics) = topic::resolve_topics(declared_topics, &broker, shared.topics.file, findings);
        Some(Self {
            config,
            declared_matrix,
            matrix: matrix::resolve_matrix(declared_matrix, shared.matrix.file),
            topics,
            unreadable_topics,
            broker,
        })
    }

    /// Resolves one service; nothing where its profile could not be read.
    pub fn service(&self, file: &DeclaredFile<ServiceFile>, findings: &mut Findings) -> Option<Service> {
        let profile = file.declared.as_ref()?;
        Some(service::resolve_service(self, file, profile, findings))
    }

    /// Puts the model together. `services` are the profiles' names with what became of each, sorted by name.
    pub fn finish(
        self,
        services: Vec<(String, Option<Service>)>,
        cases: &[DeclaredFile<CaseFile>],
        findings: &mut Findings,
    ) -> Model {
        let unreadable: Vec<String> = services
            .iter()
            .filter(|(_, service)| service.is_none())
            .map(|(name, _)| name.clone())
            .collect();
        let services: Vec<Arc<Service>> = services
            .into_iter()
            .filter_map(|(_, service)| service.map(Arc::new))
            .collect();
        let environments = environment::resolve_environments(&self, &services, &unreadable, findings);
        let mut model = Model {
            name: self.config.name.value.0.clone(),
            base_branch: self
                .config
                .base
                .as_ref()
                .map_or_else(|| "main".to_owned(), |base| base.value.0.clone()),
            broker: self.broker,
            environments,
            matrix: self.matrix,
            topics: self.topics,
            services,
            cases: Vec::new(),
        };
        model.cases = case::resolve_cases(cases, &model, &unreadable, findings);
        model
    }
}
