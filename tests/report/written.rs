//! The report's folder: whole or not there.

use std::fs;

use lagproof::harness::report::files::{contents, name_of, write};

use super::build::outcome;
use super::cases;
use super::outcomes;

#[test]
fn a_report_is_written_whole_beside_others() {
    let place = tempfile::tempdir().expect("a folder");
    let reports = place.path().join("reports");
    let one = outcome(vec![cases::motion()]);
    let first = write(&reports, &one).expect("written");
    assert_eq!(first.folder, reports.join("20261123-143512"));
    assert_eq!(name_of(&one), "20261123-143512");
    for (path, text) in contents(&one) {
        assert_eq!(
            fs::read_to_string(first.folder.join(&path)).expect("a file"),
            text,
            "{path}"
        );
    }
    for path in [
        "index.html",
        "report.json",
        "junit.xml",
        "summary.txt",
        "samples/cases/motion-before-batching-after-2.json",
    ] {
        assert!(first.folder.join(path).is_file(), "{path}");
    }
    assert_eq!(fs::read_to_string(reports.join(".gitignore")).expect("a file"), "*\n");
    let second = write(&reports, &one).expect("written");
    assert_eq!(second.folder, reports.join("20261123-143512-2"));
    assert_eq!(second.page, second.folder.join("index.html"));
    let names = fs::read_dir(&reports).expect("a folder").count();
    assert_eq!(names, 3, "nothing else is left");
}

#[test]
fn every_name_of_samples_in_the_report_is_a_file() {
    let one = outcome(vec![
        cases::motion(),
        cases::vision(),
        cases::service("motion-before-batching", "java"),
    ]);
    let paths: Vec<String> = contents(&one).into_iter().map(|(path, _)| path).collect();
    let unique: std::collections::BTreeSet<&String> = paths.iter().collect();
    assert_eq!(unique.len(), paths.len(), "a case may be called as a service is");
    let report = lagproof::harness::report::json::report(&one);
    let runs = report
        .trials
        .iter()
        .flat_map(|trial| &trial.sides)
        .flat_map(|side| &side.runs);
    for run in runs {
        assert!(paths.contains(&run.samples), "{}", run.samples);
    }
}

#[test]
fn where_nothing_can_be_written_it_is_said_and_nothing_is_left() {
    let place = tempfile::tempdir().expect("a folder");
    let reports = place.path().join("reports");
    fs::write(&reports, "not a folder").expect("a file");
    let error = write(&reports, &outcomes::nothing()).expect_err("it can't");
    assert!(error.to_string().contains("reports"), "{error}");
    assert!(error.help().contains("written to"));
    assert_eq!(fs::read_to_string(&reports).expect("the file"), "not a folder");
}

#[cfg(unix)]
#[test]
fn a_report_is_as_open_as_its_folder_and_ours_to_change() {
    use std::os::unix::fs::PermissionsExt;
    let place = tempfile::tempdir().expect("a folder");
    let reports = place.path().join("reports");
    fs::create_dir(&reports).expect("a folder");
    fs::set_permissions(&reports, fs::Permissions::from_mode(0o755)).expect("rights");
    let written = write(&reports, &outcomes::nothing()).expect("written");
    let mode = fs::metadata(&written.folder).expect("a folder").permissions().mode();
    assert_eq!(mode & 0o777, 0o755);
    assert!(
        !reports.join(".gitignore").exists(),
        "a folder that was there is somebody's own"
    );
}
