//! A broker in a container. Needs an engine that answers, and an image: see `just test-docker`.

#[path = "../kafka/example.rs"]
mod example;
#[path = "../support/broker.rs"]
mod support;

use std::path::Path;
use std::process::Command;

use lagproof::broker::{BrokerError, Halt, Kind, Options, TopicSpec, Wanted, sweep_containers};
use rustix::process::Signal;
use support::{Actor, eventually, hold, is_gone, lease, produce, role, start, three_seconds, watermarks};

/// The states of the containers of a name, as the engine's own tool tells them.
fn containers(id: &str) -> String {
    let output = Command::new("docker")
        .args(["ps", "-a", "-q", "--no-trunc", "--filter"])
        .arg(format!("id={id}"))
        .output()
        .unwrap();
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

#[test]
fn the_best_is_docker_and_it_survives_a_restart() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    let options = Options {
        ports: vec![port],
        ..Options::default()
    }
    .with_quick_retention();
    let mut broker = start(Wanted::Best, &options).unwrap();
    eprintln!("{broker}");
    assert_eq!((broker.kind(), broker.why()), (Kind::Docker, "docker comes first"));
    assert!(broker.to_string().contains(" in docker ("), "{broker}");
    assert_ne!(broker.bootstrap(), format!("127.0.0.1:{port}"));
    broker.warm_up().unwrap();
    let usage = broker.usage().unwrap();
    assert!(
        usage.resident.bytes() > 50_000_000 && usage.cpu.as_millis() > 100,
        "{usage:?}"
    );

    lease(&broker).create_topics(&[TopicSpec::new("kept", 2)]).unwrap();
    produce(broker.bootstrap(), "kept", 1, &["a", "b"]);
    for how in [Halt::Clean, Halt::Killed] {
        broker.halt(how).unwrap();
        assert!(broker.check().is_err());
        broker.resume().unwrap();
        assert_eq!(watermarks(broker.bootstrap(), "kept", 1), (0, 2), "{how:?}");
    }

    let id = broker.container().unwrap().to_owned();
    assert!(
        Command::new("docker")
            .args(["kill", &id])
            .output()
            .unwrap()
            .status
            .success()
    );
    eventually("its death is noticed", || broker.check().is_err());
    let error = broker.check().unwrap_err();
    assert!(
        matches!(&error, BrokerError::Died { status, .. } if status == "exit status 137"),
        "{error}"
    );
    broker.stop();
    eventually("its container is gone", || containers(&id).is_empty());
}

#[test]
fn a_service_is_put_under_load_there() {
    let reference = Path::new(env!("CARGO_MANIFEST_DIR"));
    let proof = example::prove(reference, "step-counter", &three_seconds(Wanted::Docker)).unwrap();
    assert_eq!(proof.outcome.broker.kind, "docker");
    let account = proof.outcome.trials[0].sides[0].recordings[0].account;
    assert!(
        account.sent > 3_000 && account.processed == account.sent && account.lost == 0,
        "{account:?}"
    );
}

#[test]
fn nothing_is_left_however_its_process_ends() {
    if role().is_some() {
        let broker = start(Wanted::Docker, &Options::default()).unwrap();
        return hold(broker.container().unwrap());
    }
    for signal in [Signal::KILL, Signal::INT] {
        let actor = Actor::play("nothing_is_left_however_its_process_ends", "hold", &[]);
        let id = actor.held.clone();
        assert_eq!(containers(&id), id);
        actor.signal(signal);
        eventually("its container is gone", || containers(&id).is_empty());
    }
}

#[test]
fn what_even_the_guard_left_is_swept() {
    let folder = tempfile::tempdir().unwrap();
    let image = std::env::var("LAGPROOF_KAFKA_IMAGE").unwrap_or_else(|_| {
        let broker = start(Wanted::Docker, &Options::default()).unwrap();
        broker.to_string().split(['(', ')']).nth(1).unwrap().to_owned()
    });
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap();
    let run = |host: &str, owner: &std::path::Path| {
        let output = Command::new("docker")
            .args([
                "create",
                "--label",
                &format!("lagproof.host={}", host.trim()),
                "--label",
            ])
            .arg(format!("lagproof.owner={}", owner.display()))
            .args([&*image, "true"])
            .output()
            .unwrap();
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    };
    let gone = folder.path().join("gone");
    let (left, elsewhere, held) = (
        run(&host, &gone),
        run("another-machine", &gone),
        run(&host, folder.path()),
    );
    let removed = sweep_containers().unwrap();
    assert!(removed.contains(&left) && !removed.contains(&elsewhere) && !removed.contains(&held));
    assert!(containers(&left).is_empty() && !containers(&elsewhere).is_empty() && !containers(&held).is_empty());
    let _ = Command::new("docker").args(["rm", "-f", &elsewhere, &held]).output();
    assert!(is_gone(&gone));
}

#[test]
fn an_image_that_can_not_be_had_is_an_error() {
    let options = Options {
        image: Some("lagproof/no-such-image:1".to_owned()),
        ..Options::default()
    };
    let error = start(Wanted::Docker, &options).unwrap_err();
    let text = error.to_string();
    assert!(text.starts_with("no broker to run on: docker was asked for\n  docker   an engine answers, but docker could not pull lagproof/no-such-image:1: "), "{text}");
    assert!(error.help().contains("LAGPROOF_KAFKA_IMAGE"), "{}", error.help());
}
