//! What people see while a proof runs: one line a service on a terminal, lines at changes of stage anywhere else.

mod row;
mod spark;

use std::collections::BTreeMap;
use std::io::{IsTerminal, Write};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use anstyle::Style;
use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::grid::{paint, verdict_style};
use super::words::{Worth, line, side, time};
use crate::diagnostic::Colour;
use crate::harness::progress::{Listener, Progress, RunStart, Stage};

pub use row::Row;
pub use spark::spark;

/// Pictures a second at most: it shares the machine with what it watches.
const PICTURES: u8 = 4;

/// The width where a terminal does not tell its own.
const WIDTH: u16 = 100;

/// The view of a running proof. It writes to standard error, so that standard output is the summary's alone.
pub struct Live {
    colour: Colour,
    seen: Mutex<Seen>,
}

/// What the view knows.
enum Seen {
    Painted(Painted),
    Lines(Box<dyn Write + Send>),
}

struct Painted {
    all: MultiProgress,
    broker: Option<ProgressBar>,
    rows: BTreeMap<String, (Row, ProgressBar)>,
}

impl std::fmt::Debug for Live {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Live")
            .field("colour", &self.colour)
            .finish_non_exhaustive()
    }
}

impl Live {
    /// On standard error: painted where that is a terminal, else in lines.
    #[must_use]
    pub fn on_stderr(colour: Colour) -> Self {
        if std::io::stderr().is_terminal() {
            Self::painted(colour)
        } else {
            Self::lines(Box::new(std::io::stderr()))
        }
    }

    /// Painted, whatever standard error is.
    #[must_use]
    pub fn painted(colour: Colour) -> Self {
        Self {
            colour,
            seen: Mutex::new(Seen::Painted(Painted {
                all: MultiProgress::with_draw_target(ProgressDrawTarget::stderr_with_hz(PICTURES)),
                broker: None,
                rows: BTreeMap::new(),
            })),
        }
    }

    /// In plain lines, into `out`. One that can't be written to any more is no reason to end a proof.
    #[must_use]
    pub fn lines(out: Box<dyn Write + Send>) -> Self {
        Self {
            colour: Colour::Plain,
            seen: Mutex::new(Seen::Lines(out)),
        }
    }

    /// Takes away what is only of use while something runs; what was said stays.
    pub fn finish(&self) {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        if let Seen::Painted(painted) = &mut *seen {
            painted.broker = None;
            painted.rows.clear();
            let _ = painted.all.clear();
        }
    }
}

impl Drop for Live {
    fn drop(&mut self) {
        self.finish();
    }
}

impl Listener for Live {
    fn tell(&self, progress: Progress) {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        match &mut *seen {
            Seen::Painted(painted) => painted.take(&progress, self.colour),
            Seen::Lines(out) => {
                if let Some(text) = said(&progress, Colour::Plain) {
                    let _ = writeln!(out, "{text}").and_then(|()| out.flush());
                }
            }
        }
    }
}

impl Painted {
    fn take(&mut self, progress: &Progress, colour: Colour) {
        match progress {
            Progress::BrokerStarting { what } => {
                let style = ProgressStyle::with_template("{spinner} {msg} {elapsed}");
                let bar = self.bar(style.unwrap_or_else(|_| ProgressStyle::default_spinner()));
                bar.set_message(format!("{} is starting,", line(what)));
                self.broker = Some(bar);
            }
            Progress::BrokerReady { .. } => {
                if let Some(bar) = self.broker.take() {
                    bar.finish_and_clear();
                }
                self.print(progress, colour);
            }
            Progress::RunStarted(start) => self.start(start, colour),
            Progress::Stage { name, stage } => self.row(name, colour, |row| row.stage(*stage)),
            Progress::Moment { name, moment } => self.row(name, colour, |row| row.moment(moment)),
            Progress::RunEnded { what, .. } => {
                // The line stays for the next run; only what people should know is said.
                if what.is_some() {
                    self.print(progress, colour);
                }
            }
            Progress::Judged { name, .. } => {
                if let Some((_, bar)) = self.rows.remove(name) {
                    bar.finish_and_clear();
                }
                self.print(progress, colour);
            }
            Progress::Over { name } => {
                if let Some((_, bar)) = self.rows.remove(name) {
                    bar.finish_and_clear();
                }
            }
            Progress::Note { .. } | Progress::Stopping { .. } => self.print(progress, colour),
        }
    }

    fn start(&mut self, start: &RunStart, colour: Colour) {
        let bar = match self.rows.remove(&start.name) {
            Some((_, bar)) => bar,
            None => {
                let style = ProgressStyle::with_template("{spinner} {wide_msg}");
                self.bar(style.unwrap_or_else(|_| ProgressStyle::default_spinner()))
            }
        };
        self.rows.insert(start.name.clone(), (Row::new(start), bar));
        self.row(&start.name, colour, |_| {});
    }

    fn bar(&self, style: ProgressStyle) -> ProgressBar {
        let bar = self.all.add(ProgressBar::new_spinner());
        bar.set_style(style);
        bar.enable_steady_tick(Duration::from_millis(1_000 / u64::from(PICTURES)));
        bar
    }

    fn row(&mut self, name: &str, colour: Colour, change: impl FnOnce(&mut Row)) {
        let head = self.rows.values().map(|(row, _)| row.head_width()).max().unwrap_or(0);
        if let Some((row, bar)) = self.rows.get_mut(name) {
            change(row);
            let room = console_width().saturating_sub(3);
            bar.set_message(row.text(head, usize::from(room), colour));
        }
    }

    fn print(&self, progress: &Progress, colour: Colour) {
        if let Some(text) = said(progress, colour) {
            let _ = self.all.println(text);
        }
    }
}

/// How wide the terminal is.
fn console_width() -> u16 {
    console::Term::stderr()
        .size_checked()
        .map_or(WIDTH, |(_, columns)| columns)
}

/// A line that stays, at changes that matter; nothing for others.
fn said(progress: &Progress, colour: Colour) -> Option<String> {
    let named = |name: &str, text: String| {
        let name = format!("{name:<10}");
        Some(format!("{}{}", paint(&name, Style::new().bold(), colour), line(&text)))
    };
    match progress {
        Progress::BrokerStarting { what } => named("broker", format!("{what} is starting")),
        Progress::BrokerReady { what } => named("broker", what.clone()),
        Progress::RunStarted(start) => {
            let of = start.side.map_or(String::new(), |of| format!(", {}", side(of)));
            let run = if start.of > 1 {
                format!(", run {} of {}", start.run, start.of)
            } else {
                String::new()
            };
            let load = time(start.seconds);
            named("run", format!("{}{of}{run}: {load} of load", start.name))
        }
        Progress::Stage { name, stage } => match stage {
            Stage::Measuring | Stage::Draining => named("", format!("{name}: {}", row::stage_name(*stage))),
            Stage::Topics | Stage::Joining | Stage::WarmUp | Stage::CleaningUp => None,
        },
        Progress::Moment { .. } | Progress::Over { .. } => None,
        Progress::RunEnded { name, what } => named("", format!("{name}: {}", what.as_deref().unwrap_or("run over"))),
        // In words that no one takes for a verdict on more than this: the summary has those, and what they are worth.
        Progress::Judged { name, verdict } => {
            let word = Worth::SmokeTest.word(*verdict);
            let word = paint(word, verdict_style(*verdict), colour);
            Some(format!(
                "{}{}: {word}",
                paint("judged    ", Style::new().bold(), colour),
                line(name)
            ))
        }
        Progress::Note { what } => named("note", what.clone()),
        Progress::Stopping { why } => named("stopping", format!("{why}; ending what runs and removing what it left")),
    }
}
