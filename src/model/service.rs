//! A service as resolved: who it is, what it reads, how it runs.

use std::time::Duration;

use crate::source::{FileId, Span};
use crate::units::Size;

use super::cost::Cost;
use super::keywords::{Client, Commit, GroupProtocol, Handler, Isolation};
use super::origin::Sourced;
use super::settings::{Setting, Settings};

/// How many records are processed at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Concurrency {
    /// At most that many.
    Bounded(u32),
    /// As many as arrive.
    Unbounded,
}

/// When offsets are committed and what happens to records that fail.
#[derive(Debug, Clone, PartialEq)]
pub struct Delivery {
    /// When offsets are committed.
    pub commit: Sourced<Commit>,
    /// How often, where commits go by the clock.
    pub commit_interval: Sourced<Duration>,
    /// Which records of transactions are seen.
    pub isolation: Sourced<Isolation>,
    /// What happens to records that fail.
    pub retry: Option<Retry>,
}

/// What happens to records that fail.
#[derive(Debug, Clone, PartialEq)]
pub struct Retry {
    /// Tries in all, the first among them.
    pub attempts: Sourced<u32>,
    /// The pause before the second try; it doubles.
    pub backoff: Sourced<Duration>,
    /// Where a record goes after the last.
    pub dead_letter: Option<Sourced<String>>,
}

/// What processing costs.
#[derive(Debug, Clone, PartialEq)]
pub struct Processing {
    /// What one record costs.
    pub per_record: Option<Sourced<Cost>>,
    /// Where its maximum stands, where one is written out.
    pub per_record_max: Option<Span>,
    /// What a batch costs on top.
    pub per_batch: Sourced<Duration>,
    /// Records processed at once in one replica.
    pub concurrency: Sourced<Concurrency>,
    /// Where the handler runs.
    pub handler: Sourced<Handler>,
    /// How much of a record's cost burns CPU; the rest is waiting.
    pub cpu: Option<Sourced<Duration>>,
    /// Keys whose values nobody stated; `*` stands for all of them.
    pub assumed: Vec<String>,
}

/// What a replica may hold.
#[derive(Debug, Clone, PartialEq)]
pub struct Memory {
    /// The container's limit.
    pub limit: Option<Sourced<Size>>,
    /// What is there before the first record.
    pub resident: Option<Sourced<Size>>,
    /// Bytes that the handler holds for each byte of a record in hand.
    pub per_record_factor: Sourced<f64>,
    /// Keys whose values nobody stated; `*` stands for all of them.
    pub assumed: Vec<String>,
}

/// What the service must reach.
#[derive(Debug, Clone, PartialEq)]
pub struct Targets {
    /// Records behind, below which it must stay.
    pub lag: Sourced<u64>,
    /// The share of records that may fail, below which it must stay.
    pub errors: Sourced<f64>,
    /// Rebalances an hour, below which it must stay.
    pub rebalances_per_hour: Sourced<f64>,
}

/// How a consumer runs: everything that a baseline can differ in.
#[derive(Debug, Clone, PartialEq)]
pub struct Run {
    /// The consumer's settings.
    pub consumer: Settings,
    /// Commits, isolation, retries.
    pub delivery: Delivery,
    /// Costs.
    pub processing: Processing,
    /// Memory.
    pub memory: Memory,
}

/// A setting that leaves the matrix, with the reason.
#[derive(Debug, Clone, PartialEq)]
pub struct Deviation {
    /// The setting.
    pub setting: Sourced<Setting>,
    /// Why.
    pub reason: Sourced<String>,
    /// The whole table.
    pub span: Span,
}

/// A finding that is accepted, with the reason.
#[derive(Debug, Clone, PartialEq)]
pub struct Allow {
    /// The finding's code.
    pub code: Sourced<String>,
    /// Only where it is about this setting or key.
    pub about: Option<Sourced<String>>,
    /// Why.
    pub reason: Sourced<String>,
    /// The last day that it holds.
    pub until: Option<Sourced<jiff::civil::Date>>,
    /// The whole table.
    pub span: Span,
}

/// A setting that lagproof does not model, for one client.
#[derive(Debug, Clone, PartialEq)]
pub struct Raw {
    /// The client.
    pub client: Client,
    /// The client's own name for the setting.
    pub key: String,
    /// Where the key stands.
    pub key_span: Span,
    /// Its value.
    pub value: Sourced<RawValue>,
}

/// A raw setting's value, as TOML has it.
#[derive(Debug, Clone, PartialEq)]
pub enum RawValue {
    /// A whole number.
    Integer(i64),
    /// A number.
    Float(f64),
    /// A switch.
    Switch(bool),
    /// Text.
    Text(String),
}

impl std::fmt::Display for RawValue {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Integer(number) => write!(f, "{number}"),
            Self::Float(number) => write!(f, "{number}"),
            Self::Switch(on) => write!(f, "{on}"),
            Self::Text(text) => f.write_str(text),
        }
    }
}

/// A service.
#[derive(Debug, Clone, PartialEq)]
pub struct Service {
    /// Its name, which is its file's.
    pub name: String,
    /// Its file.
    pub file: FileId,
    /// The version of what it compiles to.
    pub version: Sourced<u32>,
    /// Its row of the matrix.
    pub service_type: Sourced<String>,
    /// Its client.
    pub client: Sourced<Client>,
    /// The version of its client as `(major, minor)`, where stated.
    pub client_version: Option<Sourced<(u32, u32)>>,
    /// Its consumer group.
    pub group: Sourced<String>,
    /// How the group is coordinated.
    pub group_protocol: Sourced<GroupProtocol>,
    /// The static member id, with a `${VARIABLE}` that differs a replica.
    pub instance_id: Option<Sourced<String>>,
    /// How long a restart takes, where stated.
    pub restart: Option<Sourced<Duration>>,
    /// What it does, in a line.
    pub summary: Option<Sourced<String>>,
    /// The topics that it reads: patterns expanded, sorted, each once.
    pub topics: Vec<Sourced<String>>,
    /// The topics as written, patterns among them.
    pub subscribed: Vec<Sourced<String>>,
    /// How many replicas run.
    pub replicas: Sourced<u32>,
    /// How it runs.
    pub run: Run,
    /// How it ran before.
    pub baseline: Option<Box<Run>>,
    /// What it must reach.
    pub targets: Targets,
    /// Settings that lagproof does not model.
    pub raw: Vec<Raw>,
    /// Settings that leave the matrix.
    pub deviations: Vec<Deviation>,
    /// Findings that are accepted.
    pub allows: Vec<Allow>,
    /// Names that it had before.
    pub renamed_from: Vec<Sourced<String>>,
}
