//! The requirements document's queries, as written, over many samples.

use std::time::Instant;

use super::claims::Claims;
use super::database::Database;
use super::{Args, Outcome, head, line};

const FILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/db/requirements.sql");
const MIGRATIONS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/migrations");

/// A database with the schema, the services, and all samples: half a day, every service's ten partitions taking turns, so that
/// the last hour has a twelfth of them, as it would on an installation that is watched closely.
pub fn load(args: &Args) -> Outcome<Database> {
    let mut database = Database::empty()?;
    let mut files: Vec<_> = std::fs::read_dir(MIGRATIONS)?.collect::<Result<_, _>>()?;
    files.sort_by_key(std::fs::DirEntry::path);
    for file in files {
        database.run(&std::fs::read_to_string(file.path())?)?;
    }
    let services = args.services;
    database.run(&format!(
        "SELECT lagproof.seed_service_v1(name, 1, 'sha256:' || name, jsonb_build_object(
            'revision', 1,
            'settings', jsonb_build_object('client', 'librdkafka', 'group', name, 'topics', jsonb_build_array('topic-' || n % 200),
                'consumer', '{{\"max_poll_records\": 500, \"session_timeout_ms\": 30000, \"max_poll_interval_ms\": 60000}}'::jsonb, 'concurrency', 1),
            'context', '{{\"replicas\": 2, \"targets\": {{\"lag\": 100}}}}'::jsonb))
         FROM (SELECT n, CASE n WHEN 0 THEN 'minicpm-vision' ELSE 'service-' || n END AS name FROM generate_series(0, {services} - 1) AS n) AS all_of_them;
         SELECT lagproof.seed_topic_v1('topic-' || n, 'sha256:' || n, '{{\"revision\": 1, \"partitions\": 10, \"partitions_now\": 6, \"rate\": 100}}')
         FROM generate_series(0, 199) AS n"
    ))?;
    let started = Instant::now();
    // Batches, as a collector would write them: one statement for many services.
    let batches = 20;
    for batch in 0..batches {
        let (first, last) = (args.rows * batch / batches, args.rows * (batch + 1) / batches);
        database.run(&format!(
            "INSERT INTO consumer_lag_history (service_name, topic, partition, lag, consumer_offset, \"timestamp\")
             SELECT CASE service WHEN 0 THEN 'minicpm-vision' ELSE 'service-' || service END, 'topic-' || service % 200,
                    n / {services} % 10, (n * 7919) % 300, n / 100, now() - interval '12 hours' * (1 - n::double precision / {rows})
             FROM (SELECT n, n % {services} AS service FROM generate_series({first}::bigint, {last}::bigint - 1) AS n) AS samples",
            rows = args.rows
        ))?;
    }
    let inserted = started.elapsed();
    database.run(&format!(
        "INSERT INTO consumer_processing_metrics (service_name, messages_processed, processing_time_ms, messages_per_second, memory_usage_mb, \"timestamp\")
         SELECT CASE n % {services} WHEN 0 THEN 'minicpm-vision' ELSE 'service-' || n % {services} END, 1000, 900, 100, 64,
                now() - interval '12 hours' * (1 - n::double precision / ({services} * 720))
         FROM generate_series(0, {services} * 720 - 1) AS n;
         SELECT lagproof.maintain_v1()"
    ))?;
    database.run("VACUUM (ANALYZE)")?;
    println!(
        "\n{} samples of {services} services in {batches} statements: {:.1} s, {:.0} a second",
        args.rows,
        inserted.as_secs_f64(),
        args.rows as f64 / inserted.as_secs_f64()
    );
    Ok(database)
}

pub fn run(args: &Args, database: &mut Database, claims: &mut Claims) -> Outcome {
    head("The document's queries, as written");
    let text = std::fs::read_to_string(FILE)?;
    let text: Vec<&str> = text.lines().filter(|line| !line.starts_with("--")).collect();
    let text = text.join("\n");
    let statements: Vec<&str> = text.split(';').map(str::trim).filter(|sql| !sql.is_empty()).collect();
    for (number, sql) in statements.iter().enumerate() {
        let name: String = sql
            .split_whitespace()
            .collect::<Vec<_>>()
            .join(" ")
            .chars()
            .take(44)
            .collect();
        let mut times = Vec::new();
        for run in 0..=args.runs {
            // What keeps sums runs with the samples: half a minute's worth of them came just now.
            database.run("SELECT record_consumer_lag('service-1', 'topic-1', 0, 5)")?;
            let started = Instant::now();
            database.rows(sql)?;
            if run > 0 {
                times.push(started.elapsed());
            }
        }
        let median = line(&name, &times, None);
        claims.below(
            &format!("query {}: {}", number + 1, name.chars().take(40).collect::<String>()),
            100.0,
            median.as_secs_f64() * 1e3,
            "ms",
        );
    }
    Ok(())
}
