//! What people change at three in the morning.

use serde_json::json;

use super::database::Database;
use super::samples::{document, sensor_settings, with_filter};

const TOPICS: [&str; 1] = ["device.sensor.accelerometer.raw"];

#[test]
fn an_update_is_an_override_recorded_and_announced() {
    let mut database = with_filter();
    let name = database.owner.value("SELECT current_database()");
    // A listener wants the runtime when it is dropped, too.
    let _context = super::database::runtime().enter();
    let mut listener = sqlx_listener(&database);
    let mut person = database.login("ann", "lagproof_operator");
    person.run("SET lagproof.reason = 'the model host is slow'; SET lagproof.until = '2 hours'");
    person.run("UPDATE pipeline_consumer_configs SET max_poll_records = 50 WHERE service_name = 'filter'");

    let row = database.owner.config("filter");
    assert_eq!(row["max_poll_records"], 50);
    assert_eq!(row["settings"]["consumer"]["max_poll_records"], 50);
    assert_eq!(row["settings"]["consumer"]["session_timeout_ms"], 30000);
    assert_eq!(
        (&row["version"], &row["changed_through"]),
        (&json!(1), &json!("person"))
    );

    let who = format!("{}_ann", name.as_str().expect("a name"));
    let overrides = database.owner.rows(
        "SELECT setting, base_value, value, changed_by, reason,
                until BETWEEN now() + interval '119 minutes' AND now() + interval '2 hours' AS ends FROM lagproof.overrides",
    );
    let expected = json!([{
        "setting": "max_poll_records", "base_value": 500, "value": 50, "changed_by": who,
        "reason": "the model host is slow", "ends": true
    }]);
    assert_eq!(json!(overrides), expected);
    let changes = database.owner.rows(
        "SELECT setting, old_value, new_value, through, changed_by, reason, version FROM lagproof.setting_changes
         WHERE through = 'person'",
    );
    let expected = json!([{
        "setting": "max_poll_records", "old_value": 500, "new_value": 50, "through": "person", "changed_by": who,
        "reason": "the model host is slow", "version": 1
    }]);
    assert_eq!(json!(changes), expected);
    let heard = super::database::runtime()
        .block_on(listener.recv())
        .expect("a notification");
    let payload: serde_json::Value = serde_json::from_str(heard.payload()).expect("JSON");
    assert_eq!(
        payload,
        json!({ "service_name": "filter", "version": 1, "generation": row["generation"] })
    );
}

fn sqlx_listener(database: &Database) -> sqlx::postgres::PgListener {
    super::database::runtime().block_on(async {
        let mut listener = sqlx::postgres::PgListener::connect(&database.url())
            .await
            .expect("a listener");
        listener.listen("lagproof_config").await.expect("to listen");
        listener
    })
}

#[test]
fn setting_it_back_is_no_override_any_more() {
    let mut database = with_filter();
    database
        .owner
        .run("UPDATE pipeline_consumer_configs SET max_poll_records = 50, enable_auto_commit = true");
    assert_eq!(
        database.owner.config("filter")["settings"]["delivery"]["commit"],
        "interval"
    );
    database
        .owner
        .run("UPDATE pipeline_consumer_configs SET max_poll_records = 500, enable_auto_commit = false");
    assert_eq!(database.owner.value("SELECT count(*) FROM lagproof.overrides"), 0);
    let expected = document(&TOPICS, sensor_settings());
    assert_eq!(database.owner.config("filter")["settings"], expected["settings"]);
}

#[test]
fn what_the_profile_alone_says_is_refused() {
    let mut database = with_filter();
    for (change, column) in [
        ("consumer_group_id = 'other'", "consumer_group_id"),
        ("version = 7", "version"),
        ("settings = '{}'", "settings"),
        ("topics = '{}'", "topics"),
        ("status = 'retired'", "status"),
    ] {
        let refusal = database
            .owner
            .refused(&format!("UPDATE pipeline_consumer_configs SET {change}"));
        assert_eq!(
            refusal.message,
            format!("{column} of service 'filter' comes from its profile and cannot be changed here")
        );
    }
    let refusal = database.owner.refused("DELETE FROM pipeline_consumer_configs");
    assert_eq!(
        refusal.message,
        "service 'filter' has a profile: its row cannot be deleted"
    );
}

#[test]
fn a_change_that_would_break_the_consumer_names_the_rule() {
    let mut database = with_filter();
    for (change, message) in [
        (
            "max_poll_records = 0",
            "S108: max_poll_records of service 'filter' would be 0, outside 1 to 2147483647",
        ),
        (
            "session_timeout_ms = 90000",
            "C103: session_timeout_ms (90000) of service 'filter' must be at most max_poll_interval_ms (60000)",
        ),
        (
            "heartbeat_interval_ms = 30000",
            "C101: heartbeat_interval_ms (30000) of service 'filter' must be below session_timeout_ms (30000)",
        ),
    ] {
        let refusal = database
            .owner
            .refused(&format!("UPDATE pipeline_consumer_configs SET {change}"));
        assert_eq!(refusal.message, message);
        assert!(refusal.detail.starts_with("At run time: "), "{}", refusal.detail);
    }
    assert_eq!(database.owner.value("SELECT count(*) FROM lagproof.overrides"), 0);
}

#[test]
fn a_seed_that_touches_an_override_stops_with_both_values() {
    let mut database = with_filter();
    database
        .owner
        .run("SET lagproof.reason = 'night'; UPDATE pipeline_consumer_configs SET max_poll_records = 50");
    let mut settings = sensor_settings();
    settings["max_poll_records"] = json!(1000);
    let next = document(&TOPICS, settings.clone());
    let refusal = database
        .owner
        .refused(&format!("SELECT lagproof.seed_service_v1('filter', 2, 'd2', '{next}')"));
    assert_eq!(
        refusal.message,
        "seed of service 'filter', version 2, changes what a person has overridden"
    );
    assert!(
        refusal
            .detail
            .starts_with("max_poll_records: the seed says 1000 (before: 500), ")
            && refusal.detail.contains(" set 50 on ")
            && refusal.detail.ends_with("(night)"),
        "{}",
        refusal.detail
    );
    assert_eq!(database.owner.config("filter")["version"], 1);

    // Taken over by the profile: no override any more.
    settings["max_poll_records"] = json!(50);
    assert_eq!(
        database.owner.seed("filter", 2, &document(&TOPICS, settings.clone())),
        "applied"
    );
    assert_eq!(database.owner.value("SELECT count(*) FROM lagproof.overrides"), 0);
    assert_eq!(database.owner.config("filter")["max_poll_records"], 50);
}

#[test]
fn a_seed_that_changes_something_else_leaves_it_alone() {
    let mut database = with_filter();
    database
        .owner
        .run("UPDATE pipeline_consumer_configs SET max_poll_records = 50");
    let mut settings = sensor_settings();
    settings["fetch_max_wait_ms"] = json!(100);
    assert_eq!(
        database.owner.seed("filter", 2, &document(&TOPICS, settings)),
        "applied"
    );
    let row = database.owner.config("filter");
    assert_eq!(
        (&row["max_poll_records"], &row["fetch_max_wait_ms"], &row["version"]),
        (&json!(50), &json!(100), &json!(2))
    );
    assert_eq!(
        database
            .owner
            .value("SELECT lagproof.drop_override_v1('filter', 'max_poll_records')"),
        true
    );
    assert_eq!(database.owner.config("filter")["max_poll_records"], 500);
    assert_eq!(
        database
            .owner
            .value("SELECT lagproof.drop_override_v1('filter', 'max_poll_records')"),
        false
    );
}

#[test]
fn an_override_that_has_ended_is_ignored_and_then_cleared() {
    let mut database = with_filter();
    database
        .owner
        .run("SET lagproof.until = '1 hour'; UPDATE pipeline_consumer_configs SET max_poll_records = 50");
    let read = "SELECT (settings #> '{consumer,max_poll_records}')::text || ' ' || (etag = generation || '-0') FROM lagproof.read_config_v1('filter')";
    assert_eq!(database.owner.value(read), "50 true");
    database
        .owner
        .run("UPDATE lagproof.overrides SET until = now() - interval '1 second'");
    assert_eq!(database.owner.value(read), "500 false");
    assert_eq!(
        database.owner.config("filter")["max_poll_records"],
        50,
        "not cleared yet"
    );
    // Whoever records metrics clears it.
    database.owner.run("SELECT record_consumer_lag('filter', 't', 0, 5)");
    let row = database.owner.config("filter");
    assert_eq!(
        (&row["max_poll_records"], &row["changed_through"]),
        (&json!(500), &json!("expiry"))
    );
    assert_eq!(database.owner.value(read), "500 true");
}

#[test]
fn an_end_must_be_a_time_to_come() {
    let mut database = with_filter();
    for (until, message) in [
        ("soon", "lagproof.until is no time and no interval: 'soon'"),
        ("-1 hour", "lagproof.until has passed: "),
    ] {
        let refusal = database.owner.refused(&format!(
            "SET lagproof.until = '{until}'; UPDATE pipeline_consumer_configs SET max_poll_records = 5"
        ));
        assert!(refusal.message.starts_with(message), "{}", refusal.message);
    }
}

/// A script from before lagproof that fills the table, and its habits.
#[test]
fn rows_without_a_profile_are_what_they_say() {
    let mut database = Database::migrated();
    let populate = "INSERT INTO pipeline_consumer_configs (service_name, consumer_group_id, max_poll_records)
                    VALUES ('old', 'g', 5) ON CONFLICT (service_name) DO UPDATE SET max_poll_records = excluded.max_poll_records";
    database.owner.run(populate);
    let row = database.owner.config("old");
    assert_eq!(row["settings"]["consumer"], json!({ "max_poll_records": 5 }));
    assert_eq!(row["version"], serde_json::Value::Null);
    // The profile takes the row over; the script then makes overrides.
    assert_eq!(
        database.owner.seed("old", 1, &document(&TOPICS, sensor_settings())),
        "applied"
    );
    assert_eq!(database.owner.config("old")["max_poll_records"], 500);
    database.owner.run(populate);
    assert_eq!(
        database
            .owner
            .value("SELECT string_agg(setting, ',') FROM lagproof.overrides"),
        "max_poll_records"
    );
    assert_eq!(database.owner.config("old")["max_poll_records"], 5);
}
