//! The group's protocol: classic, or the broker's own of KIP-848.

use crate::diagnostic::{Code, Example, Finding, Findings, Page, Safety, Severity, Stance};
use crate::model::keywords::{Client, GroupProtocol};
use crate::model::origin::Layer;
use crate::model::service::Service;
use crate::model::settings::Setting;
use crate::rules::mend::{edit_profile, remove_setting};
use crate::rules::tell::{about, brokers, label_declared, label_other, on_librdkafka};
use crate::rules::{Check, Rule, ServiceView};
use crate::source::Edit;

pub(in crate::rules) const RULES: &[Rule] = &[
    Rule {
        page: &ASSIGNORS_UNDER_CONSUMER,
        check: Check::Service(assignors_under_consumer),
    },
    Rule {
        page: &PROTOCOL_UNKNOWN_TO_CLIENT,
        check: Check::Service(protocol_unknown_to_client),
    },
    Rule {
        page: &PROTOCOL_TOO_NEW,
        check: Check::Service(protocol_too_new),
    },
    Rule {
        page: &REMOTE_ASSIGNOR_REFUSED,
        check: Check::Service(remote_assignor_refused),
    },
    Rule {
        page: &REMOTE_ASSIGNOR_IGNORED,
        check: Check::Service(remote_assignor_ignored),
    },
];

/// The client's assignors where the broker assigns.
pub const ASSIGNORS_UNDER_CONSUMER: Page = Page {
    code: Code("C109"),
    name: "assignors-under-consumer-protocol",
    severity: Severity::Error,
    stance: Stance::Rejected,
    summary: "A profile with group_protocol = \"consumer\" names assignors of the client.",
    why: "With KIP-848 the broker shares partitions out. Java and librdkafka refuse `partition.assignment.strategy` then, even at its default. Session and heartbeat, which they refuse too, are compiled into the group's configuration on the broker; assignors have no such place. The broker's own is chosen with `remote_assignor`.",
    bad: Example::Snippet("group_protocol = \"consumer\"\n\n[consumer]\nassignors = \"cooperative-sticky\"\n"),
    good: Example::Snippet(
        "group_protocol = \"consumer\"\n\n[consumer]\nremote_assignor = \"uniform\"\nheartbeat_interval = \"5s\"\n",
    ),
    source: "KIP-848; Java 4.4.0: `partition.assignment.strategy cannot be set when group.protocol=CONSUMER`; librdkafka 2.12.1: `Use group.remote.assignor instead`",
};

/// A protocol that the client does not speak.
pub const PROTOCOL_UNKNOWN_TO_CLIENT: Page = Page {
    code: Code("C110"),
    name: "protocol-unknown-to-client",
    severity: Severity::Error,
    stance: Stance::Rejected,
    summary: "group_protocol = \"consumer\" with a client that only knows the classic protocol.",
    why: "aiokafka and kafkajs have no such option. kafkajs ignores unknown options in silence, so the group would go on with the classic protocol while everybody believes otherwise; aiokafka raises a TypeError.",
    bad: Example::Snippet("client = \"aiokafka\"\ngroup_protocol = \"consumer\"\n"),
    good: Example::Snippet("client = \"aiokafka\"\ngroup_protocol = \"classic\"\n"),
    source: "aiokafka 0.14.0 and kafkajs 2.2.4, whose every option was read",
};

/// A protocol that is newer than the client or the broker.
pub const PROTOCOL_TOO_NEW: Page = Page {
    code: Code("C111"),
    name: "protocol-too-new",
    severity: Severity::Warning,
    stance: Stance::Judged,
    summary: "group_protocol = \"consumer\" with a client or broker from before it was ready.",
    why: "The protocol is generally available from brokers 4.0, librdkafka 2.12 and the Java client 4.0. Before, it was a preview that is off unless asked for and differs between versions: members fail to join, or join a group that an upgrade has to empty first.",
    bad: Example::Snippet(
        "group_protocol = \"consumer\"\n\n[consumer]\nheartbeat_interval = \"5s\"\n\n# file: lagproof.toml\n[broker]\nversion = \"3.9\"\n",
    ),
    good: Example::Snippet(
        "group_protocol = \"consumer\"\n\n[consumer]\nheartbeat_interval = \"5s\"\n\n# file: lagproof.toml\n[broker]\nversion = \"4.0\"\n",
    ),
    source: "KIP-848; release notes of Apache Kafka 4.0 and librdkafka 2.12.0",
};

/// The broker's assignor, set where Java refuses it.
pub const REMOTE_ASSIGNOR_REFUSED: Page = Page {
    code: Code("C112"),
    name: "remote-assignor-refused",
    severity: Severity::Error,
    stance: Stance::Rejected,
    summary: "The Java client is given a remote assignor with the classic protocol.",
    why: "With the classic protocol a member shares the partitions out, with `assignors`. The Java client refuses to start when `group.remote.assignor` is set as well.",
    bad: Example::Snippet("[consumer]\nremote_assignor = \"uniform\"\n"),
    good: Example::Snippet(
        "group_protocol = \"consumer\"\n\n[consumer]\nremote_assignor = \"uniform\"\nheartbeat_interval = \"5s\"\n",
    ),
    source: "Java 4.4.0: `group.remote.assignor cannot be set when group.protocol=CLASSIC`",
};

/// The broker's assignor, set where librdkafka ignores it.
pub const REMOTE_ASSIGNOR_IGNORED: Page = Page {
    code: Code("C113"),
    name: "remote-assignor-ignored",
    severity: Severity::Warning,
    stance: Stance::Judged,
    summary: "librdkafka is given a remote assignor with the classic protocol.",
    why: "With the classic protocol a member shares the partitions out, with `assignors`. librdkafka takes `group.remote.assignor` without a word and does nothing with it.",
    bad: Example::Snippet("client = \"librdkafka\"\n\n[consumer]\nremote_assignor = \"uniform\"\n"),
    good: Example::Snippet("client = \"librdkafka\"\n\n[consumer]\nassignors = \"roundrobin\"\n"),
    source: "librdkafka 2.12.1, 2.15.1 and 2.16.0, each seen to say nothing",
};

fn by_broker(service: &Service) -> bool {
    *service.group_protocol == GroupProtocol::Consumer
}

fn knows_protocol(service: &Service) -> bool {
    !matches!(*service.client, Client::Aiokafka | Client::Kafkajs)
}

/// The edit that goes back to the classic protocol.
fn back_to_classic(service: &Service) -> Vec<Edit> {
    vec![edit_profile(service, &["group_protocol"], "\"classic\"")]
}

fn label_protocol(finding: Finding, service: &Service) -> Finding {
    label_declared(
        finding,
        &service.group_protocol,
        format!("the protocol is {}", *service.group_protocol),
    )
}

/// Only what the profile itself says: assignors of a row are for the services of the type that use the classic protocol.
fn assignors_under_consumer(view: &ServiceView<'_>, findings: &mut Findings) {
    let service = view.service;
    let assignors = service.run.consumer.get(Setting::Assignors);
    let by_profile = assignors.is_some_and(|assignors| assignors.origin.layer >= Layer::Profile);
    if !by_profile || !by_broker(service) || !knows_protocol(service) {
        return;
    }
    let finding = about(
        &ASSIGNORS_UNDER_CONSUMER,
        service,
        &[Setting::Assignors],
        "assignors are set, but with this protocol the broker assigns",
    )
    .at_run_time("the client refuses to start")
    .help("remove assignors; the broker's assignor is chosen with remote_assignor");
    findings.push(remove_setting(
        label_protocol(finding, service),
        service,
        Setting::Assignors,
    ));
}

fn protocol_unknown_to_client(view: &ServiceView<'_>, findings: &mut Findings) {
    let service = view.service;
    if !by_broker(service) || knows_protocol(service) {
        return;
    }
    let client = *service.client;
    let finding = Finding::new(
        &PROTOCOL_UNKNOWN_TO_CLIENT,
        service.group_protocol.span(),
        format!("{client} does not know this protocol"),
    )
    .here("only Java and librdkafka speak it");
    findings.push(
        label_other(finding, service.client.span(), format!("the client is {client}"))
            .at_run_time(match client {
                Client::Kafkajs => "the client ignores it in silence and joins with the classic protocol",
                _ => "the client has no such parameter and fails to start",
            })
            .help("write group_protocol = \"classic\", or remove the line")
            .fix(
                Safety::Suggested,
                "set `group_protocol = \"classic\"`",
                back_to_classic(service),
            ),
    );
}

fn protocol_too_new(view: &ServiceView<'_>, findings: &mut Findings) {
    let service = view.service;
    if !by_broker(service) || !knows_protocol(service) {
        return;
    }
    let since = match *service.client {
        Client::Librdkafka => Some((2, 12)),
        Client::Java => Some((4, 0)),
        _ => None,
    };
    let finding = |message: String| {
        Finding::new(&PROTOCOL_TOO_NEW, service.group_protocol.span(), message)
            .here("needs brokers from 4.0, librdkafka from 2.12 or Java from 4.0")
    };
    if let (Some(since), Some(version)) = (since, &service.client_version)
        && **version < since
    {
        let message = format!(
            "{} {}.{} is older than this protocol's release in {}.{}",
            *service.client, version.0, version.1, since.0, since.1
        );
        findings.push(
            finding(message)
                .label(version.span(), "the client's version")
                .at_run_time("the client speaks a preview of the protocol, or refuses to start")
                .help(format!(
                    "upgrade the client to {}.{}, or stay with the classic protocol",
                    since.0, since.1
                ))
                .fix(
                    Safety::Suggested,
                    "set `group_protocol = \"classic\"`",
                    back_to_classic(service),
                ),
        );
    }
    if let Some((by, broker)) = brokers(view.model).find(|(_, broker)| *broker.version < (4, 0)) {
        let version = &broker.version;
        let message = format!(
            "{by} are version {}.{}, from before this protocol was released",
            version.0, version.1
        );
        findings.push(
            label_declared(finding(message), version, "their version")
                .at_run_time("the brokers refuse the members, unless the preview was turned on")
                .help("upgrade the brokers to 4.0, or stay with the classic protocol")
                .fix(
                    Safety::Suggested,
                    "set `group_protocol = \"classic\"`",
                    back_to_classic(service),
                ),
        );
    }
}

fn remote_assignor_refused(view: &ServiceView<'_>, findings: &mut Findings) {
    if *view.service.client == Client::Java {
        remote_assignor(&REMOTE_ASSIGNOR_REFUSED, "the client refuses to start", view, findings);
    }
}

fn remote_assignor_ignored(view: &ServiceView<'_>, findings: &mut Findings) {
    if on_librdkafka(*view.service.client) {
        let consequence = "the client says nothing, and its own assignors decide";
        remote_assignor(&REMOTE_ASSIGNOR_IGNORED, consequence, view, findings);
    }
}

fn remote_assignor(page: &Page, consequence: &str, view: &ServiceView<'_>, findings: &mut Findings) {
    let service = view.service;
    if by_broker(service) || service.run.consumer.get(Setting::RemoteAssignor).is_none() {
        return;
    }
    let finding = about(
        page,
        service,
        &[Setting::RemoteAssignor],
        "remote_assignor is set, but the protocol is classic",
    )
    .at_run_time(consequence)
    .help("remove remote_assignor and choose with assignors, or write group_protocol = \"consumer\"");
    findings.push(remove_setting(
        label_protocol(finding, service),
        service,
        Setting::RemoteAssignor,
    ));
}
