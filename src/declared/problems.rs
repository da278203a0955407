//! Findings about keys and values, worded.

use std::collections::BTreeSet;

use toml::de::DeValue;

use crate::diagnostic::{Finding, Page, Safety};
use crate::source::{Edit, Span};

use super::leaf::{LeafError, kind_of};
use super::pages;
use super::secrets::looks_secret;

pub(super) fn unknown_key(name: &str, span: Span, known: &BTreeSet<&str>) -> Finding {
    if looks_secret(name) {
        return secret_finding(name, span);
    }
    let finding = Finding::new(
        &pages::UNKNOWN_KEY,
        span,
        format!("unknown key `{}`", name.escape_debug()),
    )
    .here("lagproof does not know this key")
    .at_run_time("what the key is meant to do would not happen, and nobody would be told");
    match nearest(name, known.iter().copied()) {
        Some(near) => finding.help(format!("did you mean `{near}`?")).fix(
            Safety::Suggested,
            format!("rename it to `{near}`"),
            vec![Edit::Replace {
                span,
                text: near.to_owned(),
            }],
        ),
        None => {
            let known: Vec<&str> = known.iter().copied().collect();
            finding.help(format!("the keys here are {}", known.join(", ")))
        }
    }
}

pub(super) fn secret_finding(name: &str, span: Span) -> Finding {
    Finding::new(
        &pages::SECRET,
        span,
        format!("`{}` looks like a secret", name.escape_debug()),
    )
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

pub(super) fn wrong_type(key: &str, span: Span, wanted: &str, found: &DeValue<'_>) -> Finding {
    Finding::new(&pages::WRONG_TYPE, span, format!("`{key}` must be {wanted}"))
        .here(format!("this is {}", kind_of(found)))
        .at_run_time("the value can't be understood, so nothing is compiled")
}

pub(super) fn leaf_finding(key: &str, span: Span, error: LeafError) -> Finding {
    let page: &Page = error.page;
    let mut finding = Finding::new(page, error.span.unwrap_or(span), format!("`{key}`: {}", error.message))
        .at_run_time("the value can't be understood, so nothing is compiled");
    finding.primary.text = error.here;
    if let Some(help) = error.help {
        finding = finding.help(help);
    }
    match error.replacement {
        Some(text) => {
            let at = error.span.unwrap_or(span);
            finding.fix(
                Safety::Suggested,
                format!("write {text}"),
                vec![Edit::Replace { span: at, text }],
            )
        }
        None => finding,
    }
}
