//! `[[allow]]`: findings that are accepted, with a reason.

use std::collections::BTreeMap;

use jiff::civil::Date;

use crate::declared::nearest;
use crate::diagnostic::{Finding, Findings, Page, Safety, Stance};
use crate::model::project::Model;
use crate::model::service::Allow;
use crate::rules::reasons;
use crate::source::{Edit, FileId, Sources, Span};

use super::accepted::{ALLOW_EXPIRED, ALLOW_REJECTED, ALLOW_UNUSED, ALLOW_WITHOUT_REASON, UNKNOWN_CODE};

/// An allow, and where it reaches.
struct Scope<'m> {
    allow: &'m Allow,
    /// The service's or topic's name.
    name: &'m str,
    /// A service's allow reaches what is about it or points into its file, a topic's what is about it and points into
    /// topics.toml.
    reach: Reach,
    used: bool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Reach {
    Service(FileId),
    Topic(FileId),
}

/// Takes out what is accepted, as of `today`, and adds what is wrong with the allows themselves.
pub(super) fn accept(
    model: &Model,
    pages: &BTreeMap<&str, &Page>,
    sources: &Sources,
    findings: &mut Findings,
    today: &Date,
) {
    let mut own = Findings::new();
    let mut valid: Vec<Scope<'_>> = Vec::new();
    for scope in all(model) {
        let problems = judge(&scope, pages);
        if problems.is_empty() {
            valid.push(scope);
        } else {
            own.extend(problems);
        }
    }
    if !valid.is_empty() {
        let mut by_code: BTreeMap<&str, Vec<&mut Scope<'_>>> = BTreeMap::new();
        for scope in &mut valid {
            by_code.entry(&scope.allow.code.value).or_default().push(scope);
        }
        findings.retain_mut(|finding| {
            let mut kept = true;
            for scope in by_code.get_mut(finding.code.0).into_iter().flatten() {
                if reaches(scope, finding) {
                    scope.used = true;
                    kept &= has_expired(scope.allow, today);
                }
            }
            kept
        });
    }
    for scope in &valid {
        if has_expired(scope.allow, today) {
            own.push(expired(scope, sources));
        } else if !scope.used {
            own.push(unused(scope, sources));
        }
    }
    findings.extend(own);
}

/// Every allow of the project.
fn all(model: &Model) -> impl Iterator<Item = Scope<'_>> {
    let services = model.services.iter().flat_map(|service| {
        service.allows.iter().map(move |allow| Scope {
            allow,
            name: &service.name,
            reach: Reach::Service(service.file),
            used: false,
        })
    });
    let topics = model.topics.values().flat_map(|topic| {
        topic.allows.iter().map(move |allow| Scope {
            allow,
            name: &topic.name,
            reach: Reach::Topic(topic.span.file),
            used: false,
        })
    });
    services.chain(topics)
}

fn has_expired(allow: &Allow, today: &Date) -> bool {
    allow.until.as_ref().is_some_and(|until| until.value < *today)
}

/// Whether a finding of the allow's code is one that it accepts.
fn reaches(scope: &Scope<'_>, finding: &Finding) -> bool {
    let about_it = finding.subject.as_deref() == Some(scope.name);
    let in_file =
        |file| finding.primary.span.file == file || finding.labels.iter().any(|label| label.span.file == file);
    let here = match scope.reach {
        Reach::Service(file) => about_it || in_file(file),
        Reach::Topic(file) => about_it && in_file(file),
    };
    let texts = || {
        [&finding.message, &finding.primary.text]
            .into_iter()
            .chain(finding.labels.iter().map(|l| &l.text))
    };
    here && match &scope.allow.about {
        Some(about) => texts().any(|text| names(text, about)),
        None => true,
    }
}

/// Whether a text names something as a word of its own: `fetch_max` is not named by `fetch_max_wait`.
fn names(text: &str, name: &str) -> bool {
    let part = |c: char| c.is_alphanumeric() || c == '_';
    !name.is_empty()
        && text.match_indices(name).any(|(at, found)| {
            let before = text[..at].chars().next_back();
            let after = text[at + found.len()..].chars().next();
            !before.is_some_and(part) && !after.is_some_and(part)
        })
}

/// What is wrong with an allow whatever is found.
fn judge(scope: &Scope<'_>, pages: &BTreeMap<&str, &Page>) -> Findings {
    let mut findings = Findings::new();
    let (allow, code) = (scope.allow, scope.allow.code.value.as_str());
    match pages.get(code) {
        None => findings.push(unknown_code(&allow.code, pages).about(scope.name)),
        Some(page) if page.stance == Stance::Rejected => findings.push(
            Finding::new(
                &ALLOW_REJECTED,
                allow.code.span(),
                format!("{code} ({}) can't be allowed", page.name),
            )
            .here("something rejects it")
            .at_run_time("a client, a broker or lagproof itself refuses what it is about, whatever is allowed")
            .help(format!(
                "mend what `lagproof explain {code}` describes, and take the allow out"
            ))
            .about(scope.name),
        ),
        Some(_) => {}
    }
    if reasons::says_nothing(&allow.reason) {
        findings.push(
            Finding::new(
                &ALLOW_WITHOUT_REASON,
                allow.reason.span(),
                format!("the allow of {} does not say why", code.escape_debug()),
            )
            .here("no reason")
            .at_run_time("the finding is accepted, and nobody knows whether it still may be")
            .help("say why it is accepted, and until when")
            .about(scope.name),
        );
    }
    findings
}

/// A code that there is not, with the nearest.
pub(super) fn unknown_code(code: &crate::model::origin::Sourced<String>, pages: &BTreeMap<&str, &Page>) -> Finding {
    unknown_code_at(code, code.span(), pages)
}

/// The same for a key, which takes no quotes.
pub(super) fn unknown_code_at(code: &str, span: crate::source::Span, pages: &BTreeMap<&str, &Page>) -> Finding {
    let finding = Finding::new(
        &UNKNOWN_CODE,
        span,
        format!("there is no code `{}`", code.escape_debug()),
    )
    .here("not a code")
    .at_run_time("nothing is accepted or changed by it");
    // People write the name, too: both lead to the code.
    let named = pages.values().find(|page| page.name == code).map(|page| page.code.0);
    match named.or_else(|| nearest(code, pages.keys().copied())) {
        Some(near) => finding.help(format!("did you mean {near} ({})?", pages[near].name)),
        None => finding.help("`lagproof explain` lists all codes"),
    }
}

fn unused(scope: &Scope<'_>, sources: &Sources) -> Finding {
    let code = &scope.allow.code.value;
    let what = match &scope.allow.about {
        Some(about) => format!("{code} about `{}`", about.value.escape_debug()),
        None => code.clone(),
    };
    let finding = Finding::new(
        &ALLOW_UNUSED,
        scope.allow.code.span(),
        format!("nothing is found that the allow of {what} accepts"),
    )
    .here("not found here")
    .at_run_time("nothing; the next finding of the code would be accepted unseen")
    .about(scope.name);
    removable(finding, scope.allow, sources)
}

fn expired(scope: &Scope<'_>, sources: &Sources) -> Finding {
    let allow = scope.allow;
    let until = allow
        .until
        .as_ref()
        .map_or(String::new(), |until| until.value.to_string());
    let finding = Finding::new(
        &ALLOW_EXPIRED,
        allow.until.as_ref().map_or(allow.span, |until| until.span()),
        format!("the allow of {} has expired", allow.code.value),
    )
    .here(format!("until {until}"))
    .at_run_time("nothing that is compiled changes; what was accepted is reported again")
    .about(scope.name);
    if scope.used {
        finding.help("mend what it is about, or decide again and write a later day")
    } else {
        removable(finding, allow, sources)
    }
}

/// Removing a table is a person's decision: its reason goes with it.
fn removable(finding: Finding, allow: &Allow, sources: &Sources) -> Finding {
    let span = with_comma(allow.span, &sources.get(allow.span.file).text);
    finding.help("take the allow out").fix(
        Safety::Suggested,
        "remove the allow",
        vec![Edit::Replace {
            span,
            text: String::new(),
        }],
    )
}

/// An entry of an inline list goes with the comma behind it: a list may end in a comma, and not begin with one.
fn with_comma(span: Span, text: &str) -> Span {
    let behind = text.get(span.range().end..).unwrap_or("");
    let inline = text.get(span.range()).is_some_and(|entry| entry.ends_with('}'));
    match behind.trim_start_matches([' ', '\t']).strip_prefix(',') {
        Some(rest) if inline => {
            let rest = rest.trim_start_matches([' ', '\t']);
            Span::new(span.file, span.range().start..text.len() - rest.len())
        }
        _ => span,
    }
}
