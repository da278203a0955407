//! Allows: used, unused, expired, refused.

use jiff::civil::date;
use lagproof::project::Project;
use lagproof::source::{Edit, apply_edits};

use crate::support::EXAMPLE;
use crate::{codes, line, only, project};

/// Eight members on six partitions.
const IDLE: &str = "replicas = 8\n";

fn allow(code: &str, more: &str) -> String {
    format!("[[allow]]\ncode = \"{code}\"\nreason = \"two wait to take over at once\"\n{more}\n")
}

#[test]
fn a_finding_is_accepted_with_a_reason() {
    assert_eq!(codes(&[IDLE]), ["G101"]);
    assert_eq!(codes(&[IDLE, &allow("G101", "")]), [""; 0]);
}

#[test]
fn an_allow_without_its_finding_is_a_finding() {
    let project = project(&[&allow("G101", "")]);
    let finding = only(&project, "A104");
    assert_eq!(
        line(&finding),
        "warning: nothing is found that the allow of G101 accepts"
    );
}

#[test]
fn an_entry_of_a_list_is_taken_out_with_its_comma() {
    let entry = |code: &str| format!("{{ code = \"{code}\", reason = \"two wait to take over at once\" }}");
    let project = project(&[]);
    let text = format!(
        "allow = [ {}, # first\n  {},{} ]\n{}",
        entry("G101"),
        entry("P110"),
        entry("P111"),
        project.read(EXAMPLE)
    );
    project.write(EXAMPLE, &text);
    let edits: Vec<Edit> = project
        .found("A104")
        .into_iter()
        .filter_map(|finding| finding.fix)
        .flat_map(|fix| fix.edits)
        .collect();
    assert_eq!(edits.len(), 3);
    // Each alone, and all of them: what is left is TOML.
    for chosen in [&edits[..1], &edits[1..2], &edits[2..], &edits] {
        let left = apply_edits(&text, chosen).unwrap();
        project.write(EXAMPLE, &left);
        let found = project.findings();
        assert_eq!(found.iter().count(), 3 - chosen.len(), "{left}\n{found:#?}");
        assert!(found.iter().all(|finding| finding.code.0 == "A104"), "{left}");
    }
}

#[test]
fn an_allow_accepts_only_its_code() {
    assert_eq!(codes(&[IDLE, &allow("P111", "")]), ["A104", "G101"]);
}

#[test]
fn the_last_day_counts_and_the_next_does_not() {
    let project = project(&[IDLE, &allow("G101", "until = 2026-03-31")]);
    let found = |month, day| -> Vec<String> {
        let loaded = Project::load(project.root(), &date(2026, month, day)).unwrap();
        loaded.findings.iter().map(|finding| finding.code.to_string()).collect()
    };
    assert_eq!(found(3, 31), [""; 0]);
    assert_eq!(found(4, 1), ["G101", "A105"]);
}

#[test]
fn an_expired_allow_of_nothing_is_only_expired() {
    assert_eq!(codes(&[&allow("G101", "until = 2025-12-31")]), ["A105"]);
}

#[test]
fn what_something_rejects_cannot_be_allowed() {
    let outside = "[consumer]\nmax_poll_records = 7\n";
    assert_eq!(codes(&[outside, &allow("M103", "")]), ["A102", "M103"]);
}

#[test]
fn a_misspelt_code_is_an_error_with_the_nearest() {
    let finding = only(&project(&[&allow("G1O1", "")]), "A101");
    assert_eq!(line(&finding), "error: there is no code `G1O1`");
    assert!(
        finding
            .help
            .as_deref()
            .is_some_and(|help| help.starts_with("did you mean G10")),
        "{finding:#?}"
    );
    let named = only(&project(&[&allow("idle-members", "")]), "A101");
    assert_eq!(named.help.as_deref(), Some("did you mean G101 (idle-members)?"));
}

#[test]
fn a_reason_must_say_something() {
    for reason in ["", "   ", "TODO", "t.b.d.", "…", "n/a"] {
        let allow = format!("[[allow]]\ncode = \"G101\"\nreason = \"{reason}\"\n");
        assert_eq!(codes(&[IDLE, &allow]), ["A103", "G101"], "{reason}");
    }
    let allow = "[[allow]]\ncode = \"G101\"\nreason = \"予備\"\n";
    assert_eq!(codes(&[IDLE, allow]), [""; 0]);
}

#[test]
fn about_is_a_word_and_not_a_part_of_one() {
    let sources = "[consumer]\nfetch_max_wait = \"500ms\"\n";
    assert_eq!(codes(&[sources]), ["M107"]);
    assert_eq!(codes(&[sources, &allow("M107", "about = \"fetch_max_wait\"")]), [""; 0]);
    assert_eq!(
        codes(&[sources, &allow("M107", "about = \"fetch_max\"")]),
        ["A104", "M107"]
    );
    assert_eq!(codes(&[sources, &allow("M107", "about = \"\"")]), ["A104", "M107"]);
}

#[test]
fn topics_accept_what_is_found_about_them() {
    let grows = "[consumer]\noffset_reset = \"earliest\"\n# file: profiles/topics.toml\n[topics.\"orders.created\"]\npartitions_now = 5\n";
    let allow = |topic: &str| {
        format!(
            "# file: profiles/topics.toml\n[topics.\"{topic}\"]\npartitions = 6\n[[topics.\"{topic}\".allow]]\ncode = \"T105\"\nreason = \"producers are stopped for it\"\n"
        )
    };
    assert_eq!(codes(&[grows]), ["T105"]);
    assert_eq!(codes(&[grows, &allow("orders.created")]), [""; 0]);
    assert_eq!(codes(&[grows, &allow("orders.paid")]), ["A104", "T105"]);
}

#[test]
fn any_member_may_accept_what_is_found_about_its_group() {
    let second = include_str!("second.toml");
    let differs = "\n[delivery]\nisolation = \"read-committed\"\n";
    let group = project(&["[delivery]\nisolation = \"read-uncommitted\"\n"]);
    group.write("profiles/services/second.toml", format!("{second}{differs}"));
    only(&group, "G109");
    for (own, other) in [(allow("G109", ""), String::new()), (String::new(), allow("G109", ""))] {
        let group = project(&["[delivery]\nisolation = \"read-uncommitted\"\n", &own]);
        group.write("profiles/services/second.toml", format!("{second}{differs}{other}"));
        assert!(group.findings().is_empty(), "{:#?}", group.findings());
    }
}
