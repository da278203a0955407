//! When a group has worked off what the load left, and when it is not waited for any longer. Pure.

use crate::harness::plan::{FaultKind, SidePlan, Trial};
use crate::harness::protocol::{ConcurrencySpec, CostSpec};

/// The longest that anybody waits, in seconds.
const LONGEST_S: f64 = 60.0;
/// Where at the pace so far it would take longer than this, nobody waits, in seconds.
const WORTH_S: f64 = 30.0;
/// How long the pace is watched before anything is concluded from it, in seconds.
const WATCHED_S: f64 = 4.0;
/// How long clients take at most to find a broker that came back: librdkafka's `reconnect.backoff.max.ms`, and a join.
const RECONNECT_S: f64 = 15.0;
/// How long a group is idle before that is believed, in seconds: prefetched batches come in bursts.
const IDLE_S: f64 = 3.0;

/// What is seen while a group works off what the load left.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Left {
    /// Seconds since the load's end.
    pub(super) at_s: f64,
    /// The newest tick at which lag is known.
    pub(super) tick: u32,
    /// Lag there; nothing where the broker has not answered yet.
    pub(super) lag: Option<u64>,
    /// Records polled and not processed.
    pub(super) in_hand: u64,
    /// Records processed so far.
    pub(super) processed: u64,
    /// Workers that run.
    pub(super) workers: usize,
}

/// Whether to wait on.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Verdict {
    /// Something still happens.
    Wait,
    /// Everything was worked off.
    Drained,
    /// It is not waited for any longer.
    GivenUp,
}

/// Watches a group work off what is left.
#[derive(Debug)]
pub(super) struct Drain {
    stuck_s: f64,
    first: Option<Left>,
    moved_at_s: f64,
    processed: u64,
    empty_since: Option<u32>,
}

impl Drain {
    /// Waits as long without progress as a batch, a slow record or a lost member may take.
    pub(super) fn of(trial: &Trial, side: &SidePlan) -> Self {
        let slow = trial.faults.iter().any(|fault| fault.kind == FaultKind::SlowRecord);
        let slow_s = if slow { seconds(side.work.slow_us) * 2.0 } else { 0.0 };
        let session_s = side.session_s.unwrap_or(45.0);
        let gone_s = trial.faults.iter().map(|fault| match fault.kind {
            FaultKind::WorkerKilled => session_s,
            FaultKind::BrokerRestarted => session_s + RECONNECT_S,
            FaultKind::DownstreamStall { seconds } => seconds,
            FaultKind::SlowRecord | FaultKind::PoisonRecord | FaultKind::ReplicaAdded { .. } => 0.0,
        });
        let gone_s = gone_s.fold(0.0, f64::max);
        Self::new((IDLE_S + 2.0 * batch_s(side) + slow_s + gone_s).min(LONGEST_S))
    }

    fn new(stuck_s: f64) -> Self {
        Self {
            stuck_s,
            first: None,
            moved_at_s: 0.0,
            processed: 0,
            empty_since: None,
        }
    }

    /// How long one may stop in good order: until what it has in hand is done.
    pub(super) fn grace_s(side: &SidePlan) -> f64 {
        (5.0 + 2.0 * batch_s(side)).min(30.0)
    }

    /// Looks again.
    pub(super) fn look(&mut self, left: Left) -> Verdict {
        let first = *self.first.get_or_insert(left);
        if left.processed > self.processed {
            self.processed = left.processed;
            self.moved_at_s = left.at_s;
        }
        if left.lag == Some(0) && left.in_hand == 0 {
            let since = *self.empty_since.get_or_insert(left.tick);
            // Two ticks on, so that what was told of the last one has arrived.
            if left.tick >= since + 2 {
                return Verdict::Drained;
            }
        } else {
            self.empty_since = None;
        }
        if left.workers == 0 {
            return if left.at_s > 1.0 {
                Verdict::GivenUp
            } else {
                Verdict::Wait
            };
        }
        let watched_s = left.at_s - first.at_s;
        let idle = left.at_s - self.moved_at_s > self.stuck_s;
        if idle || left.at_s > LONGEST_S {
            return Verdict::GivenUp;
        }
        if watched_s > WATCHED_S.max(self.stuck_s.min(WORTH_S)) {
            let pace = float(left.processed - first.processed) / watched_s;
            let needed_s = float(left.lag.unwrap_or(0) + left.in_hand) / pace.max(f64::MIN_POSITIVE);
            if left.at_s + needed_s > WORTH_S.max(self.stuck_s) {
                return Verdict::GivenUp;
            }
        }
        Verdict::Wait
    }
}

/// Seconds that a full batch may take.
fn batch_s(side: &SidePlan) -> f64 {
    let record_s = match side.work.per_record {
        CostSpec::Constant { us } => us / 1e6,
        // Few records are past three deviations, and one batch has few of them.
        CostSpec::LogNormal { mu, sigma, max } => {
            let high = 3.0_f64.mul_add(sigma, mu).exp();
            max.map_or(high, |max| high.min(max))
        }
    };
    let lanes = match side.work.concurrency {
        ConcurrencySpec::Bounded(lanes) => f64::from(lanes.max(1)),
        ConcurrencySpec::Unbounded => 1.0,
    };
    let batch = match side.work.concurrency {
        ConcurrencySpec::Bounded(_) => f64::from(side.max_poll_records),
        ConcurrencySpec::Unbounded => 1.0,
    };
    // A batch of records that are dear is rarely full.
    let batch = batch.min((10.0 / record_s.max(1e-9)).max(1.0));
    seconds(side.work.per_batch_us) + (batch / lanes).ceil() * record_s
}

fn seconds(us: u64) -> f64 {
    float(us) / 1e6
}

#[expect(clippy::cast_precision_loss, reason = "numbers of a run")]
fn float(number: u64) -> f64 {
    number as f64
}

#[cfg(test)]
mod tests {
    use super::{Drain, Left, Verdict};

    fn left(at_s: f64, lag: u64, processed: u64) -> Left {
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a few seconds")]
        let tick = (at_s * 4.0) as u32;
        Left {
            at_s,
            tick,
            lag: Some(lag),
            in_hand: 0,
            processed,
            workers: 1,
        }
    }

    /// Looks every quarter of a second until it is settled: when, and how.
    fn settle(stuck_s: f64, at: impl Fn(f64) -> Left) -> (f64, Verdict) {
        let mut drain = Drain::new(stuck_s);
        let mut at_s = 0.0;
        loop {
            match drain.look(at(at_s)) {
                Verdict::Wait => at_s += 0.25,
                settled => return (at_s, settled),
            }
        }
    }

    #[test]
    fn what_is_worked_off_is_waited_for() {
        let pace = |at_s: f64| left(at_s, (300.0 - at_s * 40.0).max(0.0) as u64, (at_s * 40.0) as u64);
        assert_eq!(settle(3.0, pace), (8.0, Verdict::Drained));
        assert_eq!(settle(3.0, |at_s| left(at_s, 0, 7)), (0.5, Verdict::Drained));
    }

    #[test]
    fn what_takes_too_long_is_not() {
        let pace = |at_s: f64| left(at_s, (8_000.0 - at_s * 60.0) as u64, (at_s * 60.0) as u64);
        assert_eq!(settle(3.0, pace), (4.25, Verdict::GivenUp));
    }

    #[test]
    fn a_group_without_progress_is_given_up_after_its_own_time() {
        assert_eq!(settle(3.0, |at_s| left(at_s, 10, 0)).1, Verdict::GivenUp);
        let (at_s, verdict) = settle(12.0, |at_s| left(at_s, 10, 0));
        assert_eq!(verdict, Verdict::GivenUp);
        assert!(at_s > 12.0, "{at_s}");
        let nobody = |at_s| Left {
            workers: 0,
            ..left(at_s, 10, 0)
        };
        assert_eq!(settle(40.0, nobody), (1.25, Verdict::GivenUp));
    }

    #[test]
    fn records_in_hand_are_not_done() {
        let held = |at_s: f64| Left {
            in_hand: if at_s < 2.0 { 1 } else { 0 },
            ..left(at_s, 0, 0)
        };
        assert_eq!(settle(3.0, held), (2.5, Verdict::Drained));
    }
}
