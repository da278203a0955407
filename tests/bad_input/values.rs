//! Numbers that overflow, and values of the wrong kind.

use super::support::{EXAMPLE, TestProject};
use super::{check, fails};

fn with(old: &str, new: &str) -> TestProject {
    let project = TestProject::new();
    let text = project.read(EXAMPLE);
    assert!(text.contains(old), "{old}");
    project.write(EXAMPLE, text.replace(old, new));
    project
}

#[test]
fn numbers_that_overflow() {
    for number in [
        "0",
        "-1",
        "4294967296",
        "9223372036854775808",
        "0xffffffffffffffffffffffffffffffffffff",
    ] {
        fails(&with("replicas = 2", &format!("replicas = {number}")), &["S108"]);
    }
    let nines = "9".repeat(100_000);
    for (old, new, code) in [
        ("version  = 1", format!("version = {nines}"), "S108"),
        ("\"20ms\"", format!("\"{nines}d\""), "S106"),
        ("\"1GiB\"", format!("\"{nines}TiB\""), "S106"),
        ("\"20ms\"", "\"0.0000000000000000000000001ms\"".to_owned(), "S106"),
        ("\"20ms\"", "\"-20ms\"".to_owned(), "S106"),
        ("\"20ms\"", "\"1e9s\"".to_owned(), "S106"),
        ("lag = 100", "lag = 1e400".to_owned(), "S104"),
        ("lag = 100", "lag = inf".to_owned(), "S104"),
    ] {
        let out = fails(&with(old, &new), &[code]);
        assert!(out.len() < 2_000, "{} bytes of message", out.len());
    }
}

#[test]
fn settings_outside_of_what_clients_take() {
    let project = TestProject::new();
    let text = project.read(EXAMPLE);
    let settings =
        "[consumer]\nmax_poll_records = 99999999999999999999\nsession_timeout = \"40000d\"\nfetch_max = \"9999TiB\"\n";
    project.write(EXAMPLE, format!("{text}\n{settings}"));
    fails(&project, &["S108", "S108", "S108"]);
}

#[test]
fn rates_that_overflow_when_multiplied() {
    let project = TestProject::new();
    let nines = "9".repeat(300);
    project.merge(&format!("# file: profiles/topics.toml\n[topics.\"orders.created\"]\nrate = {{ each = \"{nines}/s\", fleet = 9007199254740991 }}\n"));
    fails(&project, &["S108"]);
}

#[test]
fn usual_slips_are_one_finding_each_with_something_to_do() {
    let slips = [
        ("\"20ms\"", "20"),
        ("\"worker\"", "worker"),
        ("\"worker\"", "“worker”"),
        ("[\"orders.created\"]", "\"orders.created\""),
        ("type     =", "tpye ="),
        ("\"java\"", "\"kafka-js\""),
        ("\"java\"", "5"),
        ("concurrency = 1", "concurrency = 0"),
        ("concurrency = 1", "max_poll_records = 1"),
        ("[memory]", "[memory"),
        ("version  = 1", "version = \"1\""),
        ("\"80ms\", max", "\"80ms\" max"),
        ("\"1GiB\"", "\"1gb\""),
        ("\"orders.created\"", "\"order.created\""),
        ("\"worker\"", "\"wroker\""),
        ("p99 = \"80ms\"", "p99 = \"1ms\""),
        ("p50 = \"20ms\", p99 = \"80ms\", ", ""),
        ("group    = \"example\"", ""),
        ("[\"orders.created\"]", "[]"),
    ];
    let mut printed = String::new();
    for (old, new) in slips {
        let ran = check(&with(old, new));
        assert_eq!(ran.status, Some(1), "{new}: {}", ran.out);
        assert!(ran.out.contains("1 error, 0 warnings"), "{new}: {}", ran.out);
        let line = |start: &str| {
            ran.out
                .lines()
                .find(|line| line.trim_start().starts_with(start))
                .unwrap_or("")
                .trim_start()
                .to_owned()
        };
        let (finding, help) = (line("error["), line("= help:"));
        assert!(!help.is_empty(), "no help:\n{}", ran.out);
        printed.push_str(&format!("{new}\n    {finding}\n    {help}\n"));
    }
    insta::assert_snapshot!(printed);
}

#[test]
fn a_peak_that_never_ends() {
    for (lasts, fails_with) in [
        ("1d", None),
        ("24h", None),
        ("25h", Some("a peak of 25h can't come every 1d")),
    ] {
        let project = TestProject::new();
        let topics = project.read("profiles/topics.toml");
        project.write(
            "profiles/topics.toml",
            topics.replace("for = \"10min\"", &format!("for = \"{lasts}\"")),
        );
        match fails_with {
            Some(message) => assert!(fails(&project, &["S108"]).contains(message)),
            None => assert!(!check(&project).out.contains("S108"), "{lasts}"),
        }
    }
}
