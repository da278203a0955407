//! `[severity]` of lagproof.toml.

use lagproof::diagnostic::Severity;

use crate::{codes, line, only, project};

const BUSY: &str = "# file: profiles/topics.toml\n[topics.\"orders.created\"]\npeak = { rate = \"75/s\", for = \"10min\", every = \"1d\" }\n";

fn severity(code: &str, severity: &str) -> String {
    format!("# file: lagproof.toml\n[severity]\n{code} = \"{severity}\"\n")
}

#[test]
fn any_may_be_raised() {
    assert_eq!(only(&project(&[BUSY]), "P111").severity, Severity::Warning);
    assert_eq!(
        only(&project(&[BUSY, &severity("P111", "error")]), "P111").severity,
        Severity::Error
    );
}

#[test]
fn what_nothing_rejects_may_be_lowered_and_switched_off() {
    let slow = "[processing]\nper_record = { p50 = \"20ms\", p99 = \"80ms\", max = \"12min\" }\n";
    assert_eq!(only(&project(&[slow]), "P104").severity, Severity::Error);
    let lowered = project(&[slow, &severity("P104", "warning")]);
    assert_eq!(only(&lowered, "P104").severity, Severity::Warning);
    assert_eq!(codes(&[slow, &severity("P104", "off")]), [""; 0]);
}

#[test]
fn what_something_rejects_may_not() {
    let shrinks = "# file: profiles/topics.toml\n[topics.\"orders.created\"]\npartitions_now = 12\n";
    for lower in ["warning", "off"] {
        let project = project(&[shrinks, &severity("T104", lower)]);
        assert_eq!(only(&project, "T104").severity, Severity::Error);
        let finding = only(&project, "A106");
        assert_eq!(
            line(&finding),
            format!("error: T104 (partitions-decrease) can't be lowered to {lower}")
        );
    }
    assert_eq!(codes(&[&severity("T104", "error")]), [""; 0]);
}

#[test]
fn a_misspelt_code_is_an_error() {
    let finding = only(&project(&[&severity("p104", "off")]), "A101");
    assert_eq!(
        finding.help.as_deref(),
        Some("did you mean P104 (record-over-poll-interval)?")
    );
}

#[test]
fn what_is_wrong_with_allows_has_a_severity_too() {
    let unused = "[[allow]]\ncode = \"G101\"\nreason = \"two wait to take over at once\"\n";
    assert_eq!(codes(&[unused]), ["A104"]);
    assert_eq!(codes(&[unused, &severity("A104", "off")]), [""; 0]);
}
