//! G104 and G105: services that share a group, perhaps by mistake.

use std::collections::BTreeSet;

use crate::diagnostic::{Code, Example, Finding, Findings, Page, Severity, Stance};
use crate::model::service::Service;
use crate::rules::{Check, GroupView, Rule};

use super::{label_members, named};

/// G104.
pub(super) const TOPICS_DIFFER: Rule = Rule {
    page: &Page {
        code: Code("G104"),
        name: "group-with-different-topics",
        severity: Severity::Warning,
        stance: Stance::Judged,
        summary: "Services of one group read different topics.",
        why: "A rebalance is the group's: a deployment of one service stops the others, and a slow one delays all. `range` and `roundrobin` also spread partitions unevenly where subscriptions differ. Separate groups cost nothing.",
        bad: Example::Snippet(two_services!(
            "# file: profiles/topics.toml\n[topics.\"orders.paid\"]\npartitions = 6\n",
            "type = \"worker\"\ntopics = [\"orders.paid\"]\n",
            ""
        )),
        good: Example::Snippet("group = \"example\"\n"),
        source: "Apache Kafka, ConsumerPartitionAssignor; lagproof's own reasoning",
    },
    check: Check::Group(topics_differ),
};

/// G105.
pub(super) const TYPES_DIFFER: Rule = Rule {
    page: &Page {
        code: Code("G105"),
        name: "group-shared-by-types",
        severity: Severity::Warning,
        stance: Stance::Judged,
        summary: "Services of different types read one topic in one group.",
        why: "In a group, each record goes to one member. Two different programs in one group each see about half of the records, and each believes that the other half never came. That is nearly always a group's name that was copied.",
        bad: Example::Snippet(two_services!(
            "summary = \"Looks up each order's customer\"\n",
            "type = \"writer\"\ntopics = [\"orders.created\"]\n",
            ""
        )),
        good: Example::Snippet("group = \"example\"\n"),
        source: "Apache Kafka documentation: consumer groups",
    },
    check: Check::Group(types_differ),
};

fn topics_of(service: &Service) -> BTreeSet<&str> {
    service.topics.iter().map(|topic| topic.as_str()).collect()
}

fn topics_differ(view: &GroupView<'_>, findings: &mut Findings) {
    let [first, rest @ ..] = view.members else { return };
    let topics = topics_of(first);
    let Some(other) = rest.iter().find(|member| topics_of(member) != topics) else {
        return;
    };
    let finding = Finding::new(
        TOPICS_DIFFER.page,
        other.group.span(),
        format!("services of group `{}` read different topics", view.group),
    )
    .here(format!("{} reads {}", other.name, list(other)))
    .label(first.group.span(), format!("{} reads {}", first.name, list(first)))
    .at_run_time(format!(
        "a rebalance of one of {} stops them all",
        named(view.members.iter().copied())
    ))
    .help("give each service a group of its own");
    findings.push(finding);
}

fn list(service: &Service) -> String {
    let names: Vec<&str> = service.topics.iter().map(|topic| topic.as_str()).take(4).collect();
    let more = service.topics.len() - names.len();
    if more > 0 {
        format!("{} and {more} more", names.join(", "))
    } else {
        names.join(", ")
    }
}

fn types_differ(view: &GroupView<'_>, findings: &mut Findings) {
    for (at, member) in view.members.iter().enumerate() {
        let topics = topics_of(member);
        let other = view.members[..at].iter().find(|other| {
            other.service_type.value != member.service_type.value && !topics_of(other).is_disjoint(&topics)
        });
        let Some(other) = other else { continue };
        let finding = Finding::new(
            TYPES_DIFFER.page,
            member.group.span(),
            format!("{} and {} divide their records between them", other.name, member.name),
        )
        .here(format!("{} is of type {}", member.name, member.service_type.value))
        .label(
            other.group.span(),
            format!("{} is of type {}", other.name, other.service_type.value),
        )
        .at_run_time("each record goes to one of the two, and the other never sees it")
        .help("give each service a group of its own");
        findings.push(if view.members.len() > 2 {
            label_members(finding, view, member)
        } else {
            finding
        });
        return;
    }
}
