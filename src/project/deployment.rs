//! What deploying needs to know of a project, without reading its profiles.

use std::path::Path;

use crate::declared::read_config;
use crate::diagnostic::Findings;
use crate::history::FOLDER;
use crate::model::broker::Stage;
use crate::source::{ReadError, Sources, Tree};

use super::history::Whereabouts;

/// Where seeds are, and which environments there are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Deployment {
    /// The seeds' folder, from the project's root.
    pub seeds: String,
    /// Environments: names and stages.
    pub environments: Vec<(String, Stage)>,
}

/// Reads what deploying needs to know of the project at `root`.
///
/// # Errors
/// [`ReadError`] where there is no readable `lagproof.toml`; a file with mistakes counts as far as it can be read.
pub fn deployment(root: &Path) -> Result<Deployment, ReadError> {
    let (mut sources, mut findings) = (Sources::new(), Findings::new());
    let read = read_config(&Tree::Disk(root.to_owned()), &mut sources, &mut findings)?;
    let config = read.declared.as_ref();
    Ok(Deployment {
        seeds: format!("{}/{FOLDER}", Whereabouts::new(config).generated),
        environments: config
            .into_iter()
            .flat_map(|config| &config.environments)
            .map(|(name, section)| {
                let stage = match &section.production {
                    Some(production) if production.value => Stage::Production,
                    _ => Stage::Test,
                };
                (name.value.clone(), stage)
            })
            .collect(),
    })
}
