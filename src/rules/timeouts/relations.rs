//! Heartbeat, session and poll interval, held against each other.

use std::time::Duration;

use crate::diagnostic::{Code, Example, Findings, Page, Severity, Stance};
use crate::model::keywords::{Client, GroupProtocol};
use crate::model::service::Service;
use crate::model::settings::Setting;
use crate::rules::mend::suggest_duration;
use crate::rules::tell::{about, chosen, third};
use crate::rules::{Check, Rule, ServiceView};
use crate::units::format_duration;

pub(in crate::rules) const RULES: &[Rule] = &[
    Rule {
        page: &HEARTBEAT_NOT_BELOW_SESSION,
        check: Check::Service(heartbeat_not_below_session),
    },
    Rule {
        page: &HEARTBEAT_ABOVE_A_THIRD,
        check: Check::Service(heartbeat_above_a_third),
    },
    Rule {
        page: &SESSION_ABOVE_POLL_INTERVAL,
        check: Check::Service(session_above_poll_interval),
    },
    Rule {
        page: &SESSION_OUTLASTS_POLL_INTERVAL,
        check: Check::Service(session_outlasts_poll_interval),
    },
];

/// Heartbeats so rare that the session ends before the first.
pub const HEARTBEAT_NOT_BELOW_SESSION: Page = Page {
    code: Code("C101"),
    name: "heartbeat-not-below-session",
    severity: Severity::Error,
    stance: Stance::Rejected,
    summary: "The heartbeat interval is not below the session timeout.",
    why: "The group takes a member for dead after a session timeout without a heartbeat. If heartbeats are no more frequent than that, every member is thrown out over and over, and the group does nothing but rebalance. Java and kafkajs refuse to start; librdkafka and aiokafka say nothing and then lose their members.",
    bad: Example::Snippet("[consumer]\nheartbeat_interval = \"45s\"\n"),
    good: Example::Snippet("[consumer]\nheartbeat_interval = \"15s\"\n"),
    source: "Apache Kafka 4.4.0 ConsumerConfig (`Heartbeat must be set lower than the session timeout`) and kafkajs 2.2.4 refuse it; librdkafka 2.16.0 and aiokafka 0.14.0 were seen to accept it",
};

/// Heartbeats so rare that one lost heartbeat is one too many.
pub const HEARTBEAT_ABOVE_A_THIRD: Page = Page {
    code: Code("C102"),
    name: "heartbeat-above-a-third",
    severity: Severity::Warning,
    stance: Stance::Judged,
    summary: "The heartbeat interval is more than a third of the session timeout.",
    why: "Heartbeats get lost or late: a pause of the garbage collector, a broker that restarts. With three in a session two may go missing; with fewer, an ordinary hiccup throws the member out and the whole group rebalances.",
    bad: Example::Snippet("[consumer]\nheartbeat_interval = \"20s\"\n"),
    good: Example::Snippet("[consumer]\nheartbeat_interval = \"15s\"\n"),
    source: "Apache Kafka 4.2 ConsumerConfig, heartbeat.interval.ms: \"typically should be set no higher than 1/3\" of the session timeout",
};

/// A session that librdkafka does not accept.
pub const SESSION_ABOVE_POLL_INTERVAL: Page = Page {
    code: Code("C103"),
    name: "session-above-poll-interval",
    severity: Severity::Error,
    stance: Stance::Rejected,
    summary: "The session timeout is above the poll interval, which librdkafka refuses.",
    why: "librdkafka checks when the consumer is created that `max.poll.interval.ms` is at least `session.timeout.ms`, with the classic protocol. The service does not start. Confluent's JavaScript client doubles the poll interval before the check, so it refuses only sessions above twice the poll interval.",
    bad: Example::Snippet(
        "client = \"librdkafka\"\n\n[consumer]\nmax_poll_interval = \"40s\"\n\n[[deviation]]\nsetting = \"max_poll_interval\"\nreason = \"a lookup never takes longer\"\n",
    ),
    good: Example::Snippet(
        "client = \"librdkafka\"\n\n[consumer]\nmax_poll_interval = \"45s\"\n\n[[deviation]]\nsetting = \"max_poll_interval\"\nreason = \"a lookup never takes longer\"\n",
    ),
    source: "librdkafka 2.12.1, rd_kafka_conf_finalize: `max.poll.interval.ms` must be >= `session.timeout.ms`",
};

/// A session that outlasts the poll interval where no client refuses it.
pub const SESSION_OUTLASTS_POLL_INTERVAL: Page = Page {
    code: Code("C104"),
    name: "session-outlasts-poll-interval",
    severity: Severity::Warning,
    stance: Stance::Judged,
    summary: "The session timeout is above the poll interval.",
    why: "A member that hangs leaves after the poll interval, one that is killed is only missed after the session timeout. A session above the poll interval means that a crash stops the partitions longer than a hang does, which is seldom what was meant; and the same numbers do not start on librdkafka.",
    bad: Example::Snippet(
        "[consumer]\nmax_poll_interval = \"40s\"\n\n[[deviation]]\nsetting = \"max_poll_interval\"\nreason = \"a lookup never takes longer\"\n",
    ),
    good: Example::Snippet(
        "[consumer]\nmax_poll_interval = \"45s\"\n\n[[deviation]]\nsetting = \"max_poll_interval\"\nreason = \"a lookup never takes longer\"\n",
    ),
    source: "KIP-62, which separates the two; librdkafka 2.12.1 refuses it, the other clients do not check",
};

const PAIR: [Setting; 2] = [Setting::HeartbeatInterval, Setting::SessionTimeout];
const SESSION_AND_POLL: [Setting; 2] = [Setting::SessionTimeout, Setting::MaxPollInterval];

fn both(service: &Service, [left, right]: [Setting; 2]) -> Option<(Duration, Duration)> {
    let settings = &service.run.consumer;
    Some((settings.duration(left)?, settings.duration(right)?))
}

fn heartbeat_not_below_session(view: &ServiceView<'_>, findings: &mut Findings) {
    let Some((heartbeat, session)) = both(view.service, PAIR).filter(|(heartbeat, session)| heartbeat >= session)
    else {
        return;
    };
    let message = format!(
        "heartbeat_interval ({}) is not below session_timeout ({})",
        format_duration(heartbeat),
        format_duration(session)
    );
    let finding =
        about(&HEARTBEAT_NOT_BELOW_SESSION, view.service, &PAIR, message).at_run_time(match *view.service.client {
            Client::Java | Client::Kafkajs => "the client refuses to start",
            Client::Librdkafka | Client::Aiokafka | Client::ConfluentJavascript => {
                "every session ends before its next heartbeat: members are thrown out over and over, and the group never settles"
            }
        });
    findings.push(suggest_duration(
        finding,
        view.model,
        view.service,
        Setting::HeartbeatInterval,
        third(session),
        "or raise session_timeout",
    ));
}

fn heartbeat_above_a_third(view: &ServiceView<'_>, findings: &mut Findings) {
    let Some((heartbeat, session)) = both(view.service, PAIR) else {
        return;
    };
    let above = heartbeat.saturating_mul(3) > session && heartbeat < session;
    if !above || !chosen(view.service, &PAIR) {
        return;
    }
    let message = format!(
        "heartbeat_interval ({}) is more than a third of session_timeout ({})",
        format_duration(heartbeat),
        format_duration(session)
    );
    let finding = about(&HEARTBEAT_ABOVE_A_THIRD, view.service, &PAIR, message)
        .at_run_time("one or two late heartbeats are enough to throw the member out and rebalance the group");
    findings.push(suggest_duration(
        finding,
        view.model,
        view.service,
        Setting::HeartbeatInterval,
        third(session),
        "or raise session_timeout",
    ));
}

/// The longest session that the client starts with; nothing where it does not check.
fn longest_session(service: &Service, poll_interval: Duration) -> Option<Duration> {
    match (*service.group_protocol, *service.client) {
        (GroupProtocol::Classic, Client::Librdkafka) => Some(poll_interval),
        (GroupProtocol::Classic, Client::ConfluentJavascript) => Some(poll_interval.saturating_mul(2)),
        _ => None,
    }
}

fn session_above_poll_interval(view: &ServiceView<'_>, findings: &mut Findings) {
    let Some((session, poll_interval)) = both(view.service, SESSION_AND_POLL) else {
        return;
    };
    if longest_session(view.service, poll_interval).is_none_or(|longest| session <= longest) {
        return;
    }
    let (session_text, poll) = (format_duration(session), format_duration(poll_interval));
    let message = match *view.service.client {
        Client::ConfluentJavascript => {
            format!("session_timeout ({session_text}) is more than twice max_poll_interval ({poll})")
        }
        _ => format!("session_timeout ({session_text}) is above max_poll_interval ({poll})"),
    };
    let finding = about(&SESSION_ABOVE_POLL_INTERVAL, view.service, &SESSION_AND_POLL, message)
        .at_run_time("librdkafka refuses to create the consumer, and the service does not start");
    findings.push(suggest_duration(
        finding,
        view.model,
        view.service,
        Setting::MaxPollInterval,
        session,
        "or lower session_timeout",
    ));
}

fn session_outlasts_poll_interval(view: &ServiceView<'_>, findings: &mut Findings) {
    let Some((session, poll_interval)) = both(view.service, SESSION_AND_POLL) else {
        return;
    };
    let refused = longest_session(view.service, poll_interval).is_some_and(|longest| session > longest);
    // kafkajs has no poll interval: what the matrix says of it changes nothing there.
    let quiet = *view.service.client == Client::Kafkajs || !chosen(view.service, &SESSION_AND_POLL);
    if session <= poll_interval || refused || quiet {
        return;
    }
    let message = format!(
        "session_timeout ({}) is above max_poll_interval ({})",
        format_duration(session),
        format_duration(poll_interval)
    );
    let finding = about(
        &SESSION_OUTLASTS_POLL_INTERVAL,
        view.service,
        &SESSION_AND_POLL,
        message,
    )
    .at_run_time("partitions of a member that was killed stand still longer than those of one that hangs");
    findings.push(suggest_duration(
        finding,
        view.model,
        view.service,
        Setting::MaxPollInterval,
        session,
        "or lower session_timeout",
    ));
}
