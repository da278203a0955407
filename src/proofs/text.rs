//! Numbers as people read them: three significant digits and the unit that fits.

/// A number with three significant digits and commas between thousands: `0.1`, `16.8`, `2,500`.
#[must_use]
pub fn number(value: f64) -> String {
    if value.is_nan() {
        return "unknown".to_owned();
    }
    if value.is_infinite() {
        return if value > 0.0 { "∞" } else { "−∞" }.to_owned();
    }
    if value < 0.0 {
        return format!("−{}", number(-value));
    }
    if value == 0.0 {
        return "0".to_owned();
    }
    let value = rounded(value);
    let digits = (2.0 - value.log10().floor()).clamp(0.0, 30.0);
    // Holds: clamped to 0..=30 just above.
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
    let text = format!("{value:.*}", digits as usize);
    let (whole, fraction) = text.split_once('.').unwrap_or((&text, ""));
    let fraction = fraction.trim_end_matches('0');
    let whole = grouped(whole);
    if fraction.is_empty() {
        whole
    } else {
        format!("{whole}.{fraction}")
    }
}

/// A duration in seconds: `0.1 ms`, `65 ms`, `60 s`, `10 min`.
#[must_use]
pub fn seconds(value: f64) -> String {
    const UNITS: [(f64, f64, &str); 7] = [
        (2.0 * 86_400.0, 86_400.0, "d"),
        (2.0 * 3_600.0, 3_600.0, "h"),
        (120.0, 60.0, "min"),
        (1.0, 1.0, "s"),
        (1e-4, 1e-3, "ms"),
        (1e-7, 1e-6, "µs"),
        (0.0, 1e-9, "ns"),
    ];
    if value.is_infinite() {
        return "unbounded".to_owned();
    }
    if value == 0.0 {
        return "0 s".to_owned();
    }
    scaled(value, &UNITS)
}

/// A size in bytes, in decimal units: `200 B`, `65.5 MB`.
#[must_use]
pub fn bytes(value: f64) -> String {
    const UNITS: [(f64, f64, &str); 5] = [
        (1e12, 1e12, "TB"),
        (1e9, 1e9, "GB"),
        (1e6, 1e6, "MB"),
        (1e3, 1e3, "kB"),
        (0.0, 1.0, "B"),
    ];
    scaled(value, &UNITS)
}

/// A declared size in bytes: in binary units where that is a small whole number (`256 MiB`), else as [`bytes`].
#[must_use]
pub fn declared_bytes(value: u64) -> String {
    for (shift, unit) in [(30, "GiB"), (20, "MiB"), (10, "KiB")] {
        let whole = value >> shift;
        if (1..10_000).contains(&whole) && whole << shift == value {
            return format!("{} {unit}", grouped(&whole.to_string()));
        }
    }
    #[allow(clippy::cast_precision_loss)]
    bytes(value as f64)
}

/// Records a second: `2,500/s`.
#[must_use]
pub fn rate(value: f64) -> String {
    format!("{}/s", number(value))
}

/// A number of records: `1 record`, `2.5 records`, `17 records`. Whole numbers from 10 on.
#[must_use]
pub fn records(value: f64) -> String {
    let value = if (10.0..1e15).contains(&value) {
        return format!("{} records", grouped(&format!("{value:.0}")));
    } else {
        number(value)
    };
    let noun = if value == "1" { "record" } else { "records" };
    format!("{value} {noun}")
}

/// A count: `1 member`, `3 members`.
#[must_use]
pub fn count(value: u64, noun: &str) -> String {
    let plural = if value == 1 { "" } else { "s" };
    format!("{} {noun}{plural}", grouped(&value.to_string()))
}

/// A utilisation: `0.07`, and never `1` for what is below 1.
#[must_use]
pub fn ratio(value: f64) -> String {
    if value < 1.0 && value > 0.0 {
        if value < 0.005 {
            return "below 0.01".to_owned();
        }
        return format!("{:.2}", value.min(0.99));
    }
    if value == 0.0 { "0".to_owned() } else { number(value) }
}

/// A share as a percentage: `0.1 %`, `49 %`; never `100 %` for less.
#[must_use]
pub fn percent(share: f64) -> String {
    let value = share * 100.0;
    match value {
        0.0 => "0 %".to_owned(),
        v if v < 0.05 => "below 0.1 %".to_owned(),
        v if v < 9.95 => format!("{v:.1} %"),
        v if v < 100.0 => format!("{:.0} %", v.min(99.0)),
        // What is over must not read as just met.
        v if (100.000_001..100.5).contains(&v) => "over 100 %".to_owned(),
        v if v < 1e15 => format!("{} %", grouped(&format!("{v:.0}"))),
        _ => format!("{} %", number(value)),
    }
}

fn scaled(value: f64, units: &[(f64, f64, &str)]) -> String {
    let rounded = rounded(value);
    let found = units.iter().find(|(from, _, _)| rounded >= *from);
    found.map_or_else(
        || number(value),
        |(_, size, unit)| format!("{} {unit}", number(rounded / size)),
    )
}

/// Three significant digits; whole numbers from 1,000 on are left whole.
fn rounded(value: f64) -> f64 {
    if value <= 0.0 || !value.is_finite() {
        return value;
    }
    if value >= 1_000.0 {
        return value.round();
    }
    let scale = 10_f64.powf(2.0 - value.log10().floor());
    if scale.is_finite() && scale > 0.0 {
        (value * scale).round() / scale
    } else {
        value
    }
}

fn grouped(digits: &str) -> String {
    let mut text = String::with_capacity(digits.len() * 4 / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}
