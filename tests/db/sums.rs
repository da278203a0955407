//! Sums that are kept: those of the last hour where there are many samples, and those of hours that are over. They are brought
//! up to date from what has changed, and must say what all samples together say.

use serde_json::json;

use super::database::Database;

/// All that the last hour's sums hold, rounded: a slope is not added up in the same order.
fn last_hour(view: &str) -> String {
    format!(
        "SELECT jsonb_agg(jsonb_build_array(service_name, lag_samples, partitions, avg_lag, max_lag, recent_lag,
                    round(lag_slope::numeric, 6), round(consumed::numeric, 6), lag_at, instances, processed, per_record_ms, processing_at)
                ORDER BY service_name)
         FROM lagproof.{view}"
    )
}

/// Brings kept sums up to date, and answers whether they and the samples say the same, in one transaction: at one time.
fn same_as_samples(database: &mut Database) {
    database.owner.run("BEGIN; SELECT lagproof.bring_up_to_date(0)");
    let kept = database.owner.value(&last_hour("last_hour_kept"));
    let live = database.owner.value(&last_hour("last_hour_live"));
    database.owner.run("COMMIT");
    assert_eq!(kept, live);
}

/// A database that keeps sums, with samples of seven services over the last 70 minutes and a little ahead.
fn busy() -> Database {
    let mut database = Database::migrated();
    database.owner.run(
        "UPDATE lagproof.monitoring SET busy_above = 100, looked_at = '-infinity';
         INSERT INTO consumer_lag_history (service_name, topic, partition, lag, consumer_offset, \"timestamp\")
         SELECT 's' || i % 7, 't', i % 3, i, nullif(i % 11, 0) * i, now() + interval '3 minutes' - interval '73 minutes' * random()
         FROM generate_series(1, 3000) AS i;
         INSERT INTO consumer_processing_metrics (service_name, messages_processed, processing_time_ms, \"timestamp\")
         SELECT 's' || i % 7, i, i, now() - interval '70 minutes' * random() FROM generate_series(1, 300) AS i",
    );
    database
}

#[test]
fn kept_sums_say_what_the_samples_say() {
    let mut database = busy();
    assert_eq!(
        database
            .owner
            .value("SELECT kept_at > now() - interval '1 minute' FROM lagproof.monitoring"),
        true
    );
    same_as_samples(&mut database);
    // New ones, ones that come late, a service that is new, one sample alone, and ones that are taken away again.
    for change in [
        "INSERT INTO consumer_lag_history (service_name, topic, partition, lag, consumer_offset) VALUES ('s1', 't', 0, 5000, 99999)",
        "INSERT INTO consumer_lag_history (service_name, topic, partition, lag, \"timestamp\")
         SELECT 's2', 't', 9, 7, now() - interval '33 minutes' + n * interval '1 s' FROM generate_series(1, 20) AS n",
        "INSERT INTO consumer_lag_history (service_name, topic, partition, lag, \"timestamp\") VALUES ('late', 'other', 0, 1, now() - interval '59 minutes')",
        "DELETE FROM consumer_lag_history WHERE service_name = 's3' AND \"timestamp\" > now() - interval '40 minutes'",
        "UPDATE consumer_lag_history SET lag = lag + 1000, \"timestamp\" = \"timestamp\" - interval '7 minutes' WHERE service_name = 's4'",
        "DELETE FROM consumer_lag_history WHERE service_name = 's5'",
    ] {
        database.owner.run(change);
        same_as_samples(&mut database);
    }
    // Kept too long ago: the samples themselves.
    database.owner.run(
        "UPDATE lagproof.monitoring SET kept_at = now() - interval '2 minutes', busy_above = 20000;
         INSERT INTO consumer_lag_history (service_name, topic, partition, lag) VALUES ('new', 't', 0, 5)",
    );
    assert_eq!(
        database
            .owner
            .value("SELECT avg_lag FROM v_consumer_performance_monitor WHERE service_name = 'new'"),
        5
    );
}

/// What flows through partitions is read from them, too: a record a second through one, three through the other.
#[test]
fn partitions_rates_come_from_kept_sums_as_from_samples() {
    let mut database = Database::migrated();
    let rates = "SELECT jsonb_agg(jsonb_build_array(topic, partition, round(rate::numeric, 6)::double precision) ORDER BY topic, partition) FROM lagproof.partition_rates()";
    database.owner.run(
        "UPDATE lagproof.monitoring SET busy_above = 100, looked_at = now();
         INSERT INTO consumer_lag_history (service_name, topic, partition, lag, consumer_offset, \"timestamp\")
         SELECT 's', 't', partition, 0, (1 + 2 * partition) * 10 * n, now() - (n_of - n) * interval '10 s'
         FROM generate_series(0, 1) AS partition, (VALUES (240)) AS sampled (n_of), generate_series(0, 240) AS n",
    );
    let expected = json!([["t", 0, 1], ["t", 1, 3]]);
    assert_eq!(database.owner.value(rates), expected);
    database.owner.run("SELECT lagproof.bring_up_to_date(0)");
    assert_eq!(
        database
            .owner
            .value("SELECT kept_at > now() - interval '1 minute' FROM lagproof.monitoring"),
        true
    );
    // From the sums: these samples are not in them.
    database.owner.run("INSERT INTO consumer_lag_history (service_name, topic, partition, lag, consumer_offset) VALUES ('s', 't', 0, 0, 1000000)");
    assert_eq!(database.owner.value(rates), expected);
}

/// Whoever commits after the sums were brought up to date is in them the next time.
#[test]
fn samples_of_a_transaction_that_ends_later_are_not_missed() {
    let mut database = busy();
    let mut other = database.session();
    other.run("BEGIN; INSERT INTO consumer_lag_history (service_name, topic, partition, lag, \"timestamp\") VALUES ('s1', 't', 0, 123456, now() - interval '20 minutes')");
    same_as_samples(&mut database);
    other.run("COMMIT");
    same_as_samples(&mut database);
    assert_eq!(
        database
            .owner
            .value("SELECT max_lag > 123456 FROM lagproof.last_hour_kept WHERE service_name = 's1'"),
        true
    );
}

/// Writers never wait for each other, nor for whoever brings sums up to date in a transaction that goes on.
#[test]
fn writers_do_not_wait_for_each_other() {
    let mut database = busy();
    let sample = "INSERT INTO consumer_lag_history (service_name, topic, partition, lag) VALUES ('s1', 't', 0, 1)";
    database
        .owner
        .run("UPDATE lagproof.monitoring SET kept_at = now() - interval '31 seconds'");
    database.owner.run(&format!("BEGIN; {sample}"));
    assert_eq!(
        database
            .owner
            .value("SELECT kept_at > now() - interval '10 seconds' FROM lagproof.monitoring"),
        true,
        "the first is at it, and not done"
    );
    let mut other = database.session();
    other.run(&format!("SET lock_timeout = '1s'; {sample}; {sample}"));
    database.owner.run("COMMIT");
    same_as_samples(&mut database);
}

#[test]
fn without_samples_there_are_no_kept_sums() {
    let mut database = busy();
    database
        .owner
        .run("TRUNCATE consumer_lag_history, consumer_processing_metrics");
    assert_eq!(
        database
            .owner
            .value("SELECT count(*) FROM v_consumer_performance_monitor"),
        0
    );
    database
        .owner
        .run("INSERT INTO consumer_lag_history (service_name, topic, partition, lag) VALUES ('s1', 't', 0, 1)");
    assert_eq!(
        database
            .owner
            .value("SELECT max_lag FROM v_consumer_performance_monitor"),
        1
    );
}

/// One service's hours, oldest first, and what is still to be summed up.
fn hours(database: &mut Database) -> serde_json::Value {
    json!(database.owner.rows(
        "SELECT extract(epoch FROM date_bin('1 hour', now(), '2000-01-01 00:00+00') - hour)::integer / 3600 AS ago, avg_lag, max_lag, messages_processed
         FROM lagproof.consumer_hours WHERE service_name = 'a' ORDER BY hour"
    ))
}

/// Five hours of samples, one a minute: what a call that records finds to do.
fn five_hours(database: &mut Database) {
    database.owner.run(
        "UPDATE lagproof.monitoring SET looked_at = now();
         INSERT INTO consumer_lag_history (service_name, topic, partition, lag, \"timestamp\")
         SELECT 'a', 't', partition, ago, date_bin('1 hour', now(), '2000-01-01 00:00+00') - ago * interval '1 minute'
         FROM generate_series(1, 300) AS ago, generate_series(0, 1) AS partition;
         INSERT INTO consumer_processing_metrics (service_name, messages_processed, \"timestamp\")
         SELECT 'a', 2, date_bin('1 hour', now(), '2000-01-01 00:00+00') - ago * interval '1 minute' FROM generate_series(1, 300) AS ago",
    );
}

#[test]
fn a_call_sums_up_a_little_and_calls_together_everything() {
    let mut database = Database::migrated();
    five_hours(&mut database);
    let due = "SELECT count(*) FROM lagproof.slices_due WHERE slice < date_bin('1 hour', now(), '2000-01-01 00:00+00')";
    let mut before = 60;
    for call in 0.. {
        database.owner.run(
            "UPDATE lagproof.monitoring SET kept_at = '-infinity', looked_at = '-infinity';
             SELECT record_consumer_lag('b', 't', 0, 1)",
        );
        let left = database.owner.value(due).as_i64().expect("a count");
        assert!(before - left <= 3, "call {call} summed up {} slices", before - left);
        before = left;
        if left == 0 {
            assert!(call < 60, "{call} calls");
            break;
        }
    }
    assert_eq!(
        hours(&mut database),
        json!([
            { "ago": 5, "avg_lag": 541, "max_lag": 600, "messages_processed": 120 },
            { "ago": 4, "avg_lag": 421, "max_lag": 480, "messages_processed": 120 },
            { "ago": 3, "avg_lag": 301, "max_lag": 360, "messages_processed": 120 },
            { "ago": 2, "avg_lag": 181, "max_lag": 240, "messages_processed": 120 },
            { "ago": 1, "avg_lag": 61, "max_lag": 120, "messages_processed": 120 },
        ])
    );
}

#[test]
fn samples_that_come_late_or_go_change_their_hour() {
    let mut database = Database::migrated();
    five_hours(&mut database);
    database.owner.run("SELECT lagproof.maintain_v1()");
    assert_eq!(
        hours(&mut database)[1],
        json!({ "ago": 4, "avg_lag": 421, "max_lag": 480, "messages_processed": 120 })
    );
    database.owner.run(
        "INSERT INTO consumer_lag_history (service_name, topic, partition, lag, \"timestamp\")
         SELECT 'a', 't', 2, 1000, date_bin('1 hour', now(), '2000-01-01 00:00+00') - ago * interval '1 minute' FROM generate_series(181, 240) AS ago;
         DELETE FROM consumer_processing_metrics WHERE \"timestamp\" < date_bin('1 hour', now(), '2000-01-01 00:00+00') - interval '230 minutes';
         DELETE FROM consumer_lag_history WHERE \"timestamp\" < date_bin('1 hour', now(), '2000-01-01 00:00+00') - interval '4 hours';
         SELECT lagproof.maintain_v1()",
    );
    assert_eq!(
        hours(&mut database)[0],
        json!({ "ago": 4, "avg_lag": 1421, "max_lag": 1480, "messages_processed": 100 }),
        "the fifth hour has no samples any more"
    );
}

#[test]
fn what_comes_after_its_samples_were_dropped_does_not_replace_their_sums() {
    let mut database = Database::migrated();
    let sample = |lag: u32| {
        format!(
            "INSERT INTO consumer_lag_history (service_name, topic, partition, lag, \"timestamp\")
             VALUES ('a', 't', 0, {lag}, date_trunc('hour', now()) - interval '20 days'); SELECT lagproof.maintain_v1()"
        )
    };
    let hours = "SELECT string_agg(avg_lag::text, ' ') FROM lagproof.consumer_hours";
    database.owner.run(&sample(10));
    assert_eq!(database.owner.value(hours), "10");
    assert_eq!(
        database.owner.value("SELECT count(*) FROM consumer_lag_history"),
        0,
        "too old to be kept"
    );
    database.owner.run(&sample(99));
    assert_eq!(database.owner.value(hours), "10");
    assert_eq!(database.owner.value("SELECT count(*) FROM lagproof.consumer_slices"), 0);
}
