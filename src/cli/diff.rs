//! `lagproof diff`.

use clap::{Args, ValueEnum};

#[cfg(not(feature = "db"))]
use super::Global;
#[cfg(not(feature = "db"))]
use super::output::{Exit, fail};

const AFTER_HELP: &str = "\
Here is what the profiles say, there is what the database of DATABASE_URL says. Nothing is changed without --adopt or \
--drop-override. Overrides are shown with who, when, why and until when; rules that need more than one row, and so can't \
be held by the database, are judged as if the profiles said what the overrides say.

Exit status: 0 the same, or settled; 1 an override can't be settled; 2 wrong usage, no database; 3 with --exit-code, \
something differs.

Examples:
  lagproof diff --database                                             what differs
  lagproof diff --database --exit-code                                 the same, for a pipeline
  lagproof diff --database --adopt motion-event-filter                 its overrides into its profile
  lagproof diff --database --adopt motion-event-filter.max_poll_records
  lagproof diff --database --drop-override motion-event-filter         back to what the profile says";

/// `diff`'s arguments.
#[derive(Debug, Args)]
#[command(after_help = AFTER_HELP)]
pub(super) struct DiffArgs {
    /// Compare with the database that DATABASE_URL names
    #[arg(long, required = true)]
    database: bool,
    /// Exit with 3 where something differs
    #[arg(long, conflicts_with_all = ["adopt", "drop_override"])]
    exit_code: bool,
    /// Write overrides into the profile: of a service, or of one of its settings
    #[arg(long, value_name = "SERVICE[.SETTING]", conflicts_with = "drop_override")]
    adopt: Vec<String>,
    /// Discard overrides: of a service, or of one of its settings
    #[arg(long, value_name = "SERVICE[.SETTING]")]
    drop_override: Vec<String>,
    /// How to print what differs
    #[arg(long, value_name = "FORMAT", default_value = "human", conflicts_with_all = ["adopt", "drop_override"])]
    format: DiffFormat,
}

/// How differences are printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum DiffFormat {
    /// For people.
    Human,
    /// A JSON object: `differences`, and `findings` of the overrides together.
    Json,
}

#[cfg(not(feature = "db"))]
pub(super) fn run(_: &Global, _: &DiffArgs) -> Exit {
    fail(
        "this lagproof was built without PostgreSQL",
        "build it with it, in a clone: cargo install --locked --path . --features db",
    )
}

#[cfg(feature = "db")]
pub(super) use with_database::run;

#[cfg(feature = "db")]
mod with_database;
