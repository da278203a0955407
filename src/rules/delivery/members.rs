//! Static membership: members that are known by name and keep their partitions over a restart.

use std::time::Duration;

use crate::diagnostic::{Code, Example, Finding, Findings, Page, Safety, Severity, Stance};
use crate::model::keywords::{Client, GroupProtocol};
use crate::model::origin::Sourced;
use crate::model::service::{Concurrency, Service};
use crate::model::settings::Setting;
use crate::rules::mend::suggest_duration;
use crate::rules::tell::{brokers, label_declared, label_other, label_setting};
use crate::rules::{Check, Rule, ServiceView};
use crate::source::{Edit, Span};
use crate::units::format_duration;

pub(in crate::rules) const RULES: &[Rule] = &[
    Rule {
        page: &INSTANCE_ID_SHARED,
        check: Check::Service(instance_id_shared),
    },
    Rule {
        page: &INSTANCE_ID_MALFORMED,
        check: Check::Service(instance_id_malformed),
    },
    Rule {
        page: &INSTANCE_ID_IGNORED,
        check: Check::Service(instance_id_ignored),
    },
    Rule {
        page: &RESTART_OUTLASTS_SESSION,
        check: Check::Service(restart_outlasts_session),
    },
    Rule {
        page: &STATIC_MEMBER_STUCK,
        check: Check::Service(static_member_stuck),
    },
];

/// One name for several members.
pub const INSTANCE_ID_SHARED: Page = Page {
    code: Code("D114"),
    name: "instance-id-shared",
    severity: Severity::Error,
    stance: Stance::Rejected,
    summary: "Several replicas have the same instance_id.",
    why: "An id stands for one member. When a second joins with the same id, the broker fences one of them: with the classic protocol the one that was there, with KIP-848 the newcomer. The fenced one gets a fatal error, is restarted, joins again, and fences the other.",
    bad: Example::Snippet("instance_id = \"example\"\n"),
    good: Example::Snippet("instance_id = \"example-${HOSTNAME}\"\n"),
    source: "KIP-345 and KIP-848; the broker's error 82, FENCED_INSTANCE_ID",
};

/// A name that a client refuses.
pub const INSTANCE_ID_MALFORMED: Page = Page {
    code: Code("D115"),
    name: "instance-id-malformed",
    severity: Severity::Error,
    stance: Stance::Rejected,
    summary: "An instance_id has a broken variable, or characters that the Java client refuses.",
    why: "A variable is written `${NAME}`, with letters, digits and `_`; anything else that begins with `${` could not be filled in. Besides, the Java client takes only letters, digits, `.`, `_` and `-`, and refuses to start otherwise. (More than 249 bytes are refused when the profile is read.)",
    bad: Example::Snippet("instance_id = \"example ${HOSTNAME}\"\n"),
    good: Example::Snippet("instance_id = \"example-${HOSTNAME}\"\n"),
    source: "Java 4.4.0: `Group instance id is invalid`; librdkafka 2.12.1 does not check",
};

/// A name that kafkajs does not pass on.
pub const INSTANCE_ID_IGNORED: Page = Page {
    code: Code("D116"),
    name: "instance-id-ignored",
    severity: Severity::Error,
    stance: Stance::Rejected,
    summary: "An instance_id with kafkajs, which has no static membership.",
    why: "kafkajs takes any option and ignores those that it does not know. Members would join without a name and rebalance the group at every restart, while the profile says otherwise.",
    bad: Example::Snippet("client = \"kafkajs\"\ninstance_id = \"example-${HOSTNAME}\"\n"),
    good: Example::Snippet("client = \"java\"\ninstance_id = \"example-${HOSTNAME}\"\n"),
    source: "kafkajs 2.2.4, whose every option was read",
};

/// A restart that the name does not outlive.
pub const RESTART_OUTLASTS_SESSION: Page = Page {
    code: Code("D117"),
    name: "restart-outlasts-session",
    severity: Severity::Warning,
    stance: Stance::Judged,
    summary: "A static member takes longer to restart than its session lasts.",
    why: "A static member that is gone keeps its partitions until its session ends; if it is back by then, nothing moves. If a restart takes longer, the group rebalances twice, as without an id, and the partitions stand still for the session first.",
    bad: Example::Snippet("instance_id = \"example-${HOSTNAME}\"\nrestart = \"90s\"\n"),
    good: Example::Snippet("instance_id = \"example-${HOSTNAME}\"\nrestart = \"40s\"\n"),
    source: "KIP-345",
};

/// A static member that hangs.
pub const STATIC_MEMBER_STUCK: Page = Page {
    code: Code("D118"),
    name: "static-member-stuck",
    severity: Severity::Warning,
    stance: Stance::Judged,
    summary: "A static member can be slower than its poll interval, and is then missed only after the session.",
    why: "A member that overruns the poll interval leaves its group, and its partitions go to others at once. A static member does not leave: it stops its heartbeats, and the partitions stand still for a whole session on top.",
    bad: Example::Snippet(
        "instance_id = \"example-${HOSTNAME}\"\n\n[processing]\nper_record = { p50 = \"20ms\", p99 = \"80ms\", max = \"6min\" }\n",
    ),
    good: Example::Snippet(
        "instance_id = \"example-${HOSTNAME}\"\n\n[processing]\nper_record = { p50 = \"20ms\", p99 = \"80ms\", max = \"1min\" }\n",
    ),
    source: "Apache Kafka 4.2 ConsumerConfig, max.poll.interval.ms: \"for consumers using a non-null group.instance.id … partitions will be reassigned after expiration of session.timeout.ms\"",
};

/// A piece of an id.
#[derive(Debug, PartialEq, Eq)]
enum Piece<'a> {
    Text(&'a str),
    Variable,
    Broken,
}

/// An id's text, its variables, and what looks like one and is not.
fn pieces(id: &str) -> Vec<Piece<'_>> {
    let mut pieces = Vec::new();
    let mut rest = id;
    while let Some(at) = rest.find("${") {
        pieces.push(Piece::Text(&rest[..at]));
        let after = &rest[at + 2..];
        match after.split_once('}') {
            Some((name, more)) if is_variable(name) => {
                pieces.push(Piece::Variable);
                rest = more;
            }
            _ => {
                pieces.push(Piece::Broken);
                rest = after;
            }
        }
    }
    pieces.push(Piece::Text(rest));
    pieces
}

fn is_variable(name: &str) -> bool {
    let starts_well = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
    starts_well && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
}

/// The most replicas that run anywhere, and where that is said.
fn most_replicas(view: &ServiceView<'_>) -> (u32, Option<Span>) {
    let own = &view.service.replicas;
    let elsewhere = view
        .model
        .environments
        .iter()
        .flat_map(|place| &place.services)
        .filter(|change| *change.service == view.service.name)
        .filter_map(|change| change.replicas.as_ref());
    let most: &Sourced<u32> = elsewhere.fold(own, |most, replicas| if **replicas > **most { replicas } else { most });
    (**most, (!most.is_edition()).then(|| most.span()))
}

fn instance_id_shared(view: &ServiceView<'_>, findings: &mut Findings) {
    let Some(id) = &view.service.instance_id else {
        return;
    };
    let (replicas, at) = most_replicas(view);
    let pieces = pieces(id);
    if replicas < 2 || pieces.contains(&Piece::Variable) || pieces.contains(&Piece::Broken) {
        return;
    }
    let message = format!("{replicas} replicas would all join as `{}`", id.escape_debug());
    let mut finding = Finding::new(&INSTANCE_ID_SHARED, id.span(), message).here("the same for every replica");
    if let Some(at) = at {
        finding = finding.label(at, format!("{replicas} replicas"));
    }
    let varied = format!("{}-${{HOSTNAME}}", id.value);
    findings.push(
        finding
            .at_run_time("the replicas fence each other in turn with fatal errors, and the group never settles")
            .help(format!(
                "add a variable that differs a replica, such as instance_id = {}",
                toml_edit::Value::from(varied.as_str())
            ))
            .fix(
                Safety::Suggested,
                "add `-${HOSTNAME}`",
                vec![Edit::Replace {
                    span: id.span(),
                    text: toml_edit::Value::from(varied.as_str()).to_string(),
                }],
            ),
    );
}

fn instance_id_malformed(view: &ServiceView<'_>, findings: &mut Findings) {
    let Some(id) = &view.service.instance_id else {
        return;
    };
    let refuse = |message: String, consequence: &str| {
        Finding::new(&INSTANCE_ID_MALFORMED, id.span(), message)
            .at_run_time(consequence)
            .help("write letters, digits, `.`, `_`, `-` and variables such as ${HOSTNAME}")
    };
    let pieces = pieces(id);
    if pieces.contains(&Piece::Broken) {
        findings.push(refuse(
            "instance_id has a variable that is not written ${NAME}".to_owned(),
            "the variable can't be filled in, so that every replica has the same id",
        ));
        return;
    }
    if *view.service.client != Client::Java {
        return;
    }
    let odd = pieces
        .iter()
        .filter_map(|piece| match piece {
            Piece::Text(text) => text
                .chars()
                .find(|&c| !c.is_ascii_alphanumeric() && !matches!(c, '.' | '_' | '-')),
            Piece::Variable | Piece::Broken => None,
        })
        .next();
    let consequence = "the Java client refuses to start: `Group instance id is invalid`";
    if let Some(odd) = odd {
        let finding = refuse(
            format!("instance_id has {odd:?}, which the Java client refuses"),
            consequence,
        );
        findings.push(label_other(finding, view.service.client.span(), "the client is java"));
        return;
    }
    if matches!(id.as_str(), "." | "..") {
        let message = format!("instance_id is `{}`, which the Java client refuses", id.value);
        findings.push(refuse(message, consequence));
    }
}

fn instance_id_ignored(view: &ServiceView<'_>, findings: &mut Findings) {
    let service = view.service;
    let Some(id) = service
        .instance_id
        .as_ref()
        .filter(|_| *service.client == Client::Kafkajs)
    else {
        return;
    };
    findings.push(
        Finding::new(
            &INSTANCE_ID_IGNORED,
            id.span(),
            "kafkajs has no static membership and ignores instance_id in silence",
        )
        .here("ignored")
        .label(service.client.span(), "the client is kafkajs")
        .at_run_time("members join without a name, and every restart rebalances the group")
        .help("remove instance_id, or change to confluent-javascript, which has it")
        .fix(
            Safety::Suggested,
            "remove `instance_id`",
            vec![Edit::Remove {
                file: service.file,
                path: vec!["instance_id".to_owned()],
            }],
        ),
    );
}

fn restart_outlasts_session(view: &ServiceView<'_>, findings: &mut Findings) {
    let service = view.service;
    let session = service.run.consumer.duration(Setting::SessionTimeout);
    let (Some(id), Some(restart), Some(session)) = (&service.instance_id, &service.restart, session) else {
        return;
    };
    if **restart <= session {
        return;
    }
    let message = format!(
        "a restart takes {}, longer than the session ({})",
        format_duration(**restart),
        format_duration(session)
    );
    let finding = Finding::new(&RESTART_OUTLASTS_SESSION, restart.span(), message).here("gone for so long");
    let finding = label_setting(finding, service, Setting::SessionTimeout);
    let finding = label_declared(finding, id, "static membership is to cover it").at_run_time(
        "the partitions stand still for the session, then the group rebalances, and once more when the member is back",
    );
    let most = brokers(view.model)
        .map(|(_, broker)| *broker.max_session_timeout)
        .min()
        .unwrap_or(Duration::MAX);
    findings.push(if **restart <= most {
        let longer = half_as_much_again(**restart).min(most);
        let (model, setting) = (view.model, Setting::SessionTimeout);
        suggest_duration(finding, model, service, setting, longer, "or restart faster")
    } else {
        finding.help(format!(
            "the brokers allow sessions of at most {}: restart faster, or give static membership up",
            format_duration(most)
        ))
    });
}

/// One and a half times as long, in whole tens of seconds.
fn half_as_much_again(duration: Duration) -> Duration {
    let tens = duration.as_secs().saturating_mul(3).div_ceil(20);
    Duration::from_secs(tens.max(1).saturating_mul(10)).max(duration)
}

/// The longest that a member is busy between two polls: one record at its slowest, or a batch of ordinary ones.
fn busiest(service: &Service) -> Option<f64> {
    let processing = &service.run.processing;
    let cost = processing.per_record.as_ref()?;
    let slowest = cost.max().map_or_else(|| cost.quantile(0.999), |max| max.as_secs_f64());
    let records = service.run.consumer.count(Setting::MaxPollRecords).unwrap_or(1);
    let rounds = match *processing.concurrency {
        Concurrency::Bounded(lanes) => records.div_ceil(u64::from(lanes.max(1))),
        Concurrency::Unbounded => 1,
    };
    let batch = (rounds as f64).mul_add(cost.mean(), processing.per_batch.as_secs_f64());
    Some(batch.max(slowest))
}

fn static_member_stuck(view: &ServiceView<'_>, findings: &mut Findings) {
    let service = view.service;
    let settings = &service.run.consumer;
    let (Some(id), Some(poll), Some(session), Some(cost), Some(busiest)) = (
        &service.instance_id,
        settings.duration(Setting::MaxPollInterval),
        settings.duration(Setting::SessionTimeout),
        &service.run.processing.per_record,
        busiest(service),
    ) else {
        return;
    };
    let classic = *service.group_protocol == GroupProtocol::Classic;
    if !classic || *service.client == Client::Kafkajs || busiest <= poll.as_secs_f64() {
        return;
    }
    let message = format!(
        "a static member that overruns max_poll_interval ({}) is missed only {} later",
        format_duration(poll),
        format_duration(session)
    );
    findings.push(
        Finding::new(&STATIC_MEMBER_STUCK, id.span(), message)
            .here("a static member does not leave by itself")
            .label(cost.span(), "what it processes can take longer")
            .at_run_time(format!(
                "its partitions stand still for {} before anybody else gets them",
                format_duration(poll.saturating_add(session))
            ))
            .help("bound the handler below max_poll_interval, or give static membership up"),
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_taken_apart() {
        use Piece::{Broken, Text, Variable};
        assert_eq!(pieces("a-${HOST}"), [Text("a-"), Variable, Text("")]);
        assert_eq!(pieces("${_a1}${b}"), [Text(""), Variable, Text(""), Variable, Text("")]);
        assert_eq!(pieces("${}x"), [Text(""), Broken, Text("}x")]);
        assert_eq!(pieces("${1A}"), [Text(""), Broken, Text("1A}")]);
        assert_eq!(pieces("a$HOST{"), [Text("a$HOST{")]);
        assert_eq!(pieces("${A"), [Text(""), Broken, Text("A")]);
        assert_eq!(pieces("é${"), [Text("é"), Broken, Text("")]);
    }
}
