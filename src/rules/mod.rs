//! The rules: each its documentation, its declaration and one pure function, together; a file a family.
//!
//! A rule sees the resolved model and nothing else: no clock, no network, no environment. Rules of one service run on
//! all cores.

mod delivery;
mod fetch;
mod lowering;
mod lowering_pages;
mod lowering_raw;
mod mend;
mod network;
mod tell;
mod timeouts;
mod view;

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
];

/// Every rule.
pub fn rules() -> impl Iterator<Item = &'static Rule> {
    FAMILIES.iter().copied().flatten()
}

/// Judges a model by every rule.
#[must_use]
pub fn judge(model: &Model) -> Findings {
    let index = Index::new(model);
    let mut findings: Findings = model
        .services
        .par_chunks(64)
        .map(|services| {
            let mut findings = Findings::new();
            for service in services {
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
    for topic in model.topics.values() {
        let view = TopicView::new(model, &index, topic);
        run(&mut findings, &topic.name, |check, found| {
            if let Check::Topic(check) = check {
                check(&view, found);
            }
        });
    }
    for view in index.groups(model) {
        run(&mut findings, view.group, |check, found| {
            if let Check::Group(check) = check {
                check(&view, found);
            }
        });
    }
    for rule in rules() {
        if let Check::Project(check) = rule.check {
            check(model, &mut findings);
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
