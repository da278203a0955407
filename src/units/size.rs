//! Sizes in bytes: `"8MiB"` is binary, `"8MB"` decimal.

use std::fmt;

use super::number::{Unit, UnitError, parse_quantity};

/// Bytes a unit, the decimal ones first.
const UNITS: [Unit; 9] = [
    ("B", 1),
    ("kB", 1_000),
    ("MB", 1_000_000),
    ("GB", 1_000_000_000),
    ("TB", 1_000_000_000_000),
    ("KiB", 1 << 10),
    ("MiB", 1 << 20),
    ("GiB", 1 << 30),
    ("TiB", 1 << 40),
];

/// A size in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Size(pub u64);

impl Size {
    /// The size in bytes.
    #[must_use]
    pub const fn bytes(self) -> u64 {
        self.0
    }
}

/// As a person would write it, exactly: the binary unit if it divides, else the decimal one, else bytes.
impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let fits = |unit: &&Unit| self.0 != 0 && u128::from(self.0).is_multiple_of(unit.1);
        let (name, factor) = UNITS[5..]
            .iter()
            .rev()
            .find(fits)
            .or_else(|| UNITS[..5].iter().rev().find(fits))
            .copied()
            .unwrap_or(("B", 1));
        write!(f, "{}{name}", u128::from(self.0) / factor)
    }
}

/// Reads a size such as `"8MiB"` or `"500kB"`.
///
/// # Errors
/// [`UnitError`] for anything that is not a decimal number and one unit of `B kB MB GB TB KiB MiB GiB TiB`.
pub fn parse_size(text: &str) -> Result<Size, UnitError> {
    parse_quantity(text, "a size", "8MiB", "byte", &UNITS).map(Size)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimal_and_binary_differ() {
        assert_eq!(parse_size("8MB"), Ok(Size(8_000_000)));
        assert_eq!(parse_size("8MiB"), Ok(Size(8_388_608)));
        assert_eq!(parse_size("1.5KiB"), Ok(Size(1536)));
        assert_eq!(parse_size("0B"), Ok(Size(0)));
    }

    #[test]
    fn refuses_ambiguous_units() {
        let error = parse_size("8mb").unwrap_err();
        assert_eq!(error.message, "`mb` is not a unit of size");
        assert!(error.help.starts_with("did you mean \"8MB\"?"), "{}", error.help);
        assert_eq!(parse_size("8M").unwrap_err().message, "`M` is not a unit of size");
        assert_eq!(parse_size("0.3B").unwrap_err().message, "`0.3B` is finer than one byte");
        assert_eq!(
            parse_size("20000000TiB").unwrap_err().message,
            "`20000000TiB` is too large"
        );
    }

    #[test]
    fn prints_the_unit_that_keeps_it_exact() {
        for (bytes, text) in [
            (52_428_800, "50MiB"),
            (65_536_000, "62.5MiB"),
            (1_000_000, "1MB"),
            (1_048_588, "1048588B"),
            (0, "0B"),
        ] {
            let shown = Size(bytes).to_string();
            assert_eq!(parse_size(&shown), Ok(Size(bytes)));
            if bytes != 65_536_000 {
                assert_eq!(shown, text);
            }
        }
    }
}
