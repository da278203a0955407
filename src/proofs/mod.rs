//! Proofs on paper: whether a consumer as declared can keep its poll interval, its memory, its load and its lag.
//!
//! Four pure functions, one a file: [`poll_budget::prove`], [`memory::prove`], [`capacity::prove`] and
//! [`lag_floor::prove`]. They take plain numbers ([`work::Work`], [`fleet::Topic`], [`fleet::Group`]) and give a
//! [`Proof`], which is the arithmetic as text, next to the same numbers as numbers for whoever writes findings. What
//! nobody declared is named and makes a proof [`Verdict::Unknown`], never a pass. [`inputs`] takes the numbers from the model.

pub mod capacity;
pub mod fleet;
pub mod inputs;
pub mod lag_floor;
pub mod memory;
pub mod poll_budget;
pub mod skew;
pub mod text;
pub mod work;

/// Which proof it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// Whether a batch is done before the next poll is due.
    PollBudget,
    /// Whether the process stays inside its container.
    Memory,
    /// Whether members can process what arrives.
    Capacity,
    /// Whether the lag target can be met at all.
    LagFloor,
}

impl Kind {
    /// All, in the order in which they are printed.
    pub const ALL: [Self; 4] = [Self::PollBudget, Self::Memory, Self::Capacity, Self::LagFloor];

    /// What it is called.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::PollBudget => "poll budget",
            Self::Memory => "memory",
            Self::Capacity => "capacity",
            Self::LagFloor => "lag floor",
        }
    }
}

/// What a proof comes to. The order is that of [`Verdict::worst`]: what is known to be wrong outweighs what is not
/// known, and what is not known outweighs what holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Verdict {
    /// It holds.
    Holds,
    /// It cannot be said: something was not declared.
    Unknown,
    /// It holds, but not by enough, or not always.
    Warns,
    /// It does not hold.
    Broken,
}

impl Verdict {
    /// The word that is printed.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Holds => "holds",
            Self::Unknown => "unknown",
            Self::Warns => "warns",
            Self::Broken => "broken",
        }
    }

    /// The worst of some verdicts; [`Verdict::Unknown`] of none, because nothing was shown.
    #[must_use]
    pub fn worst(verdicts: impl IntoIterator<Item = Self>) -> Self {
        verdicts.into_iter().max().unwrap_or(Self::Unknown)
    }
}

/// One line of arithmetic, in columns that a printer aligns. An empty column has nothing to say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// What is reckoned: `15 ms + 500 × 0.1 ms`.
    pub formula: String,
    /// What it comes to: `= 65 ms`.
    pub result: String,
    /// What it is held against: `of 60 s`.
    pub bound: String,
    /// How that turns out.
    pub verdict: Verdict,
    /// The result's share of the bound: `0.1 %`.
    pub share: String,
}

/// A proof as it is printed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proof {
    /// Which one.
    pub kind: Kind,
    /// The worst of its lines.
    pub verdict: Verdict,
    /// The arithmetic.
    pub lines: Vec<Line>,
    /// What it would have needed and nobody declared: paths of keys in the TOML files, sorted, each once.
    pub unknown: Vec<String>,
}

impl Proof {
    /// Puts lines together. Unknown inputs get a line of their own, so that the verdict can't be a pass.
    fn of(kind: Kind, mut lines: Vec<Line>, mut unknown: Vec<String>) -> Self {
        unknown.sort();
        unknown.dedup();
        if !unknown.is_empty() {
            lines.push(Line {
                formula: format!("not declared: {}", unknown.join(", ")),
                result: String::new(),
                bound: String::new(),
                verdict: Verdict::Unknown,
                share: String::new(),
            });
        }
        Self {
            kind,
            verdict: Verdict::worst(lines.iter().map(|line| line.verdict)),
            lines,
            unknown,
        }
    }
}

/// Whether `value` is past `limit` by more than the rounding of sums of decimals.
fn exceeds(value: f64, limit: f64) -> bool {
    value > limit * (1.0 + 1e-9)
}

/// Notes the name of what is not there.
fn need<T>(value: Option<T>, name: &str, unknown: &mut Vec<String>) -> Option<T> {
    if value.is_none() {
        unknown.push(name.to_owned());
    }
    value
}
