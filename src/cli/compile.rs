//! `lagproof compile`.

use std::fmt::Write as _;
use std::time::Instant;

use clap::Args;

use crate::diagnostic::{Format, ReportContext};
use crate::emit::write::Why;
use crate::project::{CompileError, Compiled, Look, Outcome, Project, compile, inspect, tally};

use super::Global;
use super::check::report;
use super::output::{Exit, fail, leave, note, now, print, today};

const AFTER_HELP: &str = "\
Exit status: 0 done, or nothing to do; 1 findings stand in the way, or --check found something stale; 2 wrong usage, or \
the disk refused.

Examples:
  lagproof compile             check, then write generated/
  lagproof compile --check     write nothing, fail where something is stale: for CI
  lagproof compile --diff      write nothing, show what would change";

/// `compile`'s arguments.
#[derive(Debug, Args)]
#[command(after_help = AFTER_HELP)]
pub(super) struct CompileArgs {
    /// Write nothing; fail and list what is stale
    #[arg(long)]
    check: bool,
    /// Write nothing; show what would change, as a unified diff
    #[arg(long)]
    diff: bool,
    /// The most findings that are printed; all are counted
    #[arg(long, value_name = "N", default_value_t = ReportContext::LIMIT)]
    max_findings: usize,
}

pub(super) fn run(global: &Global, args: &CompileArgs) -> Exit {
    let started = Instant::now();
    let root = match global.root() {
        Ok(root) => root,
        Err(exit) => return exit,
    };
    let done = match (args.check, args.diff) {
        (false, false) => compile(&root, now(), &today()),
        (_, true) => inspect(&root, now(), &today(), Look::Diff),
        (true, false) => inspect(&root, now(), &today(), Look::List),
    };
    let (project, outcome) = match done {
        Ok(done) => done,
        Err(error) => return refuse(&root, &error),
    };
    let Outcome::Compiled(compiled) = outcome else {
        report(
            global,
            &project,
            Format::Human,
            args.max_findings,
            "nothing was compiled",
        );
        return Exit::Failed;
    };
    if !project.findings.is_empty() {
        report(global, &project, Format::Human, args.max_findings, "");
    }
    if args.diff {
        print(&compiled.diff);
    } else {
        let spent = started.elapsed();
        print(&format!("checked   {:<40} {:>7.0?}\n", tally(&project), spent));
    }
    let folder = folder(&project);
    leave(project);
    match (args.check, args.diff) {
        (true, _) => {
            if let Some(why) = &compiled.base_unknown {
                note(&format!(
                    "which seeds are new in this branch is not known, so several of them pass: {why}"
                ));
            }
            stale(&compiled, &folder, args.diff)
        }
        (false, true) => Exit::Clean,
        (false, false) => {
            print(&written(&compiled, &folder));
            if let Some(why) = &compiled.only_added {
                note(&format!("seeds are only added, none is rewritten: {why}"));
            }
            Exit::Clean
        }
    }
}

/// The folder of generated files, as people see it.
fn folder(project: &Project) -> String {
    let folder = project.history.folder.as_str();
    folder.rsplit_once('/').map_or(folder, |(folder, _)| folder).to_owned()
}

fn stale(compiled: &Compiled, folder: &str, quiet: bool) -> Exit {
    if compiled.is_fresh() {
        if !quiet {
            print(&format!(
                "fresh     {} in {folder}/\n",
                count(compiled.unchanged, "file")
            ));
        }
        return Exit::Clean;
    }
    let mut lines: Vec<String> = compiled
        .written
        .iter()
        .map(|(path, why)| {
            let why = match why {
                Why::Missing => "missing",
                Why::Differs => "differs",
                Why::NotExecutable => "not executable",
            };
            format!("stale     {folder}/{path}: {why}\n")
        })
        .chain(
            compiled
                .removed
                .iter()
                .map(|path| format!("stale     {folder}/{path}: has no source\n")),
        )
        .collect();
    let all = lines.len();
    lines.truncate(ReportContext::LIMIT);
    if !quiet {
        print(&lines.concat());
    }
    fail(
        &format!(
            "{} in {folder}/ {} stale",
            count(all, "file"),
            if all == 1 { "is" } else { "are" }
        ),
        "run `lagproof compile`, and commit what it writes",
    );
    Exit::Failed
}

/// What was done, in the words of whoever reads it on a terminal.
fn written(compiled: &Compiled, folder: &str) -> String {
    let mut out = String::new();
    if compiled.is_fresh() {
        let _ = writeln!(
            out,
            "compiled  nothing new: {} as they should be",
            count(compiled.unchanged, "file")
        );
    } else {
        let parts = parts(compiled);
        let _ = writeln!(
            out,
            "compiled  {}",
            if parts.is_empty() {
                "nothing new".to_owned()
            } else {
                parts
            }
        );
        if let Some(seed) = &compiled.seed {
            let _ = writeln!(out, "          {folder}/{seed}");
        }
        for path in compiled.removed.iter().take(10) {
            let _ = writeln!(out, "removed   {folder}/{path}");
        }
        if compiled.removed.len() > 10 {
            let _ = writeln!(out, "removed   {} more", compiled.removed.len() - 10);
        }
    }
    for path in compiled.foreign.iter().take(10) {
        let _ = writeln!(out, "left      {folder}/{path}, which lagproof did not make");
    }
    if !compiled.is_fresh() {
        let _ = writeln!(out, "ready     git add {folder}, with the profiles");
    }
    out
}

/// "1 seed migration, 22 property files, 2 scripts".
fn parts(compiled: &Compiled) -> String {
    let of = |wanted: &str| {
        compiled
            .written
            .iter()
            .filter(|(path, _)| path.starts_with(wanted))
            .count()
    };
    [
        ("migrations/", "seed migration"),
        ("properties/", "property file"),
        ("topics/", "script"),
        ("schema/", "schema"),
    ]
    .into_iter()
    .map(|(prefix, name)| (of(prefix), name))
    .filter(|(number, _)| *number > 0)
    .map(|(number, name)| count(number, name))
    .collect::<Vec<_>>()
    .join(", ")
}

pub(super) fn count(number: usize, one: &str) -> String {
    format!("{number} {one}{}", if number == 1 { "" } else { "s" })
}

/// Says why nothing could be compiled.
pub(super) fn refuse(root: &std::path::Path, error: &CompileError) -> Exit {
    match error {
        CompileError::Project(error) => fail(
            &format!("{} {error}", root.join("lagproof.toml").display()),
            "start a project with `lagproof init`, or name its folder with --project",
        ),
        CompileError::Write(error) => fail(&error.to_string(), &error.help()),
        CompileError::Nul(error) => fail(&error.to_string(), "take the NUL out of that text"),
        CompileError::Time { newest } => fail(
            &format!("no seed can be newer than {newest}; nothing was changed"),
            "that name, or SOURCE_DATE_EPOCH, has a time past the year 9999: it is not one that lagproof gave",
        ),
    }
}
