//! What there is to apply: the schema, which the binary holds, and the project's seeds.

use std::borrow::Cow;
use std::collections::BTreeSet;

use crate::history::{Digest, SeedProblem, read_seed};
use crate::source::{EntryKind, ReadError, Tree};

use super::error::MigrateError;

/// The schema: names and texts, in their order.
pub const SCHEMA: [(&str, &str); 4] = [
    (
        "038_consumer_configuration.sql",
        include_str!("../../migrations/038_consumer_configuration.sql"),
    ),
    (
        "039_topic_partitions.sql",
        include_str!("../../migrations/039_topic_partitions.sql"),
    ),
    (
        "040_monitoring.sql",
        include_str!("../../migrations/040_monitoring.sql"),
    ),
    (
        "041_service_runtime.sql",
        include_str!("../../migrations/041_service_runtime.sql"),
    ),
];

/// The most bytes of a seed.
const LARGEST_SEED: u64 = 512 << 20;

/// What a migration is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A part of the schema.
    Schema,
    /// What profiles compiled to.
    Seed,
}

/// A migration.
#[derive(Debug, Clone)]
pub struct Migration {
    /// Its name, under which the ledger has it.
    pub name: String,
    /// What it is.
    pub kind: Kind,
    /// Its SQL.
    pub text: Cow<'static, str>,
    /// The hash of that.
    pub hash: Digest,
}

/// All of them, in the order in which they are applied.
#[derive(Debug, Clone)]
pub struct Migrations {
    /// The schema, then the seeds by name.
    pub files: Vec<Migration>,
    /// Names of seeds that a baseline here stands for: they may be in the ledger and not here.
    pub replaced: BTreeSet<String>,
}

/// The schema and the seeds in `folder`.
///
/// # Errors
/// [`MigrateError::Seed`] for a seed that can't be read or is not as lagproof wrote it.
pub fn read_migrations(tree: &Tree, folder: &str) -> Result<Migrations, MigrateError> {
    let mut files: Vec<Migration> = SCHEMA
        .iter()
        .map(|(name, text)| Migration {
            name: (*name).to_owned(),
            kind: Kind::Schema,
            text: Cow::Borrowed(*text),
            hash: Digest::of_bytes(text.as_bytes()),
        })
        .collect();
    let mut replaced = BTreeSet::new();
    let mut names: Vec<(String, EntryKind)> = match tree.list(folder, ".sql") {
        Ok(listing) => listing.matching,
        Err(ReadError::Missing) => Vec::new(),
        Err(error) => return Err(seed_error(folder, &error)),
    };
    names.sort_by(|a, b| a.0.cmp(&b.0));
    for (name, kind) in names {
        let path = format!("{folder}/{name}");
        let text = tree
            .read_text(&path, LARGEST_SEED, kind)
            .map_err(|error| seed_error(&path, &error))?;
        let header = read_seed(&text).map_err(|problem| seed_error(&path, &in_words(problem)))?;
        replaced.extend(header.replaces.into_iter().map(|seed| seed.name));
        files.push(Migration {
            name,
            kind: Kind::Seed,
            hash: Digest::of_bytes(text.as_bytes()),
            text: Cow::Owned(text),
        });
    }
    Ok(Migrations { files, replaced })
}

fn seed_error(path: &str, why: &impl ToString) -> MigrateError {
    MigrateError::Seed {
        path: path.to_owned(),
        why: why.to_string(),
    }
}

fn in_words(problem: SeedProblem) -> String {
    match problem {
        SeedProblem::NotASeed => "not a seed that lagproof wrote".to_owned(),
        SeedProblem::Newer { format } => format!("written by a newer lagproof (format {format})"),
        SeedProblem::LineEnds => "its line ends were changed to CR LF".to_owned(),
        SeedProblem::Conflict => "a merge conflict stands in it".to_owned(),
        SeedProblem::Edited => "edited since lagproof wrote it".to_owned(),
        SeedProblem::Malformed { line } => format!("line {line} is not as lagproof writes it"),
    }
}
