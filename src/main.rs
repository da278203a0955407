//! The `lagproof` command.

use std::process::ExitCode;

use clap::Parser;
use lagproof::cli::{Cli, run};

fn main() -> ExitCode {
    run(&Cli::parse())
}
