//! Why generated files could not be compared or written.

use std::fmt;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

/// What is on disk after something went wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// What was there before.
    Untouched,
    /// Some files are new and some old, each of them complete.
    Partly,
}

/// Why generated files could not be compared or written.
#[derive(Debug)]
pub enum WriteError {
    /// Two artifacts have one path.
    Duplicate(String),
    /// Something else stands where a file or folder belongs.
    WrongKind {
        /// Where.
        path: PathBuf,
        /// What stands there: "a directory".
        found: &'static str,
        /// What belongs there: "a file".
        wanted: &'static str,
    },
    /// An artifact has the name of a seed that is there with other content.
    SeedExists(PathBuf),
    /// What is to be replaced is not a seed.
    NotASeed(String),
    /// Another process is writing.
    Busy {
        /// The lock file.
        lock: PathBuf,
        /// Who holds it, as it says itself: "process 123"; nothing where it does not say.
        holder: Option<String>,
    },
    /// The system refused.
    Io {
        /// Where.
        path: PathBuf,
        /// What was being done: "write".
        doing: &'static str,
        /// What the system says.
        error: io::Error,
        /// What is on disk now.
        state: State,
    },
}

impl WriteError {
    /// A refusal by the system before anything was changed.
    pub(super) fn io(path: &Path, doing: &'static str, error: io::Error) -> Self {
        Self::Io {
            path: path.to_owned(),
            doing,
            error,
            state: State::Untouched,
        }
    }

    /// What to do about it.
    #[must_use]
    pub fn help(&self) -> String {
        match self {
            Self::Duplicate(_) => "rename one of the two".to_owned(),
            Self::WrongKind { path, found, .. } => format!(
                "move {} out of the way{}",
                path.display(),
                if *found == "a symbolic link" {
                    ": lagproof writes real files in real folders only"
                } else {
                    ""
                }
            ),
            Self::SeedExists(path) => format!(
                "seeds are append-only: put {} back as it was (git checkout), and compile again",
                path.display()
            ),
            Self::NotASeed(_) => "only files in migrations/ are replaced by name".to_owned(),
            Self::Busy { .. } => {
                "wait for the other compilation to end; the lock goes with its process, also when that is killed"
                    .to_owned()
            }
            Self::Io { error, .. } => match error.kind() {
                ErrorKind::StorageFull | ErrorKind::QuotaExceeded => "free some space and compile again",
                ErrorKind::FileTooLarge => "raise the limit on file sizes (ulimit -f) and compile again",
                ErrorKind::ReadOnlyFilesystem => {
                    "the file system is mounted read-only: mount it writable, or compile elsewhere"
                }
                ErrorKind::PermissionDenied => {
                    "give yourself the right to write there, or compile as the folder's owner"
                }
                ErrorKind::InvalidFilename => "the file system does not take that name: use a shorter or plainer one",
                _ => "mend that and compile again",
            }
            .to_owned(),
        }
    }
}

impl fmt::Display for WriteError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Duplicate(path) => write!(f, "two things compile to {path}"),
            Self::WrongKind { path, found, wanted } => {
                write!(
                    f,
                    "{} is {found}, and {wanted} belongs there; nothing was changed",
                    path.display()
                )
            }
            Self::SeedExists(path) => {
                write!(
                    f,
                    "the seed {} is there with other content; nothing was changed",
                    path.display()
                )
            }
            Self::NotASeed(path) => write!(f, "{} is not a seed and can't be replaced", path.escape_debug()),
            Self::Busy { lock, holder } => write!(
                f,
                "{} is compiling here (it holds {}); nothing was changed",
                holder.as_deref().unwrap_or("another process"),
                lock.display()
            ),
            Self::Io {
                path,
                doing,
                error,
                state,
            } => {
                let state = match state {
                    State::Untouched => "nothing was changed",
                    State::Partly => "some files are new and some old, each of them complete",
                };
                write!(f, "can't {doing} {}: {error}; {state}", path.display())
            }
        }
    }
}

impl std::error::Error for WriteError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Io { error, .. } => Some(error),
            _ => None,
        }
    }
}
