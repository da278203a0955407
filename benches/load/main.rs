//! The benchmark of load and workers: what the harness itself costs, on a real local broker. It prints what was measured;
//! no time makes it fail.
//!
//! What is compared takes turns (A B A B), each a process of its own: a machine that gets slower meanwhile slows both.

mod bare;
#[path = "../processes/claims.rs"]
#[allow(dead_code, reason = "shared with the other benchmark")]
mod claims;
mod open_loop;
mod peers;
mod processes;
mod specs;
mod worker;

use std::error::Error;
use std::process::ExitCode;

use clap::{Parser, ValueEnum};
use lagproof::broker::{Broker, Options, Surroundings, Wanted};

use bare::BareArgs;
use claims::Claims;

type Outcome<T = ()> = Result<T, Box<dyn Error + Send + Sync>>;

/// Time load and workers against bare loops, and beside Kafka's own performance tools.
#[derive(Debug, Parser)]
struct Args {
    /// What to measure [default: all]
    #[arg(value_enum)]
    parts: Vec<Part>,
    /// Records that a worker consumes
    #[arg(long, default_value_t = 1_500_000)]
    records: u64,
    /// Bytes of a record's value
    #[arg(long, default_value_t = 200)]
    size: u64,
    /// Pairs of runs
    #[arg(long, default_value_t = 5)]
    runs: usize,
    /// Seconds of each open loop
    #[arg(long, default_value_t = 10.0)]
    seconds: f64,
    /// Records a second of the open loops
    #[arg(long, value_delimiter = ',', default_values_t = [1_000, 10_000, 20_000])]
    rates: Vec<u32>,
    #[command(flatten)]
    bare: BareArgs,
    /// What cargo passes.
    #[arg(long, hide = true)]
    bench: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Part {
    /// A worker without processing cost against a bare librdkafka loop
    Worker,
    /// How late an open loop is, against a bare sleeping loop
    OpenLoop,
    /// Kafka's own performance tools
    Peers,
}

fn main() -> ExitCode {
    let args = Args::parse();
    let outcome = match args.bare.bare {
        Some(which) => bare::run(which, &args.bare),
        None => run(&args),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(args: &Args) -> Outcome {
    let parts = match &args.parts[..] {
        [] => &[Part::Worker, Part::OpenLoop, Part::Peers],
        some => some,
    };
    println!("{}", processes::machine());
    let surroundings = Surroundings::of_process();
    let broker = Broker::start(Wanted::Local, &Options::default(), &surroundings, &mut |progress| {
        eprintln!("{progress}");
    })?;
    broker.warm_up()?;
    println!("{broker}");
    let mut claims = Claims::default();
    for part in parts {
        match part {
            Part::Worker => worker::run(args, &broker, &mut claims)?,
            Part::OpenLoop => open_loop::run(args, &broker, &mut claims)?,
            Part::Peers => peers::run(args, &broker, &surroundings)?,
        }
    }
    println!("\nMust reach\n{claims}");
    Ok(())
}
