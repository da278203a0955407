//! A fix mends what it was offered for: applied to the bad example, that finding is gone.

use std::collections::BTreeMap;

use lagproof::diagnostic::Finding;
use lagproof::project::pages;
use lagproof::source::{Edit, FileId, apply_edits};

use super::support::TestProject;

/// Applies a finding's fix to the files of the project.
fn mend(project: &TestProject, finding: &Finding) {
    let sources = project.load().sources;
    let mut edits: BTreeMap<FileId, Vec<Edit>> = BTreeMap::new();
    for edit in finding.fix.iter().flat_map(|fix| &fix.edits) {
        edits.entry(edit.file()).or_default().push(edit.clone());
    }
    for (file, edits) in edits {
        let path = &sources.get(file).path;
        let mended = apply_edits(&project.read(path), &edits).expect("the fix can be applied");
        project.write(path, mended);
    }
}

#[test]
fn a_fix_mends_its_finding() {
    let mut left = Vec::new();
    let mut mended = 0;
    for page in pages() {
        let found = TestProject::of(page.bad).found(page.code.0);
        for finding in found.iter().filter(|finding| finding.fix.is_some()) {
            let project = TestProject::of(page.bad);
            mend(&project, finding);
            mended += 1;
            if project.found(page.code.0).len() >= found.len() {
                left.push(format!("{}: still there: {}", page.code, finding.message));
            }
        }
    }
    assert!(mended > 30, "only {mended} fixes were tried");
    assert!(left.is_empty(), "{}", left.join("\n"));
}
