//! Reading files and folders, with every way it can go wrong told apart.

use std::fs;
use std::io::{self, ErrorKind, Read};
use std::path::Path;

use super::LineColumn;

/// Why a file or folder could not be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ReadError {
    /// Nothing is there.
    Missing,
    /// A directory stands where a file should be, or the other way round.
    WrongKind {
        /// What stands there.
        found: &'static str,
    },
    /// Larger than anything a person writes.
    TooLarge {
        /// The limit in bytes.
        limit: u64,
    },
    /// Not UTF-8.
    InvalidUtf8 {
        /// Where the first bad byte is.
        at: LineColumn,
        /// That byte.
        byte: u8,
    },
    /// Anything else that the system says.
    Io(String),
}

impl std::fmt::Display for ReadError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Missing => f.write_str("does not exist"),
            Self::WrongKind { found } => write!(f, "is a {found}"),
            Self::TooLarge { limit } => write!(f, "is larger than {} MiB", limit >> 20),
            Self::InvalidUtf8 { at, byte } => {
                write!(
                    f,
                    "is not UTF-8: byte 0x{byte:02x} at line {}, column {}",
                    at.line, at.column
                )
            }
            Self::Io(message) => write!(f, "can't be read: {message}"),
        }
    }
}

impl From<io::Error> for ReadError {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            ErrorKind::NotFound => Self::Missing,
            ErrorKind::IsADirectory => Self::WrongKind { found: "directory" },
            ErrorKind::NotADirectory => Self::WrongKind { found: "file" },
            _ => Self::Io(error.to_string()),
        }
    }
}

/// Reads a text file of at most `limit` bytes. A byte order mark is dropped.
///
/// # Errors
/// [`ReadError`]; a special file (a pipe, a device) is [`ReadError::WrongKind`] and is never opened.
pub fn read_text(path: &Path, limit: u64) -> Result<String, ReadError> {
    let metadata = fs::metadata(path)?;
    if metadata.is_dir() {
        return Err(ReadError::WrongKind { found: "directory" });
    }
    if !metadata.is_file() {
        return Err(ReadError::WrongKind { found: "special file" });
    }
    if metadata.len() > limit {
        return Err(ReadError::TooLarge { limit });
    }
    let mut bytes = Vec::with_capacity(metadata.len() as usize + 1);
    // The file may grow between the two calls: the limit holds for what is read.
    fs::File::open(path)?.take(limit + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > limit {
        return Err(ReadError::TooLarge { limit });
    }
    match String::from_utf8(bytes) {
        Ok(text) => Ok(match text.strip_prefix('\u{feff}') {
            Some(rest) => rest.to_owned(),
            None => text,
        }),
        Err(error) => {
            let valid = error.utf8_error().valid_up_to();
            let bytes = error.into_bytes();
            let before = String::from_utf8_lossy(&bytes[..valid]);
            let line_start = before.rfind('\n').map_or(0, |at| at + 1);
            let at = LineColumn {
                line: before.matches('\n').count() + 1,
                column: before[line_start..].chars().count() + 1,
            };
            Err(ReadError::InvalidUtf8 { at, byte: bytes[valid] })
        }
    }
}

/// What stands in a folder.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Listing {
    /// Names with the wanted ending, sorted.
    pub matching: Vec<String>,
    /// Other names, sorted; hidden ones and editors' leftovers are left out.
    pub other: Vec<String>,
}

/// Lists the names directly in `folder`, those that end in `ending` apart from the others. Names that are not UTF-8
/// are shown with replacement characters among the others.
///
/// # Errors
/// [`ReadError`] where the folder can't be listed.
pub fn list_files(folder: &Path, ending: &str) -> Result<Listing, ReadError> {
    let mut listing = Listing::default();
    for entry in fs::read_dir(folder)? {
        let name = entry?.file_name();
        match name.to_str() {
            Some(name) if name.starts_with('.') || name.ends_with('~') => {}
            Some(name) if name.ends_with(ending) => listing.matching.push(name.to_owned()),
            _ => listing.other.push(name.to_string_lossy().into_owned()),
        }
    }
    listing.matching.sort_unstable();
    listing.other.sort_unstable();
    Ok(listing)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tells_apart_what_can_go_wrong() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        assert_eq!(read_text(&path("none"), 10), Err(ReadError::Missing));
        assert_eq!(
            read_text(folder.path(), 10),
            Err(ReadError::WrongKind { found: "directory" })
        );
        fs::write(path("big"), "12345678901").unwrap();
        assert_eq!(read_text(&path("big"), 10), Err(ReadError::TooLarge { limit: 10 }));
        fs::write(path("latin"), b"ok\na\xe9").unwrap();
        assert_eq!(
            read_text(&path("latin"), 10),
            Err(ReadError::InvalidUtf8 {
                at: LineColumn { line: 2, column: 2 },
                byte: 0xe9
            })
        );
        fs::write(path("bom"), "\u{feff}a = 1").unwrap();
        assert_eq!(read_text(&path("bom"), 10), Ok("a = 1".to_owned()));
        std::os::unix::fs::symlink("loop", path("loop")).unwrap();
        assert!(matches!(read_text(&path("loop"), 10), Err(ReadError::Io(_))));
        std::os::unix::fs::symlink("/dev/zero", path("zero")).unwrap();
        assert_eq!(
            read_text(&path("zero"), 10),
            Err(ReadError::WrongKind { found: "special file" })
        );
    }

    #[test]
    fn lists_sorted_and_keeps_the_rest_apart() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["b.toml", "a.toml", "notes.md", ".hidden.toml", "a.toml~"] {
            fs::write(folder.path().join(name), "").unwrap();
        }
        let listing = list_files(folder.path(), ".toml").unwrap();
        assert_eq!(listing.matching, ["a.toml", "b.toml"]);
        assert_eq!(listing.other, ["notes.md"]);
        assert_eq!(
            list_files(&folder.path().join("none"), ".toml"),
            Err(ReadError::Missing)
        );
    }
}
