//! What happened, and when: rebalances, faults, workers that ended. Marks on the time axis, and the same as a list.

use maud::{Markup, html};

use super::chart::{Time, side_class};
use super::text;
use crate::harness::outcome::TrialOutcome;
use crate::harness::plan::Side;
use crate::harness::recording::{RebalanceCause, Recording, WorkerEnd, WorkerFate};
use crate::harness::report::words::{cause, mebibytes, side};
use crate::proofs::text::seconds;

/// The most that are listed; all are marked.
const LISTED: usize = 40;

/// Marks that are closer, in percent of the axis, would cover each other.
const CLOSE: f64 = 1.2;

/// The furthest that a mark is moved: in a storm of them the place says more than each sign.
const MOVED: u32 = 3;

/// Something that happened.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Mark {
    pub(super) side: Side,
    pub(super) run: usize,
    pub(super) at_s: f64,
    pub(super) kind: Kind,
    pub(super) what: String,
}

/// What kind of thing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// Workers joined at the start.
    Joined,
    /// The group rebalanced.
    Rebalance,
    /// A fault, as asked for.
    Fault,
    /// A worker ended that should not have.
    Ended,
}

impl Kind {
    const fn sign(self) -> &'static str {
        match self {
            Self::Joined => "○",
            Self::Rebalance => "◆",
            Self::Fault => "▲",
            Self::Ended => "✕",
        }
    }

    const fn class(self) -> &'static str {
        match self {
            Self::Joined => "joined",
            Self::Rebalance => "rebalance",
            Self::Fault => "fault",
            Self::Ended => "ended",
        }
    }
}

/// Everything that happened in a trial, by time.
pub(super) fn marks(trial: &TrialOutcome) -> Vec<Mark> {
    let mut marks = Vec::new();
    for one in &trial.sides {
        for (run, recording) in one.recordings.iter().enumerate() {
            of_run(&mut marks, one.judgement.side, run, recording);
        }
    }
    marks.sort_by(|a, b| a.at_s.total_cmp(&b.at_s));
    marks
}

fn of_run(marks: &mut Vec<Mark>, side: Side, run: usize, recording: &Recording) {
    let mut mark = |at_s: f64, kind, what: String| {
        marks.push(Mark {
            side,
            run,
            at_s,
            kind,
            what,
        });
    };
    for one in &recording.rebalances {
        let kind = match one.cause {
            RebalanceCause::Start => Kind::Joined,
            _ => Kind::Rebalance,
        };
        mark(one.at_s, kind, format!("{}: {}", cause(one.cause), one.what));
    }
    for one in &recording.faults {
        mark(one.at_s, Kind::Fault, one.what.clone());
    }
    for fate in &recording.workers {
        if let Some(what) = ended(fate) {
            mark(fate.at_s, Kind::Ended, what);
        }
    }
}

/// What became of a worker that did not end in good order.
pub(super) fn ended(fate: &WorkerFate) -> Option<String> {
    let what = match &fate.end {
        WorkerEnd::Stopped => return None,
        WorkerEnd::OutOfMemory => match fate.peak_bytes {
            Some(peak) => format!("killed by the system at its memory limit, {} held", mebibytes(peak)),
            None => "killed by the system at its memory limit".to_owned(),
        },
        WorkerEnd::KilledOnPurpose => "killed on purpose".to_owned(),
        WorkerEnd::Signal { number } => format!("ended by signal {number}"),
        WorkerEnd::Failed { status, message } if message.is_empty() => format!("ended with status {status}"),
        WorkerEnd::Failed { status, message } => format!("ended with status {status}: {message}"),
        WorkerEnd::Hung => "did not end when told to, and was killed".to_owned(),
        WorkerEnd::NeverJoined => "never joined its group".to_owned(),
    };
    Some(format!("worker {} {what}", fate.replica))
}

/// The strip of marks: a lane a side.
pub(super) fn strip(trial: &TrialOutcome, marks: &[Mark], time: &Time) -> Markup {
    let several = trial.sides.len() > 1;
    html! {
        div.frame.lanes {
            div.values aria-hidden="true" {
                @for one in &trial.sides {
                    span { @if several { (side(one.judgement.side)) } @else { "events" } }
                }
            }
            div.plot data-chart="events" {
                @for one in &trial.sides {
                    div.lane.(side_class(one.judgement.side)) {
                        @for (mark, beside) in beside(marks, one.judgement.side, time) {
                            span.mark.(mark.kind.class()) title=(text(&told(mark, several)))
                                style=(format!("left:{:.2}%;margin-left:{beside}em", time.percent(mark.at_s))) {
                                (mark.kind.sign())
                            }
                        }
                    }
                }
            }
        }
    }
}

/// A side's marks, and how far each is moved so that those of one moment stand beside each other.
fn beside<'m>(marks: &'m [Mark], side: Side, time: &Time) -> Vec<(&'m Mark, u32)> {
    let mut placed: Vec<(&Mark, u32)> = Vec::new();
    for mark in marks.iter().filter(|mark| mark.side == side) {
        let moved = match placed.last() {
            Some((last, moved)) if time.percent(mark.at_s) - time.percent(last.at_s) < CLOSE => (moved + 1).min(MOVED),
            _ => 0,
        };
        placed.push((mark, moved));
    }
    placed
}

/// The same for those who read: a list.
pub(super) fn list(trial: &TrialOutcome, marks: &[Mark]) -> Markup {
    let several = trial.sides.len() > 1;
    // That workers joined at the start is marked, and no news.
    let marks: Vec<&Mark> = marks.iter().filter(|mark| mark.kind != Kind::Joined).collect();
    html! {
        @if marks.is_empty() {
            p.quiet { "No rebalance after the start, no fault, and every worker ended in good order." }
        } @else {
            ol.events {
                @for mark in marks.iter().take(LISTED) {
                    li {
                        span.sign.(mark.kind.class()) aria-hidden="true" { (mark.kind.sign()) }
                        " " (text(&told(mark, several)))
                    }
                }
            }
            @if marks.len() > LISTED {
                p.quiet { "and " (marks.len() - LISTED) " more, in the samples" }
            }
        }
    }
}

fn told(mark: &Mark, several: bool) -> String {
    let at = if mark.at_s <= 0.0 {
        "before the load".to_owned()
    } else {
        format!("at {}", seconds((mark.at_s * 10.0).round() / 10.0))
    };
    if several {
        format!("{}, run {}, {at}: {}", side(mark.side), mark.run + 1, mark.what)
    } else {
        format!("{at}: {}", mark.what)
    }
}
