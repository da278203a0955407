//! A row's settings as data: what `lagproof.read_config_v1()` answers.

use std::collections::BTreeMap;
use std::num::NonZeroU32;
use std::path::PathBuf;
use std::sync::Arc;

use serde_json::{Map, Value as Json};

use crate::error::Error;
use crate::reader::Reader;

/// Words that a document may use for one choice.
pub(crate) trait Word: Copy + 'static {
    /// All of them, with what they stand for.
    const WORDS: &'static [(&'static str, Self)];
}

macro_rules! words {
    ($(#[$meta:meta])* $name:ident { $($(#[$doc:meta])* $variant:ident = $word:literal),+ $(,)? }) => {
        $(#[$meta])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum $name { $($(#[$doc])* $variant),+ }

        impl Word for $name {
            const WORDS: &'static [(&'static str, Self)] = &[$(($word, Self::$variant)),+];
        }

        impl $name {
            /// As documents spell it.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word),+ }
            }
        }
    };
}

words! {
    /// The Kafka client that a row's settings are for.
    Client {
        /// The one of this crate.
        Librdkafka = "librdkafka",
        /// Apache's own.
        Java = "java",
        /// Python's.
        Aiokafka = "aiokafka",
        /// JavaScript's.
        Kafkajs = "kafkajs",
        /// Confluent's for JavaScript.
        ConfluentJavascript = "confluent-javascript",
    }
}

words! {
    /// When offsets are committed.
    Commit {
        /// Once a batch is processed.
        AfterBatch = "after-batch",
        /// Once a record is processed.
        AfterRecord = "after-record",
        /// Before anything is processed.
        OnReceipt = "on-receipt",
        /// By the client's clock, whatever is processed.
        Interval = "interval",
    }
}

words! {
    /// Which records of transactions are read.
    Isolation {
        /// Those of committed ones.
        ReadCommitted = "read-committed",
        /// All.
        ReadUncommitted = "read-uncommitted",
    }
}

words! {
    /// How the group coordinates.
    GroupProtocol {
        /// Members assign.
        Classic = "classic",
        /// The broker assigns (KIP-848).
        Consumer = "consumer",
    }
}

words! {
    /// How handlers run. In Rust they always run beside the client, which has a thread of its own.
    HandlerKind {
        /// One after the other with polls.
        Inline = "inline",
        /// In threads.
        Thread = "thread",
        /// In an event loop.
        EventLoop = "event-loop",
    }
}

/// Records in handlers at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Concurrency {
    /// At most so many.
    Bounded(NonZeroU32),
    /// As many as there are keys in the batch.
    Unbounded,
}

impl Default for Concurrency {
    fn default() -> Self {
        Self::Bounded(NonZeroU32::MIN)
    }
}

/// What happens to records that fail.
#[derive(Debug, Clone, PartialEq)]
pub struct Retry {
    /// Tries in all, the first among them.
    pub attempts: u32,
    /// The pause before the second try in milliseconds; it doubles.
    pub backoff_ms: f64,
    /// The topic where a record goes after the last.
    pub dead_letter: Option<String>,
}

/// When offsets are committed, and what happens to records that fail.
#[derive(Debug, Clone, PartialEq)]
pub struct Delivery {
    /// When.
    pub commit: Commit,
    /// Milliseconds between commits by the client's clock.
    pub commit_interval_ms: u64,
    /// Which records of transactions are read.
    pub isolation: Isolation,
    /// What happens to records that fail; without it a record that fails once has failed for good.
    pub retry: Option<Retry>,
}

impl Default for Delivery {
    fn default() -> Self {
        Self {
            commit: Commit::Interval,
            commit_interval_ms: 5000,
            isolation: Isolation::ReadUncommitted,
            retry: None,
        }
    }
}

/// Everything that a running service needs. Times in milliseconds, sizes in bytes.
#[derive(Debug, Clone, PartialEq)]
pub struct Settings {
    /// The service.
    pub service_name: String,
    /// The client that they are for.
    pub client: Client,
    /// The consumer group.
    pub group: String,
    /// What it reads.
    pub topics: Vec<String>,
    /// By the row's column names; what is absent is left to the client.
    pub consumer: BTreeMap<String, Json>,
    /// Commits, retries, dead letters.
    pub delivery: Delivery,
    /// Records at once.
    pub concurrency: Concurrency,
    /// How handlers run.
    pub handler: HandlerKind,
    /// How the group coordinates.
    pub group_protocol: GroupProtocol,
    /// The static member id as declared, its variables not put in yet.
    pub instance_id: Option<String>,
    /// Settings under the clients' own names, by client.
    pub raw: BTreeMap<String, Map<String, Json>>,
}

impl Settings {
    /// Most records in one batch.
    pub fn max_poll_records(&self) -> usize {
        let most = self.number("max_poll_records").unwrap_or(500);
        usize::try_from(most).unwrap_or(usize::MAX)
    }

    /// Longest time between two polls, in milliseconds.
    pub fn max_poll_interval_ms(&self) -> u64 {
        self.number("max_poll_interval_ms").unwrap_or(300_000)
    }

    /// A consumer setting that is a number.
    pub fn number(&self, key: &str) -> Option<u64> {
        self.consumer.get(key).and_then(Json::as_u64)
    }

    /// A consumer setting that is a text.
    pub fn text(&self, key: &str) -> Option<&str> {
        self.consumer.get(key).and_then(Json::as_str)
    }

    /// Assignors by their neutral names.
    pub fn assignors(&self) -> Vec<&str> {
        let names = self
            .consumer
            .get("partition_assignment_strategy")
            .and_then(Json::as_array);
        names.into_iter().flatten().filter_map(Json::as_str).collect()
    }

    /// Settings under its client's own names.
    pub fn own_raw(&self) -> Option<&Map<String, Json>> {
        self.raw.get(self.client.as_str()).filter(|keys| !keys.is_empty())
    }

    /// A settings document as data. Keys that this version does not know do nothing.
    ///
    /// # Errors
    /// [`Error::BadRow`] with the key that is wrong.
    pub fn read(service_name: &str, document: &Json) -> Result<Self, Error> {
        let whole = Reader::new(service_name, "settings", document)?;
        let delivery = whole.section("delivery")?;
        let raw = whole.section("raw")?;
        Ok(Self {
            service_name: service_name.to_owned(),
            client: whole.word("client", Client::Librdkafka)?,
            group: whole
                .text("group")?
                .ok_or_else(|| whole.wrong("group", "is missing", "Every consumer needs a group"))?,
            topics: whole.texts("topics")?,
            consumer: whole.consumer()?,
            delivery: Delivery {
                commit: delivery.word("commit", Commit::Interval)?,
                commit_interval_ms: delivery.integer("commit_interval_ms", 0)?.unwrap_or(5000),
                isolation: delivery.word("isolation", Isolation::ReadUncommitted)?,
                retry: retry(&delivery)?,
            },
            concurrency: concurrency(&whole)?,
            handler: whole.word("handler", HandlerKind::Inline)?,
            group_protocol: whole.word("group_protocol", GroupProtocol::Classic)?,
            instance_id: whole.text("instance_id")?,
            raw: raw
                .entries()
                .filter_map(|(client, keys)| Some((client.clone(), keys.as_object()?.clone())))
                .collect(),
        })
    }
}

fn retry(delivery: &Reader<'_>) -> Result<Option<Retry>, Error> {
    let retry = delivery.section("retry")?;
    if retry.is_absent() {
        return Ok(None);
    }
    let attempts = retry.integer("attempts", 1)?.unwrap_or(1);
    Ok(Some(Retry {
        attempts: u32::try_from(attempts).unwrap_or(u32::MAX),
        backoff_ms: retry.number("backoff_ms")?.unwrap_or(0.0),
        dead_letter: retry.text("dead_letter")?,
    }))
}

fn concurrency(whole: &Reader<'_>) -> Result<Concurrency, Error> {
    if whole.get("concurrency").and_then(Json::as_str) == Some("unbounded") {
        return Ok(Concurrency::Unbounded);
    }
    let most = whole.integer("concurrency", 1)?.unwrap_or(1);
    let most = u32::try_from(most).unwrap_or(u32::MAX);
    Ok(Concurrency::Bounded(NonZeroU32::new(most).unwrap_or(NonZeroU32::MIN)))
}

/// A service's row at one moment.
#[derive(Debug, Clone, PartialEq)]
pub struct Config {
    /// What it says.
    pub settings: Arc<Settings>,
    /// The profile's version; `None`: the row has no profile.
    pub version: Option<i32>,
    /// Grows with every change of any row.
    pub generation: i64,
    /// Differs where anything differs.
    pub etag: String,
    /// The last-good file that it comes from, where the database was away.
    pub from_file: Option<PathBuf>,
    /// The settings as they were read.
    pub document: Arc<Json>,
}

impl Config {
    /// The service.
    pub fn service_name(&self) -> &str {
        &self.settings.service_name
    }

    /// Most records in one batch.
    pub fn max_poll_records(&self) -> usize {
        self.settings.max_poll_records()
    }
}

/// Puts environment variables in: `${POD_NAME}`.
///
/// # Errors
/// [`Error::BadRow`] where one is not set: an id without it would be the same for every replica.
pub fn expand(text: &str, service_name: &str, environment: &dyn Fn(&str) -> Option<String>) -> Result<String, Error> {
    let mut out = String::new();
    let mut rest = text;
    while let Some(at) = rest.find("${") {
        let (before, after) = rest.split_at(at);
        out.push_str(before);
        let name = after[2..].split_once('}').map(|(name, _)| name).filter(|name| {
            let mut letters = name.chars();
            letters
                .next()
                .is_some_and(|first| first.is_ascii_alphabetic() || first == '_')
                && letters.all(|one| one.is_ascii_alphanumeric() || one == '_')
        });
        let Some(name) = name else {
            out.push_str("${");
            rest = &after[2..];
            continue;
        };
        let value = environment(name).filter(|value| !value.is_empty());
        out.push_str(&value.ok_or_else(|| Error::BadRow {
            service_name: service_name.to_owned(),
            key: "instance_id".to_owned(),
            problem: format!("{text:?} needs the environment variable {name}, which is not set"),
            fix: "Set it to something that differs a replica, such as the pod's name".to_owned(),
        })?);
        rest = &after[name.len() + 3..];
    }
    out.push_str(rest);
    Ok(out)
}
