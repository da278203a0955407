//! What stands in a folder of generated files: listed once, so that comparing needs no call for files that are missing.

use std::collections::HashMap;
use std::fs::{self, FileType};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use super::WriteError;

/// What temporary files are called: this, a number, and [`TEMPORARY_END`].
const TEMPORARY: &str = ".lagproof-";
const TEMPORARY_END: &str = ".tmp";

/// Where file number `index` of a plan is written before it is put in place.
pub(super) fn temporary(folder: &Path, index: usize) -> PathBuf {
    folder.join(format!("{TEMPORARY}{index}{TEMPORARY_END}"))
}

/// What a name stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    File,
    Directory,
    Link,
    Special,
}

impl Kind {
    fn of(file_type: FileType) -> Self {
        if file_type.is_file() {
            Self::File
        } else if file_type.is_dir() {
            Self::Directory
        } else if file_type.is_symlink() {
            Self::Link
        } else {
            Self::Special
        }
    }

    pub(super) const fn words(self) -> &'static str {
        match self {
            Self::File => "a file",
            Self::Directory => "a directory",
            Self::Link => "a symbolic link",
            Self::Special => "a special file",
        }
    }
}

/// A folder's names.
#[derive(Debug, Default)]
pub(super) struct Folder {
    /// Visible names and what they stand for; names that are not UTF-8 with replacement characters.
    pub(super) names: HashMap<String, Kind>,
    /// Temporary files that a killed run left.
    pub(super) leftovers: Vec<PathBuf>,
}

/// Lists the folder `inner` below `root`; a missing one has no names. No part of the way below `root` may be a
/// symbolic link, and `root` itself only one that stays beside it.
pub(super) fn list(root: &Path, inner: &str) -> Result<Folder, WriteError> {
    let mut folder = Folder::default();
    let mut path = root.to_owned();
    for part in inner.split('/').filter(|part| !part.is_empty()) {
        path.push(part);
        if !is_folder(&path)? {
            return Ok(folder);
        }
    }
    let failed = |error| WriteError::io(&path, "list", error);
    let entries = match fs::read_dir(&path) {
        Ok(entries) => entries,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(folder),
        Err(error) => return Err(failed(error)),
    };
    for entry in entries {
        let entry = entry.map_err(failed)?;
        let kind = Kind::of(entry.file_type().map_err(failed)?);
        let name = entry.file_name().to_string_lossy().into_owned();
        if name.starts_with(TEMPORARY) && name.ends_with(TEMPORARY_END) && kind == Kind::File {
            folder.leftovers.push(entry.path());
        } else if !name.starts_with('.') {
            folder.names.insert(name, kind);
        }
    }
    Ok(folder)
}

/// Whether a folder is there; anything else in its place is an error.
fn is_folder(path: &Path) -> Result<bool, WriteError> {
    match fs::symlink_metadata(path) {
        Ok(metadata) => match Kind::of(metadata.file_type()) {
            Kind::Directory => Ok(true),
            other => Err(WriteError::WrongKind {
                path: path.to_owned(),
                found: other.words(),
                wanted: "a folder",
            }),
        },
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(false),
        Err(error) => Err(WriteError::io(path, "look at", error)),
    }
}

/// Refuses a root that is not a folder, or a symbolic link to one that is not below the link's own folder.
pub(super) fn check_root(root: &Path) -> Result<(), WriteError> {
    let metadata = match fs::symlink_metadata(root) {
        Ok(metadata) => metadata,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(WriteError::io(root, "look at", error)),
    };
    let kind = Kind::of(metadata.file_type());
    let stays = match kind {
        Kind::Directory => true,
        Kind::Link => {
            let parent = match root.parent() {
                Some(parent) if !parent.as_os_str().is_empty() => parent,
                _ => Path::new("."),
            };
            matches!((root.canonicalize(), parent.canonicalize()), (Ok(to), Ok(from)) if to.is_dir() && to.starts_with(&from))
        }
        Kind::File | Kind::Special => false,
    };
    if stays {
        return Ok(());
    }
    Err(WriteError::WrongKind {
        path: root.to_owned(),
        found: kind.words(),
        wanted: "a folder",
    })
}
