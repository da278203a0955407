//! `lagproof migrate`.

use clap::Args;

#[cfg(feature = "db")]
use crate::db::{Migrations, Mode, Options, Progress, Report, Rewritten, migrate, read_migrations};
#[cfg(feature = "db")]
use crate::model::broker::Stage;
#[cfg(feature = "db")]
use crate::project::{Deployment, deployment};
#[cfg(feature = "db")]
use crate::source::Tree;

use super::Global;
#[cfg(feature = "db")]
use super::database::database_url;
use super::output::{Exit, fail};
#[cfg(feature = "db")]
use super::output::{note, print};
#[cfg(feature = "db")]
use super::unreadable;

const AFTER_HELP: &str = "\
The database is the one that DATABASE_URL names: postgres://user:password@host:5432/database. The schema is in the \
binary; seeds are those in generated/migrations.

Exit status: 0 done, or nothing to do; 1 the database and the files disagree, or a migration was refused; 2 wrong usage, \
no database; 3 --status found something to apply.

Examples:
  lagproof migrate             apply what is not applied yet
  lagproof migrate --dry-run   apply it and take it back: says what would be refused
  lagproof migrate --status    say what is applied and what is not
  lagproof migrate --environment development --allow-replaced
                               after a branch's seed was compiled again; overrides and partitions that were grown stay";

/// `migrate`'s arguments.
#[derive(Debug, Args)]
#[command(after_help = AFTER_HELP)]
pub(super) struct MigrateArgs {
    /// Apply everything in one transaction, then take it back
    #[arg(long)]
    dry_run: bool,
    /// Which environment of lagproof.toml this database serves; it remembers, and refuses another one
    #[arg(long, value_name = "NAME")]
    environment: Option<String>,
    /// Where seeds were rewritten after they were applied, forget them and replay all; never where the environment is production
    #[arg(long, requires = "environment", conflicts_with = "status")]
    allow_replaced: bool,
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
    let url = match database_url() {
        Ok(url) => url,
        Err(exit) => return exit,
    };
    let root = match global.root() {
        Ok(root) => root,
        Err(exit) => return exit,
    };
    let deployment = match deployment(&root) {
        Ok(deployment) => deployment,
        Err(error) => return unreadable(&root, &error),
    };
    let environment = match environment(&deployment, args) {
        Ok(environment) => environment,
        Err(exit) => return exit,
    };
    let options = Options {
        mode,
        rewritten: match args.allow_replaced {
            true => Rewritten::Replay,
            false => Rewritten::Refuse,
        },
        environment,
    };
    let mut progress = |progress: Progress<'_>| match progress {
        Progress::Waiting => note("another `lagproof migrate` works on this database: waiting for it"),
        Progress::Applied(name) => print(&format!("applied   {name}\n")),
        Progress::Replaying(rewritten) => print(&format!(
            "replayed  all seeds, in place of {} that {} rewritten: {}\n",
            rewritten.len(),
            if rewritten.len() == 1 { "was" } else { "were" },
            rewritten.join(", ")
        )),
        Progress::Found(finding) => print(&format!("found     {finding}\n")),
        Progress::FoundMore(more) => print(&format!(
            "found     {more} more: SELECT * FROM lagproof.adoption_findings ORDER BY id\n"
        )),
    };
    let done = read_migrations(&Tree::Disk(root), &deployment.seeds)
        .and_then(|migrations| Ok((migrate(&url, &migrations, options, &mut progress)?, migrations)));
    match done {
        Ok((report, migrations)) => say(&report, &migrations, mode),
        Err(error) => {
            let exit = fail(&error.to_string(), &error.help());
            if error.is_disagreement() { Exit::Failed } else { exit }
        }
    }
}

/// The environment that was named, as lagproof.toml declares it.
#[cfg(feature = "db")]
fn environment<'p>(deployment: &'p Deployment, args: &MigrateArgs) -> Result<Option<(&'p str, Stage)>, Exit> {
    let Some(name) = &args.environment else {
        return Ok(None);
    };
    let Some((name, stage)) = deployment.environments.iter().find(|(known, _)| known == name) else {
        let mut known: Vec<&str> = deployment
            .environments
            .iter()
            .map(|(known, _)| known.as_str())
            .collect();
        known.sort_unstable();
        return Err(fail(
            &format!("lagproof.toml has no environment `{}`", name.escape_debug()),
            &match known.is_empty() {
                true => "declare it there: [environments.NAME]".to_owned(),
                false => format!("there are {}", known.join(", ")),
            },
        ));
    };
    if args.allow_replaced && *stage == Stage::Production {
        return Err(fail(
            &format!("`{name}` is production: seeds that it has had are not taken back"),
            "give the change a version and a seed of its own: lagproof check --fix, lagproof compile",
        ));
    }
    Ok(Some((name, *stage)))
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
