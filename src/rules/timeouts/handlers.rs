//! Handlers that keep the client from sending heartbeats or from joining again.

use std::time::Duration;

use crate::clients::rebalance_wait;
use crate::diagnostic::{Code, Example, Finding, Findings, Page, Severity, Stance};
use crate::model::cost::Cost;
use crate::model::keywords::{Client, Handler};
use crate::model::service::Service;
use crate::model::settings::Setting;
use crate::rules::mend::suggest_duration;
use crate::rules::tell::{label_setting, rounded_up};
use crate::rules::{Check, Rule, ServiceView};
use crate::units::format_duration;

/// The share of records that a cost without a maximum is judged at: one in a thousand is slower.
const NEARLY_ALL: f64 = 0.999;

pub(in crate::rules) const RULES: &[Rule] = &[
    Rule {
        page: &HANDLER_OUTLASTS_SESSION,
        check: Check::Service(handler_outlasts_session),
    },
    Rule {
        page: &EVENT_LOOP_BLOCKED,
        check: Check::Service(event_loop_blocked),
    },
    Rule {
        page: &HANDLER_OUTLASTS_REBALANCE,
        check: Check::Service(handler_outlasts_rebalance),
    },
];

/// A kafkajs handler that nothing keeps within its session. Where a maximum is declared, P104 judges that.
pub const HANDLER_OUTLASTS_SESSION: Page = Page {
    code: Code("C114"),
    name: "handler-outlasts-session",
    severity: Severity::Warning,
    stance: Stance::Judged,
    summary: "With kafkajs, one record in a thousand takes longer than the session timeout, and no maximum is declared.",
    why: "kafkajs sends heartbeats between records, not in the background. While the handler works on one record for longer than the session, the group takes the member for dead and gives its partitions away, unless the handler calls `heartbeat()` itself. What it then commits is refused, and the record is processed again elsewhere. A declared `max` above the session is P104.",
    bad: Example::Snippet("client = \"kafkajs\"\n\n[processing]\nper_record = { p50 = \"1s\", p99 = \"20s\" }\n"),
    good: Example::Snippet(
        "client = \"kafkajs\"\n\n[processing]\nper_record = { p50 = \"20ms\", p99 = \"80ms\", max = \"20s\" }\n",
    ),
    source: "kafkajs 2.2.4: runner.js calls heartbeat() after each message",
};

/// An aiokafka handler that blocks the loop that sends heartbeats.
pub const EVENT_LOOP_BLOCKED: Page = Page {
    code: Code("C115"),
    name: "event-loop-blocked",
    severity: Severity::Warning,
    stance: Stance::Judged,
    summary: "With aiokafka, the handler can burn CPU in the event loop for longer than the session timeout.",
    why: "aiokafka's heartbeats are tasks of the event loop that the handler runs in. Waiting lets them through, burning CPU does not: a handler that computes for longer than the session is thrown out of its group although it works. Declared `cpu` is what one record burns; where that is all a record costs, a batch burns it without a pause.",
    bad: Example::Snippet(
        "client = \"aiokafka\"\n\n[processing]\nper_record = { p50 = \"20ms\", p99 = \"80ms\", max = \"50s\" }\ncpu = \"50s\"\n",
    ),
    good: Example::Snippet(
        "client = \"aiokafka\"\n\n[processing]\nper_record = { p50 = \"20ms\", p99 = \"80ms\", max = \"50s\" }\ncpu = \"50s\"\nhandler = \"thread\"\n",
    ),
    source: "aiokafka 0.14.0: the coordinator's heartbeat is an asyncio task of the consumer's loop",
};

/// A kafkajs handler that a rebalance does not wait for.
pub const HANDLER_OUTLASTS_REBALANCE: Page = Page {
    code: Code("C116"),
    name: "handler-outlasts-rebalance",
    severity: Severity::Warning,
    stance: Stance::Judged,
    summary: "With kafkajs, one record can take longer than the group waits for a member in a rebalance.",
    why: "When a group rebalances it waits `rebalanceTimeout` for its members to join again, and kafkajs joins only between records. A member that is still busy by then is left out, joins later, and makes the whole group rebalance once more. The wait is `rebalance_timeout`; where it is left at kafkajs's own `1min` and `max_poll_interval` is declared, that is compiled into it, because the other clients use theirs for it.",
    bad: Example::Snippet(
        "client = \"kafkajs\"\n\n[consumer]\nmax_poll_interval = \"15s\"\n\n[processing]\nper_record = { p50 = \"20ms\", p99 = \"80ms\", max = \"20s\" }\n\n[[deviation]]\nsetting = \"max_poll_interval\"\nreason = \"a lookup is bounded\"\n",
    ),
    good: Example::Snippet(
        "client = \"kafkajs\"\n\n[consumer]\nmax_poll_interval = \"20s\"\n\n[processing]\nper_record = { p50 = \"20ms\", p99 = \"80ms\", max = \"20s\" }\n\n[[deviation]]\nsetting = \"max_poll_interval\"\nreason = \"a lookup is bounded\"\n",
    ),
    source: "kafkajs 2.2.4, option rebalanceTimeout; the JoinGroup request's rebalance_timeout_ms",
};

/// The longest that one record takes: its maximum, or where nothing bounds it what all but one in a thousand take.
fn slowest_record(cost: &Cost) -> Duration {
    cost.max().unwrap_or_else(|| cost.sample(NEARLY_ALL))
}

/// What the slowest record is, for labels.
fn slowest_words(cost: &Cost) -> String {
    let slowest = slowest_record(cost);
    match cost.max() {
        Some(_) => format!("one record may take {}", format_duration(slowest)),
        None => format!("one record in a thousand takes {:.1} s or more", slowest.as_secs_f64()),
    }
}

/// A finding at the cost of a record, where that is declared to be above `setting`.
fn record_above(page: &Page, service: &Service, setting: Setting, what: &str) -> Option<Finding> {
    let cost = service.run.processing.per_record.as_ref()?;
    let duration = service.run.consumer.duration(setting)?;
    if slowest_record(cost) <= duration {
        return None;
    }
    let message = format!("one record can take longer than {what} ({})", format_duration(duration));
    let finding = Finding::new(page, cost.span(), message).here(slowest_words(cost));
    Some(label_setting(finding, service, setting))
}

fn handler_outlasts_session(view: &ServiceView<'_>, findings: &mut Findings) {
    let service = view.service;
    let bounded = service.run.processing.per_record.as_ref().and_then(|cost| cost.max());
    // A maximum above the session is P104's, and is said once.
    if *service.client != Client::Kafkajs || bounded.is_some() {
        return;
    }
    if let Some(finding) = record_above(
        &HANDLER_OUTLASTS_SESSION,
        service,
        Setting::SessionTimeout,
        "the session",
    ) {
        findings.push(
            finding
                .at_run_time("no heartbeat is sent meanwhile: the member is thrown out, and the record is processed again")
                .help("call heartbeat() in the handler and allow this finding with that as the reason, bound the handler, or raise session_timeout"),
        );
    }
}

fn handler_outlasts_rebalance(view: &ServiceView<'_>, findings: &mut Findings) {
    let service = view.service;
    if *service.client != Client::Kafkajs {
        return;
    }
    let setting = rebalance_wait(&service.run);
    let Some(finding) = record_above(&HANDLER_OUTLASTS_REBALANCE, service, setting, "a rebalance waits") else {
        return;
    };
    let slowest = service
        .run
        .processing
        .per_record
        .as_ref()
        .map_or(0.0, |cost| slowest_record(cost).as_secs_f64());
    let finding =
        finding.at_run_time("the group goes on without this member, which joins later and makes it rebalance again");
    findings.push(suggest_duration(
        finding,
        view.model,
        service,
        setting,
        rounded_up(slowest),
        "or bound the handler",
    ));
}

fn event_loop_blocked(view: &ServiceView<'_>, findings: &mut Findings) {
    let service = view.service;
    let processing = &service.run.processing;
    let settings = &service.run.consumer;
    let (Some(cpu), Some(session)) = (&processing.cpu, settings.duration(Setting::SessionTimeout)) else {
        return;
    };
    if *service.client != Client::Aiokafka || *processing.handler == Handler::Thread {
        return;
    }
    let waits = processing
        .per_record
        .as_ref()
        .is_some_and(|cost| cost.mean() > cpu.as_secs_f64());
    let records = if waits {
        1
    } else {
        settings.count(Setting::MaxPollRecords).unwrap_or(1)
    };
    let blocked = cpu.saturating_mul(u32::try_from(records).unwrap_or(u32::MAX));
    if blocked <= session {
        return;
    }
    let message = format!(
        "the event loop can be blocked for {}, longer than the session ({})",
        format_duration(blocked),
        format_duration(session)
    );
    let here = if records == 1 {
        "CPU of one record".to_owned()
    } else {
        format!("CPU of one record, {records} in a batch")
    };
    let finding = Finding::new(&EVENT_LOOP_BLOCKED, cpu.span(), message).here(here);
    let finding = label_setting(finding, service, Setting::SessionTimeout);
    findings.push(
        finding
            .at_run_time(
                "no heartbeat is sent meanwhile: the member is thrown out, and its records are processed again",
            )
            .help("write handler = \"thread\" and run the handler in an executor, or take fewer records in a batch"),
    );
}
