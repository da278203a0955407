//! Services, topics and samples to test with.

use serde_json::{Value as Json, json};

use super::database::{Database, Session};

/// A seed's document of a service, with these consumer settings.
pub fn document(topics: &[&str], consumer: Json) -> Json {
    json!({
        "revision": 1,
        "settings": {
            "client": "librdkafka", "group": "loom-test", "group_protocol": "classic", "topics": topics,
            "consumer": consumer,
            "delivery": { "commit": "after-batch", "commit_interval_ms": 5000, "isolation": "read-committed" },
            "concurrency": 1, "handler": "inline"
        },
        "context": {
            "type": "sensor-processing", "summary": "a service to test with", "replicas": 1,
            "targets": { "lag": 100, "errors": 0.01, "rebalances_per_hour": 1.0 },
            "topics": {}
        }
    })
}

/// The settings that the reference project's sensor services have.
pub fn sensor_settings() -> Json {
    json!({
        "max_poll_records": 500, "session_timeout_ms": 30000, "heartbeat_interval_ms": 3000,
        "max_poll_interval_ms": 60000, "partition_assignment_strategy": ["range", "roundrobin"],
        "fetch_max_wait_ms": 500, "auto_offset_reset": "earliest"
    })
}

impl Session {
    /// Seeds a service; what the function answered.
    pub fn seed(&mut self, service: &str, version: u32, document: &Json) -> Json {
        self.value_with(
            "SELECT lagproof.seed_service_v1($1, $2::integer, $3, $4::jsonb)",
            &[
                service,
                &version.to_string(),
                &format!("sha256:{version}"),
                &document.to_string(),
            ],
        )
    }

    /// Seeds a topic; what the function answered.
    pub fn seed_topic(&mut self, topic: &str, document: &Json) -> Json {
        self.value_with(
            "SELECT lagproof.seed_topic_v1($1, $2, $3::jsonb)",
            &[topic, &format!("sha256:{document}"), &document.to_string()],
        )
    }

    /// A row of pipeline_consumer_configs.
    pub fn config(&mut self, service: &str) -> Json {
        let mut rows = self.rows_with(
            "SELECT * FROM pipeline_consumer_configs WHERE service_name = $1",
            &[service],
        );
        assert_eq!(rows.len(), 1, "{service}");
        rows.remove(0)
    }
}

/// A migrated database with one service, `filter`.
pub fn with_filter() -> Database {
    let mut database = Database::migrated();
    let document = document(&["device.sensor.accelerometer.raw"], sensor_settings());
    assert_eq!(database.owner.seed("filter", 1, &document), "applied");
    database
}
