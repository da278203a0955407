//! `squash --before REF`: one seed for all those that REF has.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;

use jiff::civil::Date;

use crate::diagnostic::Severity;
use crate::emit::write::{LOCK_WAIT, apply, lock, plan};
use crate::emit::{BaselineError, SEEDS, baseline};
use crate::history::{Replaced, Seed, State, read_seed, statements_by_name};
use crate::source::Tree;

use super::Project;
use super::compile::{CompileError, artifacts, generated, next_stamp};
use super::git::{GitError, commit, seeds_at};

/// Why nothing was squashed.
#[derive(Debug)]
pub enum SquashError {
    /// Git does not know REF, or can't be asked.
    Git(String),
    /// Findings stand in the way.
    Findings(Box<Project>),
    /// What is in `generated/` is stale.
    Stale,
    /// REF has fewer than two of the seeds that are here.
    Nothing,
    /// Seeds can't become one.
    Baseline(BaselineError),
    /// As for compiling.
    Compile(CompileError),
}

impl From<GitError> for SquashError {
    fn from(GitError(message): GitError) -> Self {
        Self::Git(message)
    }
}

impl<E: Into<CompileError>> From<E> for SquashError {
    fn from(error: E) -> Self {
        Self::Compile(error.into())
    }
}

/// What was done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Squashed {
    /// The baseline's path below the folder of generated files.
    pub baseline: String,
    /// The names of the seeds that went.
    pub removed: Vec<String>,
    /// How many services and topics it holds, those that are gone among them.
    pub holds: (usize, usize),
}

/// Replaces the seeds that `reference` has by a baseline, which amounts to the same state.
///
/// # Errors
/// [`SquashError`]; nothing was changed, unless the disk refused half-way.
pub fn squash(root: &Path, reference: &str, now: i64, today: &Date) -> Result<Squashed, SquashError> {
    let folder = root.join(generated(root)?);
    let lock = lock(&folder, LOCK_WAIT)?;
    let project = Project::load(root, today).map_err(CompileError::Project)?;
    let model = match &project.model {
        Some(model) if project.findings.count(Severity::Error) == 0 => model,
        _ => return Err(SquashError::Findings(Box::new(project))),
    };
    let history = &project.history;
    let (mut artifacts, own) = artifacts(model, &project.settings, history, now)?;
    if !plan(&folder, &artifacts, &own)?.is_fresh() {
        return Err(SquashError::Stale);
    }
    let there = seeds_at(root, &commit(root, reference)?, &history.folder)?;
    let there: BTreeMap<String, _> = there
        .into_iter()
        .filter_map(|(name, bytes)| Some((name, read_seed(std::str::from_utf8(&bytes).ok()?).ok()?.hash)))
        .collect();
    let old: Vec<&Seed> = history
        .seeds
        .iter()
        .filter(|seed| there.get(&seed.name) == Some(&seed.header.hash))
        .collect();
    if old.len() < 2 {
        return Err(SquashError::Nothing);
    }
    let draft = baseline(
        &State::replay(old.iter().copied()),
        &replaced(&old),
        statements(root, &project, &old)?,
    )
    .map_err(SquashError::Baseline)?;
    let artifact = draft.artifact(&next_stamp(history, now)?);
    let squashed = Squashed {
        baseline: artifact.path().to_owned(),
        removed: old.iter().map(|seed| seed.name.clone()).collect(),
        holds: (draft.services, draft.topics),
    };
    artifacts.push(artifact);
    let gone: Vec<String> = old.iter().map(|seed| format!("{SEEDS}/{}", seed.name)).collect();
    apply(&lock, &plan(&folder, &artifacts, &gone)?)?;
    Ok(squashed)
}

/// The seeds that the baseline stands for, and those that baselines among them stood for.
fn replaced(old: &[&Seed]) -> Vec<Replaced> {
    let mut replaced: Vec<Replaced> = old
        .iter()
        .flat_map(|seed| {
            let itself = Replaced {
                name: seed.name.clone(),
                hash: seed.header.hash,
            };
            seed.header.replaces.iter().cloned().chain([itself])
        })
        .collect();
    replaced.sort_by(|a, b| a.name.cmp(&b.name));
    replaced.dedup();
    replaced
}

/// Finds statements again, by the seed's name and how they begin.
fn statements(
    root: &Path,
    project: &Project,
    old: &[&Seed],
) -> Result<impl Fn(&str, &str) -> Option<String>, SquashError> {
    let tree = Tree::Disk(root.to_owned());
    let mut texts: HashMap<String, HashMap<String, String>> = HashMap::new();
    for seed in old {
        let text = project.history.text(&tree, &seed.name).map_err(CompileError::Project)?;
        let by_name = statements_by_name(&text);
        let owned = by_name
            .into_iter()
            .map(|(begins, all)| (begins.to_owned(), all.to_owned()));
        texts.insert(seed.name.clone(), owned.collect());
    }
    Ok(move |seed: &str, begins: &str| texts.get(seed)?.get(begins).cloned())
}
