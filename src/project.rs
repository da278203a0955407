//! The one project that every verb takes: read, resolved, judged.

use std::path::{Path, PathBuf};

use crate::declared::{self, CONFIG_FILE, Declared, read_project};
use crate::diagnostic::{Findings, Page};
use crate::model::project::Model;
use crate::resolve::{self, resolve};
use crate::rules;
use crate::source::{ReadError, Sources};

/// A project as it stands on disk.
#[derive(Debug)]
pub struct Project {
    /// Its files.
    pub sources: Sources,
    /// What was written.
    pub declared: Declared,
    /// What it means; nothing where a file that everything rests on could not be read.
    pub model: Option<Model>,
    /// What is wrong with it, sorted.
    pub findings: Findings,
}

impl Project {
    /// Reads, resolves and judges the project at `root`.
    ///
    /// # Errors
    /// [`ReadError`] where there is no readable `lagproof.toml`; everything else is a finding.
    pub fn load(root: &Path) -> Result<Self, ReadError> {
        let (sources, declared, mut findings) = read_project(root)?;
        let (model, found) = resolve(&declared);
        findings.extend(found);
        if let Some(model) = &model {
            findings.extend(rules::judge(model));
        }
        findings.sort();
        Ok(Self {
            sources,
            declared,
            model,
            findings,
        })
    }
}

/// The nearest folder from `start` upwards that has a `lagproof.toml`.
#[must_use]
pub fn find_root(start: &Path) -> Option<PathBuf> {
    start
        .ancestors()
        .find(|folder| folder.join(CONFIG_FILE).exists())
        .map(Path::to_owned)
}

/// Every page that `explain` knows, sorted by code.
#[must_use]
pub fn pages() -> Vec<&'static Page> {
    let mut pages: Vec<&Page> = declared::pages::PAGES.to_vec();
    pages.extend(resolve::pages::PAGES);
    pages.extend(rules::rules().map(|rule| rule.page));
    pages.sort_by_key(|page| page.code);
    pages.dedup_by_key(|page| page.code);
    pages
}
