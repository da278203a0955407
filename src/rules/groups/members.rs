//! G101 to G103: how many members a group has, and who they are.

use std::collections::BTreeMap;

use crate::diagnostic::{Code, Example, Finding, Findings, Page, Severity, Stance};
use crate::model::service::Service;
use crate::proofs::fleet::share_out;
use crate::proofs::inputs::assignor;
use crate::proofs::text::count;
use crate::rules::{Check, GroupView, Rule};

/// G101.
pub(super) const IDLE: Rule = Rule {
    page: &Page {
        code: Code("G101"),
        name: "idle-members",
        severity: Severity::Warning,
        stance: Stance::Judged,
        summary: "A group has more members than partitions to share.",
        why: "A partition has one reader in a group. Members beyond the number of partitions hold memory, take part in every rebalance and process nothing. One that waits to take over quickly may be meant: allow it with that as the reason.",
        bad: Example::Snippet("replicas = 8\n"),
        good: Example::Snippet("replicas = 6\n"),
        source: "Apache Kafka's documentation of consumer groups: a partition has one consumer in a group",
    },
    check: Check::Group(idle),
};

/// G102.
pub(in crate::rules) const TOO_MANY: Rule = Rule {
    page: &Page {
        code: Code("G102"),
        name: "group-too-large",
        severity: Severity::Error,
        stance: Stance::Rejected,
        summary: "A group has more members than brokers accept (group.max.size).",
        why: "Members beyond group.max.size are refused with GROUP_MAX_SIZE_REACHED (error 81) and stop.",
        bad: Example::Snippet("replicas = 3\n\n# file: lagproof.toml\n[broker]\nmax_group_size = 2\n"),
        good: Example::Snippet("replicas = 2\n\n# file: lagproof.toml\n[broker]\nmax_group_size = 2\n"),
        source: "Apache Kafka's broker configuration, group.max.size; error 81, GROUP_MAX_SIZE_REACHED",
    },
    check: Check::Group(too_many),
};

/// G103.
pub(super) const STATIC_IDS: Rule = Rule {
    page: &Page {
        code: Code("G103"),
        name: "static-ids-collide",
        severity: Severity::Error,
        stance: Stance::Rejected,
        summary: "Two services of one group have the same static member id.",
        why: "A static id belongs to one member. When a second joins with it, the classic protocol fences the first and KIP-848 refuses the second: one of the two stops, is restarted, and fences the other. An id that ends in a replica's number collides as well, because both services have a replica 0; one made of the host's name does not.",
        bad: Example::Snippet(two_services!(
            "instance_id = \"worker-${REPLICA}\"\n",
            "instance_id = \"worker-${REPLICA}\"\n"
        )),
        good: Example::Snippet(two_services!(
            "instance_id = \"example-${REPLICA}\"\n",
            "instance_id = \"second-${REPLICA}\"\n"
        )),
        source: "KIP-345 and KIP-848; the broker's error 82, FENCED_INSTANCE_ID",
    },
    check: Check::Group(static_ids),
};

fn idle(view: &GroupView<'_>, findings: &mut Findings) {
    // Members that read the same topics share their partitions.
    let mut by_topics: Vec<(Vec<&str>, &Service)> = view
        .members
        .iter()
        .map(|member| (member.topics.iter().map(|topic| topic.as_str()).collect(), *member))
        .collect();
    by_topics.sort_by(|a, b| a.0.cmp(&b.0));
    for members in by_topics.chunk_by(|a, b| a.0 == b.0) {
        let topics = &members[0].0;
        let members: Vec<&Service> = members.iter().map(|(_, member)| *member).collect();
        let declared: Vec<_> = topics
            .iter()
            .filter_map(|topic| view.model.topics.get(*topic))
            .collect();
        if declared.is_empty() || declared.len() < topics.len() {
            continue;
        }
        let partitions: Vec<u32> = declared.iter().map(|topic| topic.partitions.value).collect();
        let replicas = members
            .iter()
            .fold(0_u32, |sum, member| sum.saturating_add(member.replicas.value));
        let assignor = assignor(members[0], &members[0].run);
        let idle: u32 = share_out(&partitions, replicas, assignor)
            .iter()
            .filter(|share| share.partitions.iter().all(|held| *held == 0))
            .map(|share| share.members)
            .sum();
        let Some(largest) = members
            .iter()
            .max_by_key(|member| member.replicas.value)
            .filter(|_| idle > 0)
        else {
            continue;
        };
        let finding = Finding::new(
            IDLE.page,
            largest.replicas.span(),
            format!(
                "{} of group `{}` would be idle",
                count(u64::from(idle), "member"),
                view.group
            ),
        )
        .here(format!("{} in all", count(u64::from(replicas), "member")))
        .at_run_time("they hold memory, take part in every rebalance and process nothing")
        .help(format!(
            "run at most {} in all, or add partitions",
            count(u64::from(replicas - idle), "replica")
        ));
        let finding = declared.iter().take(5).fold(finding, |finding, topic| {
            finding.label(
                topic.partitions.span(),
                format!(
                    "{} of {}",
                    count(u64::from(topic.partitions.value), "partition"),
                    topic.name
                ),
            )
        });
        findings.push(finding);
    }
}

fn too_many(view: &GroupView<'_>, findings: &mut Findings) {
    let most = &view.model.broker.max_group_size;
    let replicas = view
        .members
        .iter()
        .map(|member| u64::from(member.replicas.value))
        .sum::<u64>();
    let Some(largest) = view.members.iter().max_by_key(|member| member.replicas.value) else {
        return;
    };
    if replicas <= u64::from(most.value) {
        return;
    }
    findings.push(
        Finding::new(
            TOO_MANY.page,
            largest.replicas.span(),
            format!(
                "group `{}` would have {}, above what brokers accept",
                view.group,
                count(replicas, "member")
            ),
        )
        .here(count(u64::from(largest.replicas.value), "replica"))
        .label(
            most.span(),
            format!("brokers accept {}", count(u64::from(most.value), "member")),
        )
        .at_run_time("members beyond that are refused with GROUP_MAX_SIZE_REACHED and stop")
        .help("run fewer replicas, or raise group.max.size on the brokers and say so in [broker] of lagproof.toml"),
    );
}

fn static_ids(view: &GroupView<'_>, findings: &mut Findings) {
    let mut seen: BTreeMap<&str, (&Service, crate::source::Span)> = BTreeMap::new();
    for member in view.members {
        let Some(id) = &member.instance_id else { continue };
        if is_of_the_host(id) {
            continue;
        }
        let Some((first, place)) = seen.get(id.as_str()) else {
            seen.insert(&id.value, (member, id.span()));
            continue;
        };
        findings.push(
            Finding::new(
                STATIC_IDS.page,
                id.span(),
                format!(
                    "{} and {} have the same static ids in group `{}`",
                    first.name, member.name, view.group
                ),
            )
            .here(format!("{} here", member.name))
            .label(*place, format!("{} here", first.name))
            .at_run_time("each member fences the other whenever it joins, and both are restarted for ever")
            .help("begin the id with the service's name"),
        );
    }
}

/// Whether an id has a variable that differs for every process of a cluster, whatever service it is of.
fn is_of_the_host(id: &str) -> bool {
    id.split("${").skip(1).any(|rest| {
        let variable = rest.split('}').next().unwrap_or("").to_uppercase();
        ["HOST", "POD", "UID", "UUID", "TASK_ID", "CONTAINER"]
            .iter()
            .any(|word| variable.contains(word))
    })
}
