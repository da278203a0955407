//! Retries and dead letters.

use std::time::Duration;

use crate::declared::nearest;
use crate::diagnostic::{Code, Example, Finding, Findings, Page, Safety, Severity, Stance};
use crate::model::keywords::{Client, Handler};
use crate::model::origin::Layer;
use crate::model::service::{Retry, Service};
use crate::model::settings::Setting;
use crate::proofs::text::count;
use crate::rules::mend::edit_profile;
use crate::rules::tell::{label_other, label_setting};
use crate::rules::{Check, Rule, ServiceView};
use crate::units::format_duration;

pub(in crate::rules) const RULES: &[Rule] = &[
    Rule {
        page: &DEAD_LETTER_UNKNOWN,
        check: Check::Service(dead_letter_unknown),
    },
    Rule {
        page: &DEAD_LETTER_IN_A_CIRCLE,
        check: Check::Service(dead_letter_in_a_circle),
    },
    Rule {
        page: &RETRIES_OUTLAST_POLL,
        check: Check::Service(retries_outlast_poll),
    },
    Rule {
        page: &SLOW_RETRIES_OUTLAST_POLL,
        check: Check::Service(slow_retries_outlast_poll),
    },
];

/// A topic for failed records that nobody declared.
pub const DEAD_LETTER_UNKNOWN: Page = Page {
    code: Code("D110"),
    name: "dead-letter-unknown",
    severity: Severity::Error,
    stance: Stance::Rejected,
    summary: "The dead letter topic is not declared in topics.toml.",
    why: "A record that failed for the last time is sent there. If the topic does not exist, sending fails too, and the record is either lost or holds up its partition, at the worst moment to find out. The topic scripts only create what is declared.",
    bad: Example::Snippet("[delivery]\nretry = { attempts = 3, backoff = \"1s\", dead_letter = \"orders.dlq\" }\n"),
    good: Example::Snippet(
        "[delivery]\nretry = { attempts = 3, backoff = \"1s\", dead_letter = \"orders.dlq\" }\n\n# file: profiles/topics.toml\n[topics.\"orders.dlq\"]\npartitions = 6\n",
    ),
    source: "lagproof's own rules for its files",
};

/// Failed records that come back.
pub const DEAD_LETTER_IN_A_CIRCLE: Page = Page {
    code: Code("D111"),
    name: "dead-letter-in-a-circle",
    severity: Severity::Error,
    stance: Stance::Rejected,
    summary: "The dead letter topic is one that the service reads.",
    why: "A record that fails for the last time is written to the topic it came from, read again, fails again: for ever, and with several bad records ever faster. Lag grows although nothing new arrives.",
    bad: Example::Snippet("[delivery]\nretry = { attempts = 3, backoff = \"1s\", dead_letter = \"orders.created\" }\n"),
    good: Example::Snippet(
        "[delivery]\nretry = { attempts = 3, backoff = \"1s\", dead_letter = \"orders.dlq\" }\n\n# file: profiles/topics.toml\n[topics.\"orders.dlq\"]\npartitions = 6\n",
    ),
    source: "lagproof's own rules for its files",
};

/// Pauses that alone are longer than the poll interval.
pub const RETRIES_OUTLAST_POLL: Page = Page {
    code: Code("D112"),
    name: "retries-outlast-poll-interval",
    severity: Severity::Error,
    stance: Stance::Judged,
    summary: "The pauses between the tries of one record are together longer than the poll interval.",
    why: "An inline handler pauses in the thread that polls. The pause doubles after each try; if the pauses of one record add up to more than `max_poll_interval` (with kafkajs, which sends no heartbeat meanwhile: the session), the member is thrown out before the last try. The record is given to another member, which begins with the first try: the group never gets past it, and the dead letter topic stays empty.",
    bad: Example::Snippet("[delivery]\nretry = { attempts = 10, backoff = \"1s\" }\n"),
    good: Example::Snippet("[delivery]\nretry = { attempts = 5, backoff = \"1s\" }\n"),
    source: "KIP-62, max.poll.interval.ms; measured with librdkafka 2.16.0: `Application maximum poll interval (…ms) exceeded`",
};

/// Pauses that with slow tries are longer than the poll interval.
pub const SLOW_RETRIES_OUTLAST_POLL: Page = Page {
    code: Code("D113"),
    name: "slow-retries-outlast-poll-interval",
    severity: Severity::Warning,
    stance: Stance::Judged,
    summary: "The tries of one slow record, with the pauses between them, can take longer than the poll interval.",
    why: "As D112, for a record whose every try takes as long as the slowest one in a hundred. Tries that fail are often slow ones: they wait for something that does not answer.",
    bad: Example::Snippet(
        "[delivery]\nretry = { attempts = 5, backoff = \"1s\" }\n\n[processing]\nper_record = { p50 = \"20ms\", p99 = \"1min\", max = \"1min\" }\nconcurrency = 200\n",
    ),
    good: Example::Snippet("[delivery]\nretry = { attempts = 3, backoff = \"1s\" }\n"),
    source: "KIP-62, max.poll.interval.ms",
};

fn retry(service: &Service) -> Option<&Retry> {
    service.run.delivery.retry.as_ref()
}

/// All pauses of one record, in seconds: the backoff before the second try, doubled before each further one.
fn pauses(retry: &Retry) -> f64 {
    pauses_of(&retry.backoff, *retry.attempts)
}

fn pauses_of(backoff: &Duration, attempts: u32) -> f64 {
    // Nothing doubled is nothing, however often: infinity times zero would be no number.
    if backoff.is_zero() {
        return 0.0;
    }
    backoff.as_secs_f64() * (f64::from(attempts.saturating_sub(1)).exp2() - 1.0)
}

/// What bounds an inline handler's time with one record, and what that is called.
fn patience(service: &Service) -> Option<(Setting, Duration)> {
    let setting = match *service.client {
        Client::Kafkajs => Setting::SessionTimeout,
        _ => Setting::MaxPollInterval,
    };
    let inline = *service.run.processing.handler == Handler::Inline;
    Some((setting, service.run.consumer.duration(setting)?)).filter(|_| inline)
}

/// The most tries whose pauses stay within so many seconds.
fn most_attempts(retry: &Retry, seconds: f64) -> u32 {
    let fits = (1..retry.attempts.value)
        .take(64)
        .take_while(|attempts| pauses_of(&retry.backoff, *attempts) <= seconds);
    fits.last().unwrap_or(1)
}

fn dead_letter_unknown(view: &ServiceView<'_>, findings: &mut Findings) {
    let Some(topic) = retry(view.service).and_then(|retry| retry.dead_letter.as_ref()) else {
        return;
    };
    if view.model.topics.contains_key(&topic.value) {
        return;
    }
    let message = format!("dead letter topic `{}` is not declared", topic.value);
    let finding = Finding::new(&DEAD_LETTER_UNKNOWN, topic.span(), message)
        .here("not in topics.toml")
        .at_run_time("sending a failed record there fails too: it is lost, or holds up its partition");
    let near = nearest(&topic.value, view.model.topics.keys().map(String::as_str));
    findings.push(match near.filter(|near| !reads(view.service, near)) {
        Some(near) => {
            let finding = finding.help(format!("did you mean `{near}`?"));
            if topic.origin.layer == Layer::Profile {
                let edit = edit_profile(
                    view.service,
                    &["delivery", "retry", "dead_letter"],
                    &toml_edit::Value::from(near).to_string(),
                );
                finding.fix(Safety::Suggested, format!("write `{near}`"), vec![edit])
            } else {
                finding
            }
        }
        None => finding.help(format!("declare [topics.\"{}\"] in topics.toml", topic.value)),
    });
}

fn reads(service: &Service, topic: &str) -> bool {
    service.topics.iter().any(|read| read.value == topic)
}

fn dead_letter_in_a_circle(view: &ServiceView<'_>, findings: &mut Findings) {
    let Some(topic) = retry(view.service).and_then(|retry| retry.dead_letter.as_ref()) else {
        return;
    };
    let Some(read) = view.service.topics.iter().find(|read| read.value == topic.value) else {
        return;
    };
    let message = format!("dead letters go to `{}`, which the service reads itself", topic.value);
    findings.push(
        Finding::new(&DEAD_LETTER_IN_A_CIRCLE, topic.span(), message)
            .here("written to here")
            .label(read.span(), "read from here")
            .at_run_time("a record that fails comes back for ever, and lag grows although nothing new arrives")
            .help("name a topic of its own for them, such as one that ends in .dlq"),
    );
}

/// The finding that tries of one record take `seconds`, where the member is given `patience`.
fn too_long(page: &Page, view: &ServiceView<'_>, retry: &Retry, seconds: f64, message: &str) -> Option<Finding> {
    let service = view.service;
    let (setting, most) = patience(service)?;
    let value = service.run.consumer.get(setting)?;
    if seconds <= most.as_secs_f64() {
        return None;
    }
    let message = format!("{message} take {}, and {setting} is {}", told(seconds), value.value);
    let finding = Finding::new(page, retry.attempts.span(), message).here(format!("{} tries", *retry.attempts));
    let finding = label_other(
        finding,
        retry.backoff.span(),
        format!("{} before the second, doubling", format_duration(*retry.backoff)),
    );
    let finding = label_setting(finding, service, setting);
    Some(finding.at_run_time(
        "the member is thrown out before the last try, another begins with the first, and the group never gets past the record",
    ))
}

/// Seconds as people say them; beyond a year nobody wants to know.
fn told(seconds: f64) -> String {
    const YEAR: f64 = 31_536_000.0;
    if seconds > YEAR {
        return "more than a year".to_owned();
    }
    match seconds {
        s if s < 600.0 => format!("{s:.0}s"),
        s if s < 36_000.0 => format!("{:.0}min", s / 60.0),
        s => format!("{:.0}h", s / 3_600.0),
    }
}

fn retries_outlast_poll(view: &ServiceView<'_>, findings: &mut Findings) {
    let Some(retry) = retry(view.service) else { return };
    let message = "the pauses between the tries of one record";
    let Some(finding) = too_long(&RETRIES_OUTLAST_POLL, view, retry, pauses(retry), message) else {
        return;
    };
    let most = patience(view.service).map_or(0.0, |(_, most)| most.as_secs_f64());
    let attempts = most_attempts(retry, most / 2.0);
    let finding = finding.help(format!(
        "write at most {} (half of max_poll_interval), a shorter backoff, or raise max_poll_interval",
        count(attempts.into(), "attempt")
    ));
    findings.push(if retry.attempts.origin.layer == Layer::Profile {
        let edit = edit_profile(view.service, &["delivery", "retry", "attempts"], &attempts.to_string());
        finding.fix(Safety::Suggested, format!("set `attempts = {attempts}`"), vec![edit])
    } else {
        finding
    });
}

fn slow_retries_outlast_poll(view: &ServiceView<'_>, findings: &mut Findings) {
    let Some(retry) = retry(view.service) else { return };
    let Some(cost) = &view.service.run.processing.per_record else {
        return;
    };
    let alone = patience(view.service).is_some_and(|(_, most)| pauses(retry) > most.as_secs_f64());
    if alone || *retry.attempts < 2 {
        return;
    }
    let seconds = f64::from(*retry.attempts).mul_add(cost.quantile(0.99), pauses(retry));
    let message = "the tries of one slow record, with their pauses,";
    if let Some(finding) = too_long(&SLOW_RETRIES_OUTLAST_POLL, view, retry, seconds, message) {
        let finding = label_other(
            finding,
            cost.span(),
            format!("one try in a hundred takes {} or more", told(cost.quantile(0.99))),
        );
        findings.push(finding.help("fewer attempts, a shorter backoff, a bounded handler, or a longer poll interval"));
    }
}
