//! `revert SERVICE --to N`: the settings of an earlier version, under a new one.
//!
//! What the version had is written into the profile as far as the profile does not inherit it. Then the profile is
//! resolved as it would stand: only one that comes to exactly the version's settings is kept.

use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;

use jiff::civil::Date;
use serde_json::Value as Json;

use crate::declared::CONFIG_FILE;
use crate::emit::literal;
use crate::history::{Content, Record, settings_digest};
use crate::model::service::Service;
use crate::rules::history::changes;
use crate::source::{Tree, read_text};

use super::Project;
use super::fix::put;
use super::restore::{restored, without_own};

/// Why a service could not be taken back; its profile is as it was.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RevertError {
    /// There is no such service, or its profile can't be read.
    UnknownService(String),
    /// No seed has that version.
    UnknownVersion {
        /// The versions that there are, in words.
        known: String,
    },
    /// The version is a tombstone.
    Retired,
    /// Two seeds have that version, with different settings.
    Twice,
    /// The last version has these settings already.
    Already {
        /// That version.
        version: u32,
    },
    /// The document of that version can't be found in its seed.
    NoDocument {
        /// The seed's name.
        seed: String,
    },
    /// The profile can't be brought to these settings.
    Differs {
        /// What would still differ, a line each.
        lines: Vec<String>,
    },
    /// The profile could not be read, edited or written.
    File {
        /// Its path.
        path: String,
        /// What went wrong.
        message: String,
    },
}

impl fmt::Display for RevertError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UnknownService(name) => write!(
                f,
                "there is no service `{}` with a readable profile",
                name.escape_debug()
            ),
            Self::UnknownVersion { known } => write!(f, "no seed has that version; there are {known}"),
            Self::Retired => f.write_str("at that version the service was removed"),
            Self::Twice => f.write_str("two seeds have that version, with different settings"),
            Self::Already { version } => write!(f, "version {version}, the last one, has these settings already"),
            Self::NoDocument { seed } => write!(f, "{seed} does not hold the settings of that version"),
            Self::Differs { lines } => {
                f.write_str("the profile can't be brought to the settings of that version:")?;
                lines.iter().try_for_each(|line| write!(f, "\n  {line}"))
            }
            Self::File { path, message } => write!(f, "{path}: {message}"),
        }
    }
}

/// What was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reverted {
    /// The profile's path.
    pub path: String,
    /// The version that it has now.
    pub version: u32,
}

/// Writes the settings that `name` had at version `to` into its profile, under a version above the last.
///
/// # Errors
/// [`RevertError`]; the profile is as it was.
pub fn revert(root: &Path, project: &Project, name: &str, to: u32, today: &Date) -> Result<Reverted, RevertError> {
    let unknown = || RevertError::UnknownService(name.to_owned());
    let service = project
        .model
        .as_ref()
        .and_then(|model| model.service(name))
        .ok_or_else(unknown)?;
    let record = find(project, service, to)?;
    let landed = project.history.landed();
    let last = landed.service(name).or_else(|| landed.service(&record.entry.name));
    let version = last.map_or(to, |life| life.stamp().version) + 1;
    if let Some(life) = last
        && life.rival().is_none()
        && life.latest().entry.content.settings() == record.entry.content.settings()
    {
        return Err(RevertError::Already {
            version: life.stamp().version,
        });
    }
    let path = project.sources.get(service.file).path.clone();
    let file = |message: String| RevertError::File {
        path: path.clone(),
        message,
    };
    let tree = Tree::Disk(root.to_owned());
    let documents = project
        .history
        .documents(&tree, &[record], |name| literal(name).unwrap_or_default());
    let document = documents
        .get(record.entry.name.as_str())
        .ok_or_else(|| RevertError::NoDocument {
            seed: record.seed.name.clone(),
        })?;
    let text = read_text(&root.join(&path), u64::MAX >> 1).map_err(|error| file(error.to_string()))?;
    let bare = without_own(&text, &document["settings"]).map_err(&file)?;
    let inherited = resolved(root, project, &path, &bare, name, today)?;
    let text = restored(
        &text,
        version,
        &document["settings"],
        service,
        &inherited,
        project.model.as_ref(),
        to,
    )
    .map_err(&file)?;
    let after = resolved(root, project, &path, &text, name, today)?;
    if Some(settings_digest(&after)) != record.entry.content.settings() {
        return Err(RevertError::Differs {
            lines: differences(&after, document),
        });
    }
    put(root, &path, &text).map_err(&file)?;
    Ok(Reverted { path, version })
}

/// The last record of that version, of the service or of one that it was renamed from.
fn find<'p>(project: &'p Project, service: &Service, to: u32) -> Result<Record<'p>, RevertError> {
    let all = project.history.all();
    let former = service.renamed_from.iter().map(|from| from.value.as_str());
    let lives: Vec<_> = [service.name.as_str()]
        .into_iter()
        .chain(former)
        .filter_map(|name| all.service(name))
        .collect();
    let records: Vec<Record<'p>> = lives.iter().flat_map(|life| life.version(to)).collect();
    let Some(record) = records.last().copied() else {
        let mut known: Vec<u32> = lives
            .iter()
            .flat_map(|life| life.records())
            .map(|record| record.entry.stamp.version)
            .collect();
        known.sort_unstable();
        known.dedup();
        let known: Vec<String> = known.iter().map(u32::to_string).collect();
        return Err(RevertError::UnknownVersion {
            known: if known.is_empty() {
                "none: nothing was compiled yet".to_owned()
            } else {
                known.join(", ")
            },
        });
    };
    if matches!(record.entry.content, Content::Retired) {
        return Err(RevertError::Retired);
    }
    let same = |other: &Record<'_>| other.entry.content.settings() == record.entry.content.settings();
    if records.iter().all(same) {
        Ok(record)
    } else {
        Err(RevertError::Twice)
    }
}

/// The service as it would be resolved from another profile.
fn resolved(
    root: &Path,
    project: &Project,
    path: &str,
    profile: &str,
    name: &str,
    today: &Date,
) -> Result<Service, RevertError> {
    let shared = &project.shared;
    let mut files = BTreeMap::from([(path.to_owned(), profile.as_bytes().to_vec())]);
    let rest = [shared.matrix.file, shared.topics.file].map(|file| project.sources.get(file).path.as_str());
    for other in rest.into_iter().chain([CONFIG_FILE]) {
        let bytes = std::fs::read(root.join(other)).map_err(|error| RevertError::File {
            path: other.to_owned(),
            message: error.to_string(),
        })?;
        files.insert(other.to_owned(), bytes);
    }
    let there = Project::read(&Tree::Memory(files), today).ok();
    let service = there.and_then(|project| project.model?.service(name).cloned());
    service.ok_or_else(|| RevertError::Differs {
        lines: vec!["the profile could not be resolved at all".to_owned()],
    })
}

fn differences(after: &Service, document: &Json) -> Vec<String> {
    changes(after, document)
        .iter()
        .map(|change| {
            let unset = |value: &Option<String>| value.clone().unwrap_or_else(|| "unset".to_owned());
            let from = change.origin.map_or("", |origin| origin.layer.words());
            let from = if from.is_empty() {
                String::new()
            } else {
                format!(", from {from}")
            };
            format!(
                "{}: {} then, {} now{from}",
                change.name,
                unset(&change.before),
                unset(&change.now)
            )
        })
        .collect()
}
