//! T114 to T116: topics as a whole: names that collide, and topics that nobody reads.

use std::collections::{BTreeMap, BTreeSet};

use crate::diagnostic::{Code, Example, Finding, Findings, Page, Severity, Stance};
use crate::model::project::Model;
use crate::model::topic::Topic;
use crate::rules::{Check, Rule, TopicView};

/// T114.
pub(super) const COLLISION: Rule = Rule {
    page: &Page {
        code: Code("T114"),
        name: "names-collide",
        severity: Severity::Error,
        stance: Stance::Rejected,
        summary: "Two topics' names differ only in `.` and `_`.",
        why: "Brokers name metrics after topics, with `_` for `.`, and refuse to create a topic whose metrics would be another's (InvalidTopicException).",
        bad: Example::Snippet("# file: profiles/topics.toml\n[topics.\"orders_created\"]\npartitions = 6\n"),
        good: Example::Snippet("# file: profiles/topics.toml\n[topics.\"orders_shipped\"]\npartitions = 6\n"),
        source: "Apache Kafka org.apache.kafka.common.internals.Topic.hasCollision",
    },
    check: Check::Project(collision),
};

/// T115.
pub(super) const RESERVED: Rule = Rule {
    page: &Page {
        code: Code("T115"),
        name: "reserved-topic",
        severity: Severity::Error,
        stance: Stance::Rejected,
        summary: "A topic has the name of one that Kafka keeps for itself.",
        why: "Brokers create and configure their internal topics themselves; clients may not create or alter them.",
        bad: Example::Snippet("# file: profiles/topics.toml\n[topics.\"__consumer_offsets\"]\npartitions = 50\n"),
        good: Example::Snippet("# file: profiles/topics.toml\n[topics.\"consumer_offsets\"]\npartitions = 50\n"),
        source: "Apache Kafka org.apache.kafka.common.internals.Topic",
    },
    check: Check::Topic(reserved),
};

/// T116.
pub(super) const UNREAD: Rule = Rule {
    page: &Page {
        code: Code("T116"),
        name: "unread-topic",
        severity: Severity::Off,
        stance: Stance::Judged,
        summary: "No service reads a topic, and none sends its dead letters there.",
        why: "Off unless a project raises it: topics that services write to are often read elsewhere. Where all readers are declared in one project, a topic that nobody reads is a leftover.",
        bad: Example::Snippet(
            "# file: lagproof.toml\n[severity]\nT116 = \"warning\"\n\n# file: profiles/topics.toml\n[topics.\"orders.paid\"]\npartitions = 6\n",
        ),
        good: Example::Snippet(
            "[delivery]\nretry = { attempts = 3, dead_letter = \"orders.failed\" }\n\n# file: lagproof.toml\n[severity]\nT116 = \"warning\"\n\n# file: profiles/topics.toml\n[topics.\"orders.failed\"]\npartitions = 6\n",
        ),
        source: "lagproof's own reasoning",
    },
    check: Check::Project(unread),
};

/// Kafka's internal topics.
const INTERNAL: [&str; 4] = [
    "__consumer_offsets",
    "__transaction_state",
    "__share_group_state",
    "__cluster_metadata",
];

fn collision(model: &Model, findings: &mut Findings) {
    let mut metrics: BTreeMap<String, &Topic> = BTreeMap::new();
    for topic in model.topics.values() {
        let Some(first) = metrics.insert(topic.name.replace('.', "_"), topic) else {
            continue;
        };
        findings.push(
            Finding::new(
                COLLISION.page,
                topic.span,
                format!("`{}` collides with `{}`", topic.name, first.name),
            )
            .here("differs only in `.` and `_`")
            .label(first.span, "from this one")
            .at_run_time("brokers refuse to create the second")
            .help("rename one of them, and use either `.` or `_` in all names")
            .about(topic.name.as_str()),
        );
    }
}

fn reserved(view: &TopicView<'_>, findings: &mut Findings) {
    let name = view.topic.name.as_str();
    if INTERNAL.contains(&name) {
        findings.push(
            Finding::new(
                RESERVED.page,
                view.topic.span,
                format!("`{name}` is one of Kafka's internal topics"),
            )
            .at_run_time("brokers refuse to create or alter it for a client")
            .help("choose another name"),
        );
    }
}

fn unread(model: &Model, findings: &mut Findings) {
    let mut used: BTreeSet<&str> = BTreeSet::new();
    for service in &model.services {
        used.extend(service.topics.iter().map(|topic| topic.as_str()));
        let retry = service.run.delivery.retry.as_ref();
        used.extend(
            retry
                .and_then(|retry| retry.dead_letter.as_ref())
                .map(|topic| topic.as_str()),
        );
    }
    for topic in model
        .topics
        .values()
        .filter(|topic| !used.contains(topic.name.as_str()))
    {
        findings.push(
            Finding::new(UNREAD.page, topic.span, format!("no service reads {}", topic.name))
                .at_run_time("its records are kept until they are deleted, unread")
                .help("remove the topic, or allow this with who reads it as the reason")
                .about(topic.name.as_str()),
        );
    }
}
