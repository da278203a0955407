//! Processes killed, the broker and the database restarted under load: nothing lost, by sequence numbers.

use std::collections::BTreeSet;
use std::fs::OpenOptions;
use std::io::Write;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use lagproof::broker::Halt;
use lagproof_client::{BaseKafkaConsumer, BoxError, Handler, KafkaConsumerConfigLoader, Record};
use rdkafka::Message;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::json;
use sqlx::postgres::PgPoolOptions;

use super::kafka::Kafka;
use super::load::Load;
use super::postgres::Postgres;
use super::said;
use super::service::{Service, within};
use super::told::Seen;

/// In a child of this binary: the service, the database, the broker and the file to write to, with tabs between them.
const ROLE: &str = "LAGPROOF_CLIENT_SURVIVOR";

/// Writes `topic partition offset value` of each record that it processed.
struct Writes(PathBuf);

impl Handler for Writes {
    async fn process(&self, record: &Record) -> Result<(), BoxError> {
        tokio::time::sleep(Duration::from_millis(1)).await;
        let seen = Seen::of(record);
        let line = format!("{} {} {} {}\n", record.topic(), seen.partition, seen.offset, seen.value);
        // Whole and at once, so that a kill leaves whole lines.
        let mut file = OpenOptions::new().append(true).create(true).open(&self.0)?;
        file.write_all(line.as_bytes())?;
        Ok(())
    }
}

/// What a child of this binary does; as a test as such, nothing.
#[tokio::test(flavor = "multi_thread")]
async fn a_service_of_its_own() {
    let Ok(role) = std::env::var(ROLE) else { return };
    said::keep();
    let [name, database, bootstrap, file] = role.split('\t').collect::<Vec<_>>()[..] else {
        panic!("{role}")
    };
    let pool = PgPoolOptions::new().max_connections(3).connect_lazy(database).unwrap();
    let consumer = BaseKafkaConsumer::new(name, KafkaConsumerConfigLoader::new(pool), Writes(file.into()));
    consumer
        .metrics_every(Duration::from_secs(1))
        .bootstrap_servers(bootstrap)
        .run()
        .await
        .unwrap();
}

struct Replica {
    process: Child,
    out: PathBuf,
}

impl Replica {
    fn start(service: &Service, kafka: &Kafka, folder: &Path, number: usize) -> Self {
        let out = folder.join(format!("out-{number}"));
        let database = service.postgres.url(&service.database, "app");
        let role = [&service.name, &database, &kafka.bootstrap, out.to_str().unwrap()].join("\t");
        let log = OpenOptions::new()
            .append(true)
            .create(true)
            .open(folder.join(format!("log-{number}")))
            .unwrap();
        let process = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "survival::a_service_of_its_own", "--nocapture"])
            .env(ROLE, role)
            .env("LAGPROOF_STATE_DIR", folder.join("state"))
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn()
            .unwrap();
        Self { process, out }
    }

    /// What it processed, in its order.
    fn numbers(&self) -> Vec<usize> {
        let text = std::fs::read_to_string(&self.out).unwrap_or_default();
        text.lines()
            .map(|line| line.split(' ').nth(3).unwrap().parse().unwrap())
            .collect()
    }

    fn is_over(&mut self) -> bool {
        self.process.try_wait().unwrap().is_some()
    }

    /// Its exit status, or the signal that ended it.
    fn ended(&mut self) -> (Option<i32>, Option<i32>) {
        let given_up = Instant::now() + Duration::from_secs(60);
        while !self.is_over() {
            assert!(Instant::now() < given_up, "it does not end");
            std::thread::sleep(Duration::from_millis(50));
        }
        let status = self.process.wait().unwrap();
        (status.code(), status.signal())
    }
}

impl Drop for Replica {
    fn drop(&mut self) {
        if !self.is_over() {
            let _ = self.process.kill();
            let _ = self.process.wait();
        }
    }
}

fn seen(replicas: &[Replica]) -> Vec<usize> {
    replicas.iter().flat_map(Replica::numbers).collect()
}

enum What {
    Kill,
    Broker,
    Database,
}

async fn nothing_is_lost(name: &str, what: What) {
    let kafka: &'static Kafka = Box::leak(Box::new(Kafka::start()));
    let service = Service::on(Box::leak(Box::new(Postgres::start())));
    let folder = tempfile::tempdir().unwrap();
    let topic = kafka.topic(4).await;
    service.seed(
        &[&topic],
        json!({"consumer": {"session_timeout_ms": 6000}, "concurrency": 4}),
    );
    let mut replicas: Vec<_> = (0..2)
        .map(|number| Replica::start(&service, kafka, folder.path(), number))
        .collect();
    let mut load = Load::start(kafka, &topic, 200.0);
    within(60, "both consume", || {
        replicas.iter().all(|one| !one.numbers().is_empty())
    })
    .await;
    match what {
        What::Kill => {
            replicas[0].process.kill().unwrap();
            assert_eq!(replicas[0].ended(), (None, Some(9)));
            replicas.push(Replica::start(&service, kafka, folder.path(), 2));
            within(60, "the new one consumes", || !replicas[2].numbers().is_empty()).await;
        }
        What::Broker => {
            kafka.halt(Halt::Killed);
            tokio::time::sleep(Duration::from_secs(2)).await;
            kafka.resume();
        }
        What::Database => {
            service.postgres.crash();
            tokio::time::sleep(Duration::from_secs(3)).await;
            let before = seen(&replicas).len();
            within(30, "it goes on without the database", || {
                seen(&replicas).len() > before + 50
            })
            .await;
            service.postgres.restart();
            service.update("max_poll_records = 7");
            let wanted = service.generation();
            let said = format!("SELECT count(*) FROM lagproof.acknowledgements WHERE generation = {wanted}");
            within(90, "it catches up", || service.ask(&said) == "2").await;
        }
    }
    let at = seen(&replicas).len();
    within(90, "it goes on", || seen(&replicas).len() > at + 200).await;
    load.stop();
    let acked = load.acked();
    assert!(!acked.is_empty());
    let has_all = |replicas: &[Replica]| seen(replicas).into_iter().collect::<BTreeSet<_>>().is_superset(&acked);
    within(90, "every record is processed", || has_all(&replicas)).await;
    for one in &mut replicas {
        if !one.is_over() {
            kill_process(Pid::from_child(&one.process), Signal::TERM).unwrap();
            assert_eq!(one.ended(), (Some(0), None), "SIGTERM stops it in good order");
        }
    }
    let numbers = seen(&replicas);
    let once: BTreeSet<usize> = numbers.iter().copied().collect();
    assert_eq!(kafka.committed(&service.group, &topic), kafka.ends(&topic));
    println!(
        "  {name}: {} acknowledged, {} lost, {} processed twice",
        acked.len(),
        acked.difference(&once).count(),
        numbers.len() - once.len()
    );
    assert!(once.is_superset(&acked), "nothing lost");
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_lost_where_a_process_is_killed() {
    nothing_is_lost("kill -9", What::Kill).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_lost_where_the_broker_crashes() {
    nothing_is_lost("broker", What::Broker).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_lost_where_the_database_crashes() {
    nothing_is_lost("database", What::Database).await;
}
