//! What services that read the same topic, or share a group, should agree on.

use crate::diagnostic::{Code, Example, Finding, Findings, Page, Safety, Severity, Stance};
use crate::model::keywords::Isolation;
use crate::model::service::Service;
use crate::model::settings::{Setting, Value};
use crate::rules::mend::{edit_profile, suggest};
use crate::rules::tell::{about, at_client, chose};
use crate::rules::{Check, GroupView, Rule, ServiceView, TopicView};

pub(in crate::rules) const RULES: &[Rule] = &[
    Rule {
        page: &ISOLATION_BY_CLIENT,
        check: Check::Group(isolation_in_group),
    },
    Rule {
        page: &ISOLATION_BY_CLIENT,
        check: Check::Topic(isolation_of_topic),
    },
    Rule {
        page: &AUTO_CREATE,
        check: Check::Service(auto_create),
    },
    Rule {
        page: &AUTO_CREATE_DIFFERS,
        check: Check::Group(auto_create_differs),
    },
];

/// Whether aborted transactions are seen, left to chance.
pub const ISOLATION_BY_CLIENT: Page = Page {
    code: Code("D107"),
    name: "isolation-by-client",
    severity: Severity::Warning,
    stance: Stance::Judged,
    summary: "Whether records of aborted transactions are seen depends on the client, where it matters.",
    why: "Unset, Java and aiokafka read uncommitted records too; librdkafka and kafkajs read committed ones only. It matters where the members of one group differ, because then it depends on who has the partition; and where another service that reads the topic says \"read-committed\", because somebody knows of transactions there.",
    bad: Example::Snippet(
        "# file: profiles/services/audit.toml\nversion = 1\ntype = \"worker\"\nclient = \"librdkafka\"\ngroup = \"audit\"\ntopics = [\"orders.created\"]\n\n[processing]\nper_record = \"1ms\"\n\n[memory]\nlimit = \"1GiB\"\nresident = \"100MiB\"\n\n[delivery]\nisolation = \"read-committed\"\n",
    ),
    good: Example::Snippet(
        "[delivery]\nisolation = \"read-uncommitted\"\n\n# file: profiles/services/audit.toml\nversion = 1\ntype = \"worker\"\nclient = \"librdkafka\"\ngroup = \"audit\"\ntopics = [\"orders.created\"]\n\n[processing]\nper_record = \"1ms\"\n\n[memory]\nlimit = \"1GiB\"\nresident = \"100MiB\"\n\n[delivery]\nisolation = \"read-committed\"\n",
    ),
    source: "the clients' defaults of isolation.level: Apache Kafka 4.2, librdkafka 2.12.1, aiokafka 0.14.0, kafkajs 2.2.4; KIP-98",
};

/// Topics made by a misspelt name.
pub const AUTO_CREATE: Page = Page {
    code: Code("D108"),
    name: "auto-create",
    severity: Severity::Warning,
    stance: Stance::Judged,
    summary: "allow_auto_create_topics is turned on.",
    why: "Where the brokers allow it too, subscribing to a topic that does not exist creates it, with the brokers' default partitions and retention and not with what topics.toml declares. After a rename or a wrong name the service reads an empty topic and nobody notices.",
    bad: Example::Snippet("[consumer]\nallow_auto_create_topics = true\n"),
    good: Example::Snippet("[consumer]\nallow_auto_create_topics = false\n"),
    source: "KIP-361; librdkafka 2.12.1 defaults to false, Apache Kafka 4.2 to true",
};

/// Members that differ in whether they create topics.
pub const AUTO_CREATE_DIFFERS: Page = Page {
    code: Code("D109"),
    name: "auto-create-differs",
    severity: Severity::Warning,
    stance: Stance::Judged,
    summary: "Members of one group differ in allow_auto_create_topics.",
    why: "The clients' defaults differ: Java creates topics, librdkafka does not. In a group of both, whether a missing topic is an error or a new empty topic depends on who starts first.",
    bad: Example::Snippet(
        "group = \"shared\"\n\n# file: profiles/services/second.toml\nversion = 1\ntype = \"worker\"\nclient = \"java\"\ngroup = \"shared\"\ntopics = [\"orders.created\"]\n\n[consumer]\nallow_auto_create_topics = false\n\n[processing]\nper_record = \"1ms\"\n\n[memory]\nlimit = \"1GiB\"\nresident = \"100MiB\"\n\n# file: profiles/matrix.toml\n[defaults]\nallow_auto_create_topics = true\n",
    ),
    good: Example::Snippet(
        "group = \"shared\"\n\n# file: profiles/services/second.toml\nversion = 1\ntype = \"worker\"\nclient = \"java\"\ngroup = \"shared\"\ntopics = [\"orders.created\"]\n\n[processing]\nper_record = \"1ms\"\n\n[memory]\nlimit = \"1GiB\"\nresident = \"100MiB\"\n\n# file: profiles/matrix.toml\n[defaults]\nallow_auto_create_topics = false\n",
    ),
    source: "KIP-361; librdkafka 2.12.1 defaults to false, Apache Kafka 4.2 to true",
};

fn isolation(service: &Service) -> Isolation {
    *service.run.delivery.isolation
}

fn by_default(service: &Service) -> bool {
    service.run.delivery.isolation.is_edition()
}

/// A finding for a service whose isolation is its client's default, beside one with another.
fn isolation_finding(service: &Service, other: &Service, message: String) -> Finding {
    let from = if by_default(other) {
        other.client.span()
    } else {
        other.run.delivery.isolation.span()
    };
    let wanted = isolation(other);
    at_client(&ISOLATION_BY_CLIENT, service, message)
        .label(from, format!("{}: {wanted}", other.name))
        .at_run_time(match isolation(service) {
            Isolation::ReadUncommitted => "records of aborted transactions are processed as if they were meant",
            Isolation::ReadCommitted => {
                "records wait until their transaction ends, which the other service does not do"
            }
        })
        .help(format!("say what is meant: isolation = \"{wanted}\" in [delivery]"))
        .fix(
            Safety::Suggested,
            format!("set `isolation = \"{wanted}\"`"),
            vec![edit_profile(
                service,
                &["delivery", "isolation"],
                &format!("\"{wanted}\""),
            )],
        )
        .about(service.name.clone())
}

fn isolation_in_group(view: &GroupView<'_>, findings: &mut Findings) {
    for service in view.members.iter().filter(|service| by_default(service)) {
        let other = view
            .members
            .iter()
            .find(|other| isolation(other) != isolation(service) && *other.client != *service.client);
        // Where both leave it to their clients, one finding is enough.
        if let Some(other) = other.filter(|other| !by_default(other) || service.name < other.name) {
            let message = format!(
                "isolation is {} by {}'s default, and {} in the same group has {}",
                isolation(service),
                *service.client,
                other.name,
                isolation(other)
            );
            findings.push(isolation_finding(service, other, message));
        }
    }
}

fn isolation_of_topic(view: &TopicView<'_>, findings: &mut Findings) {
    let Some(knows) = view
        .readers
        .iter()
        .find(|reader| !by_default(reader) && isolation(reader) == Isolation::ReadCommitted)
    else {
        return;
    };
    let unaware = view
        .readers
        .iter()
        .filter(|reader| by_default(reader) && isolation(reader) == Isolation::ReadUncommitted)
        // Those of the same group are told there.
        .filter(|reader| *reader.group != *knows.group);
    for service in unaware {
        let message = format!(
            "aborted records of {} are seen by {}'s default, and {} says read-committed",
            view.topic.name, *service.client, knows.name
        );
        findings.push(isolation_finding(service, knows, message));
    }
}

fn auto_create(view: &ServiceView<'_>, findings: &mut Findings) {
    let setting = Setting::AllowAutoCreateTopics;
    let service = view.service;
    if service.run.consumer.switch(setting) != Some(true) || !chose(service, setting) {
        return;
    }
    let finding = about(
        &AUTO_CREATE,
        service,
        &[setting],
        "subscribing may create a topic that nobody declared",
    )
    .at_run_time("a misspelt or renamed topic is created empty, with the brokers' defaults, and nobody notices");
    findings.push(suggest(
        finding,
        view.model,
        service,
        setting,
        &Value::Switch(false),
        "",
    ));
}

fn auto_create_differs(view: &GroupView<'_>, findings: &mut Findings) {
    let setting = Setting::AllowAutoCreateTopics;
    let of = |service: &Service| service.run.consumer.switch(setting);
    let Some(creates) = view.members.iter().find(|member| of(member) == Some(true)) else {
        return;
    };
    let Some(refuses) = view.members.iter().find(|member| of(member) == Some(false)) else {
        return;
    };
    let message = format!(
        "{} may create topics, and {} in the same group may not",
        creates.name, refuses.name
    );
    let mut finding = about(&AUTO_CREATE_DIFFERS, creates, &[setting], message);
    if let Some(value) = refuses.run.consumer.get(setting) {
        let at = if value.is_edition() {
            refuses.client.span()
        } else {
            value.span()
        };
        finding = finding.label(at, format!("{}: {}", refuses.name, value.value));
    }
    let finding = finding
        .at_run_time("whether a missing topic is an error or a new empty one depends on who starts first")
        .about(creates.name.clone());
    findings.push(suggest(
        finding,
        view.model,
        creates,
        setting,
        &Value::Switch(false),
        "",
    ));
}
