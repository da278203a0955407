//! `lagproof completions` and `lagproof man`.

use std::path::PathBuf;

use clap::{Args, CommandFactory};
use clap_complete::Shell;

use super::Cli;
use super::output::{Exit, fail, print};

/// `completions`' arguments.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  lagproof completions bash > ~/.local/share/bash-completion/completions/lagproof")]
pub(super) struct CompletionsArgs {
    /// The shell
    shell: Shell,
}

pub(super) fn run(args: &CompletionsArgs) -> Exit {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "lagproof", &mut script);
    print(&String::from_utf8_lossy(&script));
    Exit::Clean
}

/// `man`'s arguments.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  lagproof man | man -l -\n  lagproof man --into /usr/local/share/man/man1")]
pub(super) struct ManArgs {
    /// Write one page a verb into this folder instead
    #[arg(long, value_name = "DIR")]
    into: Option<PathBuf>,
}

pub(super) fn run_man(args: &ManArgs) -> Exit {
    if let Some(folder) = &args.into {
        return match clap_mangen::generate_to(Cli::command(), folder) {
            Ok(()) => Exit::Clean,
            Err(error) => fail(
                &format!("{}: {error}", folder.display()),
                "name a folder that can be written to",
            ),
        };
    }
    let mut page = Vec::new();
    match clap_mangen::Man::new(Cli::command()).render(&mut page) {
        Ok(()) => {
            print(&String::from_utf8_lossy(&page));
            Exit::Clean
        }
        Err(error) => fail(&error.to_string(), "report this"),
    }
}
