//! The system's signals, in a process of its own.

use std::os::unix::process::ExitStatusExt;
use std::process::{Command, Stdio};
use std::time::Duration;

use lagproof_client::{BaseKafkaConsumer, KafkaConsumerConfigLoader};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::json;
use sqlx::postgres::PgPoolOptions;

use super::kafka;
use super::service::{Service, eventually};
use super::told::Told;

/// In a child of this binary: the service, the database and the broker, with tabs between them.
const ROLE: &str = "LAGPROOF_CLIENT_SIGNALLED";

/// What a child of this binary does: one run after the other. As a test as such, nothing.
#[tokio::test(flavor = "multi_thread")]
async fn runs_twice() {
    let Ok(role) = std::env::var(ROLE) else { return };
    let [name, database, bootstrap] = role.split('\t').collect::<Vec<_>>()[..] else {
        panic!("{role}")
    };
    let pool = PgPoolOptions::new().max_connections(3).connect_lazy(database).unwrap();
    let loader = KafkaConsumerConfigLoader::new(pool);
    let made = || {
        BaseKafkaConsumer::new(name, loader.clone(), Told::new(async |_| Ok(())))
            .metrics_every(Duration::ZERO)
            .bootstrap_servers(bootstrap)
    };
    let mut first = made();
    let handle = first.handle();
    let running = tokio::spawn(first.run());
    tokio::time::sleep(Duration::from_secs(1)).await;
    handle.stop();
    running.await.unwrap().unwrap();
    made().run().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_run_in_a_process_is_stopped_in_good_order_as_well() {
    let (service, kafka) = (Service::new(), kafka::shared());
    let topic = kafka.topic(1).await;
    service.seed(&[&topic], json!({}));
    let database = service.postgres.url(&service.database, "app");
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "signals::runs_twice"])
        .env(ROLE, [service.name.as_str(), &database, &kafka.bootstrap].join("\t"))
        .env("LAGPROOF_STATE_DIR", service.state_dir())
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let count = |state: &str| {
        let asked = format!("SELECT count(*) FROM lagproof.instances WHERE state = '{state}'");
        service.ask(&asked).parse::<usize>().unwrap()
    };
    eventually("the second runs", || (count("stopped"), count("running")) == (1, 1)).await;
    kill_process(Pid::from_child(&child), Signal::TERM).unwrap();
    eventually("it ends", || child.try_wait().unwrap().is_some()).await;
    let status = child.wait().unwrap();
    assert_eq!((status.code(), status.signal()), (Some(0), None));
    assert_eq!((count("stopped"), count("running")), (2, 0));
}
