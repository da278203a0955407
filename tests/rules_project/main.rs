//! Rules that need more than one service's settings: proofs, matrix, topics, groups, and what a project accepts.

#[path = "../support/cli.rs"]
mod cli;
#[path = "../support/mod.rs"]
mod support;

mod allows;
mod environments;
mod groups;
mod matrix;
mod printed;
mod proofs;
mod severities;
mod topics;

use lagproof::diagnostic::{Finding, Severity};
use support::TestProject;

/// The example project with snippets merged.
fn project(snippets: &[&str]) -> TestProject {
    let project = TestProject::new();
    for snippet in snippets {
        project.merge(snippet);
    }
    project
}

/// The codes that are found in the example project with snippets merged, sorted, each once.
fn codes(snippets: &[&str]) -> Vec<&'static str> {
    let mut codes: Vec<&str> = project(snippets)
        .findings()
        .iter()
        .map(|finding| finding.code.0)
        .collect();
    codes.sort_unstable();
    codes.dedup();
    codes
}

/// The one finding of a code.
fn only(project: &TestProject, code: &str) -> Finding {
    let mut found = project.found(code);
    assert_eq!(found.len(), 1, "{code}: {:#?}", project.findings());
    found.remove(0)
}

/// A finding's severity and message.
fn line(finding: &Finding) -> String {
    let severity = match finding.severity {
        Severity::Off => "off",
        Severity::Warning => "warning",
        Severity::Error => "error",
    };
    format!("{severity}: {}", finding.message)
}
