//! What goes wrong with a project's files, through the binary: each time a clear message, the right exit status, and
//! neither a panic nor a hang nor gigabytes of memory.

#[path = "../support/cli.rs"]
mod cli;
#[path = "../support/mod.rs"]
mod support;

mod files;
mod many;
mod names;
mod values;

use std::process::{Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use cli::Ran;
use support::TestProject;

/// Longer than any of these takes on a busy machine in a debug build.
const PATIENCE: Duration = Duration::from_secs(60);

/// Checks a project, within a bound on time and 1.5 GB of address space.
fn check(project: &TestProject) -> Ran {
    check_with(project, &[])
}

fn check_with(project: &TestProject, arguments: &[&str]) -> Ran {
    let out = project.path(".out");
    let file = |name: &str| std::fs::File::create(project.path(name)).expect("a file");
    let mut child = Command::new("sh")
        .args([
            "-c",
            "ulimit -v 1500000; exec \"$0\" check \"$@\"",
            env!("CARGO_BIN_EXE_lagproof"),
        ])
        .args(arguments)
        .current_dir(project.root())
        .env("NO_COLOR", "1")
        .env("RAYON_NUM_THREADS", "2")
        .env("MALLOC_ARENA_MAX", "2")
        .stdin(Stdio::null())
        .stdout(file(".out"))
        .stderr(file(".err"))
        .spawn()
        .expect("the binary runs");
    let started = Instant::now();
    let status = loop {
        if let Some(status) = child.try_wait().expect("a child") {
            break status;
        }
        if started.elapsed() > PATIENCE {
            let _ = child.kill();
            panic!("it hangs");
        }
        sleep(Duration::from_millis(5));
    };
    let text = |path| String::from_utf8(std::fs::read(path).expect("a file")).expect("UTF-8");
    let ran = Ran {
        status: status.code(),
        out: text(out),
        err: text(project.path(".err")),
    };
    assert!(!ran.err.contains("panicked"), "{}", ran.err);
    assert!(!project.path("generated").exists(), "something was written");
    ran
}

/// Checks a project that must fail with exactly these codes, and says what was printed.
fn fails(project: &TestProject, codes: &[&str]) -> String {
    let ran = check(project);
    let found: Vec<&str> = ran
        .out
        .lines()
        .filter_map(|line| line.strip_prefix("error[").or_else(|| line.strip_prefix("warning[")))
        .filter_map(|line| line.split_once(']').map(|(code, _)| code))
        .collect();
    assert_eq!(found, codes, "{}{}", ran.out, ran.err);
    assert_eq!(ran.status, Some(1), "{}{}", ran.out, ran.err);
    for (finding, parts) in ran
        .out
        .split("\n\n")
        .filter(|part| part.contains("] ") || part.contains("]: "))
        .map(|part| (part, ["at run time:", "explain:"]))
    {
        for part in parts {
            assert!(finding.contains(part), "no `{part}` in {finding}");
        }
    }
    ran.out
}
