//! The distribution of end-to-end latency: how long a share of all records took at most.

use std::fmt::Write;

use maud::{Markup, html};

use super::chart::side_class;
use crate::harness::outcome::TrialOutcome;
use crate::harness::plan::Side;
use crate::harness::protocol::Micros;
use crate::harness::report::figures::{merged, seconds_at};
use crate::harness::report::words::side;
use crate::proofs::text::seconds;

/// The shares that are drawn: the further to the right, the rarer. Each nine gets the same room.
const SHARES: [(f64, &str); 6] = [
    (0.0, "fastest"),
    (0.5, "50 %"),
    (0.9, "90 %"),
    (0.99, "99 %"),
    (0.999, "99.9 %"),
    (0.9999, "99.99 %"),
];

/// Points of a curve.
const POINTS: u32 = 200;

/// The curves of all sides, or a line that says that there are none.
pub(super) fn render(trial: &TrialOutcome) -> Markup {
    let sides: Vec<(Side, Micros)> = trial
        .sides
        .iter()
        .map(|one| {
            let runs = one.recordings.iter().map(|run| &run.measured_latency);
            (one.judgement.side, merged(runs))
        })
        .filter(|(_, histogram)| histogram.count() > 0)
        .collect();
    if sides.is_empty() {
        return html! { p.quiet { "No record was processed in a measured phase." } };
    }
    let ends = |share: f64| {
        sides
            .iter()
            .filter_map(move |(_, histogram)| seconds_at(histogram, share))
    };
    let least = ends(0.0).fold(f64::INFINITY, f64::min).max(1e-5);
    let most = ends(1.0).fold(0.0, f64::max).max(least * 10.0);
    let (low, high) = (least.log10().floor(), (most * 1.05).log10());
    let y = |value: f64| 200.0 - ((value.max(1e-9).log10() - low) / (high - low)).clamp(0.0, 1.0) * 200.0;
    let ticks = decades(low, high);
    html! {
        div.frame.latency {
            div.values aria-hidden="true" {
                @for tick in &ticks {
                    span style=(format!("top:{:.2}%", y(*tick) / 2.0)) { (seconds(*tick)) }
                }
            }
            div.plot {
                svg role="img" aria-label=(said(&sides)) viewBox="0 0 1000 200" preserveAspectRatio="none" {
                    @for tick in &ticks {
                        line.grid x1="0" x2="1000" y1=(format!("{:.1}", y(*tick))) y2=(format!("{:.1}", y(*tick))) {}
                    }
                    @for (share, _) in SHARES {
                        line.grid x1=(format!("{:.1}", x(share))) x2=(format!("{:.1}", x(share))) y1="0" y2="200" {}
                    }
                    @for (side, histogram) in &sides {
                        path.line.(side_class(*side)) d=(curve(histogram, &y)) {}
                    }
                }
            }
            div.times aria-hidden="true" {
                @for (n, (share, name)) in SHARES.iter().enumerate() {
                    span.odd[n % 2 == 1] style=(format!("left:{:.2}%", x(*share) / 10.0)) { (name) }
                }
            }
        }
    }
}

/// Where a share is drawn: by how many nines it has.
fn x(share: f64) -> f64 {
    let nines = -(1.0 - share).max(1e-5).log10();
    // Four nines are the right edge, with a little room.
    (nines / 4.2 * 1_000.0).clamp(0.0, 1_000.0)
}

fn curve(histogram: &Micros, y: &dyn Fn(f64) -> f64) -> String {
    let mut path = String::new();
    for n in 0..=POINTS {
        let nines = f64::from(n) / f64::from(POINTS) * 4.2;
        let share = 1.0 - 10_f64.powf(-nines);
        // A share that no single record stands for would only repeat the longest.
        if 10_f64.powf(-nines) * super::series::float(histogram.count()) < 0.5 {
            break;
        }
        if let Some(value) = seconds_at(histogram, share) {
            let word = if path.is_empty() { 'M' } else { 'L' };
            let _ = write!(path, "{word}{:.1} {:.1}", x(share), y(value));
        }
    }
    path
}

/// Powers of ten that lie on the axis, at most about six.
fn decades(low: f64, high: f64) -> Vec<f64> {
    let mut all = Vec::new();
    let mut at = low;
    while at <= high && all.len() < 16 {
        all.push(10_f64.powf(at));
        at += 1.0;
    }
    all
}

fn said(sides: &[(Side, Micros)]) -> String {
    let each: Vec<String> = sides
        .iter()
        .map(|(of, histogram)| {
            let at = |share| seconds_at(histogram, share).map_or_else(|| "unknown".to_owned(), seconds);
            format!(
                "{}: median {}, 99 % {}, longest {}",
                side(*of),
                at(0.5),
                at(0.99),
                at(1.0)
            )
        })
        .collect();
    format!("End-to-end latency by share of records. {}", each.join("; "))
}
