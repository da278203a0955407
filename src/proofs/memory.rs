//! Whether the process stays inside its container.
//!
//! The most that the client may have fetched ahead, what is there before the first record, and what the handler holds,
//! against the container's limit. All of it is a bound, not an expectation: a consumer that falls behind fills it.
//!
//! With F as one full response from every broker, `min(brokers × max(fetch_max, batch), Σ partitions × max(
//! max_partition_fetch, batch) )`, which no spread of leaders over brokers exceeds, times the compression ratio:
//!
//! | client | fetch memory |
//! |---|---|
//! | librdkafka | Q + 2F + 4 MiB; Q is queued.max.messages.kbytes × 1000, the gate on the one queue of a subscription. Measured: one F did not cover it, a partly consumed response stays pinned |
//! | java, aiokafka | every partition's response, `Σ partitions × max(max_partition_fetch, batch)`, times the compression ratio. fetch_max bounds one response, but partitions left out of one are fetched by the next while the first is still held, so it is no cap |
//! | kafkajs | 2F: one response a broker, drained before the next, and the same again as decoded records |
//! | confluent-javascript | librdkafka's, and a JavaScript cache of max_poll_records mean records |
//!
//! A batch larger than a limit is still returned whole; hence the maxima. The largest batch is the larger of the
//! producers' batch size and the largest record.

use super::fleet::{Group, Topic, share_out};
use super::text::{bytes, declared_bytes, number, percent};
use super::work::{Concurrency, Work};
use super::{Kind, Line, Proof, Verdict, Words, need};

/// What librdkafka needs besides its queue and its responses, in bytes: 4 MiB covered every measured row.
pub const LIBRDKAFKA_OVERHEAD: f64 = 4.0 * 1024.0 * 1024.0;

/// How often librdkafka's fetch term counts.
pub const LIBRDKAFKA_RESPONSES: f64 = 2.0;

/// How often kafkajs holds a response: its buffer, and the records decoded from it.
pub const KAFKAJS_DECODING: f64 = 2.0;

/// The clients, as far as memory tells them apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Client {
    /// librdkafka and what is built on it.
    Librdkafka,
    /// Apache Kafka's own.
    Java,
    /// Python's aiokafka.
    Aiokafka,
    /// kafkajs.
    Kafkajs,
    /// Confluent's JavaScript client, on librdkafka.
    ConfluentJavascript,
}

/// How a client fetches. Sizes are in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fetching {
    /// Which client.
    pub client: Client,
    /// How many brokers there are (`broker.count`); 0 counts as 1.
    pub brokers: Option<u32>,
    /// The most in one response (`consumer.fetch_max`).
    pub fetch_max: Option<u64>,
    /// The most of one partition in one response (`consumer.max_partition_fetch`).
    pub max_partition_fetch: Option<u64>,
    /// librdkafka's queued.max.messages.kbytes (`consumer.queued_max`), in its own unit of 1000 bytes.
    pub queued_max_kbytes: Option<u64>,
}

/// Everything that takes memory. Sizes are in bytes.
#[derive(Debug, Clone, Copy)]
pub struct Input<'a> {
    /// How the client fetches.
    pub fetching: Fetching,
    /// Its batches and its concurrency; costs play no part.
    pub work: &'a Work,
    /// What it reads.
    pub topics: &'a [Topic],
    /// The members that share partitions.
    pub group: Group,
    /// What is there before the first record (`memory.resident`).
    pub resident: Option<u64>,
    /// Bytes that the handler holds for each byte of a record in hand (`memory.per_record_factor`).
    pub per_record_factor: Option<f64>,
    /// The container's limit (`memory.limit`).
    pub limit: Option<u64>,
}

/// What does not fit.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Over {
    /// The bound is above the limit.
    Limit,
    /// Concurrency is unbounded: the handler may hold every record there is, and no limit is enough.
    UnboundedHandler,
    /// It fits, but not while one replica is away and the others hold its partitions.
    OneReplicaAway {
        /// The bound then, in bytes.
        total: f64,
    },
}

/// The proof, and its numbers as far as they are known, in bytes.
#[derive(Debug, Clone, PartialEq)]
pub struct Memory {
    /// As printed.
    pub proof: Proof,
    /// What the client may have fetched ahead.
    pub fetched: Option<f64>,
    /// What the handler may hold; infinite where concurrency is unbounded.
    pub held: Option<f64>,
    /// All together.
    pub total: Option<f64>,
    /// The container's limit.
    pub limit: Option<u64>,
    /// What does not fit.
    pub over: Vec<Over>,
}

/// Judges the fetch memory, `memory.resident` and what the handler holds against `memory.limit`.
///
/// The handler holds a batch of n records: n − 1 of the mean size and one of the largest. All n at the largest at once
/// practically never happens, one of them sooner or later does. A bound over the limit is [`Verdict::Broken`], and so
/// is unbounded concurrency whatever the limit. One that fits only while every replica is there is
/// [`Verdict::Warns`].
#[must_use]
pub fn prove(input: &Input<'_>, words: Words) -> Memory {
    let mut unknown = Vec::new();
    let replicas = need(input.group.replicas, "replicas", &mut unknown);
    let fetch = Parts::known(input, &mut unknown);
    let fetched = |replicas: u32| fetch.as_ref().map(|fetch| fetch.terms(input, replicas));
    let terms = replicas.and_then(fetched);
    let held = held(input, &mut unknown);
    let resident = need(input.resident, "memory.resident", &mut unknown).map(wide);
    let limit = need(input.limit, "memory.limit", &mut unknown);
    let sum = |terms: &[Term]| terms.iter().map(|term| term.times * term.bytes).sum::<f64>();
    let total = |terms: Option<&[Term]>| Some(sum(terms?) + resident? + held?);

    let whole = total(terms.as_deref());
    let mut over = Vec::new();
    let mut lines = Vec::new();
    if input.work.concurrency == Some(Concurrency::Unbounded) {
        over.push(Over::UnboundedHandler);
        lines.push(words.line(Verdict::Broken, || Line {
            formula: "concurrency is unbounded: the handler may hold every record there is".to_owned(),
            result: "= unbounded".to_owned(),
            bound: limit.map_or_else(String::new, |limit| format!("of {}", declared_bytes(limit))),
            ..Line::wordless(Verdict::Broken)
        }));
    } else if let (Some(terms), Some(whole), Some(resident), Some(held), Some(limit)) =
        (&terms, whole, resident, held, limit)
    {
        let fits = whole <= wide(limit);
        let verdict = if fits { Verdict::Holds } else { Verdict::Broken };
        lines.push(words.line(verdict, || line(formula(terms, resident, held), whole, limit)));
        let away = replicas
            .filter(|replicas| *replicas > 1)
            .and_then(|replicas| fetched(replicas - 1));
        let away = total(away.as_deref()).filter(|away| *away > wide(limit));
        if !fits {
            over.push(Over::Limit);
        } else if let Some(total) = away {
            over.push(Over::OneReplicaAway { total });
            let formula = || "while one replica is away".to_owned();
            lines.push(words.line(Verdict::Warns, || line(formula(), total, limit)));
        }
    }
    Memory {
        proof: Proof::of(Kind::Memory, lines, unknown),
        fetched: terms.as_deref().map(sum),
        held,
        total: whole,
        limit,
        over,
    }
}

/// One summand of the fetch memory.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Term {
    times: f64,
    bytes: f64,
    noun: &'static str,
}

/// What fetch memory is made of, known. Sizes are in bytes, decompressed where they are of responses.
#[derive(Debug)]
struct Parts {
    /// The most in one response of every broker together.
    brokers: f64,
    /// How many partitions each topic has, and the most of one of them in a response.
    topics: Vec<(u32, f64)>,
    queue: f64,
    cache: f64,
}

impl Parts {
    fn known(input: &Input<'_>, unknown: &mut Vec<String>) -> Option<Self> {
        let Fetching {
            client,
            brokers,
            fetch_max,
            max_partition_fetch,
            queued_max_kbytes,
        } = input.fetching;
        let native = matches!(client, Client::Librdkafka | Client::ConfluentJavascript);
        let capped = native || client == Client::Kafkajs;
        let partition_max = need(max_partition_fetch, "consumer.max_partition_fetch", unknown);
        // Java and aiokafka have no use for these two, and what nobody needs is not unknown.
        let brokers = if capped {
            need(brokers, "broker.count", unknown)
        } else {
            Some(1)
        };
        let fetch_max = if capped {
            need(fetch_max, "consumer.fetch_max", unknown)
        } else {
            Some(u64::MAX)
        };
        let queue = if native {
            need(queued_max_kbytes, "consumer.queued_max", unknown)
        } else {
            Some(0)
        };
        let cache = if client == Client::ConfluentJavascript {
            let records = need(input.work.max_poll_records, "consumer.max_poll_records", unknown);
            let means: Vec<Option<u64>> = input
                .topics
                .iter()
                .map(|t| need(t.record.mean, t.path("record.mean"), unknown))
                .collect();
            let mean = means
                .into_iter()
                .collect::<Option<Vec<u64>>>()
                .map(|all| all.into_iter().max().unwrap_or(0));
            records
                .zip(mean)
                .map(|(records, mean)| f64::from(records.max(1)) * wide(mean))
        } else {
            Some(0.0)
        };
        let mut topics = Vec::new();
        let mut batches = Vec::new();
        for topic in input.topics {
            let partitions = need(topic.partitions, topic.path("partitions"), unknown);
            let record = need(topic.record.max, topic.path("record.max"), unknown);
            let batch = need(topic.producer_batch, topic.path("producer_batch"), unknown);
            let ratio = topic.compression_ratio.max(1.0);
            if let (Some(partitions), Some(record), Some(batch)) = (partitions, record, batch) {
                batches.push((record.max(batch), ratio));
                topics.push((
                    partitions.max(1),
                    wide(record.max(batch).max(partition_max.unwrap_or(0))) * ratio,
                ));
            }
        }
        if input.topics.is_empty() {
            unknown.push("topics".to_owned());
        }
        partition_max?;
        if topics.len() < input.topics.len() || topics.is_empty() {
            return None;
        }
        let largest = batches.iter().map(|(batch, _)| *batch).max()?;
        let ratio = batches.iter().map(|(_, ratio)| *ratio).fold(1.0, f64::max);
        Some(Self {
            brokers: f64::from(brokers?.max(1)) * wide(fetch_max?.max(largest)) * ratio,
            topics,
            queue: wide(queue?) * 1000.0,
            cache: cache?,
        })
    }

    /// The summands for the member that can hold the most, among `replicas` members.
    fn terms(&self, input: &Input<'_>, replicas: u32) -> Vec<Term> {
        let counts: Vec<u32> = self.topics.iter().map(|(partitions, _)| *partitions).collect();
        let shares = share_out(&counts, replicas, input.group.assignor);
        let each = |held: &[u32]| {
            held.iter()
                .zip(&self.topics)
                .map(|(n, (_, most))| f64::from(*n) * most)
                .sum::<f64>()
        };
        let partitions = shares.iter().map(|share| each(&share.partitions)).fold(0.0, f64::max);
        let response = partitions.min(self.brokers);
        let term = |times: f64, bytes: f64, noun: &'static str| Term { times, bytes, noun };
        let native = [
            term(1.0, self.queue, "queue"),
            term(LIBRDKAFKA_RESPONSES, response, "fetch"),
            term(1.0, LIBRDKAFKA_OVERHEAD, "client"),
        ];
        match input.fetching.client {
            Client::Librdkafka => native.to_vec(),
            Client::ConfluentJavascript => native.into_iter().chain([term(1.0, self.cache, "cache")]).collect(),
            Client::Java | Client::Aiokafka => vec![term(1.0, partitions, "fetch")],
            Client::Kafkajs => vec![term(KAFKAJS_DECODING, response, "fetch")],
        }
    }
}

/// What the handler may hold, in bytes.
fn held(input: &Input<'_>, unknown: &mut Vec<String>) -> Option<f64> {
    let factor = need(input.per_record_factor, "memory.per_record_factor", unknown);
    let records = need(input.work.max_poll_records, "consumer.max_poll_records", unknown);
    let concurrency = need(input.work.concurrency, "processing.concurrency", unknown);
    let mut batches = Vec::new();
    for topic in input.topics {
        let mean = need(topic.record.mean, topic.path("record.mean"), unknown);
        let max = need(topic.record.max, topic.path("record.max"), unknown);
        batches.push(mean.zip(max));
    }
    if concurrency? == Concurrency::Unbounded {
        return Some(f64::INFINITY);
    }
    let (factor, others) = (factor?.max(0.0), f64::from(records?.max(1) - 1));
    let sizes = batches.into_iter().collect::<Option<Vec<_>>>()?;
    let mean = sizes.iter().map(|(mean, _)| wide(*mean)).fold(0.0, f64::max);
    let max = sizes.iter().map(|(mean, max)| wide(*max.max(mean))).fold(0.0, f64::max);
    Some(factor * (others * mean + max))
}

fn formula(terms: &[Term], resident: f64, held: f64) -> String {
    let mut parts: Vec<String> = terms
        .iter()
        .map(|term| match term.times {
            times if times > 1.0 => format!("{} × {} {}", number(times), bytes(term.bytes), term.noun),
            _ => format!("{} {}", bytes(term.bytes), term.noun),
        })
        .collect();
    parts.push(format!("{} resident", bytes(resident)));
    parts.push(format!("{} held", bytes(held)));
    parts.join(" + ")
}

fn line(formula: String, total: f64, limit: u64) -> Line {
    Line {
        formula,
        result: format!("= {}", bytes(total)),
        bound: format!("of {}", declared_bytes(limit)),
        share: percent(total / wide(limit)),
        ..Line::wordless(Verdict::Holds)
    }
}

/// Bytes as a float. Exact to 8 PiB.
#[allow(clippy::cast_precision_loss)]
fn wide(bytes: u64) -> f64 {
    bytes as f64
}
