//! JUnit XML: what build servers show as tests. A test case a service, so that a clean service is seen to pass.

use std::collections::BTreeMap;

use quick_junit::{NonSuccessKind, Report, TestCase, TestCaseStatus, TestSuite};

use super::place::Places;
use super::report::{Colour, Reported};
use super::text::{counted, one_line};
use super::{Finding, ReportContext, Severity, human};

/// The longest name or message; the whole finding stands in the text.
const TEXT: usize = 500;

/// Prints one suite with a case for every service, for every other subject that has findings (topics, groups), and for
/// the project itself.
pub(super) fn render(reported: &Reported<'_>, places: &Places<'_>, context: &ReportContext<'_>) -> String {
    let mut of_subject: BTreeMap<&str, Vec<&Finding>> = BTreeMap::new();
    let mut of_project = Vec::new();
    for finding in &reported.0 {
        match &finding.subject {
            Some(subject) => of_subject.entry(subject).or_default().push(finding),
            None => of_project.push(*finding),
        }
    }
    let mut suite = TestSuite::new("lagproof");
    let look = human::Look::new(ReportContext::WIDTH, Colour::Plain);
    for service in context.services {
        // Taken out, so that a name given twice does not show its findings twice.
        let findings = of_subject.remove(service.as_str()).unwrap_or_default();
        suite.add_test_case(case(service, "lagproof.service", &findings, places, &look));
    }
    for (subject, findings) in &of_subject {
        suite.add_test_case(case(subject, "lagproof.other", findings, places, &look));
    }
    suite.add_test_case(case("project", "lagproof.project", &of_project, places, &look));
    let mut report = Report::new("lagproof");
    report.add_test_suite(suite);
    // Everything in it has been made fit for XML; what could fail is writing, and nothing is written to but memory.
    report.to_string().expect("findings are written to memory")
}

fn case(name: &str, class: &str, findings: &[&Finding], places: &Places<'_>, look: &human::Look) -> TestCase {
    let of = |severity: Severity| findings.iter().copied().filter(move |one| one.severity == severity);
    let told = |severity: Severity| -> String {
        let texts: Vec<String> = of(severity).map(|finding| human::one(finding, places, look)).collect();
        texts.join("\n\n")
    };
    let status = match of(Severity::Error).next() {
        None => TestCaseStatus::success(),
        // A test case has one failure: the first finding is its message, and all of them are its text.
        Some(first) => {
            let mut message = format!("{}: {}", first.code, first.message);
            let more = of(Severity::Error).count() - 1;
            if more > 0 {
                message = format!("{} (and {})", one_line(&message, TEXT), counted(more, "more error"));
            }
            let mut status = TestCaseStatus::non_success(NonSuccessKind::Failure);
            status
                .set_type(first.code.0)
                .set_message(one_line(&message, TEXT + 40))
                .set_description(told(Severity::Error));
            status
        }
    };
    let mut case = TestCase::new(one_line(name, TEXT), status);
    case.set_classname(class);
    let warnings = told(Severity::Warning);
    if !warnings.is_empty() {
        case.set_system_out(warnings);
    }
    case
}
