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
use crate::model::service::Service;
use crate::model::topic::Topic;

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

/// Those that hold something against the brokers that the model is about, and so may find more where an environment has
/// others. Every other rule looks at the brokers of all environments at once, or at none.
const ON_BROKERS: &[Rule] = &[
    topics::REPLICATION,
    topics::RECORD_TOO_LARGE,
    groups::TOO_MANY,
    proofs::OVER_LIMIT,
    proofs::UNBOUNDED,
    proofs::REPLICA_AWAY,
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
    /// Everything, by the rules that hold it against the model's brokers.
    OnBrokers,
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
    fn rules(self) -> impl Iterator<Item = &'static Rule> {
        let families = match self {
            Self::Whole | Self::Only { .. } => FAMILIES,
            Self::OnBrokers => &[ON_BROKERS],
        };
        families.iter().copied().flatten()
    }

    fn has_service(self, name: &str) -> bool {
        !matches!(self, Self::Only { services, .. } if !services.contains(name))
    }

    fn has_topic(self, name: &str) -> bool {
        !matches!(self, Self::Only { topics, .. } if !topics.contains(name))
    }

    fn has_group(self, name: &str) -> bool {
        !matches!(self, Self::Only { groups, .. } if !groups.contains(name))
    }
}

/// Judges a model by every rule.
#[must_use]
pub fn judge(model: &Model, scope: Scope<'_>) -> Findings {
    let index = Index::new(model);
    let services: Vec<&Service> = model
        .services
        .iter()
        .map(AsRef::as_ref)
        .filter(|one| scope.has_service(&one.name))
        .collect();
    let topics: Vec<&Topic> = model.topics.values().filter(|one| scope.has_topic(&one.name)).collect();
    let groups: Vec<GroupView<'_>> = index.groups(model).filter(|one| scope.has_group(one.group)).collect();
    let of_services = |services: &[&Service], found: &mut Findings| {
        for service in services {
            let view = ServiceView::new(model, &index, service);
            run(scope, found, &service.name, |check, found| match check {
                Check::Service(check) => check(&view, found),
                Check::Topic(_) | Check::Group(_) | Check::Project(_) => {}
            });
        }
    };
    let of_topics = |topics: &[&Topic], found: &mut Findings| {
        for topic in topics {
            let view = TopicView::new(model, &index, topic);
            run(scope, found, &topic.name, |check, found| match check {
                Check::Topic(check) => check(&view, found),
                Check::Service(_) | Check::Group(_) | Check::Project(_) => {}
            });
        }
    };
    let of_groups = |groups: &[GroupView<'_>], found: &mut Findings| {
        for view in groups {
            run(scope, found, view.group, |check, found| match check {
                Check::Group(check) => check(view, found),
                Check::Service(_) | Check::Topic(_) | Check::Project(_) => {}
            });
        }
    };
    let of_project = |rules: &[&Rule], found: &mut Findings| {
        for rule in rules {
            if let Check::Project(check) = rule.check {
                check(model, found);
            }
        }
    };
    let whole: Vec<&Rule> = match scope {
        Scope::Whole | Scope::OnBrokers => scope
            .rules()
            .filter(|rule| matches!(rule.check, Check::Project(_)))
            .collect(),
        Scope::Only { .. } => Vec::new(),
    };
    let ((mut findings, of_topics), (of_groups, of_project)) = rayon::join(
        || rayon::join(|| in_chunks(&services, of_services), || in_chunks(&topics, of_topics)),
        || rayon::join(|| in_chunks(&groups, of_groups), || in_chunks(&whole, of_project)),
    );
    for more in [of_topics, of_groups, of_project] {
        findings.extend(more);
    }
    findings
}

/// Judges things on all cores; their findings are in the things' order.
fn in_chunks<T: Sync>(things: &[T], judge: impl Fn(&[T], &mut Findings) + Sync) -> Findings {
    // Some pieces a core, so that one that has more to do does not hold up the others.
    let size = things.len().div_ceil(64).clamp(1, 64);
    things
        .par_chunks(size)
        .map(|chunk| {
            let mut found = Findings::new();
            judge(chunk, &mut found);
            found
        })
        .reduce(Findings::new, |mut all, more| {
            all.extend(more);
            all
        })
}

/// Runs the rules of one kind and says what their findings are about.
fn run(scope: Scope<'_>, findings: &mut Findings, subject: &str, mut check: impl FnMut(Check, &mut Findings)) {
    let before = findings.len();
    for rule in scope.rules() {
        check(rule.check, findings);
    }
    findings.about_each(before, subject);
}
