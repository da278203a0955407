//! The benchmark: whole processes of the release binary on made-up projects, start to exit, against what the machine
//! needs for the same bytes, and against other tools. It prints what was measured; no time makes it fail.
//!
//! What is compared takes turns (A B A B): a machine that gets slower meanwhile slows all of it.

mod claims;
mod clean_build;
mod floor;
mod measure;
mod peers;
#[path = "../projects/mod.rs"]
mod projects;
mod real;
mod scale;
mod table;

use std::error::Error;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, ValueEnum};

use claims::Claims;
use floor::FloorArgs;

type Outcome<T = ()> = Result<T, Box<dyn Error + Send + Sync>>;

/// Time the compiler on generated projects, and beside other tools.
#[derive(Debug, Parser)]
struct Args {
    /// What to measure [default: all but build]
    #[arg(value_enum)]
    parts: Vec<Part>,
    /// Services in the generated projects
    #[arg(long, value_delimiter = ',', default_values_t = [10, 1_000, 10_000])]
    sizes: Vec<usize>,
    /// Runs of each process, after one that is not counted
    #[arg(long, default_value_t = 7)]
    runs: usize,
    /// Runs of each process beside other tools
    #[arg(long, default_value_t = 3)]
    peer_runs: usize,
    /// Only write a project of each size into a folder of this one, to profile or to look at
    #[arg(long, value_name = "DIR")]
    write: Option<PathBuf>,
    #[command(flatten)]
    floor: FloorArgs,
    /// What cargo passes.
    #[arg(long, hide = true)]
    bench: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Part {
    /// Generated projects: check and compile, against reading and writing the same bytes
    Scale,
    /// This repository's own services
    Real,
    /// Other tools on the same files, where they are installed: `just peers`
    Peers,
    /// A build from nothing without features; takes as long as that takes
    Build,
}

fn main() -> ExitCode {
    let args = Args::parse();
    let outcome = match &args.floor.floor {
        Some(floor) => floor.run(&args.floor),
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
    if let Some(folder) = &args.write {
        for services in &args.sizes {
            projects::Shape::of(*services).write(&folder.join(services.to_string()))?;
        }
        return Ok(());
    }
    let parts = match &args.parts[..] {
        [] => &[Part::Scale, Part::Real, Part::Peers],
        some => some,
    };
    println!("{}", measure::machine());
    let mut claims = Claims::default();
    for part in parts {
        match part {
            Part::Scale => scale::run(args, &mut claims)?,
            Part::Real => real::run(args, &mut claims)?,
            Part::Peers => peers::run(args, &mut claims)?,
            Part::Build => clean_build::run(&mut claims)?,
        }
    }
    println!("\nMust reach\n{claims}");
    Ok(())
}

/// The binary that is measured, built with the release profile.
fn lagproof() -> PathBuf {
    PathBuf::from(env!("CARGO_BIN_EXE_lagproof"))
}

/// A folder for a generated project, on the disk that holds target/; goes when dropped.
fn scratch() -> Outcome<tempfile::TempDir> {
    Ok(tempfile::Builder::new()
        .prefix("bench-")
        .tempdir_in(env!("CARGO_TARGET_TMPDIR"))?)
}
