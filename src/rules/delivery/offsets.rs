//! Where reading starts, and how long that is remembered.

use crate::diagnostic::{Code, Example, Finding, Findings, Page, Severity, Stance};
use crate::model::settings::{OffsetReset, Setting, Value};
use crate::rules::mend::suggest;
use crate::rules::tell::{about, brokers, label_declared};
use crate::rules::{Check, Rule, ServiceView};
use crate::units::format_duration;

pub(in crate::rules) const RULES: &[Rule] = &[
    Rule {
        page: &LATEST_WHILE_GROWING,
        check: Check::Service(latest_while_growing),
    },
    Rule {
        page: &RESTART_OUTLASTS_OFFSETS,
        check: Check::Service(restart_outlasts_offsets),
    },
];

/// Records in new partitions that nobody reads.
pub const LATEST_WHILE_GROWING: Page = Page {
    code: Code("D105"),
    name: "latest-while-growing",
    severity: Severity::Warning,
    stance: Stance::Judged,
    summary: "A topic is to get more partitions, and the service starts at the end of partitions without an offset.",
    why: "Producers write to a new partition as soon as they learn of it; a consumer learns of it on its own clock, up to `metadata_max_age` (5 minutes) later. With \"latest\" it then starts at the end, and what was written before is never read.",
    bad: Example::Snippet(
        "[consumer]\noffset_reset = \"latest\"\n\n# file: profiles/topics.toml\n[topics.\"orders.created\"]\npartitions_now = 3\nordering = \"none\"\n",
    ),
    good: Example::Snippet(
        "[consumer]\noffset_reset = \"earliest\"\n\n# file: profiles/topics.toml\n[topics.\"orders.created\"]\npartitions_now = 3\nordering = \"none\"\n",
    ),
    source: "Apache Kafka 4.2 ConsumerConfig, auto.offset.reset: \"altering partition numbers while setting this config to latest may cause message delivery loss\"",
};

/// A restart after which the offsets are gone.
pub const RESTART_OUTLASTS_OFFSETS: Page = Page {
    code: Code("D106"),
    name: "restart-outlasts-offsets",
    severity: Severity::Warning,
    stance: Stance::Judged,
    summary: "A restart can take longer than the brokers keep the offsets of an empty group.",
    why: "Offsets of a group without members expire after `offsets.retention.minutes`, a week unless configured otherwise. A service that comes back later starts where `offset_reset` says: at the end, skipping everything since, or at the beginning, doing everything again.",
    bad: Example::Snippet("restart = \"8d\"\n"),
    good: Example::Snippet("restart = \"7d\"\n"),
    source: "Apache Kafka 4.2 broker configuration, offsets.retention.minutes 10080; KIP-211",
};

fn latest_while_growing(view: &ServiceView<'_>, findings: &mut Findings) {
    let service = view.service;
    if service.run.consumer.offset_reset() != Some(OffsetReset::Latest) {
        return;
    }
    let growing: Vec<_> = view
        .topics
        .iter()
        .filter_map(|topic| {
            let now = topic.partitions_now.as_ref()?;
            (**now < *topic.partitions).then_some((*topic, now))
        })
        .collect();
    let Some((first, _)) = growing.first() else {
        return;
    };
    let others = match growing.len() - 1 {
        0 => String::new(),
        1 => " and one more topic".to_owned(),
        more => format!(" and {more} more topics"),
    };
    let message = format!(
        "offset_reset is latest while {}{others} is to get more partitions",
        first.name
    );
    let mut finding = about(&LATEST_WHILE_GROWING, service, &[Setting::OffsetReset], message);
    for (topic, now) in growing.iter().take(3) {
        let text = format!("{} now, {} wanted", now.value, topic.partitions.value);
        finding = finding.label(now.span(), text);
    }
    let finding = finding.at_run_time("what is written to a new partition before the service finds it is never read");
    let value = Value::OffsetReset(OffsetReset::Earliest);
    findings.push(suggest(
        finding,
        view.model,
        service,
        Setting::OffsetReset,
        &value,
        "at least until the partitions are there",
    ));
}

fn restart_outlasts_offsets(view: &ServiceView<'_>, findings: &mut Findings) {
    let Some(restart) = &view.service.restart else {
        return;
    };
    let Some((by, broker)) = brokers(view.model).find(|(_, broker)| **restart > *broker.offsets_retention) else {
        return;
    };
    let kept = format_duration(*broker.offsets_retention);
    let message = format!(
        "a restart may take {}, and {by} keep the group's offsets for {kept}",
        format_duration(**restart)
    );
    let finding = Finding::new(&RESTART_OUTLASTS_OFFSETS, restart.span(), message).here("without members for so long");
    let finding = label_declared(finding, &broker.offsets_retention, format!("kept for {kept} there"));
    let reset = view
        .service
        .run
        .consumer
        .offset_reset()
        .map_or_else(|| "the client's default".to_owned(), |reset| reset.to_string());
    findings.push(
        finding
            .at_run_time(format!(
                "the offsets are gone by then, and the service starts at {reset}"
            ))
            .help("raise offsets.retention.minutes on the brokers and say so under [broker] in lagproof.toml"),
    );
}
