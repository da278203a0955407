//! Plans of the reference project.

use lagproof::harness::plan::{Comparison, Wish, print};

use super::plan;

#[test]
fn all_services() {
    insta::assert_snapshot!(print(&plan(&Wish::default())));
}

#[test]
fn all_cases_beside_their_baselines() {
    let wish = Wish {
        comparison: Comparison::BeforeAfter,
        ..Wish::default()
    };
    insta::assert_snapshot!(print(&plan(&wish)));
}
