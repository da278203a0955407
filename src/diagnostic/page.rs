//! The page behind a code: what `explain` prints, and the examples that run as tests.

use std::fmt;

use super::Severity;

/// A stable code such as `P104`; never reused for another meaning.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Code(pub &'static str);

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

/// How much say a project has over a code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stance {
    /// A client, a broker or lagproof itself rejects it: it can't be lowered or allowed.
    Rejected,
    /// A judgement: a project may lower, raise or allow it.
    Judged,
}

/// An example that a test runs: a change to a small project that is clean without it.
///
/// A snippet is TOML merged into the example service's profile; a line `# file: profiles/topics.toml` starts a part
/// that is merged into that file instead, and `# raw file: NAME` one that is written as it stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Example {
    /// Merged before the first check.
    Snippet(&'static str),
    /// Merged after the clean project was compiled once, so that there is a history to judge against.
    AfterCompile(&'static str),
}

impl Example {
    /// The text as `explain` shows it.
    #[must_use]
    pub const fn text(self) -> &'static str {
        match self {
            Self::Snippet(text) | Self::AfterCompile(text) => text,
        }
    }
}

/// Everything about one code. Rules declare it beside the function that finds it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Page {
    /// The code.
    pub code: Code,
    /// A short name in words-with-hyphens.
    pub name: &'static str,
    /// What it counts as unless a project says otherwise.
    pub severity: Severity,
    /// Whether a project may say otherwise.
    pub stance: Stance,
    /// One sentence: what is found.
    pub summary: &'static str,
    /// Why it matters, in Markdown.
    pub why: &'static str,
    /// An example that must be found.
    pub bad: Example,
    /// The same, mended.
    pub good: Example,
    /// Where the fact comes from.
    pub source: &'static str,
}
