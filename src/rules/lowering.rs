//! L1xx: what a client can't express, and settings under a client's own names.
//!
//! What can be lowered always is, to the nearest that the client takes, and the compiled file says so in a comment. The
//! rules here are for losses that somebody should know of before they run.

use crate::clients::{self, Loss, Note};
use crate::diagnostic::{Finding, Findings, Safety};
use crate::model::keywords::{Assignor, Client, GroupProtocol};
use crate::model::origin::{Layer, Origin, Sourced};
use crate::model::service::Service;
use crate::model::settings::{OffsetReset, Setting, Value};
use crate::source::Edit;

use super::lowering_pages::{DROPPED, DROPPED_ROW, MIXED_ASSIGNORS, OFFSET_RESET, OUTER_BLANKS, SUBSTITUTED};
use super::{Check, Rule, ServiceView};

/// The family.
pub(super) const RULES: &[Rule] = &[
    Rule {
        page: &DROPPED,
        check: Check::Service(losses),
    },
    Rule {
        page: &DROPPED_ROW,
        check: Check::Service(nothing_more),
    },
    Rule {
        page: &SUBSTITUTED,
        check: Check::Service(nothing_more),
    },
    Rule {
        page: &OFFSET_RESET,
        check: Check::Service(offset_reset),
    },
    Rule {
        page: &MIXED_ASSIGNORS,
        check: Check::Service(mixed_assignors),
    },
    Rule {
        page: &OUTER_BLANKS,
        check: Check::Service(outer_blanks),
    },
];

/// [`losses`] finds for this page too: the service is lowered once for all three.
fn nothing_more(_: &ServiceView<'_>, _: &mut Findings) {}

fn losses(view: &ServiceView<'_>, findings: &mut Findings) {
    let service = view.service;
    for note in &clients::losses(service, *service.client) {
        if is_judged_elsewhere(service, note) || is_judged_here(service, note) {
            continue;
        }
        let Some(value) = note.setting.and_then(|setting| service.run.consumer.get(setting)) else {
            continue;
        };
        match note.loss {
            Loss::Dropped => findings.push(dropped(service, note, value.origin)),
            Loss::Substituted => findings.push(substituted(service, note, value)),
            Loss::Elsewhere => {}
        }
    }
}

/// Whether another family judges it, and says more of it: what the group's protocol forbids (C1xx), how two values stand to
/// each other (C1xx, F1xx, N1xx), static membership (D1xx).
fn is_judged_elsewhere(service: &Service, note: &Note) -> bool {
    let knows_kip_848 = !matches!(*service.client, Client::Aiokafka | Client::Kafkajs);
    match note.setting {
        None => true,
        Some(Setting::Assignors) => *service.group_protocol == GroupProtocol::Consumer,
        Some(Setting::RemoteAssignor) => knows_kip_848,
        Some(
            Setting::MaxPollInterval
            | Setting::ConnectionsMaxIdle
            | Setting::MessageMax
            | Setting::ReceiveMessageMax
            | Setting::FetchMaxWait
            | Setting::RequestTimeout
            | Setting::RetryBackoffMax
            | Setting::ReconnectBackoffMax,
        ) => note.loss == Loss::Substituted,
        Some(_) => false,
    }
}

/// Whether a rule of this family says more of it.
fn is_judged_here(service: &Service, note: &Note) -> bool {
    match note.setting {
        Some(Setting::OffsetReset) => true,
        Some(Setting::Assignors) => is_native(service) && is_mixed(service.run.consumer.assignors()),
        _ => false,
    }
}

fn dropped(service: &Service, note: &Note, origin: Origin) -> Finding {
    let (client, name) = (&service.client, note.name);
    let message = format!("{} has no `{name}`", client.value);
    if origin.layer < Layer::Profile {
        return Finding::new(&DROPPED_ROW, client.span(), message)
            .here("this client ignores it")
            .label(origin.span, format!("`{name}` comes from {}", origin.layer.words()))
            .at_run_time(note.text.to_string())
            .help(format!(
                "take `{name}` out of what all clients share, or allow {} here",
                DROPPED_ROW.code
            ));
    }
    let remove = Edit::Remove {
        file: service.file,
        path: vec!["consumer".to_owned(), name.to_owned()],
    };
    Finding::new(&DROPPED, origin.span, message)
        .here("nothing honours it")
        .label(client.span(), "the client")
        .at_run_time(note.text.to_string())
        .help(format!("remove `{name}`, or choose a client that has it"))
        .fix(Safety::Suggested, format!("remove `{name}`"), vec![remove])
}

fn substituted(service: &Service, note: &Note, declared: &Sourced<Value>) -> Finding {
    let (client, name, origin) = (&service.client, note.name, declared.origin);
    let value = declared.value.to_string();
    let message = format!("{} can't have `{name}` as declared", client.value);
    let finding = if origin.layer < Layer::Profile {
        Finding::new(&SUBSTITUTED, client.span(), message)
            .here("the client")
            .label(origin.span, format!("{value}, from {}", origin.layer.words()))
    } else {
        Finding::new(&SUBSTITUTED, origin.span, message)
            .here(value)
            .label(client.span(), "the client")
    };
    finding.at_run_time(note.text.to_string()).help(format!(
        "declare what is to run, or allow {} with a reason if this will do",
        SUBSTITUTED.code
    ))
}

/// Whether librdkafka is underneath.
fn is_native(service: &Service) -> bool {
    matches!(*service.client, Client::Librdkafka | Client::ConfluentJavascript)
}

fn is_mixed(assignors: &[Assignor]) -> bool {
    let cooperative = assignors.iter().filter(|assignor| assignor.is_cooperative()).count();
    cooperative != 0 && cooperative != assignors.len()
}

fn offset_reset(view: &ServiceView<'_>, findings: &mut Findings) {
    let service = view.service;
    let (Some(value), Some(reset)) = (
        service.run.consumer.get(Setting::OffsetReset),
        service.run.consumer.offset_reset(),
    ) else {
        return;
    };
    let client = &service.client;
    let old_java = service.client_version.as_ref().filter(|version| version.value < (4, 0));
    let (message, help) = match (reset, client.value, old_java) {
        (OffsetReset::None, Client::Kafkajs, _) => (
            "kafkajs can't stop where a committed offset is missing".to_owned(),
            "choose \"earliest\", which skips nothing, or \"latest\"",
        ),
        (OffsetReset::ByDuration(_), Client::Java, Some(version)) => (
            format!(
                "java {}.{} can't look back by time: it can from 4.0 on",
                version.value.0, version.value.1
            ),
            "choose \"earliest\", which skips nothing, or \"latest\"",
        ),
        (OffsetReset::ByDuration(_), Client::Java, None) => return,
        (OffsetReset::ByDuration(_), other, _) => (
            format!("{other} can't look back by time: java can, from 4.0 on"),
            "choose \"earliest\", which skips nothing, or \"latest\"",
        ),
        _ => return,
    };
    let finding = Finding::new(&OFFSET_RESET, value.span(), message)
        .here(format!("from {}", value.origin.layer.words()))
        .label(client.span(), "the client")
        .at_run_time("a group without offsets would start at the oldest record instead of where it was told to")
        .help(help);
    findings.push(finding);
}

fn mixed_assignors(view: &ServiceView<'_>, findings: &mut Findings) {
    let service = view.service;
    let Some(value) = service.run.consumer.get(Setting::Assignors) else {
        return;
    };
    let classic = *service.group_protocol == GroupProtocol::Classic;
    if !classic || !is_native(service) || !is_mixed(service.run.consumer.assignors()) {
        return;
    }
    let finding = Finding::new(
        &MIXED_ASSIGNORS,
        value.span(),
        format!(
            "{} takes no list of eager and cooperative assignors",
            service.client.value
        ),
    )
    .here(value.value.to_string())
    .label(service.client.span(), "the client")
    .at_run_time("librdkafka refuses to start with both: it can't move a running group from one kind to the other")
    .help("keep those of one kind; to change kinds, stop all members and start them again");
    findings.push(finding);
}

/// Every service has a file for librdkafka, whatever its client.
fn outer_blanks(view: &ServiceView<'_>, findings: &mut Findings) {
    let service = view.service;
    let rack = service.run.consumer.get(Setting::ClientRack);
    let rack = rack.map(|rack| ("client_rack", rack.value.to_string(), rack.span()));
    let group = Some(("group", service.group.value.clone(), service.group.span()));
    let id = service
        .instance_id
        .as_ref()
        .map(|id| ("instance_id", id.value.clone(), id.span()));
    for (name, text, span) in [group, id, rack].into_iter().flatten() {
        if text.trim() != text {
            let finding = Finding::new(&OUTER_BLANKS, span, format!("`{name}` begins or ends with a blank"))
                .at_run_time("readers of properties files drop it, and the consumer is in another group than this one")
                .help(format!("write \"{}\"", text.trim().escape_debug()));
            findings.push(finding);
        }
    }
}
