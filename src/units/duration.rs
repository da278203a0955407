//! Durations: `"250ms"`, `"1.5s"`, `"10min"`.

use std::time::Duration;

use super::number::{Unit, UnitError, parse_quantity};

/// Nanoseconds a unit.
const UNITS: [Unit; 7] = [
    ("ns", 1),
    ("us", 1_000),
    ("ms", 1_000_000),
    ("s", 1_000_000_000),
    ("min", 60_000_000_000),
    ("h", 3_600_000_000_000),
    ("d", 86_400_000_000_000),
];

/// Reads a duration such as `"250ms"`. `µs` is accepted for `us`.
///
/// # Errors
/// [`UnitError`] for anything that is not a decimal number and one unit of `ns us ms s min h d`.
pub fn parse_duration(text: &str) -> Result<Duration, UnitError> {
    let ascii;
    let text = if text.ends_with("µs") || text.ends_with("μs") {
        ascii = text.replace(['µ', 'μ'], "u");
        ascii.as_str()
    } else {
        text
    };
    parse_quantity(text, "a duration", "250ms", "nanosecond", &UNITS).map(Duration::from_nanos)
}

/// A duration as a person would write it in a profile, in the largest unit that keeps it exact: `90s`, `10min`,
/// `1500ms`.
#[must_use]
pub fn format_duration(duration: Duration) -> String {
    let nanos = duration.as_nanos();
    if nanos == 0 {
        return "0s".to_owned();
    }
    let (name, factor) = UNITS
        .iter()
        .rev()
        .find(|(_, factor)| nanos.is_multiple_of(*factor))
        .copied()
        .unwrap_or(("ns", 1));
    format!("{}{name}", nanos / factor)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_every_unit_and_fractions() {
        for (text, nanos) in [
            ("250ms", 250_000_000),
            ("1.5s", 1_500_000_000),
            ("10min", 600_000_000_000),
            ("0.1ms", 100_000),
            ("100µs", 100_000),
            ("2 h", 7_200_000_000_000),
            ("1d", 86_400_000_000_000),
            ("1_000ms", 1_000_000_000),
            ("0.50s", 500_000_000),
        ] {
            assert_eq!(parse_duration(text), Ok(Duration::from_nanos(nanos)), "{text}");
        }
    }

    #[test]
    fn refuses_the_rest_with_help() {
        for (text, message) in [
            ("250", "`250` has no unit"),
            ("", "`` is not a duration"),
            ("-5s", "`-5s` is not a duration"),
            ("5 minutes", "`minutes` is not a unit of duration"),
            ("5Min", "`Min` is not a unit of duration"),
            ("1.2.3s", "`1.2.3` is not a decimal number"),
            ("1.s", "`1.` is not a decimal number"),
            ("1e3ms", "`e3ms` is not a unit of duration"),
            ("0.5ns", "`0.5ns` is finer than one nanosecond"),
            ("99999999999999999999d", "`99999999999999999999d` is too large"),
        ] {
            assert_eq!(parse_duration(text).unwrap_err().message, message, "{text}");
        }
        assert_eq!(
            parse_duration("5Min").unwrap_err().help,
            "did you mean \"5min\"? units are case-sensitive: ns, us, ms, s, min, h, d"
        );
    }

    #[test]
    fn formats_back_to_the_same_duration() {
        for nanos in [
            0,
            1,
            1_000,
            90_000_000_000,
            600_000_000_000,
            86_400_000_000_000,
            1_500_000_000,
        ] {
            let duration = Duration::from_nanos(nanos);
            assert_eq!(parse_duration(&format_duration(duration)), Ok(duration));
        }
    }
}
