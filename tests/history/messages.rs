//! What people read: every code of the family, as its page's bad example prints it.

use lagproof::diagnostic::{Colour, Format, ReportContext, render};
use lagproof::project::pages;

use crate::support::TestProject;

#[test]
fn messages_of_the_family() {
    let pages = pages();
    let mut text = String::new();
    for page in pages.iter().filter(|page| page.code.0.starts_with('H')) {
        let mut project = TestProject::of(page.bad).load();
        project.findings.retain_mut(|finding| finding.code == page.code);
        let mut context = ReportContext::new(&pages, &project.services, "1 service");
        context.colour = Colour::Plain;
        text.push_str(&render(&project.findings, &project.sources, &context, Format::Human));
        text.push('\n');
    }
    insta::assert_snapshot!(text);
}
