//! The part that durations, sizes and rates share: an exact decimal number followed by a unit.

use std::fmt;

/// Why a text is not the quantity it should be, and what to write instead.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnitError {
    /// What is wrong, without a full stop.
    pub message: String,
    /// What to write instead.
    pub help: String,
}

impl fmt::Display for UnitError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}; {}", self.message, self.help)
    }
}

impl std::error::Error for UnitError {}

/// One unit's spelling and how many base units it holds.
pub(super) type Unit = (&'static str, u128);

/// Splits `1.5MiB` into its number and its unit; one space between them is accepted.
fn split(text: &str) -> (&str, &str) {
    let end = text
        .find(|c: char| !(c.is_ascii_digit() || c == '.' || c == '_'))
        .unwrap_or(text.len());
    let (number, unit) = text.split_at(end);
    (number, unit.strip_prefix(' ').unwrap_or(unit))
}

/// Reads `text` as an exact multiple of the base unit.
///
/// # Errors
/// An unknown or missing unit, a number that is not a plain decimal, a fraction finer than the base unit, or a value
/// past `u64`.
pub(super) fn parse_quantity(
    text: &str,
    what: &str,
    example: &str,
    base: &str,
    units: &[Unit],
) -> Result<u64, UnitError> {
    let known = || {
        let names: Vec<&str> = units.iter().map(|(name, _)| *name).collect();
        names.join(", ")
    };
    let fail = |message: String| UnitError {
        message,
        help: format!("write {what} such as \"{example}\" (units: {})", known()),
    };
    let (number, unit) = split(text);
    if number.is_empty() {
        return Err(fail(format!("`{}` is not {what}", shown(text))));
    }
    let Some((_, factor)) = units.iter().find(|(name, _)| *name == unit) else {
        if unit.is_empty() {
            return Err(fail(format!("`{}` has no unit", shown(text))));
        }
        let near = units.iter().find(|(name, _)| name.eq_ignore_ascii_case(unit));
        return Err(match near {
            Some((name, _)) => UnitError {
                message: format!("`{}` is not a unit of {}", shown(unit), plain(what)),
                help: format!("did you mean \"{number}{name}\"? units are case-sensitive: {}", known()),
            },
            None => fail(format!("`{}` is not a unit of {}", shown(unit), plain(what))),
        });
    };
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    let digits = |part: &str| part.chars().all(|c| c.is_ascii_digit() || c == '_');
    if whole.is_empty() || !digits(whole) || !digits(fraction) || number.ends_with('.') || whole.starts_with('_') {
        return Err(fail(format!("`{}` is not a decimal number", shown(number))));
    }
    let too_large = || fail(format!("`{}` is too large", shown(text)));
    let mut value: u128 = 0;
    for digit in whole.bytes().filter(|b| *b != b'_') {
        value = value
            .checked_mul(10)
            .and_then(|v| v.checked_add(u128::from(digit - b'0')))
            .filter(|v| *v <= u128::from(u64::MAX))
            .ok_or_else(too_large)?;
    }
    let fraction: String = fraction.chars().filter(|c| *c != '_').collect();
    let fraction = fraction.trim_end_matches('0');
    let finer = || fail(format!("`{}` is finer than one {base}", shown(text)));
    // Eighteen digits reach below a nanosecond of a day and a byte of a tebibyte; more can't be exact.
    let (parts, scale) = match fraction.len() {
        0 => (0, 1),
        digits @ 1..=18 => (
            fraction.parse::<u128>().map_err(|_| finer())? * factor,
            10_u128.pow(digits as u32),
        ),
        _ => return Err(finer()),
    };
    if parts % scale != 0 {
        return Err(finer());
    }
    let total = value.checked_mul(*factor).ok_or_else(too_large)? + parts / scale;
    u64::try_from(total).map_err(|_| too_large())
}

/// `a duration` → `duration`.
fn plain(what: &str) -> &str {
    what.strip_prefix("a ").unwrap_or(what)
}

/// The text as it may stand in a message: control characters escaped, cut at 60 characters.
#[must_use]
pub fn shown(text: &str) -> String {
    let mut out = String::new();
    for (index, character) in text.chars().enumerate() {
        if index == 60 {
            out.push('…');
            break;
        }
        if character.is_control() {
            out.extend(character.escape_default());
        } else {
            out.push(character);
        }
    }
    out
}
