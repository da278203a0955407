//! P102 to P104: is a batch, and is one record, done before the next poll is due?

use crate::diagnostic::{Code, Example, Finding, Findings, Page, Severity, Stance};
use crate::model::keywords::Client;
use crate::model::service::Concurrency;
use crate::model::settings::Setting;
use crate::proofs::inputs::poll_setting;
use crate::proofs::poll_budget::{Over, PollBudget};
use crate::proofs::text::{count, seconds};
use crate::rules::{Check, Rule, ServiceView};

use super::{inherited, next_round, sayer, shown};

const POLL_INTERVAL: &str =
    "max.poll.interval.ms in every client's documentation: a member that does not poll in time leaves its group";

/// P102.
pub(super) const BATCH: Rule = Rule {
    page: &Page {
        code: Code("P102"),
        name: "batch-over-poll-interval",
        severity: Severity::Error,
        stance: Stance::Judged,
        summary: "A full batch at the mean cost takes longer than max_poll_interval.",
        why: "Under load batches are full. A consumer that has not polled within max_poll_interval leaves its group; its partitions and the whole batch go to another member, which takes as long. Offsets are not committed, records are processed again and again, and lag grows.\n\nA full batch takes `per_batch + ⌈max_poll_records ÷ concurrency⌉ × mean`.",
        bad: Example::Snippet("[processing]\nper_record = \"40s\"\n"),
        good: Example::Snippet(
            "[consumer]\nmax_poll_records = 1\n\n[[deviation]]\nsetting = \"max_poll_records\"\nreason = \"one record takes 40 s, and few arrive\"\n\n[processing]\nper_record = \"40s\"\n\n# file: profiles/topics.toml\n[topics.\"orders.created\"]\nrate = \"0.01/s\"\npeak = { rate = \"0.02/s\", for = \"10min\", every = \"1d\" }\n",
        ),
        source: POLL_INTERVAL,
    },
    check: Check::Service(batch),
};

/// P103.
pub(super) const SLOW_BATCH: Rule = Rule {
    page: &Page {
        code: Code("P103"),
        name: "slow-batch-over-poll-interval",
        severity: Severity::Warning,
        stance: Stance::Judged,
        summary: "One full batch in a hundred takes longer than max_poll_interval.",
        why: "The mean batch is in time, but now and then several slow records meet in one. Each time the consumer leaves its group, everybody rebalances, and the batch is processed twice.\n\nThe 99th percentile is that of the sum of the batch's costs, taken as log-normal (Fenton, 1960).",
        bad: Example::Snippet("[processing]\nper_record = { p50 = \"1s\", p99 = \"4min\", max = \"5min\" }\n"),
        good: Example::Snippet("[processing]\nper_record = { p50 = \"20ms\", p99 = \"80ms\", max = \"5min\" }\n"),
        source: POLL_INTERVAL,
    },
    check: Check::Service(slow_batch),
};

/// P104.
pub(super) const RECORD: Rule = Rule {
    page: &Page {
        code: Code("P104"),
        name: "record-over-poll-interval",
        severity: Severity::Error,
        stance: Stance::Judged,
        summary: "One record at its maximum takes longer than max_poll_interval.",
        why: "No batch size helps. The consumer leaves its group while it works on that record, which is given to another replica, where it happens again: the partition stands still behind one record. Bound the handler (a time-out is what `max` declares), or allow more time.",
        bad: Example::Snippet("[processing]\nper_record = { p50 = \"20ms\", p99 = \"80ms\", max = \"12min\" }\n"),
        good: Example::Snippet("[processing]\nper_record = { p50 = \"20ms\", p99 = \"80ms\", max = \"2min\" }\n"),
        source: POLL_INTERVAL,
    },
    check: Check::Service(record),
};

fn batch(view: &ServiceView<'_>, findings: &mut Findings) {
    let proof = view.poll_budget();
    let (Some(mean), true) = (proof.mean, proof.over.contains(&Over::Mean)) else {
        return;
    };
    // One record alone takes too long: P104 says so, and a smaller batch would not help.
    if proof.over.contains(&Over::RecordMax) && most_records(view, proof).is_none() {
        return;
    }
    let limit = limit(proof);
    let finding = at_cost(view, BATCH.page, "a full batch takes longer than the poll interval allows")
        .here(format!("a full batch takes {} on average", seconds(mean)))
        .at_run_time(format!(
            "under load the consumer leaves its group after {limit}, the batch is given to another replica, which takes as long, and lag grows"
        ));
    findings.push(budget_labels(view, finding, &limit).help(format!(
        "{}, or process more records at once",
        remedy(view, proof, mean)
    )));
}

fn slow_batch(view: &ServiceView<'_>, findings: &mut Findings) {
    let proof = view.poll_budget();
    let (Some(p99), true) = (
        proof.p99,
        proof.over.contains(&Over::P99) && !proof.over.contains(&Over::Mean),
    ) else {
        return;
    };
    let limit = limit(proof);
    let finding = at_cost(
        view,
        SLOW_BATCH.page,
        "one batch in a hundred takes longer than the poll interval allows",
    )
    .here(format!("99 of 100 full batches take up to {}", seconds(p99)))
    .at_run_time(format!(
        "now and then the consumer leaves its group after {limit}, everybody rebalances, and the batch is processed twice"
    ));
    let help = format!(
        "lower max_poll_records, or raise max_poll_interval to at least {}",
        next_round(p99)
    );
    findings.push(budget_labels(view, finding, &limit).help(help));
}

fn record(view: &ServiceView<'_>, findings: &mut Findings) {
    let proof = view.poll_budget();
    let (Some(max), true) = (proof.record_max, proof.over.contains(&Over::RecordMax)) else {
        return;
    };
    let limit = limit(proof);
    let setting = poll_setting(view.service.client.value);
    let mut finding = at_cost(
        view,
        RECORD.page,
        "one record can take longer than the poll interval allows",
    )
    .here(format!("one record may take {}", seconds(max)))
    .at_run_time(format!(
        "the consumer leaves its group after {limit}, the record is given to another replica, and it happens again: the group never gets past that record"
    ))
    .help(match view.service.client.value {
        Client::Kafkajs => format!(
            "call heartbeat() in the handler and allow this finding with that as the reason, bound the handler, or raise {setting} to at least {}",
            next_round(max)
        ),
        _ => format!(
            "raise {setting} to at least {} for this service, with a deviation that says why, or bound the handler",
            next_round(max)
        ),
    });
    if let Some(place) = view.service.run.processing.per_record_max {
        finding.primary.span = place;
    }
    findings.push(interval_label(view, finding, &limit));
}

/// A finding at the cost of a record.
fn at_cost(view: &ServiceView<'_>, page: &Page, message: &str) -> Finding {
    let cost = view.service.run.processing.per_record.as_ref();
    let span = cost.map_or(view.service.service_type.span(), |cost| cost.span());
    Finding::new(page, span, message)
}

fn limit(proof: &PollBudget) -> String {
    proof.limit.map_or_else(String::new, shown)
}

/// The most records with which a mean batch is in time; nothing where not even one is.
fn most_records(view: &ServiceView<'_>, proof: &PollBudget) -> Option<u64> {
    let run = &view.service.run;
    let each = run.processing.per_record.as_ref()?.mean();
    let spare = proof.limit?.as_secs_f64() - run.processing.per_batch.as_secs_f64();
    let side_by_side = match run.processing.concurrency.value {
        Concurrency::Bounded(bound) => f64::from(bound.max(1)),
        Concurrency::Unbounded => return None,
    };
    let most = (spare / each).floor() * side_by_side;
    // Holds: bounded on both sides.
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
    (1.0..1e9).contains(&most).then_some(most as u64)
}

fn remedy(view: &ServiceView<'_>, proof: &PollBudget, mean: f64) -> String {
    let raise = format!(
        "raise {} to at least {}",
        poll_setting(view.service.client.value),
        next_round(mean)
    );
    match most_records(view, proof) {
        Some(most) => format!("lower max_poll_records to at most {most}, {raise}"),
        None => raise,
    }
}

fn interval_label(view: &ServiceView<'_>, finding: Finding, limit: &str) -> Finding {
    let setting = poll_setting(view.service.client.value);
    let Some(value) = view.service.run.consumer.get(setting) else {
        return finding;
    };
    let between = match view.service.client.value {
        Client::Kafkajs => "without a heartbeat, which kafkajs sends between records",
        _ => "between polls",
    };
    finding.label(
        value.span(),
        format!(
            "{} allows {limit} {between}{}",
            sayer(value, view.service),
            inherited(value)
        ),
    )
}

fn budget_labels(view: &ServiceView<'_>, finding: Finding, limit: &str) -> Finding {
    let finding = interval_label(view, finding, limit);
    match view.service.run.consumer.get(Setting::MaxPollRecords) {
        Some(records) => finding.label(
            records.span(),
            format!(
                "{} polls up to {}{}",
                sayer(records, view.service),
                count(records.value.number().unwrap_or(1), "record"),
                inherited(records)
            ),
        ),
        None => finding,
    }
}
