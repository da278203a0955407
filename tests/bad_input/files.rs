//! Files that are missing, empty, binary, huge, nested, cut short, no UTF-8, or no files at all.

use std::fs;
use std::os::unix::fs::symlink;
use std::process::Command;

use super::support::{EXAMPLE, TestProject};
use super::{check, fails};

const MATRIX: &str = "profiles/matrix.toml";
const TOPICS: &str = "profiles/topics.toml";
const CONFIG: &str = "lagproof.toml";

fn without(path: &str) -> TestProject {
    let project = TestProject::new();
    fs::remove_file(project.path(path)).expect("a file");
    project
}

#[test]
fn missing() {
    for path in [MATRIX, TOPICS] {
        let out = fails(&without(path), &["S101"]);
        assert!(out.contains(&format!("{path} does not exist")), "{out}");
    }
    let project = without(EXAMPLE);
    fs::remove_dir(project.path("profiles/services")).expect("a folder");
    assert!(fails(&project, &["S101"]).contains("profiles/services does not exist"));
    assert_eq!(check(&without(CONFIG)).status, Some(2));
}

#[test]
fn empty() {
    let project = TestProject::new();
    project.write(EXAMPLE, "");
    let out = fails(&project, &["S105"; 5]);
    insta::assert_snapshot!(out.split("\n\n").next().unwrap_or(""), @r#"
    error[S105]: `client` is missing
     --> profiles/services/example.toml
      |
      = at run time: lagproof guesses nothing that a running consumer depends on
      = help: add a line such as `client = "librdkafka"`: the Kafka client that it is built on
      = explain: lagproof explain S105
    "#);
    for (path, missing) in [(MATRIX, "`edition`"), (CONFIG, "`name`")] {
        let project = TestProject::new();
        project.write(path, "");
        assert!(fails(&project, &["S105"]).contains(&format!("{missing} is missing")));
    }
    let project = TestProject::new();
    project.write(TOPICS, "");
    fails(&project, &["T101"]);
}

#[test]
fn binary() {
    // Every byte there is, and nothing but zeros.
    let all: Vec<u8> = (0..=255).cycle().take(4_096).collect();
    for path in [EXAMPLE, MATRIX, TOPICS] {
        let project = TestProject::new();
        project.write(path, &all);
        let out = fails(&project, &["S101"]);
        assert!(out.contains("is not UTF-8: byte 0x80 at line 2, column 118"), "{out}");
        project.write(path, vec![0; 4_096]);
        let out = check(&project).out;
        assert!(out.contains("error[S102]") && !out.contains('\0'), "{out}");
    }
}

#[test]
fn a_hundred_megabytes() {
    for (path, limit) in [(EXAMPLE, 1), (MATRIX, 8), (TOPICS, 8)] {
        let project = TestProject::new();
        fs::File::create(project.path(path))
            .and_then(|file| file.set_len(100 << 20))
            .expect("a file");
        let out = fails(&project, &["S101"]);
        assert!(out.contains(&format!("{path} is larger than {limit} MiB")), "{out}");
    }
    let project = TestProject::new();
    fs::File::create(project.path(CONFIG))
        .and_then(|file| file.set_len(100 << 20))
        .expect("a file");
    let ran = check(&project);
    assert_eq!(ran.status, Some(2));
    assert!(ran.err.contains("lagproof.toml is larger than 8 MiB"), "{}", ran.err);
}

#[test]
fn as_large_as_may_be_and_all_of_it_wrong() {
    for garbage in ["= =\n", "a = [\n"] {
        let project = TestProject::new();
        project.write(TOPICS, garbage.repeat((8 << 20) / garbage.len()));
        let out = check(&project).out;
        assert!(out.contains("error[S102]"), "{garbage}: {out}");
        project
            .write(TOPICS, "")
            .write(EXAMPLE, garbage.repeat((1 << 20) / garbage.len()));
        let out = check(&project).out;
        assert!(out.contains("error[S102]"), "{garbage}: {out}");
    }
}

#[test]
fn deeply_nested() {
    let depth = 100_000;
    for text in [
        format!("x = {}", "[".repeat(depth)),
        format!("x = {}{}", "[".repeat(depth), "]".repeat(depth)),
        format!("x = {}1{}", "{a=".repeat(depth), "}".repeat(depth)),
        format!("{}a = 1", "a.".repeat(depth)),
        format!("[{}a]", "a.".repeat(depth)),
        format!("[[{}a]]", "a.".repeat(depth)),
    ] {
        let project = TestProject::new();
        project.write(EXAMPLE, &text);
        let out = check(&project).out;
        assert!(out.contains("error[S102]"), "{}: {out}", &text[..20]);
    }
}

#[test]
fn half_written_at_any_place() {
    let project = TestProject::new();
    let whole = project.read(EXAMPLE);
    for cut in (0..whole.len()).step_by(61).filter(|cut| whole.is_char_boundary(*cut)) {
        project.write(EXAMPLE, &whole[..cut]);
        let ran = check(&project);
        assert!(
            matches!(ran.status, Some(0 | 1)),
            "cut at {cut}: {}{}",
            ran.out,
            ran.err
        );
        if ran.status == Some(1) {
            assert!(
                ran.out.contains("profiles/services/example.toml"),
                "cut at {cut}: {}",
                ran.out
            );
        }
    }
}

#[test]
fn no_utf8_and_where() {
    let project = TestProject::new();
    project.write(EXAMPLE, b"version = 1\nsummary = \"caf\xe9\"\n");
    let out = fails(&project, &["S101"]);
    assert!(out.contains("is not UTF-8: byte 0xe9 at line 2, column 15"), "{out}");
}

#[test]
fn a_directory_where_a_file_should_be_and_the_other_way_round() {
    for path in [EXAMPLE, MATRIX, TOPICS] {
        let project = without(path);
        fs::create_dir(project.path(path)).expect("a folder");
        let out = fails(&project, &["S101"]);
        assert!(out.contains(&format!("{path} is a directory")), "{out}");
    }
    let project = without(CONFIG);
    fs::create_dir(project.path(CONFIG)).expect("a folder");
    let ran = check(&project);
    assert_eq!(ran.status, Some(2));
    assert!(ran.err.contains("lagproof.toml is a directory"), "{}", ran.err);
    let project = without(EXAMPLE);
    fs::remove_dir(project.path("profiles/services")).expect("a folder");
    project.write("profiles/services", "");
    let out = fails(&project, &["S101"]);
    assert!(
        out.contains("profiles/services is a file") && out.contains("wanted here is a folder"),
        "{out}"
    );
}

#[test]
fn links_in_a_loop_and_into_nothing() {
    let project = without(EXAMPLE);
    symlink("example.toml", project.path(EXAMPLE)).expect("a link");
    assert!(fails(&project, &["S101"]).contains("Too many levels of symbolic links"));
    let project = TestProject::new();
    symlink("..", project.path("profiles/services/up.toml")).expect("a link");
    assert!(fails(&project, &["S101"]).contains("up.toml is a directory"));
    let project = TestProject::new();
    symlink("nowhere", project.path("profiles/services/gone.toml")).expect("a link");
    assert!(fails(&project, &["S101"]).contains("gone.toml is a link to something that does not exist"));
    let project = without(EXAMPLE);
    fs::remove_dir(project.path("profiles/services")).expect("a folder");
    symlink("services", project.path("profiles/services")).expect("a link");
    assert!(fails(&project, &["S101"]).contains("profiles/services can't be read"));
}

#[test]
fn pipes_and_devices_are_never_opened() {
    let project = TestProject::new();
    let made = Command::new("mkfifo")
        .arg(project.path("profiles/services/pipe.toml"))
        .status();
    assert!(made.expect("mkfifo").success());
    symlink("/dev/zero", project.path("profiles/services/zero.toml")).expect("a link");
    let out = fails(&project, &["S101", "S101"]);
    assert!(
        out.contains("pipe.toml is a special file") && out.contains("zero.toml is a special file"),
        "{out}"
    );
}

#[test]
fn what_looks_as_if_it_were_meant_to_be_read() {
    for path in [
        "profiles/other.toml",
        "profiles/sevices/billing.toml",
        "profiles/services/billing.tml",
    ] {
        let project = TestProject::new();
        project.write(path, project.read(EXAMPLE));
        let ran = check(&project);
        assert_eq!(ran.status, Some(0), "{}{}", ran.out, ran.err);
        assert!(ran.out.contains("warning[S111]"), "{path}: {}", ran.out);
    }
    // Notes, and folders of other things, are nobody's mistake.
    let project = TestProject::new();
    project
        .write("profiles/README.md", "")
        .write("profiles/charts/lag.svg", "")
        .write("profiles/.old/billing.toml", "");
    assert!(!check(&project).out.contains("S111"));
}

#[test]
fn an_ending_is_taken_off_a_name_once() {
    let project = TestProject::new();
    project.write("profiles/services/example.toml.toml", project.read(EXAMPLE));
    assert_eq!(project.load().services, ["example", "example.toml"]);
}

#[test]
fn a_merge_that_was_not_settled() {
    let project = TestProject::new();
    let sides = "<<<<<<< HEAD\nreplicas = 2\n=======\nreplicas = 3\n>>>>>>> other";
    project.write(EXAMPLE, project.read(EXAMPLE).replace("replicas = 2", sides));
    let out = fails(&project, &["S102"]);
    assert!(
        out.contains("example.toml:8:1") && out.contains("a merge conflict stands here"),
        "{out}"
    );
}
