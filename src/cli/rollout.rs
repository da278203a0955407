//! `lagproof rollout`.

use clap::{Args, ValueEnum};

#[cfg(not(feature = "db"))]
use super::Global;
#[cfg(not(feature = "db"))]
use super::output::{Exit, fail};

const AFTER_HELP: &str = "\
The database is the one that DATABASE_URL names. Replicas say in it what they run; a change that needs new consumers is \
taken by one replica at a time, and stops by itself where lag rises.

Exit status: 0 shown, or done; 1 with --wait, it was stopped or refused; 2 wrong usage, no database; 3 with --exit-code or \
--wait, a replica does not run the newest settings (yet).

Examples:
  lagproof rollout                                      who runs what, service by service
  lagproof rollout step-counter --wait 10min            after `migrate`: until every replica has the newest settings
  lagproof rollout step-counter --stop \"lag doubled\"    replicas that have not restarted go on as they are
  lagproof rollout step-counter --resume                and on it goes";

/// `rollout`'s arguments.
#[derive(Debug, Args)]
#[command(after_help = AFTER_HELP)]
pub(super) struct RolloutArgs {
    /// Which services [default: all whose replicas report]
    #[arg(value_name = "SERVICE")]
    services: Vec<String>,
    /// Stop their restarts, and say why
    #[arg(long, value_name = "REASON", requires = "services", conflicts_with = "resume")]
    stop: Option<String>,
    /// Let stopped restarts go on
    #[arg(long, requires = "services")]
    resume: bool,
    /// Look again until all is done, stopped or refused, for so long at most
    #[arg(long, value_name = "TIME", conflicts_with_all = ["stop", "resume"])]
    wait: Option<String>,
    /// Exit with 3 where a replica does not run the newest settings
    #[arg(long, conflicts_with_all = ["stop", "resume", "wait"])]
    exit_code: bool,
    /// How to print it
    #[arg(long, value_name = "FORMAT", default_value = "human", conflicts_with_all = ["stop", "resume"])]
    format: RolloutFormat,
}

/// How rollouts are printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum RolloutFormat {
    /// For people.
    Human,
    /// A JSON object: `rollouts`, each with its `standing`.
    Json,
}

#[cfg(not(feature = "db"))]
pub(super) fn run(_: &Global, _: &RolloutArgs) -> Exit {
    fail(
        "this lagproof was built without PostgreSQL",
        "build it with it, in a clone: cargo install --locked --path . --features db",
    )
}

#[cfg(feature = "db")]
pub(super) use with_database::run;

#[cfg(feature = "db")]
mod text;
#[cfg(feature = "db")]
mod with_database;
