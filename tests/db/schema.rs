//! The migrations themselves.

use super::database::{Database, migrations};

/// The columns that section 6 of the design fixes, in their order.
const FIXED: [(&str, &str); 4] = [
    (
        "pipeline_consumer_configs",
        "service_name, consumer_group_id, max_poll_records, session_timeout_ms, max_poll_interval_ms, \
         heartbeat_interval_ms, partition_assignment_strategy, enable_auto_commit, auto_commit_interval_ms, \
         auto_offset_reset, fetch_min_bytes, fetch_max_wait_ms, fetch_max_bytes, max_partition_fetch_bytes, \
         request_timeout_ms, retry_backoff_ms, reconnect_backoff_ms, reconnect_backoff_max_ms, description, \
         created_at, updated_at",
    ),
    (
        "topic_partition_changes",
        "topic_name, current_partitions, target_partitions, recommended_partitions, reason, applied, applied_at, \
         created_at",
    ),
    (
        "consumer_lag_history",
        "service_name, topic, partition, lag, consumer_offset, timestamp",
    ),
    (
        "consumer_processing_metrics",
        "service_name, messages_processed, processing_time_ms, messages_per_second, memory_usage_mb, timestamp",
    ),
];

#[test]
fn tables_begin_with_the_columns_that_others_rest_on() {
    let mut database = Database::migrated();
    for (table, expected) in FIXED {
        let columns = database.owner.value_with(
            "SELECT string_agg(attname, ', ' ORDER BY attnum) FROM pg_attribute
             WHERE attrelid = $1::regclass AND attnum > 0",
            &[table],
        );
        let columns = columns.as_str().expect("columns");
        assert!(columns.starts_with(expected), "{table}: {columns}");
    }
}

#[test]
fn every_object_and_column_is_explained() {
    let mut database = Database::migrated();
    let silent = database.owner.rows(
        "SELECT class.relname, column_of.attname
         FROM pg_class AS class
         LEFT JOIN pg_attribute AS column_of ON column_of.attrelid = class.oid AND attnum > 0
         WHERE relnamespace IN ('public'::regnamespace, 'lagproof'::regnamespace) AND relkind IN ('r', 'p', 'v')
           AND NOT relispartition
           AND (coalesce(col_description(class.oid, attnum), '') = '' OR coalesce(obj_description(class.oid), '') = '')",
    );
    assert!(silent.is_empty(), "without COMMENT: {silent:#?}");
    let silent = database.owner.rows(
        "SELECT oid::regprocedure::text FROM pg_proc
         WHERE pronamespace IN ('public'::regnamespace, 'lagproof'::regnamespace)
           AND coalesce(obj_description(oid), '') = ''",
    );
    assert!(silent.is_empty(), "without COMMENT: {silent:#?}");
}

#[test]
fn functions_that_act_as_their_owner_name_their_search_path() {
    let mut database = Database::migrated();
    let open = database.owner.rows(
        "SELECT oid::regprocedure::text FROM pg_proc
         WHERE pronamespace IN ('public'::regnamespace, 'lagproof'::regnamespace) AND prosecdef
           AND NOT coalesce(proconfig::text, '') LIKE '%search_path%'",
    );
    assert!(open.is_empty(), "{open:#?}");
}

#[test]
fn running_them_again_changes_nothing() {
    let mut database = super::samples::with_filter();
    let state = "SELECT (SELECT jsonb_agg(to_jsonb(c) ORDER BY service_name) FROM pipeline_consumer_configs AS c)::text
                 || (SELECT count(*) FROM lagproof.setting_changes)
                 || (SELECT count(*) FROM pg_class WHERE relnamespace IN ('public'::regnamespace, 'lagproof'::regnamespace))
                 || (SELECT jsonb_agg(to_jsonb(p.oid::regprocedure::text || coalesce(p.proacl::text, '')) ORDER BY p.oid)
                     FROM pg_proc AS p WHERE pronamespace = 'lagproof'::regnamespace)::text";
    let before = database.owner.value(state);
    for file in migrations() {
        database.must_psql(&["-q", "-1", "-v", "ON_ERROR_STOP=1", "-f", file.to_str().expect("UTF-8")]);
    }
    assert_eq!(database.owner.value(state), before);
}

#[test]
fn their_order_is_kept() {
    let database = Database::empty();
    let output = database.psql(&[
        "-q",
        "-1",
        "-v",
        "ON_ERROR_STOP=1",
        "-f",
        migrations()[1].to_str().expect("UTF-8"),
    ]);
    let message = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(
        message.contains("038_consumer_configuration.sql has not been applied"),
        "{message}"
    );
}
