//! The rules: each its documentation, its declaration and one pure function, together; a file a family.
//!
//! A rule sees the resolved model and nothing else: no clock, no network, no environment. Rules of one service run on
//! all cores.

mod delivery;
mod fetch;
mod groups;
pub mod history;
mod lowering;
mod lowering_pages;
mod lowering_raw;
mod matrix;
mod mend;
mod network;
mod proofs;
pub mod reasons;
mod renames;
mod tell;
mod timeouts;
mod topics;
mod view;

use std::collections::BTreeSet;

use rayon::prelude::*;

use crate::diagnostic::{Findings, Page};
use crate::model::project::Model;

pub use view::{GroupView, Index, ServiceView, TopicView};

/// What a rule looks at.
#[derive(Debug, Clone, Copy)]
pub enum Check {
    /// One service at a time.
    Service(fn(&ServiceView<'_>, &mut Findings)),
    /// One topic at a time.
    Topic(fn(&TopicView<'_>, &mut Findings)),
    /// All services of one consumer group.
    Group(fn(&GroupView<'_>, &mut Findings)),
    /// The project as a whole.
    Project(fn(&Model, &mut Findings)),
}

/// A rule.
#[derive(Debug, Clone, Copy)]
pub struct Rule {
    /// What `explain` says of it.
    pub page: &'static Page,
    /// How it is found.
    pub check: Check,
}

/// Every family of rules, in the order of the reference.
const FAMILIES: &[&[Rule]] = &[
    timeouts::relations::RULES,
    timeouts::session::RULES,
    timeouts::protocol::RULES,
    timeouts::handlers::RULES,
    timeouts::poll_interval::RULES,
    network::RULES,
    fetch::bytes::RULES,
    fetch::records::RULES,
    fetch::queue::RULES,
    delivery::commits::RULES,
    delivery::offsets::RULES,
    delivery::topics::RULES,
    delivery::retries::RULES,
    delivery::members::RULES,
    lowering::RULES,
    lowering_raw::RULES,
    matrix::RULES,
    topics::RULES,
    groups::RULES,
    renames::RULES,
    proofs::RULES,
];

/// Every rule.
pub fn rules() -> impl Iterator<Item = &'static Rule> {
    FAMILIES.iter().copied().flatten()
}

/// What of a model is judged; the rest is only looked at from there.
#[derive(Debug, Clone, Copy)]
pub enum Scope<'a> {
    /// Everything, and the project as a whole.
    Whole,
    /// Only what is named, and not the project as a whole.
    Only {
        /// Services by name.
        services: &'a BTreeSet<String>,
        /// Topics by name.
        topics: &'a BTreeSet<String>,
        /// Groups by name.
        groups: &'a BTreeSet<String>,
    },
}

impl Scope<'_> {
    fn has_service(self, name: &str) -> bool {
        matches!(self, Self::Whole) || matches!(self, Self::Only { services, .. } if services.contains(name))
    }

    fn has_topic(self, name: &str) -> bool {
        matches!(self, Self::Whole) || matches!(self, Self::Only { topics, .. } if topics.contains(name))
    }

    fn has_group(self, name: &str) -> bool {
        matches!(self, Self::Whole) || matches!(self, Self::Only { groups, .. } if groups.contains(name))
    }
}

/// Judges a model by every rule.
#[must_use]
pub fn judge(model: &Model, scope: Scope<'_>) -> Findings {
    let index = Index::new(model);
    let mut findings: Findings = model
        .services
        .par_chunks(64)
        .map(|services| {
            let mut findings = Findings::new();
            for service in services.iter().filter(|service| scope.has_service(&service.name)) {
                let view = ServiceView::new(model, &index, service);
                run(&mut findings, &service.name, |check, found| match check {
                    Check::Service(check) => check(&view, found),
                    Check::Topic(_) | Check::Group(_) | Check::Project(_) => {}
                });
            }
            findings
        })
        .reduce(Findings::new, |mut all, more| {
            all.extend(more);
            all
        });
    for topic in model.topics.values().filter(|topic| scope.has_topic(&topic.name)) {
        let view = TopicView::new(model, &index, topic);
        run(&mut findings, &topic.name, |check, found| {
            if let Check::Topic(check) = check {
                check(&view, found);
            }
        });
    }
    for view in index.groups(model).filter(|view| scope.has_group(view.group)) {
        run(&mut findings, view.group, |check, found| {
            if let Check::Group(check) = check {
                check(&view, found);
            }
        });
    }
    if matches!(scope, Scope::Whole) {
        for rule in rules() {
            if let Check::Project(check) = rule.check {
                check(model, &mut findings);
            }
        }
    }
    findings
}

/// Runs the rules of one kind and says what their findings are about.
fn run(findings: &mut Findings, subject: &str, mut check: impl FnMut(Check, &mut Findings)) {
    let mut found = Findings::new();
    for rule in rules() {
        check(rule.check, &mut found);
    }
    findings.extend(
        found
            .into_iter()
            .map(|mut finding| {
                finding.subject.get_or_insert_with(|| subject.to_owned());
                finding
            })
            .collect(),
    );
}
