//! The requirements document's SQL, unchanged, over sample metrics.

use serde_json::json;

use super::database::Database;
use super::migrate::run;
use super::samples::{document, sensor_settings};

const FILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/db/requirements.sql");

/// Three services of the reference project, half an hour of samples: vision is well, the motion filter is behind with
/// single records, audio was behind and has caught up.
fn reference() -> Database {
    let mut database = Database::empty();
    let project = tempfile::tempdir().expect("a folder");
    std::fs::write(project.path().join("lagproof.toml"), "name = \"loom\"\n").expect("a project");
    let (status, out, err) = run(project.path(), Some(&database.url()), &[]);
    assert_eq!(status, Some(0), "{out}{err}");
    let mut settings = sensor_settings();
    settings["max_poll_records"] = json!(1);
    database.owner.seed(
        "motion-event-filter",
        1,
        &document(&["device.sensor.accelerometer.raw"], settings),
    );
    database
        .owner
        .seed("silero-vad", 1, &document(&["device.audio.raw"], sensor_settings()));
    let vision = json!({ "max_poll_records": 1, "session_timeout_ms": 60000, "heartbeat_interval_ms": 3000, "max_poll_interval_ms": 600_000 });
    database
        .owner
        .seed("minicpm-vision", 1, &document(&["device.image.camera.raw"], vision));
    for (topic, now, wanted) in [
        ("device.sensor.accelerometer.raw", 3, 10),
        ("device.audio.raw", 3, 6),
        ("device.image.camera.raw", 4, 4),
    ] {
        database.owner.seed_topic(
            topic,
            &json!({ "revision": 1, "partitions": wanted, "partitions_now": now, "rate": 100 }),
        );
    }
    database.owner.run(
        "INSERT INTO consumer_lag_history (service_name, topic, partition, lag, consumer_offset, \"timestamp\")
         SELECT service, topic, partition, CASE service WHEN 'motion-event-filter' THEN 1500 + partition
                                                        WHEN 'silero-vad' THEN greatest(0, 400 - 20 * i) ELSE 3 END,
                100 * 60 * i, now() - (30 - i) * interval '1 minute'
         FROM (VALUES ('motion-event-filter', 'device.sensor.accelerometer.raw', 3), ('silero-vad', 'device.audio.raw', 1),
                      ('minicpm-vision', 'device.image.camera.raw', 1)) AS reading (service, topic, partitions),
              generate_series(0, partitions - 1) AS partition, generate_series(0, 30) AS i;
         INSERT INTO consumer_processing_metrics (service_name, messages_processed, processing_time_ms, messages_per_second, memory_usage_mb, \"timestamp\")
         SELECT service, processed, time_ms, processed / 60.0, 64, now() - (30 - i) * interval '1 minute'
         FROM (VALUES ('motion-event-filter', 18000, 1800), ('silero-vad', 6000, 600), ('minicpm-vision', 30, 30000)) AS doing (service, processed, time_ms),
              generate_series(0, 30) AS i",
    );
    database
}

#[test]
fn every_line_runs_as_written() {
    let database = reference();
    let printed = database.must_psql(&["-v", "ON_ERROR_STOP=1", "-f", FILE]);
    for expected in [
        "avg_lag",
        "priority",
        "recommendation",
        "timestamp",
        "kafka-topics --bootstrap-server",
        "mark_partition_changes_applied",
    ] {
        assert!(printed.contains(expected), "{expected}:\n{printed}");
    }
}

/// The statements of the file, so that what is compared is what was run.
fn statement(number: usize) -> String {
    let text = std::fs::read_to_string(FILE).expect("the file");
    let text: Vec<&str> = text.lines().filter(|line| !line.starts_with("--")).collect();
    text.join("\n")
        .split(';')
        .nth(number)
        .expect("a statement")
        .trim()
        .to_owned()
}

#[test]
fn its_rows_are_what_the_samples_imply() {
    let mut database = reference();
    let rows = database.owner.rows(&format!(
        "SELECT service_name, avg_lag, max_lag FROM ({}) AS monitor",
        statement(0)
    ));
    assert_eq!(
        json!(rows),
        json!([
            // 1500 + 1501 + 1502, all the time.
            { "service_name": "motion-event-filter", "avg_lag": 4503, "max_lag": 4503 },
            // 400, 380, … 0 and ten times 0, over 31 samples.
            { "service_name": "silero-vad", "avg_lag": 135.48, "max_lag": 400 },
            { "service_name": "minicpm-vision", "avg_lag": 3, "max_lag": 3 },
        ])
    );
    let alerts = database.owner.rows(&format!(
        "SELECT service_name, priority, alert FROM ({}) AS alerts",
        statement(1)
    ));
    assert_eq!(
        json!(alerts),
        json!([{ "service_name": "motion-event-filter", "priority": "high", "alert": "lag" }])
    );
    let history = database.owner.rows(&format!(
        "SELECT DISTINCT service_name, avg_lag, messages_processed FROM ({}) AS history",
        statement(2)
    ));
    assert_eq!(
        json!(history),
        json!([{ "service_name": "minicpm-vision", "avg_lag": 3, "messages_processed": 30 }])
    );
    assert_eq!(database.owner.rows(&statement(2)).len(), 31);
    assert_eq!(
        json!(database.owner.rows(&statement(3))),
        json!([{
            "service_name": "motion-event-filter", "priority": "high",
            "recommendation": "raise max_poll_records from 1 to 300: handlers are busy 3 % of the time, so what holds it up is the cost of a batch; 300 records take 30.0 ms of the 60000 ms poll interval",
        }])
    );
    assert_eq!(
        json!(database.owner.rows(&statement(4))),
        json!([
            { "generate_partition_update_script": "kafka-topics --bootstrap-server \"${BOOTSTRAP_SERVER:?}\" --alter --topic 'device\\.audio\\.raw' --partitions 6" },
            { "generate_partition_update_script": "kafka-topics --bootstrap-server \"${BOOTSTRAP_SERVER:?}\" --alter --topic 'device\\.sensor\\.accelerometer\\.raw' --partitions 10" },
        ])
    );
    assert_eq!(
        json!(database.owner.rows(&statement(5))),
        json!([{ "mark_partition_changes_applied": 2 }])
    );
}
