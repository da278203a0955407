//! Recorded series of rates: lines of `seconds,rate`, or of JSON.

use std::fmt;

use serde::Deserialize;

use super::wish::Point;

/// Why a series can't be replayed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SeriesError {
    /// The line, from 1; nothing where it is about the whole.
    pub line: Option<usize>,
    /// What is wrong, in a sentence without a full stop.
    pub message: String,
}

impl fmt::Display for SeriesError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            Some(line) => write!(f, "line {line}: {}", self.message),
            None => f.write_str(&self.message),
        }
    }
}

impl std::error::Error for SeriesError {}

/// One line of JSON: `{"seconds": 0, "rate": 12.5}`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct JsonPoint {
    seconds: f64,
    rate: f64,
}

/// Reads a series: each line is `seconds,rate`, or a JSON object with these two keys. A first line of names, empty lines
/// and lines that begin with `#` are passed over. The last rate holds as long as the one before it did.
///
/// # Errors
/// [`SeriesError`] for a line that is neither, a rate that is negative or not finite, seconds that do not rise, and
/// fewer than two points.
pub fn parse_series(text: &str) -> Result<Vec<Point>, SeriesError> {
    let mut points: Vec<Point> = Vec::new();
    let mut names_may_come = true;
    for (at, line) in text.trim_start_matches('\u{feff}').lines().enumerate() {
        let error = |message: String| SeriesError {
            line: Some(at + 1),
            message,
        };
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let first = std::mem::replace(&mut names_may_come, false);
        if first && is_head(line) {
            continue;
        }
        let point = if line.starts_with('{') {
            let point: JsonPoint = serde_json::from_str(line).map_err(|json| error(json.to_string()))?;
            Point {
                seconds: point.seconds,
                rate: point.rate,
            }
        } else {
            comma_separated(line).ok_or_else(|| {
                error(format!(
                    "`{}` is not seconds and a rate, such as 10,250",
                    crate::units::shown(line)
                ))
            })?
        };
        if !point.seconds.is_finite() || !point.rate.is_finite() || point.rate < 0.0 {
            return Err(error(
                "seconds and rates are finite, and no rate is negative".to_owned(),
            ));
        }
        if points.last().is_some_and(|last| last.seconds >= point.seconds) {
            return Err(error(
                "its seconds do not rise above those of the line before".to_owned(),
            ));
        }
        points.push(point);
    }
    if points.len() < 2 {
        return Err(SeriesError {
            line: None,
            message: "a series has at least two points: nothing else says how long a rate held".to_owned(),
        });
    }
    if points.iter().all(|point| point.rate <= 0.0) {
        return Err(SeriesError {
            line: None,
            message: "all rates are 0: there is nothing to send".to_owned(),
        });
    }
    Ok(points)
}

/// A line of column names: no field of it is a number.
fn is_head(line: &str) -> bool {
    !line.starts_with('{') && line.split(',').all(|field| field.trim().parse::<f64>().is_err())
}

fn comma_separated(line: &str) -> Option<Point> {
    let (seconds, rate) = line.split_once(',')?;
    Some(Point {
        seconds: seconds.trim().parse().ok()?,
        rate: rate.trim().parse().ok()?,
    })
}
