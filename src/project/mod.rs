//! The one project that every verb takes: read, resolved, judged.

mod accepted;
mod adopt;
mod allows;
mod base;
mod cases;
mod compile;
mod deployment;
mod environments;
mod evidence;
mod fix;
mod git;
mod history;
mod proofs;
mod reference;
mod restore;
mod revert;
mod severity;
mod squash;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

pub use jiff::civil::Date;

use crate::declared::{
    self, CONFIG_FILE, ConfigFile, DeclaredFile, Shared, read_cases, read_config, read_services, read_shared, redact,
    strays,
};
use crate::diagnostic::{Finding, Findings, Page, Severity};
use crate::history::{self as seeds, Digest, History, take_in};
use crate::model::project::Model;
use crate::resolve::{self, Resolver};
use crate::rules;
use crate::source::{FileId, ReadError, Sources, Tree};

pub use adopt::{AdoptError, Adopted, Preview, Wanted, adopt, preview};
pub use base::{BaseError, against_base};
pub use compile::{CompileError, Compiled, Look, Outcome, compile, inspect};
pub use deployment::{Deployment, deployment};
pub use evidence::{Standing, StandingOf, evidence_file, standings};
pub use fix::{FixError, fix_all};
use history::{Whereabouts, judge_history};
pub use proofs::{ServiceProofs, prove as prove_services};
pub use reference::{page_markdown, reference_pages};
pub use revert::{RevertError, Reverted, revert};
pub use squash::{SquashError, Squashed, squash};

/// A project as it stands on disk.
#[derive(Debug)]
pub struct Project {
    /// Its files.
    pub sources: Sources,
    /// What all services share, as written.
    pub shared: Shared,
    /// The names of all profiles, sorted, also of those that could not be read.
    pub services: Vec<String>,
    /// What it means; nothing where a file that everything rests on could not be read.
    pub model: Option<Model>,
    /// The digests of the services' settings, in the order of the model's services; empty without a model.
    pub settings: Vec<Digest>,
    /// What it compiled to before.
    pub history: History,
    /// What is wrong with it, sorted.
    pub findings: Findings,
}

impl Project {
    /// Reads, resolves and judges the project at `root`, as of `today`.
    ///
    /// # Errors
    /// [`ReadError`] where there is no readable `lagproof.toml`; everything else is a finding.
    pub fn load(root: &Path, today: &Date) -> Result<Self, ReadError> {
        Self::read(&Tree::Disk(root.to_owned()), today)
    }

    /// The same from anywhere.
    ///
    /// # Errors
    /// [`ReadError`] where there is no readable `lagproof.toml`.
    pub fn read(tree: &Tree, today: &Date) -> Result<Self, ReadError> {
        let (mut sources, mut findings) = (Sources::new(), Findings::new());
        let config = read_config(tree, &mut sources, &mut findings)?;
        let seeds = Whereabouts::new(config.declared.as_ref());
        // Seeds are large and few: one core reads them while the other reads what services share.
        let ((shared, services, model), seeds) = rayon::join(
            || read_declared(tree, config, &mut sources, &mut findings),
            || seeds.read(tree),
        );
        let (mut of_seeds, mut settings) = (Findings::new(), Vec::new());
        let history = take_in(seeds, &mut sources, &mut of_seeds);
        if let Some(model) = &model {
            let (judged, (digests, versions)) =
                rayon::join(|| judge(model, &findings), || judge_history(tree, model, &history));
            findings.extend(judged);
            settings = digests;
            of_seeds.extend(versions);
        }
        findings.extend(of_seeds);
        severity::apply(
            shared.config.declared.as_ref(),
            model.as_ref(),
            &sources,
            &mut findings,
            today,
        );
        findings.sort();
        blot_out_secrets(&mut sources, &findings);
        Ok(Self {
            sources,
            shared,
            services,
            model,
            settings,
            history,
            findings,
        })
    }
}

/// Reads and resolves everything that people wrote: what services share, the services' names, and the model.
fn read_declared(
    tree: &Tree,
    config: DeclaredFile<ConfigFile>,
    sources: &mut Sources,
    findings: &mut Findings,
) -> (Shared, Vec<String>, Option<Model>) {
    let shared = read_shared(tree, config, sources, findings);
    let resolver = Resolver::new(&shared, findings);
    let resolved = read_services(tree, &shared, sources, findings, |file, findings| {
        resolver.as_ref().and_then(|resolver| resolver.service(file, findings))
    });
    let cases = read_cases(tree, &shared, sources, findings);
    strays(tree, &shared, sources, findings);
    let services = resolved.iter().map(|(name, _)| name.clone()).collect();
    let model = resolver.map(|resolver| resolver.finish(resolved, &cases, findings));
    (shared, services, model)
}

/// Judges the project, then what differs in each environment, then its cases. `findings` are those of reading it.
fn judge(model: &Model, findings: &Findings) -> Findings {
    let base = rules::judge(model, rules::Scope::Whole);
    let mut more = environments::judge(model, &base);
    more.extend(cases::judge(model, &base));
    let half_read: BTreeSet<FileId> = findings
        .iter()
        .filter(|finding| finding.severity == Severity::Error)
        .map(|finding| finding.primary.span.file)
        .collect();
    let known = |finding: &Finding| half_read.is_empty() || !follows_from(finding, model, &half_read);
    base.into_iter().chain(more).filter(known).collect()
}

/// Whether a proof was worked out with what a file did not say because it could not be read: it would be a second
/// finding for the same mistake.
fn follows_from(finding: &Finding, model: &Model, half_read: &BTreeSet<FileId>) -> bool {
    let is_proof = finding.code.0.starts_with('P');
    let service = finding.subject.as_deref().and_then(|name| model.service(name));
    let topics = service.into_iter().flat_map(|service| &service.topics);
    let topics = topics.filter_map(|topic| model.topics.get(&topic.value));
    let files = service
        .map(|service| service.file)
        .into_iter()
        .chain(topics.map(|topic| topic.span.file))
        .chain(finding.labels.iter().map(|label| label.span.file))
        .chain([finding.primary.span.file]);
    is_proof && files.into_iter().any(|file| half_read.contains(&file))
}

/// Findings show the lines that they are about: no secret may stand there.
fn blot_out_secrets(sources: &mut Sources, findings: &Findings) {
    let shown: BTreeSet<FileId> = findings
        .iter()
        .flat_map(|finding| finding.labels.iter().chain([&finding.primary]))
        .map(|label| label.span.file)
        .collect();
    for file in shown {
        let hidden = redact(&sources.get(file).text);
        sources.set_text(file, hidden);
    }
}

/// What a project holds, in words: "11 services, 14 topics, 6 types".
#[must_use]
pub fn tally(project: &Project) -> String {
    let count = |number: usize, one: &str| format!("{number} {one}{}", if number == 1 { "" } else { "s" });
    let services = count(project.services.len(), "service");
    match &project.model {
        Some(model) => {
            format!(
                "{services}, {}, {}",
                count(model.topics.len(), "topic"),
                count(model.matrix.types.len(), "type")
            )
        }
        None => services,
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
    pages.extend(seeds::pages::PAGES);
    pages.extend(rules::history::PAGES);
    pages.extend(rules::rules().map(|rule| rule.page));
    pages.extend(accepted::PAGES);
    pages.sort_by_key(|page| page.code);
    pages.dedup_by_key(|page| page.code);
    pages
}
