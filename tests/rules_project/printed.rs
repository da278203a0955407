//! What people see: the sketch's mistake, and the proofs.

use crate::cli::lagproof;
use crate::project;
use crate::support::TestProject;

#[test]
fn a_mistake_in_a_pull_request() {
    let project = project(&[
        "[processing]\nper_record = { p50 = \"2s\", p99 = \"40s\", max = \"12min\" }\n# file: profiles/topics.toml\n[topics.\"orders.created\"]\nrate = \"0.1/s\"\npeak = { rate = \"0.1/s\", for = \"10min\", every = \"1d\" }\n",
    ]);
    let ran = lagproof(project.root(), &["check"]);
    assert_eq!(ran.status, Some(1));
    insta::assert_snapshot!(ran.out);
}

#[test]
fn the_proofs_of_a_service() {
    let ran = lagproof(TestProject::new().root(), &["check", "--proofs", "example"]);
    assert_eq!(ran.status, Some(0), "{}", ran.err);
    insta::assert_snapshot!(ran.out.split("checked ").next().unwrap());
}

#[test]
fn the_sketch() {
    let project = project(&[concat!(
        "type = \"motion\"\nclient = \"librdkafka\"\nreplicas = 1\ntopics = [\"device.sensor.accelerometer.raw\"]\n",
        "[consumer]\nqueued_max = \"65536kB\"\n",
        "[delivery]\ncommit = \"after-batch\"\n[processing]\nper_record = \"100us\"\nper_batch = \"15ms\"\nassumed = true\n",
        "[memory]\nlimit = \"256MiB\"\nresident = \"40MB\"\n",
        "# file: profiles/matrix.toml\n[types.motion]\nmax_poll_records = 500\nmax_poll_interval = \"1min\"\n",
        "# file: profiles/topics.toml\n[topics.\"device.sensor.accelerometer.raw\"]\npartitions = 10\nrate = \"500/s\"\n",
        "peak = { rate = \"2500/s\", for = \"1h\", every = \"12h\" }\n",
        "record = { mean = \"128B\", max = \"1KiB\" }\nproducer_batch = \"16KiB\"\nassumed = [\"rate\", \"peak.for\"]\n",
    )]);
    let ran = lagproof(project.root(), &["check", "--proofs"]);
    assert_eq!(ran.status, Some(0), "{}{}", ran.out, ran.err);
    insta::assert_snapshot!(ran.out.split("checked ").next().unwrap());
}

#[test]
fn proofs_of_an_environment_and_of_what_is_unknown() {
    let project = project(&[concat!(
        "# file: lagproof.toml\n[environments.production.services.example]\nreplicas = 1\n",
        "# file: profiles/topics.toml\n[topics.\"orders.created\"]\nkey = { field = \"customer_id\" }\n",
    )]);
    project.write(
        "profiles/services/second.toml",
        include_str!("second.toml").replace("\"example\"", "\"second\""),
    );
    let ran = lagproof(project.root(), &["check", "--proofs", "--environment", "production"]);
    insta::assert_snapshot!(ran.out);
}

#[test]
fn proofs_for_machines() {
    let ran = lagproof(TestProject::new().root(), &["check", "--proofs", "--format", "json"]);
    assert_eq!(ran.status, Some(0));
    let report: serde_json::Value = serde_json::from_str(&ran.out).unwrap();
    let service = &report["services"][0];
    assert_eq!(service["service"], "example");
    assert_eq!(service["verdict"], "holds");
    assert_eq!(service["proofs"].as_array().map(Vec::len), Some(4));
    assert_eq!(service["proofs"][0]["proof"], "poll budget");
}

#[test]
fn wrong_usage_is_said() {
    let project = TestProject::new();
    let run = |arguments: &[&str]| lagproof(project.root(), arguments);
    let nowhere = run(&["check", "--proofs", "--environment", "staging"]);
    assert_eq!(nowhere.status, Some(2));
    assert!(nowhere.err.contains("there is no environment `staging`") && nowhere.err.contains("known are production"));
    assert_eq!(run(&["check", "--environment", "production"]).status, Some(2));
    assert_eq!(run(&["check", "--proofs", "--format", "junit"]).status, Some(2));
}
