//! Family P: what the four proofs of `check --proofs` say of a service.

mod capacity;
mod lag_floor;
mod memory;
mod poll_budget;
mod unknown;

use std::time::Duration;

use crate::model::origin::{Layer, Sourced};
use crate::model::service::Service;

use super::Rule;

pub(super) use memory::{OVER_LIMIT, REPLICA_AWAY, UNBOUNDED};

/// Every rule of the family.
pub(super) const RULES: &[Rule] = &[
    unknown::UNKNOWN_INPUT,
    poll_budget::BATCH,
    poll_budget::SLOW_BATCH,
    poll_budget::RECORD,
    memory::OVER_LIMIT,
    memory::UNBOUNDED,
    memory::REPLICA_AWAY,
    capacity::EXPECTED,
    capacity::NOT_DRAINED,
    capacity::PEAK,
    capacity::BUSY,
    lag_floor::TARGET,
];

const ARITHMETIC: &str = "arithmetic on what is declared: lagproof check --proofs";

/// Who says so: "vision-ai", "the profile".
fn sayer<T>(value: &Sourced<T>, service: &Service) -> String {
    match value.origin.layer {
        Layer::Type => service.service_type.value.clone(),
        layer => layer.words().to_owned(),
    }
}

/// ", inherited here" where the profile did not say it itself.
fn inherited<T>(value: &Sourced<T>) -> &'static str {
    match value.origin.layer {
        Layer::Edition | Layer::Defaults | Layer::Type => ", inherited here",
        Layer::Profile | Layer::Case | Layer::Environment => "",
    }
}

/// The next whole minute (from two minutes on), second or millisecond above a time in seconds, as written in profiles.
fn next_round(seconds: f64) -> String {
    let (unit, name) = match seconds {
        s if s >= 120.0 => (60.0, "min"),
        s if s >= 1.0 => (1.0, "s"),
        _ => (0.001, "ms"),
    };
    format!("{:.0}{name}", (seconds / unit).floor() + 1.0)
}

/// A duration in seconds, as the proofs print it.
fn shown(duration: Duration) -> String {
    crate::proofs::text::seconds(duration.as_secs_f64())
}
