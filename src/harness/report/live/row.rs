//! One service's line: pure, so that it can be tested without a terminal.

use std::collections::VecDeque;

use anstyle::{AnsiColor, Style};

use super::spark;
use crate::diagnostic::Colour;
use crate::harness::plan::Side;
use crate::harness::progress::{RunStart, Stage};
use crate::harness::recording::Moment;
use crate::harness::report::grid::{paint, width};
use crate::harness::report::rows::whole;
use crate::harness::report::words::{line, mebibytes, side, time};
use crate::proofs::text::rate;

/// Rates are told over that long, in seconds.
const RATE_OVER_S: f64 = 2.0;

/// The most characters of a spark.
const SPARK: usize = 24;

/// The state of one run.
#[derive(Debug, Clone)]
pub struct Row {
    name: String,
    side: Option<Side>,
    run: u32,
    of: u32,
    seconds: f64,
    target: u64,
    limit: Option<u64>,
    stage: Stage,
    lags: Vec<u64>,
    recent: VecDeque<Moment>,
}

/// What a stage is called.
pub(super) const fn stage_name(stage: Stage) -> &'static str {
    match stage {
        Stage::Topics => "making topics",
        Stage::Joining => "workers are joining",
        Stage::WarmUp => "warming up",
        Stage::Measuring => "measuring",
        Stage::Draining => "draining",
        Stage::CleaningUp => "cleaning up",
    }
}

/// `40 of 256 MiB`: a unit that both have is said once.
fn of_limit(most: &str, limit: &str) -> String {
    let unit = |text: &str| text.split_once(' ').map(|(_, unit)| unit.to_owned());
    match most.split_once(' ') {
        Some((number, _)) if unit(most) == unit(limit) => format!("{number} of {limit}"),
        _ => format!("{most} of {limit}"),
    }
}

impl Row {
    /// A run that begins.
    #[must_use]
    pub fn new(start: &RunStart) -> Self {
        Self {
            name: line(&start.name),
            side: start.side,
            run: start.run,
            of: start.of,
            seconds: start.seconds,
            target: start.lag_target,
            limit: start.memory_limit,
            stage: Stage::Topics,
            lags: Vec::new(),
            recent: VecDeque::new(),
        }
    }

    /// It goes on to its next stage.
    pub const fn stage(&mut self, stage: Stage) {
        self.stage = stage;
    }

    /// Something was seen.
    pub fn moment(&mut self, moment: &Moment) {
        self.lags.extend(moment.lag);
        let from = moment.at_s - RATE_OVER_S;
        while self.recent.len() > 1 && self.recent[1].at_s <= from {
            self.recent.pop_front();
        }
        self.recent.push_back(moment.clone());
    }

    /// How many columns name, side and run take.
    #[must_use]
    pub fn head_width(&self) -> usize {
        width(&self.name) + width(&self.run_told())
    }

    /// The line: `head` columns for name, side and run, `room` in all. Where there is little room, the spark goes first,
    /// then memory, then rates.
    #[must_use]
    pub fn text(&self, head: usize, room: usize, colour: Colour) -> String {
        let blanks = " ".repeat(head.saturating_sub(self.head_width()));
        let name = paint(&self.name, Style::new().bold(), colour);
        let mut text = format!("{name}{}{blanks}", self.run_told());
        let Some(last) = self.recent.back() else {
            return format!("{text}  {}", stage_name(self.stage));
        };
        let lag = format!("lag {:>6}", whole(last.lag));
        let mut facts = self.facts(last);
        let used = |facts: &[String]| head + 2 + width(&lag) + facts.iter().map(|fact| 2 + width(fact)).sum::<usize>();
        while used(&facts) > room && facts.len() > 1 {
            facts.remove(facts.len() - 2);
        }
        let free = room.saturating_sub(used(&facts) + 2).min(SPARK);
        if free >= 4 {
            let most = self.lags.iter().copied().max().unwrap_or(0).max(self.target);
            text.push_str(&format!("  {:<free$}", spark(&self.lags, most, free)));
        }
        let style = match last.lag {
            Some(lag) if lag >= self.target => AnsiColor::Red.on_default(),
            Some(_) => AnsiColor::Green.on_default(),
            None => Style::new(),
        };
        format!("{text}  {}  {}", paint(&lag, style, colour), facts.join("  "))
    }

    /// `  before 1/4`; nothing of a trial of one run.
    fn run_told(&self) -> String {
        let mut told = self.side.map_or(String::new(), |of| format!("  {:<6}", side(of)));
        if self.of > 1 {
            told.push_str(&format!(" {}/{}", self.run, self.of));
        }
        told
    }

    /// Rates, memory, time left.
    fn facts(&self, last: &Moment) -> Vec<String> {
        let mut facts = Vec::new();
        if let Some((sent, processed)) = self.rates(last) {
            facts.push(format!("in {:>6}  out {:>6}", rate(sent), rate(processed)));
        }
        if let Some(most) = last.memory.iter().copied().max() {
            facts.push(match self.limit {
                Some(limit) => of_limit(&mebibytes(most), &mebibytes(limit)),
                None => mebibytes(most),
            });
        }
        facts.push(match self.stage {
            Stage::WarmUp | Stage::Measuring => format!("{} left", time(self.seconds - last.at_s)),
            stage => stage_name(stage).to_owned(),
        });
        facts
    }

    /// Records sent and processed a second, over the last seconds.
    fn rates(&self, last: &Moment) -> Option<(f64, f64)> {
        let first = self.recent.front()?;
        let seconds = last.at_s - first.at_s;
        #[expect(clippy::cast_precision_loss, reason = "a rate for people")]
        let over = |from: u64, to: u64| (to.saturating_sub(from) as f64 / seconds).round();
        (seconds > 0.0).then(|| (over(first.sent, last.sent), over(first.processed, last.processed)))
    }
}
