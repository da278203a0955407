//! A file to be written.

/// A generated file: where it goes and what it holds.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Artifact {
    /// The path below the folder of generated files, with `/` between its parts.
    pub path: String,
    /// Its bytes.
    pub contents: String,
}
