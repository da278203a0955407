//! The lag floor's arithmetic, as text.

use super::super::fleet::Fleet;
use super::super::text::{count, number, percent, rate, records, seconds};
use super::super::{Line, Verdict};
use super::{Floor, Member, Numbers, Over, Return, wide};

/// One line for the expected rate, and one for the peak.
pub(super) fn lines(
    numbers: &Numbers,
    fleet: &Fleet,
    expected: &[Member],
    busiest: Option<&Member>,
    over: &[Over],
) -> Vec<Line> {
    let bound = numbers
        .target
        .map_or_else(String::new, |target| format!("of {}", number(wide(target))));
    let share = |value: f64| {
        numbers
            .target
            .filter(|t| *t > 0)
            .map_or_else(String::new, |t| percent(value / wide(t)))
    };
    let verdict = if over.contains(&Over::Expected) {
        Verdict::Broken
    } else if numbers.target.is_none() {
        Verdict::Unknown
    } else {
        Verdict::Holds
    };
    let mut lines = vec![match numbers.expected {
        Floor::Steady { records: floor } => Line {
            formula: formula(numbers, fleet, expected, busiest),
            result: format!("= {}", records(floor)),
            bound,
            verdict,
            share: share(floor),
        },
        Floor::Grows { per_second, .. } => Line {
            formula: format!(
                "{} against {} that a member can process",
                rate(numbers.rate),
                rate(busiest.map_or(0.0, |member| member.capacity))
            ),
            result: format!("grows by {}", rate(per_second)),
            bound,
            verdict: Verdict::Broken,
            share: String::new(),
        },
    }];
    let (Some(peak), Some(back)) = (numbers.peak, numbers.back) else {
        return lines;
    };
    let all: f64 = fleet.peaks.iter().sum();
    let reach = match peak {
        Floor::Steady { records: floor } => records(floor),
        Floor::Grows { per_second, .. } => format!("lag grows by {}", rate(per_second)),
    };
    let (result, bound, verdict) = match back {
        Return::NeverLeft => (format!("= {reach}"), "stays at the target".to_owned(), Verdict::Holds),
        Return::After { seconds: time, gap } => (
            format!("back in {}", seconds(time)),
            format!("of {}", seconds(gap)),
            if time > gap { Verdict::Warns } else { Verdict::Holds },
        ),
        Return::Never => ("never back".to_owned(), String::new(), Verdict::Broken),
    };
    let formula = match back {
        Return::NeverLeft => format!("peak of {}", rate(all)),
        Return::After { .. } | Return::Never => format!("peak of {}: {reach}", rate(all)),
    };
    lines.push(Line {
        formula,
        result,
        bound,
        verdict,
        share: String::new(),
    });
    lines
}

/// `2 × 500/s × 17 ms`, or what says more where another bound is the larger.
fn formula(numbers: &Numbers, fleet: &Fleet, expected: &[Member], busiest: Option<&Member>) -> String {
    let Some(busiest) = busiest.filter(|member| member.rate > 0.0) else {
        return "nothing arrives".to_owned();
    };
    if expected.iter().map(|member| member.members * member.lag).sum::<f64>() < 1.0 {
        return "one record in hand".to_owned();
    }
    let in_hand = busiest.lag - busiest.rate * busiest.wait;
    let mut text = if 2.0 * busiest.rate * busiest.batch >= in_hand {
        format!("2 × {} × {}", rate(busiest.rate), seconds(busiest.batch))
    } else {
        format!("{} × {} in hand", rate(busiest.rate), seconds(in_hand / busiest.rate))
    };
    if numbers.wait > 0.0 && busiest.rate * numbers.wait >= 0.05 {
        text = format!("{text} + {} × {} fetch wait", rate(busiest.rate), seconds(numbers.wait));
    }
    match fleet.usable() {
        1 => text,
        usable
            if expected
                .iter()
                .all(|member| member.rate <= 0.0 || member.rate >= busiest.rate) =>
        {
            format!("{} × ({text})", count(u64::from(usable), "member"))
        }
        usable => format!("sum of {}, at most {text} each", count(u64::from(usable), "member")),
    }
}
