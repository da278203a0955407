//! Evidence: written, read back, and what makes it stale.

#[path = "support/cli.rs"]
mod cli;
mod support;

use std::collections::BTreeMap;
use std::fs;

use cli::lagproof;
use lagproof::evidence::{BrokerEvidence, Evidence, EvidenceError, FORMAT, MachineEvidence, TargetEvidence};
use lagproof::history::{Digest, proof_digest, proof_inputs};
use lagproof::project::evidence_file;
use support::{EXAMPLE, TestProject};

/// Evidence of the example as it stands.
fn evidence(project: &TestProject, verdict: &str) -> Evidence {
    let model = project.load().model.expect("a model");
    let service = model.service("example").expect("the example");
    let inputs: BTreeMap<String, String> = proof_inputs(&model, service)
        .into_iter()
        .map(|(name, digest)| (name, digest.to_string()))
        .collect();
    Evidence {
        format: FORMAT,
        service: "example".to_owned(),
        version: 1,
        verdict: verdict.to_owned(),
        proven: "2026-01-01T00:00:00Z".to_owned(),
        environment: None,
        client: "librdkafka 2.12.1".to_owned(),
        declares: "librdkafka".to_owned(),
        speed: 1.0,
        seed: 7,
        lagproof: "0.1.0".to_owned(),
        samples: Digest::of_bytes(b"samples").to_string(),
        proof: proof_digest(&model, service).to_string(),
        broker: BrokerEvidence {
            kind: "docker".to_owned(),
            version: "4.3.1".to_owned(),
        },
        machine: MachineEvidence {
            system: "Linux \"6\"\n".to_owned(),
            processor: "a processor".to_owned(),
            cores: 2,
            memory: 8 << 30,
        },
        inputs,
        targets: vec![TargetEvidence {
            name: "lag, p95".to_owned(),
            verdict: "PASS".to_owned(),
            measured: "17".to_owned(),
            target: "< 100".to_owned(),
        }],
    }
}

fn proven() -> TestProject {
    let project = TestProject::new();
    let file = evidence_file(project.root(), "example");
    evidence(&project, "PASS").write(&file).expect("a file");
    project
}

/// What `check --evidence` prints, until its count.
fn said(project: &TestProject) -> String {
    let ran = lagproof(project.root(), &["check", "--evidence"]);
    assert_eq!(ran.err, "");
    let (before, rest) = ran.out.split_once("evidence    of").expect("a count");
    let count = rest.lines().next().expect("a line");
    format!("{before}evidence    of{count}\n")
}

#[test]
fn what_is_written_is_read_back() {
    let project = proven();
    let file = evidence_file(project.root(), "example");
    let back = Evidence::read(&file, "example").expect("readable").expect("there");
    assert_eq!(back, evidence(&project, "PASS"));
    let names: Vec<&String> = back.inputs.keys().collect();
    assert_eq!(
        names,
        [
            "costs",
            "memory",
            "replicas",
            "settings",
            "targets",
            "topics.\"orders.created\""
        ]
    );
    let text = fs::read_to_string(&file).unwrap();
    assert!(text.starts_with("# Written by `lagproof verify`."), "{text}");
    assert_eq!(Evidence::read(&project.path("evidence/other.toml"), "other"), Ok(None));
}

#[test]
fn it_stands_until_something_changes() {
    let project = proven();
    assert_eq!(said(&project), "evidence    of 1 of 1 services stands\n");
    assert_eq!(
        lagproof(project.root(), &["check", "--evidence", "--deny"]).status,
        Some(0)
    );
    // What is only said about a service proves nothing.
    project.merge("summary = \"in other words\"\n");
    assert_eq!(said(&project), "evidence    of 1 of 1 services stands\n");
}

#[test]
fn what_made_it_stale_is_named() {
    for (change, changed) in [
        ("[consumer]\nmax_poll_records = 3\n", "settings"),
        ("replicas = 3\n", "replicas"),
        ("[targets]\nlag = 7\n", "targets"),
        ("[processing]\nper_batch = \"1ms\"\n", "costs"),
        ("[memory]\nlimit = \"7GiB\"\n", "memory"),
        (
            "# file: profiles/topics.toml\n[topics.\"orders.created\"]\nproducer_batch = \"1MiB\"\n",
            "topics.\"orders.created\"",
        ),
        ("replicas = 3\n[processing]\nper_batch = \"1ms\"\n", "costs, replicas"),
    ] {
        let project = proven();
        project.merge(change);
        let line = format!(
            "stale       example: {changed} changed since 2026-01-01T00:00:00Z (PASS): lagproof verify example\n\
             evidence    of 0 of 1 services stands\n"
        );
        assert_eq!(said(&project), line, "{change}");
        assert_eq!(
            lagproof(project.root(), &["check", "--evidence", "--deny"]).status,
            Some(1),
            "{change}"
        );
    }
}

#[test]
fn what_was_never_proven_or_did_not_hold_is_said() {
    let project = TestProject::new();
    assert!(said(&project).starts_with("missing     example: never proven: lagproof verify example\n"));
    let file = evidence_file(project.root(), "example");
    evidence(&project, "FAIL").write(&file).unwrap();
    assert!(said(&project).starts_with("not held    example: FAIL on 2026-01-01T00:00:00Z\n"));
    let mut gone = evidence(&project, "PASS");
    gone.environment = Some("moon".to_owned());
    gone.write(&file).unwrap();
    assert!(said(&project).starts_with("stale       example: it was proven in `moon`, which is no environment"));
    let ran = lagproof(project.root(), &["check", "--evidence", "--format", "json"]);
    let json: serde_json::Value = serde_json::from_str(&ran.out).expect("one document");
    assert_eq!(json["services"][0]["standing"], "environment-gone");
}

#[test]
fn a_file_that_is_none_is_told_with_its_line() {
    let project = proven();
    let file = evidence_file(project.root(), "example");
    let text = fs::read_to_string(&file).unwrap();
    let error = |text: &str| {
        fs::write(&file, text).unwrap();
        Evidence::read(&file, "example").unwrap_err()
    };
    assert!(matches!(
        error("format = "),
        EvidenceError::Malformed { line: Some(1), .. }
    ));
    assert_eq!(
        error(&text.replace("format = 1", "format = 2")),
        EvidenceError::Format { found: 2 }
    );
    assert_eq!(
        error("format = 99\nanything = true\n"),
        EvidenceError::Format { found: 99 }
    );
    assert!(matches!(
        error(&text.replace("seed = 7", "sead = 7")),
        EvidenceError::Malformed { .. }
    ));
    let other = text.replace("service = \"example\"", "service = \"other\"");
    assert_eq!(
        error(&other),
        EvidenceError::Service {
            found: "other".to_owned()
        }
    );
    assert!(
        said(&project).starts_with("unreadable  example: its file in evidence/ is about other"),
        "{}",
        said(&project)
    );
    fs::write(&file, b"\xff\xfe").unwrap();
    assert!(matches!(Evidence::read(&file, "example"), Err(EvidenceError::Read(_))));
    fs::remove_file(&file).unwrap();
    fs::create_dir(&file).unwrap();
    assert!(matches!(Evidence::read(&file, "example"), Err(EvidenceError::Read(_))));
}

#[test]
fn writing_replaces_and_leaves_nothing_beside() {
    let project = proven();
    let file = evidence_file(project.root(), "example");
    evidence(&project, "FAIL").write(&file).unwrap();
    assert_eq!(fs::read_dir(file.parent().unwrap()).unwrap().count(), 1);
    let name = evidence_file(project.root(), "../../x");
    assert_eq!(name.parent(), Some(project.path("evidence").as_path()), "{name:?}");
    assert!(fs::read_to_string(project.path(EXAMPLE)).is_ok());
}
