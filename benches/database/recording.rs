//! Recording ten thousand samples in one call, beside a bare INSERT of the same rows into a bare table.

use std::time::Instant;

use super::claims::Claims;
use super::database::Database;
use super::{Args, Outcome, head, line, median};

const SAMPLES: usize = 10_000;
/// What a call finds, in turns: nothing to do, half a minute gone, and the end of an hour as well.
const FINDS: [&str; 3] = [
    "UPDATE lagproof.monitoring SET kept_at = now(), maintained_at = now()",
    "UPDATE lagproof.monitoring SET kept_at = now() - interval '31 seconds', looked_at = '-infinity'",
    "UPDATE lagproof.monitoring SET kept_at = now() - interval '31 seconds', looked_at = '-infinity', maintained_at = now() - interval '2 hours';
     INSERT INTO lagproof.slices_due VALUES (date_bin('1 hour', now(), '2000-01-01 00:00+00') - interval '5 minutes') ON CONFLICT DO NOTHING",
];

pub fn run(args: &Args, database: &mut Database, claims: &mut Claims) -> Outcome {
    head("Ten thousand samples in one call");
    let samples: Vec<String> = (0..SAMPLES)
        .map(|n| {
            // Partitions that the loaded samples have, too.
            let (service, partition) = (1 + n % 999, n / 999 % 10);
            format!(
                r#"{{"service_name":"service-{service}","topic":"topic-{}","partition":{partition},"lag":{},"consumer_offset":{n}}}"#,
                service % 200,
                n % 300
            )
        })
        .collect();
    let samples = format!("[{}]", samples.join(","));
    database.run(
        "CREATE TABLE bare (service_name text, topic text, partition integer, lag bigint, consumer_offset bigint, \"timestamp\" timestamptz DEFAULT now())",
    )?;
    let mut bare = Vec::new();
    let mut recorded = [Vec::new(), Vec::new(), Vec::new()];
    // One call a run, as many samples in all as a collector brings in eight minutes; what it finds to do takes turns.
    for run in 0..=args.runs {
        let started = Instant::now();
        database.run_with(
            "INSERT INTO bare (service_name, topic, partition, lag, consumer_offset)
             SELECT * FROM jsonb_to_recordset($1::jsonb) AS sample (service_name text, topic text, partition integer, lag bigint, consumer_offset bigint)",
            &samples,
        )?;
        let took = started.elapsed();
        database.run(FINDS[run % 3])?;
        let started = Instant::now();
        database.run_with("SELECT record_consumer_lag($1::jsonb)", &samples)?;
        if run > 0 {
            bare.push(took);
            recorded[run % 3].push(started.elapsed());
        }
    }
    database.run("DROP TABLE bare")?;
    let floor = median(bare);
    for (what, times) in [
        "record_consumer_lag(10,000 samples)",
        "… every half minute: the last hour's sums",
        "… once an hour: what is then due, too",
    ]
    .iter()
    .zip(&recorded)
    {
        line(what, times, Some(floor));
    }
    let worst = recorded.concat().into_iter().max().unwrap_or_default();
    claims.below(
        "10,000 samples in one call, the slowest of them",
        1.0,
        worst.as_secs_f64(),
        "s",
    );
    Ok(())
}
