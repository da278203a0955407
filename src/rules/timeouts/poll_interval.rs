//! The poll interval, held against what else is measured in it.

use std::time::Duration;

use crate::diagnostic::{Code, Example, Findings, Page, Severity, Stance};
use crate::model::keywords::{Client, GroupProtocol};
use crate::model::settings::Setting;
use crate::rules::mend::suggest_duration;
use crate::rules::tell::{about, chose};
use crate::rules::{Check, Rule, ServiceView};
use crate::units::format_duration;

/// Confluent's JavaScript client doubles the poll interval, and librdkafka takes no more than a day.
const LONGEST_DOUBLED: Duration = Duration::from_secs(43_200);

pub(in crate::rules) const RULES: &[Rule] = &[
    Rule {
        page: &REBALANCE_OUTLASTS_POLL_INTERVAL,
        check: Check::Service(rebalance_outlasts_poll_interval),
    },
    Rule {
        page: &IDLE_BELOW_POLL_INTERVAL,
        check: Check::Service(idle_below_poll_interval),
    },
    Rule {
        page: &POLL_INTERVAL_DOUBLED,
        check: Check::Service(poll_interval_doubled),
    },
];

/// A rebalance that waits longer than members may take.
pub const REBALANCE_OUTLASTS_POLL_INTERVAL: Page = Page {
    code: Code("C117"),
    name: "rebalance-outlasts-poll-interval",
    severity: Severity::Warning,
    stance: Stance::Judged,
    summary: "With aiokafka, the rebalance timeout is above the poll interval.",
    why: "While a group waits for its members to join again, nobody in it reads. aiokafka joins in the background, so the wait is only as long as a rebalance listener takes; a member that has not polled for the poll interval leaves anyway. A longer rebalance timeout lets one stuck listener stop the whole group for that long.",
    bad: Example::Snippet("client = \"aiokafka\"\n\n[consumer]\nrebalance_timeout = \"10min\"\n"),
    good: Example::Snippet("client = \"aiokafka\"\n\n[consumer]\nrebalance_timeout = \"1min\"\n"),
    source: "aiokafka 0.14.0, AIOKafkaConsumer: rebalance_timeout_ms, decoupled from max_poll_interval_ms",
};

/// Connections that Java would close while the handler works.
pub const IDLE_BELOW_POLL_INTERVAL: Page = Page {
    code: Code("C118"),
    name: "idle-below-poll-interval",
    severity: Severity::Warning,
    stance: Stance::Judged,
    summary: "With the Java client, connections_max_idle is below the poll interval.",
    why: "While a handler works on a long batch, nothing goes over the connections to the brokers that serve its partitions. If `connections.max.idle.ms` ends first they are closed, and the next poll begins with new handshakes. The Java client warns of it at every start from 4.4 on, so what is compiled is raised to the poll interval, and the declared number is not what runs.",
    bad: Example::Snippet("[consumer]\nconnections_max_idle = \"4min\"\n"),
    good: Example::Snippet("[consumer]\nconnections_max_idle = \"5min\"\n"),
    source: "Java 4.4.0: `Configuration 'connections.max.idle.ms' … is lower than configuration 'max.poll.interval.ms'`; 4.3.1 and 4.2.0 are silent",
};

/// A poll interval that is too long once doubled.
pub const POLL_INTERVAL_DOUBLED: Page = Page {
    code: Code("C119"),
    name: "poll-interval-doubled",
    severity: Severity::Error,
    stance: Stance::Rejected,
    summary: "With Confluent's JavaScript client, the poll interval is above 12 hours.",
    why: "The client hands twice the poll interval to librdkafka, so that it can give up its own workers first. librdkafka takes at most a day, so more than 12 hours are refused.",
    bad: Example::Snippet(
        "client = \"confluent-javascript\"\n\n[consumer]\nmax_poll_interval = \"13h\"\n\n[[deviation]]\nsetting = \"max_poll_interval\"\nreason = \"a nightly run\"\n",
    ),
    good: Example::Snippet(
        "client = \"confluent-javascript\"\n\n[consumer]\nmax_poll_interval = \"12h\"\n\n[[deviation]]\nsetting = \"max_poll_interval\"\nreason = \"a nightly run\"\n",
    ),
    source: "@confluentinc/kafka-javascript 1.10.1: 43200000 is the largest that works, `value 172800000 is outside allowed range` for a day",
};

fn rebalance_outlasts_poll_interval(view: &ServiceView<'_>, findings: &mut Findings) {
    const PAIR: [Setting; 2] = [Setting::RebalanceTimeout, Setting::MaxPollInterval];
    let settings = &view.service.run.consumer;
    let (Some(rebalance), Some(poll)) = (settings.duration(PAIR[0]), settings.duration(PAIR[1])) else {
        return;
    };
    let judged = *view.service.client == Client::Aiokafka && chose(view.service, Setting::RebalanceTimeout);
    if !judged || rebalance <= poll {
        return;
    }
    let message = format!(
        "rebalance_timeout ({}) is above max_poll_interval ({})",
        format_duration(rebalance),
        format_duration(poll)
    );
    let finding = about(&REBALANCE_OUTLASTS_POLL_INTERVAL, view.service, &PAIR, message).at_run_time(format!(
        "one stuck rebalance listener stops the whole group for up to {}",
        format_duration(rebalance)
    ));
    findings.push(suggest_duration(
        finding,
        view.model,
        view.service,
        Setting::RebalanceTimeout,
        poll,
        "",
    ));
}

fn idle_below_poll_interval(view: &ServiceView<'_>, findings: &mut Findings) {
    const PAIR: [Setting; 2] = [Setting::ConnectionsMaxIdle, Setting::MaxPollInterval];
    let settings = &view.service.run.consumer;
    let (Some(idle), Some(poll)) = (settings.duration(PAIR[0]), settings.duration(PAIR[1])) else {
        return;
    };
    let judged = *view.service.client == Client::Java && *view.service.group_protocol == GroupProtocol::Classic;
    // Zero is never; the client's own default is raised in silence, because nobody chose it.
    if !judged || idle.is_zero() || idle >= poll || !chose(view.service, Setting::ConnectionsMaxIdle) {
        return;
    }
    let message = format!(
        "connections_max_idle ({}) is below max_poll_interval ({})",
        format_duration(idle),
        format_duration(poll)
    );
    let finding = about(&IDLE_BELOW_POLL_INTERVAL, view.service, &PAIR, message).at_run_time(format!(
        "connections would be closed while a long batch is processed: {} is compiled instead",
        format_duration(poll)
    ));
    findings.push(suggest_duration(
        finding,
        view.model,
        view.service,
        Setting::ConnectionsMaxIdle,
        poll,
        "",
    ));
}

fn poll_interval_doubled(view: &ServiceView<'_>, findings: &mut Findings) {
    let Some(poll) = view.service.run.consumer.duration(Setting::MaxPollInterval) else {
        return;
    };
    if *view.service.client != Client::ConfluentJavascript || poll <= LONGEST_DOUBLED {
        return;
    }
    let message = format!("max_poll_interval ({}) is above 12h", format_duration(poll));
    let finding = about(
        &POLL_INTERVAL_DOUBLED,
        view.service,
        &[Setting::MaxPollInterval],
        message,
    )
    .at_run_time("the client doubles it, librdkafka refuses more than a day, and the service does not start");
    findings.push(suggest_duration(
        finding,
        view.model,
        view.service,
        Setting::MaxPollInterval,
        LONGEST_DOUBLED,
        "",
    ));
}
