//! One chart over time: a plot of lines that stretches to its room, and the numbers beside it.

use std::fmt::Write;

use maud::{Markup, html};

use super::axis::{Axis, Spread, clock, time_step};
use super::series::Line;
use crate::harness::plan::{PhaseKind, Side, Trial};

/// The picture's own width and height; it is stretched.
const WIDTH: f64 = 1_000.0;
const HEIGHT: f64 = 200.0;

/// How much of the height the number of a value takes.
const LABEL: f64 = 0.12;

/// A stretch of the time axis that is shaded, from and to in seconds.
#[derive(Debug, Clone, Copy)]
pub(super) struct Band {
    class: &'static str,
    from: f64,
    to: f64,
}

/// The time axis that all charts of a trial share.
#[derive(Debug, Clone)]
pub(super) struct Time {
    /// Seconds at its end.
    pub(super) to: f64,
    bands: Vec<Band>,
}

impl Time {
    /// As long as the longest run, with the phases of the plan.
    pub(super) fn of(trial: &Trial, longest: f64) -> Self {
        let to = longest.max(trial.seconds()).max(1.0);
        let mut bands: Vec<Band> = trial
            .phases
            .iter()
            .filter_map(|phase| {
                let class = match phase.kind {
                    PhaseKind::WarmUp => "warm-up",
                    PhaseKind::Burst => "burst",
                    PhaseKind::Return => "return",
                    PhaseKind::Steady => return None,
                };
                Some(Band {
                    class,
                    from: phase.from_s,
                    to: phase.to_s,
                })
            })
            .collect();
        if to > trial.seconds() {
            bands.push(Band {
                class: "drain",
                from: trial.seconds(),
                to,
            });
        }
        Self { to, bands }
    }

    /// Where a moment is, in percent of the width.
    pub(super) fn percent(&self, seconds: f64) -> f64 {
        (seconds / self.to * 100.0).clamp(0.0, 100.0)
    }

    /// The numbers below the last chart.
    pub(super) fn ticks(&self) -> Markup {
        let step = time_step(self.to / 8.0);
        let mut ticks = Vec::new();
        let mut at = 0.0;
        while at <= self.to && ticks.len() < 40 {
            ticks.push(at);
            at += step;
        }
        html! {
            div.times aria-hidden="true" {
                @for (n, at) in ticks.iter().enumerate() {
                    // On a narrow screen every other one has room.
                    span.odd[n % 2 == 1] style=(format!("left:{:.2}%", self.percent(*at))) { (clock(*at, self.to)) }
                }
            }
        }
    }

    /// What shaded stretches are.
    pub(super) fn legend(&self) -> Markup {
        let has = |class| self.bands.iter().any(|band| band.class == class);
        html! {
            @for (class, what) in [
                ("warm-up", "warm-up, not judged"), ("burst", "burst"), ("return", "until back below target"), ("drain", "load over, draining"),
            ] {
                @if has(class) { span.key { i.swatch.(class) {} (what) } }
            }
        }
    }
}

/// What one chart shows.
pub(super) struct Chart<'a> {
    /// A word for the script and for classes: `lag`.
    pub(super) id: &'static str,
    pub(super) title: &'static str,
    /// In a sentence, for those who can't see it.
    pub(super) said: String,
    pub(super) lines: &'a [Line],
    /// A bound, with what it is.
    pub(super) bound: Option<(f64, String)>,
    pub(super) axis: Axis,
    pub(super) number: fn(f64) -> String,
    pub(super) step: fn(f64) -> f64,
    /// Moments marked on every chart, in seconds.
    pub(super) marks: &'a [(Side, f64)],
}

impl Chart<'_> {
    /// The plot with its numbers, without a heading.
    pub(super) fn plot(&self, time: &Time) -> Markup {
        let y = |value: f64| HEIGHT - self.axis.at(value) * HEIGHT;
        let x = |seconds: f64| time.percent(seconds) / 100.0 * WIDTH;
        let ticks = self.axis.ticks(4, self.step);
        let bound = self.bound.as_ref();
        html! {
            div.frame {
                div.values aria-hidden="true" {
                    @for tick in &labelled(&ticks, &y) {
                        span style=(format!("top:{:.2}%", y(*tick) / HEIGHT * 100.0)) { ((self.number)(*tick)) }
                    }
                }
                div.plot data-chart=(self.id) {
                    svg role="img" aria-label=(self.said) viewBox="0 0 1000 200" preserveAspectRatio="none" {
                        @for band in &time.bands {
                            rect.band.(band.class) x=(place(x(band.from))) y="0" height="200"
                                width=(place((x(band.to) - x(band.from)).max(0.0))) {}
                        }
                        @for tick in &ticks {
                            line.grid x1="0" x2="1000" y1=(place(y(*tick))) y2=(place(y(*tick))) {}
                        }
                        @for (side, at) in self.marks {
                            line.moment.(side_class(*side)) x1=(place(x(*at))) x2=(place(x(*at))) y1="0" y2="200" {}
                        }
                        @if let Some((value, _)) = bound {
                            line.bound x1="0" x2="1000" y1=(place(y(*value))) y2=(place(y(*value))) {}
                        }
                        @for line in self.lines {
                            path.line.(side_class(line.side)).(line.what).again[line.run > 0]
                                d=(path(line, &x, &y)) {}
                        }
                    }
                    @if let Some((value, what)) = bound {
                        // Above the line, or below it where it is close to the upper edge.
                        span.bound-name.below[y(*value) < HEIGHT * 0.18]
                            style=(format!("top:{:.2}%", y(*value) / HEIGHT * 100.0)) { (what) }
                    }
                }
            }
        }
    }
}

pub(super) const fn side_class(side: Side) -> &'static str {
    match side {
        Side::Before => "before",
        Side::After => "after",
    }
}

/// The values that have room beside each other, from the largest down; 0 always.
fn labelled(ticks: &[f64], y: &dyn Fn(f64) -> f64) -> Vec<f64> {
    let mut kept: Vec<f64> = Vec::new();
    for tick in ticks.iter().rev().copied() {
        let free = |other: f64| (y(tick) - y(other)).abs() >= HEIGHT * LABEL;
        if tick == 0.0 || (kept.iter().all(|other| free(*other)) && free(0.0)) {
            kept.push(tick);
        }
    }
    kept
}

/// A line's path; broken where nothing was seen.
fn path(line: &Line, x: &dyn Fn(f64) -> f64, y: &dyn Fn(f64) -> f64) -> String {
    let mut path = String::with_capacity(line.points.len() * 12);
    let mut begun = false;
    for (at, value) in &line.points {
        match value {
            Some(value) => {
                let word = if begun { 'L' } else { 'M' };
                let _ = write!(path, "{word}{} {}", place(x(*at)), place(y(*value)));
                begun = true;
            }
            None => begun = false,
        }
    }
    path
}

/// A place in the picture: a tenth of its unit is finer than any screen.
fn place(value: f64) -> String {
    let text = format!("{value:.1}");
    text.strip_suffix(".0").map_or(text.clone(), str::to_owned)
}

/// A logarithmic axis where both small and large values would not be seen on an even one.
pub(super) fn wants_magnitudes(lines: &[Line], target: f64) -> bool {
    let most = lines.iter().map(Line::most).fold(0.0, f64::max);
    let least = lines.iter().map(Line::most).fold(f64::INFINITY, f64::min);
    most > 20.0 * least.max(1.0) || most > 20.0 * target.max(1.0)
}

/// An axis for lines and a bound that should be seen with them.
pub(super) fn axis_of(lines: &[Line], bound: Option<f64>, spread: Spread) -> Axis {
    let most = lines.iter().map(Line::most).fold(bound.unwrap_or(0.0), f64::max);
    Axis::up_to(most, spread)
}
