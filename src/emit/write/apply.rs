//! Carrying a plan out.

use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Write as _};
use std::path::{Path, PathBuf};

use rayon::prelude::*;

use crate::emit::artifact::{Access, Artifact, SEEDS};

use super::folder::temporary;
use super::plan::{Plan, Why};
use super::{Lock, State, WriteError};

/// What was done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Summary {
    /// Files that were not there before.
    pub created: usize,
    /// Files that have other content now, or can be run now.
    pub updated: usize,
    /// Files that are gone.
    pub removed: usize,
    /// Files that were as they should be.
    pub unchanged: usize,
}

/// Makes the disk as `plan` says; the plan must have been made under the same lock.
///
/// # Errors
/// [`WriteError`]. Where everything could not be written beside its place, nothing has changed; where a file could then
/// not be put in place, the error says so, and each file is complete.
///
/// # Panics
/// Where plan and lock are of different folders.
pub fn apply(lock: &Lock, plan: &Plan<'_>) -> Result<Summary, WriteError> {
    assert_eq!(lock.root, plan.root, "a plan is carried out under its own lock");
    if plan.is_fresh() {
        for leftover in &plan.leftovers {
            // In a read-only checkout they stay: nothing depends on them.
            let _ = fs::remove_file(leftover);
        }
        return Ok(summary(plan));
    }
    lock.writable()?;
    for leftover in &plan.leftovers {
        remove(leftover).map_err(|error| WriteError::io(leftover, "remove", error))?;
    }
    let mut staged = Staged {
        files: Vec::new(),
        folders: Vec::new(),
    };
    staged.make_folders(plan)?;
    staged.write(plan)?;
    for (write, from) in plan.writes.iter().zip(&staged.files) {
        let to = plan.root.join(write.artifact.path());
        fs::rename(from, &to).map_err(|error| partly(&to, "put in place", error))?;
    }
    staged.files.clear();
    staged.folders.clear();
    if plan.writes.last().is_some_and(|write| write.artifact.is_seed()) {
        let folder = plan.root.join(SEEDS);
        sync_folder(&folder).map_err(|error| partly(&folder, "flush", error))?;
    }
    for path in &plan.removes {
        let path = plan.root.join(path);
        remove(&path).map_err(|error| partly(&path, "remove", error))?;
    }
    Ok(summary(plan))
}

fn summary(plan: &Plan<'_>) -> Summary {
    let created = plan.writes.iter().filter(|write| write.why == Why::Missing).count();
    Summary {
        created,
        updated: plan.writes.len() - created,
        removed: plan.removes.len(),
        unchanged: plan.unchanged,
    }
}

fn partly(path: &Path, doing: &'static str, error: io::Error) -> WriteError {
    WriteError::Io {
        path: path.to_owned(),
        doing,
        error,
        state: State::Partly,
    }
}

/// Removes a file that may be gone already.
fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// What was made and is not yet in place; dropping it takes it away again.
struct Staged {
    /// A temporary file for each write of the plan, in its order.
    files: Vec<PathBuf>,
    /// Folders that were missing, outer ones first.
    folders: Vec<PathBuf>,
}

impl Staged {
    fn make_folders(&mut self, plan: &Plan<'_>) -> Result<(), WriteError> {
        let mut inner: Vec<&str> = plan.writes.iter().map(|write| write.artifact.folder()).collect();
        inner.sort_unstable();
        inner.dedup();
        for inner in inner {
            let mut path = plan.root.clone();
            for part in inner.split('/').filter(|part| !part.is_empty()) {
                path.push(part);
                match fs::create_dir(&path) {
                    Ok(()) => self.folders.push(path.clone()),
                    Err(error) if error.kind() == ErrorKind::AlreadyExists && path.is_dir() => {}
                    Err(error) => return Err(WriteError::io(&path, "make", error)),
                }
            }
        }
        Ok(())
    }

    /// Writes every file beside its place.
    fn write(&mut self, plan: &Plan<'_>) -> Result<(), WriteError> {
        self.files = plan
            .writes
            .iter()
            .enumerate()
            .map(|(index, write)| temporary(&plan.root.join(write.artifact.folder()), index))
            .collect();
        plan.writes.par_iter().zip(&self.files).try_for_each(|(write, path)| {
            stage(path, write.artifact)
                .map_err(|error| WriteError::io(&plan.root.join(write.artifact.path()), "write", error))
        })
    }
}

impl Drop for Staged {
    fn drop(&mut self) {
        for file in &self.files {
            let _ = fs::remove_file(file);
        }
        for folder in self.folders.iter().rev() {
            // Only goes where it is empty.
            let _ = fs::remove_dir(folder);
        }
    }
}

fn stage(path: &Path, artifact: &Artifact) -> io::Result<()> {
    let mut file = create(path, artifact.access())?;
    file.write_all(artifact.contents().as_bytes())?;
    if artifact.is_seed() {
        file.sync_all()?;
    }
    Ok(())
}

#[cfg(unix)]
fn create(path: &Path, access: Access) -> io::Result<File> {
    use std::os::unix::fs::OpenOptionsExt;
    // Less what the process's umask takes away.
    let mode = match access {
        Access::Read => 0o666,
        Access::Run => 0o777,
    };
    OpenOptions::new().write(true).create_new(true).mode(mode).open(path)
}

#[cfg(not(unix))]
fn create(path: &Path, _: Access) -> io::Result<File> {
    OpenOptions::new().write(true).create_new(true).open(path)
}

#[cfg(unix)]
fn sync_folder(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

/// Elsewhere a folder can't be opened, and its changes are journalled.
#[cfg(not(unix))]
const fn sync_folder(_: &Path) -> io::Result<()> {
    Ok(())
}
