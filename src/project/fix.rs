//! `check --fix`: safe fixes, applied until none is left.

use std::collections::BTreeMap;
use std::path::Path;

use jiff::civil::Date;
use tempfile::NamedTempFile;

use crate::diagnostic::Safety;
use crate::source::{Edit, FileId, apply_edits, read_text};

use super::Project;

/// Fixes can make room for others (a bump after a removed line), but not for ever.
const MOST_ROUNDS: usize = 8;

/// Why a file could not be mended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FixError {
    /// The file.
    pub path: String,
    /// What went wrong.
    pub message: String,
}

/// Applies every safe fix and loads the project again, until none is left. Gives the project as it then stands, and a
/// line for each fix.
///
/// # Errors
/// [`FixError`] where a file can't be read, edited or written; that file is as it was.
pub fn fix_all(root: &Path, project: Project, today: &Date) -> Result<(Project, Vec<String>), FixError> {
    let mut project = project;
    let mut lines = Vec::new();
    for _ in 0..MOST_ROUNDS {
        let mut edits: BTreeMap<FileId, Vec<Edit>> = BTreeMap::new();
        for finding in project.findings.iter() {
            let Some(fix) = finding.fix.as_ref().filter(|fix| fix.safety == Safety::Safe) else {
                continue;
            };
            for edit in &fix.edits {
                edits.entry(edit.file()).or_default().push(edit.clone());
            }
            let path = &project.sources.get(finding.primary.span.file).path;
            lines.push(format!("{path}: {} ({})", fix.description, finding.code));
        }
        if edits.is_empty() {
            break;
        }
        for (file, edits) in edits {
            let path = &project.sources.get(file).path;
            mend(root, path, &edits).map_err(|message| FixError {
                path: path.clone(),
                message,
            })?;
        }
        project = Project::load(root, today).map_err(|error| FixError {
            path: "lagproof.toml".to_owned(),
            message: error.to_string(),
        })?;
    }
    Ok((project, lines))
}

/// Edits one file and puts it in place whole. The text is read again: what is kept for printing may be blotted out.
fn mend(root: &Path, path: &str, edits: &[Edit]) -> Result<(), String> {
    let text = read_text(&root.join(path), u64::MAX >> 1).map_err(|error| error.to_string())?;
    let mended = apply_edits(&text, edits).map_err(|error| error.to_string())?;
    put(root, path, &mended)
}

/// Puts a file in place whole, with the permissions that it has; a link stays one.
pub(super) fn put(root: &Path, path: &str, text: &str) -> Result<(), String> {
    let target = root.join(path).canonicalize().map_err(|error| error.to_string())?;
    let folder = target.parent().ok_or("it has no folder")?;
    let permissions = std::fs::metadata(&target)
        .map_err(|error| error.to_string())?
        .permissions();
    let mut file = NamedTempFile::new_in(folder).map_err(|error| error.to_string())?;
    std::io::Write::write_all(&mut file, text.as_bytes()).map_err(|error| error.to_string())?;
    file.as_file()
        .set_permissions(permissions)
        .map_err(|error| error.to_string())?;
    file.persist(&target).map_err(|error| error.to_string())?;
    Ok(())
}
