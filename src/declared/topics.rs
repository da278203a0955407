//! `profiles/topics.toml`.

use std::time::Duration;

use super::tree::{Item, Node};
use serde_json::{Value as Json, json};

use crate::diagnostic::Finding;
use crate::model::keywords::{Cleanup, Ordering};
use crate::source::{FileId, Span};
use crate::units::{Rate, Size, format_duration, shown};

use super::fields::{Fields, Section, Spanned};
use super::leaf::{Leaf, LeafError};
use super::pages;
use super::parts::AllowSection;

/// `assumed`: `true` for all values of the table, or the list of keys whose values nobody stated.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Assumed(pub Vec<String>);

impl Assumed {
    /// Its line in the reference.
    pub const DOC: &str = "true, or the keys whose values nobody stated and that were chosen as plausible";
}

impl Leaf for Assumed {
    const EXAMPLE: &'static str = "true";

    fn read(value: &Node<'_>, file: FileId) -> Result<Self, LeafError> {
        match value.get_ref() {
            Item::Boolean(true) => Ok(Self(vec!["*".to_owned()])),
            Item::Boolean(false) => Ok(Self(Vec::new())),
            Item::Array(_) => Vec::<Spanned<String>>::read(value, file)
                .map(|keys| Self(keys.into_iter().map(|key| key.value).collect())),
            other => Err(LeafError::wrong_type("true or a list of keys", other)),
        }
    }

    fn schema() -> Json {
        json!({ "oneOf": [{ "type": "boolean" }, { "type": "array", "items": { "type": "string" } }] })
    }
}

/// A rate over all sources, or `{ each, fleet }`: the rate of one source and how many there are.
#[derive(Debug, Clone, PartialEq)]
pub struct RateText {
    /// Over all sources.
    pub total: Rate,
    /// Of one, and how many.
    pub sources: Option<(Rate, u64)>,
}

impl Leaf for RateText {
    const EXAMPLE: &'static str = "\"50/s\"";

    fn read(value: &Node<'_>, file: FileId) -> Result<Self, LeafError> {
        let Item::Table(table) = value.get_ref() else {
            return Rate::read(value, file).map(|total| Self { total, sources: None });
        };
        if let Some(key) = table.keys().find(|key| !["each", "fleet"].contains(&key.get_ref())) {
            let message = format!("a rate has no `{}`", shown(key.get_ref()));
            let error = LeafError::refused(
                &pages::UNKNOWN_KEY,
                message,
                Some("write { each = \"50/s\", fleet = 10 }".to_owned()),
            );
            return Err(LeafError {
                span: Some(Span::new(file, key.span())),
                ..error
            });
        }
        let (Some(each), Some(fleet)) = (table.get("each"), table.get("fleet")) else {
            return Err(LeafError::refused(
                &pages::MISSING_KEY,
                "needs each and fleet".to_owned(),
                Some("write { each = \"50/s\", fleet = 10 }, or one rate".to_owned()),
            ));
        };
        let at = |value: &Node<'_>| Span::new(file, value.span());
        let each = Rate::read(each, file).map_err(|error| error.within("each", at(each)))?;
        let fleet = u64::read(fleet, file).map_err(|error| error.within("fleet", at(fleet)))?;
        let total = Rate::per_second(each.get() * fleet as f64).ok_or_else(|| {
            LeafError::refused(
                &pages::OUT_OF_RANGE,
                "each × fleet is too large".to_owned(),
                Some("write a rate that one cluster can take".to_owned()),
            )
        })?;
        Ok(Self {
            total,
            sources: Some((each, fleet)),
        })
    }

    fn schema() -> Json {
        json!({ "oneOf": [Rate::schema(), {
            "type": "object",
            "properties": { "each": Rate::schema(), "fleet": u64::schema() },
            "required": ["each", "fleet"],
            "additionalProperties": false,
        }] })
    }
}

/// `peak = { … }`.
#[derive(Debug, Clone, PartialEq)]
pub struct PeakSection {
    /// Records a second.
    pub rate: Spanned<RateText>,
    /// How long it lasts.
    pub lasts: Option<Spanned<Duration>>,
    /// How often it comes.
    pub every: Option<Spanned<Duration>>,
}

impl Section for PeakSection {
    fn read(fields: &mut Fields<'_>) -> Option<Self> {
        let rate = fields.required("rate", "records a second while it lasts");
        let lasts = fields.optional("for", "how long it lasts");
        let every = fields.optional("every", "how often it comes");
        if let (Some(lasts), Some(every)) = (&lasts, &every) {
            check_rest(fields, lasts, every);
        }
        Some(Self {
            rate: rate?,
            lasts,
            every,
        })
    }
}

fn check_rest(fields: &mut Fields<'_>, lasts: &Spanned<Duration>, every: &Spanned<Duration>) {
    if lasts.value <= every.value {
        return;
    }
    let (long, often) = (format_duration(lasts.value), format_duration(every.value));
    let finding = Finding::new(
        &pages::OUT_OF_RANGE,
        lasts.span,
        format!("a peak of {long} can't come every {often}"),
    );
    fields.report(
        finding
            .at_run_time("nobody could say how long there is to work a peak off, so nothing is compiled")
            .help("write `for` at most as long as `every`; what never ends is the rate"),
    );
}

/// `record = { … }`.
#[derive(Debug, Clone, PartialEq)]
pub struct RecordSection {
    /// The mean record.
    pub mean: Option<Spanned<Size>>,
    /// The largest.
    pub max: Option<Spanned<Size>>,
}

impl Section for RecordSection {
    fn read(fields: &mut Fields<'_>) -> Option<Self> {
        Some(Self {
            mean: fields.optional("mean", "the mean record, uncompressed"),
            max: fields.optional("max", "the largest record, uncompressed"),
        })
    }
}

/// `key = { … }`.
#[derive(Debug, Clone, PartialEq)]
pub struct KeySection {
    /// The field.
    pub field: Spanned<String>,
    /// How many keys there are.
    pub cardinality: Option<Spanned<u64>>,
    /// The Zipf exponent.
    pub zipf: Option<Spanned<f64>>,
}

impl Section for KeySection {
    fn read(fields: &mut Fields<'_>) -> Option<Self> {
        let field = fields.required("field", "what records are keyed by");
        let cardinality = fields.optional("cardinality", "how many different keys there are");
        let zipf = fields.optional(
            "zipf",
            "the Zipf exponent of the keys' popularity; default 0, all alike",
        );
        Some(Self {
            field: field?,
            cardinality,
            zipf,
        })
    }
}

/// `retention = { … }` and `segment = { … }`.
#[derive(Debug, Clone, PartialEq)]
struct TimeAndSize {
    time: Option<Spanned<Duration>>,
    size: Option<Spanned<Size>>,
}

impl Section for TimeAndSize {
    fn read(fields: &mut Fields<'_>) -> Option<Self> {
        Some(Self {
            time: fields.optional("time", "after how long"),
            size: fields.optional("size", "past which size, a partition"),
        })
    }
}

/// A topic as written; cases may leave out anything.
#[derive(Debug, Clone, PartialEq)]
pub struct TopicSection {
    /// Partitions as wanted.
    pub partitions: Option<Spanned<u32>>,
    /// Partitions as they are.
    pub partitions_now: Option<Spanned<u32>>,
    /// The replication factor.
    pub replication: Option<Spanned<u32>>,
    /// The expected rate.
    pub rate: Option<Spanned<RateText>>,
    /// The peak.
    pub peak: Option<Spanned<PeakSection>>,
    /// Record sizes.
    pub record: Option<Spanned<RecordSection>>,
    /// The producers' batch size.
    pub producer_batch: Option<Spanned<Size>>,
    /// Uncompressed over compressed bytes.
    pub compression_ratio: Option<Spanned<f64>>,
    /// What records are keyed by.
    pub key: Option<Spanned<KeySection>>,
    /// What must be kept in order.
    pub ordering: Option<Spanned<Ordering>>,
    /// Retention by time.
    pub retention_time: Option<Spanned<Duration>>,
    /// Retention by size.
    pub retention_size: Option<Spanned<Size>>,
    /// A segment's age.
    pub segment_time: Option<Spanned<Duration>>,
    /// A segment's size.
    pub segment_size: Option<Spanned<Size>>,
    /// The cleanup policy.
    pub cleanup: Option<Spanned<Cleanup>>,
    /// Why it has its partitions.
    pub reason: Option<Spanned<String>>,
    /// What of this nobody stated.
    pub assumed: Option<Spanned<Assumed>>,
    /// Findings that are accepted.
    pub allows: Vec<Spanned<AllowSection>>,
}

impl TopicSection {
    const PARTITIONS: &str = "partitions as wanted";
}

impl Section for TopicSection {
    fn read(fields: &mut Fields<'_>) -> Option<Self> {
        let partitions = fields.optional("partitions", Self::PARTITIONS);
        let partitions_now = fields.optional("partitions_now", "partitions as they are now; left out where unknown");
        let replication = fields.optional(
            "replication",
            "the replication factor; default 3, or the number of brokers where there are fewer",
        );
        let rate = fields.optional(
            "rate",
            "expected records a second: one rate, or { each, fleet } of one source and how many there are",
        );
        let peak = fields.section("peak", "the peak: rate, for how long, how often");
        let record = fields.section("record", "record sizes: mean and max");
        let producer_batch = fields.optional("producer_batch", "the producers' batch.size");
        let compression_ratio = fields.optional("compression_ratio", "uncompressed over compressed bytes; default 1");
        let key = fields.section("key", "what records are keyed by: field, cardinality, zipf");
        let ordering = fields.optional(
            "ordering",
            "what must be kept in order; default per-key where there is a key, else none",
        );
        let retention = fields.section::<TimeAndSize>("retention", "how long records are kept: time, size");
        let segment = fields.section::<TimeAndSize>("segment", "when a segment is rolled: time, size");
        let cleanup = fields.optional("cleanup", "what happens to old records; default delete");
        let reason = fields.optional("reason", "why it has the partitions that it has");
        let assumed = fields.optional("assumed", Assumed::DOC);
        let allows = fields.sections("allow", "a finding that is accepted, with the reason");
        let (retention_time, retention_size) =
            retention.map_or((None, None), |both| (both.value.time, both.value.size));
        let (segment_time, segment_size) = segment.map_or((None, None), |both| (both.value.time, both.value.size));
        Some(Self {
            partitions,
            partitions_now,
            replication,
            rate,
            peak,
            record,
            producer_batch,
            compression_ratio,
            key,
            ordering,
            retention_time,
            retention_size,
            segment_time,
            segment_size,
            cleanup,
            reason,
            assumed,
            allows,
        })
    }
}

/// A topic of topics.toml, which must say how many partitions it has.
struct WholeTopic(TopicSection);

impl Section for WholeTopic {
    fn read(fields: &mut Fields<'_>) -> Option<Self> {
        let topic = TopicSection::read(fields);
        fields.require::<u32>("partitions", TopicSection::PARTITIONS);
        topic.map(Self)
    }
}

/// `profiles/topics.toml`.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct TopicsFile {
    /// Topics by name.
    pub topics: Vec<(Spanned<String>, TopicSection)>,
}

impl Section for TopicsFile {
    fn read(fields: &mut Fields<'_>) -> Option<Self> {
        let topics = fields.named::<WholeTopic>("topics", "topics by name");
        Some(Self {
            topics: topics.into_iter().map(|(name, topic)| (name, topic.0)).collect(),
        })
    }
}
