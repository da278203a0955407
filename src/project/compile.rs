//! Compiling: the project as it stands against what is in `generated/`.

use std::path::{Path, PathBuf};

use jiff::civil::Date;

use crate::declared::read_config;
use crate::diagnostic::{Findings, Severity};
use crate::emit::write::{LOCK_WAIT, Plan, Why, WriteError, apply, diff, lock, plan};
use crate::emit::{Artifact, NulError, SEEDS, SeedDraft, property_files, schema_files, seed_of, topic_scripts};
use crate::history::{Digest, History, Standing, name_seconds, name_stamp, seed_hash};
use crate::model::project::Model;
use crate::source::{ReadError, Sources, Tree};

use super::Project;
use super::history::Whereabouts;

/// Why nothing could be compiled, other than findings.
#[derive(Debug)]
pub enum CompileError {
    /// There is no readable `lagproof.toml`.
    Project(ReadError),
    /// Generated files could not be compared or written.
    Write(WriteError),
    /// A text can't reach PostgreSQL.
    Nul(NulError),
    /// No seed's name can be above one that is there.
    Time {
        /// The name of the newest seed.
        newest: String,
    },
}

impl From<WriteError> for CompileError {
    fn from(error: WriteError) -> Self {
        Self::Write(error)
    }
}

/// What became of a compilation.
#[derive(Debug)]
pub enum Outcome {
    /// Findings stand in the way; nothing was written.
    Refused,
    /// Generated files are, or would be, as the project says.
    Compiled(Compiled),
}

/// What was written, or would be.
#[derive(Debug, Default)]
pub struct Compiled {
    /// Paths from the project's root that are new or have other content, seeds last; and why.
    pub written: Vec<(String, Why)>,
    /// Paths of files that went: nothing compiles to them, or another seed stands in their place.
    pub removed: Vec<String>,
    /// Paths in generated folders that lagproof did not make; they stay.
    pub foreign: Vec<String>,
    /// How many files are as they should be.
    pub unchanged: usize,
    /// The seed that was added, or that took the place of others.
    pub seed: Option<String>,
    /// As a unified diff, where that was asked for.
    pub diff: String,
    /// Why nothing is known of the base branch, where a seed was added that perhaps should have replaced another.
    pub only_added: Option<String>,
    /// Why nothing is known of the base branch, where there are seeds.
    pub base_unknown: Option<String>,
}

impl Compiled {
    /// Whether everything was as it should be.
    #[must_use]
    pub const fn is_fresh(&self) -> bool {
        self.written.is_empty() && self.removed.is_empty()
    }
}

/// What looking at a project is to give.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Look {
    /// What is stale.
    List,
    /// The same, and the difference line by line.
    Diff,
}

/// Compiles the project at `root`, at `now` in seconds since 1970. Gives the project, whose findings are to be shown
/// either way.
///
/// # Errors
/// [`CompileError`].
pub fn compile(root: &Path, now: i64, today: &Date) -> Result<(Project, Outcome), CompileError> {
    let folder = root.join(generated(root)?);
    // Taken before anything is read: the seeds are part of the input.
    let lock = lock(&folder, LOCK_WAIT)?;
    run(root, now, today, &folder, |plan, _| {
        apply(&lock, plan)?;
        Ok(())
    })
}

/// What compiling would change; writes nothing and takes no lock.
///
/// # Errors
/// [`CompileError`].
pub fn inspect(root: &Path, now: i64, today: &Date, look: Look) -> Result<(Project, Outcome), CompileError> {
    let folder = root.join(generated(root)?);
    run(root, now, today, &folder, |plan, compiled| {
        if look == Look::Diff {
            compiled.diff = diff(plan);
        }
        Ok(())
    })
}

/// The folder of generated files, asked of lagproof.toml before anything else is read.
pub(super) fn generated(root: &Path) -> Result<PathBuf, CompileError> {
    let (mut sources, mut findings) = (Sources::new(), Findings::new());
    read_config(&Tree::Disk(root.to_owned()), &mut sources, &mut findings)
        .map(|config| PathBuf::from(Whereabouts::new(config.declared.as_ref()).generated))
        .map_err(CompileError::Project)
}

fn run(
    root: &Path,
    now: i64,
    today: &Date,
    folder: &Path,
    then: impl FnOnce(&Plan<'_>, &mut Compiled) -> Result<(), CompileError>,
) -> Result<(Project, Outcome), CompileError> {
    let project = Project::load(root, today).map_err(CompileError::Project)?;
    let model = match &project.model {
        Some(model) if project.findings.count(Severity::Error) == 0 => model,
        _ => return Ok((project, Outcome::Refused)),
    };
    let (artifacts, replaced) = artifacts(model, &project.settings, &project.history, now)?;
    let plan = plan(folder, &artifacts, &replaced)?;
    let mut compiled = describe(&plan, &project.history);
    then(&plan, &mut compiled)?;
    drop(plan);
    // A file for each service and client, and nobody waits for their end.
    rayon::spawn(move || drop(artifacts));
    Ok((project, Outcome::Compiled(compiled)))
}

/// Everything that the project compiles to, and the paths of seeds that may be replaced.
pub(super) fn artifacts(
    model: &Model,
    settings: &[Digest],
    history: &History,
    now: i64,
) -> Result<(Vec<Artifact>, Vec<String>), CompileError> {
    let ((mut artifacts, properties), (scripts, draft)) = rayon::join(
        || rayon::join(schema_files, || property_files(model)),
        || rayon::join(|| topic_scripts(model), || seed_of(model, settings, &history.landed())),
    );
    artifacts.extend(properties);
    artifacts.extend(scripts);
    let replaced = history.own().map(|seed| format!("{SEEDS}/{}", seed.name)).collect();
    if let Some(draft) = draft.map_err(CompileError::Nul)? {
        artifacts.push(named(draft, history, now)?);
    }
    Ok((artifacts, replaced))
}

/// A seed under its name: the one that it has, where its content stays the same, else one above all others.
fn named(draft: SeedDraft, history: &History, now: i64) -> Result<Artifact, CompileError> {
    let hash = seed_hash(&draft.text);
    let same = history.own().find(|seed| Some(seed.header.hash) == hash);
    if let Some(stamp) = same.and_then(|seed| seed.name.split_once('_')) {
        return Ok(draft.into_artifact(stamp.0));
    }
    next_stamp(history, now).map(|stamp| draft.into_artifact(&stamp))
}

/// What the next seed's name begins with.
pub(super) fn next_stamp(history: &History, now: i64) -> Result<String, CompileError> {
    let newest = history
        .names
        .iter()
        .filter_map(|name| Some((name_seconds(name)?, name)))
        .max();
    let seconds = newest.map_or(now, |(seconds, _)| now.max(seconds.saturating_add(1)));
    name_stamp(seconds).ok_or_else(|| CompileError::Time {
        newest: newest.map(|(_, name)| name.clone()).unwrap_or_default(),
    })
}

fn describe(plan: &Plan<'_>, history: &History) -> Compiled {
    let seed = plan.writes.iter().find(|write| write.artifact.is_seed());
    let landed = history.seeds.iter().any(|seed| seed.standing == Standing::Landed);
    Compiled {
        written: plan
            .writes
            .iter()
            .map(|write| (write.artifact.path().to_owned(), write.why))
            .collect(),
        removed: plan.removes.clone(),
        foreign: plan.foreign.clone(),
        unchanged: plan.unchanged,
        seed: seed.map(|write| write.artifact.path().to_owned()),
        diff: String::new(),
        only_added: history.base_unknown.clone().filter(|_| seed.is_some() && landed),
        base_unknown: history.base_unknown.clone(),
    }
}
