//! Findings about keys and values, worded.

use std::collections::BTreeSet;
use std::sync::OnceLock;

use super::tree::Item;

use crate::diagnostic::{Finding, Findings, Page, Safety};
use crate::model::settings::Setting;
use crate::source::{Edit, Span};
use crate::units::shown;

use super::fields::schema_of;
use super::leaf::{LeafError, kind_of};
use super::pages;
use super::secrets::looks_secret;
use super::service::ServiceFile;

/// A key that must be there and is not.
pub(super) struct Missing {
    /// The key.
    pub key: &'static str,
    /// Its line in the reference.
    pub doc: &'static str,
    /// A value that it takes, as TOML.
    pub example: String,
}

pub(super) fn missing_key(missing: &Missing, span: Span) -> Finding {
    let Missing { key, doc, example } = missing;
    Finding::new(&pages::MISSING_KEY, span, format!("`{key}` is missing"))
        .at_run_time("lagproof guesses nothing that a running consumer depends on")
        .help(format!("add a line such as `{key} = {example}`: {doc}"))
}

/// `near` is the known key that is probably meant, of those that are not there already.
pub(super) fn unknown_key(
    name: &str,
    value: &Item<'_>,
    span: Span,
    known: &BTreeSet<&str>,
    near: Option<&str>,
) -> Finding {
    if looks_secret(name) {
        return secret_finding(name, span);
    }
    let dotted = dotted(name, value);
    let finding = Finding::new(&pages::UNKNOWN_KEY, span, format!("unknown key `{}`", shown(&dotted)))
        .here("lagproof does not know this key")
        .at_run_time("what the key is meant to do would not happen, and nobody would be told");
    if let Some(near) = near {
        return finding.help(format!("did you mean `{near}`?")).fix(
            Safety::Suggested,
            format!("rename it to `{near}`"),
            vec![Edit::Replace {
                span,
                text: near.to_owned(),
            }],
        );
    }
    let setting = of_kafka(&dotted);
    if let Some(setting) = setting.filter(|setting| known.contains(setting.name())) {
        return finding.help(format!("lagproof calls it `{setting}`, one name for all clients"));
    }
    if let Some(setting) = setting {
        return finding.help(format!(
            "`{setting}` is a consumer setting: it belongs under `[consumer]` of a profile, or in the matrix"
        ));
    }
    let here = || known.iter().copied().collect::<Vec<_>>().join(", ");
    match sections_with(name).as_slice() {
        [] if sections().iter().any(|section| section.name == name) => finding.help(format!(
            "`{name}` is said in a profile, the same for every environment; the keys here are {}",
            here()
        )),
        [] => finding.help(format!("the keys here are {}", here())),
        sections => finding.help(format!("`{name}` is a key of {} of a profile", sections.join(" and "))),
    }
}

/// A key as it was meant: `session.timeout.ms = 1` is three tables to TOML.
fn dotted(name: &str, value: &Item<'_>) -> String {
    let mut dotted = name.to_owned();
    let mut value = value;
    while let Item::Table(table) = value
        && let Some((key, inner)) = table.iter().next()
        && table.len() == 1
        && dotted.len() < 60
    {
        dotted = format!("{dotted}.{}", key.get_ref());
        value = inner.get_ref();
    }
    dotted
}

/// The setting of a name of ours, or of Kafka's.
fn of_kafka(name: &str) -> Option<Setting> {
    let plain = name.replace('.', "_");
    Setting::ALL
        .into_iter()
        .find(|setting| setting.name() == plain || setting.info().key == plain)
}

/// A section of a profile.
struct ProfileSection {
    name: String,
    /// As it is headed: `[memory]` or `[[allow]]`.
    head: String,
    keys: BTreeSet<String>,
}

/// The sections of a profile, from the schema. `[baseline]` has the keys of others.
fn sections() -> &'static [ProfileSection] {
    static SECTIONS: OnceLock<Vec<ProfileSection>> = OnceLock::new();
    SECTIONS.get_or_init(|| {
        let schema = schema_of::<ServiceFile>();
        let all = schema["properties"].as_object().into_iter().flatten();
        all.filter(|(section, _)| section.as_str() != "baseline")
            .filter_map(|(section, inner)| {
                let (head, keys) = match inner.get("items") {
                    Some(item) => (format!("`[[{section}]]`"), &item["properties"]),
                    None => (format!("`[{section}]`"), &inner["properties"]),
                };
                Some(ProfileSection {
                    name: section.clone(),
                    head,
                    keys: keys.as_object()?.keys().cloned().collect(),
                })
            })
            .collect()
    })
}

/// The sections of a profile that have a key, as they are headed.
fn sections_with(name: &str) -> Vec<&'static str> {
    sections()
        .iter()
        .filter(|section| section.keys.contains(name))
        .map(|section| section.head.as_str())
        .collect()
}

pub(super) fn secret_finding(name: &str, span: Span) -> Finding {
    Finding::new(&pages::SECRET, span, format!("`{}` looks like a secret", shown(name)))
        .here("secrets are never kept in these files")
        .at_run_time("anyone who can read the repository or what is compiled from it could read the secret")
        .help("take it out, change the secret, and pass it by the process environment or a client config file")
}

/// The most similar of `candidates`, where one is similar enough to be meant.
pub(crate) fn nearest<'a>(name: &str, candidates: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    if name.len() > 80 {
        return None;
    }
    candidates
        .map(|candidate| {
            (
                strsim::damerau_levenshtein(&name.to_lowercase(), &candidate.to_lowercase()),
                candidate,
            )
        })
        .filter(|(distance, candidate)| *distance <= (candidate.len().max(name.len()) / 3).max(1))
        .min()
        .map(|(_, candidate)| candidate)
}

pub(super) fn wrong_type(key: &str, span: Span, wanted: &str, found: &Item<'_>) -> Finding {
    Finding::new(&pages::WRONG_TYPE, span, format!("`{key}` must be {wanted}"))
        .here(format!("this is {}", kind_of(found)))
        .at_run_time("the value can't be understood, so nothing is compiled")
}

pub(super) fn leaf_findings(key: &str, span: Span, error: LeafError) -> Findings {
    let mut findings = Findings::new();
    let mut next = Some(error);
    while let Some(mut error) = next {
        next = error.next.take().map(|boxed| *boxed);
        findings.push(leaf_finding(key, span, error));
    }
    findings
}

fn leaf_finding(key: &str, span: Span, error: LeafError) -> Finding {
    let page: &Page = error.page;
    let name = match error.inner {
        Some(inner) => format!("{key}.{inner}"),
        None => key.to_owned(),
    };
    let message = if error.message.starts_with("must be ") {
        format!("`{}` {}", shown(&name), error.message)
    } else {
        format!("`{}`: {}", shown(&name), error.message)
    };
    let mut finding = Finding::new(page, error.span.unwrap_or(span), message).at_run_time(consequence(page));
    finding.primary.text = error.here.into();
    if let Some(help) = error.help {
        finding = finding.help(help);
    }
    match error.replacement {
        Some(text) => {
            let at = error.span.unwrap_or(span);
            finding.fix(
                Safety::Suggested,
                format!("write {text}"),
                vec![Edit::Replace {
                    span: at,
                    text: text.into(),
                }],
            )
        }
        None => finding,
    }
}

/// What a refused value would do.
fn consequence(page: &Page) -> &'static str {
    match page.code {
        code if code == pages::OUT_OF_RANGE.code => "nothing could run with this value, so nothing is compiled",
        code if code == pages::UNKNOWN_WORD.code => "nobody would know what is meant, so nothing is compiled",
        code if code == pages::SECRET.code => "anyone who can read the repository could read the secret",
        code if code == pages::BAD_NAME.code => {
            "it would be refused or misread where it ends up, so nothing is compiled"
        }
        _ => "the value can't be understood, so nothing is compiled",
    }
}
