//! Names that try to be something else.

use std::process::Command;

use serde_json::json;

use super::database::Database;
use super::samples::{document, sensor_settings};

const NAMES: [&str; 9] = [
    "it's",
    "\"quoted\"",
    "'; DROP TABLE pipeline_consumer_configs; --",
    "two\nlines",
    "$lagproof$; SELECT 1; $lagproof$",
    "$$",
    "$(touch /tmp/owned)",
    "back\\slash%",
    "größe €😀",
];

#[test]
fn services_may_be_called_anything() {
    let mut database = Database::migrated();
    for name in NAMES {
        let mut document = document(&[name], sensor_settings());
        document["settings"]["group"] = json!(name);
        document["context"]["summary"] = json!(name);
        assert_eq!(database.owner.seed(name, 1, &document), "applied", "{name}");
        let row = database.owner.config(name);
        assert_eq!(
            (&row["consumer_group_id"], &row["description"], &row["topics"]),
            (&json!(name), &json!(name), &json!([name]))
        );
        database
            .owner
            .value_with("SELECT 1 FROM record_consumer_lag($1, $1, 0, 5000::bigint)", &[name]);
        database
            .owner
            .value_with("SELECT 1 FROM record_processing_metrics($1, 5)", &[name]);
        database
            .owner
            .value_with("SELECT set_config('lagproof.reason', $1, false)", &[name]);
        database.owner.rows_with(
            "SELECT true FROM pipeline_consumer_configs WHERE service_name = $1",
            &[name],
        );
    }
    database.owner.run("SET lagproof.retire_running = 'on'");
    // A hot change, its refusals, a conflict, a retirement: each names it and does no more.
    database
        .owner
        .run("UPDATE pipeline_consumer_configs SET max_poll_records = 5");
    database
        .owner
        .refused("UPDATE pipeline_consumer_configs SET max_poll_records = 0");
    database
        .owner
        .refused("UPDATE pipeline_consumer_configs SET version = 9");
    for name in NAMES {
        assert_eq!(
            database
                .owner
                .value_with("SELECT reason FROM lagproof.overrides WHERE service_name = $1", &[name]),
            NAMES[8]
        );
        assert_eq!(
            database
                .owner
                .value_with("SELECT lagproof.drop_override_v1($1, 'max_poll_records')", &[name]),
            true
        );
        assert_eq!(
            database
                .owner
                .value_with("SELECT lagproof.retire_service_v1($1, 2)", &[name]),
            "applied"
        );
    }
    assert_eq!(
        database
            .owner
            .value("SELECT count(*) FROM v_consumer_performance_monitor"),
        NAMES.len()
    );
    database.owner.rows("SELECT * FROM v_consumer_alerts");
    assert_eq!(
        database.owner.value("SELECT count(*) FROM pipeline_consumer_configs"),
        NAMES.len()
    );
}

#[test]
fn topics_that_kafka_would_not_take_are_refused() {
    let mut database = Database::migrated();
    for name in NAMES.into_iter().chain(["", ".", "..", "a b", "a\n"]) {
        let quoted = name.replace('\'', "''");
        let refusal = database.owner.refused(&format!(
            "SELECT lagproof.seed_topic_v1(E'{}', 'd', '{{\"partitions\": 2}}')",
            quoted.replace('\\', "\\\\")
        ));
        assert!(
            refusal.message.ends_with(": Kafka allows no such name"),
            "{name}: {}",
            refusal.message
        );
        let refusal = database.owner.refused(&format!(
            "INSERT INTO topic_partition_changes (topic_name, target_partitions) VALUES (E'{}', 2)",
            quoted.replace('\\', "\\\\")
        ));
        assert_eq!(refusal.constraint, "topic_name_is_kafkas", "{name}");
    }
    assert_eq!(database.owner.value("SELECT count(*) FROM topic_partition_changes"), 0);
}

/// Kafka's rule already leaves nothing that a shell could take apart; the quoting does not rest on that.
#[test]
fn words_for_the_shell_stay_words() {
    let mut database = Database::migrated();
    for name in NAMES.into_iter().chain(["a'b'", "''; id; '", "-n", "*", ""]) {
        let word = database.owner.value_with("SELECT lagproof.shell_word($1)", &[name]);
        let script = format!("printf '%s' {}", word.as_str().expect("a word"));
        let output = Command::new("bash").args(["-c", &script]).output().expect("bash runs");
        assert!(output.stderr.is_empty());
        assert_eq!(String::from_utf8_lossy(&output.stdout), name);
    }
}

#[test]
fn patterns_for_kafka_topics_mean_the_name_only() {
    let mut database = Database::migrated();
    for (name, pattern) in [
        ("device.audio.raw", r"device\.audio\.raw"),
        ("a_b-c", "a_b-c"),
        ("-x", r"\-x"),
        ("a|b", r"a\|b"),
        ("(a)[b]{c}*+?^$", r"\(a\)\[b\]\{c\}\*\+\?\^\$"),
        (r"a\b", r"a\\b"),
    ] {
        assert_eq!(
            database.owner.value_with("SELECT lagproof.topic_pattern($1)", &[name]),
            pattern
        );
    }
}
