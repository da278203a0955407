//! Recording ten thousand samples in one call, beside a bare INSERT of the same rows into a bare table.

use std::time::Instant;

use super::claims::Claims;
use super::database::Database;
use super::{Args, Outcome, head, line, median};

const SAMPLES: usize = 10_000;

pub fn run(args: &Args, database: &mut Database, claims: &mut Claims) -> Outcome {
    head("Ten thousand samples in one call");
    let samples: Vec<String> = (0..SAMPLES)
        .map(|n| {
            format!(
                r#"{{"service_name":"service-{}","topic":"topic-{}","partition":{},"lag":{},"consumer_offset":{n}}}"#,
                1 + n % 999,
                n % 200,
                n % 10,
                n % 300
            )
        })
        .collect();
    let samples = format!("[{}]", samples.join(","));
    database.run(
        "CREATE TABLE bare (service_name text, topic text, partition integer, lag bigint, consumer_offset bigint, \"timestamp\" timestamptz DEFAULT now())",
    )?;
    let (mut bare, mut recorded) = (Vec::new(), Vec::new());
    for run in 0..=args.runs {
        let started = Instant::now();
        database.run_with(
            "INSERT INTO bare (service_name, topic, partition, lag, consumer_offset)
             SELECT * FROM jsonb_to_recordset($1::jsonb) AS sample (service_name text, topic text, partition integer, lag bigint, consumer_offset bigint)",
            &samples,
        )?;
        let took = started.elapsed();
        // Every other time the last hour's sums are due, too.
        if run % 2 == 0 {
            database.run("UPDATE lagproof.monitoring SET kept_at = '-infinity', looked_at = '-infinity'")?;
        }
        let started = Instant::now();
        database.run_with("SELECT record_consumer_lag($1::jsonb)", &samples)?;
        if run > 0 {
            bare.push(took);
            recorded.push(started.elapsed());
        }
    }
    database.run("DROP TABLE bare")?;
    let floor = median(bare);
    let worst = recorded.iter().max().copied().unwrap_or_default();
    line("record_consumer_lag(10,000 samples)", &recorded, Some(floor));
    claims.below(
        "10,000 samples in one call, the slowest of them",
        1.0,
        worst.as_secs_f64(),
        "s",
    );
    Ok(())
}
