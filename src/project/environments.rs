//! Environments: what differs in one must stand up to the rules as well.
//!
//! Only what an environment touches is judged again, and only what the project as such does not have is reported.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::diagnostic::{Finding, Findings};
use crate::model::broker::Environment;
use crate::model::project::Model;
use crate::model::service::Service;
use crate::resolve::in_environment;
use crate::rules::{self, Scope};
use crate::source::Span;

/// What an environment touches, and what must be at hand to judge it.
#[derive(Debug, Default)]
struct Touched {
    services: BTreeSet<String>,
    topics: BTreeSet<String>,
    groups: BTreeSet<String>,
}

/// Judges what each environment changes; `base` is what was found in the project as such.
pub(super) fn judge(model: &Model, base: &Findings) -> Findings {
    let mut findings = Findings::new();
    let mut known: Option<BTreeSet<Known<'_>>> = None;
    for environment in &model.environments {
        let mut found = Findings::new();
        if environment.broker != model.broker {
            found.extend(rules::judge(&in_environment(model, environment), Scope::OnBrokers));
        }
        if !environment.services.is_empty() || !environment.topics.is_empty() {
            let of_touched = judge_touched(model, environment);
            let twice: BTreeSet<Known<'_>> = found.iter().map(key).collect();
            let of_touched = of_touched.into_iter().filter(|finding| !twice.contains(&key(finding)));
            let of_touched: Findings = of_touched.collect();
            found.extend(of_touched);
        }
        if found.is_empty() {
            continue;
        }
        let known = known.get_or_insert_with(|| base.iter().map(key).collect());
        let new = found.into_iter().filter(|finding| !known.contains(&key(finding)));
        findings.extend(new.map(|finding| placed(finding, model, environment)).collect());
    }
    findings
}

type Known<'a> = (&'static str, Span, Option<&'a str>);

/// What tells findings apart: their numbers may differ in an environment, and they still say the same.
fn key(finding: &Finding) -> Known<'_> {
    (finding.code.0, finding.primary.span, finding.subject.as_deref())
}

fn judge_touched(model: &Model, environment: &Environment) -> Findings {
    let touched = touched(model, environment);
    let in_group = |service: &Service| touched.groups.contains(&service.group.value);
    let reads = |service: &Service| service.topics.iter().any(|topic| touched.topics.contains(&topic.value));
    let services: Vec<Arc<Service>> = model
        .services
        .iter()
        .filter(|service| touched.services.contains(&service.name) || in_group(service) || reads(service))
        .cloned()
        .collect();
    let part = Model {
        name: model.name.clone(),
        base_branch: model.base_branch.clone(),
        broker: model.broker.clone(),
        environments: Vec::new(),
        matrix: model.matrix.clone(),
        // All of them: a service also names topics that it does not read, for dead letters.
        topics: model.topics.clone(),
        services,
        cases: Vec::new(),
    };
    let scope = Scope::Only {
        services: &touched.services,
        topics: &touched.topics,
        groups: &touched.groups,
    };
    rules::judge(&in_environment(&part, environment), scope)
}

/// Services that the environment changes, that read a topic which it changes, or that share a group with one of those;
/// the topics that it changes or whose readers' replicas it changes; and the groups of all these services.
fn touched(model: &Model, environment: &Environment) -> Touched {
    let changed: BTreeSet<&str> = environment
        .services
        .iter()
        .map(|change| change.service.as_str())
        .collect();
    let mut touched = Touched::default();
    touched
        .topics
        .extend(environment.topics.iter().map(|change| change.topic.value.clone()));
    for service in &model.services {
        let reads = service.topics.iter().any(|topic| touched.topics.contains(&topic.value));
        if changed.contains(service.name.as_str()) || reads {
            touched.groups.insert(service.group.value.clone());
        }
    }
    for service in &model.services {
        if touched.groups.contains(&service.group.value) {
            touched.services.insert(service.name.clone());
        }
    }
    for service in model
        .services
        .iter()
        .filter(|service| changed.contains(service.name.as_str()))
    {
        touched
            .topics
            .extend(service.topics.iter().map(|topic| topic.value.clone()));
    }
    touched
}

/// Says where it was found, and labels what differs there.
fn placed(mut finding: Finding, model: &Model, environment: &Environment) -> Finding {
    finding.message = format!("{} in environment `{}`", finding.message, environment.name);
    let shown: Vec<Span> = finding
        .labels
        .iter()
        .chain([&finding.primary])
        .map(|label| label.span)
        .collect();
    if shown.iter().any(|span| span.file == environment.span.file) {
        return finding;
    }
    let mut places = overrides(&finding, model, environment);
    places.truncate(3);
    if places.is_empty() {
        places.push(environment.span);
    }
    for place in places {
        finding = finding.label(place, format!("differs in {}", environment.name));
    }
    finding
}

/// Where the environment changes the service, group or topic that a finding is about.
fn overrides(finding: &Finding, model: &Model, environment: &Environment) -> Vec<Span> {
    let Some(subject) = finding.subject.as_deref() else {
        return Vec::new();
    };
    let about: Vec<&Service> = model
        .services
        .iter()
        .map(AsRef::as_ref)
        .filter(|service| service.name == subject || service.group.value == subject)
        .collect();
    let services = environment
        .services
        .iter()
        .filter(|change| about.iter().any(|service| service.name == change.service.value));
    let topics = environment.topics.iter().filter(|change| {
        let name = &change.topic.value;
        name == subject
            || about
                .iter()
                .any(|service| service.topics.iter().any(|topic| topic.value == *name))
    });
    services
        .map(|change| change.service.span())
        .chain(topics.map(|change| change.topic.span()))
        .collect()
}
