//! Made-up input for the reading path, and what must hold of it whatever it is; for `tests/hostile.rs` and `fuzz/`.
//!
//! A project is one text, a bundle: a line `# file: PATH` begins a file, `# gone: PATH` takes one away, and what no line
//! names is as `lagproof init` writes it. So a few bytes already are a whole project, and a case that failed can be read.

mod law;
mod mutation;
mod words;

use std::collections::BTreeMap;

pub use law::{Files, must_hold};
pub use mutation::mutate;

const FILE: &[u8] = b"# file: ";
const GONE: &[u8] = b"# gone: ";
const EXAMPLE: &str = "profiles/services/example.toml";

/// What `lagproof init` writes.
pub const TEMPLATES: [(&str, &str); 4] = [
    ("lagproof.toml", include_str!("../../../templates/lagproof.toml")),
    ("profiles/matrix.toml", include_str!("../../../templates/matrix.toml")),
    ("profiles/topics.toml", include_str!("../../../templates/topics.toml")),
    (EXAMPLE, include_str!("../../../templates/example.toml")),
];

/// The files that a bundle means. What stands before its first line of a file is the example's profile.
pub fn unbundle(bundle: &[u8]) -> Files {
    let mut files: Files = TEMPLATES
        .iter()
        .map(|(path, text)| ((*path).to_owned(), text.as_bytes().to_vec()))
        .collect();
    let mut path = EXAMPLE.to_owned();
    let mut named: BTreeMap<String, Vec<u8>> = BTreeMap::new();
    for line in bundle.split_inclusive(|byte| *byte == b'\n') {
        if let Some(name) = line.strip_prefix(FILE) {
            path = trimmed(name);
            named.entry(path.clone()).or_default();
        } else if let Some(name) = line.strip_prefix(GONE) {
            files.remove(&trimmed(name));
        } else {
            named.entry(path.clone()).or_default().extend(line);
        }
    }
    files.extend(named);
    files
}

fn trimmed(path: &[u8]) -> String {
    String::from_utf8_lossy(path).trim_end().to_owned()
}

/// The bundle of what `lagproof init` writes.
pub fn template_bundle() -> Vec<u8> {
    let files = TEMPLATES.iter().map(|(path, text)| format!("# file: {path}\n{text}"));
    files.collect::<String>().into_bytes()
}
