//! What must hold of every project, however broken.

use std::collections::BTreeMap;
use std::ops::Range;

use jiff::civil::date;
use lagproof::diagnostic::{Finding, Format, ReportContext, Safety, render};
use lagproof::project::{Project, pages, tally};
use lagproof::source::{Edit, FileId, Tree, apply_edits};

/// A project's files by path.
pub type Files = BTreeMap<String, Vec<u8>>;

/// A file that is not TOML: no fix of it has to work.
const NOT_TOML: &str = "S101";

/// Reads, judges and prints a project.
///
/// # Panics
/// Where a place lies outside its file, a finding has no page, or a fix can't be applied or breaks its file.
pub fn must_hold(files: &Files) {
    let Some(project) = read(files) else { return };
    let pages = pages();
    for finding in project.findings.iter() {
        let known = pages.iter().any(|page| page.code == finding.code);
        assert!(known, "{} has no page", finding.code);
        places_are_inside(&project, finding);
    }
    let scope = tally(&project);
    for format in Format::ALL {
        let context = ReportContext::new(&pages, &project.services, &scope);
        let report = render(&project.findings, &project.sources, &context, format);
        if matches!(format, Format::Json | Format::Sarif) {
            let read: Result<serde_json::Value, _> = serde_json::from_str(&report);
            assert!(read.is_ok(), "{format} can't be read back: {report}");
        }
    }
    fixes_work(files, &project);
}

fn read(files: &Files) -> Option<Project> {
    Project::read(&Tree::Memory(files.clone()), &date(2026, 1, 1)).ok()
}

fn places_are_inside(project: &Project, finding: &Finding) {
    let places = finding.labels.iter().chain([&finding.primary]).map(|label| label.span);
    let edited = finding
        .fix
        .iter()
        .flat_map(|fix| &fix.edits)
        .filter_map(|edit| match edit {
            Edit::Replace { span, .. } => Some(*span),
            _ => None,
        });
    for span in places.chain(edited) {
        let file = project.sources.get(span.file);
        let Range { start, end } = span.range();
        assert!(
            start <= end && file.text.get(start..end).is_some(),
            "{}: bytes {start} to {end} of {}, which has {}",
            finding.message,
            file.path,
            file.text.len()
        );
    }
}

/// Each fix alone, and the safe ones together as `check --fix` applies them, leave a file that is TOML if it was.
fn fixes_work(files: &Files, project: &Project) {
    let mut safe: BTreeMap<FileId, Vec<Edit>> = BTreeMap::new();
    for finding in project.findings.iter() {
        let Some(fix) = &finding.fix else { continue };
        let mut by_file: BTreeMap<FileId, Vec<Edit>> = BTreeMap::new();
        for edit in &fix.edits {
            by_file.entry(edit.file()).or_default().push(edit.clone());
        }
        for (file, edits) in by_file {
            fix_works(files, project, file, &edits);
            if fix.safety == Safety::Safe {
                safe.entry(file).or_default().extend(edits);
            }
        }
    }
    for (file, edits) in safe {
        fix_works(files, project, file, &edits);
    }
}

fn fix_works(files: &Files, project: &Project, file: FileId, edits: &[Edit]) {
    if is_broken(project, &project.sources.get(file).path) {
        return;
    }
    let path = &project.sources.get(file).path;
    let text = String::from_utf8(files[path].clone()).expect("a file that can't be read has no fix");
    let text = text.strip_prefix('\u{feff}').unwrap_or(&text);
    let mended = apply_edits(text, edits).unwrap_or_else(|error| panic!("{path}: {error}: {edits:?}"));
    let mut after = files.clone();
    after.insert(path.clone(), mended.clone().into_bytes());
    let broken = read(&after).is_none_or(|project| is_broken(&project, path));
    assert!(!broken, "{path} is no longer TOML after {edits:?}:\n{mended}");
}

fn is_broken(project: &Project, path: &str) -> bool {
    let is_about = |finding: &Finding| project.sources.get(finding.primary.span.file).path == path;
    let not_toml = |finding: &Finding| finding.code.0 == NOT_TOML && is_about(finding);
    project.findings.iter().any(not_toml)
}
