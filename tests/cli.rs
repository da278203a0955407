//! The command line as scripts and people meet it: exit statuses, messages, what is written.

#[path = "support/cli.rs"]
mod cli;
mod support;

use std::fs;
use std::process::Stdio;

use cli::{command, lagproof};
use support::{EXAMPLE, TestProject};

#[test]
fn init_makes_a_project_that_passes_and_touches_nothing_the_second_time() {
    let folder = tempfile::tempdir().unwrap();
    let ran = lagproof(folder.path(), &["init"]);
    assert_eq!(ran.status, Some(0), "{}", ran.err);
    insta::assert_snapshot!(ran.out, @r"
    Created lagproof.toml, profiles/matrix.toml, profiles/topics.toml, profiles/services/example.toml
    Added   `generated/** -text` to .gitattributes: seeds are hashed, git must not change their line ends
    Next:   lagproof check · lagproof compile
    ");
    assert_eq!(lagproof(folder.path(), &["check"]).status, Some(0));
    fs::write(folder.path().join("profiles/topics.toml"), "# mine\n").unwrap();
    let again = lagproof(folder.path(), &["init"]);
    assert_eq!(again.status, Some(2));
    assert!(again.err.contains("lagproof.toml is there already"), "{}", again.err);
    assert_eq!(
        fs::read_to_string(folder.path().join("profiles/topics.toml")).unwrap(),
        "# mine\n"
    );
    assert_eq!(
        fs::read_to_string(folder.path().join(".gitattributes"))
            .unwrap()
            .lines()
            .count(),
        1
    );
}

#[test]
fn init_leaves_what_stands_in_gitattributes_as_it_is() {
    let attributes = |before: &str| {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(".gitattributes");
        fs::write(&path, before).unwrap();
        let ran = lagproof(folder.path(), &["init"]);
        assert_eq!(ran.status, Some(0), "{}", ran.err);
        fs::read_to_string(path).unwrap()
    };
    let line = "generated/** -text\n";
    assert_eq!(attributes("*.png binary"), format!("*.png binary\n{line}"));
    assert_eq!(attributes("*.png binary\n"), format!("*.png binary\n{line}"));
    assert_eq!(attributes(line), line);
    assert_eq!(
        attributes("# generated/** -text\n"),
        format!("# generated/** -text\n{line}")
    );
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join(".gitattributes")).unwrap();
    let ran = lagproof(folder.path(), &["init"]);
    assert_eq!(ran.status, Some(0));
    assert!(
        ran.err.contains("note: .gitattributes can't be written") && !ran.out.contains("Added"),
        "{}{}",
        ran.out,
        ran.err
    );
}

#[test]
fn init_that_fails_leaves_nothing_in_the_way() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("profiles"), "a file").unwrap();
    let ran = lagproof(folder.path(), &["init"]);
    assert_eq!(ran.status, Some(2));
    assert!(ran.err.contains("can't be written"), "{}", ran.err);
    assert!(!folder.path().join("lagproof.toml").exists());
    fs::remove_file(folder.path().join("profiles")).unwrap();
    assert_eq!(lagproof(folder.path(), &["init"]).status, Some(0));
}

#[test]
fn statuses_tell_scripts_what_happened() {
    let project = TestProject::new();
    let status = |arguments: &[&str]| lagproof(project.root(), arguments).status;
    assert_eq!(status(&["check"]), Some(0));
    assert_eq!(status(&["check", "--deny"]), Some(0));
    assert_eq!(status(&["check", "nobody"]), Some(2));
    assert_eq!(status(&["check", "--format", "xml"]), Some(2));
    assert_eq!(status(&["no-such-verb"]), Some(2));
    assert_eq!(status(&["explain", "Z999"]), Some(2));
    assert_eq!(status(&["explain", "s103"]), Some(0));
    assert_eq!(status(&["explain", "unknown-key"]), Some(0));
    project.write("profiles/services/notes.txt", "");
    assert_eq!(status(&["check"]), Some(0), "a warning alone passes");
    assert_eq!(status(&["check", "--deny"]), Some(1), "and fails with --deny");
    project.merge("[consumer]\nsession_timeout = 60\n");
    assert_eq!(status(&["check"]), Some(1));
    assert_eq!(status(&["check", "--format", "json"]), Some(1));
}

#[test]
fn no_project_is_said_with_what_to_do() {
    let folder = tempfile::tempdir().unwrap();
    let ran = lagproof(folder.path(), &["check"]);
    assert_eq!(ran.status, Some(2));
    assert!(ran.err.contains("no lagproof.toml in"), "{}", ran.err);
    assert!(
        ran.err
            .contains("help: go to a project's folder, name it with --project, or start one with `lagproof init`")
    );
}

#[test]
fn a_project_is_found_from_below() {
    let project = TestProject::new();
    let ran = lagproof(&project.path("profiles/services"), &["check"]);
    assert_eq!(ran.status, Some(0), "{}", ran.err);
}

#[test]
fn there_is_no_colour_in_a_pipe_unless_asked_for() {
    let project = TestProject::new();
    project.merge("[consumer]\nsession_timeout = 60\n");
    let plain = command(project.root(), &["check"])
        .env_remove("NO_COLOR")
        .output()
        .unwrap();
    assert!(!plain.stdout.contains(&0x1b));
    let coloured = command(project.root(), &["check", "--color", "always"])
        .output()
        .unwrap();
    assert!(coloured.stdout.contains(&0x1b));
}

#[test]
fn a_reader_that_goes_away_is_no_error() {
    let project = TestProject::new();
    let mut child = command(project.root(), &["explain"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert_eq!(
        output.status.code(),
        Some(0),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
}

#[test]
fn output_that_does_not_arrive_is_an_error() {
    let project = TestProject::new();
    for arguments in [
        &["check", "--format", "sarif"][..],
        &["compile"],
        &["schema", "service"],
    ] {
        let full = fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
        let output = command(project.root(), arguments).stdout(full).output().unwrap();
        let err = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {err}");
        assert_eq!(err.matches("standard output can't be written").count(), 1, "{err}");
    }
}

#[test]
fn fix_mends_what_is_safe_and_keeps_the_rest() {
    let project = TestProject::new();
    project.merge("[consumer]\nsession_timeout = \"45s\"   # as always\n");
    let before = project.read(EXAMPLE);
    let ran = lagproof(project.root(), &["check", "--fix"]);
    assert_eq!(ran.status, Some(0), "{}{}", ran.out, ran.err);
    let after = project.read(EXAMPLE);
    for line in before.lines().filter(|line| !line.contains("session_timeout")) {
        assert!(after.contains(line), "{line} is gone:\n{after}");
    }
}

#[test]
fn secrets_are_blotted_out_of_every_format() {
    let project = TestProject::new();
    project.merge("[raw.librdkafka]\n\"sasl.password\" = \"correct-horse\"\n");
    for format in ["human", "json", "sarif", "github", "junit"] {
        let ran = lagproof(project.root(), &["check", "--format", format]);
        assert_eq!(ran.status, Some(1));
        assert!(
            !ran.out.contains("correct-horse") && !ran.err.contains("correct-horse"),
            "{format}: {}",
            ran.out
        );
    }
}

#[test]
fn every_verb_has_help_with_an_example() {
    let folder = tempfile::tempdir().unwrap();
    let help = lagproof(folder.path(), &["--help"]).out;
    let verbs = help
        .lines()
        .skip_while(|line| *line != "Commands:")
        .skip(1)
        .take_while(|line| !line.is_empty());
    let verbs: Vec<&str> = verbs.filter_map(|line| line.split_whitespace().next()).collect();
    assert!(verbs.len() >= 6, "{help}");
    for verb in verbs {
        let ran = lagproof(folder.path(), &[verb, "--help"]);
        assert_eq!(ran.status, Some(0));
        assert!(ran.out.contains("Example"), "{verb} has no example:\n{}", ran.out);
    }
}

#[test]
fn completions_and_manual_pages_are_written() {
    let folder = tempfile::tempdir().unwrap();
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let ran = lagproof(folder.path(), &["completions", shell]);
        assert!(ran.status == Some(0) && ran.out.contains("lagproof"), "{shell}");
        assert!(
            ran.out.contains("sarif") || shell == "elvish" || shell == "powershell",
            "{shell}"
        );
    }
    assert!(lagproof(folder.path(), &["man"]).out.contains(".TH lagproof 1"));
    assert_eq!(lagproof(folder.path(), &["man", "--into", "."]).status, Some(0));
    assert!(folder.path().join("lagproof-check.1").exists());
}

#[test]
fn a_clock_that_is_none_is_refused_before_anything_is_written() {
    let folder = tempfile::tempdir().unwrap();
    assert_eq!(lagproof(folder.path(), &["init"]).status, Some(0));
    for clock in ["yesterday", "", "1767225600.5"] {
        let ran = command(folder.path(), &["compile"])
            .env("SOURCE_DATE_EPOCH", clock)
            .output()
            .unwrap();
        let err = String::from_utf8(ran.stderr).unwrap();
        assert_eq!(ran.status.code(), Some(2), "{err}");
        assert!(
            err.contains(&format!(
                "SOURCE_DATE_EPOCH is `{clock}`, which is no number of seconds"
            )),
            "{err}"
        );
        assert!(!folder.path().join("generated").exists());
    }
}
