//! T104 to T107: how many partitions and replicas a topic has.

use crate::diagnostic::{Code, Example, Finding, Findings, Page, Safety, Severity, Stance};
use crate::model::keywords::Ordering;
use crate::model::service::Service;
use crate::proofs::text::{count, number, percent};
use crate::rules::{Check, Rule, TopicView};
use crate::source::{Edit, Span};

/// T104.
pub(super) const DECREASE: Rule = Rule {
    page: &Page {
        code: Code("T104"),
        name: "partitions-decrease",
        severity: Severity::Error,
        stance: Stance::Rejected,
        summary: "A topic wants fewer partitions than it has.",
        why: "Kafka can add partitions and never takes one away: the broker answers InvalidPartitionsException. Fewer partitions mean a new topic, and moving producers and consumers to it.",
        bad: Example::Snippet("# file: profiles/topics.toml\n[topics.\"orders.created\"]\npartitions_now = 12\n"),
        good: Example::Snippet("# file: profiles/topics.toml\n[topics.\"orders.created\"]\npartitions_now = 6\n"),
        source: "Apache Kafka, Admin.createPartitions: InvalidPartitionsException",
    },
    check: Check::Topic(decrease),
};

/// T105.
pub(super) const GROWTH: Rule = Rule {
    page: &Page {
        code: Code("T105"),
        name: "growth-moves-keys",
        severity: Severity::Warning,
        stance: Stance::Judged,
        summary: "Adding partitions to a topic whose order per key matters moves keys.",
        why: "A key's partition is its hash modulo the number of partitions. When that number changes, some keys go to another partition, while their older records wait in the old one: two consumers then process one key at the same time, out of order. The share of keys that move from N to M partitions is `1 − min(N, M) ÷ lcm(N, M)`; a multiple moves least.",
        bad: Example::Snippet("# file: profiles/topics.toml\n[topics.\"orders.created\"]\npartitions_now = 5\n"),
        good: Example::Snippet(
            "[consumer]\noffset_reset = \"earliest\"\n\n# file: profiles/topics.toml\n[topics.\"orders.created\"]\npartitions_now = 5\n\n[[topics.\"orders.created\".allow]]\ncode = \"T105\"\nreason = \"grown in the maintenance window, with producers stopped and the topic read to its end\"\n",
        ),
        source: "Apache Kafka's documentation, \"Modifying topics\": data partitioned by `hash(key) % number_of_partitions` is not redistributed",
    },
    check: Check::Topic(growth),
};

/// T106.
pub(in crate::rules) const REPLICATION: Rule = Rule {
    page: &Page {
        code: Code("T106"),
        name: "more-replicas-than-brokers",
        severity: Severity::Error,
        stance: Stance::Rejected,
        summary: "A topic wants more copies than there are brokers.",
        why: "Each copy of a partition needs a broker of its own. The broker answers InvalidReplicationFactorException, and the topic is not created.",
        bad: Example::Snippet("# file: profiles/topics.toml\n[topics.\"orders.created\"]\nreplication = 4\n"),
        good: Example::Snippet("# file: profiles/topics.toml\n[topics.\"orders.created\"]\nreplication = 2\n"),
        source: "Apache Kafka, InvalidReplicationFactorException",
    },
    check: Check::Topic(replication),
};

/// T107.
pub(super) const SIZING: Rule = Rule {
    page: &Page {
        code: Code("T107"),
        name: "few-partitions",
        severity: Severity::Warning,
        stance: Stance::Judged,
        summary: "A topic has fewer partitions than the matrix's sizing asks for, or than its largest reader has replicas.",
        why: "Partitions are what consumers share: no more members than partitions can work on a topic. `[sizing]` of the matrix says how many a topic should have: at least `min_partitions`, and one for every `rate_per_partition` records a second of one source. They are easily added before there is data, and break the order per key afterwards.",
        bad: Example::Snippet("# file: profiles/matrix.toml\n[sizing]\nmin_partitions = 8\n"),
        good: Example::Snippet("# file: profiles/matrix.toml\n[sizing]\nmin_partitions = 3\n"),
        source: "the project's own [sizing]; Apache Kafka's documentation of consumer groups: a partition has one consumer in a group",
    },
    check: Check::Topic(sizing),
};

fn decrease(view: &TopicView<'_>, findings: &mut Findings) {
    let topic = view.topic;
    let Some(now) = topic
        .partitions_now
        .as_ref()
        .filter(|now| now.value > topic.partitions.value)
    else {
        return;
    };
    findings.push(
        Finding::new(
            DECREASE.page,
            topic.partitions.span(),
            format!(
                "{} can't go from {} to {} partitions",
                topic.name, now.value, topic.partitions.value
            ),
        )
        .here(format!("{} wanted", topic.partitions.value))
        .label(now.span(), format!("{} there now", now.value))
        .at_run_time("brokers refuse: partitions are only ever added")
        .help(format!("keep {}, or declare a new topic and move to it", now.value))
        .fix(
            Safety::Suggested,
            format!("write {}", now.value),
            vec![Edit::Replace {
                span: topic.partitions.span(),
                text: now.value.to_string(),
            }],
        ),
    );
}

fn growth(view: &TopicView<'_>, findings: &mut Findings) {
    let topic = view.topic;
    let wanted = topic.partitions.value;
    let Some(now) = topic.partitions_now.as_ref().filter(|now| now.value < wanted) else {
        return;
    };
    if topic.ordering.value != Ordering::PerKey || topic.key.is_none() || now.value == 0 {
        return;
    }
    let share = moved_share(now.value, wanted);
    let finding = Finding::new(
        GROWTH.page,
        topic.partitions.span(),
        format!(
            "growing {} from {} to {wanted} partitions moves keys",
            topic.name, now.value
        ),
    )
    .here(format!("{} of keys go to another partition", percent(share)))
    .label(now.span(), format!("{} there now", now.value))
    .at_run_time("records of a moved key that are in flight are processed out of order, on two members at once");
    let multiple = wanted.div_ceil(now.value) * now.value;
    let finding = if multiple == wanted {
        finding.help(
            "stop producers and read the topic to its end before it grows, and allow this with that as the reason",
        )
    } else {
        finding.help(format!(
            "a multiple moves fewer keys ({multiple} partitions: {}); or stop producers and read the topic to its end before it grows, and allow this with that as the reason",
            percent(moved_share(now.value, multiple))
        ))
    };
    findings.push(finding.label(topic.ordering.span(), "order per key matters here"));
}

/// The share of keys whose partition changes from `from` to `to` partitions, both above 0, under a uniform hash:
/// `1 − min ÷ lcm`.
#[must_use]
fn moved_share(from: u32, to: u32) -> f64 {
    let (from, to) = (u64::from(from), u64::from(to));
    let (mut divisor, mut rest) = (from, to);
    while rest > 0 {
        (divisor, rest) = (rest, divisor % rest);
    }
    // min ÷ lcm = gcd ÷ max.
    #[allow(clippy::cast_precision_loss)]
    let kept = divisor as f64 / from.max(to) as f64;
    1.0 - kept
}

fn replication(view: &TopicView<'_>, findings: &mut Findings) {
    let (topic, brokers) = (view.topic, &view.model.broker.count);
    if topic.replication.value <= brokers.value {
        return;
    }
    let finding = Finding::new(
        REPLICATION.page,
        topic.replication.span(),
        format!(
            "{} wants {} copies on {}",
            topic.name,
            topic.replication.value,
            count(u64::from(brokers.value), "broker")
        ),
    )
    .here(count(u64::from(topic.replication.value), "copy").replace("copys", "copies"))
    .at_run_time("brokers refuse to create the topic")
    .help(format!(
        "write at most {}, or correct `count` of [broker] in lagproof.toml",
        brokers.value
    ));
    findings.push(if brokers.is_edition() {
        finding
    } else {
        finding.label(brokers.span(), count(u64::from(brokers.value), "broker"))
    });
}

fn sizing(view: &TopicView<'_>, findings: &mut Findings) {
    let topic = view.topic;
    let sizing = &view.model.matrix.sizing;
    let mut wanted: Vec<(f64, String, Option<Span>)> = vec![(
        f64::from(sizing.min_partitions),
        format!("every topic should have {}", sizing.min_partitions),
        None,
    )];
    if let (Some(per), Some((each, _))) = (sizing.rate_per_partition.filter(|per| *per > 0.0), topic.sources) {
        let needed = (each.get() / per - 1e-9).ceil();
        let why = format!("one source sends {each}, and {}/s should have a partition", number(per));
        wanted.push((needed, why, topic.rate.as_ref().map(|rate| rate.span())));
    }
    // Where not even all of its topics are enough, the group's own finding says so.
    let reader = view
        .readers
        .iter()
        .filter(|reader| reader.topics.len() > 1 && partitions_of(view, reader) >= u64::from(reader.replicas.value))
        .max_by_key(|reader| reader.replicas.value);
    if let Some(reader) = reader {
        let why = format!(
            "{} runs {}",
            reader.name,
            count(u64::from(reader.replicas.value), "replica")
        );
        wanted.push((f64::from(reader.replicas.value), why, Some(reader.replicas.span())));
    }
    let most = wanted.into_iter().max_by(|one, other| one.0.total_cmp(&other.0));
    let Some((most, why, place)) = most.filter(|(most, _, _)| *most > f64::from(topic.partitions.value)) else {
        return;
    };
    let finding = Finding::new(
        SIZING.page,
        topic.partitions.span(),
        format!(
            "{} has {} and should have {most}",
            topic.name,
            count(u64::from(topic.partitions.value), "partition")
        ),
    )
    .here(why.clone())
    .at_run_time("members without a partition of it are idle, and it can't be spread further when load grows")
    .help(format!("write at least {most}"));
    findings.push(match place {
        Some(place) => finding.label(place, why),
        None => finding,
    });
}

/// Partitions of all declared topics that a service reads.
fn partitions_of(view: &TopicView<'_>, reader: &Service) -> u64 {
    let topics = reader
        .topics
        .iter()
        .filter_map(|topic| view.model.topics.get(&topic.value));
    topics.map(|topic| u64::from(topic.partitions.value)).sum()
}

#[cfg(test)]
mod tests {
    use super::moved_share;

    #[test]
    fn the_fact_sheets_shares() {
        assert!((moved_share(6, 12) - 0.5).abs() < 1e-12);
        assert!((moved_share(6, 7) - 0.857).abs() < 1e-3);
        assert!(moved_share(4, 4).abs() < 1e-12);
    }
}
