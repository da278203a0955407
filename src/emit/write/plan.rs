//! What would have to change on disk.

use std::cell::RefCell;
use std::collections::{BTreeMap, HashSet};
use std::fs::{File, Metadata};
use std::io::Read;
use std::path::{Path, PathBuf};

use rayon::prelude::*;

use crate::emit::artifact::{Access, Artifact, HEADER_MARK, OWNED, SEEDS};

use super::WriteError;
use super::folder::{Folder, Kind, check_root, list};

/// Why a file is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Why {
    /// It is not there.
    Missing,
    /// It is there with other content.
    Differs,
    /// Its content is right, but it can't be run.
    NotExecutable,
}

/// A file that would be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Write<'a> {
    /// What would be written.
    pub artifact: &'a Artifact,
    /// Why.
    pub why: Why,
}

/// What would have to change on disk.
#[derive(Debug)]
pub struct Plan<'a> {
    pub(super) root: PathBuf,
    /// Files to write, sorted by path, seeds last.
    pub writes: Vec<Write<'a>>,
    /// Paths of files to remove, sorted.
    pub removes: Vec<String>,
    /// Paths that nothing compiles to and that lagproof did not make: they stay. Sorted.
    pub foreign: Vec<String>,
    /// How many files are as they should be.
    pub unchanged: usize,
    pub(super) leftovers: Vec<PathBuf>,
}

impl Plan<'_> {
    /// Whether everything is as it should be.
    #[must_use]
    pub fn is_fresh(&self) -> bool {
        self.writes.is_empty() && self.removes.is_empty()
    }

    /// What is stale, a line each, sorted by path as the writes are: `missing`, `differs`, `not executable`, `has no
    /// source`.
    #[must_use]
    pub fn stale(&self) -> Vec<(&str, &'static str)> {
        let writes = self.writes.iter().map(|write| {
            let words = match write.why {
                Why::Missing => "missing",
                Why::Differs => "differs",
                Why::NotExecutable => "not executable",
            };
            (write.artifact.path(), words)
        });
        let removes = self.removes.iter().map(|path| (path.as_str(), "has no source"));
        writes.chain(removes).collect()
    }
}

/// Compares `artifacts` with what is below `root`, the folder of generated files, and changes nothing. Files are read
/// in parallel, none of them kept.
///
/// A seed is never overwritten, unless its path is in `replaced`; the seeds that are named there and are no artifact are
/// removed. Other seeds are left alone.
///
/// # Errors
/// [`WriteError`] where two artifacts have one path, something else stands in a file's or folder's place, or the system
/// refuses.
pub fn plan<'a>(root: &Path, artifacts: &'a [Artifact], replaced: &[String]) -> Result<Plan<'a>, WriteError> {
    let mut sorted: Vec<&Artifact> = artifacts.iter().collect();
    check_root(root)?;
    // One core lists what is there while the other puts in order what should be.
    let (folders, ()) = rayon::join(
        || folders(root, artifacts),
        || sorted.par_sort_unstable_by_key(|artifact| (artifact.is_seed(), artifact.path())),
    );
    if let Some(pair) = sorted.windows(2).find(|pair| pair[0].path() == pair[1].path()) {
        return Err(WriteError::Duplicate(pair[0].path().to_owned()));
    }
    let folders = folders?;
    let replaced: HashSet<&str> = replaced.iter().map(String::as_str).collect();

    let compare_one = |artifact: &&'a Artifact| {
        let why = compare(root, artifact, &folders[artifact.folder()])?;
        if artifact.is_seed() && why == Some(Why::Differs) && !replaced.contains(artifact.path()) {
            return Err(WriteError::SeedExists(root.join(artifact.path())));
        }
        Ok(why.map(|why| Write { artifact, why }))
    };
    let (compared, (wanted, (mut removes, mut foreign))) = rayon::join(
        || {
            let compared = sorted.par_iter().map(compare_one);
            compared.collect::<Result<Vec<Option<Write<'a>>>, WriteError>>()
        },
        || {
            let wanted: HashSet<&str> = sorted.iter().map(|artifact| artifact.path()).collect();
            let others = without_source(root, &folders, &wanted);
            (wanted, others)
        },
    );
    let writes: Vec<Write<'a>> = compared?.into_iter().flatten().collect();
    for path in replaced {
        let Some(("migrations", name)) = path.rsplit_once('/') else {
            return Err(WriteError::NotASeed(path.to_owned()));
        };
        if !wanted.contains(path) && folders[SEEDS].names.get(name) == Some(&Kind::File) {
            removes.push(path.to_owned());
        }
    }
    removes.sort_unstable();
    foreign.sort_unstable();
    Ok(Plan {
        root: root.to_owned(),
        unchanged: artifacts.len() - writes.len(),
        writes,
        removes,
        foreign,
        leftovers: folders.into_values().flat_map(|folder| folder.leftovers).collect(),
    })
}

/// The folders that artifacts are in and those that are ours anyway, listed.
fn folders<'a>(root: &Path, artifacts: &'a [Artifact]) -> Result<BTreeMap<&'a str, Folder>, WriteError> {
    let mut folders: BTreeMap<&str, Folder> = BTreeMap::new();
    let of_artifacts = artifacts.iter().map(Artifact::folder);
    for inner in OWNED.into_iter().chain([SEEDS, ""]).chain(of_artifacts) {
        if !folders.contains_key(inner) {
            folders.insert(inner, list(root, inner)?);
        }
    }
    Ok(folders)
}

fn compare(root: &Path, artifact: &Artifact, folder: &Folder) -> Result<Option<Why>, WriteError> {
    let name = artifact.path().rsplit('/').next().unwrap_or_default();
    let path = || root.join(artifact.path());
    match folder.names.get(name) {
        None => return Ok(Some(Why::Missing)),
        Some(Kind::File) => {}
        Some(other) => {
            return Err(WriteError::WrongKind {
                path: path(),
                found: other.words(),
                wanted: "a file",
            });
        }
    }
    let path = path();
    let failed = |error| WriteError::io(&path, "read", error);
    let mut file = File::open(&path).map_err(failed)?;
    Ok(if !holds(&mut file, artifact.contents().as_bytes()).map_err(failed)? {
        Some(Why::Differs)
    } else if artifact.access() == Access::Run && !is_executable(&file.metadata().map_err(failed)?) {
        Some(Why::NotExecutable)
    } else {
        None
    })
}

thread_local! {
    /// What files are read into, to be compared and forgotten.
    static BUFFER: RefCell<Vec<u8>> = RefCell::new(vec![0; 64 << 10]);
}

/// Whether a regular file holds these bytes and no others.
fn holds(file: &mut File, wanted: &[u8]) -> std::io::Result<bool> {
    BUFFER.with_borrow_mut(|buffer| {
        let mut rest = wanted;
        loop {
            // One byte more than is wanted: then one read tells of nearly every file whether that is all of it.
            let most = buffer.len().min(rest.len() + 1);
            let read = file.read(&mut buffer[..most])?;
            if read > rest.len() || buffer[..read] != rest[..read] {
                return Ok(false);
            }
            rest = &rest[read..];
            if read == 0 || (rest.is_empty() && read < most) {
                return Ok(rest.is_empty());
            }
        }
    })
}

#[cfg(unix)]
fn is_executable(metadata: &Metadata) -> bool {
    use std::os::unix::fs::PermissionsExt;
    metadata.permissions().mode() & 0o100 != 0
}

#[cfg(not(unix))]
const fn is_executable(_: &Metadata) -> bool {
    true
}

/// What stands in our folders without an artifact: the files that we made, and the rest.
fn without_source(root: &Path, folders: &BTreeMap<&str, Folder>, wanted: &HashSet<&str>) -> (Vec<String>, Vec<String>) {
    let orphans: Vec<(String, Kind)> = OWNED
        .into_iter()
        .flat_map(|inner| {
            folders[inner]
                .names
                .iter()
                .map(move |(name, kind)| (format!("{inner}/{name}"), *kind))
        })
        .filter(|(path, _)| !wanted.contains(path.as_str()))
        // A folder on the way to an artifact has a source.
        .filter(|(path, _)| !folders.contains_key(path.as_str()))
        .collect();
    let (ours, others): (Vec<_>, Vec<_>) = orphans
        .into_par_iter()
        .partition(|(path, kind)| *kind == Kind::File && carries_header(&root.join(path)));
    let paths = |list: Vec<(String, Kind)>| list.into_iter().map(|(path, _)| path).collect();
    (paths(ours), paths(others))
}

/// How far into a file the header is looked for.
const HEADER_BYTES: u64 = 1024;
const HEADER_LINES: usize = 5;

/// Whether lagproof made a file; one that can't be read is somebody else's.
fn carries_header(path: &Path) -> bool {
    let mut start = Vec::new();
    let read = File::open(path).and_then(|file| file.take(HEADER_BYTES).read_to_end(&mut start));
    read.is_ok()
        && start.split(|byte| *byte == b'\n').take(HEADER_LINES).any(|line| {
            line.windows(HEADER_MARK.len())
                .any(|window| window == HEADER_MARK.as_bytes())
        })
}
