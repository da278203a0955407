//! Codes of names that lead nowhere.

use std::collections::BTreeMap;

use crate::declared::{Spanned, TopicName, nearest};
use crate::diagnostic::{Code, Example, Finding, Page, Safety, Severity, Stance};
use crate::model::matrix::Matrix;
use crate::model::project::Model;
use crate::model::service::Service;
use crate::model::settings::Setting;
use crate::model::topic::Topic;
use crate::source::{Edit, Span};
use crate::units::shown;

const RULES: &str = "lagproof's own rules for its files";

/// A type that the matrix does not have.
pub const UNKNOWN_TYPE: Page = Page {
    code: Code("M101"),
    name: "unknown-type",
    severity: Severity::Error,
    stance: Stance::Rejected,
    summary: "A profile's type is not a row of the matrix.",
    why: "The type says what holds where the profile says nothing. Without its row the service would run on the edition's defaults, which nobody chose.",
    bad: Example::Snippet("type = \"wroker\"\n"),
    good: Example::Snippet("type = \"worker\"\n"),
    source: RULES,
};

/// A topic that topics.toml does not have.
pub const UNKNOWN_TOPIC: Page = Page {
    code: Code("T101"),
    name: "unknown-topic",
    severity: Severity::Error,
    stance: Stance::Rejected,
    summary: "A profile reads a topic that topics.toml does not declare.",
    why: "A consumer of a topic that does not exist waits for ever, or, where the broker creates topics by itself, reads an empty one with a misspelt name.",
    bad: Example::Snippet("topics = [\"orders.craeted\"]\n"),
    good: Example::Snippet("topics = [\"orders.created\"]\n"),
    source: RULES,
};

/// A pattern that matches nothing.
pub const PATTERN_MATCHES_NOTHING: Page = Page {
    code: Code("T102"),
    name: "pattern-matches-nothing",
    severity: Severity::Error,
    stance: Stance::Rejected,
    summary: "A topic pattern matches no topic of topics.toml.",
    why: "Patterns are expanded when the profile is compiled, against the declared topics. One that matches nothing subscribes to nothing.",
    bad: Example::Snippet("topics = [\"invoices.*\"]\n"),
    good: Example::Snippet("topics = [\"orders.*\"]\n"),
    source: RULES,
};

/// A topic that is subscribed to twice.
pub const TOPIC_TWICE: Page = Page {
    code: Code("T103"),
    name: "topic-twice",
    severity: Severity::Warning,
    stance: Stance::Judged,
    summary: "A profile names a topic twice, or a pattern repeats it.",
    why: "Kafka delivers it once all the same; one of the two lines is a mistake, perhaps for another topic.",
    bad: Example::Snippet("topics = [\"orders.created\", \"orders.*\"]\n"),
    good: Example::Snippet("topics = [\"orders.*\"]\n"),
    source: RULES,
};

/// A deviation from a setting that does not exist.
pub const UNKNOWN_SETTING: Page = Page {
    code: Code("M102"),
    name: "unknown-setting",
    severity: Severity::Error,
    stance: Stance::Rejected,
    summary: "A deviation names a setting that does not exist.",
    why: "The deviation explains nothing, and the one that is needed is missing.",
    bad: Example::Snippet(
        "[consumer]\nmax_poll_records = 7\n\n[[deviation]]\nsetting = \"max_pol_records\"\nreason = \"small batches\"\n",
    ),
    good: Example::Snippet(
        "[consumer]\nmax_poll_records = 7\n\n[[deviation]]\nsetting = \"max_poll_records\"\nreason = \"small batches\"\n",
    ),
    source: RULES,
};

/// A case of a service that does not exist, or with a topic that it does not read.
pub const CASE_LEADS_NOWHERE: Page = Page {
    code: Code("K101"),
    name: "case-leads-nowhere",
    severity: Severity::Error,
    stance: Stance::Rejected,
    summary: "A case experiments with a service or topic that is not there.",
    why: "A case changes the conditions of a declared service. With nothing to change it would prove nothing.",
    bad: Example::Snippet("# raw file: profiles/cases/slow.toml\nservice = \"exmaple\"\n"),
    good: Example::Snippet("# raw file: profiles/cases/slow.toml\nservice = \"example\"\n"),
    source: RULES,
};

/// An environment that changes something that is not there.
pub const OVERRIDE_LEADS_NOWHERE: Page = Page {
    code: Code("E101"),
    name: "override-leads-nowhere",
    severity: Severity::Error,
    stance: Stance::Rejected,
    summary: "An environment changes a service or topic that is not declared.",
    why: "The change would reach nobody: after a rename, production would silently run with the wrong number of replicas.",
    bad: Example::Snippet("# file: lagproof.toml\n[environments.production.services.exmaple]\nreplicas = 2\n"),
    good: Example::Snippet("# file: lagproof.toml\n[environments.production.services.example]\nreplicas = 2\n"),
    source: RULES,
};

/// Every page of this room.
pub const PAGES: &[&Page] = &[
    &UNKNOWN_TYPE,
    &UNKNOWN_SETTING,
    &UNKNOWN_TOPIC,
    &PATTERN_MATCHES_NOTHING,
    &TOPIC_TWICE,
    &CASE_LEADS_NOWHERE,
    &OVERRIDE_LEADS_NOWHERE,
];

/// Adds the nearest known name as help and as a fix, or else the list.
fn with_nearest<'a>(finding: Finding, at: &Spanned<String>, known: impl Iterator<Item = &'a str> + Clone) -> Finding {
    match nearest(&at.value, known.clone()) {
        Some(near) => finding.help(format!("did you mean `{near}`?")).fix(
            Safety::Suggested,
            format!("write `{near}`"),
            vec![Edit::Replace {
                span: at.span,
                text: toml_edit::Value::from(near).to_string(),
            }],
        ),
        None => {
            let some: Vec<&str> = known.take(12).collect();
            finding.help(if some.is_empty() {
                "none is declared".to_owned()
            } else {
                format!("known are {}", some.join(", "))
            })
        }
    }
}

pub(super) fn unknown_type(service: &str, at: &Spanned<String>, matrix: &Matrix) -> Finding {
    let finding = Finding::new(
        &UNKNOWN_TYPE,
        at.span,
        format!("the matrix has no type `{}`", shown(&at.value)),
    )
    .here("no such row")
    .label(Span::whole(matrix.file), "the types are declared here")
    .at_run_time("the service would run on defaults that nobody chose for it")
    .about(service);
    with_nearest(finding, at, matrix.types.iter().map(|row| row.name.as_str()))
}

pub(super) fn unknown_topic(service: &str, at: &Spanned<TopicName>, topics: &BTreeMap<String, Topic>) -> Finding {
    let name = Spanned {
        value: at.value.0.clone(),
        span: at.span,
    };
    if at.value.is_pattern() {
        return Finding::new(
            &PATTERN_MATCHES_NOTHING,
            at.span,
            format!("no declared topic matches `{}`", name.value),
        )
        .at_run_time("the service would subscribe to nothing and stay idle")
        .help("declare the topics in topics.toml, or correct the pattern: * stands for any characters, ? for one")
        .about(service);
    }
    let finding = Finding::new(
        &UNKNOWN_TOPIC,
        at.span,
        format!("topic `{}` is not declared", name.value),
    )
    .here("not in topics.toml")
    .at_run_time("the service would wait for ever on a topic that nobody writes to")
    .about(service);
    let known = topics.keys().map(String::as_str);
    if nearest(&name.value, known.clone()).is_some() {
        return with_nearest(finding, &name, known);
    }
    finding.help(format!(
        "declare it in topics.toml: [topics.\"{}\"] with its partitions, rate and record sizes",
        name.value
    ))
}

pub(super) fn no_topics(service: &str, span: Span) -> Finding {
    Finding::new(&UNKNOWN_TOPIC, span, "no topic is named")
        .at_run_time("the service would subscribe to nothing and stay idle")
        .help("name the topics that it reads, such as topics = [\"orders.created\"]")
        .about(service)
}

pub(super) fn topic_twice(service: &str, topic: &str, again: Span, first: Span) -> Finding {
    Finding::new(&TOPIC_TWICE, again, format!("topic `{topic}` is subscribed to twice"))
        .here("again here")
        .label(first, "first here")
        .at_run_time("it is delivered once all the same")
        .help("take one away")
        .about(service)
}

pub(super) fn unknown_setting(service: &str, at: &Spanned<String>) -> Finding {
    let finding = Finding::new(
        &UNKNOWN_SETTING,
        at.span,
        format!("there is no setting `{}`", shown(&at.value)),
    )
    .at_run_time("the deviation explains nothing")
    .about(service);
    with_nearest(finding, at, Setting::ALL.iter().map(|setting| setting.name()))
}

pub(super) fn unknown_override<'a>(
    environment: &str,
    what: &str,
    at: &Spanned<String>,
    known: impl Iterator<Item = &'a str> + Clone,
) -> Finding {
    let message = format!(
        "environment `{environment}` changes {what} `{}`, which is not declared",
        shown(&at.value)
    );
    let finding = Finding::new(&OVERRIDE_LEADS_NOWHERE, at.span, message)
        .at_run_time(format!("the change reaches nobody in {environment}"));
    with_nearest(finding, at, known)
}

pub(super) fn unknown_case_service(case: &str, at: &Spanned<crate::declared::ServiceName>, model: &Model) -> Finding {
    let name = Spanned {
        value: at.value.0.clone(),
        span: at.span,
    };
    let finding = Finding::new(
        &CASE_LEADS_NOWHERE,
        at.span,
        format!("case `{case}` is of service `{}`, which has no profile", name.value),
    )
    .at_run_time("the case can't be run");
    with_nearest(
        finding,
        &name,
        model.services.iter().map(|service| service.name.as_str()),
    )
}

pub(super) fn case_topic_not_read(case: &str, at: &Spanned<String>, service: &Service) -> Finding {
    let message = format!(
        "case `{case}` changes topic `{}`, which {} does not read",
        shown(&at.value),
        service.name
    );
    let finding =
        Finding::new(&CASE_LEADS_NOWHERE, at.span, message).at_run_time("the change has no effect on the case");
    with_nearest(finding, at, service.topics.iter().map(|topic| topic.value.as_str()))
}
