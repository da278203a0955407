//! JUnit XML: a suite a trial, a case a target of its compiled side.
//!
//! FAIL is a failure. INVALID and INCONCLUSIVE are errors: nothing was proven, and a pipeline must not go on as if it
//! were. NOT JUDGED is skipped, and on the mock everything is. A trial that was cut short has a case of its own, in
//! error, and so has a service that was left out. The baseline has no cases, since it is there to fail; what it came to is in the suite's output.

use std::time::Duration;

use quick_junit::{NonSuccessKind, Report, TestCase, TestCaseStatus, TestSuite};

use crate::diagnostic::Colour;
use crate::diagnostic::text::one_line;
use crate::harness::outcome::{Outcome, TrialOutcome};
use crate::harness::verdict::{Judgement, SideOutcome, Verdict};

use super::summary;
use super::words::{SMOKE_TEST, Worth, compiled, kpi, mechanism, reached_with};

/// The longest message; all of it stands in the text.
const TEXT: usize = 500;

/// Prints the outcome as JUnit XML.
///
/// # Panics
/// Never: what could fail is writing, and nothing is written to but memory.
#[must_use]
pub fn render(outcome: &Outcome) -> String {
    let mut report = Report::new("lagproof verify");
    report.set_time(span(outcome.seconds));
    for trial in &outcome.trials {
        report.add_test_suite(suite(outcome, trial));
    }
    for left_out in &outcome.left_out {
        let mut suite = TestSuite::new(one_line(&left_out.name, TEXT));
        let why = format!("{}; {}", left_out.because, left_out.help);
        suite.add_test_case(in_error(&left_out.name, "left out", &why));
        report.add_test_suite(suite);
    }
    if outcome.trials.is_empty() && outcome.left_out.is_empty() {
        let mut suite = TestSuite::new("lagproof verify");
        let why = outcome.cut_short.as_deref().unwrap_or("nothing was tried");
        suite.add_test_case(in_error("complete", "cut short", why));
        report.add_test_suite(suite);
    }
    report.to_string().expect("memory takes it")
}

fn suite(outcome: &Outcome, trial: &TrialOutcome) -> TestSuite {
    let name = trial.trial.name();
    let mut suite = TestSuite::new(one_line(name, TEXT));
    for (key, value) in [
        ("service", trial.trial.service.as_str()),
        ("broker", outcome.broker.what.as_str()),
        ("lagproof", outcome.lagproof.as_str()),
        ("seed", &outcome.seed.to_string()),
    ] {
        suite.add_property((key, one_line(value, TEXT).as_str()));
    }
    if let Some(file) = &trial.evidence {
        suite.add_property(("evidence", one_line(file, TEXT).as_str()));
    }
    let taken: f64 = trial
        .sides
        .iter()
        .flat_map(|side| &side.recordings)
        .map(|run| run.seconds)
        .sum();
    suite.set_time(span(taken));
    if let Some(side) = compiled(trial) {
        if let Some(with) = reached_with(&trial.trial, side) {
            suite.add_property(("client", one_line(&with, TEXT).as_str()));
        }
        for judgement in &side.judgement.judgements {
            suite.add_test_case(case(name, judgement, side, Worth::of(outcome)));
        }
        if side.judgement.judgements.is_empty() {
            suite.add_test_case(in_error(name, "INCONCLUSIVE", "nothing was measured"));
        }
    } else {
        suite.add_test_case(in_error(name, "INCONCLUSIVE", "no side was run"));
    }
    let cut = trial.sides.iter().flat_map(|side| &side.recordings);
    let cut = cut.filter_map(|run| run.cut_short.as_deref()).next();
    if let Some(why) = cut.or(outcome.cut_short.as_deref()) {
        suite.add_test_case(in_error("complete", "cut short", why));
    }
    // The table itself, as on a terminal: build servers show it beside the cases.
    let alone = Outcome {
        trials: vec![trial.clone()],
        left_out: Vec::new(),
        ..outcome.clone()
    };
    suite.set_system_out(summary::render(&alone, Colour::Plain));
    suite
}

fn case(trial: &str, judgement: &Judgement, side: &SideOutcome, worth: Worth) -> TestCase {
    let target = match judgement.target.as_str() {
        "" => String::new(),
        target => format!("must be {target}"),
    };
    let measured = [judgement.measured.clone(), target];
    let measured: Vec<String> = measured.into_iter().filter(|part| !part.is_empty()).collect();
    let message = [measured.join(", "), judgement.because.clone()];
    let message: Vec<String> = message.into_iter().filter(|part| !part.is_empty()).collect();
    let message = message.join(": ");
    let status = match (worth, judgement.verdict) {
        (Worth::SmokeTest, _) => skipped(SMOKE_TEST),
        (Worth::Proof, Verdict::Pass) => TestCaseStatus::success(),
        (Worth::Proof, Verdict::NotJudged) => skipped(&message),
        (Worth::Proof, verdict) => {
            let kind = match verdict {
                Verdict::Fail => NonSuccessKind::Failure,
                _ => NonSuccessKind::Error,
            };
            let causes = side.judgement.causes.iter();
            let causes: Vec<String> = causes
                .map(|cause| format!("{}: {}", mechanism(cause.mechanism), cause.what))
                .collect();
            let mut status = TestCaseStatus::non_success(kind);
            status
                .set_type(worth.word(verdict))
                .set_message(one_line(&message, TEXT))
                .set_description(format!("{message}\n{}", causes.join("\n")));
            status
        }
    };
    let mut case = TestCase::new(kpi(judgement.kpi), status);
    case.set_classname(one_line(trial, TEXT));
    case
}

fn skipped(why: &str) -> TestCaseStatus {
    let mut status = TestCaseStatus::skipped();
    status.set_message(one_line(why, TEXT));
    status
}

fn in_error(name: &str, word: &str, why: &str) -> TestCase {
    let mut status = TestCaseStatus::non_success(NonSuccessKind::Error);
    status.set_type(word).set_message(one_line(why, TEXT));
    TestCase::new(one_line(name, TEXT), status)
}

/// A time that can be written; what is no time is none.
fn span(seconds: f64) -> Duration {
    Duration::try_from_secs_f64(seconds).unwrap_or_default()
}
