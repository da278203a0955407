//! T108 to T110: what keeps records in order, and what breaks it.

use crate::diagnostic::{Code, Example, Finding, Findings, Page, Severity, Stance};
use crate::model::keywords::{Cleanup, Ordering};
use crate::model::service::Concurrency;
use crate::rules::{Check, Rule, ServiceView, TopicView};

/// T108.
pub(super) const NO_KEY: Rule = Rule {
    page: &Page {
        code: Code("T108"),
        name: "order-without-key",
        severity: Severity::Error,
        stance: Stance::Rejected,
        summary: "A topic promises order per key and has no key.",
        why: "A sequence is promised by the key: records of one key go to one partition, which one member reads. Without a key, producers spread records over all partitions. No assignor helps, `sticky` neither: it decides who reads a partition, not what is in it.",
        bad: Example::Snippet(
            "# file: profiles/topics.toml\n[topics.\"orders.paid\"]\npartitions = 6\nordering = \"per-key\"\n",
        ),
        good: Example::Snippet(
            "# file: profiles/topics.toml\n[topics.\"orders.paid\"]\npartitions = 6\nordering = \"per-key\"\nkey = { field = \"customer_id\", cardinality = 50000 }\n",
        ),
        source: "Apache Kafka documentation: order is kept within a partition",
    },
    check: Check::Topic(no_key),
};

/// T109.
pub(super) const CONCURRENT: Rule = Rule {
    page: &Page {
        code: Code("T109"),
        name: "order-and-concurrency",
        severity: Severity::Warning,
        stance: Stance::Judged,
        summary: "A topic is declared to be in order, and a service that reads it processes several records at once.",
        why: "Kafka delivers a partition's records in order, and then two of them run side by side: the later one may be done first. Unless the handler keeps records of one key on one worker, the order ends where the service begins.\n\nOnly topics whose `ordering` is written out are looked at: the default, per key where there is a key, is nobody's promise.",
        bad: Example::Snippet(
            "[processing]\nconcurrency = 4\n\n# file: profiles/topics.toml\n[topics.\"orders.created\"]\nordering = \"per-key\"\n",
        ),
        good: Example::Snippet(
            "[processing]\nconcurrency = 4\n\n# file: profiles/topics.toml\n[topics.\"orders.created\"]\nordering = \"none\"\n",
        ),
        source: "lagproof's own reasoning",
    },
    check: Check::Service(concurrent),
};

/// T110.
pub(super) const COMPACT_NO_KEY: Rule = Rule {
    page: &Page {
        code: Code("T110"),
        name: "compacted-without-key",
        severity: Severity::Error,
        stance: Stance::Rejected,
        summary: "A compacted topic has no key.",
        why: "Compaction keeps the last record of each key. Brokers refuse a record without a key in a compacted topic (InvalidRecordException): nothing can be produced to it.",
        bad: Example::Snippet(
            "# file: profiles/topics.toml\n[topics.\"orders.state\"]\npartitions = 6\ncleanup = \"compact\"\n",
        ),
        good: Example::Snippet(
            "# file: profiles/topics.toml\n[topics.\"orders.state\"]\npartitions = 6\ncleanup = \"compact\"\nkey = { field = \"order_id\", cardinality = 100000 }\n",
        ),
        source: "Apache Kafka, LogValidator: compacted topic cannot accept message without key",
    },
    check: Check::Topic(compact_no_key),
};

fn no_key(view: &TopicView<'_>, findings: &mut Findings) {
    let topic = view.topic;
    if topic.ordering.value != Ordering::PerKey || topic.key.is_some() {
        return;
    }
    findings.push(
        Finding::new(
            NO_KEY.page,
            topic.ordering.span(),
            format!("{} promises order per key and has no key", topic.name),
        )
        .here("by what key?")
        .at_run_time("producers spread records over all partitions, and they are processed in any order")
        .help("declare the key that producers use, such as `key = { field = \"device_id\", cardinality = 1000 }`, or write ordering = \"none\""),
    );
}

fn concurrent(view: &ServiceView<'_>, findings: &mut Findings) {
    let concurrency = &view.service.run.processing.concurrency;
    let at_once = match concurrency.value {
        Concurrency::Bounded(0 | 1) => return,
        Concurrency::Bounded(bound) => format!("{bound} records at once"),
        Concurrency::Unbounded => "any number of records at once".to_owned(),
    };
    for topic in &view.topics {
        let promise = match topic.ordering.value {
            Ordering::PerKey => "per key",
            Ordering::PerPartition => "per partition",
            Ordering::None => continue,
        };
        if topic.ordering.is_edition() {
            continue;
        }
        findings.push(
            Finding::new(
                CONCURRENT.page,
                concurrency.span(),
                format!("{} may process {} out of order", view.service.name, topic.name),
            )
            .here(at_once.clone())
            .label(topic.ordering.span(), format!("order {promise} is promised here"))
            .at_run_time("of two records of one key in hand, the later may be done first")
            .help("keep records of one key on one worker and allow this with that as the reason, or write concurrency = 1"),
        );
    }
}

fn compact_no_key(view: &TopicView<'_>, findings: &mut Findings) {
    let topic = view.topic;
    let compacts = matches!(topic.cleanup.value, Cleanup::Compact | Cleanup::CompactDelete);
    if !compacts || topic.key.is_some() {
        return;
    }
    findings.push(
        Finding::new(
            COMPACT_NO_KEY.page,
            topic.cleanup.span(),
            format!("{} is compacted and has no key", topic.name),
        )
        .here("keeps the last record of each key")
        .at_run_time("brokers refuse every record without a key")
        .help("declare the key that producers use, or write cleanup = \"delete\""),
    );
}
