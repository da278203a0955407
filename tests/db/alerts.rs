//! Alerts: what is wrong, how badly, and what to change.

use serde_json::{Value as Json, json};

use super::database::Database;
use super::samples::{document, sensor_settings};

const TOPIC: &str = "device.sensor.accelerometer.raw";

/// A service with consumer settings changed, reading a topic with `partitions`, at 500 records a second.
fn service(name: &str, changes: Json, replicas: u32, partitions: u32) -> Database {
    let mut database = Database::migrated();
    let mut settings = sensor_settings();
    for (key, value) in changes.as_object().expect("an object") {
        settings[key] = value.clone();
    }
    let mut document = document(&[TOPIC], settings);
    document["context"]["replicas"] = json!(replicas);
    database.owner.seed(name, 1, &document);
    database.owner.seed_topic(
        TOPIC,
        &json!({ "revision": 1, "partitions": partitions, "partitions_now": partitions, "rate": 500 }),
    );
    database
}

impl Database {
    /// A sample a minute for 50 minutes: `consumed` and `growth` records a second, from a lag of `from`.
    fn lags(&mut self, service: &str, from: i64, consumed: f64, growth: f64) {
        self.owner.run(&format!(
            "INSERT INTO consumer_lag_history (service_name, topic, partition, lag, consumer_offset, \"timestamp\")
             SELECT '{service}', '{TOPIC}', 0, {from} + ({growth} * 60 * i)::bigint, ({consumed} * 60 * i)::bigint, now() - (50 - i) * interval '1 minute'
             FROM generate_series(0, 50) AS i"
        ));
    }

    /// Metrics a minute for 50 minutes.
    fn metrics(&mut self, service: &str, processed: u64, time_ms: u64, rest: &str) {
        self.owner.run(&format!(
            "INSERT INTO consumer_processing_metrics (service_name, messages_processed, processing_time_ms, messages_failed, rebalances, memory_usage_mb, \"timestamp\")
             SELECT '{service}', {processed}, {time_ms}, {rest}, now() - (50 - i) * interval '1 minute' FROM generate_series(0, 50) AS i"
        ));
    }

    fn alert(&mut self, kind: &str) -> Json {
        let mut rows = self.owner.rows_with(
            "SELECT priority, problem, recommendation, setting, current_value, recommended_value FROM v_consumer_alerts WHERE alert = $1",
            &[kind],
        );
        assert_eq!(
            rows.len(),
            1,
            "{kind}: {:#?}",
            self.owner.rows("SELECT * FROM v_consumer_alerts")
        );
        rows.remove(0)
    }

    fn kinds(&mut self) -> Json {
        self.owner
            .value("SELECT coalesce(string_agg(alert, ', ' ORDER BY alert), '') FROM v_consumer_alerts")
    }
}

/// The case that it all began with: single records, the handler hardly busy, minutes behind.
#[test]
fn a_small_batch_that_holds_it_up() {
    let mut database = service("motion-event-filter", json!({ "max_poll_records": 1 }), 1, 10);
    database.lags("motion-event-filter", 0, 60.0, 440.0);
    database.metrics("motion-event-filter", 3600, 360, "0, 0, 40");
    assert_eq!(
        database.alert("lag"),
        json!({
            "priority": "critical",
            "problem": "lag is 660000.0 records on average over the last hour, 1320000 at most, 1201200.0 in the last ten minutes; the target is below 100; it grows by 440.00 records a second",
            "recommendation": "raise max_poll_records from 1 to 500: handlers are busy 5 % of the time, so what holds it up is the cost of a batch; 500 records take 50.0 ms of the 60000 ms poll interval",
            "setting": "max_poll_records", "current_value": 1, "recommended_value": 500,
        })
    );
}

#[test]
fn handlers_that_are_busy_want_replicas_and_then_partitions() {
    // 10 ms a record and 200 records a second: two replicas' work.
    let mut database = service("step-counter", json!({}), 1, 10);
    database.lags("step-counter", 500, 100.0, 100.0);
    database.metrics("step-counter", 6000, 60000, "0, 0, 40");
    let alert = database.alert("lag");
    assert_eq!(
        alert["recommendation"],
        "raise replicas from 1 to 3: 200.0 records a second arrive, each takes 10.0 ms, so the replicas would be busy 200 % of the time; 10 partitions are enough"
    );
    let mut database = service("step-counter", json!({}), 2, 2);
    database.lags("step-counter", 500, 100.0, 100.0);
    database.metrics("step-counter", 6000, 60000, "0, 0, 40");
    let alert = database.alert("lag");
    assert_eq!(
        (&alert["setting"], &alert["recommendation"]),
        (
            &json!("partitions"),
            &json!(
                "raise partitions of device.sensor.accelerometer.raw from 2 to 3 and replicas from 2 to 3: 200.0 records a second arrive, each takes 10.0 ms, so the replicas would be busy 100 % of the time, and there are no partitions for more"
            )
        )
    );
}

#[test]
fn priorities_follow_the_declared_target() {
    for (lag, growth, priority) in [
        (150, 0.0, "high"),
        (5000, 0.0, "critical"),
        (1200, 0.01, "critical"),
        (1200, 0.0, "high"),
    ] {
        let mut database = service("filter", json!({}), 1, 1);
        database.lags("filter", lag, 500.0, growth);
        assert_eq!(database.alert("lag")["priority"], priority, "{lag} {growth}");
    }
    // Another target: nothing is wrong.
    let mut database = service("filter", json!({}), 1, 1);
    let mut other = document(&[TOPIC], sensor_settings());
    other["revision"] = json!(2);
    other["context"]["targets"]["lag"] = json!(10_000);
    database.owner.seed("filter", 1, &other);
    database.lags("filter", 5000, 500.0, 0.0);
    assert_eq!(database.kinds(), "");
    // Behind half an hour ago, and no more; only a peak of it.
    for (then, priority) in [(1000, "medium"), (150, "low")] {
        let mut database = service("filter", json!({}), 1, 1);
        database.owner.run(&format!(
            "INSERT INTO consumer_lag_history (service_name, topic, partition, lag, \"timestamp\") VALUES
                ('filter', '{TOPIC}', 0, {then}, now() - interval '30 minutes'), ('filter', '{TOPIC}', 0, 5, now())"
        ));
        assert_eq!(database.alert("lag")["priority"], priority);
    }
}

#[test]
fn a_batch_that_overruns_the_poll_interval() {
    let mut database = service(
        "minicpm-vision",
        json!({ "max_poll_records": 20, "max_poll_interval_ms": 600_000 }),
        1,
        10,
    );
    database.lags("minicpm-vision", 5, 1.0, 0.0);
    database.metrics("minicpm-vision", 2, 80_000, "0, 0, 40");
    assert_eq!(
        database.alert("poll budget"),
        json!({
            "priority": "critical",
            "problem": "a full batch of 20 records takes 800000 ms at 40000.0 ms a record; the poll interval is 600000 ms: the consumer leaves its group and gets the same records again",
            "recommendation": "lower max_poll_records from 20 to 7, so that a batch takes half the poll interval",
            "setting": "max_poll_records", "current_value": 20, "recommended_value": 7,
        })
    );
    let mut database = service(
        "minicpm-vision",
        json!({ "max_poll_records": 1, "max_poll_interval_ms": 60_000 }),
        1,
        10,
    );
    database.lags("minicpm-vision", 5, 1.0, 0.0);
    database.metrics("minicpm-vision", 1, 50_000, "0, 0, 40");
    let alert = database.alert("poll budget");
    assert_eq!(
        (&alert["priority"], &alert["recommendation"]),
        (
            &json!("high"),
            &json!("raise max_poll_interval_ms from 60000 to 120000: one record alone takes more than half of it")
        )
    );
}

#[test]
fn errors_rebalances_and_memory() {
    let mut database = service("filter", json!({ "heartbeat_interval_ms": 15000 }), 1, 1);
    database.lags("filter", 5, 500.0, 0.0);
    database.metrics(
        "filter",
        100,
        10,
        "CASE WHEN i % 10 = 0 THEN 20 ELSE 0 END, (i = 7)::integer, 100 + i",
    );
    assert_eq!(
        database.alert("errors"),
        json!({
            "priority": "high", "problem": "120 of 5100 records failed for good, 2.35 %; the target is below 1.00 %",
            "recommendation": "declare retry = { attempts = 3, backoff = \"1s\", dead_letter = \"…\" } under [delivery]: failed records are not tried again",
            "setting": "delivery.retry.attempts", "current_value": null, "recommended_value": 3,
        })
    );
    assert_eq!(
        database.alert("rebalances"),
        json!({
            "priority": "high", "problem": "1 rebalances in the last hour; the target is below 1",
            "recommendation": "lower heartbeat_interval_ms from 15000 to 10000, a third of the session timeout, so that two heartbeats may be lost",
            "setting": "heartbeat_interval_ms", "current_value": 15000, "recommended_value": 10000,
        })
    );
    assert_eq!(
        database.alert("memory"),
        json!({
            "priority": "medium", "problem": "memory grows by 60.0 MB an hour, to 150.0 MB now",
            "recommendation": "lower max_poll_records from 500 to 250 and see whether it still grows; if it does, the handler keeps what it should let go",
            "setting": "max_poll_records", "current_value": 500, "recommended_value": 250,
        })
    );
    assert_eq!(database.kinds(), "errors, memory, rebalances");
}

/// The same figures as above are no alert where the profile allows them, and one of another priority where it allows less.
#[test]
fn errors_and_rebalances_follow_the_declared_targets() {
    let mut database = service("filter", json!({}), 1, 1);
    database.lags("filter", 5, 500.0, 0.0);
    database.metrics(
        "filter",
        100,
        10,
        "CASE WHEN i % 10 = 0 THEN 20 ELSE 0 END, (i = 7)::integer, 100",
    );
    assert_eq!(database.kinds(), "errors, rebalances");
    let mut document = document(&[TOPIC], sensor_settings());
    document["revision"] = json!(2);
    document["context"]["targets"]["errors"] = json!(0.03);
    document["context"]["targets"]["rebalances_per_hour"] = json!(2);
    database.owner.seed("filter", 1, &document);
    assert_eq!(database.kinds(), "");
    document["revision"] = json!(3);
    document["context"]["targets"]["errors"] = json!(0.001);
    document["context"]["targets"]["rebalances_per_hour"] = json!(0.1);
    database.owner.seed("filter", 1, &document);
    for kind in ["errors", "rebalances"] {
        assert_eq!(database.alert(kind)["priority"], "critical");
    }
}

#[test]
fn silence_strangers_and_leavers() {
    let mut database = service("filter", json!({}), 3, 2);
    assert_eq!(database.alert("silence")["priority"], "low");
    assert_eq!(
        database.alert("idle replicas")["recommendation"],
        "lower replicas from 3 to 2, or raise partitions of device.sensor.accelerometer.raw"
    );
    database.owner.run(
        "INSERT INTO consumer_lag_history (service_name, topic, partition, lag, \"timestamp\") VALUES
            ('filter', 't', 0, 5, now() - interval '3 hours'), ('stranger', 't', 0, 5, now())",
    );
    let alert = database.alert("silence");
    assert_eq!(
        (&alert["priority"], &alert["problem"]),
        (&json!("high"), &json!("no lag has been recorded for 180 minutes"))
    );
    assert_eq!(database.alert("undeclared")["priority"], "low");
    database.owner.run("SELECT record_consumer_lag('filter', 't', 0, 5)");
    assert_eq!(database.kinds(), "idle replicas, undeclared");
    database
        .owner
        .run("SET lagproof.retire_running = 'on'; SELECT lagproof.retire_service_v1('filter', 2)");
    assert_eq!(database.alert("retired")["priority"], "medium");
}

#[test]
fn replicas_that_did_not_take_a_change_over() {
    let mut database = service("filter", json!({}), 1, 1);
    database.owner.run(
        "SELECT record_consumer_lag('filter', 't', 0, 5); SELECT lagproof.acknowledge_v1('filter', 'filter-0', 1)",
    );
    assert_eq!(database.kinds(), "");
    database.owner.run(
        "UPDATE pipeline_consumer_configs SET max_poll_records = 5;
                        ALTER TABLE pipeline_consumer_configs DISABLE TRIGGER USER;
                        UPDATE pipeline_consumer_configs SET updated_at = now() - interval '10 minutes'",
    );
    let alert = database.alert("stale configuration");
    assert!(
        alert["problem"]
            .as_str()
            .is_some_and(|text| text.starts_with("1 of 1 replicas run with a configuration from before ")),
        "{alert}"
    );
    database.owner.run(
        "SELECT lagproof.acknowledge_v1('filter', 'filter-0', (SELECT generation FROM pipeline_consumer_configs))",
    );
    assert_eq!(database.kinds(), "");
}
