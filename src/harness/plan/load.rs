//! The load of a run: which rate when, and what each stretch is for.

use crate::model::topic::Topic;
use crate::proofs::text::seconds;

use super::super::protocol::Stretch;
use super::trial::Subject;
use super::wish::{LoadWish, Point};
use super::{Phase, PhaseKind};

/// Seconds in which nothing is judged: connections, the JVM, the first join. On the clock, whatever the speed.
pub(super) const WARM_UP_S: f64 = 5.0;
/// Seconds of steady load: 140 samples, of which 120 must be there.
const STEADY_S: f64 = 35.0;
/// Records that a steady stretch should have.
const RECORDS: f64 = 60.0;
/// Records without which there is no verdict.
const ENOUGH: f64 = 30.0;
/// The longest that it is made for them.
const LONGEST_STEADY_S: f64 = 120.0;
/// The longest burst. Longer ones are cut, and so is the time to return from them.
const BURST_S: f64 = 12.0;
/// Seconds of the expected rate after a burst.
const RETURN_S: f64 = 8.0;
/// A stretch of a recorded or declared load counts as a burst above so many times the usual rate.
const BURST_FACTOR: f64 = 1.5;

/// One stretch, of all topics.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Piece {
    /// What it is for.
    pub kind: PhaseKind,
    /// Seconds.
    pub seconds: f64,
    /// Records a second of each topic, at its start and at its end.
    pub rates: Vec<(f64, f64)>,
}

/// All stretches.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Schedule {
    /// In order.
    pub pieces: Vec<Piece>,
    /// Seconds within which a burst must be over; nothing where no next one is declared.
    pub return_s: Option<f64>,
    /// What one should know of it.
    pub notes: Vec<String>,
}

impl Schedule {
    /// What is measured when.
    pub fn phases(&self) -> Vec<Phase> {
        let mut phases: Vec<Phase> = Vec::new();
        let mut from_s = 0.0;
        for piece in &self.pieces {
            let to_s = from_s + piece.seconds;
            match phases.last_mut().filter(|last| last.kind == piece.kind) {
                Some(last) => last.to_s = to_s,
                None => phases.push(Phase {
                    kind: piece.kind,
                    from_s,
                    to_s,
                }),
            }
            from_s = to_s;
        }
        phases
    }

    /// Makes the steady stretch longer, so that faults in it leave enough to judge. A load without one stays as it is.
    pub fn make_room(&mut self, seconds: f64) {
        let steady = |piece: &&mut Piece| piece.kind == PhaseKind::Steady;
        if let Some(last) = self.pieces.iter_mut().rev().find(steady) {
            last.seconds += seconds;
        }
    }

    /// One topic's stretches, those of the same rate as one.
    pub fn stretches(&self, topic: usize) -> Vec<Stretch> {
        let mut stretches: Vec<Stretch> = Vec::new();
        for piece in &self.pieces {
            let (from_rate, to_rate) = piece.rates[topic];
            let even = |one: f64, other: f64| (one - other).abs() <= f64::EPSILON * one.abs();
            let goes_on = stretches.last_mut().filter(|last| {
                even(last.from_rate, last.to_rate) && even(last.to_rate, from_rate) && even(from_rate, to_rate)
            });
            match goes_on {
                Some(last) => last.seconds += piece.seconds,
                None => stretches.push(Stretch {
                    from_rate,
                    to_rate,
                    seconds: piece.seconds,
                }),
            }
        }
        stretches
    }
}

/// The load of a subject that is scaled already. `speed` is what it was scaled by: what is wished for is not.
pub(super) fn schedule(subject: &Subject, wish: &LoadWish, steady_s: Option<f64>, speed: f64) -> Schedule {
    match wish {
        LoadWish::Declared if subject.load.is_empty() => declared(subject, steady_s),
        LoadWish::Declared => case(subject, steady_s),
        LoadWish::Ramp { from, to, seconds } => {
            let lead = |kind, seconds, rate: f64| even(subject, kind, seconds, rate * speed);
            let ramp = Piece {
                kind: PhaseKind::Burst,
                seconds: seconds / speed,
                rates: split(subject, from * speed)
                    .into_iter()
                    .zip(split(subject, to * speed))
                    .collect(),
            };
            let pieces = vec![
                lead(PhaseKind::WarmUp, WARM_UP_S, *from),
                ramp,
                lead(PhaseKind::Return, RETURN_S, *from),
            ];
            Schedule {
                pieces,
                return_s: None,
                notes: steady_s
                    .map(|_| "a ramp has no steady stretch: its length is the ramp's own".to_owned())
                    .into_iter()
                    .collect(),
            }
        }
        LoadWish::Replay(points) => replay(subject, points, speed),
    }
}

/// Warm-up, steady, the peak, and back.
fn declared(subject: &Subject, steady_s: Option<f64>) -> Schedule {
    let expected: Vec<f64> = subject.topics.iter().map(rate).collect();
    let total: f64 = expected.iter().sum();
    let mut notes = Vec::new();
    let steady = steady_s.unwrap_or_else(|| {
        let wanted = if total > 0.0 { RECORDS / total } else { 0.0 };
        STEADY_S.max(wanted.min(LONGEST_STEADY_S))
    });
    if steady_s.is_none() && steady > STEADY_S {
        let rate = crate::proofs::text::number(total);
        notes.push(if steady * total < ENOUGH {
            // What is compressed can be compressed more, and what is not has to take its time.
            format!(
                "too few records for a verdict on lag: {} at {rate} a second; give --duration {}, or a higher --speed where \
                 the worker imitates the work",
                seconds(steady),
                seconds((RECORDS / total / 60.0).ceil() * 60.0).replace(' ', "")
            )
        } else {
            format!(
                "steady for {}: at {rate} a second, a shorter stretch has too few records",
                seconds(steady)
            )
        });
    }
    let flat = |rates: &[f64]| rates.iter().map(|rate| (*rate, *rate)).collect::<Vec<_>>();
    let piece = |kind, seconds, rates: &[f64]| Piece {
        kind,
        seconds,
        rates: flat(rates),
    };
    let mut pieces = vec![
        piece(PhaseKind::WarmUp, WARM_UP_S, &expected),
        piece(PhaseKind::Steady, steady, &expected),
    ];
    let peaks: Vec<f64> = subject.topics.iter().map(peak).collect();
    let mut return_s = None;
    if peaks.iter().zip(&expected).any(|(peak, rate)| peak > rate) {
        let (lasts, every) = peak_times(&subject.topics);
        let burst = lasts.unwrap_or(BURST_S).min(BURST_S);
        if let (Some(lasts), Some(every)) = (lasts, every) {
            let share = burst / lasts;
            return_s = Some((every - lasts).max(0.0) * share);
            if share < 1.0 {
                notes.push(format!(
                    "its peak is cut to {}, and the time to return from it in proportion",
                    seconds(burst)
                ));
            }
        } else {
            notes.push(
                "how long a peak lasts, or when the next one comes, is not declared: its return has no bound"
                    .to_owned(),
            );
        }
        pieces.push(piece(PhaseKind::Burst, burst, &peaks));
        pieces.push(piece(PhaseKind::Return, RETURN_S, &expected));
    }
    Schedule {
        pieces,
        return_s,
        notes,
    }
}

/// A case's own stretches, as they stand. An even load begins with a warm-up; in another one, what comes before its first
/// burst is the warm-up.
fn case(subject: &Subject, steady_s: Option<f64>) -> Schedule {
    let mut notes = Vec::new();
    let lowest = subject.load.iter().map(|load| load.0).fold(f64::INFINITY, f64::min);
    let is_even = subject.load.iter().all(|load| load.0 <= lowest * BURST_FACTOR);
    if is_even {
        let mut pieces = vec![even(subject, PhaseKind::WarmUp, WARM_UP_S, subject.load[0].0)];
        let whole: f64 = subject.load.iter().map(|load| load.1).sum();
        let stretch = steady_s.map_or(1.0, |wanted| wanted / whole);
        for (rate, seconds) in &subject.load {
            pieces.push(even(subject, PhaseKind::Steady, seconds * stretch, *rate));
        }
        return Schedule {
            pieces,
            return_s: None,
            notes,
        };
    }
    if steady_s.is_some() {
        notes.push("its load is the case's own, stretch by stretch: no other length is given to it".to_owned());
    }
    let pieces = bursts(subject, &subject.load, lowest, PhaseKind::WarmUp);
    Schedule {
        pieces,
        return_s: None,
        notes,
    }
}

/// A recorded series: steady where it never leaves its usual rate, else steady until its first burst.
fn replay(subject: &Subject, points: &[Point], speed: f64) -> Schedule {
    let mut load: Vec<(f64, f64)> = points
        .windows(2)
        .map(|pair| (pair[0].rate * speed, (pair[1].seconds - pair[0].seconds) / speed))
        .collect();
    if let (Some(last), Some((_, length))) = (points.last(), load.last().copied()) {
        load.push((last.rate * speed, length));
    }
    let usual = usual_rate(&load);
    let mut pieces = vec![even(subject, PhaseKind::WarmUp, WARM_UP_S, load[0].0)];
    pieces.extend(bursts(subject, &load, usual, PhaseKind::Steady));
    Schedule {
        pieces,
        return_s: None,
        notes: Vec::new(),
    }
}

/// Stretches of `(rate, seconds)`: `before` until the first one above the usual rate, a burst until the last such one.
fn bursts(subject: &Subject, load: &[(f64, f64)], usual: f64, before: PhaseKind) -> Vec<Piece> {
    let is_burst = |rate: f64| rate > usual * BURST_FACTOR;
    let first = load.iter().position(|(rate, _)| is_burst(*rate)).unwrap_or(load.len());
    let last = load.iter().rposition(|(rate, _)| is_burst(*rate)).unwrap_or(0);
    load.iter()
        .enumerate()
        .map(|(at, (rate, seconds))| {
            let kind = match at {
                at if at < first => before,
                at if at <= last => PhaseKind::Burst,
                _ => PhaseKind::Return,
            };
            even(subject, kind, *seconds, *rate)
        })
        .collect()
}

/// The rate that it is at or below for half of the time.
fn usual_rate(load: &[(f64, f64)]) -> f64 {
    let mut sorted = load.to_vec();
    sorted.sort_by(|one, other| one.0.total_cmp(&other.0));
    let half = sorted.iter().map(|(_, seconds)| seconds).sum::<f64>() / 2.0;
    let mut passed = 0.0;
    for (rate, seconds) in &sorted {
        passed += seconds;
        if passed >= half {
            return *rate;
        }
    }
    0.0
}

fn even(subject: &Subject, kind: PhaseKind, seconds: f64, total: f64) -> Piece {
    Piece {
        kind,
        seconds,
        rates: split(subject, total).into_iter().map(|rate| (rate, rate)).collect(),
    }
}

/// A rate over all topics, shared out as their declared rates are; evenly where none is declared.
pub(super) fn split(subject: &Subject, total: f64) -> Vec<f64> {
    let rates: Vec<f64> = subject.topics.iter().map(rate).collect();
    let sum: f64 = rates.iter().sum();
    #[expect(clippy::cast_precision_loss, reason = "a number of topics")]
    let topics = rates.len() as f64;
    rates
        .iter()
        .map(|rate| if sum > 0.0 { total * rate / sum } else { total / topics })
        .collect()
}

/// Expected records a second of a topic; 0 where nobody declares them.
pub(super) fn rate(topic: &Topic) -> f64 {
    topic.rate.as_ref().map_or(0.0, |rate| rate.get())
}

/// Records a second of a topic at its peak; the expected ones where it has none.
pub(super) fn peak(topic: &Topic) -> f64 {
    topic.peak.as_ref().map_or(0.0, |peak| peak.rate.get()).max(rate(topic))
}

/// How long peaks of all topics last when they come together, and how often: the longest, and the most frequent.
fn peak_times(topics: &[Topic]) -> (Option<f64>, Option<f64>) {
    let peaks = || topics.iter().filter_map(|topic| topic.peak.as_ref());
    let longest = peaks()
        .filter_map(|peak| Some(peak.lasts.as_ref()?.as_secs_f64()))
        .reduce(f64::max);
    let soonest = peaks()
        .filter_map(|peak| Some(peak.every.as_ref()?.as_secs_f64()))
        .reduce(f64::min);
    (longest, soonest)
}
