//! A small project in a temporary folder, for tests: the one that `lagproof init` writes, changed bit by bit.

#![allow(dead_code)]

use std::fs;
use std::path::{Path, PathBuf};

use jiff::civil::date;
use lagproof::diagnostic::{Example, Finding, Findings};
use lagproof::project::{Outcome, Project, compile};
use tempfile::TempDir;
use toml_edit::{DocumentMut, Item, Table};

/// The files that `lagproof init` writes.
pub const TEMPLATES: [(&str, &str); 4] = [
    ("lagproof.toml", include_str!("../../templates/lagproof.toml")),
    ("profiles/matrix.toml", include_str!("../../templates/matrix.toml")),
    ("profiles/topics.toml", include_str!("../../templates/topics.toml")),
    (EXAMPLE, include_str!("../../templates/example.toml")),
];

/// The example service's profile.
pub const EXAMPLE: &str = "profiles/services/example.toml";

/// A project in a folder that goes when this does.
pub struct TestProject {
    folder: TempDir,
}

impl TestProject {
    /// The project that `lagproof init` writes.
    pub fn new() -> Self {
        let project = Self {
            folder: tempfile::tempdir().expect("a temporary folder"),
        };
        for (path, text) in TEMPLATES {
            project.write(path, text);
        }
        project
    }

    /// The same with a page's example merged into it.
    pub fn of(example: Example) -> Self {
        let project = Self::new();
        match example {
            Example::Snippet(text) => project.merge(text),
            Example::AfterCompile(text) => project.compile().merge(text),
        };
        project
    }

    /// Its folder.
    pub fn root(&self) -> &Path {
        self.folder.path()
    }

    /// A file's path.
    pub fn path(&self, path: &str) -> PathBuf {
        self.root().join(path)
    }

    /// Writes a file as it stands.
    pub fn write(&self, path: &str, text: impl AsRef<[u8]>) -> &Self {
        let path = self.path(path);
        fs::create_dir_all(path.parent().expect("below the root")).expect("a folder");
        fs::write(path, text).expect("a file");
        self
    }

    /// A file's text.
    pub fn read(&self, path: &str) -> String {
        fs::read_to_string(self.path(path)).expect("a file")
    }

    /// Merges a snippet as rule pages write them: into the example's profile, or after a line `# file: PATH` into that
    /// file; after `# raw file: PATH` the rest up to the next such line is written as it stands.
    pub fn merge(&self, snippet: &str) -> &Self {
        let mut path = EXAMPLE.to_owned();
        let mut raw = false;
        let mut part = String::new();
        for line in snippet.lines().chain(["# file: end"]) {
            let next = line
                .strip_prefix("# file: ")
                .map(|path| (path, false))
                .or_else(|| line.strip_prefix("# raw file: ").map(|path| (path, true)));
            let Some((next, next_raw)) = next else {
                part.push_str(line);
                part.push('\n');
                continue;
            };
            if raw {
                // U+FFFE stands for a byte that is not UTF-8.
                let bytes = part.replace('\u{fffe}', "\u{1}").into_bytes();
                let bytes: Vec<u8> = bytes
                    .into_iter()
                    .map(|byte| if byte == 1 { 0xff } else { byte })
                    .collect();
                self.write(&path, bytes);
            } else if !part.trim().is_empty() {
                self.merge_into(&path, &part);
            }
            (path, raw) = (next.to_owned(), next_raw);
            part.clear();
        }
        self
    }

    fn merge_into(&self, path: &str, snippet: &str) {
        let old = fs::read_to_string(self.path(path)).unwrap_or_default();
        let mut document: DocumentMut = old.parse().expect("the project's file is TOML");
        let new: DocumentMut = snippet
            .parse()
            .unwrap_or_else(|error| panic!("snippet is not TOML: {error}\n{snippet}"));
        merge_table(document.as_table_mut(), new.as_table());
        self.write(path, document.to_string());
    }

    /// Reads and judges it.
    pub fn load(&self) -> Project {
        Project::load(self.root(), &date(2026, 1, 1)).expect("lagproof.toml is readable")
    }

    /// Compiles it, which must work, on the first day of 2026.
    pub fn compile(&self) -> &Self {
        match compile(self.root(), 1_767_225_600, &date(2026, 1, 1)) {
            Ok((_, Outcome::Compiled(_))) => self,
            Ok((project, Outcome::Refused)) => panic!("findings stand in the way: {:#?}", project.findings),
            Err(error) => panic!("can't compile: {error:?}"),
        }
    }

    /// Its findings.
    pub fn findings(&self) -> Findings {
        self.load().findings
    }

    /// Its findings of a code.
    pub fn found(&self, code: &str) -> Vec<Finding> {
        self.findings()
            .into_iter()
            .filter(|finding| finding.code.0 == code)
            .collect()
    }
}

fn merge_table(onto: &mut Table, from: &Table) {
    for (key, item) in from {
        match (onto.get_mut(key), item) {
            (Some(Item::Table(old)), Item::Table(new)) => merge_table(old, new),
            (Some(Item::ArrayOfTables(old)), Item::ArrayOfTables(new)) => old.extend(new.iter().cloned()),
            (Some(old), new) => *old = new.clone(),
            (None, new) => {
                onto.insert(key, new.clone());
            }
        }
    }
}
