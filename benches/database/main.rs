//! The benchmark of the database: a real PostgreSQL with its own defaults (everything is flushed to disk), what the
//! requirements ask of it, and beside each figure what the server needs for the same bytes without lagproof. It prints what was
//! measured; no time makes it fail.

// Shared with the other benchmark, which uses the rest of it.
#[allow(dead_code)]
#[path = "../processes/claims.rs"]
mod claims;
mod database;
#[allow(dead_code)]
#[path = "../processes/measure.rs"]
mod measure;
#[path = "../projects/mod.rs"]
mod projects;
mod queries;
mod recording;
mod seeding;
#[allow(dead_code)]
#[path = "../../tests/db/server.rs"]
mod server;

use std::error::Error;
use std::process::ExitCode;
use std::time::Duration;

use clap::{Parser, ValueEnum};

use claims::Claims;

type Outcome<T = ()> = Result<T, Box<dyn Error + Send + Sync>>;

/// Time the database: queries over many samples, recording, seeding.
#[derive(Debug, Parser)]
struct Args {
    /// What to measure [default: all]
    #[arg(value_enum)]
    parts: Vec<Part>,
    /// Samples of lag to query
    #[arg(long, default_value_t = 10_000_000)]
    rows: u64,
    /// Services that they are of
    #[arg(long, default_value_t = 1_000)]
    services: u32,
    /// Services to seed
    #[arg(long, default_value_t = 10_000)]
    seeds: usize,
    /// Runs of each query, after one that is not counted
    #[arg(long, default_value_t = 15)]
    runs: usize,
    /// What cargo passes.
    #[arg(long, hide = true)]
    bench: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Part {
    /// The requirements document's queries over all samples
    Queries,
    /// Ten thousand samples in one call
    Recording,
    /// `lagproof migrate` on an empty database, and again
    Seeding,
}

fn main() -> ExitCode {
    match run(&Args::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(args: &Args) -> Outcome {
    let parts = match &args.parts[..] {
        [] => &[Part::Seeding, Part::Queries, Part::Recording],
        some => some,
    };
    println!("{}", measure::machine());
    let mut claims = Claims::default();
    let mut samples = None;
    for part in parts {
        match part {
            Part::Seeding => seeding::run(args, &mut claims)?,
            Part::Queries => queries::run(args, with_samples(args, &mut samples)?, &mut claims)?,
            Part::Recording => recording::run(args, with_samples(args, &mut samples)?, &mut claims)?,
        }
    }
    println!("\nMust reach\n{claims}");
    Ok(())
}

/// The database with all samples; made once.
fn with_samples<'d>(args: &Args, made: &'d mut Option<database::Database>) -> Outcome<&'d mut database::Database> {
    if made.is_none() {
        *made = Some(queries::load(args)?);
    }
    made.as_mut().ok_or_else(|| "no database".into())
}

/// The middle of several times.
fn median(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times.get(times.len() / 2).copied().unwrap_or_default()
}

/// A line of the table: the median, the range, and what it is compared with.
fn line(what: &str, times: &[Duration], floor: Option<Duration>) -> Duration {
    let median = median(times.to_vec());
    let ms = |time: Duration| format!("{:.1} ms", time.as_secs_f64() * 1e3);
    let least = times.iter().min().copied().unwrap_or_default();
    let most = times.iter().max().copied().unwrap_or_default();
    let beside = floor.map_or_else(String::new, |floor| {
        format!("{:>12} {:>7.1}×", ms(floor), median.as_secs_f64() / floor.as_secs_f64())
    });
    println!(
        "  {what:<44} {:>12} {:>12} {:>12} {beside}",
        ms(median),
        ms(least),
        ms(most)
    );
    median
}

/// The table's head.
fn head(title: &str) {
    println!("\n{title}");
    println!(
        "  {:<44} {:>12} {:>12} {:>12} {:>12}",
        "", "median", "least", "most", "floor"
    );
}
