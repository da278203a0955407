//! `check --base REF`: what may only grow has not shrunk since REF.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use crate::diagnostic::{Finding, Findings};
use crate::history::pages::SEED_EDITED;
use crate::history::{Seed, Standing, State, read_seed, settings_digest};
use crate::rules::history::{SEED_MISSING, VERSION_LOWERED, lowered};
use crate::source::{FileId, Span};

use super::Project;
use super::git::{GitError, commit, merge_base, seeds_at};

/// Why a project could not be compared with REF.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BaseError {
    /// What git says, or what of it could not be read.
    pub message: String,
}

impl From<GitError> for BaseError {
    fn from(GitError(message): GitError) -> Self {
        Self { message }
    }
}

/// Adds what went back since the work at hand left `reference`: seeds that are gone or are others now, versions that are
/// lower. A branch that has not yet taken in what `reference` has since is not to blame for that.
///
/// # Errors
/// [`BaseError`] where git does not know `reference`.
pub fn against_base(root: &Path, project: &mut Project, reference: &str) -> Result<(), BaseError> {
    let there = commit(root, reference)?;
    let since = merge_base(root, &there).unwrap_or(there);
    let seeds: Vec<Seed> = seeds_at(root, &since, &project.history.folder)?
        .into_iter()
        .filter_map(|(name, bytes)| {
            // What was broken there already may be mended here.
            let header = read_seed(std::str::from_utf8(&bytes).ok()?).ok()?;
            Some(Seed {
                name,
                file: FileId(0),
                header,
                standing: Standing::Landed,
            })
        })
        .collect();
    let mut findings = compare_seeds(project, &seeds, reference);
    findings.extend(compare_versions(project, &State::replay(seeds.iter()), reference));
    project.findings.extend(findings);
    project.findings.sort();
    Ok(())
}

/// Where a finding about a seed that is not there can be shown: lagproof.toml as a whole.
fn nowhere(project: &Project) -> Span {
    Span::whole(project.shared.config.file)
}

fn compare_seeds(project: &Project, there: &[Seed], reference: &str) -> Findings {
    let history = &project.history;
    let here: BTreeMap<&str, &Seed> = history.seeds.iter().map(|seed| (seed.name.as_str(), seed)).collect();
    let unreadable: BTreeSet<&str> = history.names.iter().map(String::as_str).collect();
    let replaced: BTreeMap<&str, _> = history
        .seeds
        .iter()
        .flat_map(|seed| &seed.header.replaces)
        .map(|replaced| (replaced.name.as_str(), replaced.hash))
        .collect();
    let reference = reference.escape_debug();
    let mut findings = Findings::new();
    for seed in there {
        let name = seed.name.as_str();
        let path = format!("{}/{name}", history.folder);
        match here.get(name) {
            Some(same) if same.header.hash == seed.header.hash => {}
            Some(other) => findings.push(
                Finding::new(&SEED_EDITED, Span::whole(other.file), format!("{path} is another than in {reference}"))
                    .at_run_time("databases that have it already keep what it said before, others get what it says now")
                    .help(format!("bring it back as it was: git checkout {reference} -- {path}")),
            ),
            None if replaced.get(name) == Some(&seed.header.hash) => {}
            // A finding of its own says what is wrong with it.
            None if unreadable.contains(name) => {}
            None => findings.push(
                Finding::new(&SEED_MISSING, nowhere(project), format!("{path} is gone, and {reference} has it"))
                    .at_run_time("databases that have it keep what it did, and its versions would be given out a second time")
                    .help(format!(
                        "bring it back: git checkout {reference} -- {path}; to take a change back, `lagproof revert SERVICE --to VERSION` writes the earlier settings under a new version"
                    )),
            ),
        }
    }
    findings
}

fn compare_versions(project: &Project, there: &State<'_>, reference: &str) -> Findings {
    let known: BTreeSet<Span> = project
        .findings
        .iter()
        .filter(|finding| finding.code == VERSION_LOWERED.code)
        .map(|finding| finding.primary.span)
        .collect();
    let services = project.model.iter().flat_map(|model| &model.services);
    services
        .filter(|service| !known.contains(&service.version.span()))
        .filter_map(|service| {
            let life = there.service(&service.name)?;
            lowered(
                service,
                life,
                Some(settings_digest(service)),
                &reference.escape_debug().to_string(),
            )
        })
        .collect()
}
