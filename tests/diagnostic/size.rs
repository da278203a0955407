//! Many findings, and files that are too large to be shown.

use std::time::{Duration, Instant};

use lagproof::diagnostic::{Finding, Format, Safety};
use lagproof::source::{Edit, Span};

use super::cases::{Case, D201, P104, VISION};

/// The slowest takes 0.4 s in release builds. Debug builds are much slower, and machines that run tests are busy; what
/// grows with the square takes minutes in either.
const PATIENCE: Duration = Duration::from_secs(if cfg!(debug_assertions) { 30 } else { 3 });

fn assert_quick(case: &Case, limit: Option<usize>) {
    for format in Format::ALL {
        let start = Instant::now();
        let out = case.print_with(format, |context| context.limit = limit);
        let taken = start.elapsed();
        println!("{format}: {} bytes in {taken:?}", out.len());
        assert!(taken < PATIENCE, "{format} took {taken:?}");
    }
}

#[test]
fn ten_thousand_findings_in_ten_thousand_files() {
    let mut case = Case::new();
    for number in 0..10_000 {
        let file = case.file(&format!("profiles/services/s{number}.toml"), VISION);
        let finding = Finding::new(&P104, case.span(file, "max = \"12min\""), "too long")
            .here("here")
            .label(case.span(file, "vision-ai"), "there")
            .at_run_time("nothing good")
            .about(format!("s{number}"))
            .fix(
                Safety::Safe,
                "bump",
                vec![Edit::Set {
                    file,
                    path: vec!["version".into()],
                    value: "4".into(),
                }],
            );
        case.findings.push(finding);
    }
    assert_quick(&case, None);
    let out = case.print(Format::Human);
    assert_eq!(out.matches("error[P104]").count(), 100);
    assert!(out.contains("9,900 findings not shown here"));
    assert!(out.ends_with("error: 10,000 errors, 0 warnings in 2 services; nothing was compiled\n"));
}

#[test]
fn ten_thousand_findings_in_one_file() {
    let mut case = Case::new();
    let file = case.file("topics.toml", &"key = 1\n".repeat(10_000));
    for line in 0..10_000 {
        let span = |line: usize| Span::new(file, line * 8..line * 8 + 3);
        let finding = Finding::new(&D201, span(line), "again")
            .label(span(9_999 - line), "and there")
            .fix(
                Safety::Safe,
                "bump",
                vec![Edit::Set {
                    file,
                    path: vec!["version".into()],
                    value: "4".into(),
                }],
            );
        case.findings.push(finding);
    }
    assert_quick(&case, Some(1_000));
}

#[test]
fn a_huge_line_does_not_flood() {
    let mut case = Case::new();
    let line = format!("a = [{}]", "\"é漢x\", ".repeat(12_000));
    let file = case.file("a.toml", &format!("# before\n{line}\n{line}\nend = 1\n"));
    let last = 9 + line.len();
    let finding = Finding::new(&P104, Span::new(file, 60_000..60_007), "in the middle")
        .here("here")
        .label(Span::new(file, 9..last), "all of it")
        .label(Span::new(file, last - 5..last - 2), "its end")
        .label(Span::new(file, 3..last + 40), "over lines");
    let case = case.with(finding);
    let out = case.print(Format::Human);
    assert!(out.lines().all(|line| line.chars().count() < 200), "{out}");
    insta::assert_snapshot!(out);
}

#[test]
fn a_long_span_and_many_labels_do_not_flood() {
    let mut case = Case::new();
    let file = case.file("a.toml", &"key = 1\n".repeat(50_000));
    let far = case.file("b.toml", &"key = 1\n".repeat(5_000));
    let mut finding = Finding::new(&P104, Span::new(file, 8..399_000), "nearly all")
        .here("x".repeat(5_000))
        .at_run_time("word ".repeat(3_000))
        .label(Span::new(far, 0..3), "first")
        .label(Span::new(far, 39_992..39_995), "last");
    for line in 0..1_000 {
        finding = finding.label(Span::new(file, line * 8..line * 8 + 3), "one of many");
    }
    let out = case.with(finding).print(Format::Human);
    assert!(out.len() < 10_000, "{}", out.len());
    assert!(out.contains("990 more places are not shown"), "{out}");
}
