//! T111 to T113: how long records are kept, and how large they are.

use crate::diagnostic::{Code, Example, Finding, Findings, Page, Severity, Stance};
use crate::model::keywords::Cleanup;
use crate::model::settings::Setting;
use crate::model::topic::Topic;
use crate::proofs::capacity::Drain;
use crate::proofs::text::{bytes, seconds};
use crate::rules::{Check, Rule, ServiceView, TopicView};

const RETENTION: &str = "Apache Kafka, retention.ms and segment.ms of topics";

/// T111.
pub(super) const SHORT: Rule = Rule {
    page: &Page {
        code: Code("T111"),
        name: "retention-too-short",
        severity: Severity::Warning,
        stance: Stance::Judged,
        summary: "Records are deleted before a reader that falls behind as declared can have read them.",
        why: "Two times must fit into the retention: that from the start of a peak until its backlog is worked off, and that until a stuck consumer is noticed and its partitions go to another (max_poll_interval). What is older is deleted, read or not.",
        bad: Example::Snippet(
            "# file: profiles/topics.toml\n[topics.\"orders.created\"]\nretention = { time = \"2min\" }\n",
        ),
        good: Example::Snippet(
            "# file: profiles/topics.toml\n[topics.\"orders.created\"]\nretention = { time = \"1d\" }\n",
        ),
        source: RETENTION,
    },
    check: Check::Service(short),
};

/// T112.
pub(super) const SEGMENT: Rule = Rule {
    page: &Page {
        code: Code("T112"),
        name: "segment-over-retention",
        severity: Severity::Warning,
        stance: Stance::Judged,
        summary: "A segment is declared longer or larger than what is kept.",
        why: "Brokers delete whole segments, and never the one that is written to. With a segment longer than the retention, records stay for up to both together, and the disk holds what nobody planned.",
        bad: Example::Snippet(
            "# file: profiles/topics.toml\n[topics.\"orders.created\"]\nsegment = { time = \"14d\" }\n",
        ),
        good: Example::Snippet(
            "# file: profiles/topics.toml\n[topics.\"orders.created\"]\nsegment = { time = \"1d\" }\n",
        ),
        source: RETENTION,
    },
    check: Check::Topic(segment),
};

/// T113.
pub(in crate::rules) const RECORD_TOO_LARGE: Rule = Rule {
    page: &Page {
        code: Code("T113"),
        name: "record-over-broker-limit",
        severity: Severity::Error,
        stance: Stance::Rejected,
        summary: "The largest record, compressed, is larger than brokers accept.",
        why: "Brokers refuse a batch above message.max.bytes (RecordTooLargeException, Kafka's default 1,048,588 bytes): the record never reaches the topic. The limit is on the batch as sent, so a declared compression ratio counts.",
        bad: Example::Snippet(
            "# file: profiles/topics.toml\n[topics.\"orders.created\"]\nrecord = { mean = \"1KiB\", max = \"3MiB\" }\n",
        ),
        good: Example::Snippet(
            "# file: lagproof.toml\n[broker]\nmessage_max = \"4MiB\"\n\n# file: profiles/topics.toml\n[topics.\"orders.created\"]\nrecord = { mean = \"1KiB\", max = \"512KiB\" }\n",
        ),
        source: "Apache Kafka's broker configuration, message.max.bytes: \"the largest record batch size allowed by Kafka (after compression if compression is enabled)\"",
    },
    check: Check::Topic(record_too_large),
};

fn short(view: &ServiceView<'_>, findings: &mut Findings) {
    for topic in &view.topics {
        let Some(retention) = topic.retention_time.as_ref().filter(|_| deletes(topic)) else {
            continue;
        };
        let kept = retention.as_secs_f64();
        let stall = view.service.run.consumer.duration(Setting::MaxPollInterval);
        let stall = stall.map_or(0.0, |stall| stall.as_secs_f64());
        let peak = until_drained(view, topic).unwrap_or(0.0);
        let (needed, why) = if peak >= stall {
            (peak, "from the start of a peak until its backlog is worked off")
        } else {
            (stall, "until a stuck member is noticed")
        };
        if kept >= needed {
            continue;
        }
        let finding = Finding::new(
            SHORT.page,
            retention.span(),
            format!("{} may lose records of {} unread", view.service.name, topic.name),
        )
        .here(format!("kept for {}", seconds(kept)))
        .at_run_time(format!(
            "it takes {} {why}; older records are deleted before they are read",
            seconds(needed)
        ))
        .help(format!("keep them for well above {}", seconds(needed)));
        let place = match &topic.peak {
            Some(at_peak) if peak >= stall => Some(at_peak.rate.span()),
            _ => view
                .service
                .run
                .consumer
                .get(Setting::MaxPollInterval)
                .map(|value| value.span()),
        };
        findings.push(match place {
            Some(place) => finding.label(place, format!("{} {why}", seconds(needed))),
            None => finding,
        });
    }
}

/// Seconds from the start of a topic's peak until the service has worked it off; nothing where it leaves nothing behind
/// or is never worked off.
fn until_drained(view: &ServiceView<'_>, topic: &Topic) -> Option<f64> {
    let lasts = topic.peak.as_ref()?.lasts.as_ref()?.as_secs_f64();
    match view.capacity().numbers.as_ref()?.drain? {
        Drain::Backlog { seconds, .. } if seconds.is_finite() => Some(lasts + seconds),
        Drain::Backlog { .. } | Drain::Nothing => None,
    }
}

fn deletes(topic: &Topic) -> bool {
    matches!(topic.cleanup.value, Cleanup::Delete | Cleanup::CompactDelete)
}

fn segment(view: &TopicView<'_>, findings: &mut Findings) {
    let topic = view.topic;
    if !deletes(topic) {
        return;
    }
    if let (Some(segment), Some(kept)) = (&topic.segment_time, &topic.retention_time)
        && segment.value > kept.value
    {
        let (segment_time, kept_time) = (seconds(segment.as_secs_f64()), seconds(kept.as_secs_f64()));
        findings.push(
            Finding::new(
                SEGMENT.page,
                segment.span(),
                format!("a segment of {} lasts longer than records are kept", topic.name),
            )
            .here(format!("a segment may last {segment_time}"))
            .label(kept.span(), format!("records are kept for {kept_time}"))
            .at_run_time("records stay until their whole segment is old enough, up to both times together")
            .help(format!("write a segment time below {kept_time}")),
        );
    }
    if let (Some(segment), Some(kept)) = (&topic.segment_size, &topic.retention_size)
        && segment.value > kept.value
    {
        findings.push(
            Finding::new(
                SEGMENT.page,
                segment.span(),
                format!("a segment of {} is larger than what is kept", topic.name),
            )
            .here(format!("a segment may have {}", segment.value))
            .label(kept.span(), format!("{} are kept a partition", kept.value))
            .at_run_time("a partition holds at least its open segment, which is more than is meant to be kept")
            .help(format!("write a segment size below {}", kept.value)),
        );
    }
}

fn record_too_large(view: &TopicView<'_>, findings: &mut Findings) {
    let (topic, limit) = (view.topic, &view.model.broker.message_max);
    let Some(record) = &topic.record_max else { return };
    let ratio = topic.compression_ratio.value.max(1.0);
    #[allow(clippy::cast_precision_loss)]
    let (sent, most) = (record.bytes() as f64 / ratio, limit.bytes() as f64);
    if sent <= most {
        return;
    }
    let finding = Finding::new(
        RECORD_TOO_LARGE.page,
        record.span(),
        format!("brokers refuse the largest record of {}", topic.name),
    )
    .here(if ratio > 1.0 {
        format!("{} once compressed", bytes(sent))
    } else {
        format!("up to {}", bytes(sent))
    })
    .at_run_time(format!("producers fail with RecordTooLargeException: brokers accept {}", bytes(most)))
    .help("raise message.max.bytes on the brokers and say so as `message_max` of [broker] in lagproof.toml, or bound the record");
    findings.push(if limit.is_edition() {
        finding
    } else {
        finding.label(limit.span(), format!("brokers accept {}", limit.value))
    });
}
