//! One test for each profile found in profiles/services, and one for each case in profiles/cases: real load on a real
//! broker (in docker where an engine answers, else on this machine's Java), judged. A profile must hold. A case must fail
//! before, by the mechanism that it is about, and hold after.
//!
//! The tests come from the folders, so this has no harness of the compiler's: it is told what to run as those are, and
//! reports as they do. Services run side by side as they fit the machine's cores. Where the harness itself could not keep
//! up, nothing is known of the profile: such a test is run again, by itself.

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

/// How often a test is run again that came out INVALID.
const AGAIN: usize = 2;

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

/// What a test is of.
#[derive(Debug, Clone, Copy)]
enum Kind {
    Profile,
    Case,
}

impl Kind {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Profile => "profile",
            Self::Case => "case",
        }
    }

    const fn comparison(self) -> Comparison {
        match self {
            Self::Profile => Comparison::CompiledOnly,
            Self::Case => Comparison::BeforeAfter,
        }
    }

    fn names(self, model: &Model) -> Vec<String> {
        match self {
            Self::Profile => model.services.iter().map(|service| service.name.clone()).collect(),
            Self::Case => model.cases.iter().map(|case| case.name.clone()).collect(),
        }
    }

    fn as_expected(self, trial: &TrialOutcome) -> Result<(), String> {
        match self {
            Self::Profile => holds(trial),
            Self::Case => fails_before(trial),
        }
    }
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let project = Project::load(Path::new(env!("CARGO_MANIFEST_DIR")), &Date::constant(2026, 11, 26)).unwrap();
    let model = project.model.as_ref().expect("the reference project compiles");
    let filters: Vec<&String> = arguments.iter().filter(|argument| !argument.starts_with('-')).collect();
    let is_wanted = |test: &str| filters.is_empty() || filters.iter().any(|filter| test.contains(filter.as_str()));
    let [profiles, cases] = [Kind::Profile, Kind::Case].map(|kind| {
        let mut names = kind.names(model);
        names.retain(|name| is_wanted(&format!("{}::{name}", kind.as_str())));
        (kind, names)
    });
    if arguments.iter().any(|argument| argument == "--list") {
        for (kind, names) in [profiles, cases] {
            names
                .iter()
                .for_each(|name| println!("{}::{name}: test", kind.as_str()));
        }
        return ExitCode::SUCCESS;
    }
    let tests = profiles.1.len() + cases.1.len();
    println!("\nrunning {tests} tests");
    let start = Instant::now();
    let mut failed = 0;
    for (kind, names) in [profiles, cases] {
        if !names.is_empty() {
            failed += report(kind, model, &names);
        }
    }
    let word = if failed == 0 { "ok" } else { "FAILED" };
    println!(
        "\ntest result: {word}. {} passed; {failed} failed; finished in {:.2}s\n",
        tests - failed,
        start.elapsed().as_secs_f64()
    );
    if failed == 0 {
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
        wanted: Wanted::Best,
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

/// Prints a line a test, and why those failed that did; says how many.
fn report(kind: Kind, model: &Model, names: &[String]) -> usize {
    let all = prove(model, names, kind.comparison());
    let mut failed = 0;
    for name in names {
        let test = format!("test {}::{name}", kind.as_str());
        let mut trial = find(name, &all);
        for _ in 0..AGAIN {
            if trial.as_ref().is_ok_and(|trial| trial.verdict == Verdict::Invalid) {
                println!("{test} ... INVALID, this machine could not keep up: once more, by itself");
                trial = find(name, &prove(model, std::slice::from_ref(name), kind.comparison()));
            }
        }
        match trial.and_then(|trial| kind.as_expected(&trial)) {
            Ok(()) => println!("{test} ... ok"),
            Err(why) => {
                println!("{test} ... FAILED\n    {why}");
                failed += 1;
            }
        }
    }
    failed
}

/// What became of a trial.
fn find(name: &str, outcome: &Result<Outcome, String>) -> Result<TrialOutcome, String> {
    let outcome = outcome.as_ref().map_err(Clone::clone)?;
    let found = outcome.trials.iter().find(|trial| trial.trial.name() == name);
    let why = || {
        outcome
            .cut_short
            .clone()
            .unwrap_or_else(|| "it was not tried".to_owned())
    };
    found.cloned().ok_or_else(why)
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
