//! Seeds: what they make, in any order, twice, and edited.

use proptest::prelude::*;
use serde_json::{Value as Json, json};

use super::database::{Database, Session};
use super::samples::{document, sensor_settings, with_filter};

#[test]
fn a_row_is_what_the_seed_says() {
    let mut database = Database::migrated();
    let document = document(&["b", "a"], sensor_settings());
    database.owner.seed("filter", 3, &document);
    let row = database.owner.config("filter");
    for (column, expected) in [
        ("consumer_group_id", json!("loom-test")),
        ("max_poll_records", json!(500)),
        ("session_timeout_ms", json!(30000)),
        ("partition_assignment_strategy", json!("range,roundrobin")),
        ("enable_auto_commit", json!(false)),
        ("auto_commit_interval_ms", json!(5000)),
        ("fetch_min_bytes", Json::Null),
        ("description", json!("a service to test with")),
        ("client", json!("librdkafka")),
        ("version", json!(3)),
        ("revision", json!(1)),
        ("status", json!("active")),
        ("topics", json!(["b", "a"])),
        ("concurrency", json!(1)),
        ("target_lag", json!(100)),
        ("settings", document["settings"].clone()),
        ("context", document["context"].clone()),
    ] {
        assert_eq!(row[column], expected, "{column}");
    }
}

#[test]
fn what_leaves_it_to_the_client_is_null() {
    let mut database = Database::migrated();
    let mut document = document(&["a"], json!({}));
    document["settings"]["concurrency"] = json!("unbounded");
    document["settings"]["delivery"]["commit"] = json!("interval");
    database.owner.seed("filter", 1, &document);
    let row = database.owner.config("filter");
    assert_eq!(row["concurrency"], Json::Null);
    assert_eq!(row["max_poll_records"], Json::Null);
    assert_eq!(row["enable_auto_commit"], true);
}

#[test]
fn twice_is_once() {
    let mut database = with_filter();
    let generation = database.owner.config("filter")["generation"].clone();
    let again = document(&["device.sensor.accelerometer.raw"], sensor_settings());
    assert_eq!(database.owner.seed("filter", 1, &again), "unchanged");
    assert_eq!(database.owner.config("filter")["generation"], generation);
    assert_eq!(database.owner.value("SELECT count(*) FROM lagproof.setting_changes"), 1);
}

#[test]
fn other_content_under_the_same_version_is_refused() {
    let mut database = with_filter();
    let refusal = database.owner.refused(
        "SELECT lagproof.seed_service_v1('filter', 1, 'sha256:other',
            '{\"revision\": 1, \"settings\": {\"client\": \"java\", \"group\": \"g\", \"topics\": []}}')",
    );
    assert_eq!(
        refusal.message,
        "service 'filter' is at version 1, revision 1, with other content than this seed has"
    );
    assert_eq!(
        refusal.detail,
        "The database has digest sha256:1, the seed sha256:other."
    );
}

#[test]
fn a_seed_that_was_cut_short_is_refused() {
    let mut database = Database::migrated();
    for (document, wrong) in [
        ("{}", "settings is no object"),
        (
            r#"{"settings": {"client": "java", "topics": []}}"#,
            "settings.group is missing",
        ),
        (
            r#"{"settings": {"client": "java", "group": "g"}}"#,
            "settings.topics is no list",
        ),
        (r#"{"revision": "one", "settings": {}}"#, "revision is no whole number"),
        (r#"[]"#, "the document is no object"),
    ] {
        let refusal = database
            .owner
            .refused(&format!("SELECT lagproof.seed_service_v1('a', 1, 'd', '{document}')"));
        assert_eq!(refusal.message, format!("seed of service 'a', version 1: {wrong}"));
    }
    let refusal = database.owner.refused(
        r#"SELECT lagproof.seed_service_v1('a', 1, 'd', '{"settings": {"client": "java", "group": "g", "topics": [],
            "consumer": {"max_poll_records": "many"}}}')"#,
    );
    assert!(
        refusal
            .message
            .starts_with("S108: max_poll_records of service 'a' would be \"many\""),
        "{}",
        refusal.message
    );
    assert_eq!(
        database.owner.value("SELECT count(*) FROM pipeline_consumer_configs"),
        0
    );
}

#[test]
fn a_tombstone_retires_and_a_newer_seed_brings_back() {
    let mut database = with_filter();
    let retire = "SELECT lagproof.retire_service_v1('filter', 2, '{\"revision\": 1}')";
    assert_eq!(database.owner.value(retire), "applied");
    assert_eq!(database.owner.value(retire), "unchanged");
    let row = database.owner.config("filter");
    assert_eq!(
        (&row["status"], &row["version"], &row["max_poll_records"]),
        (&json!("retired"), &json!(2), &json!(500))
    );
    assert_eq!(
        database.owner.seed("filter", 3, &document(&["a"], sensor_settings())),
        "applied"
    );
    assert_eq!(database.owner.config("filter")["status"], "active");
    assert_eq!(database.owner.value(retire), "older");
}

/// What can happen to one service, and must come out the same in any order.
#[derive(Debug, Clone, Copy)]
enum Step {
    Seed { version: u32, revision: u32 },
    Retire { version: u32 },
}

fn apply(session: &mut Session, step: Step) {
    match step {
        Step::Seed { version, revision } => {
            let mut settings = sensor_settings();
            settings["max_poll_records"] = json!(version * 10);
            let mut document = document(&["a"], settings);
            document["revision"] = json!(revision);
            document["context"]["replicas"] = json!(revision);
            session.seed("filter", version, &document);
        }
        Step::Retire { version } => {
            session.value(&format!(
                "SELECT lagproof.retire_service_v1('filter', {version}, '{{\"revision\": 1}}')"
            ));
        }
    }
}

fn outcome(session: &mut Session) -> Json {
    session.value(
        "SELECT jsonb_agg(to_jsonb(c) - '{created_at,updated_at,generation,changed_by,changed_through}'::text[])
         FROM pipeline_consumer_configs AS c",
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn seeds_apply_in_any_order(order in Just((0..7).collect::<Vec<usize>>()).prop_shuffle()) {
        let steps = [
            Step::Seed { version: 1, revision: 1 }, Step::Seed { version: 1, revision: 2 },
            Step::Seed { version: 2, revision: 1 }, Step::Retire { version: 3 },
            Step::Seed { version: 4, revision: 1 }, Step::Seed { version: 4, revision: 2 }, Step::Retire { version: 5 },
        ];
        let mut in_order = Database::migrated();
        let mut shuffled = Database::migrated();
        for (step, at) in steps.into_iter().zip(order) {
            apply(&mut in_order.owner, step);
            apply(&mut shuffled.owner, steps[at]);
        }
        let expected = outcome(&mut in_order.owner);
        prop_assert_eq!(&expected[0]["status"], "retired");
        prop_assert_eq!(outcome(&mut shuffled.owner), expected);
    }
}
