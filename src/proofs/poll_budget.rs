//! Whether a batch is done before the next poll is due.
//!
//! A consumer that does not poll within max_poll_interval leaves its group; its records go to another member, which
//! takes as long. Three questions, each with its own answer: is the mean batch in time, is all but one batch in a
//! hundred, and is a single record that takes as long as a record can.

use std::time::Duration;

use crate::model::cost::{Cost, normal_quantile};

use super::text::{number, percent, seconds};
use super::work::{Known, Work};
use super::{Kind, Line, Proof, Verdict, Words, exceeds, need};

/// The share of batches that should be in time.
const IN_TIME: f64 = 0.99;

/// What takes longer than the poll interval allows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Over {
    /// A full batch at the mean cost: it happens all the time under load.
    Mean,
    /// A full batch, once in a hundred.
    P99,
    /// One record at its maximum: no batch size helps.
    RecordMax,
}

/// The proof, and its numbers as far as they are known. Times are in seconds.
#[derive(Debug, Clone, PartialEq)]
pub struct PollBudget {
    /// As printed.
    pub proof: Proof,
    /// The time allowed between polls.
    pub limit: Option<Duration>,
    /// A full batch at the mean cost.
    pub mean: Option<f64>,
    /// What 99 of 100 full batches stay below.
    pub p99: Option<f64>,
    /// One record at its maximum; nothing where no maximum is declared.
    pub record_max: Option<f64>,
    /// What takes longer than allowed.
    pub over: Vec<Over>,
}

/// Judges `per_batch + ⌈n ÷ concurrency⌉ × mean`, the 99th percentile of the same sum, and one record at its maximum
/// against `max_poll_interval` (`consumer.max_poll_interval`; for kafkajs, which has none, the session timeout).
///
/// A mean over it is [`Verdict::Broken`], and so is one record at its maximum; a 99th percentile over it
/// [`Verdict::Warns`].
#[must_use]
pub fn prove(work: &Work, max_poll_interval: Option<Duration>, words: Words) -> PollBudget {
    let mut unknown = Vec::new();
    let known = work.known(&mut unknown);
    let limit = need(max_poll_interval, "consumer.max_poll_interval", &mut unknown);
    let record_max = work
        .per_record
        .as_ref()
        .and_then(Cost::max)
        .map(|max| max.as_secs_f64());
    if work.per_record.is_some() && record_max.is_none() {
        unknown.push("processing.per_record.max".to_owned());
    }
    let mean = known.as_ref().map(|known| known.per_batch + known.steps() * known.mean);
    let p99 = known
        .as_ref()
        .map(|known| known.per_batch + sum_quantile(&known.cost, known.steps(), known.lanes(), IN_TIME));

    let mut lines = Vec::new();
    let mut over = Vec::new();
    if let Some(limit) = limit.map(|limit| limit.as_secs_f64()) {
        let mut judge = |formula: &dyn Fn() -> String, value: f64, what: Over, verdict: Verdict| {
            let verdict = if exceeds(value, limit) {
                over.push(what);
                verdict
            } else {
                Verdict::Holds
            };
            lines.push(words.line(verdict, || line(formula(), value, limit)));
        };
        if let (Some(known), Some(mean), Some(p99)) = (&known, mean, p99) {
            judge(&|| formula(known), mean, Over::Mean, Verdict::Broken);
            if known.cost.variance() > 0.0 {
                judge(&|| "99 of 100 batches".to_owned(), p99, Over::P99, Verdict::Warns);
            }
        }
        // A constant that fits is already in the mean.
        let worth_a_line = matches!(work.per_record, Some(Cost::LogNormal { .. }));
        if let Some(max) = record_max.filter(|max| worth_a_line || exceeds(*max, limit)) {
            judge(
                &|| "one record at its max".to_owned(),
                max,
                Over::RecordMax,
                Verdict::Broken,
            );
        }
    }
    PollBudget {
        proof: Proof::of(Kind::PollBudget, lines, unknown),
        limit,
        mean,
        p99,
        record_max,
        over,
    }
}

/// The `p`-quantile of the time, in seconds, until `lanes` workers have each done `steps` records in sequence.
///
/// The sum is taken as log-normal with the sum's mean and variance (Fenton, 1960), kept between what one record and
/// `steps` records at their maximum take; one step is exact. Of several lanes the slowest counts: each must be done
/// with probability `p^(1 ÷ lanes)`. Fixed lanes are no faster than workers that take the next record when free.
/// Against simulation (σ up to 1.2, steps up to 500) the error is below 10 %.
#[must_use]
pub fn sum_quantile(cost: &Cost, steps: f64, lanes: f64, p: f64) -> f64 {
    let level = p.powf(1.0 / lanes.max(1.0));
    let one = cost.quantile(level);
    if steps <= 1.0 {
        return one;
    }
    let (mean, variance) = (steps * cost.mean(), steps * cost.variance());
    if !mean.is_finite() || !variance.is_finite() {
        return cost.max().map_or(f64::INFINITY, |max| steps * max.as_secs_f64());
    }
    if variance <= 0.0 {
        return mean;
    }
    let square = (variance / (mean * mean)).ln_1p();
    let sum = (mean.ln() - square / 2.0 + square.sqrt() * normal_quantile(level)).exp();
    let most = cost.max().map_or(f64::INFINITY, |max| steps * max.as_secs_f64());
    sum.max(one).min(most)
}

fn formula(known: &Known) -> String {
    let (n, mean) = (number(f64::from(known.records)), seconds(known.mean));
    let records = match known.worth() {
        worth if worth.is_infinite() => format!("{n} records at once × {mean}"),
        worth if worth > 1.0 => format!("⌈{n} ÷ {}⌉ × {mean}", number(worth)),
        _ => format!("{n} × {mean}"),
    };
    if known.per_batch > 0.0 {
        format!("{} + {records}", seconds(known.per_batch))
    } else {
        records
    }
}

fn line(formula: String, value: f64, limit: f64) -> Line {
    Line {
        formula,
        result: format!("= {}", seconds(value)),
        bound: format!("of {}", seconds(limit)),
        share: percent(value / limit),
        ..Line::wordless(Verdict::Holds)
    }
}
