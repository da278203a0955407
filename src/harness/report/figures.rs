//! The numbers of one side, over all of its runs.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::harness::plan::{PhaseKind, Trial};
use crate::harness::protocol::{EncodedHistogram, Micros};
use crate::harness::recording::{Account, Moment, Recording, WorkerEnd};

/// The numbers of one side: of its runs together, or of one of them. Lag and latency without the warm-up.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
pub struct Figures {
    /// Records behind, that half of the samples did not exceed.
    pub lag_p50: Option<u64>,
    /// Records behind, that 95 % of the samples did not exceed.
    pub lag_p95: Option<u64>,
    /// The most records behind.
    pub lag_max: Option<u64>,
    /// From due time to the end of processing, in seconds: the median.
    pub latency_p50_s: Option<f64>,
    /// The same, 99 %.
    pub latency_p99_s: Option<f64>,
    /// The same, the longest.
    pub latency_max_s: Option<f64>,
    /// How late the harness itself was in sending, in seconds, 99 %.
    pub lateness_p99_s: Option<f64>,
    /// What became of the records.
    pub account: Account,
    /// Processed of sent when the load ended, 0 to 1; nothing where nothing was sent.
    pub processed_share: Option<f64>,
    /// The most that one worker held, in bytes.
    pub memory_peak: Option<u64>,
    /// Workers that the system killed at their memory limit.
    pub killed: u32,
    /// Rebalances that nobody provoked.
    pub rebalances: u64,
    /// The longest time between two polls, in seconds.
    pub poll_gap_s: f64,
}

impl Figures {
    /// Of these runs of `trial`.
    #[must_use]
    pub fn of(trial: &Trial, recordings: &[&Recording]) -> Self {
        let mut lags: Vec<u64> = recordings
            .iter()
            .flat_map(|recording| measured(trial, recording))
            .filter_map(|moment| moment.lag)
            .collect();
        lags.sort_unstable();
        let latency = merged(recordings.iter().map(|recording| &recording.measured_latency));
        let lateness = merged(recordings.iter().map(|recording| &recording.lateness));
        let fates = || recordings.iter().flat_map(|recording| &recording.workers);
        let sampled = recordings.iter().flat_map(|recording| &recording.moments);
        let rebalances = recordings.iter().flat_map(|recording| &recording.rebalances);
        Self {
            lag_p50: share_of(&lags, 0.5),
            lag_p95: share_of(&lags, 0.95),
            lag_max: lags.last().copied(),
            latency_p50_s: seconds_at(&latency, 0.5),
            latency_p99_s: seconds_at(&latency, 0.99),
            latency_max_s: seconds_at(&latency, 1.0),
            lateness_p99_s: seconds_at(&lateness, 0.99),
            account: recordings
                .iter()
                .fold(Account::default(), |sum, recording| add(sum, recording.account)),
            processed_share: processed_share(trial, recordings),
            memory_peak: sampled
                .flat_map(|moment| moment.memory.iter().copied())
                .chain(fates().filter_map(|fate| fate.peak_bytes))
                .max(),
            killed: fates().map(|fate| u32::from(fate.end == WorkerEnd::OutOfMemory)).sum(),
            rebalances: rebalances.map(|one| u64::from(one.cause.is_unprovoked())).sum(),
            poll_gap_s: recordings
                .iter()
                .map(|recording| recording.longest_poll_gap_s)
                .fold(0.0, f64::max),
        }
    }
}

/// The moments of a run's load after the warm-up.
fn measured<'r>(trial: &Trial, recording: &'r Recording) -> impl Iterator<Item = &'r Moment> {
    let phases: Vec<(f64, f64)> = trial
        .phases
        .iter()
        .filter(|phase| phase.kind != PhaseKind::WarmUp)
        .map(|phase| (phase.from_s, phase.to_s))
        .collect();
    recording
        .moments
        .iter()
        .filter(move |moment| phases.iter().any(|(from, to)| (*from..*to).contains(&moment.at_s)))
}

/// The value that a share of sorted values does not exceed (nearest rank).
fn share_of(sorted: &[u64], share: f64) -> Option<u64> {
    // Holds: shares are 0 to 1, and nobody keeps 2⁵² samples.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::cast_precision_loss
    )]
    let rank = (share * sorted.len() as f64).ceil() as usize;
    sorted.get(rank.max(1) - 1).copied()
}

/// All of these histograms in one; one that can't be read is left out.
pub(super) fn merged<'h>(encoded: impl Iterator<Item = &'h EncodedHistogram>) -> Micros {
    let mut sum = Micros::new();
    for one in encoded {
        let _ = sum.merge_encoded(one);
    }
    sum
}

#[expect(clippy::cast_precision_loss, reason = "microseconds of a day at most")]
pub(super) fn seconds_at(histogram: &Micros, share: f64) -> Option<f64> {
    histogram.quantile(share).map(|us| us as f64 / 1e6)
}

/// Of what had been sent when the load ended, what was processed by then; runs together.
fn processed_share(trial: &Trial, recordings: &[&Recording]) -> Option<f64> {
    let ends = trial.seconds();
    let (sent, processed) = recordings
        .iter()
        .filter_map(|recording| {
            let before = |moment: &&Moment| moment.at_s <= ends;
            recording.moments.iter().rfind(before).or(recording.moments.first())
        })
        .fold((0, 0), |(sent, processed), moment| {
            (sent + moment.sent, processed + moment.processed)
        });
    #[expect(clippy::cast_precision_loss, reason = "a share for people")]
    (sent > 0).then(|| processed as f64 / sent as f64)
}

const fn add(a: Account, b: Account) -> Account {
    Account {
        sent: a.sent + b.sent,
        unsent: a.unsent + b.unsent,
        processed: a.processed + b.processed,
        lost: a.lost + b.lost,
        lost_to_retention: a.lost_to_retention + b.lost_to_retention,
        duplicated: a.duplicated + b.duplicated,
        reordered: a.reordered + b.reordered,
        failed: a.failed + b.failed,
        dead_letters: a.dead_letters + b.dead_letters,
        foreign: a.foreign + b.foreign,
    }
}
