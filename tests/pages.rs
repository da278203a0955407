//! Every page's examples, run: the bad one is found under its code, the good one is clean.

mod support;

use lagproof::project::pages;
use support::TestProject;

#[test]
fn the_project_that_init_writes_is_clean() {
    let findings = TestProject::new().findings();
    assert!(findings.is_empty(), "{findings:#?}");
}

#[test]
fn bad_examples_are_found_and_good_ones_are_clean() {
    let mut wrong = Vec::new();
    for page in pages() {
        let found = TestProject::of(page.bad).findings();
        if !found.iter().any(|finding| finding.code == page.code) {
            wrong.push(format!("{}: the bad example is not found: {found:#?}", page.code));
        }
        let found = TestProject::of(page.good).findings();
        if !found.is_empty() {
            wrong.push(format!("{}: the good example is not clean: {found:#?}", page.code));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
