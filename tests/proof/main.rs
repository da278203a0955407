//! One test for each profile found in profiles/services, and one for each case in profiles/cases: real load on a real
//! local broker, judged. A profile must hold. A case must fail before, by the mechanism that it is about, and hold after.
//!
//! The tests come from the folders, so this has no harness of the compiler's: it is told what to run as those are, and
//! reports as they do. Services run side by side as they fit the machine's cores.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Instant;

use lagproof::broker::{Caps, Surroundings, Wanted};
use lagproof::diagnostic::Colour;
use lagproof::harness::launch::Program;
use lagproof::harness::outcome::{Outcome, TrialOutcome};
use lagproof::harness::plan::{Comparison, Side, Wish, make_plan};
use lagproof::harness::progress::{Listener, Progress};
use lagproof::harness::protocol::Stop;
use lagproof::harness::report::summary;
use lagproof::harness::session::{Session, cores, verify};
use lagproof::harness::verdict::{Mechanism, Verdict};
use lagproof::model::project::Model;
use lagproof::project::{Date, Project};

/// What each case of the reference project is about.
const MECHANISMS: [(&str, Mechanism); 3] = [
    ("audio-before-large-fetches", Mechanism::RetentionOvertook),
    ("motion-before-batching", Mechanism::TooSlow),
    ("vision-before-limits", Mechanism::OutOfMemory),
];

/// Says on standard error what is going on.
struct Said;

impl Listener for Said {
    fn tell(&self, progress: Progress) {
        match progress {
            Progress::BrokerReady { what } | Progress::Note { what } => eprintln!("{what}"),
            Progress::RunStarted(run) => eprintln!("{}: run {} of {}", run.name, run.run, run.of),
            Progress::RunEnded {
                name, what: Some(what), ..
            } => eprintln!("{name}: {what}"),
            _ => {}
        }
    }
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let project = Project::load(Path::new(env!("CARGO_MANIFEST_DIR")), &Date::constant(2026, 11, 26)).unwrap();
    let model = project.model.as_ref().expect("the reference project compiles");
    let services = model.services.iter().map(|service| ("profile", service.name.clone()));
    let cases = model.cases.iter().map(|case| ("case", case.name.clone()));
    let all: Vec<(&str, String)> = services.chain(cases).collect();
    if arguments.iter().any(|argument| argument == "--list") {
        all.iter().for_each(|(kind, name)| println!("{kind}::{name}: test"));
        return ExitCode::SUCCESS;
    }
    let filters: Vec<&String> = arguments.iter().filter(|argument| !argument.starts_with('-')).collect();
    let wanted = |kind: &str| -> Vec<String> {
        let of = all.iter().filter(|(of, _)| *of == kind);
        let asked = of.filter(|(_, name)| {
            filters.is_empty()
                || filters
                    .iter()
                    .any(|filter| format!("{kind}::{name}").contains(filter.as_str()))
        });
        asked.map(|(_, name)| name.clone()).collect()
    };
    let (services, cases) = (wanted("profile"), wanted("case"));
    println!("\nrunning {} tests", services.len() + cases.len());
    let start = Instant::now();
    let mut failed = Vec::new();
    if !services.is_empty() {
        report(
            "profile",
            &services,
            holds,
            prove(model, &services, Comparison::CompiledOnly),
            &mut failed,
        );
    }
    if !cases.is_empty() {
        report(
            "case",
            &cases,
            fails_before,
            prove(model, &cases, Comparison::BeforeAfter),
            &mut failed,
        );
    }
    let passed = services.len() + cases.len() - failed.len();
    let word = if failed.is_empty() { "ok" } else { "FAILED" };
    println!(
        "\ntest result: {word}. {passed} passed; {} failed; finished in {:.2}s\n",
        failed.len(),
        start.elapsed().as_secs_f64()
    );
    if failed.is_empty() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

/// Runs all of them in one session.
fn prove(model: &Model, names: &[String], comparison: Comparison) -> Result<Outcome, String> {
    let wish = Wish {
        names: names.to_vec(),
        comparison,
        runs: (comparison == Comparison::BeforeAfter).then_some(1),
        cores: cores(),
        ..Wish::default()
    };
    let plan = make_plan(model, &wish).map_err(|error| error.to_string())?;
    let session = Session {
        project: model.name.clone(),
        wanted: Wanted::Local,
        surroundings: Surroundings::of_process(),
        program: Program {
            lagproof: PathBuf::from(env!("CARGO_BIN_EXE_lagproof")),
        },
        listener: &Said,
        stop: &Stop::new(),
        caps: Caps::default(),
        journals: PathBuf::from("/no/such"),
        load_shards: 1,
        afterwards: None,
        keep: None,
    };
    let outcome = verify(&plan, &session).map_err(|error| format!("{error}\nhelp: {}", error.help()))?;
    eprintln!("{}", summary::render(&outcome, Colour::Plain));
    Ok(outcome)
}

/// Prints a line a test, and why those failed that did.
fn report(
    kind: &str,
    names: &[String],
    expected: fn(&TrialOutcome) -> Result<(), String>,
    outcome: Result<Outcome, String>,
    failed: &mut Vec<String>,
) {
    for name in names {
        let trial = outcome.as_ref().map_err(Clone::clone).and_then(|outcome| {
            let mut trials = outcome.trials.iter();
            trials.find(|trial| trial.trial.name() == name).ok_or_else(|| {
                outcome
                    .cut_short
                    .clone()
                    .unwrap_or_else(|| "it was not tried".to_owned())
            })
        });
        match trial.and_then(expected) {
            Ok(()) => println!("test {kind}::{name} ... ok"),
            Err(why) => {
                println!("test {kind}::{name} ... FAILED\n    {why}");
                failed.push(name.clone());
            }
        }
    }
}

fn holds(trial: &TrialOutcome) -> Result<(), String> {
    match trial.verdict {
        Verdict::Pass => Ok(()),
        other => Err(format!("{other:?}: {}", why(trial, Side::After))),
    }
}

fn fails_before(trial: &TrialOutcome) -> Result<(), String> {
    let before = trial.sides.iter().find(|side| side.judgement.side == Side::Before);
    let before = &before.ok_or("the baseline did not run")?.judgement;
    let named = MECHANISMS.iter().find(|(name, _)| *name == trial.trial.name());
    let by = |mechanism: &Mechanism| before.causes.iter().any(|cause| cause.mechanism == *mechanism);
    match (before.verdict, named) {
        (Verdict::Fail, None) => {}
        (Verdict::Fail, Some((_, mechanism))) if by(mechanism) => {}
        (verdict, _) => return Err(format!("before: {verdict:?}: {}", why(trial, Side::Before))),
    }
    holds(trial)
}

/// What is said of a side beside PASS.
fn why(trial: &TrialOutcome, side: Side) -> String {
    let side = trial.sides.iter().find(|outcome| outcome.judgement.side == side);
    let Some(side) = side else {
        return "it did not run".to_owned();
    };
    let judgements = side.judgement.judgements.iter();
    let bad = judgements.filter(|one| !matches!(one.verdict, Verdict::Pass | Verdict::NotJudged));
    let mut said: Vec<String> = bad
        .map(|one| format!("{:?} {:?} {}: {}", one.kpi, one.verdict, one.measured, one.because))
        .collect();
    said.extend(side.judgement.causes.iter().map(|cause| cause.what.clone()));
    said.join("; ")
}
