//! Versions: each stands for one set of settings, and they only rise.

use std::collections::{BTreeMap, HashMap};

use crate::diagnostic::{Finding, Findings, Safety};
use crate::history::{Life, State};
use crate::model::service::Service;
use crate::source::{Edit, Span};

use super::Comparison;
use super::chain::listed;
use super::changes::Change;
use super::pages::{VERSION_FOR_NOTHING, VERSION_LOWERED, VERSION_NOT_RAISED, VERSION_TWICE};

/// A service whose settings changed while its version did not, and the version that it is to have.
struct Stuck<'m> {
    service: &'m Service,
    wanted: u32,
}

pub(super) fn judge(
    own: &State<'_>,
    comparisons: &[Comparison<'_, '_, '_>],
    changed: &HashMap<&str, Vec<Change>>,
    findings: &mut Findings,
) {
    let mut inherited: BTreeMap<Vec<(&str, Span)>, Vec<Stuck<'_>>> = BTreeMap::new();
    for comparison in comparisons {
        let service = comparison.service;
        let Some(life) = comparison.life else { continue };
        let (version, last) = (service.version.value, life.stamp().version);
        if version == last
            && let Some(finding) = twice(service, life, own.service(&service.name), comparison)
        {
            findings.push(finding);
        } else if let Some(finding) = lowered(service, life, Some(comparison.settings), "the history") {
            findings.push(finding);
        } else if life.is_retired() || version > last {
            if !life.is_retired() && is_for_nothing(comparison, life) {
                findings.push(for_nothing(service, last));
            }
        } else if comparison.changed().is_some() {
            let changes = changed.get(service.name.as_str()).map_or(&[][..], Vec::as_slice);
            if !changes.is_empty() && changes.iter().all(Change::is_inherited) {
                let causes = changes
                    .iter()
                    .filter_map(|change| Some((change.name.as_str(), change.origin?.span)))
                    .collect();
                inherited.entry(causes).or_default().push(Stuck {
                    service,
                    wanted: last + 1,
                });
            } else {
                findings.push(not_raised(service, last, changes));
            }
        }
    }
    for stuck in inherited.into_values() {
        let changes = &changed[stuck[0].service.name.as_str()];
        findings.push(not_raised_by_many(&stuck, changes));
    }
}

fn raise(service: &Service, to: u32) -> Edit {
    Edit::Replace {
        span: service.version.span(),
        text: to.to_string(),
    }
}

const TOLD_APART: &str = "databases that have that version already would keep the settings they have, and no service could say which of the two it runs with";

fn not_raised(service: &Service, last: u32, changes: &[Change]) -> Finding {
    let names: Vec<String> = changes.iter().map(|change| format!("`{}`", change.name)).collect();
    let what = match names.as_slice() {
        [] => "what it compiles to".to_owned(),
        _ => listed(&names),
    };
    let mut finding = Finding::new(
        &VERSION_NOT_RAISED,
        service.version.span(),
        format!("`{}` changed {what} and is still version {last}", service.name),
    )
    .here(format!("version {last} has been compiled with other settings"))
    .at_run_time(TOLD_APART)
    .help(format!("write version = {}: `lagproof check --fix` does it", last + 1))
    .fix(
        Safety::Safe,
        format!("raise version to {}", last + 1),
        vec![raise(service, last + 1)],
    )
    .about(&service.name);
    for change in changes.iter().take(3) {
        if let Some(origin) = change.origin {
            finding = finding.label(origin.span, format!("{}: {}", change.name, change.words()));
        }
    }
    finding
}

/// One finding for all services that inherit a change; every one of them is mended.
fn not_raised_by_many(stuck: &[Stuck<'_>], changes: &[Change]) -> Finding {
    let first = &changes[0];
    let at = first
        .origin
        .map_or(Span::whole(stuck[0].service.file), |origin| origin.span);
    let names: Vec<String> = stuck.iter().map(|stuck| stuck.service.name.clone()).collect();
    let settings: Vec<String> = changes.iter().map(|change| format!("`{}`", change.name)).collect();
    let who = match names.len() {
        1 => format!("`{}`, which inherits it, kept its version", names[0]),
        many => format!("{many} services that inherit it kept their versions"),
    };
    let mut finding = Finding::new(
        &VERSION_NOT_RAISED,
        at,
        format!("{} changed, and {who}", listed(&settings)),
    )
    .here(first.words())
    .at_run_time(TOLD_APART)
    .help(format!(
        "raise the version of {}: `lagproof check --fix` does it",
        listed(&names)
    ));
    for change in changes.iter().skip(1).take(2) {
        if let Some(origin) = change.origin {
            finding = finding.label(origin.span, change.words());
        }
    }
    for stuck in stuck.iter().take(3) {
        let version = &stuck.service.version;
        finding = finding.label(version.span(), format!("still {}", version.value));
    }
    let description = match stuck {
        [one] => format!("raise the version of {} to {}", one.service.name, one.wanted),
        many => format!("raise the versions of {} services", many.len()),
    };
    let edits = stuck.iter().map(|stuck| raise(stuck.service, stuck.wanted)).collect();
    let finding = finding.fix(Safety::Safe, description, edits);
    match stuck {
        [one] => finding.about(&one.service.name),
        _ => finding,
    }
}

/// A version below one that `where_` has: of the service itself or of its tombstone.
pub fn lowered(
    service: &Service,
    life: Life<'_, '_>,
    settings: Option<crate::history::Digest>,
    place: &str,
) -> Option<Finding> {
    let (version, last) = (service.version.value, life.stamp().version);
    let retired = life.is_retired();
    if version > last || (version == last && !retired) {
        return None;
    }
    let same = settings.is_some_and(|settings| life.latest().entry.content.settings() == Some(settings));
    let wanted = if same && life.rival().is_none() { last } else { last + 1 };
    let (message, here) = if retired {
        (
            format!(
                "`{}` comes back as version {version}, and {place} ends with version {last}",
                service.name
            ),
            format!("it was removed as version {last}"),
        )
    } else {
        (
            format!(
                "`{}` goes back to version {version}, and {place} has {last}",
                service.name
            ),
            format!("{place} has version {last}"),
        )
    };
    let help = if retired || wanted == last {
        format!("write version = {wanted}")
    } else {
        format!(
            "write version = {wanted}; to take a change back, keep the profile as it was and run `lagproof revert {} --to {version}`",
            service.name
        )
    };
    Some(
        Finding::new(&VERSION_LOWERED, service.version.span(), message)
            .here(here)
            .at_run_time("an older version never overwrites a newer row: databases would keep what they have")
            .help(help)
            .fix(
                Safety::Safe,
                format!("raise version to {wanted}"),
                vec![raise(service, wanted)],
            )
            .about(&service.name),
    )
}

/// Whether a risen version stands for what the last one stands for.
fn is_for_nothing(comparison: &Comparison<'_, '_, '_>, life: Life<'_, '_>) -> bool {
    life.rival().is_none() && comparison.changed().is_none()
}

fn for_nothing(service: &Service, last: u32) -> Finding {
    Finding::new(
        &VERSION_FOR_NOTHING,
        service.version.span(),
        format!(
            "`{}` is version {}, and nothing that it compiles to differs from version {last}",
            service.name, service.version.value
        ),
    )
    .here(format!("version {last} has the same settings"))
    .at_run_time("every replica takes a new version in for nothing, and evidence for the old one counts as stale")
    .help(format!(
        "write version = {last}; rates, targets and replicas need no new version"
    ))
    .fix(
        Safety::Suggested,
        format!("put version back to {last}"),
        vec![raise(service, last)],
    )
    .about(&service.name)
}

/// One version with two contents: both landed, or one landed while the other was being worked on.
fn twice(
    service: &Service,
    life: Life<'_, '_>,
    own: Option<Life<'_, '_>>,
    comparison: &Comparison<'_, '_, '_>,
) -> Option<Finding> {
    let latest = life.latest();
    let last = latest.entry.stamp.version;
    let (message, here) = if let Some(rival) = life.rival() {
        (
            format!(
                "version {last} of `{}` stands for two different things: one in {}, one in {}",
                service.name, rival.seed.name, latest.seed.name
            ),
            "two branches wrote it without knowing of each other".to_owned(),
        )
    } else {
        comparison.changed()?;
        own?.version(last)
            .find(|record| record.entry.content.settings() != latest.entry.content.settings())?;
        (
            format!(
                "version {last} of `{}` has landed with other settings than here",
                service.name
            ),
            format!("{} has it, too", latest.seed.name),
        )
    };
    Some(
        Finding::new(&VERSION_TWICE, service.version.span(), message)
            .here(here)
            .at_run_time("each database keeps the one that reaches it first")
            .help(format!(
                "see that the profile says what both meant, and write version = {}: `lagproof check --fix` does it",
                last + 1
            ))
            .fix(
                Safety::Safe,
                format!("raise version to {}", last + 1),
                vec![raise(service, last + 1)],
            )
            .about(&service.name),
    )
}
