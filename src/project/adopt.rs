//! Taking values that were set elsewhere, such as in a database, into profiles: comments and order stay.

use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;

use jiff::civil::Date;
use serde_json::Value as Json;

use crate::diagnostic::{Finding, Severity};
use crate::history::{column_from_settings, duration_from_json, settings_digest, settings_doc, value_from_json};
use crate::model::project::Model;
use crate::model::service::Service;
use crate::model::settings::Setting;
use crate::source::{Edit, FileId, Tree, apply_edits, read_text};
use crate::units::format_duration;

use super::Project;
use super::fix::put;
use super::restore::{quoted, tidy};

/// A setting's value as a database's column holds it.
#[derive(Debug, Clone, PartialEq)]
pub struct Wanted {
    /// The service.
    pub service: String,
    /// The column, such as `session_timeout_ms`.
    pub column: String,
    /// The value; JSON null leaves the setting to the client.
    pub value: Json,
    /// Why, for a deviation where the matrix asks for one.
    pub reason: String,
}

/// A profile that was changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Adopted {
    /// The service.
    pub service: String,
    /// Its profile.
    pub path: String,
    /// Its version now.
    pub version: u32,
    /// What was set, as the profile writes it: `max_poll_records = 50`.
    pub set: Vec<String>,
}

/// Why values could not be taken over; every profile is as it was.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AdoptError {
    /// There is no such service, or its profile can't be read.
    UnknownService(String),
    /// No profile can say that value for that setting.
    NoSuchValue {
        /// The service.
        service: String,
        /// The column.
        column: String,
        /// The value.
        value: String,
    },
    /// The profile would still not say it.
    Differs {
        /// The service.
        service: String,
        /// What, and what the profile would say instead.
        line: String,
    },
    /// A file could not be read, edited or written.
    File {
        /// Its path.
        path: String,
        /// What went wrong.
        message: String,
    },
}

impl fmt::Display for AdoptError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UnknownService(name) => write!(f, "there is no readable profile of `{}`", name.escape_debug()),
            Self::NoSuchValue { service, column, value } => {
                write!(
                    f,
                    "a profile can't say {column} = {value} (service `{}`)",
                    service.escape_debug()
                )
            }
            Self::Differs { service, line } => write!(f, "`{}`: {line}", service.escape_debug()),
            Self::File { path, message } => write!(f, "{path}: {message}"),
        }
    }
}

/// What profiles would be, and the project with them.
#[derive(Debug)]
pub struct Preview {
    /// The project as it would be.
    pub project: Project,
    adopted: Vec<Adopted>,
    texts: BTreeMap<String, String>,
}

impl Preview {
    /// Errors and warnings that `before` does not have.
    #[must_use]
    pub fn new_findings(&self, before: &Project) -> Vec<&Finding> {
        let known = |finding: &Finding| {
            before
                .findings
                .iter()
                .any(|old| old.code == finding.code && old.subject == finding.subject && old.message == finding.message)
        };
        self.project
            .findings
            .iter()
            .filter(|finding| finding.severity >= Severity::Warning && !known(finding))
            .collect()
    }
}

/// Works out the profiles that say what is wanted, versions raised where their settings change.
///
/// # Errors
/// [`AdoptError`] where a profile can't say it.
pub fn preview(root: &Path, project: &Project, wanted: &[Wanted], today: &Date) -> Result<Preview, AdoptError> {
    let mut by_service: BTreeMap<&str, Vec<&Wanted>> = BTreeMap::new();
    for one in wanted {
        by_service.entry(&one.service).or_default().push(one);
    }
    let model = project.model.as_ref();
    let mut texts = BTreeMap::new();
    let mut adopted = Vec::new();
    for (name, wanted) in &by_service {
        let service = model
            .and_then(|model| model.service(name))
            .ok_or_else(|| AdoptError::UnknownService((*name).to_owned()))?;
        let path = project.sources.get(service.file).path.clone();
        let failed = |message: String| AdoptError::File {
            path: path.clone(),
            message,
        };
        let text = read_text(&root.join(&path), u64::MAX >> 1).map_err(|error| failed(error.to_string()))?;
        let mut edits = Vec::new();
        let mut set = Vec::new();
        for one in wanted {
            set.push(edit(one, service, model, &mut edits)?);
        }
        let text = apply_edits(&text, &edits).map_err(|error| failed(error.to_string()))?;
        let deviates = |setting: Setting| {
            let here = wanted.iter().find(|one| one.column == setting.info().key);
            here.is_none_or(|one| leaves_matrix(one, setting, service, model))
        };
        let text = tidy(&text, &deviates).map_err(failed)?;
        texts.insert(path.clone(), text);
        adopted.push(Adopted {
            service: (*name).to_owned(),
            path,
            version: service.version.value,
            set,
        });
    }
    raise_versions(root, project, &mut texts, &mut adopted, today)?;
    let after = read(root, &texts, today)?;
    for one in wanted {
        let service = after.model.as_ref().and_then(|model| model.service(&one.service));
        let says = service.map(|service| says(service, &one.column));
        if says.as_ref() != Some(&one.value) {
            return Err(AdoptError::Differs {
                service: one.service.clone(),
                line: match (&one.value, says) {
                    (_, None) => "the profile could not be resolved with it".to_owned(),
                    (Json::Null, Some(says)) => format!(
                        "{} is inherited ({says}), and a profile can't leave it to the client",
                        one.column
                    ),
                    (value, Some(says)) => format!("{} would be {says} instead of {value}", one.column),
                },
            });
        }
    }
    Ok(Preview {
        project: after,
        adopted,
        texts,
    })
}

/// Writes the profiles.
///
/// # Errors
/// [`AdoptError::File`] where the disk refuses; profiles before that one are written.
pub fn adopt(root: &Path, preview: Preview) -> Result<Vec<Adopted>, AdoptError> {
    for (path, text) in &preview.texts {
        put(root, path, text).map_err(|message| AdoptError::File {
            path: path.clone(),
            message,
        })?;
    }
    Ok(preview.adopted)
}

fn read(root: &Path, texts: &BTreeMap<String, String>, today: &Date) -> Result<Project, AdoptError> {
    let tree = Tree::Edited {
        root: root.to_owned(),
        texts: texts.clone(),
    };
    Project::read(&tree, today).map_err(|error| AdoptError::File {
        path: "lagproof.toml".to_owned(),
        message: error.to_string(),
    })
}

/// As `check --fix` would: above the last that has landed, where the settings are others than that has.
fn raise_versions(
    root: &Path,
    project: &Project,
    texts: &mut BTreeMap<String, String>,
    adopted: &mut [Adopted],
    today: &Date,
) -> Result<(), AdoptError> {
    let after = read(root, texts, today)?;
    let landed = project.history.landed();
    for one in adopted {
        let Some(service) = after.model.as_ref().and_then(|model| model.service(&one.service)) else {
            continue;
        };
        let Some(life) = landed.service(&one.service) else {
            continue;
        };
        let last = life.stamp().version;
        let same = life.agreed().and_then(|content| content.settings()) == Some(settings_digest(service));
        if same || one.version > last {
            continue;
        }
        one.version = last + 1;
        let edit = set(&["version"], one.version.to_string());
        if let Some(text) = texts.get_mut(&one.path) {
            *text = apply_edits(text, &[edit]).map_err(|error| AdoptError::File {
                path: one.path.clone(),
                message: error.to_string(),
            })?;
        }
    }
    Ok(())
}

/// Edits are applied to a text that has no id yet.
const FILE: FileId = FileId(0);

fn set(path: &[&str], value: String) -> Edit {
    Edit::Set {
        file: FILE,
        path: path.iter().map(|part| (*part).to_owned()).collect(),
        value,
    }
}

/// The edits for one value; what they set, in words.
fn edit(one: &Wanted, service: &Service, model: Option<&Model>, edits: &mut Vec<Edit>) -> Result<String, AdoptError> {
    let impossible = || AdoptError::NoSuchValue {
        service: one.service.clone(),
        column: one.column.clone(),
        value: one.value.to_string(),
    };
    let (table, key, toml) = match one.column.as_str() {
        "enable_auto_commit" => {
            let commit = match one.value.as_bool().ok_or_else(impossible)? {
                true => "interval",
                false => "after-batch",
            };
            ("delivery", "commit", quoted(commit))
        }
        "auto_commit_interval_ms" => {
            let interval = duration_from_json(&one.value).ok_or_else(impossible)?;
            ("delivery", "commit_interval", quoted(&format_duration(interval)))
        }
        "concurrency" if one.value.is_null() => ("processing", "concurrency", quoted("unbounded")),
        "concurrency" => (
            "processing",
            "concurrency",
            one.value.as_u64().ok_or_else(impossible)?.to_string(),
        ),
        column => {
            let setting = Setting::ALL
                .into_iter()
                .find(|setting| setting.info().key == column)
                .ok_or_else(impossible)?;
            if one.value.is_null() {
                edits.push(Edit::Remove {
                    file: FILE,
                    path: vec!["consumer".to_owned(), setting.name().to_owned()],
                });
                return Ok(format!("{setting} left to the client"));
            }
            let value = value_from_json(setting, &listed(&one.value, column)).ok_or_else(impossible)?;
            if leaves_matrix(one, setting, service, model)
                && !service
                    .deviations
                    .iter()
                    .any(|deviation| deviation.setting.value == setting)
            {
                edits.push(Edit::Append {
                    file: FILE,
                    array: "deviation".to_owned(),
                    entries: vec![
                        ("setting".to_owned(), quoted(setting.name())),
                        ("reason".to_owned(), quoted(&one.reason)),
                    ],
                });
            }
            ("consumer", setting.name(), value.to_toml())
        }
    };
    let words = format!("{key} = {toml}");
    // Deviations come last in the file as in the list of edits.
    edits.insert(0, set(&[table, key], toml));
    Ok(words)
}

/// Assignors are a list in documents, and a text with commas in their column.
fn listed(value: &Json, column: &str) -> Json {
    match value.as_str() {
        Some(text) if column == Setting::Assignors.info().key => {
            text.split(',').map(|name| Json::from(name.trim())).collect()
        }
        _ => value.clone(),
    }
}

fn leaves_matrix(one: &Wanted, setting: Setting, service: &Service, model: Option<&Model>) -> bool {
    let row = model.and_then(|model| model.matrix.row(&service.service_type.value));
    let value = value_from_json(setting, &listed(&one.value, &one.column));
    match (row.and_then(|row| row.cell(setting)), value) {
        (Some(cell), Some(value)) => !cell.value.admits(&value),
        _ => false,
    }
}

/// What a service says for a column.
fn says(service: &Service, column: &str) -> Json {
    let document: Json = serde_json::from_str(&settings_doc(service).canonical()).unwrap_or_default();
    column_from_settings(&document, column)
}
