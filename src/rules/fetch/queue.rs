//! librdkafka's local queue.

use std::time::Duration;

use crate::diagnostic::{Code, Example, Findings, Page, Severity, Stance};
use crate::model::service::{Concurrency, Service};
use crate::model::settings::Setting;
use crate::rules::mend::suggest_duration;
use crate::rules::tell::{about, chosen, on_librdkafka, rounded_down};
use crate::rules::{Check, Rule, ServiceView};
use crate::units::{Size, format_duration};

use super::records::bytes_per_second;

/// The backoff that worked with a small queue when it was measured.
const SHORT_BACKOFF: Duration = Duration::from_millis(100);
/// librdkafka's default for fetch.queue.backoff.ms.
const BACKOFF: Duration = Duration::from_secs(1);
/// Where nothing is known of the load, a queue below this is taken for small.
const SMALL_QUEUE: u64 = 16_000_000;

pub(in crate::rules) const RULES: &[Rule] = &[Rule {
    page: &QUEUE_STARVES,
    check: Check::Service(queue_starves),
}];

/// A small queue that is refilled too seldom.
pub const QUEUE_STARVES: Page = Page {
    code: Code("F107"),
    name: "queue-starves",
    severity: Severity::Warning,
    stance: Stance::Judged,
    summary: "On librdkafka, a small local queue is refilled only once in fetch_queue_backoff.",
    why: "When its queue is full, librdkafka waits `fetch.queue.backoff.ms` before it looks again whether there is room; then one fetch refills it. A queue that was made small to bound memory is empty long before that second is over, and the handler waits. Measured with 1 MB records: 8 records a second with the default of one second, 32 with 100 ms.",
    bad: Example::Snippet(
        "client = \"librdkafka\"\n\n[consumer]\nqueued_max = \"64kB\"\nmax_partition_fetch = \"64KiB\"\nfetch_max = \"64KiB\"\nmessage_max = \"64KiB\"\n\n# file: profiles/topics.toml\n[topics.\"orders.created\"]\nrecord = { mean = \"32KiB\", max = \"64KiB\" }\n",
    ),
    good: Example::Snippet(
        "client = \"librdkafka\"\n\n[consumer]\nqueued_max = \"64kB\"\nmax_partition_fetch = \"64KiB\"\nfetch_max = \"64KiB\"\nmessage_max = \"64KiB\"\nfetch_queue_backoff = \"10ms\"\n\n# file: profiles/topics.toml\n[topics.\"orders.created\"]\nrecord = { mean = \"32KiB\", max = \"64KiB\" }\n",
    ),
    source: "librdkafka 2.12.1, CONFIGURATION.md, fetch.queue.backoff.ms; measured with librdkafka 2.16.0 on Apache Kafka 4.3.1",
};

/// Bytes that a fetch brings at most: what refills an empty queue.
fn refill(service: &Service, partitions: u64) -> u64 {
    let settings = &service.run.consumer;
    let whole = settings.size(Setting::FetchMax).unwrap_or(u64::MAX);
    let each = settings.size(Setting::MaxPartitionFetch).unwrap_or(u64::MAX);
    whole.min(each.saturating_mul(partitions.max(1)))
}

/// Bytes a second that one replica asks for: what arrives at the peak, or what its handler can do if that is less.
fn demand(view: &ServiceView<'_>) -> Option<f64> {
    let service = view.service;
    let arrives = bytes_per_second(&view.topics, |topic| {
        let rate = topic.rate.as_ref()?.get();
        Some(topic.peak.as_ref().map_or(rate, |peak| rate.max(peak.rate.get())))
    })? / f64::from(service.replicas.max(1));
    let processing = &service.run.processing;
    let largest_mean = view
        .topics
        .iter()
        .filter_map(|topic| Some(topic.record_mean.as_ref()?.bytes()))
        .max()? as f64;
    let handles = match (&processing.per_record, *processing.concurrency) {
        (Some(cost), Concurrency::Bounded(lanes)) if cost.mean() > 0.0 => {
            largest_mean * f64::from(lanes.max(1)) / cost.mean()
        }
        _ => f64::INFINITY,
    };
    Some(arrives.min(handles))
}

/// A backoff in which no more than half of what a refill brings is used up, at most the one that was measured.
fn short_enough(cycle: u64, demand: Option<f64>) -> Duration {
    let half = demand.map_or(f64::INFINITY, |demand| cycle as f64 / 2.0 / demand);
    let longest = Duration::try_from_secs_f64(half).unwrap_or(SHORT_BACKOFF);
    rounded_down(longest.min(SHORT_BACKOFF))
}

fn queue_starves(view: &ServiceView<'_>, findings: &mut Findings) {
    const QUEUE: [Setting; 2] = [Setting::QueuedMax, Setting::QueuedMinMessages];
    let service = view.service;
    let settings = &service.run.consumer;
    if !on_librdkafka(*service.client) || !chosen(service, &QUEUE) {
        return;
    }
    let backoff = settings.duration(Setting::FetchQueueBackoff).unwrap_or(BACKOFF);
    let partitions: u64 = view.topics.iter().map(|topic| u64::from(*topic.partitions)).sum();
    let share = partitions.div_ceil(u64::from(service.replicas.max(1)));
    let cycle = refill(service, share).max(settings.size(Setting::QueuedMax).unwrap_or(0));
    let demand = demand(view);
    let starves = match demand {
        Some(demand) => demand * backoff.as_secs_f64() > cycle as f64,
        None => backoff >= BACKOFF && cycle < SMALL_QUEUE,
    };
    if !starves {
        return;
    }
    let shown = format_duration(backoff);
    let message = format!("the local queue is small and refilled only every fetch_queue_backoff ({shown})");
    // Only what was made small is worth showing.
    let mut shown_settings = QUEUE.to_vec();
    shown_settings.retain(|setting| chosen(service, &[*setting]));
    shown_settings.push(Setting::FetchQueueBackoff);
    let finding = about(&QUEUE_STARVES, service, &shown_settings, message).at_run_time(format!(
        "at most about {} are read in each {shown}, and the handler waits for the rest of it",
        Size(cycle)
    ));
    let shorter = short_enough(cycle, demand);
    let (model, setting) = (view.model, Setting::FetchQueueBackoff);
    findings.push(suggest_duration(
        finding,
        model,
        service,
        setting,
        shorter,
        "or let the queue hold more",
    ));
}
