//! The formats that programs read.

use lagproof::diagnostic::{Finding, Format, JsonReport, json_schema};
use lagproof::source::{FileId, Span};
use serde_json::Value;

use super::cases::{Case, D201, P104, usual};

fn validator(schema: &str) -> jsonschema::Validator {
    let schema: Value = serde_json::from_str(schema).unwrap();
    jsonschema::options()
        .should_validate_formats(true)
        .build(&schema)
        .unwrap()
}

/// Fails with everything that the schema has against `json`.
pub fn validate(schema: &str, json: &str) {
    let json: Value = serde_json::from_str(json).unwrap();
    let errors: Vec<String> = validator(schema)
        .iter_errors(&json)
        .map(|error| format!("{}: {error}", error.instance_path()))
        .collect();
    assert!(errors.is_empty(), "{errors:#?}");
}

/// The standard's own schema.
pub const SARIF: &str = include_str!("../data/sarif-schema-2.1.0.json");

#[test]
fn json() {
    let out = usual().print(Format::Json);
    validate(&json_schema(), &out);
    let read: JsonReport = serde_json::from_str(&out).unwrap();
    assert_eq!((read.counts.errors, read.counts.warnings), (2, 1));
    insta::assert_snapshot!(out);
}

#[test]
fn json_without_findings() {
    let out = Case::new().print(Format::Json);
    validate(&json_schema(), &out);
    insta::assert_snapshot!(out);
}

#[test]
fn the_json_schema_is_as_it_was() {
    insta::assert_snapshot!(json_schema());
}

#[test]
fn the_json_schema_refuses_what_it_should() {
    let mut json: Value = serde_json::from_str(&usual().print(Format::Json)).unwrap();
    json["findings"][0]["severity"] = "fatal".into();
    assert!(!validator(&json_schema()).is_valid(&json));
}

#[test]
fn sarif() {
    let out = usual().print(Format::Sarif);
    validate(SARIF, &out);
    insta::assert_snapshot!(out);
}

#[test]
fn sarif_without_findings() {
    validate(SARIF, &Case::new().print(Format::Sarif));
}

#[test]
fn the_sarif_schema_refuses_what_it_should() {
    let mut json: Value = serde_json::from_str(&usual().print(Format::Sarif)).unwrap();
    json["runs"][0]["results"][0]["level"] = "fatal".into();
    assert!(!validator(SARIF).is_valid(&json));
}

/// The fingerprints of a finding at `needle` in `text`.
fn fingerprints(text: &str, needle: &str, message: &str) -> Vec<String> {
    let mut case = Case::new();
    let file = case.file("a.toml", text);
    let spans: Vec<Span> = text
        .match_indices(needle)
        .map(|(at, _)| Span::new(FileId(file.0), at..at + needle.len()))
        .collect();
    for span in spans {
        case.findings.push(Finding::new(&D201, span, message));
    }
    let json: Value = serde_json::from_str(&case.print(Format::Sarif)).unwrap();
    let results = json["runs"][0]["results"].as_array().unwrap();
    let print = |result: &Value| {
        result["partialFingerprints"]["lagproof/v1"]
            .as_str()
            .unwrap()
            .to_owned()
    };
    results.iter().map(print).collect()
}

#[test]
fn fingerprints_stay_when_lines_move_and_differ_otherwise() {
    let before = fingerprints("a = 1\n", "1", "is 12 over");
    assert_eq!(before, fingerprints("# new\n\n  a = 1\n", "1", "is 13 over"));
    assert_ne!(before, fingerprints("b = 1\n", "1", "is 12 over"));
    let twice = fingerprints("a = 1\na = 1\n", "1", "x");
    assert_eq!(twice[0], before[0]);
    assert_ne!(twice[0], twice[1]);
}

#[test]
fn sarif_and_github_name_files_from_the_repositorys_root() {
    let out = usual().print_with(Format::Sarif, |context| context.folder = "kafka/my project/");
    assert!(out.contains("\"kafka/my%20project/profiles/matrix.toml\""), "{out}");
    let out = usual().print_with(Format::Github, |context| context.folder = "kafka");
    assert!(out.contains("file=kafka/profiles/services/silero-vad.toml,"), "{out}");
}

#[test]
fn github() {
    insta::assert_snapshot!(usual().print(Format::Github));
    assert_eq!(Case::new().print(Format::Github), "");
}

#[test]
fn github_puts_errors_first_and_says_what_is_not_shown() {
    let mut case = Case::new();
    let file = case.file("a.toml", "a = [\n1]\n");
    let span = case.span(file, "[\n1]");
    for at in 0..11 {
        case.findings.push(Finding::new(&D201, span, format!("warning {at}")));
    }
    let case = case.with(Finding::new(&P104, span, "an error"));
    insta::assert_snapshot!(case.print_with(Format::Github, |context| context.limit = Some(3)), @"
    ::error file=a.toml,line=1,endLine=2,title=P104 record-over-poll-interval::an error%0Aexplain: lagproof explain P104
    ::warning file=a.toml,line=1,endLine=2,title=D201 deviation-without-need::warning 0%0Aexplain: lagproof explain D201
    ::warning file=a.toml,line=1,endLine=2,title=D201 deviation-without-need::warning 1%0Aexplain: lagproof explain D201
    ::notice title=lagproof::1 error, 11 warnings in 2 services; nothing was compiled%0A9 of them are not in this log: `--max-findings 12` shows all%0AGitHub shows 10 annotations of a kind; the others are in the log
    ");
}

#[test]
fn junit() {
    insta::assert_snapshot!(usual().print(Format::Junit));
}

#[test]
fn junit_keeps_subjects_that_are_no_service() {
    let mut case = Case::new();
    let file = case.file("topics.toml", "a = 1\n");
    let span = case.span(file, "a");
    let case = case
        .with(Finding::new(&P104, span, "first").about("device.audio.raw"))
        .with(Finding::new(&P104, span, "second").about("device.audio.raw"));
    insta::assert_snapshot!(case.print(Format::Junit));
}
