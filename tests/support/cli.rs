//! Running the built binary.

use std::path::Path;
use std::process::{Command, Output};

/// What a run printed and how it ended.
pub struct Ran {
    /// The exit status; nothing where a signal ended it.
    pub status: Option<i32>,
    /// Standard output.
    pub out: String,
    /// Standard error.
    pub err: String,
}

/// Runs `lagproof` in a folder, with no colour and a fixed clock.
pub fn lagproof(folder: &Path, arguments: &[&str]) -> Ran {
    command(folder, arguments)
        .output()
        .map(Ran::from)
        .expect("the binary runs")
}

/// The command that [`lagproof`] runs.
pub fn command(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_lagproof"));
    command
        .current_dir(folder)
        .args(arguments)
        .env_remove("CLICOLOR_FORCE")
        .env("NO_COLOR", "1")
        .env("GIT_CEILING_DIRECTORIES", folder.parent().unwrap_or(folder))
        .env("SOURCE_DATE_EPOCH", "1767225600");
    command
}

impl From<Output> for Ran {
    fn from(output: Output) -> Self {
        Self {
            status: output.status.code(),
            out: String::from_utf8(output.stdout).expect("UTF-8"),
            err: String::from_utf8(output.stderr).expect("UTF-8"),
        }
    }
}
