//! report.json and its schema, junit.xml.

use lagproof::harness::outcome::Outcome;
use lagproof::harness::recording::Recording;
use lagproof::harness::report::{json, junit};
use lagproof::harness::verdict::Verdict;
use serde_json::Value;

use super::build::outcome;
use super::cases;
use super::outcomes;

fn all() -> Vec<Outcome> {
    vec![
        outcome(vec![cases::motion(), cases::vision(), cases::audio()]),
        outcomes::services(),
        outcomes::invalid(),
        outcomes::limits(),
        outcomes::cut_short(),
        outcomes::left_out(),
        outcomes::half(),
        outcomes::nothing(),
        outcomes::mock(),
        outcomes::hostile(),
    ]
}

#[test]
fn the_report_fits_its_schema_and_comes_back() {
    let schema = serde_json::to_value(json::schema()).expect("JSON");
    let validator = jsonschema::validator_for(&schema).expect("a schema");
    for one in all() {
        let text = json::render(&one);
        let read: Value = serde_json::from_str(&text).expect("JSON");
        let errors: Vec<String> = validator.iter_errors(&read).map(|error| error.to_string()).collect();
        assert!(errors.is_empty(), "{errors:?}");
        let back: json::Report = serde_json::from_str(&text).expect("a report");
        assert_eq!(back, json::report(&one));
        assert!(!text.contains('\u{1b}') && !text.contains('\u{202e}'));
        let mut broken = read;
        broken.as_object_mut().expect("an object").remove("trials");
        assert!(!validator.is_valid(&broken));
    }
}

#[test]
fn the_report_s_numbers_are_those_of_the_samples() {
    let report = json::report(&outcome(vec![cases::motion()]));
    let [before, after] = &report.trials[0].sides[..] else {
        panic!("two sides")
    };
    assert_eq!(before.runs.len(), 2);
    assert!(before.figures.lag_max > before.runs[0].figures.lag_p50);
    assert_eq!(after.figures.account.sent, 45_000);
    assert!((0.11..0.13).contains(&before.figures.processed_share.expect("a share")));
    assert!(
        (17..=18).contains(&after.figures.lag_max.expect("lag")),
        "{:?}",
        after.figures
    );
    assert!(after.figures.latency_p99_s < before.figures.latency_p50_s);
    let figures = serde_json::to_string_pretty(&after.figures).expect("JSON");
    insta::assert_snapshot!("figures", figures);
}

#[test]
fn samples_come_back_as_they_were() {
    let one = cases::vision();
    let run = &one.sides[0].recordings[0];
    let back: Recording = serde_json::from_str(&json::samples(run)).expect("a recording");
    assert_eq!(&back, run);
}

#[test]
fn names_of_samples_are_names_of_files() {
    let mut one = cases::motion();
    let side = one.sides[0].judgement.side;
    assert_eq!(
        json::samples_path(&one.trial, side, 1),
        "samples/cases/motion-before-batching-before-1.json"
    );
    one.trial.case = None;
    one.trial.service = "../../etc/\u{1b}x".to_owned();
    assert_eq!(
        json::samples_path(&one.trial, side, 1),
        "samples/______etc__x-before-1.json"
    );
}

#[test]
fn in_a_smoke_test_no_verdict_is_one() {
    let report = json::report(&outcomes::mock());
    assert!(report.smoke_test && report.verdict.is_none());
    let nowhere =
        |trial: &json::TrialReport| trial.verdict.is_none() && trial.sides.iter().all(|side| side.verdict.is_none());
    assert!(report.trials.iter().all(nowhere));
    let xml = junit::render(&outcomes::mock());
    assert!(!xml.contains("<failure") && !xml.contains("<error"), "{xml}");
    assert_eq!(xml.matches("<testcase").count(), xml.matches("<skipped").count());
}

#[test]
fn what_was_left_out_is_no_pass() {
    let all = outcomes::left_out();
    assert!(!all.is_whole());
    assert_eq!(all.exit_status(), 4);
    let report = json::report(&all);
    assert_eq!(report.verdict, Some(Verdict::Inconclusive));
    assert_eq!(report.left_out, all.left_out);
    let mut failed = outcomes::services();
    assert_eq!(failed.exit_status(), 1);
    failed.left_out = all.left_out.clone();
    assert_eq!(failed.exit_status(), 1, "what fails fails");
    let mut whole = all;
    whole.left_out.clear();
    assert_eq!((whole.is_whole(), whole.exit_status()), (true, 0));
    whole.cut_short = Some("the broker ended".to_owned());
    assert_eq!(whole.exit_status(), 4);
    assert_eq!(outcomes::mock().exit_status(), 0);
}

/// How many cases of one kind a document counts in all.
fn counted(xml: &str, what: &str) -> usize {
    let suites = xml.lines().find(|line| line.contains("<testsuites")).expect("suites");
    let number = suites
        .split(&format!(" {what}=\""))
        .nth(1)
        .and_then(|rest| rest.split('"').next());
    number.expect("a number").parse().expect("a number")
}

#[test]
fn junit_tells_failures_errors_and_skips_apart() {
    let services = junit::render(&outcomes::services());
    assert_eq!((counted(&services, "failures"), counted(&services, "errors")), (1, 0));
    assert_eq!(services.matches("<testsuite ").count(), 4);
    for (one, errors) in [
        (outcomes::invalid(), 5),
        (outcomes::inconclusive(), 1),
        (outcomes::cut_short(), 2),
        (outcomes::nothing(), 1),
        (outcomes::left_out(), 2),
    ] {
        let xml = junit::render(&one);
        assert_eq!(
            (counted(&xml, "failures"), counted(&xml, "errors")),
            (0, errors),
            "{xml}"
        );
    }
    // A baseline fails on purpose, and fails nobody's pipeline.
    let xml = junit::render(&outcome(vec![cases::motion(), cases::vision(), cases::audio()]));
    assert_eq!((counted(&xml, "failures"), counted(&xml, "errors")), (0, 0), "{xml}");
    assert!(xml.contains("60 records/s of capacity against 500/s"));
    insta::assert_snapshot!("junit", junit::render(&outcomes::invalid()));
}

#[test]
fn junit_is_xml_whatever_is_in_it() {
    let xml = junit::render(&outcomes::hostile());
    assert!(!xml.contains('\u{1b}') && !xml.contains("<script"), "{xml}");
    assert!(xml.contains("&lt;script&gt;"));
}
