//! Seeds as read: all of them, on all cores, none of their texts kept.

use std::collections::{BTreeSet, HashMap};

use rayon::prelude::*;
use serde_json::Value as Json;

use crate::diagnostic::Findings;
use crate::source::{EntryKind, FileId, ReadError, Sources, Tree};

use super::body::service_documents;
use super::pages;
use super::pieces::HeaderReader;
use super::replay::{Record, State};
use super::seed::{Header, SeedProblem, read_seed};

/// The folder of seeds below that of generated files.
pub const FOLDER: &str = "migrations";

/// The largest seed that is read: 512 MiB, some hundred thousand services.
const LARGEST_SEED: u64 = 512 << 20;

/// Whether a seed can still change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// The base branch has it, or nobody can tell: it stays as it is.
    Landed,
    /// The base branch does not have it: the next compilation may write it again.
    Own,
}

/// A seed.
#[derive(Debug, Clone)]
pub struct Seed {
    /// The file's name.
    pub name: String,
    /// The file.
    pub file: FileId,
    /// What it says of itself.
    pub header: Header,
    /// Whether it can still change.
    pub standing: Standing,
}

/// What is known of the base branch's seeds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Base {
    /// Their names.
    Names(BTreeSet<String>),
    /// Nothing, and why in a few words: every seed counts as landed.
    Unknown(String),
}

/// All seeds of a project.
#[derive(Debug, Default)]
pub struct History {
    /// Their folder from the project's root.
    pub folder: String,
    /// By name; those that could not be read are missing, and findings say why.
    pub seeds: Vec<Seed>,
    /// Every name that has a seed's ending, also those that could not be read; sorted.
    pub names: Vec<String>,
    /// Why nothing is known of the base branch, where that is so.
    pub base_unknown: Option<String>,
}

impl History {
    /// The state that landed seeds amount to: what versions are judged against.
    #[must_use]
    pub fn landed(&self) -> State<'_> {
        State::replay(self.seeds.iter().filter(|seed| seed.standing == Standing::Landed))
    }

    /// The state that all seeds amount to.
    #[must_use]
    pub fn all(&self) -> State<'_> {
        State::replay(self.seeds.iter())
    }

    /// Seeds that the next compilation may write again.
    pub fn own(&self) -> impl Iterator<Item = &Seed> {
        self.seeds.iter().filter(|seed| seed.standing == Standing::Own)
    }

    /// A seed's text, read again.
    ///
    /// # Errors
    /// [`ReadError`].
    pub fn text(&self, tree: &Tree, seed: &str) -> Result<String, ReadError> {
        tree.read_text(&format!("{}/{seed}", self.folder), LARGEST_SEED, EntryKind::Other)
    }

    /// The documents behind records, by the service's name; those that can't be found again are missing. `quote` makes a
    /// name what it is in SQL. Each seed is read once.
    #[must_use]
    pub fn documents<'h>(
        &self,
        tree: &Tree,
        records: &[Record<'h>],
        quote: impl Fn(&str) -> String,
    ) -> HashMap<&'h str, Json> {
        let mut by_seed: HashMap<&str, Vec<(&'h str, String)>> = HashMap::new();
        for record in records {
            let name = record.entry.name.as_str();
            by_seed.entry(&record.seed.name).or_default().push((name, quote(name)));
        }
        by_seed
            .into_iter()
            .filter_map(|(seed, wanted)| {
                let text = self.text(tree, seed).ok()?;
                Some(service_documents(&text, &wanted))
            })
            .flatten()
            .collect()
    }
}

/// A seed's name and what it says of itself.
type NamedHeader = (String, Result<Header, Problem>);

/// What was read of the seeds, before they are among a project's files.
#[derive(Debug)]
pub struct SeedFiles {
    folder: String,
    read: Result<Vec<NamedHeader>, ReadError>,
    base: Option<Base>,
}

/// Reads every seed below `generated`. `base` is told their folder and names, and is asked beside the reading, only where
/// there are any.
pub fn read_seeds(tree: &Tree, generated: &str, base: impl FnOnce(&str, &[&str]) -> Base + Send) -> SeedFiles {
    let folder = format!("{generated}/{FOLDER}");
    let listing = match tree.list(&folder, ".sql") {
        Ok(listing) => listing.matching,
        Err(error) => {
            return SeedFiles {
                folder,
                read: Err(error),
                base: None,
            };
        }
    };
    if listing.is_empty() {
        return SeedFiles {
            folder,
            read: Ok(Vec::new()),
            base: None,
        };
    }
    let here: Vec<&str> = listing.iter().map(|(name, _)| name.as_str()).collect();
    // On a thread of its own: whoever answers may be another process, and a worker that waits for it does nothing.
    let (base, read) = std::thread::scope(|scope| {
        let base = scope.spawn(|| base(&folder, &here));
        let read: Vec<Result<Header, Problem>> = listing
            .par_iter()
            .map(|(name, kind)| read_one(tree, &format!("{folder}/{name}"), *kind))
            .collect();
        (base.join(), read)
    });
    let base = base.unwrap_or_else(|panic| std::panic::resume_unwind(panic));
    SeedFiles {
        read: Ok(listing.into_iter().map(|(name, _)| name).zip(read).collect()),
        folder,
        base: Some(base),
    }
}

/// Takes seeds in among a project's files; every problem in them is a finding.
pub fn take_in(seeds: SeedFiles, sources: &mut Sources, findings: &mut Findings) -> History {
    let mut history = History {
        folder: seeds.folder,
        ..History::default()
    };
    let read = match seeds.read {
        Ok(read) => read,
        Err(ReadError::Missing) => return history,
        Err(error) => {
            let file = sources.add(history.folder.as_str(), "");
            findings.push(pages::unreadable(file, &history.folder, &error));
            return history;
        }
    };
    let base = match seeds.base {
        Some(Base::Names(names)) => Some(names),
        Some(Base::Unknown(why)) => {
            history.base_unknown = Some(why);
            None
        }
        None => None,
    };
    for (name, result) in read {
        let path = format!("{}/{name}", history.folder);
        let file = sources.add(path.as_str(), "");
        let landed = base.as_ref().is_none_or(|names| names.contains(&name));
        let standing = if landed { Standing::Landed } else { Standing::Own };
        match result {
            Ok(_) if name_seconds(&name).is_none() => findings.push(pages::bad_name(file, &path)),
            Ok(header) => history.seeds.push(Seed {
                // A baseline holds what it replaced: it is never written again from the profiles.
                standing: if header.replaces.is_empty() {
                    standing
                } else {
                    Standing::Landed
                },
                name: name.clone(),
                file,
                header,
            }),
            Err(Problem::Read(error)) => findings.push(pages::unreadable(file, &path, &error)),
            Err(Problem::Seed(problem)) => findings.push(pages::broken(file, &path, problem, standing)),
        }
        history.names.push(name);
    }
    history
}

#[derive(Debug)]
enum Problem {
    Read(ReadError),
    Seed(SeedProblem),
}

fn read_one(tree: &Tree, path: &str, kind: EntryKind) -> Result<Header, Problem> {
    let mut reader = HeaderReader::new();
    let read = tree.read_pieces(path, LARGEST_SEED, kind, |piece| reader.push(piece));
    if let (Ok(()), Some(header)) = (read, reader.finish()) {
        return Ok(header);
    }
    // Something is wrong with it, and what that is takes the whole text to say.
    let text = tree.read_text(path, LARGEST_SEED, kind).map_err(Problem::Read)?;
    read_seed(&text).map_err(Problem::Seed)
}

/// The seconds since 1970 that a seed's name begins with: `20261123143000_11-services.sql`.
#[must_use]
pub fn name_seconds(name: &str) -> Option<i64> {
    let (digits, what) = name.split_once('_')?;
    let plain = digits.len() == 14 && digits.bytes().all(|byte| byte.is_ascii_digit());
    if !plain || what == ".sql" {
        return None;
    }
    let part = |range: std::ops::Range<usize>| digits[range].parse::<i8>().ok();
    let date = jiff::civil::Date::new(digits[..4].parse().ok()?, part(4..6)?, part(6..8)?).ok()?;
    let time = jiff::civil::Time::new(part(8..10)?, part(10..12)?, part(12..14)?, 0).ok()?;
    let timestamp = jiff::tz::TimeZone::UTC.to_timestamp(date.to_datetime(time)).ok()?;
    Some(timestamp.as_second())
}

/// What a seed's name begins with at that many seconds since 1970; nothing past the year 9999.
#[must_use]
pub fn name_stamp(seconds: i64) -> Option<String> {
    let time = jiff::Timestamp::from_second(seconds).ok()?;
    let time = time.to_zoned_datetime(jiff::tz::TimeZone::UTC);
    let (year, month, day) = (time.year(), time.month(), time.day());
    (0..=9999).contains(&year).then(|| {
        format!(
            "{year:04}{month:02}{day:02}{:02}{:02}{:02}",
            time.hour(),
            time.minute(),
            time.second()
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_tell_the_time_and_back() {
        for (name, seconds) in [
            ("19700101000000_a.sql", Some(0)),
            ("20261123143000_11-services.sql", Some(1_795_444_200)),
            ("20260230000000_a.sql", None),
            ("20260101250000_a.sql", None),
            ("2026010100000_a.sql", None),
            ("20260101000000.sql", None),
            ("20260101000000_.sql", None),
            ("2026-01-01_a.sql", None),
            ("+0260101000000_a.sql", None),
        ] {
            assert_eq!(name_seconds(name), seconds, "{name}");
            if let Some(seconds) = seconds {
                assert_eq!(name_stamp(seconds).unwrap(), name[..14]);
            }
        }
        assert_eq!(name_stamp(i64::MAX), None);
    }
}
