//! Fetches, held against what the topics carry.

use crate::diagnostic::{Code, Example, Findings, Page, Severity, Stance};
use crate::model::settings::Setting;
use crate::model::settings::Value;
use crate::model::topic::Topic;
use crate::rules::mend::{suggest, suggest_size};
use crate::rules::tell::{about, chose, label_other, on_librdkafka, rounded_up_size};
use crate::rules::{Check, Rule, ServiceView};
use crate::source::Span;
use crate::units::{Size, format_duration};

use super::bytes::OVERHEAD;

/// librdkafka's default for receive.message.max.bytes.
const RECEIVE_MAX: u64 = 100_000_000;

pub(in crate::rules) const RULES: &[Rule] = &[
    Rule {
        page: &FETCH_WAITS_IN_VAIN,
        check: Check::Service(fetch_waits_in_vain),
    },
    Rule {
        page: &BATCH_ABOVE_PARTITION_FETCH,
        check: Check::Service(batch_above_partition_fetch),
    },
    Rule {
        page: &BATCH_ABOVE_RECEIVE,
        check: Check::Service(batch_above_receive),
    },
];

/// A fetch that waits for more than comes.
pub const FETCH_WAITS_IN_VAIN: Page = Page {
    code: Code("F104"),
    name: "fetch-waits-in-vain",
    severity: Severity::Warning,
    stance: Stance::Judged,
    summary: "fetch_min is more than arrives in fetch_max_wait at the expected rate.",
    why: "The broker holds a fetch back until fetch_min bytes are there, at most fetch_max_wait. If so much never arrives in that time, every record waits for the clock: latency is fetch_max_wait, and lag is the rate times that. Measured: with fetch_min 100,000 bytes a lag of 15 records became 218.",
    bad: Example::Snippet("[consumer]\nfetch_min = \"1MiB\"\n"),
    good: Example::Snippet("[consumer]\nfetch_min = \"4KiB\"\n"),
    source: "Apache Kafka 4.2 ConsumerConfig, fetch.min.bytes; measured with librdkafka 2.16.0 on Apache Kafka 4.3.1",
};

/// A batch that is larger than what is fetched of a partition.
pub const BATCH_ABOVE_PARTITION_FETCH: Page = Page {
    code: Code("F105"),
    name: "batch-above-partition-fetch",
    severity: Severity::Warning,
    stance: Stance::Judged,
    summary: "max_partition_fetch is below the largest batch of a topic.",
    why: "A broker returns the first batch whole, however large it is, so the consumer does not get stuck. But the limit is overshot by that much, once a partition, so memory that was reckoned with it is not enough; and such a partition is read one batch a fetch.",
    bad: Example::Snippet("[consumer]\nmax_partition_fetch = \"32KiB\"\n"),
    good: Example::Snippet("[consumer]\nmax_partition_fetch = \"64KiB\"\n"),
    source: "KIP-74: the first batch of a fetch is returned even if it is above the limits",
};

/// A batch that librdkafka refuses to take in.
pub const BATCH_ABOVE_RECEIVE: Page = Page {
    code: Code("F106"),
    name: "batch-above-receive",
    severity: Severity::Error,
    stance: Stance::Rejected,
    summary: "On librdkafka, the largest batch of a topic is above receive_message_max.",
    why: "librdkafka drops the connection when a response is larger than `receive.message.max.bytes`. A broker returns the first batch whole, so a larger batch can never be read: the consumer reconnects and asks for it again, for ever.",
    bad: Example::Snippet(
        "client = \"librdkafka\"\n\n[consumer]\nfetch_max = \"1MB\"\nmessage_max = \"1MB\"\nreceive_message_max = \"2MB\"\nmax_partition_fetch = \"4MiB\"\n\n# file: profiles/topics.toml\n[topics.\"orders.created\"]\nproducer_batch = \"4MiB\"\n",
    ),
    good: Example::Snippet(
        "client = \"librdkafka\"\n\n[consumer]\nfetch_max = \"1MB\"\nmessage_max = \"1MB\"\nreceive_message_max = \"5MB\"\nmax_partition_fetch = \"4MiB\"\n\n# file: profiles/topics.toml\n[topics.\"orders.created\"]\nproducer_batch = \"4MiB\"\n",
    ),
    source: "librdkafka 2.12.1, rd_kafka_recv: `Receive message size … exceeds receive.message.max.bytes`",
};

/// Bytes a second over all topics that a service reads, as they travel; nothing where a rate or size is not declared.
pub(super) fn bytes_per_second(topics: &[&Topic], rate: impl Fn(&Topic) -> Option<f64>) -> Option<f64> {
    topics
        .iter()
        .map(|topic| {
            let mean = topic.record_mean.as_ref()?.bytes() as f64;
            Some(rate(topic)? * mean / topic.compression_ratio.max(1.0))
        })
        .sum()
}

fn fetch_waits_in_vain(view: &ServiceView<'_>, findings: &mut Findings) {
    const PAIR: [Setting; 2] = [Setting::FetchMin, Setting::FetchMaxWait];
    let service = view.service;
    let settings = &service.run.consumer;
    let (Some(least), Some(wait)) = (settings.size(PAIR[0]), settings.duration(PAIR[1])) else {
        return;
    };
    if least <= 1 || view.topics.is_empty() || !chose(service, Setting::FetchMin) {
        return;
    }
    let Some(rate) = bytes_per_second(&view.topics, |topic| topic.rate.as_ref().map(|rate| rate.get())) else {
        return;
    };
    // As if one broker had it all, which is the kindest reckoning.
    let arrives = rate * wait.as_secs_f64() / f64::from(service.replicas.max(1));
    if least as f64 <= arrives {
        return;
    }
    let wait_text = format_duration(wait);
    let message = format!(
        "fetch_min ({}) is more than arrives in fetch_max_wait ({wait_text})",
        Size(least)
    );
    let mut finding = about(&FETCH_WAITS_IN_VAIN, service, &PAIR, message);
    for topic in &view.topics {
        if let Some(rate) = &topic.rate {
            let text = format!("{} records of {}", **rate, mean_words(topic));
            finding = label_other(finding, rate.span(), text);
        }
    }
    let finding = finding.at_run_time(format!(
        "about {:.0} bytes arrive a replica in that time, so every record waits {wait_text}",
        arrives
    ));
    findings.push(suggest_size(
        finding,
        view.model,
        service,
        Setting::FetchMin,
        1,
        "or lower fetch_max_wait to the latency that is acceptable",
    ));
}

fn mean_words(topic: &Topic) -> String {
    topic
        .record_mean
        .as_ref()
        .map_or_else(|| "unknown size".to_owned(), |mean| mean.to_string())
}

/// The topic whose largest batch is the largest of all, with that batch and where it is declared.
fn largest_batch<'a>(view: &ServiceView<'a>) -> Option<(&'a Topic, u64, Span)> {
    let (topic, largest) = view
        .topics
        .iter()
        .filter_map(|topic| Some((*topic, topic.largest_batch()?)))
        .max_by_key(|(_, batch)| *batch)?;
    let sizes = [&topic.producer_batch, &topic.record_max];
    let at = sizes
        .into_iter()
        .flatten()
        .find(|size| size.bytes() == largest)
        .map_or(topic.span, |size| size.span());
    Some((topic, largest, at))
}

fn batch_above_partition_fetch(view: &ServiceView<'_>, findings: &mut Findings) {
    let setting = Setting::MaxPartitionFetch;
    let Some(most) = view.service.run.consumer.size(setting) else {
        return;
    };
    let Some((topic, largest, at)) = largest_batch(view).filter(|(_, largest, _)| *largest > most) else {
        return;
    };
    let message = format!(
        "max_partition_fetch ({}) is below the largest batch of {} ({})",
        Size(most),
        topic.name,
        Size(largest)
    );
    let finding = about(&BATCH_ABOVE_PARTITION_FETCH, view.service, &[setting], message)
        .label(at, format!("a batch may be {}", Size(largest)))
        .at_run_time("such a batch comes whole and above the limit, which memory has to hold for each partition");
    findings.push(suggest_size(finding, view.model, view.service, setting, largest, ""));
}

fn batch_above_receive(view: &ServiceView<'_>, findings: &mut Findings) {
    let service = view.service;
    if !on_librdkafka(*service.client) {
        return;
    }
    let settings = &service.run.consumer;
    let follows = settings.size(Setting::FetchMax).unwrap_or(0).saturating_add(OVERHEAD);
    let receive = if chose(service, Setting::ReceiveMessageMax) {
        settings.size(Setting::ReceiveMessageMax).unwrap_or(RECEIVE_MAX)
    } else {
        RECEIVE_MAX.max(follows)
    };
    let Some((topic, largest, at)) = largest_batch(view) else {
        return;
    };
    let needed = largest.saturating_add(OVERHEAD);
    if needed <= receive {
        return;
    }
    let message = format!(
        "the largest batch of {} ({}) does not fit into receive_message_max ({})",
        topic.name,
        Size(largest),
        Size(receive)
    );
    let finding = about(&BATCH_ABOVE_RECEIVE, service, &[Setting::ReceiveMessageMax], message)
        .label(at, format!("a batch may be {}", Size(largest)))
        .at_run_time("the client drops the connection and asks again, for ever: the partition is stuck at that batch");
    let value = Value::Size(Size(rounded_up_size(needed)));
    let setting = Setting::ReceiveMessageMax;
    findings.push(suggest(
        finding,
        view.model,
        service,
        setting,
        &value,
        "or smaller batches",
    ));
}
