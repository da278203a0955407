//! `lagproof check`.

use std::path::Path;
use std::time::Instant;

use clap::Args;
use clap::builder::{PossibleValuesParser, TypedValueParser};

use crate::diagnostic::{Findings, Format, ReportContext, Severity, render};
use crate::project::{BaseError, FixError, Project, against_base, fix_all, pages, tally};

use super::Global;
use super::evidence::{Proven, print_evidence};
use super::output::{Exit, columns, fail, leave, print};
use super::proofs::print_proofs;

const AFTER_HELP: &str = "\
Examples:
  lagproof check                           everything that is wrong, in all files at once
  lagproof check --fix                     apply the fixes that change nothing anybody chose, such as version bumps
  lagproof check --deny                    warnings count too: for CI
  lagproof check --base origin/main        in a pull request: nothing that has landed may be gone
  lagproof check --format sarif > out.sarif
  lagproof check billing                   only what is about one service
  lagproof check --proofs billing          the arithmetic of its four proofs
  lagproof check --proofs --environment production
  lagproof check --evidence                whether what verify has proven still stands, and what made it stale";

/// `check`'s arguments.
#[derive(Debug, Args)]
#[command(after_help = AFTER_HELP)]
pub(super) struct CheckArgs {
    /// Only findings about these services
    services: Vec<String>,
    /// Apply the fixes that are safe, keeping comments and formatting
    #[arg(long)]
    fix: bool,
    /// Also refuse what went back since this branch left REF: a lowered version, a removed or altered seed
    #[arg(long, value_name = "REF")]
    base: Option<String>,
    /// Warnings fail, too
    #[arg(long)]
    deny: bool,
    /// Print the arithmetic of the proofs, service by service
    #[arg(long)]
    proofs: bool,
    /// The proofs as they stand in this environment
    #[arg(long, value_name = "NAME", requires = "proofs")]
    environment: Option<String>,
    /// Say whether what `verify` has proven still stands, and what made it stale; with --deny, anything else fails
    #[arg(long, conflicts_with = "proofs")]
    evidence: bool,
    /// How findings are printed
    #[arg(long, value_name = "FORMAT", default_value = "human", value_parser = formats())]
    format: Format,
    /// The most findings that are printed; all are counted
    #[arg(long, value_name = "N", default_value_t = ReportContext::LIMIT)]
    max_findings: usize,
}

/// The formats by name, so that help, completions and messages list them.
fn formats() -> impl TypedValueParser<Value = Format> {
    PossibleValuesParser::new(Format::ALL.map(Format::name)).try_map(|name| name.parse::<Format>())
}

pub(super) fn run(global: &Global, args: &CheckArgs) -> Exit {
    let started = Instant::now();
    let (root, mut project) = match global.load() {
        Ok(loaded) => loaded,
        Err(exit) => return exit,
    };
    if let Err(exit) = known_services(&project, &args.services) {
        return exit;
    }
    if let Err(exit) = look_back(&root, &mut project, args) {
        return exit;
    }
    if args.fix {
        match fix_all(&root, project, &super::output::today()) {
            Ok((fixed, applied)) => {
                project = fixed;
                for line in applied {
                    print(&format!("fixed     {line}\n"));
                }
            }
            Err(FixError { path, message }) => return fail(&format!("{path}: {message}"), "nothing was changed in it"),
        }
        if let Err(exit) = look_back(&root, &mut project, args) {
            return exit;
        }
    }
    if !args.services.is_empty() {
        let wanted = |subject: &Option<String>| subject.as_ref().is_none_or(|subject| args.services.contains(subject));
        project.findings.retain_mut(|finding| wanted(&finding.subject));
    }
    if args.proofs {
        let environment = args.environment.as_deref();
        if let Err(exit) = print_proofs(global, &project, &args.services, environment, args.format) {
            return exit;
        }
        // Two documents would be none.
        if args.format == Format::Json {
            return verdict(&project.findings, args.deny);
        }
    }
    let mut proven = Proven::All;
    if args.evidence {
        proven = match print_evidence(&root, &project, &args.services, args.format) {
            Ok(proven) => proven,
            Err(exit) => return exit,
        };
        // Two documents would be none.
        if args.format == Format::Json {
            return with_evidence(verdict(&project.findings, args.deny), proven, args.deny);
        }
    }
    report(global, &project, args.format, args.max_findings, "");
    if args.format == Format::Human && project.findings.is_empty() {
        let spent = started.elapsed();
        print(&format!("checked   {:<40} {:>7.0?}\n", tally(&project), spent));
    }
    let exit = with_evidence(verdict(&project.findings, args.deny), proven, args.deny);
    leave(project);
    exit
}

/// Evidence that does not stand is a warning.
fn with_evidence(exit: Exit, proven: Proven, deny: bool) -> Exit {
    if exit == Exit::Clean && deny && proven == Proven::NotAll {
        Exit::Failed
    } else {
        exit
    }
}

/// Compares with `--base`, where it is given.
fn look_back(root: &Path, project: &mut Project, args: &CheckArgs) -> Result<(), Exit> {
    let Some(reference) = &args.base else {
        return Ok(());
    };
    against_base(root, project, reference).map_err(|BaseError { message }| {
        fail(
            &format!("can't compare with `{}`: {message}", reference.escape_debug()),
            "name a commit or branch that is here; a shallow clone fetches it first, such as git fetch origin main",
        )
    })
}

/// Prints the findings as they are wanted.
pub(super) fn report(global: &Global, project: &Project, format: Format, limit: usize, outcome: &str) {
    let pages = pages();
    let scope = tally(project);
    let mut context = ReportContext::new(&pages, &project.services, &scope);
    context.limit = Some(limit);
    context.colour = global.colour();
    context.width = columns().unwrap_or(ReportContext::WIDTH);
    context.outcome = (!outcome.is_empty()).then_some(outcome);
    print(&render(&project.findings, &project.sources, &context, format));
}

/// How scripts learn what was found.
pub(super) fn verdict(findings: &Findings, deny: bool) -> Exit {
    let fails = findings.count(Severity::Error) > 0 || (deny && findings.count(Severity::Warning) > 0);
    if fails { Exit::Failed } else { Exit::Clean }
}

/// A misspelt service would pass: it has no findings.
pub(super) fn known_services(project: &Project, names: &[String]) -> Result<(), Exit> {
    for name in names {
        if !project.services.contains(name) {
            let known: Vec<&str> = project.services.iter().take(20).map(String::as_str).collect();
            return Err(fail(
                &format!("there is no service `{}`", name.escape_debug()),
                &format!("known are {}", known.join(", ")),
            ));
        }
    }
    Ok(())
}
