//! Recording samples, and keeping them.

use serde_json::json;

use super::database::Database;

#[test]
fn one_sample_and_many() {
    let mut database = Database::migrated();
    database.owner.run(
        "SELECT record_consumer_lag('a', 't', 0, 7);
         SELECT record_consumer_lag('a', 't', 1, 8, 100, now() - interval '1 minute');
         SELECT record_processing_metrics('a', 10, 12.5, 3, 64);
         INSERT INTO consumer_lag_history (service_name, topic, partition, lag, consumer_offset) VALUES ('a', 't', 2, 9, 5);
         INSERT INTO consumer_processing_metrics (service_name, messages_processed, processing_time_ms, messages_per_second, memory_usage_mb)
            VALUES ('a', 1, 2, 3.5, 4.5)",
    );
    let batch = json!([
        { "service_name": "b", "topic": "t", "partition": 0, "lag": 1, "consumer_offset": 9, "timestamp": "2026-01-01T00:00:00Z" },
        { "service_name": "b", "topic": "t", "partition": 1, "lag": 2 },
    ]);
    assert_eq!(
        database
            .owner
            .value_with("SELECT record_consumer_lag($1::jsonb)", &[&batch.to_string()]),
        2
    );
    let batch = json!([{ "service_name": "b", "messages_processed": 5, "messages_failed": 1, "rebalances": 2, "instance": "b-0" }]);
    assert_eq!(
        database
            .owner
            .value_with("SELECT record_processing_metrics($1::jsonb)", &[&batch.to_string()]),
        1
    );
    assert_eq!(database.owner.value("SELECT string_agg(service_name || partition || lag, ' ' ORDER BY service_name, partition) FROM consumer_lag_history"), "a07 a18 a29 b01 b12");
    assert_eq!(
        database
            .owner
            .value("SELECT sum(messages_processed) FROM consumer_processing_metrics"),
        16
    );
}

#[test]
fn a_bad_sample_is_named_and_none_is_recorded() {
    let mut database = Database::migrated();
    for (samples, message) in [
        (
            r#"[{"service_name": "a", "topic": "t", "partition": 0, "lag": 1}, {"service_name": "a", "partition": 0, "lag": 1}]"#,
            "sample 2: topic is missing",
        ),
        (r#"[3]"#, "sample 1: is no object"),
        (r#"{}"#, "samples is no JSON array"),
    ] {
        assert_eq!(
            database
                .owner
                .refused(&format!("SELECT record_consumer_lag('{samples}')"))
                .message,
            message
        );
    }
    let refusal = database
        .owner
        .refused(r#"SELECT record_consumer_lag('[{"service_name": "a", "topic": "t", "partition": 0, "lag": -1}]')"#);
    assert_eq!(refusal.constraint, "lag_is_not_negative");
    assert_eq!(database.owner.value("SELECT count(*) FROM consumer_lag_history"), 0);
}

#[test]
fn ten_thousand_samples_in_one_call() {
    let mut database = Database::migrated();
    let samples: Vec<_> = (0..10_000)
        .map(|at| json!({ "service_name": format!("service-{}", at % 1000), "topic": "t", "partition": at / 1000, "lag": at, "consumer_offset": at }))
        .collect();
    let samples = json!(samples).to_string();
    for _ in 0..3 {
        assert_eq!(
            database
                .owner
                .value_with("SELECT record_consumer_lag($1::jsonb)", &[&samples]),
            10_000
        );
    }
    assert_eq!(
        database
            .owner
            .value("SELECT avg_lag FROM v_consumer_performance_monitor WHERE service_name = 'service-7'"),
        45_070
    );
}

#[test]
fn samples_find_their_days_partition_also_afterwards() {
    let mut database = Database::migrated();
    let place = "SELECT string_agg(DISTINCT tableoid::regclass::text, ' ') FROM consumer_lag_history";
    let day = |database: &mut Database, offset: &str| {
        database.owner.value(&format!("SELECT 'lagproof.consumer_lag_history_' || to_char((now() + interval '{offset}') AT TIME ZONE 'UTC', 'YYYYMMDD')"))
    };
    database.owner.run("SELECT record_consumer_lag('a', 't', 0, 7)");
    let today = day(&mut database, "0");
    assert_eq!(database.owner.value(place), today);
    // Ten days ahead there is none yet: the row waits in the default partition, and moves when there is one.
    database.owner.run(
        "TRUNCATE consumer_lag_history; SELECT record_consumer_lag('a', 't', 0, 7, 1, now() + interval '10 days')",
    );
    assert_eq!(database.owner.value(place), "lagproof.consumer_lag_history_default");
    database.owner.run("SELECT lagproof.make_partition('consumer_lag_history', ((now() + interval '10 days') AT TIME ZONE 'UTC')::date)");
    let later = day(&mut database, "10 days");
    assert_eq!(database.owner.value(place), later);
    assert_eq!(database.owner.value("SELECT max(lag) FROM consumer_lag_history"), 7);
}

#[test]
fn old_samples_go_and_their_hours_stay() {
    let mut database = Database::migrated();
    database.owner.run(
        "SELECT lagproof.make_partition('consumer_lag_history', ((now() - interval '20 days') AT TIME ZONE 'UTC')::date);
         INSERT INTO consumer_lag_history (service_name, topic, partition, lag, \"timestamp\")
         SELECT 'a', 't', partition, 10 * minute, date_trunc('hour', now()) - interval '20 days' + minute * interval '1 minute'
         FROM generate_series(0, 59) AS minute, generate_series(0, 1) AS partition;
         INSERT INTO consumer_processing_metrics (service_name, messages_processed, processing_time_ms, \"timestamp\")
         SELECT 'a', 6, 3, date_trunc('hour', now()) - interval '20 days' + minute * interval '1 minute' FROM generate_series(0, 59) AS minute;
         INSERT INTO consumer_lag_history (service_name, topic, partition, lag) VALUES ('a', 't', 0, 1);
         SELECT lagproof.maintain_v1()",
    );
    assert_eq!(
        database.owner.value("SELECT count(*) FROM consumer_lag_history"),
        1,
        "only today's is left"
    );
    assert_eq!(
        database.owner.value("SELECT count(*) FROM consumer_processing_metrics"),
        0
    );
    let rows = database.owner.rows(
        "SELECT resolution::text, avg_lag, max_lag, messages_processed, avg_processing_time_ms
         FROM v_consumer_performance_history WHERE service_name = 'a' ORDER BY \"timestamp\"",
    );
    assert_eq!(
        json!(rows),
        json!([
            { "resolution": "01:00:00", "avg_lag": 590, "max_lag": 1180, "messages_processed": 360, "avg_processing_time_ms": 0.5 },
            { "resolution": "00:01:00", "avg_lag": 1, "max_lag": 1, "messages_processed": null, "avg_processing_time_ms": null },
        ])
    );
}

#[test]
fn maintaining_twice_or_at_once_is_safe() {
    let mut database = Database::migrated();
    database
        .owner
        .run("SELECT record_consumer_lag('a', 't', 0, 7, 1, now() - interval '2 hours')");
    let url = database.url();
    let running: Vec<_> = (0..6)
        .map(|_| {
            std::process::Command::new("psql")
                .args([
                    "-Xq",
                    "-v",
                    "ON_ERROR_STOP=1",
                    "-d",
                    &url,
                    "-c",
                    "SELECT lagproof.maintain_v1()",
                ])
                .output()
        })
        .collect();
    assert!(running.into_iter().all(|output| output.expect("psql").status.success()));
    assert_eq!(database.owner.value("SELECT count(*) FROM lagproof.consumer_hours"), 1);
    assert_eq!(database.owner.value("SELECT count(*) FROM consumer_lag_history"), 1);
}
