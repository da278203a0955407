//! Rates: `"50/s"`, `"6/min"`, `"1000/h"`.

use std::fmt;

use super::number::{UnitError, shown};

/// Records a second; finite and not negative.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd, Default)]
pub struct Rate(f64);

impl Rate {
    /// A rate of `records` a second.
    ///
    /// # Errors
    /// `None` where the number is negative or not finite.
    #[must_use]
    pub fn per_second(records: f64) -> Option<Self> {
        (records.is_finite() && records >= 0.0).then_some(Self(records))
    }

    /// Records a second.
    #[must_use]
    pub const fn get(self) -> f64 {
        self.0
    }
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/s", self.0)
    }
}

/// Reads a rate such as `"50/s"`; the unit of time is `s`, `min`, `h` or `d`.
///
/// # Errors
/// [`UnitError`] for anything that is not a plain decimal number, a slash and a unit of time.
pub fn parse_rate(text: &str) -> Result<Rate, UnitError> {
    let fail = |message: String| UnitError {
        message,
        help: "write a rate such as \"50/s\" (units: /s, /min, /h, /d)".to_owned(),
    };
    let Some((number, unit)) = text.split_once('/') else {
        return Err(fail(format!("`{}` is not a rate", shown(text))));
    };
    let number = number.trim_end();
    let seconds = match unit.trim_start() {
        "s" => 1.0,
        "min" => 60.0,
        "h" => 3_600.0,
        "d" => 86_400.0,
        other => return Err(fail(format!("`/{}` is not a unit of rate", shown(other)))),
    };
    let plain = !number.is_empty() && number.bytes().all(|b| b.is_ascii_digit() || b == b'.' || b == b'_');
    let value: f64 = plain
        .then(|| number.replace('_', "").parse().ok())
        .flatten()
        .ok_or_else(|| fail(format!("`{}` is not a decimal number", shown(number))))?;
    Rate::per_second(value / seconds).ok_or_else(|| fail(format!("`{}` is too large", shown(text))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_rates_in_every_unit() {
        for (text, rate) in [
            ("50/s", 50.0),
            ("0.1/s", 0.1),
            ("6/min", 0.1),
            ("3600/h", 1.0),
            ("86400 / d", 1.0),
            ("1_000/s", 1000.0),
        ] {
            assert_eq!(parse_rate(text).map(Rate::get), Ok(rate), "{text}");
        }
    }

    #[test]
    fn refuses_the_rest() {
        for text in ["50", "50/ms", "-1/s", "inf/s", "NaN/s", "/s", "1e400/s", "1.2.3/s"] {
            assert!(parse_rate(text).is_err(), "{text}");
        }
    }
}
