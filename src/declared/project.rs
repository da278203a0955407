//! All files of a project, read.

use std::path::Path;

use rayon::prelude::*;

use crate::diagnostic::{Finding, Findings};
use crate::source::{FileId, ReadError, Sources, Span, list_files, read_text};

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
/// The largest of the files that all services share: 16 MiB.
pub const LARGEST_SHARED: u64 = 16 << 20;
/// The project's own file.
pub const CONFIG_FILE: &str = "lagproof.toml";

/// One file of a folder, and what it declares; nothing where it could not be read.
#[derive(Debug, Clone, PartialEq)]
pub struct DeclaredFile<T> {
    /// The file's name without its ending.
    pub name: String,
    /// The file.
    pub file: FileId,
    /// What it declares.
    pub declared: Option<T>,
}

/// Everything that a person wrote.
#[derive(Debug, Clone, PartialEq)]
pub struct Declared {
    /// lagproof.toml.
    pub config: DeclaredFile<ConfigFile>,
    /// matrix.toml.
    pub matrix: DeclaredFile<MatrixFile>,
    /// topics.toml.
    pub topics: DeclaredFile<TopicsFile>,
    /// Profiles, sorted by name.
    pub services: Vec<DeclaredFile<ServiceFile>>,
    /// Cases, sorted by name.
    pub cases: Vec<DeclaredFile<CaseFile>>,
}

/// Reads every file of the project below `root`; every problem in every file is a finding.
///
/// # Errors
/// [`ReadError`] only where there is no readable `lagproof.toml` at `root`.
pub fn read_project(root: &Path) -> Result<(Sources, Declared, Findings), ReadError> {
    let mut sources = Sources::new(root.to_owned());
    let mut findings = Findings::new();
    let text = read_text(&root.join(CONFIG_FILE), LARGEST_SHARED)?;
    let config = shared(&mut sources, CONFIG_FILE, Ok(text), &mut findings);
    let config: DeclaredFile<ConfigFile> = config;
    let folder = config
        .declared
        .as_ref()
        .and_then(|config| config.profiles.as_ref())
        .map_or("profiles", |profiles| profiles.value.0.trim_end_matches('/'))
        .to_owned();
    let read = |name: &str| read_text(&root.join(&folder).join(name), LARGEST_SHARED);
    let matrix = shared(
        &mut sources,
        &format!("{folder}/matrix.toml"),
        read("matrix.toml"),
        &mut findings,
    );
    let topics = shared(
        &mut sources,
        &format!("{folder}/topics.toml"),
        read("topics.toml"),
        &mut findings,
    );
    let services = read_folder(
        &mut sources,
        &format!("{folder}/services"),
        Presence::Required,
        &mut findings,
    );
    let cases = read_folder(
        &mut sources,
        &format!("{folder}/cases"),
        Presence::Optional,
        &mut findings,
    );
    Ok((
        sources,
        Declared {
            config,
            matrix,
            topics,
            services,
            cases,
        },
        findings,
    ))
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
    match text {
        Ok(text) => {
            let file = sources.add(path, "");
            let declared = read_document(file, &text, findings);
            sources.set_text(file, text);
            DeclaredFile { name, file, declared }
        }
        Err(error) => {
            let file = sources.add(path, "");
            findings.push(unreadable(file, path, &error));
            DeclaredFile {
                name,
                file,
                declared: None,
            }
        }
    }
}

fn unreadable(file: FileId, path: &str, error: &ReadError) -> Finding {
    let finding = Finding::new(&pages::UNREADABLE, Span::whole(file), format!("{path} {error}"))
        .at_run_time("what it declares is unknown, so nothing is compiled");
    finding.help(match error {
        ReadError::Missing => "create it, or start from `lagproof init`".to_owned(),
        ReadError::WrongKind { found } => {
            format!("move the {found} away, or point `profiles` in lagproof.toml elsewhere")
        }
        ReadError::TooLarge { limit } => {
            format!("files of this kind may have {} MiB: is it the right one?", limit >> 20)
        }
        ReadError::InvalidUtf8 { .. } => "save it as UTF-8".to_owned(),
        ReadError::Io(_) => "check the path and its permissions".to_owned(),
    })
}

enum Presence {
    Required,
    Optional,
}

/// Reads and parses every `.toml` file of a folder, on all cores; ids and findings are in the order of names.
fn read_folder<T: Section + Send>(
    sources: &mut Sources,
    folder: &str,
    presence: Presence,
    findings: &mut Findings,
) -> Vec<DeclaredFile<T>> {
    let path = sources.root.join(folder);
    let listing = match (list_files(&path, ".toml"), presence) {
        (Ok(listing), _) => listing,
        (Err(ReadError::Missing), Presence::Optional) => return Vec::new(),
        (Err(error), _) => {
            let file = sources.add(folder, "");
            findings.push(unreadable(file, folder, &error));
            return Vec::new();
        }
    };
    for stray in &listing.other {
        let file = sources.add(format!("{folder}/{stray}"), "");
        findings.push(
            Finding::new(
                &pages::STRAY_FILE,
                Span::whole(file),
                format!("`{}` is not read", stray.escape_debug()),
            )
            .at_run_time("if it was meant as a profile, its service would look removed")
            .help("rename it to end in .toml, or move it away"),
        );
    }
    let first = sources.next_id().0;
    let read: Vec<_> = listing
        .matching
        .par_iter()
        .enumerate()
        .map(|(index, name)| {
            let file = FileId(first + index as u32);
            let mut findings = Findings::new();
            let shown = format!("{folder}/{name}");
            let stem = name.trim_end_matches(".toml").to_owned();
            let (text, declared) = match read_text(&path.join(name), LARGEST_PROFILE) {
                Ok(text) => {
                    let declared = read_document::<T>(file, &text, &mut findings);
                    (text, declared)
                }
                Err(error) => {
                    findings.push(unreadable(file, &shown, &error));
                    (String::new(), None)
                }
            };
            if !ServiceName::is_valid(&stem) {
                findings.push(bad_file_name(file, &stem));
            }
            (
                shown,
                text,
                DeclaredFile {
                    name: stem,
                    file,
                    declared,
                },
                findings,
            )
        })
        .collect();
    let mut out = Vec::with_capacity(read.len());
    for (shown, text, file, found) in read {
        sources.add(shown, text);
        findings.extend(found);
        out.push(file);
    }
    out
}

fn bad_file_name(file: FileId, stem: &str) -> Finding {
    let message = format!("`{}` can't be a service's name", stem.escape_debug());
    Finding::new(&pages::BAD_NAME, Span::whole(file), message)
        .at_run_time("the name reaches SQL, shells and file systems on other machines")
        .help("rename the file: lower-case letters, digits, `.`, `_` and `-`, at most 100, such as my-service.toml")
}
