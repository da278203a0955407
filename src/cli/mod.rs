//! The command line: one file a verb. Verbs print and exit; what is right or wrong is decided below.

mod broker;
mod check;
mod compile;
mod completions;
#[cfg(feature = "db")]
mod database;
mod diff;
mod docs;
mod evidence;
mod explain;
mod init;
mod load;
mod migrate;
mod output;
mod proofs;
mod revert;
mod rollout;
mod schema;
mod squash;
mod verify;
mod worker;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::project::{Project, find_root};
use crate::source::ReadError;

pub use output::Exit;

const LONG_ABOUT: &str = "\
Declare how each Kafka consumer should run, compile it, prove it under real load.

One small TOML profile a service, checked against a configuration matrix and against what Kafka's clients and brokers \
really do, and compiled into SQL seed migrations, client property files and topic scripts.";

const AFTER_HELP: &str = "\
Exit status: 0 clean; 1 errors (or warnings with --deny), or FAIL; 2 wrong usage or environment; 3 \
`migrate --status` found something to apply, `diff --exit-code` a difference, or `rollout` a replica with older settings; 4 INCONCLUSIVE and 5 INVALID, both of verify; 130 after Ctrl-C.

Examples:
  lagproof init                     start a project here
  lagproof check                    say what is wrong with it
  lagproof check --proofs billing   the arithmetic behind one service
  lagproof explain P104             why a finding matters, with examples
  lagproof compile                  write generated/
  lagproof verify billing           prove it under real load
  lagproof migrate                  put it in $DATABASE_URL
  lagproof diff --database          what is otherwise there
  lagproof rollout                  which replica runs it";

/// The whole command line.
#[derive(Debug, Parser)]
#[command(name = "lagproof", version, about = "Declare how each Kafka consumer should run, compile it, prove it under real load", long_about = LONG_ABOUT, after_help = AFTER_HELP, arg_required_else_help = true, disable_help_subcommand = true, max_term_width = 100)]
pub struct Cli {
    #[command(flatten)]
    global: Global,
    #[command(subcommand)]
    verb: Verb,
}

/// What every verb takes.
#[derive(Debug, Args)]
struct Global {
    /// The project's folder [default: the nearest one upwards with a lagproof.toml]
    #[arg(long, global = true, value_name = "DIR")]
    project: Option<PathBuf>,
    /// When to colour
    #[arg(long, global = true, value_name = "WHEN", default_value = "auto")]
    color: ColourWhen,
}

/// When to colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum ColourWhen {
    /// On a terminal that shows colours.
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Say what is wrong with the project, and how to mend it
    Check(check::CheckArgs),
    /// Write generated/: a seed migration, client properties, topic scripts, schemas
    Compile(compile::CompileArgs),
    /// Take a service back to the settings of an earlier version, under a new one
    Revert(revert::RevertArgs),
    /// Replace the seeds that a commit has by one that stands for all of them
    Squash(squash::SquashArgs),
    /// Run real load on a real broker, and judge it against the declared targets
    Verify(Box<verify::VerifyArgs>),
    /// Bring the database in line: its schema, and the seeds that it does not have yet
    Migrate(migrate::MigrateArgs),
    /// Say what is otherwise in the database, and settle overrides
    Diff(diff::DiffArgs),
    /// Say which replica runs which settings; stop a rollout, or let it go on
    Rollout(rollout::RolloutArgs),
    /// Explain a finding's code, with a bad and a good example
    Explain(explain::ExplainArgs),
    /// Start a project: a small, commented one that passes `check`
    Init(init::InitArgs),
    /// Print the JSON schema of a kind of file, for editors
    Schema(schema::SchemaArgs),
    /// Print a shell's completions
    Completions(completions::CompletionsArgs),
    /// Print the manual page, or write one a verb into a folder
    Man(completions::ManArgs),
    /// Run a broker for tests; commands on standard input: halt, kill, resume
    #[command(hide = true)]
    Broker(broker::BrokerArgs),
    /// Write the generated reference into docs/reference
    #[command(hide = true)]
    Docs(docs::DocsArgs),
    /// Send a load: a spec on standard input, lines on standard output
    #[command(hide = true)]
    Load(load::LoadArgs),
    /// Consume as a spec on standard input says, lines on standard output
    #[command(hide = true)]
    Worker(worker::WorkerArgs),
}

/// Runs a command line.
pub fn run(cli: &Cli) -> ExitCode {
    cli.global.apply_colour();
    if let Err(exit) = output::check_clock() {
        return exit.into();
    }
    let exit = match &cli.verb {
        Verb::Check(args) => check::run(&cli.global, args),
        Verb::Compile(args) => compile::run(&cli.global, args),
        Verb::Revert(args) => revert::run(&cli.global, args),
        Verb::Squash(args) => squash::run(&cli.global, args),
        Verb::Verify(args) => verify::run(&cli.global, args),
        Verb::Migrate(args) => migrate::run(&cli.global, args),
        Verb::Diff(args) => diff::run(&cli.global, args),
        Verb::Rollout(args) => rollout::run(&cli.global, args),
        Verb::Explain(args) => explain::run(&cli.global, args),
        Verb::Init(args) => init::run(&cli.global, args),
        Verb::Schema(args) => schema::run(args),
        Verb::Completions(args) => completions::run(args),
        Verb::Man(args) => completions::run_man(args),
        Verb::Broker(args) => broker::run(args),
        Verb::Docs(args) => docs::run(args),
        Verb::Load(args) => load::run(args),
        Verb::Worker(args) => worker::run(args),
    };
    exit.if_all_was_printed().into()
}

impl Global {
    /// The project's folder.
    fn root(&self) -> Result<PathBuf, Exit> {
        if let Some(folder) = &self.project {
            return Ok(folder.clone());
        }
        let here = std::env::current_dir().map_err(|error| {
            output::fail(
                &format!("the current folder can't be told: {error}"),
                "go to a folder that exists",
            )
        })?;
        find_root(&here).ok_or_else(|| {
            output::fail(
                &format!("no lagproof.toml in {} or above it", here.display()),
                "go to a project's folder, name it with --project, or start one with `lagproof init`",
            )
        })
    }

    /// The project, read and judged.
    fn load(&self) -> Result<(PathBuf, Project), Exit> {
        let root = self.root()?;
        match Project::load(&root, &output::today()) {
            Ok(project) => Ok((root, project)),
            Err(error) => Err(unreadable(&root, &error)),
        }
    }
}

/// Says that there is no project to be read.
fn unreadable(root: &Path, error: &ReadError) -> Exit {
    let file = root.join("lagproof.toml");
    let help = match error {
        ReadError::Missing => "start a project with `lagproof init`, or name its folder with --project",
        _ => "mend that file: a project is known by it",
    };
    output::fail(&format!("{} {error}", file.display()), help)
}
