//! The smaller sections of a profile: processing, delivery, memory, targets, baseline, deviations, allows, renames.

use std::time::Duration;

use super::tree::{Item, Node};
use serde_json::{Value as Json, json};

use crate::model::cost::Cost;
use crate::model::keywords::{Commit, Handler, Isolation};
use crate::model::service::Concurrency;
use crate::source::{FileId, Span};
use crate::units::{Size, shown};

use super::consumer::ConsumerSection;
use super::fields::{Fields, Section, Spanned};
use super::leaf::{Leaf, LeafError};
use super::names::{ServiceName, TopicName};
use super::pages;
use super::quantities::Percent;
use super::topics::Assumed;

/// `per_record`: a constant, or a log-normal through p50 and p99, cut at max.
#[derive(Debug, Clone, PartialEq)]
pub struct CostText {
    /// The distribution.
    pub cost: Cost,
    /// Where `max` stands, key and value.
    pub max: Option<Span>,
}

impl Leaf for CostText {
    const EXAMPLE: &'static str = "\"2ms\"";

    fn read(value: &Node<'_>, file: FileId) -> Result<Self, LeafError> {
        let Item::Table(table) = value.get_ref() else {
            return Duration::read(value, file).map(|constant| Self {
                cost: Cost::constant(constant),
                max: None,
            });
        };
        if let Some(key) = table.keys().find(|key| !["p50", "p99", "max"].contains(&key.get_ref())) {
            let message = format!("a cost has no `{}`", shown(key.get_ref()));
            let error = LeafError::refused(
                &pages::UNKNOWN_KEY,
                message,
                Some("a cost has p50, p99 and max".to_owned()),
            );
            return Err(LeafError {
                span: Some(Span::new(file, key.span())),
                ..error
            });
        }
        let part = |name: &'static str| {
            table
                .get(name)
                .map(|value| {
                    Duration::read(value, file).map_err(|error| error.within(name, Span::new(file, value.span())))
                })
                .transpose()
        };
        let (p50, p99, max) = (part("p50")?, part("p99")?, part("max")?);
        let (Some(p50), Some(p99)) = (p50, p99) else {
            return Err(LeafError::refused(
                &pages::MISSING_KEY,
                "a cost needs p50 and p99".to_owned(),
                Some(
                    "write { p50 = \"2s\", p99 = \"9s\", max = \"1min\" }, or one duration for a constant cost"
                        .to_owned(),
                ),
            ));
        };
        let place = table
            .get_key_value("max")
            .map(|(key, value)| Span::new(file, key.span().start..value.span().end));
        let fitted = Cost::fitted(p50, p99, max).map(|cost| Self { cost, max: place });
        fitted.map_err(|error| {
            LeafError::refused(
                &pages::OUT_OF_RANGE,
                error.to_string(),
                Some("write p50, p99 and max in rising order".to_owned()),
            )
        })
    }

    fn schema() -> Json {
        let duration = Duration::schema();
        json!({ "oneOf": [duration, {
            "type": "object",
            "properties": { "p50": duration, "p99": duration, "max": duration },
            "required": ["p50", "p99"],
            "additionalProperties": false,
        }] })
    }
}

/// A number of records at once, or `"unbounded"`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ConcurrencyWord(pub Concurrency);

impl Leaf for ConcurrencyWord {
    const EXAMPLE: &'static str = "1";

    fn read(value: &Node<'_>, file: FileId) -> Result<Self, LeafError> {
        match value.get_ref() {
            Item::String(word) if word == "unbounded" => Ok(Self(Concurrency::Unbounded)),
            Item::String(word) => Err(super::leaf::unknown_word(word, ["unbounded"].into_iter())),
            _ => u32::read(value, file).map(|count| Self(Concurrency::Bounded(count))),
        }
    }

    fn schema() -> Json {
        json!({ "oneOf": [u32::schema(), { "const": "unbounded" }] })
    }
}

/// `[processing]`.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ProcessingSection {
    /// What one record costs.
    pub per_record: Option<Spanned<CostText>>,
    /// What a batch costs on top.
    pub per_batch: Option<Spanned<Duration>>,
    /// Records processed at once in one replica.
    pub concurrency: Option<Spanned<ConcurrencyWord>>,
    /// Where the handler runs.
    pub handler: Option<Spanned<Handler>>,
    /// How much of a record's cost burns CPU.
    pub cpu: Option<Spanned<Duration>>,
    /// What of this nobody stated.
    pub assumed: Option<Spanned<Assumed>>,
}

impl ProcessingSection {
    fn read_values(fields: &mut Fields<'_>) -> Self {
        Self {
            per_record: fields.optional(
                "per_record",
                "what one record costs: a duration, or { p50, p99, max } of a log-normal distribution",
            ),
            per_batch: fields.optional("per_batch", "what a batch costs on top of its records; default 0s"),
            concurrency: fields.optional(
                "concurrency",
                "records processed at once in one replica, or \"unbounded\"; default 1",
            ),
            handler: fields.optional("handler", "where the handler runs; default inline"),
            cpu: fields.optional("cpu", "how much of a record's cost burns CPU; the rest is waiting"),
            assumed: None,
        }
    }
}

impl Section for ProcessingSection {
    fn read(fields: &mut Fields<'_>) -> Option<Self> {
        let values = Self::read_values(fields);
        Some(Self {
            assumed: fields.optional("assumed", Assumed::DOC),
            ..values
        })
    }
}

/// `retry = { … }`.
#[derive(Debug, Clone, PartialEq)]
pub struct RetrySection {
    /// Tries in all.
    pub attempts: Spanned<u32>,
    /// The pause before the second.
    pub backoff: Option<Spanned<Duration>>,
    /// Where a record goes after the last.
    pub dead_letter: Option<Spanned<TopicName>>,
}

impl Section for RetrySection {
    fn read(fields: &mut Fields<'_>) -> Option<Self> {
        let attempts = fields.required("attempts", "tries in all, the first among them");
        let backoff = fields.optional("backoff", "the pause before the second try; it doubles; default 1s");
        let dead_letter = fields.optional("dead_letter", "the topic that a record goes to after the last try");
        Some(Self {
            attempts: attempts?,
            backoff,
            dead_letter,
        })
    }
}

/// `[delivery]`.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct DeliverySection {
    /// When offsets are committed.
    pub commit: Option<Spanned<Commit>>,
    /// How often, where commits go by the clock.
    pub commit_interval: Option<Spanned<Duration>>,
    /// Which records of transactions are seen.
    pub isolation: Option<Spanned<Isolation>>,
    /// What happens to records that fail.
    pub retry: Option<Spanned<RetrySection>>,
}

impl Section for DeliverySection {
    fn read(fields: &mut Fields<'_>) -> Option<Self> {
        Some(Self {
            commit: fields.optional("commit", "when offsets are committed; default after-batch"),
            commit_interval: fields.optional("commit_interval", "how often, with commit = \"interval\"; default 5s"),
            isolation: fields.optional(
                "isolation",
                "which records of transactions are seen; default: the client's own",
            ),
            retry: fields.section(
                "retry",
                "what happens to records that fail; default: nothing is tried again",
            ),
        })
    }
}

/// `[memory]`.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct MemorySection {
    /// The container's limit.
    pub limit: Option<Spanned<Size>>,
    /// What is there before the first record.
    pub resident: Option<Spanned<Size>>,
    /// What the handler holds, a byte of record.
    pub per_record_factor: Option<Spanned<f64>>,
    /// What of this nobody stated.
    pub assumed: Option<Spanned<Assumed>>,
}

impl MemorySection {
    fn read_values(fields: &mut Fields<'_>) -> Self {
        Self {
            limit: fields.optional("limit", "the container's memory limit, a replica"),
            resident: fields.optional(
                "resident",
                "memory in use before the first record: the runtime, the model",
            ),
            per_record_factor: fields.optional(
                "per_record_factor",
                "bytes that the handler holds for each byte of a record in hand; default 1",
            ),
            assumed: None,
        }
    }
}

impl Section for MemorySection {
    fn read(fields: &mut Fields<'_>) -> Option<Self> {
        let values = Self::read_values(fields);
        Some(Self {
            assumed: fields.optional("assumed", Assumed::DOC),
            ..values
        })
    }
}

/// `[targets]`.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct TargetsSection {
    /// Records behind, below which the service must stay.
    pub lag: Option<Spanned<u64>>,
    /// The share of records that may fail.
    pub errors: Option<Spanned<Percent>>,
    /// Rebalances an hour.
    pub rebalances_per_hour: Option<Spanned<f64>>,
}

impl Section for TargetsSection {
    fn read(fields: &mut Fields<'_>) -> Option<Self> {
        Some(Self {
            lag: fields.optional(
                "lag",
                "records behind, summed over the group, below which it must stay; default 100",
            ),
            errors: fields.optional(
                "errors",
                "the share of records that may fail, below which it must stay; default 1%",
            ),
            rebalances_per_hour: fields.optional(
                "rebalances_per_hour",
                "rebalances an hour, below which it must stay; default 1",
            ),
        })
    }
}

/// `[baseline]`: any key of consumer, processing, delivery and memory.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct BaselineSection {
    /// Consumer settings.
    pub consumer: ConsumerSection,
    /// Costs, concurrency, handler.
    pub processing: ProcessingSection,
    /// Commits, isolation, retries.
    pub delivery: DeliverySection,
    /// Memory.
    pub memory: MemorySection,
}

impl Section for BaselineSection {
    fn read(fields: &mut Fields<'_>) -> Option<Self> {
        Some(Self {
            consumer: ConsumerSection::read(fields).unwrap_or_default(),
            processing: ProcessingSection::read_values(fields),
            delivery: DeliverySection::read(fields).unwrap_or_default(),
            memory: MemorySection::read_values(fields),
        })
    }
}

/// `[[deviation]]`.
#[derive(Debug, Clone, PartialEq)]
pub struct DeviationSection {
    /// The setting's name.
    pub setting: Spanned<String>,
    /// Why.
    pub reason: Spanned<String>,
}

impl Section for DeviationSection {
    fn read(fields: &mut Fields<'_>) -> Option<Self> {
        let setting = fields.required("setting", "the consumer setting that leaves the matrix");
        let reason = fields.required("reason", "why it does");
        Some(Self {
            setting: setting?,
            reason: reason?,
        })
    }
}

/// `[[allow]]`.
#[derive(Debug, Clone, PartialEq)]
pub struct AllowSection {
    /// The finding's code.
    pub code: Spanned<String>,
    /// Only where it is about this.
    pub about: Option<Spanned<String>>,
    /// Why.
    pub reason: Spanned<String>,
    /// The last day that it holds.
    pub until: Option<Spanned<jiff::civil::Date>>,
}

impl Section for AllowSection {
    fn read(fields: &mut Fields<'_>) -> Option<Self> {
        let code = fields.required("code", "the finding's code, such as C102");
        let about = fields.optional("about", "only findings whose message names this setting, topic or key");
        let reason = fields.required("reason", "why it is accepted");
        let until = fields.optional("until", "the last day that it is accepted");
        Some(Self {
            code: code?,
            about,
            reason: reason?,
            until,
        })
    }
}

/// `[[renamed]]`.
#[derive(Debug, Clone, PartialEq)]
pub struct RenamedSection {
    /// The former name.
    pub from: Spanned<ServiceName>,
}

impl Section for RenamedSection {
    fn read(fields: &mut Fields<'_>) -> Option<Self> {
        fields
            .required("from", "the name that this service had before")
            .map(|from| Self { from })
    }
}
