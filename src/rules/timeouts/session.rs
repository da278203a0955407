//! The session timeout, held against what brokers accept and what people wait for.

use std::time::Duration;

use crate::diagnostic::{Code, Example, Finding, Findings, Page, Severity, Stance};
use crate::model::keywords::{Client, GroupProtocol};
use crate::model::origin::Sourced;
use crate::model::settings::Setting;
use crate::rules::mend::suggest_duration;
use crate::rules::tell::{Whose, about, brokers, chose, chosen, label_declared, rounded_down};
use crate::rules::{Check, Rule, ServiceView};
use crate::units::format_duration;

/// The longest session that needs no explanation: above what the longest-running models are configured with.
const LONG_SESSION: Duration = Duration::from_secs(180);

pub(in crate::rules) const RULES: &[Rule] = &[
    Rule {
        page: &SESSION_OUTSIDE_BROKER,
        check: Check::Service(session_outside_broker),
    },
    Rule {
        page: &SLOW_FAILOVER,
        check: Check::Service(slow_failover),
    },
    Rule {
        page: &SESSION_WITHIN_REQUEST,
        check: Check::Service(session_within_request),
    },
    Rule {
        page: &GROUP_TIMEOUT_OUTSIDE_BROKER,
        check: Check::Service(group_timeout_outside_broker),
    },
];

/// A session that brokers refuse.
pub const SESSION_OUTSIDE_BROKER: Page = Page {
    code: Code("C105"),
    name: "session-outside-broker",
    severity: Severity::Error,
    stance: Stance::Rejected,
    summary: "The session timeout is outside what the brokers allow.",
    why: "Brokers refuse to let a member join (error 26, INVALID_SESSION_TIMEOUT) whose session timeout is below `group.min.session.timeout.ms` or above `group.max.session.timeout.ms`: 6 s to 30 min unless they are configured otherwise. Clients retry for ever, so the service runs and reads nothing.",
    bad: Example::Snippet(
        "# file: profiles/matrix.toml\n[types.worker]\nsession_timeout = \"5s\"\n\n[defaults]\nheartbeat_interval = \"1s\"\nrequest_timeout = \"4s\"\n",
    ),
    good: Example::Snippet(
        "# file: profiles/matrix.toml\n[types.worker]\nsession_timeout = \"6s\"\n\n[defaults]\nheartbeat_interval = \"1s\"\nrequest_timeout = \"4s\"\n",
    ),
    source: "Apache Kafka 4.2 GroupCoordinatorConfig; the broker's error 26, `The session timeout is not within the range allowed by the broker`",
};

/// A session so long that a dead member is missed late.
pub const SLOW_FAILOVER: Page = Page {
    code: Code("C106"),
    name: "slow-failover",
    severity: Severity::Warning,
    stance: Stance::Judged,
    summary: "The session timeout is above 3 minutes.",
    why: "When a process is killed, its partitions stand still until the session ends. Slow records are no reason for a long session: they are the poll interval's affair, because heartbeats go on in the background. With static membership a long session is what one wants, so it is not reported there.",
    bad: Example::Snippet("# file: profiles/matrix.toml\n[types.worker]\nsession_timeout = \"4min\"\n"),
    good: Example::Snippet("# file: profiles/matrix.toml\n[types.worker]\nsession_timeout = \"3min\"\n"),
    source: "KIP-62: heartbeats come from a thread of their own, so that the session timeout only has to cover crashes",
};

/// A session that ends while a request still waits.
pub const SESSION_WITHIN_REQUEST: Page = Page {
    code: Code("C107"),
    name: "session-within-request-timeout",
    severity: Severity::Warning,
    stance: Stance::Judged,
    summary: "The Java client waits for one request as long as the session lasts, or longer.",
    why: "A heartbeat to a coordinator that hangs is given up after `request.timeout.ms`. If the session is over by then, the member learns of the trouble only when it is already out of the group.",
    bad: Example::Snippet("[consumer]\nrequest_timeout = \"45s\"\n"),
    good: Example::Snippet("[consumer]\nrequest_timeout = \"30s\"\n"),
    source: "Apache Kafka 4.2 ConsumerConfig; before 2.0 the opposite was required, which is obsolete",
};

/// Timeouts of a KIP-848 group that brokers refuse.
pub const GROUP_TIMEOUT_OUTSIDE_BROKER: Page = Page {
    code: Code("C108"),
    name: "group-timeout-outside-broker",
    severity: Severity::Error,
    stance: Stance::Rejected,
    summary: "A timeout of a group with group_protocol = \"consumer\" is outside what the brokers allow.",
    why: "With that protocol session and heartbeat are settings of the group on the broker, which the compiled script sets with kafka-configs. Brokers take sessions from `group.consumer.min.session.timeout.ms` to the maximum (45 s to 60 s unless configured otherwise) and heartbeats from 5 s to 15 s, and refuse the rest. A session below 45 s needs the broker's minimum lowered first.",
    bad: Example::Snippet("group_protocol = \"consumer\"\n\n[consumer]\nheartbeat_interval = \"4s\"\n"),
    good: Example::Snippet("group_protocol = \"consumer\"\n\n[consumer]\nheartbeat_interval = \"5s\"\n"),
    source: "KIP-848; Apache Kafka 4.2 GroupConfig, group.consumer.*",
};

/// What brokers allow.
struct Allowed<'a> {
    by: Whose<'a>,
    min: &'a Sourced<Duration>,
    max: &'a Sourced<Duration>,
    min_name: &'static str,
    max_name: &'static str,
}

impl Allowed<'_> {
    fn admits(&self, value: Duration) -> bool {
        (**self.min..=**self.max).contains(&value)
    }

    /// The finding for a value that these brokers refuse.
    fn refusal(&self, page: &Page, view: &ServiceView<'_>, setting: Setting, value: Duration) -> Finding {
        let (min, max) = (format_duration(**self.min), format_duration(**self.max));
        let message = format!(
            "{setting} is {}, and {} allow {min} to {max}",
            format_duration(value),
            self.by
        );
        let mut finding = about(page, view.service, &[setting], message);
        let (bound, name, nearest) = if value < **self.min {
            (self.min, self.min_name, **self.min)
        } else {
            (self.max, self.max_name, **self.max)
        };
        finding = label_declared(finding, bound, format!("{name} is {} there", format_duration(**bound)));
        let or = format!("or change {name} on the brokers and say so under [broker] in lagproof.toml");
        suggest_duration(finding, view.model, view.service, setting, nearest, &or)
    }
}

fn session_outside_broker(view: &ServiceView<'_>, findings: &mut Findings) {
    let session = view.service.run.consumer.duration(Setting::SessionTimeout);
    let (Some(session), GroupProtocol::Classic) = (session, *view.service.group_protocol) else {
        return;
    };
    let refused = brokers(view.model)
        .map(|(by, broker)| Allowed {
            by,
            min: &broker.min_session_timeout,
            max: &broker.max_session_timeout,
            min_name: "group.min.session.timeout.ms",
            max_name: "group.max.session.timeout.ms",
        })
        .find(|allowed| !allowed.admits(session));
    if let Some(allowed) = refused {
        findings.push(
            allowed
                .refusal(&SESSION_OUTSIDE_BROKER, view, Setting::SessionTimeout, session)
                .at_run_time("the broker refuses the member (error 26), the client retries for ever and reads nothing"),
        );
    }
}

fn group_timeout_outside_broker(view: &ServiceView<'_>, findings: &mut Findings) {
    // Clients without the protocol have a finding of their own.
    let without = matches!(*view.service.client, Client::Aiokafka | Client::Kafkajs);
    if *view.service.group_protocol != GroupProtocol::Consumer || without {
        return;
    }
    for setting in [Setting::SessionTimeout, Setting::HeartbeatInterval] {
        let Some(value) = view.service.run.consumer.duration(setting) else {
            continue;
        };
        let refused = brokers(view.model)
            .map(|(by, broker)| match setting {
                Setting::SessionTimeout => Allowed {
                    by,
                    min: &broker.consumer_session_timeout.0,
                    max: &broker.consumer_session_timeout.1,
                    min_name: "group.consumer.min.session.timeout.ms",
                    max_name: "group.consumer.max.session.timeout.ms",
                },
                _ => Allowed {
                    by,
                    min: &broker.consumer_heartbeat_interval.0,
                    max: &broker.consumer_heartbeat_interval.1,
                    min_name: "group.consumer.min.heartbeat.interval.ms",
                    max_name: "group.consumer.max.heartbeat.interval.ms",
                },
            })
            .find(|allowed| !allowed.admits(value));
        if let Some(allowed) = refused {
            findings.push(
                allowed
                    .refusal(&GROUP_TIMEOUT_OUTSIDE_BROKER, view, setting, value)
                    .at_run_time("the brokers refuse the group's configuration, and the group runs on their defaults"),
            );
        }
    }
}

fn slow_failover(view: &ServiceView<'_>, findings: &mut Findings) {
    let Some(session) = view.service.run.consumer.duration(Setting::SessionTimeout) else {
        return;
    };
    if session <= LONG_SESSION || view.service.instance_id.is_some() || !chose(view.service, Setting::SessionTimeout) {
        return;
    }
    let shown = format_duration(session);
    let finding = about(
        &SLOW_FAILOVER,
        view.service,
        &[Setting::SessionTimeout],
        format!("session_timeout is {shown}, so a dead member is missed late"),
    )
    .at_run_time(format!(
        "the partitions of a process that was killed stand still for {shown}"
    ));
    findings.push(suggest_duration(
        finding,
        view.model,
        view.service,
        Setting::SessionTimeout,
        Duration::from_secs(60),
        "or declare an instance_id if restarts are what it is for",
    ));
}

fn session_within_request(view: &ServiceView<'_>, findings: &mut Findings) {
    const PAIR: [Setting; 2] = [Setting::RequestTimeout, Setting::SessionTimeout];
    let settings = &view.service.run.consumer;
    let (Some(request), Some(session)) = (settings.duration(PAIR[0]), settings.duration(PAIR[1])) else {
        return;
    };
    let judged = *view.service.client == Client::Java && *view.service.group_protocol == GroupProtocol::Classic;
    if session > request || !judged || !chosen(view.service, &PAIR) {
        return;
    }
    let message = format!(
        "request_timeout ({}) is not below session_timeout ({})",
        format_duration(request),
        format_duration(session)
    );
    let finding = about(&SESSION_WITHIN_REQUEST, view.service, &PAIR, message).at_run_time(
        "while a heartbeat waits for a coordinator that hangs, the session ends and the member is thrown out",
    );
    findings.push(suggest_duration(
        finding,
        view.model,
        view.service,
        Setting::RequestTimeout,
        rounded_down(session.saturating_mul(2) / 3),
        "or raise session_timeout",
    ));
}
