//! G106 and G107: how a group's partitions are shared out.

use std::collections::BTreeSet;

use crate::diagnostic::{Code, Example, Finding, Findings, Page, Severity, Stance};
use crate::model::keywords::{Assignor, Client, GroupProtocol};
use crate::model::service::Service;
use crate::model::settings::Setting;
use crate::proofs::fleet::{self, share_out};
use crate::proofs::inputs::assignor;
use crate::proofs::text::count;
use crate::rules::{Check, GroupView, Rule};

/// G106.
pub(super) const NO_COMMON_ASSIGNOR: Rule = Rule {
    page: &Page {
        code: Code("G106"),
        name: "no-common-assignor",
        severity: Severity::Error,
        stance: Stance::Rejected,
        summary: "The members of a group have no assignor in common.",
        why: "Every member offers the assignors that it knows, and the broker takes one that all offer. Where there is none, it refuses whoever joins second (INCONSISTENT_GROUP_PROTOCOL, error 23). Clients differ in their defaults, and kafkajs calls its one assignor by a name of its own, so it can only share a group with kafkajs.",
        bad: Example::Snippet(two_services!(
            "[consumer]\nassignors = \"range\"\n",
            "[consumer]\nassignors = \"roundrobin\"\n"
        )),
        good: Example::Snippet(two_services!(
            "[consumer]\nassignors = \"roundrobin\"\n",
            "[consumer]\nassignors = \"roundrobin\"\n"
        )),
        source: "the broker's error 23, INCONSISTENT_GROUP_PROTOCOL",
    },
    check: Check::Group(no_common_assignor),
};

/// G107.
pub(super) const RANGE_SKEW: Rule = Rule {
    page: &Page {
        code: Code("G107"),
        name: "range-skew",
        severity: Severity::Warning,
        stance: Stance::Judged,
        summary: "`range` gives the first members more partitions than they need to hold, topic by topic.",
        why: "`range` shares out each topic by itself, and what is left over goes to the first members every time: with four topics of one partition more than members, the first member holds four partitions more than the last. The other assignors deal all topics' partitions together.",
        bad: Example::Snippet(
            "topics = [\"orders.created\", \"orders.paid\"]\nreplicas = 4\n\n[consumer]\nassignors = \"range\"\n\n# file: profiles/topics.toml\n[topics.\"orders.paid\"]\npartitions = 6\n",
        ),
        good: Example::Snippet("replicas = 4\n\n[consumer]\nassignors = \"range\"\n"),
        source: "Apache Kafka, RangeAssignor: \"works on a per-topic basis\"",
    },
    check: Check::Group(range_skew),
};

/// The protocol's names of the assignors that a member offers, the preferred first.
fn offered(service: &Service) -> Vec<&'static str> {
    let client = service.client.value;
    if client == Client::Kafkajs {
        return vec!["RoundRobinAssigner"];
    }
    let declared = service.run.consumer.assignors();
    let own: &[Assignor] = match client {
        _ if !declared.is_empty() => declared,
        Client::Java => &[Assignor::Range, Assignor::CooperativeSticky],
        Client::Librdkafka => &[Assignor::Range, Assignor::Roundrobin],
        Client::Aiokafka | Client::ConfluentJavascript | Client::Kafkajs => &[Assignor::Roundrobin],
    };
    let native = matches!(client, Client::Librdkafka | Client::ConfluentJavascript);
    own.iter()
        .map(|assignor| match assignor {
            Assignor::Range => "range",
            Assignor::Roundrobin => "roundrobin",
            // librdkafka has no eager `sticky`.
            Assignor::Sticky if !native => "sticky",
            Assignor::Sticky | Assignor::CooperativeSticky => "cooperative-sticky",
        })
        .collect()
}

fn no_common_assignor(view: &GroupView<'_>, findings: &mut Findings) {
    let classic = view
        .members
        .iter()
        .filter(|member| member.group_protocol.value == GroupProtocol::Classic);
    let mut members = classic.map(|member| (*member, offered(member)));
    let Some((first, all)) = members.next() else { return };
    let mut common: BTreeSet<&str> = all.iter().copied().collect();
    for (member, names) in members {
        common.retain(|name| names.contains(name));
        if !common.is_empty() {
            continue;
        }
        let place = |service: &Service| {
            let setting = service
                .run
                .consumer
                .get(Setting::Assignors)
                .filter(|value| !value.is_edition());
            setting.map_or(service.client.span(), |value| value.span())
        };
        findings.push(
            Finding::new(
                NO_COMMON_ASSIGNOR.page,
                place(member),
                format!(
                    "{} has no assignor in common with the rest of group `{}`",
                    member.name, view.group
                ),
            )
            .here(format!("{} offers {}", member.name, names.join(", ")))
            .label(place(first), format!("{} offers {}", first.name, all.join(", ")))
            .at_run_time(
                "whoever joins second is refused with INCONSISTENT_GROUP_PROTOCOL (error 23) and never reads a record",
            )
            .help("give all members one assignor in common, or each service a group of its own"),
        );
        return;
    }
}

fn range_skew(view: &GroupView<'_>, findings: &mut Findings) {
    let member = view.members[0];
    let same = view.members.iter().all(|other| {
        other
            .topics
            .iter()
            .map(|topic| &topic.value)
            .eq(member.topics.iter().map(|topic| &topic.value))
    });
    let topics: Vec<_> = member
        .topics
        .iter()
        .filter_map(|topic| view.model.topics.get(&topic.value))
        .collect();
    if !same || topics.len() < 2 || assignor(member, &member.run) != fleet::Assignor::Range {
        return;
    }
    let partitions: Vec<u32> = topics.iter().map(|topic| topic.partitions.value).collect();
    let replicas = view
        .members
        .iter()
        .fold(0_u32, |sum, other| sum.saturating_add(other.replicas.value));
    let most = |assignor| {
        let shares = share_out(&partitions, replicas, assignor);
        shares
            .iter()
            .map(|share| share.partitions.iter().sum::<u32>())
            .max()
            .unwrap_or(0)
    };
    let (range, even) = (most(fleet::Assignor::Range), most(fleet::Assignor::Even));
    if range <= even {
        return;
    }
    let setting = match member.group_protocol.value {
        GroupProtocol::Classic => Setting::Assignors,
        GroupProtocol::Consumer => Setting::RemoteAssignor,
    };
    let value = member.run.consumer.get(setting).filter(|value| !value.is_edition());
    let finding = Finding::new(
        RANGE_SKEW.page,
        value.map_or(member.topics[0].span(), |value| value.span()),
        format!(
            "range loads the first members of group `{}` more than the others",
            view.group
        ),
    )
    .here(if value.is_some() {
        "range shares out each topic by itself".to_owned()
    } else {
        format!(
            "{} shares out each topic by itself (range) unless told otherwise",
            member.client.value
        )
    })
    .label(
        member.replicas.span(),
        format!(
            "{} share {} of {} topics",
            count(u64::from(replicas), "member"),
            count(u64::from(partitions.iter().sum::<u32>()), "partition"),
            topics.len()
        ),
    )
    .at_run_time(format!(
        "the busiest member holds {}, where {even} would do, and decides how much the group can process",
        count(u64::from(range), "partition")
    ));
    findings.push(finding.help(match member.client.value {
        Client::Java | Client::Librdkafka | Client::ConfluentJavascript => {
            "write assignors = \"cooperative-sticky\"; running members change by a stop of all or by two rolling restarts"
        }
        Client::Aiokafka | Client::Kafkajs => "write assignors = \"roundrobin\"",
    }));
}
