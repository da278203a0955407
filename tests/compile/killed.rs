//! Killed at any moment, and two at once: what is in `generated/` is whole.

use std::process::Stdio;
use std::time::{Duration, Instant};

use crate::cli::lagproof;
use crate::repository::{compile_command, files, seeds};
use crate::support::{EXAMPLE, TestProject};

/// Enough that putting their files in place takes longer than a kill.
const SERVICES: usize = 100;
/// Among the first of the files that are put in place.
const FIRST: &str = "generated/properties/example.java.properties";

fn large_project() -> TestProject {
    let project = TestProject::new();
    let example = project.read(EXAMPLE);
    for number in 0..SERVICES {
        let text = example.replace("group    = \"example\"", &format!("group    = \"service-{number}\""));
        project.write(&format!("profiles/services/service-{number:03}.toml"), text);
    }
    project
}

/// A whole seed carries its hash, and every other file ends as it should.
fn assert_whole(project: &TestProject) {
    for (path, bytes) in files(&project.path("generated")) {
        let text = String::from_utf8(bytes).unwrap();
        let name = path.rsplit('/').next().unwrap();
        if name.starts_with(".lagproof") {
            continue;
        }
        assert!(text.ends_with('\n'), "{path} is half-written");
        if path.starts_with("migrations/") {
            lagproof::history::read_seed(&text).unwrap_or_else(|problem| panic!("{path}: {problem:?}"));
        }
    }
}

/// Starts a compilation and kills it `after` the moment at which `from` is there, or after its start.
fn kill(project: &TestProject, from: Option<&str>, after: Duration) {
    let mut child = compile_command(project.root())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    while from.is_some_and(|path| !project.path(path).exists()) && child.try_wait().unwrap().is_none() {
        std::thread::sleep(Duration::from_micros(200));
    }
    std::thread::sleep(after);
    let _ = child.kill();
    child.wait().unwrap();
}

#[test]
fn killed_at_any_moment_it_is_untouched_or_complete_or_is_completed() {
    let project = large_project();
    let started = Instant::now();
    assert_eq!(lagproof(project.root(), &["compile"]).status, Some(0));
    let whole_run = started.elapsed();
    let complete = files(&project.path("generated"));
    // A few anywhere, some while files are written beside their places, and most while they are put in place.
    let anywhere = (0..4).map(|round| (None, whole_run.mul_f64(f64::from(round) / 4.0)));
    let writing = (0..6).map(|round| (Some("generated/properties"), Duration::from_micros(64 << (2 * round))));
    let placing = (0..10).map(|round| (Some(FIRST), Duration::from_micros((1 << round) - 1)));
    for (from, after) in anywhere.chain(writing).chain(placing) {
        std::fs::remove_dir_all(project.path("generated")).unwrap();
        kill(&project, from, after);
        if project.path("generated").exists() {
            assert_whole(&project);
            let now = files(&project.path("generated"));
            let has_seed = seeds(project.root()).iter().any(|name| name.ends_with(".sql"));
            let missing: Vec<&String> = complete.keys().filter(|path| !now.contains_key(*path)).collect();
            assert!(
                !has_seed || missing.is_empty(),
                "seeds come last, and these are not there: {missing:?}"
            );
        }
        let ran = lagproof(project.root(), &["compile"]);
        assert_eq!(ran.status, Some(0), "{}{}", ran.out, ran.err);
        assert_eq!(
            files(&project.path("generated")),
            complete,
            "killed {after:?} after {from:?}"
        );
    }
}

#[test]
fn two_at_once_write_one_seed() {
    let project = large_project();
    let children: Vec<_> = (0..4)
        .map(|_| {
            compile_command(project.root())
                .stdout(Stdio::null())
                .stderr(Stdio::piped())
                .spawn()
                .unwrap()
        })
        .collect();
    let mut compiled = 0;
    for child in children {
        let output = child.wait_with_output().unwrap();
        let err = String::from_utf8_lossy(&output.stderr);
        // On a busy machine the last in the queue may tire of waiting, and says for whom it waited.
        match output.status.code() {
            Some(0) => compiled += 1,
            status => assert!(
                status == Some(2) && err.contains("is compiling here"),
                "{status:?}: {err}"
            ),
        }
    }
    assert!(compiled > 0);
    assert_eq!(seeds(project.root()).len(), 1);
    assert_whole(&project);
    assert_eq!(lagproof(project.root(), &["compile", "--check"]).status, Some(0));
}
