//! The `lagproof` command.

use std::process::ExitCode;

use clap::Parser;
use lagproof::cli::{Cli, run};

/// Most of what the command does is making small things and keeping them to the end.
#[cfg(feature = "mimalloc")]
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    run(&Cli::parse())
}
