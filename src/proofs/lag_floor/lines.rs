//! The lag floor's arithmetic, as text.

use super::super::fleet::Fleet;
use super::super::text::{count, number, percent, rate, records, seconds};
use super::super::{Line, Verdict, Words};
use super::{Floor, Member, Numbers, Over, Return, wide};

/// One line for the expected rate, and one for the peak.
pub(super) fn lines(
    numbers: &Numbers,
    fleet: &Fleet,
    expected: &[Member],
    busiest: Option<&Member>,
    over: &[Over],
    words: Words,
) -> Vec<Line> {
    let verdict = match numbers.expected {
        Floor::Grows { .. } => Verdict::Broken,
        Floor::Steady { .. } if over.contains(&Over::Expected) => Verdict::Broken,
        Floor::Steady { .. } if numbers.target.is_none() => Verdict::Unknown,
        Floor::Steady { .. } => Verdict::Holds,
    };
    let mut lines = vec![words.line(verdict, || expected_line(numbers, fleet, expected, busiest))];
    if let (Some(peak), Some(back)) = (numbers.peak, numbers.back) {
        let verdict = match back {
            Return::NeverLeft => Verdict::Holds,
            Return::After { seconds, gap } if seconds > gap => Verdict::Warns,
            Return::After { .. } => Verdict::Holds,
            Return::Never => Verdict::Broken,
        };
        lines.push(words.line(verdict, || peak_line(peak, back, fleet)));
    }
    lines
}

fn expected_line(numbers: &Numbers, fleet: &Fleet, expected: &[Member], busiest: Option<&Member>) -> Line {
    let bound = numbers
        .target
        .map_or_else(String::new, |target| format!("of {}", number(wide(target))));
    let share = |value: f64| {
        numbers
            .target
            .filter(|t| *t > 0)
            .map_or_else(String::new, |t| percent(value / wide(t)))
    };
    let (formula, result, share) = match numbers.expected {
        Floor::Steady { records: floor } => (
            formula(numbers, fleet, expected, busiest),
            format!("= {}", records(floor)),
            share(floor),
        ),
        Floor::Grows { per_second, .. } => (
            format!(
                "{} against {} that a member can process",
                rate(numbers.rate),
                rate(busiest.map_or(0.0, |member| member.capacity))
            ),
            format!("grows by {}", rate(per_second)),
            String::new(),
        ),
    };
    Line {
        formula,
        result,
        bound,
        share,
        ..Line::wordless(Verdict::Holds)
    }
}

fn peak_line(peak: Floor, back: Return, fleet: &Fleet) -> Line {
    let all: f64 = fleet.peaks.iter().sum();
    let reach = match peak {
        Floor::Steady { records: floor } => records(floor),
        Floor::Grows { per_second, .. } => format!("lag grows by {}", rate(per_second)),
    };
    let (result, bound) = match back {
        Return::NeverLeft => (format!("= {reach}"), "stays at the target".to_owned()),
        Return::After { seconds: time, gap } => (format!("back in {}", seconds(time)), format!("of {}", seconds(gap))),
        Return::Never => ("never back".to_owned(), String::new()),
    };
    let formula = match back {
        Return::NeverLeft => format!("peak of {}", rate(all)),
        Return::After { .. } | Return::Never => format!("peak of {}: {reach}", rate(all)),
    };
    Line {
        formula,
        result,
        bound,
        ..Line::wordless(Verdict::Holds)
    }
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
