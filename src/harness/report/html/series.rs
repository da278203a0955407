//! Lines over time, from recordings.

use crate::harness::outcome::TrialOutcome;
use crate::harness::plan::Side;
use crate::harness::recording::{Moment, Recording};

/// The most points of a line: more than a screen is wide.
const POINTS: usize = 700;

/// Rates are told over about that long, in seconds: a quarter of a second alone is mostly noise.
const RATE_OVER_S: f64 = 1.0;

/// Seconds and value, in order; no value where nothing could be seen.
pub(super) type Points = Vec<(f64, Option<f64>)>;

/// One value over time, of one run.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Line {
    pub(super) side: Side,
    /// Which of the side's runs, from 0.
    pub(super) run: usize,
    /// What it is beside others of its side: empty, or `sent`.
    pub(super) what: &'static str,
    pub(super) points: Points,
}

impl Line {
    pub(super) fn most(&self) -> f64 {
        self.points.iter().filter_map(|(_, value)| *value).fold(0.0, f64::max)
    }

    /// The last value that was seen at or before a time; nothing long after it.
    pub(super) fn at(&self, seconds: f64) -> Option<f64> {
        let (seen, value) = self.points.iter().rfind(|(at, _)| *at <= seconds)?;
        let (last, _) = self.points.last()?;
        if seconds > last + 1.0 && seconds > seen + 1.0 {
            return None;
        }
        *value
    }
}

/// One line a run of a trial.
pub(super) fn lines(trial: &TrialOutcome, what: &'static str, each: &dyn Fn(&Recording) -> Points) -> Vec<Line> {
    let mut lines = Vec::new();
    for side in &trial.sides {
        for (run, recording) in side.recordings.iter().enumerate() {
            lines.push(Line {
                side: side.judgement.side,
                run,
                what,
                points: thinned(each(recording)),
            });
        }
    }
    lines
}

/// Records behind.
pub(super) fn lag(recording: &Recording) -> Points {
    each_moment(recording, |moment| moment.lag.map(float))
}

/// The bytes of the worker that holds most; nothing while none runs.
pub(super) fn memory(recording: &Recording) -> Points {
    each_moment(recording, |moment| moment.memory.iter().copied().max().map(float))
}

/// Records processed a second.
pub(super) fn processed(recording: &Recording) -> Points {
    rate(recording, |moment| moment.processed)
}

/// Records sent a second.
pub(super) fn sent(recording: &Recording) -> Points {
    rate(recording, |moment| moment.sent)
}

fn each_moment(recording: &Recording, value: impl Fn(&Moment) -> Option<f64>) -> Points {
    let moments = recording.moments.iter();
    moments.map(|moment| (moment.at_s, value(moment))).collect()
}

/// A counter's growth a second, over the last [`RATE_OVER_S`] at each moment.
fn rate(recording: &Recording, counter: impl Fn(&Moment) -> u64) -> Points {
    let moments = &recording.moments;
    let mut from = 0;
    let mut points = Vec::with_capacity(moments.len());
    for (at, moment) in moments.iter().enumerate().skip(1) {
        while from + 1 < at && moment.at_s - moments[from + 1].at_s >= RATE_OVER_S {
            from += 1;
        }
        let seconds = moment.at_s - moments[from].at_s;
        let more = counter(moment).saturating_sub(counter(&moments[from]));
        points.push((moment.at_s, (seconds > 0.0).then(|| float(more) / seconds)));
    }
    points
}

/// Of many points those that a picture can show: of each stretch its lowest and its highest, so that no peak is lost.
fn thinned(points: Points) -> Points {
    if points.len() <= POINTS {
        return points;
    }
    let stretch = (points.len() * 2).div_ceil(POINTS);
    let mut thin = Vec::with_capacity(POINTS + 2);
    for part in points.chunks(stretch) {
        let value = |at: &usize| part[*at].1.unwrap_or(-1.0);
        let all = || 0..part.len();
        let low = all().min_by(|a, b| value(a).total_cmp(&value(b))).unwrap_or(0);
        let high = all().max_by(|a, b| value(a).total_cmp(&value(b))).unwrap_or(0);
        thin.push(part[low.min(high)]);
        if low != high {
            thin.push(part[low.max(high)]);
        }
    }
    thin
}

#[expect(clippy::cast_precision_loss, reason = "a picture")]
pub(super) const fn float(value: u64) -> f64 {
    value as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thinning_keeps_every_peak_gap_and_order() {
        let mut points: Points = (0..20_000).map(|n| (f64::from(n), Some(5.0))).collect();
        points[7_777].1 = Some(9_000.0);
        points[12_345].1 = None;
        let thin = thinned(points);
        assert!(thin.len() <= POINTS + 2, "{}", thin.len());
        assert!(thin.contains(&(7_777.0, Some(9_000.0))));
        assert!(thin.contains(&(12_345.0, None)));
        assert!(thin.windows(2).all(|pair| pair[0].0 < pair[1].0));
    }
}
