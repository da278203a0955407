//! Older installations are taken over: no row is lost, and what is odd is reported row by row.

use serde_json::{Value as Json, json};

use super::database::Database;
use super::migrate::run;
use super::older::FACT_SHEET;
use super::replay::{compare, compiled, profiles};

#[test]
fn the_fact_sheets_installation_is_taken_over_whole() {
    let mut database = Database::older(FACT_SHEET);
    database.migrate_by_psql();
    let mut findings = database.findings();
    let kept = findings.pop().expect("the samples are old");
    assert!(
        kept.contains("lagproof.monitoring.keep_samples is 55 days, so that none is dropped"),
        "{kept}"
    );
    insta::assert_snapshot!(findings.join("\n"));
    // Broken rows are as they were.
    let row = database.owner.config("email-fetcher");
    assert_eq!(
        (&row["session_timeout_ms"], &row["max_poll_interval_ms"], &row["status"]),
        (&json!(60000), &json!(30000), &json!("active"))
    );
    assert_eq!(
        row["settings"],
        json!({ "client": null, "group": "loom-email", "topics": [], "consumer": {
            "max_poll_records": 10, "session_timeout_ms": 60000, "max_poll_interval_ms": 30000,
            "heartbeat_interval_ms": 3000, "request_timeout_ms": 40000 } })
    );
    for (what, number) in [
        ("FROM pipeline_consumer_configs", 3),
        ("FROM topic_partition_changes", 2),
        ("FROM consumer_lag_history", 1000),
        ("FROM consumer_processing_metrics", 100),
        // Names that mean something else now have kept what they meant.
        ("FROM v_consumer_alerts_before WHERE alert_type = 'LAG'", 1),
        (
            "FROM pg_proc WHERE proname IN ('mark_partition_changes_applied_before', 'record_consumer_lag_before')",
            2,
        ),
        ("FROM lagproof.adopted_views", 0),
        ("FROM pg_class WHERE relname IN ('adopted_rows', 'adopted_places')", 0),
        ("FROM lagproof.setting_changes WHERE through = 'adoption'", 3),
    ] {
        assert_eq!(
            database.owner.value(&format!("SELECT count(*) {what}")),
            number,
            "{what}"
        );
    }
    assert_eq!(
        database.owner.value("SELECT sum(lag) || ' ' || sum(lag) FILTER (WHERE timestamp < now() - interval '20 days') FROM consumer_lag_history"),
        "499500 384540"
    );
    // Maintenance drops none of them for being old.
    database.owner.run("SELECT lagproof.maintain_v1()");
    assert_eq!(database.owner.value("SELECT count(*) FROM consumer_lag_history"), 1000);
    database.migrate_by_psql();
    assert_eq!(database.owner.value("SELECT count(*) FROM consumer_lag_history"), 1000);
}

#[test]
fn replaying_the_seeds_on_it_gives_the_resolved_profiles() {
    let folder = profiles();
    let project = compiled(folder.path(), 1_767_225_600);
    let mut database = Database::older(FACT_SHEET);
    let url = database.url();
    let before = database.dump();
    let (status, out, err) = run(folder.path(), Some(&url), &["--dry-run"]);
    assert_eq!((status, err.as_str()), (Some(0), ""), "{out}");
    assert!(
        out.contains("\nfound     pipeline_consumer_configs email-fetcher: C103: "),
        "{out}"
    );
    assert_eq!(database.dump(), before);

    let (status, out, err) = run(folder.path(), Some(&url), &[]);
    assert_eq!((status, err.as_str()), (Some(0), ""), "{out}");
    assert!(
        out.contains("\nfound     pipeline_consumer_configs email-fetcher: C103: "),
        "{out}"
    );
    compare(&mut database, project.model.as_ref().expect("a model"));
    assert_eq!(database.owner.config("email-fetcher")["max_poll_records"], 10);
    // Nothing is found twice.
    let (status, out, _) = run(folder.path(), Some(&url), &[]);
    assert_eq!(
        (status, out.as_str()),
        (Some(0), "database  nothing to do: 5 applied before\n")
    );
}

#[test]
fn rules_are_validated_once_nobody_breaks_them() {
    let folder = profiles();
    compiled(folder.path(), 1_767_225_600);
    let mut database = Database::older(FACT_SHEET);
    let url = database.url();
    assert_eq!(run(folder.path(), Some(&url), &[]).0, Some(0));
    let open = "SELECT string_agg(conname, ' ') FROM pg_constraint WHERE NOT convalidated";
    assert_eq!(
        database.owner.value(open),
        "c103_session_timeout_at_most_max_poll_interval"
    );
    // New values are held to it already.
    let refusal = database
        .owner
        .refused("UPDATE pipeline_consumer_configs SET max_poll_records = 20 WHERE service_name = 'email-fetcher'");
    assert!(
        refusal.message.starts_with("C103: session_timeout_ms (60000)"),
        "{}",
        refusal.message
    );
    database.owner.run(
        "UPDATE pipeline_consumer_configs SET max_poll_records = 20, max_poll_interval_ms = 300000 WHERE service_name = 'email-fetcher'",
    );
    assert_eq!(run(folder.path(), Some(&url), &[]).0, Some(0));
    assert_eq!(database.owner.value(open), Json::Null);
}

#[test]
fn one_column_is_enough() {
    let mut database = Database::older(
        "CREATE TABLE pipeline_consumer_configs (service_name text);
         INSERT INTO pipeline_consumer_configs VALUES ('silero-vad'), (E'it''s \"odd\";\n DROP TABLE x')",
    );
    let folder = profiles();
    let project = compiled(folder.path(), 1_767_225_600);
    let (status, out, err) = run(folder.path(), Some(&database.url()), &[]);
    assert_eq!((status, err.as_str()), (Some(0), ""), "{out}");
    assert_eq!(
        out.lines().filter(|line| line.starts_with("found")).collect::<Vec<_>>(),
        [
            "found     pipeline_consumer_configs silero-vad consumer_group_id: consumer_group_id IS NOT NULL does not hold: consumer_group_id is NULL; the row is as it was",
            "found     pipeline_consumer_configs it's \"odd\";\\n DROP TABLE x consumer_group_id: consumer_group_id IS NOT NULL does not hold: consumer_group_id is NULL; the row is as it was",
        ]
    );
    compare(&mut database, project.model.as_ref().expect("a model"));
    assert_eq!(
        database.owner.config("it's \"odd\";\n DROP TABLE x")["consumer_group_id"],
        Json::Null
    );
    let refusal = database
        .owner
        .refused("INSERT INTO pipeline_consumer_configs (service_name) VALUES ('new')");
    assert_eq!(refusal.constraint, "consumer_group_id_is_there");
}

#[test]
fn values_of_other_types_are_read() {
    let mut database = Database::older(
        "CREATE TYPE reset AS ENUM ('earliest', 'latest');
         CREATE TABLE pipeline_consumer_configs (
            service_name character(20), consumer_group_id name, max_poll_records text, session_timeout_ms bigint,
            max_poll_interval_ms numeric, fetch_max_bytes bigint, fetch_min_bytes double precision, retry_backoff_ms smallint,
            enable_auto_commit text, check_crcs integer, auto_offset_reset reset, partition_assignment_strategy text[],
            created_at timestamp, updated_at text);
         INSERT INTO pipeline_consumer_configs VALUES
            ('good', 'g', ' 500 ', 30000, 60000.0, 1048576, 1.0, 100, 'Yes', 1, 'latest', '{range,sticky}', '2026-03-29 12:00', '2026-03-29 12:00+02'),
            ('bad', 'b', 'many', 9999999999, 60000, 3000000000, 'NaN', NULL, 'perhaps', 7, NULL, NULL, NULL, 'yesterday-ish');
         CREATE TABLE consumer_processing_metrics (service_name text, messages_processed numeric, processing_time_ms real,
            memory_usage_mb text, instance uuid, timestamp timestamp);
         INSERT INTO consumer_processing_metrics VALUES ('good', 7, 12.6, '1.5', NULL, '2100-01-01 12:00'), (NULL, 8, 1, 'much', NULL, '2100-01-01 12:00')",
    );
    let output = database.psql(&["-c", "SELECT 1"]);
    assert!(output.status.success());
    database.owner.run(&format!(
        "ALTER DATABASE {} SET lagproof.adopt_time_zone = 'Europe/Berlin'",
        database.name()
    ));
    database.migrate_by_psql();
    let row = database.owner.config("good");
    for (column, expected) in [
        ("consumer_group_id", json!("g")),
        ("max_poll_records", json!(500)),
        ("session_timeout_ms", json!(30000)),
        ("max_poll_interval_ms", json!(60000)),
        ("fetch_max_bytes", json!(1_048_576)),
        ("fetch_min_bytes", json!(1)),
        ("retry_backoff_ms", json!(100)),
        ("enable_auto_commit", json!(true)),
        ("check_crcs", json!(true)),
        ("auto_offset_reset", json!("latest")),
        ("partition_assignment_strategy", json!("range,sticky")),
        ("created_at", json!("2026-03-29T10:00:00+00:00")),
        ("updated_at", json!("2026-03-29T10:00:00+00:00")),
    ] {
        assert_eq!(row[column], expected, "{column}");
    }
    assert_eq!(database.owner.config("bad")["max_poll_records"], Json::Null);
    assert_eq!(
        database.owner.value(
            "SELECT was ->> 'fetch_max_bytes' FROM lagproof.adoption_findings WHERE column_name = 'fetch_max_bytes'"
        ),
        "3000000000"
    );
    assert_eq!(
        json!(
            database.owner.rows(
                "SELECT messages_processed, processing_time_ms, memory_usage_mb FROM consumer_processing_metrics"
            )
        ),
        json!([{ "messages_processed": 7, "processing_time_ms": 13, "memory_usage_mb": 1.5 }])
    );
    insta::assert_snapshot!(database.findings().join("\n"));
}

#[test]
fn columns_of_their_own_stay_and_go_on() {
    let mut database = Database::older(
        "CREATE TABLE pipeline_consumer_configs (
            id serial PRIMARY KEY, service_name text UNIQUE NOT NULL, consumer_group_id text NOT NULL, notes text NOT NULL DEFAULT 'none',
            version text, settings integer, doubled integer GENERATED ALWAYS AS (length(service_name) * 2) STORED);
         INSERT INTO pipeline_consumer_configs (service_name, consumer_group_id, version) VALUES ('a', 'g', 'v1'), ('bb', 'g', 'v2');
         COMMENT ON COLUMN pipeline_consumer_configs.notes IS 'ours';
         CREATE TABLE owners (service text REFERENCES pipeline_consumer_configs (service_name) ON DELETE CASCADE, name text);
         INSERT INTO owners VALUES ('a', 'ann');
         CREATE TABLE consumer_lag_history (id bigint GENERATED ALWAYS AS IDENTITY, service_name text, topic text, partition integer, lag integer, recorded_at timestamptz DEFAULT now(), host text);
         INSERT INTO consumer_lag_history (service_name, topic, partition, lag, host) VALUES ('a', 't', 0, 5, 'h1'), ('a', 't', 0, 6, 'h2');
         CREATE VIEW by_host WITH (security_barrier) AS SELECT host, lag FROM consumer_lag_history;
         COMMENT ON VIEW by_host IS 'for the wall';
         CREATE VIEW above AS SELECT max(lag) AS most FROM by_host;
         CREATE MATERIALIZED VIEW noted AS SELECT service_name, notes FROM pipeline_consumer_configs;
         CREATE UNIQUE INDEX noted_once ON noted (service_name)",
    );
    database.migrate_by_psql();
    let row = database.owner.config("bb");
    for (column, expected) in [
        ("id", json!(2)),
        ("notes", json!("none")),
        ("doubled", json!(4)),
        ("version", Json::Null),
        ("version_before", json!("v2")),
        ("settings_before", Json::Null),
    ] {
        assert_eq!(row[column], expected, "{column}");
    }
    // Numbers go on, for people and for seeds; a column of theirs can be changed whoever has a profile.
    database
        .owner
        .run("INSERT INTO pipeline_consumer_configs (service_name, consumer_group_id) VALUES ('c', 'g')");
    assert_eq!(database.owner.config("c")["id"], 3);
    let document = super::samples::document(&["t"], super::samples::sensor_settings());
    database.owner.seed("a", 1, &document);
    database.owner.seed("d", 1, &document);
    assert_eq!(
        (&database.owner.config("d")["id"], &database.owner.config("a")["id"]),
        (&json!(4), &json!(1))
    );
    database
        .owner
        .run("UPDATE pipeline_consumer_configs SET notes = 'hot', max_poll_records = 7 WHERE service_name = 'a'");
    let row = database.owner.config("a");
    assert_eq!((&row["notes"], &row["max_poll_records"]), (&json!("hot"), &json!(7)));
    // What referred to it still does.
    let refusal = database.owner.refused("INSERT INTO owners VALUES ('nobody', 'x')");
    assert_eq!(refusal.constraint, "owners_service_fkey");
    database.owner.run("SELECT record_consumer_lag('a', 't', 0, 7)");
    assert_eq!(
        json!(
            database
                .owner
                .rows("SELECT id, host, lag FROM consumer_lag_history ORDER BY id")
        ),
        json!([{ "id": 1, "host": "h1", "lag": 5 }, { "id": 2, "host": "h2", "lag": 6 }, { "id": 3, "host": null, "lag": 7 }])
    );
    assert_eq!(database.owner.value("SELECT most FROM above"), 7);
    assert_eq!(
        database.owner.value("SELECT obj_description('by_host'::regclass) || ' ' || reloptions::text || ' ' || (SELECT count(*) FROM noted)
                              || ' ' || to_regclass('noted_once')::text FROM pg_class WHERE oid = 'by_host'::regclass"),
        "for the wall {security_barrier=true} 2 noted_once"
    );
}

#[test]
fn whoever_could_write_still_can() {
    let mut database = Database::older(
        "CREATE TABLE pipeline_consumer_configs (service_name text PRIMARY KEY, consumer_group_id text, max_poll_records integer);
         INSERT INTO pipeline_consumer_configs VALUES ('a', 'g', 5);
         CREATE TABLE consumer_lag_history (id serial, service_name text, topic text, partition integer, lag integer, timestamp timestamptz DEFAULT now());
         CREATE VIEW mine AS SELECT service_name FROM pipeline_consumer_configs",
    );
    database
        .owner
        .run(&format!("CREATE ROLE {}_loom NOLOGIN", database.name()));
    let role = format!("{}_loom", database.name());
    database.owner.run(&format!(
        "GRANT SELECT, UPDATE ON pipeline_consumer_configs TO {role};
         GRANT INSERT ON consumer_lag_history TO {role}; GRANT USAGE ON SEQUENCE consumer_lag_history_id_seq TO {role};
         GRANT SELECT ON mine TO {role}"
    ));
    let mut writer = database.login("writer", &role);
    database.migrate_by_psql();
    database.owner.seed(
        "a",
        1,
        &super::samples::document(&["t"], super::samples::sensor_settings()),
    );
    writer.run("UPDATE pipeline_consumer_configs SET max_poll_records = 9 WHERE service_name = 'a'");
    writer.run("INSERT INTO consumer_lag_history (service_name, topic, partition, lag) VALUES ('a', 't', 0, 1)");
    assert_eq!(writer.value("SELECT count(*) FROM mine"), 1);
    assert_eq!(database.owner.value("SELECT value FROM lagproof.overrides"), 9);
    let refusal = writer.refused("DELETE FROM pipeline_consumer_configs");
    assert_eq!(refusal.code, "42501");
}

#[test]
fn of_changes_that_wait_the_newest_does() {
    let mut database = Database::older(
        "CREATE TABLE topic_partition_changes (id serial PRIMARY KEY, topic_name text, current_partitions integer, target_partitions integer,
            recommended_partitions integer, applied boolean, applied_at timestamp, created_at timestamptz);
         INSERT INTO topic_partition_changes VALUES
            (1, 'a', 1, 3, 3, false, NULL, '2026-01-01 00:00+00'), (2, 'a', 1, 4, 5, NULL, NULL, '2026-01-02 00:00+00'),
            (3, 'a', 1, 2, 2, true, '2025-12-01', '2025-11-01 00:00+00'), (4, 'b', 9, 3, 3, false, NULL, now()),
            (5, 'c d', 1, 3, 3, false, NULL, now()), (6, 'e', NULL, NULL, 3, false, NULL, now())",
    );
    database.migrate_by_psql();
    assert_eq!(
        json!(database.owner.rows("SELECT topic_name, target_partitions, recommended_partitions, recommended_partitions_before, applied, applied_at, id_before FROM topic_partition_changes ORDER BY id_before")),
        json!([
            { "topic_name": "a", "target_partitions": 4, "recommended_partitions": 4, "recommended_partitions_before": 5, "applied": false, "applied_at": null, "id_before": 2 },
            { "topic_name": "a", "target_partitions": 2, "recommended_partitions": 2, "recommended_partitions_before": 2, "applied": true, "applied_at": "2025-12-01T00:00:00+00:00", "id_before": 3 },
        ])
    );
    assert_eq!(
        json!(database.owner.rows("SELECT was -> 'id' AS id, row_key FROM lagproof.adoption_findings WHERE row_key IS NOT NULL ORDER BY was ->> 'id'")),
        json!([{ "id": 1, "row_key": "a" }, { "id": 4, "row_key": "b" }, { "id": 5, "row_key": "c d" }, { "id": 6, "row_key": "e" }])
    );
}
