//! `lagproof squash`.

use clap::Args;

use crate::diagnostic::{Format, ReportContext};
use crate::emit::BaselineError;
use crate::project::{SquashError, squash};

use super::Global;
use super::check::report;
use super::compile::{count, refuse};
use super::output::{Exit, fail, now, print, today};

const AFTER_HELP: &str = "\
The seeds that REF has become one, a baseline, which amounts to the same: every service at its last version, those that \
are gone among them. A database that has the old seeds takes the baseline in without a change; a new one begins with it. \
Versions that only the old seeds had can't be reverted to any more. Squash what every database has: a release, not a \
branch.

Examples:
  lagproof squash --before v1.4.0";

/// `squash`'s arguments.
#[derive(Debug, Args)]
#[command(after_help = AFTER_HELP)]
pub(super) struct SquashArgs {
    /// A commit or tag: the seeds that it has are replaced
    #[arg(long, value_name = "REF")]
    before: String,
}

pub(super) fn run(global: &Global, args: &SquashArgs) -> Exit {
    let root = match global.root() {
        Ok(root) => root,
        Err(exit) => return exit,
    };
    let reference = args.before.escape_debug();
    match squash(&root, &args.before, now(), &today()) {
        Ok(squashed) => {
            print(&format!(
                "squashed  {} that {reference} has into one: {}, {}\n          {}\n",
                count(squashed.removed.len(), "seed"),
                count(squashed.holds.0, "service"),
                count(squashed.holds.1, "topic"),
                squashed.baseline
            ));
            for name in squashed.removed.iter().take(10) {
                print(&format!("removed   {name}\n"));
            }
            if squashed.removed.len() > 10 {
                print(&format!("removed   {} more\n", squashed.removed.len() - 10));
            }
            print(
                "          Databases that have them take the baseline in without a change; new ones begin with it.\n",
            );
            Exit::Clean
        }
        Err(SquashError::Findings(project)) => {
            report(
                global,
                &project,
                Format::Human,
                ReportContext::LIMIT,
                "nothing was squashed",
            );
            Exit::Failed
        }
        Err(SquashError::Git(said)) => fail(
            &format!("can't see what `{reference}` has: {said}"),
            "name a commit, tag or branch that is here",
        ),
        Err(SquashError::Stale) => fail(
            "generated/ is stale; nothing was changed",
            "run `lagproof compile`, then squash",
        ),
        Err(SquashError::Nothing) => fail(
            &format!("`{reference}` has fewer than two of the seeds that are here; nothing was changed"),
            "name a later commit",
        ),
        Err(SquashError::Baseline(error)) => {
            let (message, help) = match error {
                BaselineError::Unsettled { name } => (
                    format!(
                        "the seeds that `{reference}` has disagree on `{}`; nothing was changed",
                        name.escape_debug()
                    ),
                    "name a later commit, one at which it is settled",
                ),
                BaselineError::Lost { seed, name } => (
                    format!(
                        "{seed} names `{}` and does not hold it; nothing was changed",
                        name.escape_debug()
                    ),
                    "bring the seed back as it was: git checkout -- generated/migrations",
                ),
                BaselineError::Nul(error) => (error.to_string(), "take the NUL out of that name"),
            };
            fail(&message, help)
        }
        Err(SquashError::Compile(error)) => refuse(&root, &error),
    }
}
