//! The README from the beginning: the packaged crate in an empty project, and its two samples as they are written.

use std::path::Path;
use std::process::{Command, Stdio};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::json;

use super::kafka;
use super::postgres::root;
use super::service::{Service, within};

/// The README's samples with the names of this test.
fn samples(names: &[(&str, &str)]) -> Vec<String> {
    let readme = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md")).unwrap();
    let parts = readme.split("```rust,no_run\n").skip(1);
    let samples = parts.map(|part| part.split("```").next().unwrap().to_owned());
    samples
        .map(|sample| names.iter().fold(sample, |text, (name, own)| text.replace(name, own)))
        .collect()
}

fn cargo(arguments: &[&str], folder: &Path) {
    let done = Command::new(env!("CARGO"))
        .args(arguments)
        .current_dir(folder)
        .output()
        .unwrap();
    assert!(
        done.status.success(),
        "cargo {arguments:?}\n{}",
        String::from_utf8_lossy(&done.stderr)
    );
}

/// Packs the crate and unpacks it elsewhere: what a registry would give.
fn packaged(into: &Path) {
    let list = [
        "package",
        "--locked",
        "--offline",
        "--allow-dirty",
        "--no-verify",
        "-p",
        "lagproof-client",
    ];
    cargo(
        &[&list[..], &["--target-dir", into.join("packed").to_str().unwrap()]].concat(),
        &root(),
    );
    let packed = into.join("packed/package/lagproof-client-0.1.0.crate");
    let unpacked = Command::new("tar")
        .arg("-xzf")
        .arg(packed)
        .current_dir(into)
        .status()
        .unwrap();
    assert!(unpacked.success());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fresh_install_runs_the_samples() {
    let (service, kafka) = (Service::new(), kafka::shared());
    let topic = kafka.topic(1).await;
    service.seed(&[&topic], json!({}));
    kafka.produce_numbers(&topic, 1, 0..5);
    let folder = tempfile::tempdir().unwrap();
    packaged(folder.path());
    let found = samples(&[
        ("service-name", &service.name),
        ("motion-filter", &service.name),
        ("topic-name", &topic),
        ("kafka:9092", &kafka.bootstrap),
    ]);
    let [first, second] = &found[..] else {
        panic!("{} samples", found.len())
    };
    let project = folder.path().join("service");
    std::fs::create_dir_all(project.join("src/bin")).unwrap();
    let readme = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md")).unwrap();
    let dependencies = readme.split("```toml\n").nth(1).unwrap().split("```").next().unwrap();
    let dependencies = dependencies.replace("\"0.1\"", "{ path = \"../lagproof-client-0.1.0\" }");
    let manifest = "[package]\nname = \"service\"\nversion = \"0.0.0\"\nedition = \"2024\"\n\n[workspace]\n\n\
                    [profile.dev]\ndebug = \"line-tables-only\"\n\n";
    std::fs::write(project.join("Cargo.toml"), format!("{manifest}{dependencies}")).unwrap();
    // The versions that this repository was tested with, so that nothing has to be fetched.
    std::fs::copy(root().join("Cargo.lock"), project.join("Cargo.lock")).unwrap();
    std::fs::write(project.join("src/bin/first.rs"), first).unwrap();
    std::fs::write(project.join("src/bin/second.rs"), second).unwrap();
    // What is the same there is not built again.
    let target = root().canonicalize().unwrap().join("target");
    cargo(
        &["build", "--offline", "--target-dir", target.to_str().unwrap()],
        &project,
    );
    let program = |name: &str| {
        let mut command = Command::new(target.join("debug").join(name));
        command
            .env("DATABASE_URL", service.postgres.url(&service.database, "app"))
            .env("KAFKA_BOOTSTRAP_SERVERS", &kafka.bootstrap)
            .env("LAGPROOF_STATE_DIR", service.state_dir())
            .stdin(Stdio::null());
        command.spawn().unwrap()
    };
    let committed = || kafka.committed(&service.group, &topic).get(&0).copied();
    let mut running = program("first");
    within(60, "the first consumes", || committed() == Some(5)).await;
    running.kill().unwrap(); // it polls for ever
    running.wait().unwrap();
    let mut running = program("second");
    kafka.produce_numbers(&topic, 1, 0..3);
    within(60, "the second consumes", || committed() == Some(8)).await;
    kill_process(Pid::from_child(&running), Signal::TERM).unwrap();
    let ended = tokio::task::spawn_blocking(move || running.wait().unwrap())
        .await
        .unwrap();
    assert!(ended.success(), "SIGTERM stops it in good order");
}
