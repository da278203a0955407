//! Whether a reason says anything.

/// Words that people leave where a reason should be.
const PLACEHOLDERS: [&str; 14] = [
    "todo",
    "tbd",
    "fixme",
    "xxx",
    "none",
    "na",
    "nothing",
    "because",
    "reason",
    "why",
    "test",
    "tmp",
    "temporary",
    "idk",
];

/// Whether a reason is empty, has no letter, or is one of the words that are left where a reason should be. How long it
/// is says nothing: some languages need few characters.
#[must_use]
pub fn says_nothing(reason: &str) -> bool {
    let letters: String = reason.chars().filter(|c| c.is_alphabetic()).collect();
    letters.is_empty() || PLACEHOLDERS.contains(&letters.to_lowercase().as_str())
}
