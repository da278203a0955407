//! Reading files and folders, with every way it can go wrong told apart.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, ErrorKind, Read};
use std::path::{Path, PathBuf};

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

impl std::error::Error for ReadError {}

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

/// Where a project's files are: on disk, or in memory for what never was on disk (another commit, a test).
#[derive(Debug, Clone)]
pub enum Tree {
    /// Below a folder.
    Disk(PathBuf),
    /// By path from the root, with `/` between the parts.
    Memory(BTreeMap<String, Vec<u8>>),
    /// Below a folder, with other texts for some of the files there: how it would be.
    Edited {
        /// The folder.
        root: PathBuf,
        /// Texts by path from the root.
        texts: BTreeMap<String, String>,
    },
}

/// What a folder's entry is known to be before it is opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EntryKind {
    /// A regular file: opening it blocks on nothing.
    File,
    /// Anything else, a link perhaps: to be looked at first.
    Other,
}

/// What stands in a folder.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Listing {
    /// Names with the wanted ending, sorted.
    pub matching: Vec<(String, EntryKind)>,
    /// Other names, sorted; hidden ones and editors' leftovers are left out.
    pub other: Vec<String>,
}

impl Listing {
    fn take(&mut self, name: &str, kind: EntryKind, ending: &str) {
        if name.starts_with('.') || name.ends_with('~') {
            return;
        }
        if name.ends_with(ending) {
            self.matching.push((name.to_owned(), kind));
        } else {
            self.other.push(name.to_owned());
        }
    }

    fn sorted(mut self) -> Self {
        self.matching.sort_unstable_by(|a, b| a.0.cmp(&b.0));
        self.other.sort_unstable();
        self
    }
}

impl Tree {
    /// Reads a text file of at most `limit` bytes. A byte order mark is dropped.
    ///
    /// # Errors
    /// [`ReadError`]; a special file (a pipe, a device) is [`ReadError::WrongKind`] and is never opened.
    pub fn read_text(&self, path: &str, limit: u64, kind: EntryKind) -> Result<String, ReadError> {
        match self {
            Self::Disk(root) => read_file(&root.join(path), limit, kind).and_then(decode),
            Self::Edited { root, texts } => match texts.get(path) {
                Some(text) => Ok(text.clone()),
                None => read_file(&root.join(path), limit, kind).and_then(decode),
            },
            Self::Memory(files) => {
                let bytes = files.get(path).ok_or(ReadError::Missing)?;
                if bytes.len() as u64 > limit {
                    return Err(ReadError::TooLarge { limit });
                }
                decode(bytes.clone())
            }
        }
    }

    /// Hands a file of at most `limit` bytes over piece by piece, as bytes: a large one is never in memory as a whole.
    /// `each` reads no other file.
    ///
    /// # Errors
    /// [`ReadError`], perhaps after some pieces.
    pub fn read_pieces(
        &self,
        path: &str,
        limit: u64,
        kind: EntryKind,
        mut each: impl FnMut(&[u8]),
    ) -> Result<(), ReadError> {
        match self {
            Self::Disk(root) => read_file_in_pieces(&root.join(path), limit, kind, &mut each),
            Self::Edited { root, texts } => match texts.get(path) {
                Some(text) => {
                    each(text.as_bytes());
                    Ok(())
                }
                None => read_file_in_pieces(&root.join(path), limit, kind, &mut each),
            },
            Self::Memory(files) => {
                let bytes = files.get(path).ok_or(ReadError::Missing)?;
                if bytes.len() as u64 > limit {
                    return Err(ReadError::TooLarge { limit });
                }
                each(bytes);
                Ok(())
            }
        }
    }

    /// Lists the names directly in `folder`, those that end in `ending` apart from the others. Names that are not UTF-8
    /// are shown with replacement characters among the others.
    ///
    /// # Errors
    /// [`ReadError`] where the folder can't be listed.
    pub fn list(&self, folder: &str, ending: &str) -> Result<Listing, ReadError> {
        let mut listing = Listing::default();
        match self {
            Self::Disk(root) | Self::Edited { root, .. } => {
                for entry in fs::read_dir(root.join(folder))? {
                    let entry = entry?;
                    let plain = entry.file_type().is_ok_and(|kind| kind.is_file());
                    let kind = if plain { EntryKind::File } else { EntryKind::Other };
                    match entry.file_name().to_str() {
                        Some(name) => listing.take(name, kind, ending),
                        None => listing.other.push(entry.file_name().to_string_lossy().into_owned()),
                    }
                }
            }
            Self::Memory(files) => {
                let prefix = format!("{folder}/");
                for name in files
                    .keys()
                    .filter_map(|path| path.strip_prefix(&prefix))
                    .filter(|name| !name.contains('/'))
                {
                    listing.take(name, EntryKind::File, ending);
                }
            }
        }
        Ok(listing.sorted())
    }
}

/// Reads a text file on disk; see [`Tree::read_text`].
///
/// # Errors
/// [`ReadError`].
pub fn read_text(path: &Path, limit: u64) -> Result<String, ReadError> {
    read_file(path, limit, EntryKind::Other).and_then(decode)
}

fn read_file(path: &Path, limit: u64, kind: EntryKind) -> Result<Vec<u8>, ReadError> {
    let mut file = open(path, limit, kind)?;
    let mut bytes = Vec::new();
    let full = BUFFER.with_borrow_mut(|buffer| {
        // Profiles are small: one read takes all of most files, and needs no question about their size.
        let read = file.read(buffer)?;
        bytes.extend_from_slice(&buffer[..read]);
        io::Result::Ok(read == buffer.len())
    })?;
    if full {
        // The rest, and the limit holds for what is read: the file may grow meanwhile.
        file.take((limit + 1).saturating_sub(bytes.len() as u64))
            .read_to_end(&mut bytes)?;
        bytes.shrink_to_fit();
    }
    if bytes.len() as u64 > limit {
        return Err(ReadError::TooLarge { limit });
    }
    Ok(bytes)
}

thread_local! {
    /// What files are read into, before it is known how much room they need.
    static BUFFER: RefCell<Vec<u8>> = RefCell::new(vec![0; 64 << 10]);
}

/// Opens a regular file. Anything else blocks perhaps, or never ends.
fn open(path: &Path, limit: u64, kind: EntryKind) -> Result<File, ReadError> {
    if kind == EntryKind::Other {
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
    }
    Ok(File::open(path)?)
}

fn read_file_in_pieces(path: &Path, limit: u64, kind: EntryKind, each: &mut dyn FnMut(&[u8])) -> Result<(), ReadError> {
    let mut file = open(path, limit, kind)?.take(limit + 1);
    let mut all = 0;
    BUFFER.with_borrow_mut(|buffer| {
        loop {
            match file.read(buffer)? {
                0 => return Ok(()),
                read => {
                    all += read as u64;
                    if all > limit {
                        return Err(ReadError::TooLarge { limit });
                    }
                    each(&buffer[..read]);
                }
            }
        }
    })
}

fn decode(bytes: Vec<u8>) -> Result<String, ReadError> {
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
    fn a_tree_reads_the_same_from_disk_and_from_memory() {
        let folder = tempfile::tempdir().unwrap();
        let long = "x".repeat(10_000);
        let files = [
            ("p/b.toml", "b"),
            ("p/a.toml", long.as_str()),
            ("p/notes.md", ""),
            ("p/.hidden.toml", ""),
            ("p/a.toml~", ""),
        ];
        fs::create_dir(folder.path().join("p")).unwrap();
        for (path, text) in files {
            fs::write(folder.path().join(path), text).unwrap();
        }
        let memory = files
            .iter()
            .map(|(path, text)| ((*path).to_owned(), text.as_bytes().to_vec()))
            .collect();
        for tree in [Tree::Disk(folder.path().to_owned()), Tree::Memory(memory)] {
            let listing = tree.list("p", ".toml").unwrap();
            let names: Vec<&str> = listing.matching.iter().map(|(name, _)| name.as_str()).collect();
            assert_eq!(names, ["a.toml", "b.toml"]);
            assert_eq!(listing.other, ["notes.md"]);
            for kind in [EntryKind::File, EntryKind::Other] {
                assert_eq!(tree.read_text("p/a.toml", 10_000, kind), Ok(long.clone()));
                assert_eq!(
                    tree.read_text("p/a.toml", 9_999, kind),
                    Err(ReadError::TooLarge { limit: 9_999 })
                );
                assert_eq!(tree.read_text("p/none", 10, kind), Err(ReadError::Missing));
            }
        }
    }
}
