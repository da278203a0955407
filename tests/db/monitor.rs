//! What the monitor and the history make of samples.

use serde_json::json;

use super::database::Database;
use super::samples::{document, sensor_settings};

/// Lag samples: service, partition, lag, position, minutes ago.
fn lag(database: &mut Database, samples: &[(&str, u32, u64, u64, u32)]) {
    for (service, partition, lag, offset, ago) in samples {
        database.owner.run(&format!(
            "INSERT INTO consumer_lag_history (service_name, topic, partition, lag, consumer_offset, \"timestamp\")
             VALUES ('{service}', 't', {partition}, {lag}, {offset}, now() - interval '{ago} minutes')"
        ));
    }
}

#[test]
fn a_services_lag_is_that_of_its_partitions_together() {
    let mut database = Database::migrated();
    lag(
        &mut database,
        &[
            ("one", 0, 10, 0, 30),
            ("one", 0, 20, 600, 20),
            ("one", 0, 60, 1200, 10),
            ("two", 0, 100, 0, 5),
            ("two", 1, 40, 0, 5),
            ("two", 1, 60, 0, 4),
            // Too old, and to come.
            ("one", 0, 9000, 0, 61),
            ("gone", 0, 9000, 0, 90),
        ],
    );
    database.owner.run("INSERT INTO consumer_lag_history (service_name, topic, partition, lag, \"timestamp\") VALUES ('one', 't', 0, 9000, now() + interval '1 hour')");
    let rows = database.owner.rows(
        "SELECT service_name, avg_lag, max_lag, recent_lag, target_lag, status, partitions, lag_samples, consumed_per_second
         FROM v_consumer_performance_monitor ORDER BY avg_lag DESC",
    );
    assert_eq!(
        json!(rows),
        json!([
            { "service_name": "two", "avg_lag": 150, "max_lag": 160, "recent_lag": 150, "target_lag": 100, "status": "behind",
              "partitions": 2, "lag_samples": 3, "consumed_per_second": 0 },
            { "service_name": "one", "avg_lag": 30, "max_lag": 60, "recent_lag": null, "target_lag": 100, "status": "on target",
              "partitions": 1, "lag_samples": 3, "consumed_per_second": 1 },
        ])
    );
}

#[test]
fn processing_metrics_are_summed_over_replicas() {
    let mut database = Database::migrated();
    database.owner.seed("filter", 1, &document(&["t"], sensor_settings()));
    database.owner.run(
        "INSERT INTO consumer_processing_metrics (service_name, messages_processed, processing_time_ms, messages_per_second,
            memory_usage_mb, messages_failed, rebalances, instance) VALUES
            ('filter', 100, 50, 10, 64, 1, 0, 'a'), ('filter', 300, 150, 30, 96, 3, 1, 'a'), ('filter', 100, 300, 5, 128, 0, NULL, 'b')",
    );
    let rows = database.owner.rows(
        "SELECT service_name, avg_lag, status, messages_processed, messages_per_second, avg_processing_time_ms, error_share,
                rebalances, avg_memory_mb, max_memory_mb, instances, replicas, client, version
         FROM v_consumer_performance_monitor",
    );
    assert_eq!(
        json!(rows),
        json!([{ "service_name": "filter", "avg_lag": null, "status": "unknown", "messages_processed": 500, "messages_per_second": 25,
                 "avg_processing_time_ms": 1, "error_share": 0.008, "rebalances": 1, "avg_memory_mb": 104, "max_memory_mb": 128,
                 "instances": 2, "replicas": 1, "client": "librdkafka", "version": 1 }])
    );
}

#[test]
fn history_is_by_minute() {
    let mut database = Database::migrated();
    database.owner.run(
        "INSERT INTO consumer_lag_history (service_name, topic, partition, lag, \"timestamp\") VALUES
            ('minicpm-vision', 't', 0, 10, date_trunc('minute', now()) - interval '5 minutes'),
            ('minicpm-vision', 't', 0, 20, date_trunc('minute', now()) - interval '5 minutes' + interval '30 s'),
            ('minicpm-vision', 't', 1, 100, date_trunc('minute', now()) - interval '5 minutes' + interval '40 s'),
            ('minicpm-vision', 't', 0, 7, date_trunc('minute', now()) - interval '3 minutes'),
            ('other', 't', 0, 7, now());
         INSERT INTO consumer_processing_metrics (service_name, messages_processed, processing_time_ms, \"timestamp\") VALUES
            ('minicpm-vision', 2, 5000, date_trunc('minute', now()) - interval '3 minutes' + interval '1 s')",
    );
    let rows = database.owner.rows(
        "SELECT extract(epoch FROM date_trunc('minute', now()) - \"timestamp\")::integer AS ago, avg_lag, max_lag, messages_processed,
                avg_processing_time_ms FROM v_consumer_performance_history WHERE service_name = 'minicpm-vision' ORDER BY \"timestamp\"",
    );
    assert_eq!(
        json!(rows),
        json!([
            { "ago": 300, "avg_lag": 115, "max_lag": 120, "messages_processed": null, "avg_processing_time_ms": null },
            { "ago": 180, "avg_lag": 7, "max_lag": 7, "messages_processed": 2, "avg_processing_time_ms": 2500 },
        ])
    );
}
