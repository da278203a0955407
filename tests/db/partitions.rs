//! Partition recommendations, the script, and marking it done.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::Command;

use serde_json::{Value as Json, json};

use super::database::Database;
use super::samples::{document, sensor_settings};

const ACCELEROMETER: &str = "device.sensor.accelerometer.raw";
const AUDIO: &str = "device.audio.raw";

/// The reference project's two topics that the document grows.
fn with_topics() -> Database {
    let mut database = Database::migrated();
    for (topic, partitions, reason) in [(ACCELEROMETER, 10, "50 events/s a device"), (AUDIO, 6, "audio")] {
        let declared = json!({ "revision": 1, "partitions": partitions, "partitions_now": 3, "rate": 50, "peak": { "rate": 250 }, "reason": reason });
        assert_eq!(database.owner.seed_topic(topic, &declared), "applied");
    }
    database
}

fn pending(database: &mut Database) -> Vec<Json> {
    database.owner.rows(
        "SELECT topic_name, current_partitions, target_partitions, recommended_partitions, reason
         FROM topic_partition_changes WHERE NOT applied ORDER BY topic_name",
    )
}

#[test]
fn topics_that_lack_partitions_are_recommended() {
    let mut database = with_topics();
    let expected = json!([
        { "topic_name": AUDIO, "current_partitions": 3, "target_partitions": 6, "recommended_partitions": 6, "reason": "audio" },
        { "topic_name": ACCELEROMETER, "current_partitions": 3, "target_partitions": 10, "recommended_partitions": 10, "reason": "50 events/s a device" },
    ]);
    assert_eq!(json!(pending(&mut database)), expected);
    // Enough already, or unknown.
    database.owner.seed_topic(
        "enough",
        &json!({ "revision": 1, "partitions": 4, "partitions_now": 4 }),
    );
    database
        .owner
        .seed_topic("unknown", &json!({ "revision": 1, "partitions": 4 }));
    let topics: Vec<Json> = pending(&mut database)
        .into_iter()
        .map(|row| row["topic_name"].clone())
        .collect();
    assert_eq!(topics, [AUDIO, ACCELEROMETER, "unknown"]);
}

#[test]
fn the_script_runs_as_it_is() {
    let database = with_topics();
    let script = database.must_psql(&["-At", "-c", "SELECT generate_partition_update_script();"]);
    assert_eq!(
        script,
        "kafka-topics --bootstrap-server \"${BOOTSTRAP_SERVER:?}\" --alter --topic 'device\\.audio\\.raw' --partitions 6\n\
         kafka-topics --bootstrap-server \"${BOOTSTRAP_SERVER:?}\" --alter --topic 'device\\.sensor\\.accelerometer\\.raw' --partitions 10\n"
    );
    let folder = tempfile::tempdir().expect("a folder");
    let tool = folder.path().join("kafka-topics");
    fs::write(&tool, "#!/bin/sh\nprintf '[%s]' \"$@\"\necho\n").expect("a tool");
    fs::set_permissions(&tool, fs::Permissions::from_mode(0o755)).expect("a tool that runs");
    let path = format!(
        "{}:{}",
        folder.path().display(),
        std::env::var("PATH").unwrap_or_default()
    );
    let bash = |server: Option<&str>| {
        let mut command = Command::new("bash");
        command
            .args(["-c", &script])
            .env("PATH", &path)
            .env_remove("BOOTSTRAP_SERVER");
        if let Some(server) = server {
            command.env("BOOTSTRAP_SERVER", server);
        }
        command.output().expect("bash runs")
    };
    assert_eq!(
        String::from_utf8_lossy(&bash(Some("a b:9092")).stdout),
        "[--bootstrap-server][a b:9092][--alter][--topic][device\\.audio\\.raw][--partitions][6]\n\
         [--bootstrap-server][a b:9092][--alter][--topic][device\\.sensor\\.accelerometer\\.raw][--partitions][10]\n"
    );
    let without = bash(None);
    assert!(
        !without.status.success() && without.stdout.is_empty(),
        "no cluster is guessed"
    );
}

#[test]
fn marking_marks_what_the_last_script_had() {
    let mut database = with_topics();
    assert_eq!(
        database.owner.value("SELECT mark_partition_changes_applied()"),
        0,
        "no script yet"
    );
    database.owner.rows("SELECT generate_partition_update_script()");
    // Changed, and new, since the script.
    database
        .owner
        .seed_topic(AUDIO, &json!({ "revision": 2, "partitions": 8, "partitions_now": 3 }));
    database
        .owner
        .seed_topic("late", &json!({ "revision": 1, "partitions": 4, "partitions_now": 1 }));
    assert_eq!(database.owner.value("SELECT mark_partition_changes_applied()"), 1);
    let topics: Vec<Json> = pending(&mut database)
        .into_iter()
        .map(|row| row["topic_name"].clone())
        .collect();
    assert_eq!(topics, [AUDIO, "late"]);
    assert_eq!(
        database.owner.value(&format!("SELECT applied AND applied_at IS NOT NULL AND applied_by IS NOT NULL FROM topic_partition_changes WHERE topic_name = '{ACCELEROMETER}'")),
        true
    );
    assert_eq!(
        database.owner.value("SELECT mark_partition_changes_applied()"),
        0,
        "once is enough"
    );
}

#[test]
fn one_topic_can_be_marked() {
    let mut database = with_topics();
    assert_eq!(
        database
            .owner
            .value(&format!("SELECT mark_partition_changes_applied('{AUDIO}')")),
        1
    );
    let refusal = database
        .owner
        .refused(&format!("SELECT mark_partition_changes_applied('{AUDIO}')"));
    assert_eq!(
        refusal.message,
        format!("topic '{AUDIO}' has no partition change that is not applied")
    );
    assert_eq!(pending(&mut database).len(), 1);
}

#[test]
fn what_was_applied_is_not_recommended_again() {
    let mut database = with_topics();
    database.owner.rows("SELECT generate_partition_update_script()");
    database.owner.value("SELECT mark_partition_changes_applied()");
    // topics.toml still says that there are three.
    database.owner.seed_topic(
        AUDIO,
        &json!({ "revision": 2, "partitions": 6, "partitions_now": 3, "rate": 60 }),
    );
    assert!(pending(&mut database).is_empty());
    assert!(
        database
            .must_psql(&["-At", "-c", "SELECT generate_partition_update_script();"])
            .is_empty()
    );
    database
        .owner
        .seed_topic(AUDIO, &json!({ "revision": 3, "partitions": 12, "partitions_now": 3 }));
    assert_eq!(pending(&mut database)[0]["current_partitions"], 6);
}

#[test]
fn partitions_are_never_taken_away() {
    let mut database = with_topics();
    let refusal = database.owner.refused(
        "INSERT INTO topic_partition_changes (topic_name, current_partitions, target_partitions) VALUES ('a', 6, 3)",
    );
    assert_eq!(refusal.constraint, "partitions_are_never_taken_away");
    database.owner.seed_topic(
        "shrunk",
        &json!({ "revision": 1, "partitions": 3, "partitions_now": 6 }),
    );
    assert_eq!(pending(&mut database).len(), 2);
}

#[test]
fn an_older_declaration_never_overwrites_a_newer_one() {
    let mut database = with_topics();
    let declared = |revision: u32, partitions: u32| json!({ "revision": revision, "partitions": partitions });
    assert_eq!(database.owner.seed_topic(AUDIO, &declared(3, 12)), "applied");
    assert_eq!(database.owner.seed_topic(AUDIO, &declared(2, 9)), "older");
    assert_eq!(
        database.owner.value(&format!(
            "SELECT partitions FROM lagproof.topics WHERE topic = '{AUDIO}'"
        )),
        12
    );
    let refusal = database.owner.refused(&format!(
        "SELECT lagproof.seed_topic_v1('{AUDIO}', 'other', '{{\"revision\": 3, \"partitions\": 5}}')"
    ));
    assert_eq!(
        refusal.message,
        format!("topic '{AUDIO}' is at revision 3 with other content than this seed has")
    );
}

#[test]
fn efficiency_judges_against_rates_replicas_and_measurements() {
    let mut database = with_topics();
    let mut service = document(&[ACCELEROMETER], sensor_settings());
    service["context"]["replicas"] = json!(12);
    database.owner.seed("filter", 1, &service);
    let judged = |database: &mut Database| {
        database
            .owner
            .rows(&format!(
                "SELECT verdict, recommendation, needed_partitions, measured_rate, hottest_share
             FROM v_partition_efficiency WHERE topic_name = '{ACCELEROMETER}'"
            ))
            .remove(0)
    };
    assert_eq!(judged(&mut database)["verdict"], "idle replicas");
    assert_eq!(
        judged(&mut database)["recommendation"],
        "declare at least 12 partitions, or run fewer replicas: 12 replicas share 10"
    );

    service["context"]["replicas"] = json!(2);
    service["revision"] = json!(2);
    database.owner.seed("filter", 1, &service);
    assert_eq!(
        judged(&mut database)["recommendation"],
        "grow it from 3 to 10 partitions, as declared: generate_partition_update_script()"
    );
    database
        .owner
        .value(&format!("SELECT mark_partition_changes_applied('{ACCELEROMETER}')"));
    assert_eq!(judged(&mut database)["verdict"], "fits");

    // 90 of 100 records a second in one partition, 100 ms a record: 250/s at peak want 32 members.
    database.owner.run(&format!(
        "INSERT INTO consumer_lag_history (service_name, topic, partition, lag, consumer_offset, \"timestamp\") VALUES
            ('filter', '{ACCELEROMETER}', 0, 0, 0, now() - interval '110 s'), ('filter', '{ACCELEROMETER}', 0, 0, 9000, now() - interval '10 s'),
            ('filter', '{ACCELEROMETER}', 1, 0, 0, now() - interval '110 s'), ('filter', '{ACCELEROMETER}', 1, 0, 1000, now() - interval '10 s')"
    ));
    let row = judged(&mut database);
    assert_eq!(
        (&row["verdict"], &row["measured_rate"], &row["hottest_share"]),
        (&json!("skewed"), &json!(100), &json!(0.9))
    );
    assert_eq!(
        row["recommendation"],
        "one partition takes 90 % of the records, where an even share is 10 %: look at the keys"
    );
    database.owner.run("INSERT INTO consumer_processing_metrics (service_name, messages_processed, processing_time_ms) VALUES ('filter', 10, 1000)");
    let row = judged(&mut database);
    assert_eq!(
        (&row["verdict"], &row["needed_partitions"]),
        (&json!("too few"), &json!(32))
    );
    assert_eq!(
        row["recommendation"],
        "declare 32 partitions instead of 10: at 250 records a second, filter takes 100.0 ms a record"
    );
}
