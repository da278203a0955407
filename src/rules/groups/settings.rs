//! G108 to G110: settings that the members of a group should have in common.

use crate::diagnostic::{Code, Example, Finding, Findings, Page, Severity, Stance};
use crate::model::keywords::GroupProtocol;
use crate::model::service::Service;
use crate::model::settings::Setting;
use crate::rules::{Check, GroupView, Rule};

/// G108.
pub(super) const PROTOCOLS_DIFFER: Rule = Rule {
    page: &Page {
        code: Code("G108"),
        name: "group-protocols-differ",
        severity: Severity::Warning,
        stance: Stance::Judged,
        summary: "Members of one group use different group protocols.",
        why: "Brokers let both protocols into one group only while it is converted (group.consumer.migration.policy). Where that is not allowed, whoever joins with the other protocol is refused; where it is, the group stays half converted.",
        bad: Example::Snippet(two_services!(
            "summary = \"Looks up each order's customer\"\n",
            "group_protocol = \"consumer\"\n"
        )),
        good: Example::Snippet(two_services!(
            "summary = \"Looks up each order's customer\"\n",
            "group_protocol = \"classic\"\n"
        )),
        source: "Apache Kafka, KIP-848: group.consumer.migration.policy",
    },
    check: Check::Group(protocols_differ),
};

/// G109.
pub(super) const MEMBERS_DIFFER: Rule = Rule {
    page: &Page {
        code: Code("G109"),
        name: "members-differ",
        severity: Severity::Warning,
        stance: Stance::Judged,
        summary: "Members of one group differ in what decides which records are seen: isolation or offset_reset.",
        why: "Any member may hold any partition. Where one shows records of aborted transactions and another hides them, or one starts at the oldest record and another at the end, what is processed depends on who got the partition.",
        bad: Example::Snippet(two_services!(
            "[delivery]\nisolation = \"read-committed\"\n",
            "[delivery]\nisolation = \"read-uncommitted\"\n"
        )),
        good: Example::Snippet(two_services!(
            "[delivery]\nisolation = \"read-committed\"\n",
            "[delivery]\nisolation = \"read-committed\"\n"
        )),
        source: "Apache Kafka's consumer configuration, isolation.level and auto.offset.reset",
    },
    check: Check::Group(members_differ),
};

/// G110.
pub(super) const GROUP_SETTINGS_DIFFER: Rule = Rule {
    page: &Page {
        code: Code("G110"),
        name: "group-settings-differ",
        severity: Severity::Error,
        stance: Stance::Rejected,
        summary: "Under group_protocol = \"consumer\", services of one group differ in a setting that the group has once.",
        why: "KIP-848 keeps the session timeout and the heartbeat interval with the group, on the brokers, and the brokers' assignor is one for all. Two profiles that say different things compile to one value, and one of the two services does not run as declared.",
        bad: Example::Snippet(two_services!(
            "group_protocol = \"consumer\"\n\n[consumer]\nremote_assignor = \"uniform\"\n",
            "group_protocol = \"consumer\"\n\n[consumer]\nremote_assignor = \"range\"\n"
        )),
        good: Example::Snippet(two_services!(
            "group_protocol = \"consumer\"\n\n[consumer]\nremote_assignor = \"uniform\"\n",
            "group_protocol = \"consumer\"\n\n[consumer]\nremote_assignor = \"uniform\"\n"
        )),
        source: "Apache Kafka, KIP-848: consumer.session.timeout.ms and consumer.heartbeat.interval.ms of groups",
    },
    check: Check::Group(group_settings_differ),
};

fn protocols_differ(view: &GroupView<'_>, findings: &mut Findings) {
    let first = view.members[0];
    let other = view
        .members
        .iter()
        .find(|member| member.group_protocol.value != first.group_protocol.value);
    let Some(other) = other else { return };
    let place = |service: &Service| {
        if service.group_protocol.is_edition() {
            service.group.span()
        } else {
            service.group_protocol.span()
        }
    };
    findings.push(
        Finding::new(
            PROTOCOLS_DIFFER.page,
            place(other),
            format!("group `{}` is coordinated in two ways", view.group),
        )
        .here(format!("{} uses {}", other.name, other.group_protocol.value))
        .label(
            place(first),
            format!("{} uses {}", first.name, first.group_protocol.value),
        )
        .at_run_time("unless brokers are set to convert the group, whoever joins second is refused")
        .help("use one protocol in all of its services"),
    );
}

fn members_differ(view: &GroupView<'_>, findings: &mut Findings) {
    let first = view.members[0];
    for member in &view.members[1..] {
        let (one, other) = (&first.run.delivery.isolation, &member.run.delivery.isolation);
        if one.value != other.value {
            let place = |service: &Service| {
                let isolation = &service.run.delivery.isolation;
                if isolation.is_edition() {
                    service.client.span()
                } else {
                    isolation.span()
                }
            };
            findings.push(
                Finding::new(
                    MEMBERS_DIFFER.page,
                    place(member),
                    format!("members of group `{}` differ in isolation", view.group),
                )
                .here(format!("{}: {}", member.name, other.value))
                .label(place(first), format!("{}: {}", first.name, one.value))
                .at_run_time("whether records of aborted transactions are seen depends on who holds the partition")
                .help("write the same isolation in [delivery] of all of its services"),
            );
            return;
        }
        let reset = Setting::OffsetReset;
        let (Some(one), Some(other)) = (first.run.consumer.get(reset), member.run.consumer.get(reset)) else {
            continue;
        };
        if one.value != other.value {
            findings.push(
                Finding::new(
                    MEMBERS_DIFFER.page,
                    other.span(),
                    format!("members of group `{}` differ in {reset}", view.group),
                )
                .here(format!("{}: {}", member.name, other.value))
                .label(one.span(), format!("{}: {}", first.name, one.value))
                .at_run_time("where a partition without a committed offset is read from depends on who holds it")
                .help(format!("write the same {reset} in all of its services")),
            );
            return;
        }
    }
}

fn group_settings_differ(view: &GroupView<'_>, findings: &mut Findings) {
    let mut members = view
        .members
        .iter()
        .filter(|member| member.group_protocol.value == GroupProtocol::Consumer);
    let Some(first) = members.next() else { return };
    for member in members {
        for setting in [
            Setting::SessionTimeout,
            Setting::HeartbeatInterval,
            Setting::RemoteAssignor,
        ] {
            let (Some(one), Some(other)) = (first.run.consumer.get(setting), member.run.consumer.get(setting)) else {
                continue;
            };
            if one.value == other.value {
                continue;
            }
            findings.push(
                Finding::new(
                    GROUP_SETTINGS_DIFFER.page,
                    other.span(),
                    format!("group `{}` can have only one {setting}", view.group),
                )
                .here(format!("{}: {}", member.name, other.value))
                .label(one.span(), format!("{}: {}", first.name, one.value))
                .at_run_time(
                    "the group's configuration on the brokers is one for all: one of the two does not run as declared",
                )
                .help("write the same value in all of its services"),
            );
        }
    }
}
