//! N1xx: how long requests and reconnections wait.

use std::time::Duration;

use crate::diagnostic::{Code, Example, Finding, Findings, Page, Severity, Stance};
use crate::model::keywords::Client;
use crate::model::service::Service;
use crate::model::settings::Setting;
use crate::units::format_duration;

use super::mend::suggest_duration;
use super::tell::{about, chose, chosen, on_librdkafka, rounded_down};
use super::{Check, Rule, ServiceView};

/// What librdkafka adds to the fetch wait before it compares with the socket's time-out.
const ANSWER_TIME: Duration = Duration::from_millis(1_000);

/// The longest that librdkafka lets a socket wait.
const LONGEST_SOCKET_TIMEOUT: Duration = Duration::from_secs(300);

pub(super) const RULES: &[Rule] = &[
    Rule {
        page: &RECONNECT_MAX_BELOW_BASE,
        check: Check::Service(reconnect_max_below_base),
    },
    Rule {
        page: &RETRY_MAX_BELOW_BASE,
        check: Check::Service(retry_max_below_base),
    },
    Rule {
        page: &FETCH_WAIT_NEAR_SOCKET_TIMEOUT,
        check: Check::Service(fetch_wait_near_socket_timeout),
    },
    Rule {
        page: &FETCH_WAIT_OUTLASTS_REQUEST,
        check: Check::Service(fetch_wait_outlasts_request),
    },
    Rule {
        page: &STATISTICS_NOT_WHOLE_SECONDS,
        check: Check::Service(statistics_not_whole_seconds),
    },
    Rule {
        page: &FETCH_WAIT_OUTLASTS_SESSION,
        check: Check::Service(fetch_wait_outlasts_session),
    },
];

/// A longest pause below the first one.
pub const RECONNECT_MAX_BELOW_BASE: Page = Page {
    code: Code("N101"),
    name: "reconnect-max-below-base",
    severity: Severity::Error,
    stance: Stance::Rejected,
    summary: "reconnect_backoff is above reconnect_backoff_max.",
    why: "The pause before reconnecting grows from the first to the longest. librdkafka refuses to create a consumer where the longest is below the first; the other clients take it and never back off, so that a broker that comes back is met by all clients at once.",
    bad: Example::Snippet("[consumer]\nreconnect_backoff = \"2s\"\nreconnect_backoff_max = \"1s\"\n"),
    good: Example::Snippet("[consumer]\nreconnect_backoff = \"1s\"\nreconnect_backoff_max = \"1s\"\n"),
    source: "librdkafka 2.12.1, rd_kafka_conf_finalize: `reconnect.backoff.max.ms` must be >= `reconnect.backoff.ms`",
};

/// The same for requests.
pub const RETRY_MAX_BELOW_BASE: Page = Page {
    code: Code("N102"),
    name: "retry-max-below-base",
    severity: Severity::Warning,
    stance: Stance::Judged,
    summary: "retry_backoff is above retry_backoff_max.",
    why: "The pause before a failed request is repeated grows from the first to the longest. With the longest below the first nothing grows: Java and librdkafka warn, so what is compiled is the first pause for both.",
    bad: Example::Snippet("[consumer]\nretry_backoff = \"2s\"\nretry_backoff_max = \"1s\"\n"),
    good: Example::Snippet("[consumer]\nretry_backoff = \"2s\"\nretry_backoff_max = \"10s\"\n"),
    source: "librdkafka 2.12.1 and Java 4.4.0, both seen to warn; KIP-580",
};

/// A fetch that the socket's time-out may cut off.
pub const FETCH_WAIT_NEAR_SOCKET_TIMEOUT: Page = Page {
    code: Code("N103"),
    name: "fetch-wait-near-socket-timeout",
    severity: Severity::Warning,
    stance: Stance::Judged,
    summary: "On librdkafka, fetch_max_wait leaves less than a second of request_timeout.",
    why: "librdkafka's request timeout is that of the socket. A fetch may wait fetch_max_wait on the broker before it is answered; if that leaves less than a second for the way there and back, quiet topics look like dead brokers, and connections are torn down and made again. So what is compiled is raised, and the declared number is not what runs.",
    bad: Example::Snippet("client = \"librdkafka\"\n\n[consumer]\nrequest_timeout = \"1400ms\"\n"),
    good: Example::Snippet("client = \"librdkafka\"\n\n[consumer]\nrequest_timeout = \"1500ms\"\n"),
    source: "librdkafka 2.12.1 warns: `fetch.wait.max.ms` (…) should be set lower than `socket.timeout.ms` by at least 1000 ms",
};

/// A fetch that is given up before it is answered.
pub const FETCH_WAIT_OUTLASTS_REQUEST: Page = Page {
    code: Code("N104"),
    name: "fetch-wait-outlasts-request",
    severity: Severity::Warning,
    stance: Stance::Judged,
    summary: "fetch_max_wait is not below request_timeout.",
    why: "A broker without enough data answers a fetch after fetch_max_wait. If the client gives the request up before that, a quiet topic looks like a broker that hangs: every fetch fails, the connection is closed and made again. kafkajs raises the timeout of such requests by itself and is not judged.",
    bad: Example::Snippet("[consumer]\nrequest_timeout = \"500ms\"\n"),
    good: Example::Snippet("[consumer]\nrequest_timeout = \"501ms\"\n"),
    source: "Apache Kafka 4.2 ConsumerConfig, request.timeout.ms; Java checked it before 2.0 and takes it without a word now",
};

/// An interval that librdkafka rounds.
pub const STATISTICS_NOT_WHOLE_SECONDS: Page = Page {
    code: Code("N105"),
    name: "statistics-not-whole-seconds",
    severity: Severity::Warning,
    stance: Stance::Judged,
    summary: "statistics_interval is not a whole number of seconds.",
    why: "librdkafka looks once a second whether statistics are due, so they come later than asked for, at irregular distances; rates worked out from them are wrong by that much.",
    bad: Example::Snippet("client = \"librdkafka\"\n\n[consumer]\nstatistics_interval = \"1500ms\"\n"),
    good: Example::Snippet("client = \"librdkafka\"\n\n[consumer]\nstatistics_interval = \"2s\"\n"),
    source: "librdkafka 2.12.1, CONFIGURATION.md, statistics.interval.ms: \"The granularity is 1000ms\"",
};

/// A fetch during which kafkajs sends no heartbeat.
pub const FETCH_WAIT_OUTLASTS_SESSION: Page = Page {
    code: Code("N106"),
    name: "fetch-wait-outlasts-session",
    severity: Severity::Warning,
    stance: Stance::Judged,
    summary: "With kafkajs, fetch_max_wait is not below session_timeout.",
    why: "kafkajs sends heartbeats between fetches and records, not in the background. On a quiet topic a fetch lasts fetch_max_wait; if the session ends before, the member is thrown out for having nothing to do. The other clients' heartbeats go on meanwhile.",
    bad: Example::Snippet(
        "client = \"kafkajs\"\n\n[consumer]\nfetch_max_wait = \"45s\"\n\n[[deviation]]\nsetting = \"fetch_max_wait\"\nreason = \"a quiet topic\"\n",
    ),
    good: Example::Snippet(
        "client = \"kafkajs\"\n\n[consumer]\nfetch_max_wait = \"5s\"\n\n[[deviation]]\nsetting = \"fetch_max_wait\"\nreason = \"a quiet topic\"\n",
    ),
    source: "kafkajs 2.2.4, whose runner sends heartbeats after a fetch; option maxWaitTimeInMs",
};

/// Two durations and how they are told, where both are known.
struct Pair<'a> {
    service: &'a Service,
    settings: [Setting; 2],
    left: Duration,
    right: Duration,
}

impl<'a> Pair<'a> {
    fn of(view: &ServiceView<'a>, settings: [Setting; 2]) -> Option<Self> {
        let service = view.service;
        let of = |setting| service.run.consumer.duration(setting);
        let (left, right) = (of(settings[0])?, of(settings[1])?);
        Some(Self {
            service,
            settings,
            left,
            right,
        })
    }

    /// Nothing where both are the client's own defaults.
    fn chosen(self) -> Option<Self> {
        chosen(self.service, &self.settings).then_some(self)
    }

    /// A finding that the left one is `relation` the right one.
    fn finding(&self, page: &Page, relation: &str) -> Finding {
        let [left, right] = self.settings;
        let message = format!(
            "{left} ({}) is {relation} {right} ({})",
            format_duration(self.left),
            format_duration(self.right)
        );
        about(page, self.service, &self.settings, message)
    }
}

fn reconnect_max_below_base(view: &ServiceView<'_>, findings: &mut Findings) {
    let settings = [Setting::ReconnectBackoff, Setting::ReconnectBackoffMax];
    let Some(pair) = Pair::of(view, settings).filter(|pair| pair.left > pair.right) else {
        return;
    };
    let finding =
        pair.finding(&RECONNECT_MAX_BELOW_BASE, "above")
            .at_run_time(if on_librdkafka(*view.service.client) {
                "librdkafka refuses to create the consumer, and the service does not start"
            } else {
                "the pause never grows: a broker that comes back is met by every client at once"
            });
    let (model, service) = (view.model, view.service);
    findings.push(suggest_duration(finding, model, service, settings[1], pair.left, ""));
}

fn retry_max_below_base(view: &ServiceView<'_>, findings: &mut Findings) {
    let settings = [Setting::RetryBackoff, Setting::RetryBackoffMax];
    let Some(pair) = Pair::of(view, settings).filter(|pair| pair.left > pair.right) else {
        return;
    };
    let Some(pair) = pair.chosen() else { return };
    let finding = pair.finding(&RETRY_MAX_BELOW_BASE, "above").at_run_time(format!(
        "the longest pause is compiled as {} too: it never grows, and failed requests are repeated at that distance",
        format_duration(pair.left)
    ));
    let (model, service) = (view.model, view.service);
    findings.push(suggest_duration(finding, model, service, settings[1], pair.left, ""));
}

fn fetch_wait_near_socket_timeout(view: &ServiceView<'_>, findings: &mut Findings) {
    if !on_librdkafka(*view.service.client) {
        return;
    }
    let settings = [Setting::FetchMaxWait, Setting::RequestTimeout];
    let Some(pair) = Pair::of(view, settings)
        .and_then(Pair::chosen)
        .filter(|pair| pair.left.saturating_add(ANSWER_TIME) > pair.right)
    else {
        return;
    };
    let enough = pair.left.saturating_add(ANSWER_TIME).min(LONGEST_SOCKET_TIMEOUT);
    let finding = pair
        .finding(&FETCH_WAIT_NEAR_SOCKET_TIMEOUT, "less than 1s below")
        .at_run_time(format!(
            "fetches of quiet topics would time out and connections be made again: {} is compiled instead",
            format_duration(enough)
        ));
    let (model, service) = (view.model, view.service);
    findings.push(if enough > pair.right {
        let or = "or lower fetch_max_wait";
        suggest_duration(finding, model, service, settings[1], enough, or)
    } else {
        suggest_duration(finding, model, service, settings[0], enough - ANSWER_TIME, "")
    });
}

fn fetch_wait_outlasts_request(view: &ServiceView<'_>, findings: &mut Findings) {
    if !matches!(*view.service.client, Client::Java | Client::Aiokafka) {
        return;
    }
    let settings = [Setting::FetchMaxWait, Setting::RequestTimeout];
    let Some(pair) = Pair::of(view, settings)
        .and_then(Pair::chosen)
        .filter(|pair| pair.left >= pair.right)
    else {
        return;
    };
    let finding = pair
        .finding(&FETCH_WAIT_OUTLASTS_REQUEST, "not below")
        .at_run_time("each fetch of a quiet topic times out before the broker answers it, and nothing is read");
    let enough = pair.left.saturating_mul(2).max(Duration::from_secs(30));
    let (model, service, or) = (view.model, view.service, "or lower fetch_max_wait");
    findings.push(suggest_duration(finding, model, service, settings[1], enough, or));
}

fn fetch_wait_outlasts_session(view: &ServiceView<'_>, findings: &mut Findings) {
    if *view.service.client != Client::Kafkajs {
        return;
    }
    let settings = [Setting::FetchMaxWait, Setting::SessionTimeout];
    let Some(pair) = Pair::of(view, settings)
        .and_then(Pair::chosen)
        .filter(|pair| pair.left >= pair.right)
    else {
        return;
    };
    let finding = pair
        .finding(&FETCH_WAIT_OUTLASTS_SESSION, "not below")
        .at_run_time("no heartbeat is sent during a fetch: on a quiet topic the member is thrown out");
    let enough = rounded_down(pair.right / 3);
    let (model, service, or) = (view.model, view.service, "or raise session_timeout");
    findings.push(suggest_duration(finding, model, service, settings[0], enough, or));
}

fn statistics_not_whole_seconds(view: &ServiceView<'_>, findings: &mut Findings) {
    let setting = Setting::StatisticsInterval;
    let Some(interval) = view.service.run.consumer.duration(setting) else {
        return;
    };
    let service = view.service;
    if interval.subsec_nanos() == 0 || !on_librdkafka(*service.client) || !chose(service, setting) {
        return;
    }
    let message = format!(
        "statistics_interval ({}) is not in whole seconds",
        format_duration(interval)
    );
    let finding = about(&STATISTICS_NOT_WHOLE_SECONDS, service, &[setting], message)
        .at_run_time("librdkafka looks once a second: reports come late and at irregular distances");
    let rounded = Duration::from_secs(interval.as_secs().saturating_add(1));
    findings.push(suggest_duration(finding, view.model, service, setting, rounded, ""));
}
