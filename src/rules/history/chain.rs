//! Seeds that are missing, and renames that lead nowhere.

use std::collections::BTreeMap;

use crate::diagnostic::{Finding, Findings};
use crate::history::{History, Life, Record, State};
use crate::model::project::Model;
use crate::source::Span;

use super::pages::{RENAME_LEADS_NOWHERE, SEED_MISSING};

/// How many names a message lists.
pub(super) const LISTED: usize = 10;

pub(super) fn judge(model: &Model, history: &History, findings: &mut Findings) {
    let all = history.all();
    missing(&all, findings);
    if !history.seeds.is_empty() {
        renames(model, &all, findings);
    }
}

/// One finding a seed that follows what is not there: one lost seed can leave gaps in the lives of many services.
fn missing(all: &State<'_>, findings: &mut Findings) {
    let mut gaps: BTreeMap<&str, (Span, Vec<String>)> = BTreeMap::new();
    for life in all.services() {
        for record in life.records().iter().filter(|record| !is_known(life, record)) {
            let entry = gaps
                .entry(&record.seed.name)
                .or_insert_with(|| (Span::whole(record.seed.file), Vec::new()));
            let follows = record.entry.follows.map(|stamp| stamp.to_string()).unwrap_or_default();
            entry.1.push(format!("{follows} of `{}`", life.name()));
        }
    }
    for entries in all.topics() {
        for (entry, seed) in entries {
            let Some(follows) = entry.follows else { continue };
            let known = entries.iter().any(|(other, from)| {
                other.revision == follows || (!from.header.replaces.is_empty() && other.revision >= follows)
            });
            if !known {
                gaps.entry(&seed.name)
                    .or_insert_with(|| (Span::whole(seed.file), Vec::new()))
                    .1
                    .push(format!("revision {follows} of topic `{}`", entry.name));
            }
        }
    }
    for (seed, (span, gaps)) in gaps {
        findings.push(
            Finding::new(
                &SEED_MISSING,
                span,
                format!("{seed} follows {}, which no seed here has", listed(&gaps)),
            )
            .at_run_time("a new database would get another history than the ones there are, and what is new can't be told")
            .help("bring the missing seed back: `git log --diff-filter=D --name-only -- generated/migrations` says where it went"),
        );
    }
}

/// Whether what a record follows is there, or a baseline stands for it.
fn is_known(life: Life<'_, '_>, record: &Record<'_>) -> bool {
    let Some(follows) = record.entry.follows else {
        return true;
    };
    life.records().iter().any(|other| {
        let is_baseline = !other.seed.header.replaces.is_empty();
        other.entry.stamp == follows || (is_baseline && other.entry.stamp >= follows)
    }) || !record.seed.header.replaces.is_empty()
}

/// The first of some names, and how many more there are.
pub(super) fn listed(names: &[String]) -> String {
    let shown = names
        .iter()
        .take(LISTED)
        .map(String::as_str)
        .collect::<Vec<_>>()
        .join(", ");
    match names.len().saturating_sub(LISTED) {
        0 => shown,
        more => format!("{shown} and {more} more"),
    }
}

fn renames(model: &Model, all: &State<'_>, findings: &mut Findings) {
    for service in &model.services {
        for from in &service.renamed_from {
            let name = from.value.as_str();
            if all.service(name).is_some() || model.service(name).is_some() {
                continue;
            }
            findings.push(
                Finding::new(
                    &RENAME_LEADS_NOWHERE,
                    from.span(),
                    format!("`{}` says that it was `{name}`, which no seed knows", service.name),
                )
                .here("no service of this name was ever compiled")
                .at_run_time("the version of the service that was meant does not go on, and its row is retired as if it were gone")
                .help("write the name that the profile had, or take the `[[renamed]]` table out")
                .about(&service.name),
            );
        }
    }
}
