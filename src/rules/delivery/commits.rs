//! When offsets are committed, held against when records are processed.

use std::time::Duration;

use crate::diagnostic::{Code, Example, Finding, Findings, Page, Safety, Severity, Stance};
use crate::model::keywords::{Client, Commit, Handler};
use crate::model::origin::Layer;
use crate::model::service::{Concurrency, Service};
use crate::rules::mend::edit_profile;
use crate::rules::tell::{label_declared, label_other};
use crate::rules::{Check, Rule, ServiceView};
use crate::units::format_duration;

/// The longest commit interval that librdkafka takes, the strictest of all.
const LONGEST_INTERVAL: Duration = Duration::from_secs(86_400);

pub(in crate::rules) const RULES: &[Rule] = &[
    Rule {
        page: &COMMIT_BEFORE_WORK,
        check: Check::Service(commit_before_work),
    },
    Rule {
        page: &COMMIT_OVERTAKES_WORK,
        check: Check::Service(commit_overtakes_work),
    },
    Rule {
        page: &COMMIT_ON_RECEIPT,
        check: Check::Service(commit_on_receipt),
    },
    Rule {
        page: &COMMIT_INTERVAL,
        check: Check::Service(commit_interval),
    },
];

/// Auto-commit of clients that count what was handed out.
pub const COMMIT_BEFORE_WORK: Page = Page {
    code: Code("D101"),
    name: "commit-before-work",
    severity: Severity::Warning,
    stance: Stance::Judged,
    summary: "With commit = \"interval\" on librdkafka or aiokafka, a crash loses what was in hand.",
    why: "librdkafka stores a record's offset when it hands the record out, not when it is processed, and its timer commits what is stored. aiokafka commits its position in the background, which is past every record that a batch handed out. If the process dies in between, the records in hand are committed and were never processed. Java and kafkajs commit what the poll before returned.",
    bad: Example::Snippet("client = \"librdkafka\"\n\n[delivery]\ncommit = \"interval\"\n"),
    good: Example::Snippet("client = \"librdkafka\"\n\n[delivery]\ncommit = \"after-batch\"\n"),
    source: "librdkafka 2.12.1, CONFIGURATION.md, enable.auto.offset.store; aiokafka 0.14.0, whose coordinator commits all consumed offsets on a timer",
};

/// A timer that commits what other threads still work on.
pub const COMMIT_OVERTAKES_WORK: Page = Page {
    code: Code("D102"),
    name: "commit-overtakes-work",
    severity: Severity::Warning,
    stance: Stance::Judged,
    summary: "With commit = \"interval\" and work that goes on after the poll loop has moved on, commits overtake it.",
    why: "The client's timer commits what the last poll returned, taking for processed what was handed to other threads. If the process dies, records that a worker still had in hand, or waiting in its queue, are committed and lost. The same holds for any number of records at once that nothing bounds.",
    bad: Example::Snippet("[delivery]\ncommit = \"interval\"\n\n[processing]\nhandler = \"thread\"\n"),
    good: Example::Snippet("[delivery]\ncommit = \"after-batch\"\n\n[processing]\nhandler = \"thread\"\n"),
    source: "Apache Kafka 4.2, KafkaConsumer: \"you must ensure that all data returned from each poll is consumed before any subsequent calls\"",
};

/// At most once.
pub const COMMIT_ON_RECEIPT: Page = Page {
    code: Code("D103"),
    name: "commit-on-receipt",
    severity: Severity::Warning,
    stance: Stance::Judged,
    summary: "Offsets are committed before records are processed.",
    why: "What is committed is not delivered again. A crash, an out-of-memory kill or a handler that fails loses every record in hand; lag looks perfect meanwhile. Measured: a worker that committed at hand-over was killed with 250 records in hand, and all of them were lost. Where losing records is fine, allow this finding with that as the reason.",
    bad: Example::Snippet("[delivery]\ncommit = \"on-receipt\"\n"),
    good: Example::Snippet("[delivery]\ncommit = \"after-record\"\n"),
    source: "measured with librdkafka 2.16.0 on Apache Kafka 4.3.1; Apache Kafka's documentation, \"Message Delivery Semantics\"",
};

/// An interval that clients refuse or take for never.
pub const COMMIT_INTERVAL: Page = Page {
    code: Code("D104"),
    name: "commit-interval",
    severity: Severity::Error,
    stance: Stance::Rejected,
    summary: "The commit interval is zero, finer than a millisecond, or above a day.",
    why: "librdkafka takes an interval of 0 for \"never\", Java for \"at every poll\"; it refuses more than a day. Clients count in milliseconds.",
    bad: Example::Snippet("[delivery]\ncommit_interval = \"0s\"\n"),
    good: Example::Snippet("[delivery]\ncommit_interval = \"5s\"\n"),
    source: "librdkafka 2.12.1, CONFIGURATION.md, auto.commit.interval.ms 0 .. 86400000",
};

/// A finding at the commit's place, or at the client's line where only a default says it; nothing where nobody chose it.
fn at_commit(page: &Page, service: &Service, message: &str) -> Option<Finding> {
    let commit = &service.run.delivery.commit;
    if commit.is_edition() {
        return None;
    }
    Some(Finding::new(page, commit.span(), message).here(format!("commit is {}", **commit)))
}

/// Suggests committing once a batch is processed.
fn after_batch(finding: Finding, service: &Service) -> Finding {
    let finding = finding.help("write commit = \"after-batch\" in [delivery]: a crash then repeats at most one batch");
    if service.run.delivery.commit.origin.layer != Layer::Profile {
        return finding;
    }
    finding.fix(
        Safety::Suggested,
        "set `commit = \"after-batch\"`",
        vec![edit_profile(service, &["delivery", "commit"], "\"after-batch\"")],
    )
}

/// Whether the client's timer commits what was handed out, processed or not.
fn commits_what_it_hands_out(service: &Service) -> bool {
    matches!(*service.client, Client::Librdkafka | Client::Aiokafka)
}

fn commit_before_work(view: &ServiceView<'_>, findings: &mut Findings) {
    let service = view.service;
    if *service.run.delivery.commit != Commit::Interval || !commits_what_it_hands_out(service) {
        return;
    }
    let message = "offsets are committed by the clock, processed or not";
    if let Some(finding) = at_commit(&COMMIT_BEFORE_WORK, service, message) {
        let finding = label_other(
            finding,
            service.client.span(),
            format!("{} commits what it has handed out", *service.client),
        )
        .at_run_time("a crash loses the records in hand: they are committed and were never processed");
        findings.push(after_batch(finding, service));
    }
}

fn commit_overtakes_work(view: &ServiceView<'_>, findings: &mut Findings) {
    let service = view.service;
    let processing = &service.run.processing;
    if *service.run.delivery.commit != Commit::Interval || commits_what_it_hands_out(service) {
        return;
    }
    let unbounded = *processing.concurrency == Concurrency::Unbounded;
    if *processing.handler != Handler::Thread && !unbounded {
        return;
    }
    let message = "offsets are committed by the clock while other threads still work on the records";
    if let Some(finding) = at_commit(&COMMIT_OVERTAKES_WORK, service, message) {
        let finding = if unbounded {
            label_declared(
                finding,
                &processing.concurrency,
                "any number of records is in hand at once",
            )
        } else {
            label_declared(finding, &processing.handler, "the poll loop goes on meanwhile")
        };
        let finding = finding.at_run_time("a crash loses the records that were in hand or queued: they are committed");
        findings.push(after_batch(finding, service));
    }
}

fn commit_on_receipt(view: &ServiceView<'_>, findings: &mut Findings) {
    let service = view.service;
    if *service.run.delivery.commit != Commit::OnReceipt {
        return;
    }
    let message = "offsets are committed before the records are processed";
    if let Some(finding) = at_commit(&COMMIT_ON_RECEIPT, service, message) {
        let mut finding = finding;
        if *service.run.processing.concurrency == Concurrency::Unbounded {
            finding = label_declared(
                finding,
                &service.run.processing.concurrency,
                "any number of records is in hand at once",
            );
        }
        let finding = finding.at_run_time("a crash loses every record in hand, and lag does not show it");
        findings.push(after_batch(finding, service));
    }
}

fn commit_interval(view: &ServiceView<'_>, findings: &mut Findings) {
    let service = view.service;
    let interval = &service.run.delivery.commit_interval;
    let whole = interval.subsec_nanos().is_multiple_of(1_000_000);
    if interval.is_edition() || (whole && !interval.is_zero() && **interval <= LONGEST_INTERVAL) {
        return;
    }
    let message = format!(
        "commit_interval is {}, outside 1ms to 1d in whole milliseconds",
        format_duration(**interval)
    );
    let finding = Finding::new(&COMMIT_INTERVAL, interval.span(), message)
        .at_run_time(if interval.is_zero() {
            "librdkafka takes it for never, other clients for always"
        } else {
            "librdkafka refuses it, and the service does not start"
        })
        .help("write commit_interval = \"5s\", the usual one");
    let by_profile = interval.origin.layer == Layer::Profile;
    findings.push(if by_profile {
        let edit = edit_profile(service, &["delivery", "commit_interval"], "\"5s\"");
        finding.fix(Safety::Suggested, "set `commit_interval = \"5s\"`", vec![edit])
    } else {
        finding
    });
}
