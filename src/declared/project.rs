//! All files of a project, read.

use rayon::prelude::*;

use crate::diagnostic::{Finding, Findings};
use crate::source::{EntryKind, FileId, Listing, ReadError, Sources, Span, Tree};
use crate::units::shown;

use super::case::CaseFile;
use super::config::ConfigFile;
use super::fields::{Section, read_document};
use super::matrix::MatrixFile;
use super::names::ServiceName;
use super::pages;
use super::service::ServiceFile;
use super::topics::TopicsFile;

/// The largest profile or case that is read: 1 MiB.
pub const LARGEST_PROFILE: u64 = 1 << 20;
/// The largest of the files that all services share: 8 MiB, some twenty thousand topics.
pub const LARGEST_SHARED: u64 = 8 << 20;
/// The project's own file.
pub const CONFIG_FILE: &str = "lagproof.toml";

/// One file, and what it declares; nothing where it could not be read.
#[derive(Debug, Clone, PartialEq)]
pub struct DeclaredFile<T> {
    /// The file's name without its ending.
    pub name: String,
    /// The file.
    pub file: FileId,
    /// What it declares.
    pub declared: Option<T>,
}

/// The files that all services share.
#[derive(Debug, Clone, PartialEq)]
pub struct Shared {
    /// lagproof.toml.
    pub config: DeclaredFile<ConfigFile>,
    /// matrix.toml.
    pub matrix: DeclaredFile<MatrixFile>,
    /// topics.toml.
    pub topics: DeclaredFile<TopicsFile>,
    /// The folder of profiles.
    folder: String,
}

/// Reads `lagproof.toml`; every problem in it is a finding.
///
/// # Errors
/// [`ReadError`] where it can't be read.
pub fn read_config(
    tree: &Tree,
    sources: &mut Sources,
    findings: &mut Findings,
) -> Result<DeclaredFile<ConfigFile>, ReadError> {
    let text = tree.read_text(CONFIG_FILE, LARGEST_SHARED, EntryKind::Other)?;
    Ok(shared(sources, CONFIG_FILE, Ok(text), findings))
}

/// Reads the other files that all services share; every problem in them is a finding.
pub fn read_shared(
    tree: &Tree,
    config: DeclaredFile<ConfigFile>,
    sources: &mut Sources,
    findings: &mut Findings,
) -> Shared {
    let folder = config
        .declared
        .as_ref()
        .and_then(|config| config.profiles.as_ref())
        .map_or("profiles", |profiles| profiles.value.0.trim_end_matches('/'))
        .to_owned();
    let path = |name: &str| format!("{folder}/{name}");
    let read = |path: &str| tree.read_text(path, LARGEST_SHARED, EntryKind::Other);
    let matrix = shared(sources, &path("matrix.toml"), read(&path("matrix.toml")), findings);
    let topics = shared(sources, &path("topics.toml"), read(&path("topics.toml")), findings);
    Shared {
        config,
        matrix,
        topics,
        folder,
    }
}

fn shared<T: Section>(
    sources: &mut Sources,
    path: &str,
    text: Result<String, ReadError>,
    findings: &mut Findings,
) -> DeclaredFile<T> {
    let name = path
        .rsplit('/')
        .next()
        .unwrap_or(path)
        .trim_end_matches(".toml")
        .to_owned();
    let file = sources.add(path, "");
    let declared = match text {
        Ok(text) => {
            let declared = read_document(file, &text, findings);
            sources.set_text(file, text);
            declared
        }
        Err(error) => {
            findings.push(unreadable(file, path, &error));
            None
        }
    };
    DeclaredFile { name, file, declared }
}

/// Reads every profile on all cores and hands each to `each` while it is at hand: what was declared is dropped, what
/// `each` makes of it is kept, in the order of names.
pub fn read_services<R: Send>(
    tree: &Tree,
    shared: &Shared,
    sources: &mut Sources,
    findings: &mut Findings,
    each: impl Fn(&DeclaredFile<ServiceFile>, &mut Findings) -> R + Sync,
) -> Vec<(String, R)> {
    let folder = format!("{}/services", shared.folder);
    match tree.list(&folder, ".toml") {
        Ok(listing) => read_folder(tree, &folder, &listing, sources, findings, each),
        Err(error) => {
            let file = sources.add(folder.as_str(), "");
            findings.push(unreadable(file, &folder, &error));
            Vec::new()
        }
    }
}

/// Reads every case; a project may have none.
pub fn read_cases(
    tree: &Tree,
    shared: &Shared,
    sources: &mut Sources,
    findings: &mut Findings,
) -> Vec<DeclaredFile<CaseFile>> {
    let folder = format!("{}/cases", shared.folder);
    match tree.list(&folder, ".toml") {
        Ok(listing) => {
            let read = read_folder(tree, &folder, &listing, sources, findings, |file, _| file.clone());
            read.into_iter().map(|(_, file)| file).collect()
        }
        Err(ReadError::Missing) => Vec::new(),
        Err(error) => {
            let file = sources.add(folder.as_str(), "");
            findings.push(unreadable(file, &folder, &error));
            Vec::new()
        }
    }
}

/// Reads and parses every `.toml` file of a folder, on all cores; ids and findings are in the order of names.
fn read_folder<T: Section, R: Send>(
    tree: &Tree,
    folder: &str,
    listing: &Listing,
    sources: &mut Sources,
    findings: &mut Findings,
    each: impl Fn(&DeclaredFile<T>, &mut Findings) -> R + Sync,
) -> Vec<(String, R)> {
    for stray in &listing.other {
        let file = sources.add(format!("{folder}/{stray}"), "");
        findings.push(stray_file(file, stray).help("rename it to end in .toml, or move it away"));
    }
    let first = sources.next_id().0;
    let read: Vec<_> = listing
        .matching
        .par_iter()
        .enumerate()
        .with_min_len(16)
        .map(|(index, (name, kind))| {
            let file = FileId(first + index as u32);
            let mut findings = Findings::new();
            let path = format!("{folder}/{name}");
            let stem = name.strip_suffix(".toml").unwrap_or(name).to_owned();
            let (text, declared) = match tree.read_text(&path, LARGEST_PROFILE, *kind) {
                Ok(text) => {
                    let declared = read_document::<T>(file, &text, &mut findings);
                    (text, declared)
                }
                Err(ReadError::Missing) => {
                    findings.push(leads_nowhere(file, &path));
                    (String::new(), None)
                }
                Err(error) => {
                    findings.push(unreadable(file, &path, &error));
                    (String::new(), None)
                }
            };
            if !ServiceName::is_valid(&stem) {
                findings.push(bad_file_name(file, &stem));
            }
            let declared = DeclaredFile {
                name: stem,
                file,
                declared,
            };
            let made = each(&declared, &mut findings);
            (path, text, declared.name, made, findings)
        })
        .collect();
    let mut out = Vec::with_capacity(read.len());
    for (path, text, name, made, found) in read {
        sources.add(path, text);
        findings.extend(found);
        out.push((name, made));
    }
    out
}

/// What stands beside matrix, topics and the folders of profiles and looks as if it were meant to be read: a TOML file,
/// or a folder that holds some.
pub fn strays(tree: &Tree, shared: &Shared, sources: &mut Sources, findings: &mut Findings) {
    let folder = &shared.folder;
    let Ok(listing) = tree.list(folder, ".toml") else {
        return;
    };
    let files = listing.matching.iter().map(|(name, _)| name);
    let files = files.filter(|name| !["matrix.toml", "topics.toml"].contains(&name.as_str()));
    let holds_profiles = |name: &&String| {
        let inner = tree.list(&format!("{folder}/{name}"), ".toml");
        !["services", "cases"].contains(&name.as_str()) && inner.is_ok_and(|inner| !inner.matching.is_empty())
    };
    let folders = listing.other.iter().filter(holds_profiles);
    for stray in files.chain(folders) {
        let file = sources.add(format!("{folder}/{stray}"), "");
        findings.push(stray_file(file, stray).help(format!(
            "services are read from {folder}/services, cases from {folder}/cases: move it there, or out of {folder}"
        )));
    }
}

fn stray_file(file: FileId, name: &str) -> Finding {
    let message = format!("`{}` is not read", shown(name));
    Finding::new(&pages::STRAY_FILE, Span::whole(file), message)
        .at_run_time("if it was meant as a profile, its service would look removed")
}

fn unreadable(file: FileId, path: &str, error: &ReadError) -> Finding {
    let finding = Finding::new(&pages::UNREADABLE, Span::whole(file), format!("{path} {error}"))
        .at_run_time("what it declares is unknown, so nothing is compiled");
    finding.help(match error {
        ReadError::Missing => "create it, or start from `lagproof init`".to_owned(),
        ReadError::WrongKind { found } => {
            format!("move the {found} away: what is wanted here is a {}", wanted_kind(found))
        }
        ReadError::TooLarge { limit } => {
            format!("files of this kind may have {} MiB: is it the right one?", limit >> 20)
        }
        ReadError::InvalidUtf8 { .. } => "save it as UTF-8".to_owned(),
        ReadError::Io(_) => "check the path and its permissions".to_owned(),
    })
}

fn wanted_kind(found: &str) -> &'static str {
    if found == "file" { "folder" } else { "text file" }
}

/// A file that is in its folder's list and is not there.
fn leads_nowhere(file: FileId, path: &str) -> Finding {
    let message = format!("{path} is a link to something that does not exist");
    Finding::new(&pages::UNREADABLE, Span::whole(file), message)
        .at_run_time("what it declares is unknown, so nothing is compiled")
        .help("mend the link, or remove it")
}

fn bad_file_name(file: FileId, stem: &str) -> Finding {
    let message = format!("`{}` can't be a service's name", shown(stem));
    Finding::new(&pages::BAD_NAME, Span::whole(file), message)
        .at_run_time("the name reaches SQL, shells and file systems on other machines")
        .help("rename the file: lower-case letters, digits, `.`, `_` and `-`, at most 100, such as my-service.toml")
}
