//! `lagproof migrate`.

use clap::Args;

#[cfg(feature = "db")]
use crate::db::{Migrations, Mode, Progress, Report, migrate, read_migrations};
#[cfg(feature = "db")]
use crate::source::Tree;

use super::Global;
use super::output::{Exit, fail};
#[cfg(feature = "db")]
use super::output::{note, print};

const AFTER_HELP: &str = "\
The database is the one that DATABASE_URL names: postgres://user:password@host:5432/database. The schema is in the \
binary; seeds are those in generated/migrations.

Exit status: 0 done, or nothing to do; 1 the database and the files disagree, or a migration was refused; 2 wrong usage, \
no database; 3 --status found something to apply.

Examples:
  lagproof migrate             apply what is not applied yet
  lagproof migrate --dry-run   apply it and take it back: says what would be refused
  lagproof migrate --status    say what is applied and what is not";

/// `migrate`'s arguments.
#[derive(Debug, Args)]
#[command(after_help = AFTER_HELP)]
pub(super) struct MigrateArgs {
    /// Apply everything in one transaction, then take it back
    #[arg(long)]
    dry_run: bool,
    /// Change nothing; say what is applied and what is not
    #[arg(long, conflicts_with = "dry_run")]
    status: bool,
}

#[cfg(not(feature = "db"))]
pub(super) fn run(_: &Global, _: &MigrateArgs) -> Exit {
    fail(
        "this lagproof was built without PostgreSQL",
        "build it with it, in a clone: cargo install --locked --path . --features db; or feed migrations/ and generated/migrations/ to psql",
    )
}

#[cfg(feature = "db")]
pub(super) fn run(global: &Global, args: &MigrateArgs) -> Exit {
    let mode = match (args.dry_run, args.status) {
        (_, true) => Mode::Status,
        (true, false) => Mode::DryRun,
        (false, false) => Mode::Apply,
    };
    let Some(url) = std::env::var("DATABASE_URL").ok().filter(|url| !url.is_empty()) else {
        return fail(
            "no database: DATABASE_URL is not set",
            "set it to postgres://user:password@host:5432/database",
        );
    };
    let (root, project) = match global.load() {
        Ok(loaded) => loaded,
        Err(exit) => return exit,
    };
    let mut progress = |progress: Progress<'_>| match progress {
        Progress::Waiting => note("another `lagproof migrate` works on this database: waiting for it"),
        Progress::Applied(name) => print(&format!("applied   {name}\n")),
        Progress::Found(finding) => print(&format!("found     {finding}\n")),
        Progress::FoundMore(more) => print(&format!(
            "found     {more} more: SELECT * FROM lagproof.adoption_findings ORDER BY id\n"
        )),
    };
    let done = read_migrations(&Tree::Disk(root), &project.history.folder)
        .and_then(|migrations| Ok((migrate(&url, &migrations, mode, &mut progress)?, migrations)));
    match done {
        Ok((report, migrations)) => say(&report, &migrations, mode),
        Err(error) => {
            let exit = fail(&error.to_string(), &error.help());
            if error.is_disagreement() { Exit::Failed } else { exit }
        }
    }
}

#[cfg(feature = "db")]
fn say(report: &Report, migrations: &Migrations, mode: Mode) -> Exit {
    let (new, old) = (report.pending.len(), migrations.files.len() - report.pending.len());
    match mode {
        Mode::Status => {
            for file in &migrations.files {
                print(&match report.before.get(&file.name) {
                    Some(applied) => format!("applied   {:<48} {} by {}\n", file.name, applied.at, applied.by),
                    None => format!("pending   {}\n", file.name),
                });
            }
            if new == 0 { Exit::Clean } else { Exit::Changes }
        }
        Mode::DryRun => {
            print(&format!(
                "dry run   {new} would be applied, {old} are; the database is as it was\n"
            ));
            Exit::Clean
        }
        Mode::Apply if new == 0 => {
            print(&format!("database  nothing to do: {old} applied before\n"));
            Exit::Clean
        }
        Mode::Apply => {
            print(&format!("database  {new} applied, {old} before\n"));
            Exit::Clean
        }
    }
}
