//! The whole project, resolved.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::broker::{Broker, Environment};
use super::case::Case;
use super::matrix::Matrix;
use super::service::Service;
use super::topic::Topic;

/// A project: everything that rules judge and emitters write.
#[derive(Debug, Clone, PartialEq)]
pub struct Model {
    /// The project's name.
    pub name: String,
    /// The branch that work is merged into, such as `main`.
    pub base_branch: String,
    /// The brokers' bounds where no environment says otherwise.
    pub broker: Broker,
    /// Environments, sorted by name.
    pub environments: Vec<Environment>,
    /// The matrix.
    pub matrix: Matrix,
    /// Topics by name.
    pub topics: BTreeMap<String, Topic>,
    /// Services, sorted by name. Shared with the models of environments, which differ in a few of them.
    pub services: Vec<Arc<Service>>,
    /// Cases, sorted by name.
    pub cases: Vec<Case>,
}

impl Model {
    /// A service by its name.
    #[must_use]
    pub fn service(&self, name: &str) -> Option<&Service> {
        self.services
            .binary_search_by(|service| service.name.as_str().cmp(name))
            .ok()
            .map(|at| &*self.services[at])
    }
}
