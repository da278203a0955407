//! Recording ten thousand samples in one call, beside a bare INSERT of the same rows into a bare table.

use std::time::{Duration, Instant};

use super::claims::Claims;
use super::database::Database;
use super::{Args, Outcome, head, line, median};

const SAMPLES: usize = 10_000;
const HALF_A_MINUTE_LATER: &str =
    "UPDATE lagproof.monitoring SET kept_at = now() - interval '31 seconds', looked_at = '-infinity'";

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
    let (mut bare, mut recorded, mut renewing, mut turning) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for run in 0..=args.runs {
        let started = Instant::now();
        database.run_with(
            "INSERT INTO bare (service_name, topic, partition, lag, consumer_offset)
             SELECT * FROM jsonb_to_recordset($1::jsonb) AS sample (service_name text, topic text, partition integer, lag bigint, consumer_offset bigint)",
            &samples,
        )?;
        let took = started.elapsed();
        database.run("UPDATE lagproof.monitoring SET kept_at = now(), maintained_at = now()")?;
        let plain = record(database, &samples)?;
        // As if half a minute had passed, and then as if an hour was over as well.
        database.run(HALF_A_MINUTE_LATER)?;
        let renewed = record(database, &samples)?;
        database.run(HALF_A_MINUTE_LATER)?;
        database.run(
            "UPDATE lagproof.monitoring SET maintained_at = now() - interval '2 hours';
             INSERT INTO lagproof.slices_due VALUES (date_bin('1 hour', now(), '2000-01-01 00:00+00') - interval '5 minutes') ON CONFLICT DO NOTHING",
        )?;
        let turned = record(database, &samples)?;
        if run > 0 {
            bare.push(took);
            recorded.push(plain);
            renewing.push(renewed);
            turning.push(turned);
        }
    }
    database.run("DROP TABLE bare")?;
    let floor = median(bare);
    line("record_consumer_lag(10,000 samples)", &recorded, Some(floor));
    line("… every half minute, with the hour's sums", &renewing, Some(floor));
    line("… once an hour, with what is then due", &turning, Some(floor));
    let worst = [recorded, renewing, turning]
        .concat()
        .into_iter()
        .max()
        .unwrap_or_default();
    claims.below(
        "10,000 samples in one call, the slowest of them",
        1.0,
        worst.as_secs_f64(),
        "s",
    );
    Ok(())
}

fn record(database: &mut Database, samples: &str) -> Outcome<Duration> {
    let started = Instant::now();
    database.run_with("SELECT record_consumer_lag($1::jsonb)", samples)?;
    Ok(started.elapsed())
}
