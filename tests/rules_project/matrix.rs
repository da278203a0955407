//! Profiles against the matrix.

use std::path::Path;

use jiff::civil::date;
use lagproof::diagnostic::Safety;
use lagproof::project::{Project, fix_all};
use lagproof::source::apply_edits;

use crate::support::EXAMPLE;
use crate::{codes, line, only, project};

const WRITER: &str = "type = \"writer\"\n[targets]\nlag = 100000\n";

fn records(records: u32) -> String {
    format!("[consumer]\nmax_poll_records = {records}\n")
}

fn deviation(setting: &str) -> String {
    format!("[[deviation]]\nsetting = \"{setting}\"\nreason = \"the web service takes at most 7 at once\"\n")
}

#[test]
fn a_range_admits_its_ends() {
    for inside in [501, 999, 1000] {
        assert_eq!(codes(&[WRITER, &records(inside)]), [""; 0], "{inside}");
    }
    for outside in [499, 1001] {
        let project = project(&[WRITER, &records(outside)]);
        let finding = only(&project, "M103");
        assert_eq!(
            line(&finding),
            "error: max_poll_records leaves what the matrix says for writer"
        );
        assert_eq!(finding.labels[0].text, "writer says 500 to 1000");
        assert_eq!(
            codes(&[WRITER, &records(outside), &deviation("max_poll_records")]),
            [""; 0]
        );
    }
}

#[test]
fn a_deviation_must_deviate() {
    let why = |project: &crate::support::TestProject| only(project, "M104").primary.text;
    assert_eq!(
        why(&project(&[&deviation("max_poll_records")])),
        "the profile does not set it"
    );
    assert_eq!(
        why(&project(&[WRITER, &records(700), &deviation("max_poll_records")])),
        "its value is what the matrix says"
    );
    let free = "[consumer]\nfetch_max = \"16MiB\"\n";
    assert_eq!(
        why(&project(&[free, &deviation("fetch_max")])),
        "worker says nothing of it, so any value is free"
    );
}

#[test]
fn the_suggested_fix_leaves_the_reason_to_a_person() {
    let project = project(&[&records(7)]);
    let fix = only(&project, "M103").fix.unwrap();
    assert_eq!(fix.safety, Safety::Suggested);
    let mended = apply_edits(&project.read(EXAMPLE), &fix.edits).unwrap();
    project.write(EXAMPLE, mended);
    only(&project, "M106");
    assert_eq!(project.findings().len(), 1);
}

#[test]
fn an_unused_deviation_can_be_taken_out_whole() {
    let project = project(&[&deviation("max_poll_records")]);
    let fix = only(&project, "M104").fix.unwrap();
    let mended = apply_edits(&project.read(EXAMPLE), &fix.edits).unwrap();
    project.write(EXAMPLE, &mended);
    assert!(project.findings().is_empty(), "{:#?}\n{mended}", project.findings());
    assert!(
        !mended.contains("deviation") && !mended.contains("web service"),
        "{mended}"
    );
}

#[test]
fn an_unused_allow_can_be_taken_out_whole() {
    let project = project(&[
        "[[allow]]\ncode = \"G101\"\nreason = \"two wait to take over\"\n",
        &records(7),
        &deviation("max_poll_records"),
    ]);
    let fix = only(&project, "A104").fix.unwrap();
    let mended = apply_edits(&project.read(EXAMPLE), &fix.edits).unwrap();
    project.write(EXAMPLE, &mended);
    assert!(project.findings().is_empty(), "{:#?}\n{mended}", project.findings());
}

#[test]
fn a_repeated_value_is_removed_by_fix() {
    let project = project(&["[consumer]\nsession_timeout = \"45s\"\nfetch_max = \"16MiB\"\n"]);
    only(&project, "M107");
    let loaded = project.load();
    let (fixed, lines) = fix_all(project.root(), loaded, &date(2026, 1, 1)).unwrap();
    assert_eq!(lines, ["profiles/services/example.toml: remove session_timeout (M107)"]);
    assert!(fixed.findings.is_empty());
    assert!(project.read(EXAMPLE).contains("fetch_max = \"16MiB\""));
    assert!(!project.read(EXAMPLE).contains("session_timeout"));
}

#[test]
fn a_repeated_default_of_the_project_is_found_as_well() {
    let defaults = "# file: profiles/matrix.toml\n[defaults]\nfetch_max = \"16MiB\"\n";
    assert_eq!(codes(&[defaults, "[consumer]\nfetch_max = \"16MiB\"\n"]), ["M107"]);
    assert_eq!(codes(&[defaults, "[consumer]\nfetch_max = \"8MiB\"\n"]), [""; 0]);
}

#[test]
fn two_deviations_of_one_setting_are_one_too_many() {
    let project = project(&[
        &records(7),
        &deviation("max_poll_records"),
        &deviation("max_poll_records"),
    ]);
    assert_eq!(
        line(&only(&project, "M105")),
        "warning: max_poll_records has two deviations"
    );
}

#[test]
fn the_reference_project_is_clean() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let project = Project::load(root, &date(2026, 11, 24)).unwrap();
    let found: Vec<String> = project
        .findings
        .iter()
        .map(|finding| format!("{}: {}", finding.code, finding.message))
        .collect();
    assert_eq!(found, [""; 0]);
}
