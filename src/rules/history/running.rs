//! Changes that a group does not survive while it runs.

use crate::diagnostic::{Finding, Findings};
use crate::history::Life;
use crate::model::keywords::{Assignor, Client, GroupProtocol, Keyword};
use crate::model::service::Service;
use crate::model::settings::Setting;
use crate::source::Span;

use super::changes::Change;
use super::pages::{ASSIGNORS_IN_TWO_STEPS, ASSIGNORS_STOP_ALL, GROUP_CHANGED};

pub(super) fn judge(service: &Service, life: Life<'_, '_>, changes: &[Change], findings: &mut Findings) {
    let version = life.stamp().version;
    let named = |name: &str| changes.iter().find(|change| change.name == name);
    if let Some(change) = named("group") {
        findings.push(group_changed(service, version, change));
    }
    if let Some(change) = named(Setting::Assignors.name())
        && service.group_protocol.value == GroupProtocol::Classic
        && named("group").is_none()
    {
        findings.extend(assignors(service, change).into_iter().collect());
    }
}

fn group_changed(service: &Service, version: u32, change: &Change) -> Finding {
    let before = change.before.as_deref().unwrap_or("another");
    let reset = service.run.consumer.get(Setting::OffsetReset);
    let from = reset.map_or_else(
        || "the client's own default".to_owned(),
        |reset| format!("\"{}\"", reset.value),
    );
    let finding = Finding::new(
        &GROUP_CHANGED,
        service.group.span(),
        format!("`{}` leaves its consumer group `{before}`", service.name),
    )
    .here(format!("version {version} has group \"{before}\""))
    .at_run_time(format!(
        "offsets belong to the group: under the new name it starts as offset_reset says ({from}), so records are read again or skipped"
    ))
    .help("keep the group, which need not be named like the service; or copy the offsets first (kafka-consumer-groups --reset-offsets --to-offset …), and allow this with that reason")
    .about(&service.name);
    match reset {
        Some(reset) => finding.label(reset.span(), "where a group without offsets starts"),
        None => finding,
    }
}

fn assignors(service: &Service, change: &Change) -> Option<Finding> {
    let before: Vec<Assignor> = change
        .before
        .as_deref()?
        .split(", ")
        .filter_map(Assignor::parse)
        .collect();
    let now = service.run.consumer.assignors();
    if before.is_empty() || now.is_empty() {
        return None;
    }
    let span = service
        .run
        .consumer
        .get(Setting::Assignors)
        .map_or(Span::whole(service.file), |value| value.span());
    let cooperative = |list: &[Assignor]| list.iter().all(|assignor| assignor.is_cooperative());
    let librdkafka = matches!(service.client.value, Client::Librdkafka | Client::ConfluentJavascript);
    if librdkafka && cooperative(&before) != cooperative(now) {
        let kind = |list: &[Assignor]| if cooperative(list) { "cooperatively" } else { "eagerly" };
        return Some(
            Finding::new(
                &ASSIGNORS_STOP_ALL,
                span,
                format!(
                    "`{}` rebalanced {} and is to rebalance {}",
                    service.name,
                    kind(&before),
                    kind(now)
                ),
            )
            .here(change.words())
            .at_run_time("replaced one by one, old and new replicas can't be in one group: librdkafka can't mix the two, and the newcomers are turned away until the last old one is gone")
            .help("stop all replicas, then start them with the new setting; allow this finding for that deployment, with that reason")
            .about(&service.name),
        );
    }
    let shared = before.iter().any(|assignor| now.contains(assignor));
    (!shared).then(|| {
        let both: Vec<&str> = now.iter().chain(&before).map(|assignor| assignor.as_str()).collect();
        Finding::new(
            &ASSIGNORS_IN_TWO_STEPS,
            span,
            format!("the new assignors of `{}` have none in common with those that run", service.name),
        )
        .here(change.words())
        .at_run_time("replaced one by one, new replicas are refused with INCONSISTENT_GROUP_PROTOCOL while an old one is there")
        .help(format!(
            "take two steps: first both ({}), and when all replicas have them the new ones alone; or stop all, then start",
            both.join(", ")
        ))
        .about(&service.name)
    })
}
