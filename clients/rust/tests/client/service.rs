//! A seeded service with a database of its own, and what tests wait for.

use std::path::PathBuf;
use std::sync::atomic::{AtomicI32, AtomicU32, Ordering};
use std::time::{Duration, Instant};

use lagproof_client::KafkaConsumerConfigLoader;
use serde_json::{Map, Value as Json, json};
use sqlx::PgPool;
use tempfile::TempDir;

use super::postgres::{self, Postgres};
use super::said;

/// A service.
pub struct Service {
    /// Its name.
    pub name: String,
    /// Its group.
    pub group: String,
    /// Its database.
    pub database: String,
    /// The server of that.
    pub postgres: &'static Postgres,
    /// Logs in as a service does, with no more rights than that.
    pub pool: PgPool,
    version: AtomicI32,
    state: TempDir,
}

impl Service {
    /// On the shared server.
    pub fn new() -> Self {
        Self::on(postgres::shared())
    }

    /// On a server.
    pub fn on(postgres: &'static Postgres) -> Self {
        static MADE: AtomicU32 = AtomicU32::new(0);
        said::keep();
        let name = format!("svc-{}-{}", std::process::id(), MADE.fetch_add(1, Ordering::Relaxed));
        let database = postgres.database("migrated");
        Self {
            group: format!("group-{name}"),
            name,
            pool: postgres.pool(&database, "app", 4),
            database,
            postgres,
            version: AtomicI32::new(0),
            state: tempfile::tempdir().unwrap(),
        }
    }

    /// Where its last-good file is.
    pub fn state_dir(&self) -> PathBuf {
        self.state.path().join("state")
    }

    /// A loader of its own.
    pub fn loader(&self) -> KafkaConsumerConfigLoader {
        let loader = KafkaConsumerConfigLoader::new(self.pool.clone()).state_dir(self.state_dir());
        loader.ask_every(Duration::from_millis(300))
    }

    /// Seeds it, or seeds it again with another version. Keys of `consumer` are added, others replaced.
    pub fn seed(&self, topics: &[&str], changes: Json) {
        let version = self.version.fetch_add(1, Ordering::Relaxed) + 1;
        let mut settings = json!({
            "client": "librdkafka", "group": self.group, "group_protocol": "classic", "topics": topics,
            "consumer": {
                "max_poll_records": 500, "session_timeout_ms": 10000, "heartbeat_interval_ms": 500,
                "max_poll_interval_ms": 60000, "auto_offset_reset": "earliest", "fetch_max_wait_ms": 100,
                "retry_backoff_ms": 100,
            },
            "delivery": {"commit": "after-batch", "commit_interval_ms": 5000, "isolation": "read-committed"},
            "concurrency": 1, "handler": "inline",
        });
        let Json::Object(changes) = changes else {
            panic!("{changes}")
        };
        for (key, value) in changes {
            match (&mut settings[&key], value) {
                (Json::Object(old), Json::Object(new)) if key == "consumer" => old.extend(new),
                (old, new) => *old = new,
            }
        }
        let document = Json::Object(Map::from_iter([
            ("settings".to_owned(), settings),
            ("context".to_owned(), json!({})),
        ]));
        let document = document.to_string().replace('\'', "''");
        self.ask(&format!(
            "SELECT lagproof.seed_service_v1('{}', {version}, 'digest-{version}', '{document}'::jsonb)",
            self.name
        ));
    }

    /// Asks as the owner.
    pub fn ask(&self, sql: &str) -> String {
        self.postgres.psql(&self.database, sql)
    }

    /// What a person does.
    pub fn update(&self, sets: &str) {
        self.ask(&format!(
            "UPDATE pipeline_consumer_configs SET {sets} WHERE service_name = '{}'",
            self.name
        ));
    }

    /// The generation of its row.
    pub fn generation(&self) -> i64 {
        let asked = format!(
            "SELECT generation FROM pipeline_consumer_configs WHERE service_name = '{}'",
            self.name
        );
        self.ask(&asked).parse().unwrap()
    }
}

/// Waits until something holds.
pub async fn eventually(what: &str, holds: impl FnMut() -> bool) {
    within(30, what, holds).await;
}

/// Waits until something holds, so many seconds.
pub async fn within(seconds: u64, what: &str, mut holds: impl FnMut() -> bool) {
    let given_up = Instant::now() + Duration::from_secs(seconds);
    while !holds() {
        assert!(Instant::now() < given_up, "not within {seconds} s: {what}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}
