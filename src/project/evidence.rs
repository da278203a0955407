//! Whether what was proven still stands.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::emit::file_name;
use crate::evidence::{Evidence, EvidenceError, FOLDER};
use crate::history::proof_inputs;
use crate::model::project::Model;
use crate::model::service::Service;
use crate::resolve::in_environment;

/// A service, and how its evidence stands.
#[derive(Debug, Clone, PartialEq)]
pub struct StandingOf {
    /// The service.
    pub service: String,
    /// How its evidence stands.
    pub standing: Standing,
}

/// How the evidence of a service stands.
#[derive(Debug, Clone, PartialEq)]
pub enum Standing {
    /// What it rested on is as it was, and it passed.
    Stands {
        /// What was proven.
        evidence: Box<Evidence>,
    },
    /// What it rested on is as it was, and it did not pass.
    DidNotPass {
        /// What was tried.
        evidence: Box<Evidence>,
    },
    /// Something that it rested on is otherwise now.
    Stale {
        /// What was proven.
        evidence: Box<Evidence>,
        /// What changed, by name.
        changed: Vec<String>,
    },
    /// It was proven in an environment that there is not.
    EnvironmentGone {
        /// What was proven.
        evidence: Box<Evidence>,
        /// The environment.
        environment: String,
    },
    /// It was never proven.
    Missing,
    /// Its file can't be read.
    Unreadable(EvidenceError),
}

/// The file of a service's evidence.
#[must_use]
pub fn evidence_file(root: &Path, service: &str) -> PathBuf {
    root.join(FOLDER).join(format!("{}.toml", file_name(service)))
}

/// How the evidence of these services stands; of all where none is named.
#[must_use]
pub fn standings(root: &Path, model: &Model, names: &[String]) -> Vec<StandingOf> {
    model
        .services
        .iter()
        .filter(|service| names.is_empty() || names.contains(&service.name))
        .map(|service| StandingOf {
            service: service.name.clone(),
            standing: match Evidence::read(&evidence_file(root, &service.name), &service.name) {
                Ok(None) => Standing::Missing,
                Ok(Some(evidence)) => standing(model, service, evidence),
                Err(error) => Standing::Unreadable(error),
            },
        })
        .collect()
}

fn standing(model: &Model, service: &Service, evidence: Evidence) -> Standing {
    let evidence = Box::new(evidence);
    let now = match evidence.environment.clone() {
        None => inputs(model, service),
        Some(name) => {
            let Some(environment) = model.environments.iter().find(|known| known.name == name) else {
                return Standing::EnvironmentGone {
                    evidence,
                    environment: name,
                };
            };
            let there = in_environment(model, environment);
            there
                .service(&service.name)
                .map(|service| inputs(&there, service))
                .unwrap_or_default()
        }
    };
    let changed = evidence.changed(&now);
    if !changed.is_empty() {
        Standing::Stale { evidence, changed }
    } else if evidence.verdict == "PASS" {
        Standing::Stands { evidence }
    } else {
        Standing::DidNotPass { evidence }
    }
}

fn inputs(model: &Model, service: &Service) -> BTreeMap<String, String> {
    proof_inputs(model, service)
        .into_iter()
        .map(|(name, digest)| (name, digest.to_string()))
        .collect()
}
