//! The human format.

use lagproof::diagnostic::{Colour, Finding, Findings, Format};
use lagproof::source::Span;

use super::cases::{Case, D201, P104, usual};

#[test]
fn a_mistake_in_a_pull_request() {
    insta::assert_snapshot!(usual().print(Format::Human));
}

#[test]
fn colour_only_when_asked() {
    let plain = usual().print(Format::Human);
    assert!(!plain.contains('\u{1b}'));
    let styled = usual().print_with(Format::Human, |context| context.colour = Colour::Styled);
    assert!(styled.contains("\u{1b}["));
    assert!(!styled.contains("\u{1b}]"), "no hyperlinks");
}

#[test]
fn nothing_to_say() {
    assert_eq!(Case::new().print(Format::Human), "");
}

#[test]
fn one_finding_needs_no_count_by_code() {
    let mut case = Case::new();
    let file = case.file("a.toml", "a = 1\n");
    let finding = Finding::new(&D201, case.span(file, "1"), "odd");
    let out = case
        .with(finding)
        .print_with(Format::Human, |context| context.outcome = None);
    insta::assert_snapshot!(out, @"
    warning[D201]: odd
     --> a.toml:1:5
      |
    1 | a = 1
      |     ^
      |
      = explain: lagproof explain D201

    warning: 0 errors, 1 warning in 2 services
    ");
}

#[test]
fn three_files_overlapping_labels_tabs_and_wide_characters() {
    let mut case = Case::new();
    let first = case.file(
        "a.toml",
        "\tname = \"漢字 é 👩‍🚀\" # \u{202e}evil\n\n[x]\n\ny = 1\nz = [\n  1,\n  2,\n]\n",
    );
    let second = case.file("b.toml", "\r\nb = 1\r\nlast = 2");
    let third = case.file("c.toml", "c = 1\n");
    let finding = Finding::new(&P104, case.span(first, "\"漢字 é 👩‍🚀\""), "the name is too long")
        .here("all of it")
        .label(case.span(first, "字"), "inside of it")
        .label(case.span(first, "name = \"漢字 é 👩‍🚀\""), "around it")
        .label(case.span(first, "[\n  1,\n  2,\n]"), "several lines")
        .label(case.span(second, "b = 1\r\n"), "with its line ending")
        .label(Span::new(second, 17..17), "at the end of the file")
        .label(Span::new(third, 6..6), "behind the last line feed");
    insta::assert_snapshot!(case.with(finding).print(Format::Human));
}

#[test]
fn places_that_can_not_be_shown() {
    let mut case = Case::new();
    let empty = case.file("empty.toml", "");
    let line_feed = case.file("line-feed.toml", "\n");
    let short = case.file("short.toml", "ab");
    let case = case
        .with(Finding::new(&P104, Span::new(empty, 0..0), "empty"))
        .with(Finding::new(&P104, Span::new(empty, 5..9), "in an empty file").here("here"))
        .with(Finding::new(&P104, Span::new(line_feed, 0..1), "a line feed").here("here"))
        .with(Finding::new(&P104, Span::new(line_feed, 1..1), "behind a line feed").here("here"))
        .with(Finding::new(&P104, Span::new(short, 1..9), "over the end").here("here"))
        .with(Finding::new(&P104, Span::new(short, 7..9), "behind the end").here("here"))
        .with(Finding::new(&P104, Span::whole(short), "as a whole"));
    insta::assert_snapshot!(case.print(Format::Human));
}

#[test]
fn errors_are_shown_before_the_limit_cuts_warnings() {
    let mut case = Case::new();
    let file = case.file("a.toml", "a = 1\n");
    let span = case.span(file, "a");
    for at in 0..3 {
        case.findings.push(Finding::new(&D201, span, format!("warning {at}")));
    }
    let case = case.with(Finding::new(&P104, span, "an error"));
    let out = case.print_with(Format::Human, |context| context.limit = Some(2));
    insta::assert_snapshot!(out, @"
    warning[D201]: warning 0
     --> a.toml:1:1
      |
    1 | a = 1
      | ^
      |
      = explain: lagproof explain D201

    error[P104]: an error
     --> a.toml:1:1
      |
    1 | a = 1
      | ^
      |
      = explain: lagproof explain P104

    2 findings not shown here: `--max-findings 4` shows all

      3  D201  deviation-without-need
      1  P104  record-over-poll-interval

    error: 1 error, 3 warnings in 2 services; nothing was compiled
    ");
}

#[test]
fn findings_that_are_off_are_nowhere() {
    let mut case = usual();
    let mut findings = std::mem::take(&mut case.findings);
    findings.retain_mut(|finding| {
        finding.severity = lagproof::diagnostic::Severity::Off;
        true
    });
    case.findings = findings;
    let none = Case {
        sources: usual().sources,
        findings: Findings::new(),
        services: usual().services,
    };
    for format in Format::ALL {
        assert_eq!(case.print(format), none.print(format), "{format}");
    }
}
