//! The one place that writes reports: a folder a proof, whole or not at all.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use jiff::Timestamp;

use crate::diagnostic::Colour;
use crate::harness::outcome::Outcome;

use super::{html, json, junit, summary};

/// How many proofs of one second get folders of their own.
const MOST: u32 = 1_000;

/// Where a report is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Written {
    /// Its folder.
    pub folder: PathBuf,
    /// The page to look at.
    pub page: PathBuf,
}

/// A report that could not be written.
#[derive(Debug)]
pub struct ReportError {
    path: PathBuf,
    error: io::Error,
}

impl std::fmt::Display for ReportError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "the report could not be written: {}: {}; what was measured is printed all the same",
            self.path.display(),
            self.error
        )
    }
}

impl std::error::Error for ReportError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.error)
    }
}

impl ReportError {
    /// What to do.
    #[must_use]
    pub fn help(&self) -> &'static str {
        "name a folder that can be written to, with room in it"
    }
}

/// A report's name: when it began, in UTC, `20261123-143512`.
#[must_use]
pub fn name_of(outcome: &Outcome) -> String {
    let at = Timestamp::from_microsecond(outcome.started_us).unwrap_or(Timestamp::UNIX_EPOCH);
    at.strftime("%Y%m%d-%H%M%S").to_string()
}

/// Every file of a report: its path below the report's folder, and its text.
#[must_use]
pub fn contents(outcome: &Outcome) -> Vec<(String, String)> {
    let mut files = vec![
        ("index.html".to_owned(), html::render(outcome)),
        ("report.json".to_owned(), json::render(outcome)),
        ("junit.xml".to_owned(), junit::render(outcome)),
        ("summary.txt".to_owned(), summary::render(outcome, Colour::Plain)),
    ];
    for trial in &outcome.trials {
        for side in &trial.sides {
            for (at, recording) in side.recordings.iter().enumerate() {
                let path = json::samples_path(&trial.trial, side.judgement.side, at + 1);
                files.push((path, json::samples(recording)));
            }
        }
    }
    files
}

/// Writes a report into a new folder of `reports`, which is made where it is missing; with a `.gitignore` of its own
/// then, since samples do not belong into a repository.
///
/// Everything is written beside its place and put there in one step: a folder that has a report's name is a whole one.
///
/// # Errors
/// Where a folder can't be made or written to. Nothing is left behind.
pub fn write(reports: &Path, outcome: &Outcome) -> Result<Written, ReportError> {
    let failed = |path: &Path| {
        let path = path.to_owned();
        move |error| ReportError { path, error }
    };
    if !reports.exists() {
        fs::create_dir_all(reports).map_err(failed(reports))?;
        let ignore = reports.join(".gitignore");
        fs::write(&ignore, "*\n").map_err(failed(&ignore))?;
    }
    let unfinished = tempfile::Builder::new()
        .prefix(".lagproof-")
        .tempdir_in(reports)
        .map_err(failed(reports))?;
    for (path, text) in contents(outcome) {
        let path = unfinished.path().join(path);
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder).map_err(failed(folder))?;
        }
        fs::write(&path, text).map_err(failed(&path))?;
    }
    readable(unfinished.path()).map_err(failed(unfinished.path()))?;
    let folder = put(unfinished.path(), reports, &name_of(outcome)).map_err(failed(reports))?;
    // It is no longer there under its old name.
    let _ = unfinished.keep();
    let page = folder.join("index.html");
    Ok(Written { folder, page })
}

/// Temporary folders are their owner's alone; a report is as open as any other new folder.
fn readable(folder: &Path) -> io::Result<()> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let beside = fs::metadata(folder.parent().unwrap_or(folder))?.permissions().mode();
        fs::set_permissions(folder, fs::Permissions::from_mode(0o700 | (beside & 0o055)))?;
    }
    Ok(())
}

/// Gives the folder the first name that nobody has: `name`, `name-2`, …
fn put(unfinished: &Path, reports: &Path, name: &str) -> io::Result<PathBuf> {
    for number in 1..=MOST {
        let name = if number == 1 {
            name.to_owned()
        } else {
            format!("{name}-{number}")
        };
        let place = reports.join(name);
        // Renaming onto an empty folder would succeed, and one with something in it is refused by the system.
        if place.symlink_metadata().is_ok() {
            continue;
        }
        match fs::rename(unfinished, &place) {
            Ok(()) => return Ok(place),
            Err(error) if place.symlink_metadata().is_err() => return Err(error),
            Err(_) => {}
        }
    }
    Err(io::Error::other(format!(
        "there are {MOST} reports called {name} already"
    )))
}
