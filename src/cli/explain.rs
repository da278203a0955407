//! `lagproof explain`.

use clap::Args;

use crate::project::{page_markdown, pages};

use super::Global;
use super::output::{Exit, fail, print};

const AFTER_HELP: &str = "\
Examples:
  lagproof explain P104
  lagproof explain          every code, a line each";

/// `explain`'s arguments.
#[derive(Debug, Args)]
#[command(after_help = AFTER_HELP)]
pub(super) struct ExplainArgs {
    /// The code, such as P104; without one, all are listed
    code: Option<String>,
}

pub(super) fn run(_: &Global, args: &ExplainArgs) -> Exit {
    let pages = pages();
    let Some(code) = &args.code else {
        let lines: String = pages
            .iter()
            .map(|page| {
                format!(
                    "{}  {:<8} {:<36} {}\n",
                    page.code,
                    page.severity.name(),
                    page.name,
                    page.summary
                )
            })
            .collect();
        print(&lines);
        return Exit::Clean;
    };
    let wanted = pages
        .iter()
        .find(|page| page.code.0.eq_ignore_ascii_case(code) || page.name == code.as_str());
    match wanted {
        Some(page) => {
            print(&page_markdown(page));
            Exit::Clean
        }
        None => fail(
            &format!("there is no code `{}`", code.escape_debug()),
            "`lagproof explain` lists them all",
        ),
    }
}
