//! The configuration matrix: what each type of service is configured with.

use crate::source::{FileId, Span};

use super::keywords::Keyword;
use super::origin::Sourced;
use super::settings::{Setting, Value};

/// What a row says of a setting.
#[derive(Debug, Clone, PartialEq)]
pub enum Cell {
    /// Exactly this.
    Exact(Value),
    /// Anything between two ends, both among them.
    Range {
        /// The lower end.
        min: Value,
        /// The upper end.
        max: Value,
        /// What holds where a profile says nothing.
        default: Value,
    },
}

impl Cell {
    /// What holds where a profile says nothing.
    #[must_use]
    pub const fn default(&self) -> &Value {
        match self {
            Self::Exact(value) | Self::Range { default: value, .. } => value,
        }
    }

    /// Whether a value is what the row says.
    #[must_use]
    pub fn admits(&self, value: &Value) -> bool {
        match self {
            Self::Exact(exact) => exact == value,
            Self::Range { min, max, .. } => match (min.number(), value.number(), max.number()) {
                (Some(min), Some(value), Some(max)) => min <= value && value <= max,
                _ => false,
            },
        }
    }
}

impl std::fmt::Display for Cell {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Exact(value) => write!(f, "{value}"),
            Self::Range { min, max, .. } => write!(f, "{min} to {max}"),
        }
    }
}

/// A row: a type of service.
#[derive(Debug, Clone, PartialEq)]
pub struct TypeRow {
    /// Its name.
    pub name: String,
    /// Where the name stands.
    pub span: Span,
    /// What it is for.
    pub summary: Option<String>,
    /// What it says, in the order of [`Setting`].
    pub cells: Vec<(Setting, Sourced<Cell>)>,
}

impl TypeRow {
    /// What the row says of a setting.
    #[must_use]
    pub fn cell(&self, setting: Setting) -> Option<&Sourced<Cell>> {
        self.cells.iter().find(|(of, _)| *of == setting).map(|(_, cell)| cell)
    }
}

/// The editions: sets of defaults that never change once released.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Edition {
    /// The first: each client's own defaults as of 2026, spelt out.
    E2026,
}

impl Keyword for Edition {
    const ALL: &'static [Self] = &[Self::E2026];

    fn as_str(self) -> &'static str {
        match self {
            Self::E2026 => "2026",
        }
    }

    fn summary(self) -> &'static str {
        match self {
            Self::E2026 => "each client's own defaults as of 2026, spelt out",
        }
    }
}

/// How many partitions a topic should have, as a lint.
#[derive(Debug, Clone, PartialEq)]
pub struct Sizing {
    /// At least so many partitions a topic.
    pub min_partitions: u32,
    /// One partition for every so many records a second of one source, where stated.
    pub rate_per_partition: Option<f64>,
}

/// The matrix.
#[derive(Debug, Clone, PartialEq)]
pub struct Matrix {
    /// Its file.
    pub file: FileId,
    /// The edition that it pins.
    pub edition: Sourced<Edition>,
    /// The project's defaults.
    pub defaults: Vec<(Setting, Sourced<Value>)>,
    /// The types, sorted by name.
    pub types: Vec<TypeRow>,
    /// The sizing lint's numbers.
    pub sizing: Sizing,
}

impl Matrix {
    /// The row of a type.
    #[must_use]
    pub fn row(&self, name: &str) -> Option<&TypeRow> {
        self.types.iter().find(|row| row.name == name)
    }
}
