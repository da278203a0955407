//! The summary on the terminal, and the comment on a pull request.

use insta::assert_snapshot;
use lagproof::diagnostic::Colour;
use lagproof::harness::outcome::Outcome;
use lagproof::harness::report::{html, junit, markdown, summary};

use super::build::outcome;
use super::cases;
use super::outcomes;

fn plain(outcome: &Outcome) -> String {
    summary::render(outcome, Colour::Plain)
}

#[test]
fn before_and_after() {
    assert_snapshot!("motion", plain(&outcome(vec![cases::motion()])));
    assert_snapshot!("vision", plain(&outcome(vec![cases::vision()])));
    let all = outcome(vec![cases::motion(), cases::vision(), cases::audio()]);
    assert_snapshot!("three cases", plain(&all));
}

#[test]
fn the_page_about_reports_quotes_one() {
    let page = include_str!("../../docs/verify.md");
    let quoted = page.split("```\n").nth(1).expect("a block");
    assert_eq!(quoted, plain(&outcome(vec![cases::motion()])));
}

#[test]
fn services_in_one_table() {
    assert_snapshot!("services", plain(&outcomes::services()));
    assert_snapshot!(
        "one service",
        plain(&outcome(vec![cases::service("motion-event-filter", "aiokafka")]))
    );
}

#[test]
fn on_a_narrow_terminal_the_table_leaves_out_what_matters_least() {
    let narrow = summary::for_columns(&outcomes::services(), Colour::Plain, 100);
    let wide: Vec<&str> = narrow.lines().filter(|line| line.chars().count() > 100).collect();
    assert!(wide.is_empty(), "{wide:?}");
    assert!(narrow.contains("lag p95") && narrow.contains("PASS (librdkafka; declares aiokafka)"));
    assert!(!narrow.contains("  predicted  "), "{narrow}");
}

#[test]
fn a_reason_is_said_once() {
    let text = plain(&outcomes::invalid());
    assert_eq!(text.matches("records were sent up to 133 ms late").count(), 1, "{text}");
    assert!(!text.contains("unjudged"), "nothing of it counts: {text}");
    let page = html::render(&outcomes::invalid());
    assert_eq!(page.matches("records were sent up to 133 ms late").count(), 1);
    let comment = markdown::render(&outcomes::invalid(), None);
    assert_eq!(
        comment.matches("records were sent up to 133 ms late").count(),
        1,
        "{comment}"
    );
    let text = plain(&outcomes::cut_short());
    assert!(!text.contains("too short"), "that it was cut short says it: {text}");
}

#[test]
fn limits_and_evidence() {
    assert_snapshot!("limits", plain(&outcomes::limits()));
    let page = html::render(&outcomes::limits());
    assert!(page.contains("<code>evidence/step-counter.toml</code>") && page.contains("1,670/s"));
    let suite = junit::render(&outcomes::limits());
    assert!(suite.contains("value=\"evidence/step-counter.toml\""), "{suite}");
}

#[test]
fn what_is_no_verdict_is_said() {
    assert_snapshot!("invalid", plain(&outcomes::invalid()));
    assert_snapshot!("inconclusive", plain(&outcomes::inconclusive()));
    assert_snapshot!("cut short", plain(&outcomes::cut_short()));
    assert_snapshot!("nothing", plain(&outcomes::nothing()));
}

#[test]
fn what_was_left_out_is_in_every_report() {
    let all = outcomes::left_out();
    assert_snapshot!("left out", plain(&all));
    assert_snapshot!("markdown left out", markdown::render(&all, None));
    assert_snapshot!("half a comparison", plain(&outcomes::half()));
    let (page, suites) = (html::render(&all), junit::render(&all));
    for text in [&page, &suites] {
        for word in [
            "face-emotion",
            "media.image.analysis has no rate",
            "declare its rate",
            "silero-vad",
        ] {
            assert!(text.contains(word), "{word}: {text}");
        }
    }
    assert!(page.contains("LEFT OUT") && page.contains(">INCONCLUSIVE<"), "{page}");
}

#[test]
fn on_the_mock_no_word_is_a_verdict() {
    let text = plain(&outcomes::mock());
    assert_snapshot!("mock", text);
    for text in [text, markdown::render(&outcomes::mock(), None)] {
        assert!(!text.contains("PASS") && !text.contains("FAIL"), "{text}");
        assert!(text.contains("smoke test"), "{text}");
    }
}

#[test]
fn colour_only_where_it_is_asked_for() {
    let all = outcome(vec![cases::motion()]);
    assert!(!plain(&all).contains('\u{1b}'));
    let coloured = summary::render(&all, Colour::Styled);
    assert!(coloured.contains("\u{1b}[32m"), "{coloured}");
    assert_eq!(anstream::adapter::strip_str(&coloured).to_string(), plain(&all));
}

#[test]
fn comments_on_pull_requests() {
    let place = Some("reports/20261123-143512/index.html");
    assert_snapshot!(
        "markdown motion",
        markdown::render(&outcome(vec![cases::motion()]), place)
    );
    assert_snapshot!("markdown services", markdown::render(&outcomes::services(), None));
    assert_snapshot!("markdown cut short", markdown::render(&outcomes::cut_short(), place));
}

#[test]
fn nothing_from_elsewhere_acts() {
    let hostile = outcomes::hostile();
    let text = plain(&hostile);
    assert!(!text.contains('\u{1b}') && !text.contains('\u{202e}'), "{text}");
    let comment = markdown::render(&hostile, Some("a`b``c"));
    assert!(!comment.contains('\u{1b}') && !comment.contains("<script"), "{comment}");
    assert!(
        !comment.contains("`*_") && comment.contains("```a`b``c ```") || comment.contains("``` a`b``c ```"),
        "{comment}"
    );
    let cells = |row: &str| row.matches('|').count();
    let table: Vec<&str> = comment.lines().filter(|row| row.starts_with('|')).collect();
    assert!(
        table.windows(2).all(|pair| cells(pair[0]) == cells(pair[1])),
        "{comment}"
    );
}
