//! What every page's bad example prints, code by code, as a person reads it.

use std::panic::{AssertUnwindSafe, catch_unwind};

use lagproof::diagnostic::{Findings, Format, Page, ReportContext, render};
use lagproof::project::pages;

use super::support::TestProject;

/// The findings of the page's own code, as they are printed.
fn printed(page: &Page, pages: &[&'static Page]) -> String {
    let project = TestProject::of(page.bad).load();
    let own: Findings = project
        .findings
        .into_iter()
        .filter(|finding| finding.code == page.code)
        .collect();
    let context = ReportContext::new(pages, &project.services, "the example");
    render(&own, &project.sources, &context, Format::Human)
}

#[test]
fn every_code_says_what_it_said() {
    let pages = pages();
    let mut changed = Vec::new();
    for page in &pages {
        let text = printed(page, &pages);
        let compared = catch_unwind(AssertUnwindSafe(|| {
            insta::with_settings!({ prepend_module_to_snapshot => false, omit_expression => true }, {
                insta::assert_snapshot!(page.code.0, text);
            });
        }));
        if compared.is_err() {
            changed.push(page.code.0);
        }
    }
    assert!(
        changed.is_empty(),
        "read the differences (cargo insta review): {}",
        changed.join(", ")
    );
}

#[test]
fn findings_of_rules_say_what_happens_and_what_to_do() {
    let mut silent = Vec::new();
    for page in pages() {
        let found = TestProject::of(page.bad).findings();
        for finding in found.iter().filter(|finding| finding.code == page.code) {
            let rule = lagproof::rules::rules().any(|rule| rule.page.code == page.code);
            if rule && (finding.consequence.is_empty() || finding.help.is_none()) {
                silent.push(format!("{}: {}", page.code, finding.message));
            }
            if finding.consequence.ends_with('.') || finding.message.ends_with('.') {
                silent.push(format!("{}: ends with a full stop", page.code));
            }
        }
    }
    assert!(silent.is_empty(), "{}", silent.join("\n"));
}
