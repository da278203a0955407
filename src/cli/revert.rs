//! `lagproof revert`.

use clap::Args;

use crate::project::{RevertError, revert};

use super::Global;
use super::output::{Exit, fail, print, today};

const AFTER_HELP: &str = "\
The settings of that version are written into the profile, under a version above the last; comments stay. `git revert` \
of a merged change would lower the version and remove its seed, and databases would keep what they have.

Examples:
  lagproof revert motion-event-filter --to 3";

/// `revert`'s arguments.
#[derive(Debug, Args)]
#[command(after_help = AFTER_HELP)]
pub(super) struct RevertArgs {
    /// The service
    service: String,
    /// The version whose settings it is to have again
    #[arg(long, value_name = "VERSION")]
    to: u32,
}

pub(super) fn run(global: &Global, args: &RevertArgs) -> Exit {
    let (root, project) = match global.load() {
        Ok(loaded) => loaded,
        Err(exit) => return exit,
    };
    match revert(&root, &project, &args.service, args.to, &today()) {
        Ok(reverted) => {
            print(&format!(
                "reverted  {} has the settings of version {} again, as version {}\n          {}\nready     lagproof check · lagproof compile\n",
                args.service, args.to, reverted.version, reverted.path
            ));
            Exit::Clean
        }
        Err(error) => {
            let help = match &error {
                RevertError::UnknownService(_) => "name a profile's file without .toml",
                RevertError::UnknownVersion { .. } => "name one of them with --to",
                RevertError::Retired | RevertError::Twice => "name another version",
                RevertError::Already { .. } => {
                    "there is nothing to take back; a version that was not compiled yet is changed in the profile"
                }
                RevertError::NoDocument { .. } => "bring the seed back as it was: git checkout -- generated/migrations",
                RevertError::Differs { .. } => {
                    "the profile is as it was; what differs is set outside of it, so take that back first"
                }
                RevertError::File { .. } => "the profile is as it was",
            };
            fail(
                &format!(
                    "can't take {} back to version {}: {error}",
                    args.service.escape_debug(),
                    args.to
                ),
                help,
            )
        }
    }
}
