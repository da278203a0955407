//! Names, texts and files that try to be more than text.

use lagproof::diagnostic::{Colour, Finding, Format, JsonReport, Safety, json_schema};
use lagproof::source::{Edit, FileId, Span};
use proptest::prelude::*;

use super::cases::{Case, D201, P104, PAGES};
use super::machines::{SARIF, validate};

const EVIL: &str =
    "\"q'\n::error::pwned\r\n<script>]]>&amp; %0A%25 {0} [x](1) \u{1b}[31m\u{9b}1m \u{202e}rtl \0 \u{ffff} ,:";

/// Everything that a person can write is `EVIL`.
fn evil() -> Case {
    let mut case = Case::new();
    let file = case.file(&format!("a/{EVIL}.toml"), &format!("a = 1\nname = {EVIL}\nz = 1\n"));
    let span = case.span(file, EVIL);
    case.services = vec![EVIL.to_owned()];
    let finding = Finding::new(&P104, span, EVIL)
        .here(EVIL)
        .label(span, EVIL)
        .label(Span::whole(file), EVIL)
        .at_run_time(EVIL)
        .help(EVIL)
        .fix(
            Safety::Safe,
            EVIL,
            vec![Edit::Replace {
                span,
                text: EVIL.to_owned(),
            }],
        )
        .about(EVIL);
    let warning = Finding::new(&D201, Span::whole(file), EVIL).about(EVIL);
    case.with(finding).with(warning)
}

/// Characters that must reach no terminal, log or parser.
fn acts(character: char) -> bool {
    (character.is_control() && character != '\n')
        || matches!(character, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{200e}' | '\u{200f}' | '\u{feff}')
}

fn assert_harmless(out: &str) {
    let found = out.chars().find(|character| acts(*character));
    assert_eq!(found, None, "{out}");
}

#[test]
fn no_format_lets_it_through() {
    for format in Format::ALL {
        let out = evil().print(format);
        assert_harmless(&out);
        if matches!(format, Format::Human | Format::Github | Format::Junit) {
            insta::assert_snapshot!(format!("evil_{format}"), out);
        }
    }
}

#[test]
fn json_and_sarif_keep_every_character() {
    let out = evil().print(Format::Json);
    validate(&json_schema(), &out);
    let read: JsonReport = serde_json::from_str(&out).unwrap();
    assert_eq!(read.findings[0].message, EVIL);
    assert_eq!(read.findings[0].subject.as_deref(), Some(EVIL));
    let out = evil().print(Format::Sarif);
    validate(SARIF, &out);
    let read: serde_json::Value = serde_json::from_str(&out).unwrap();
    let result = &read["runs"][0]["results"][0];
    let message = result["message"]["text"].as_str().unwrap();
    assert!(
        message.starts_with(&EVIL.replace("](", "] (").replace("{0}", "{{0}}")),
        "{message}"
    );
    let uri = result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"]
        .as_str()
        .unwrap();
    assert!(uri.starts_with("a/%22q%27%0A%3A%3Aerror") && uri.is_ascii(), "{uri}");
}

#[test]
fn every_line_for_github_is_a_command_of_ours() {
    let out = evil().print(Format::Github);
    let ours = ["::error file=", "::warning file=", "::notice title="];
    for line in out.lines() {
        assert!(ours.iter().any(|start| line.starts_with(start)), "{line}");
        assert_eq!(
            line.split("::").nth(1).unwrap().matches(',').count(),
            line.split("::").nth(1).unwrap().matches('=').count().saturating_sub(1),
            "{line}"
        );
    }
    assert_eq!(out.lines().count(), 3);
}

#[test]
fn styled_output_has_no_escapes_but_its_own() {
    let out = evil().print_with(Format::Human, |context| context.colour = Colour::Styled);
    let mut rest = out.as_str();
    let mut plain = String::new();
    while let Some(at) = rest.find("\u{1b}[") {
        plain.push_str(&rest[..at]);
        let end = rest[at..].find('m').expect("colours end in m");
        assert!(
            rest[at + 2..at + end].chars().all(|c| c.is_ascii_digit() || c == ';'),
            "{out}"
        );
        rest = &rest[at + end + 1..];
    }
    plain.push_str(rest);
    assert_harmless(&plain);
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    /// Whatever the text and wherever the spans, every format prints, and nothing that acts.
    #[test]
    fn any_text_and_any_span(
        text in "[a-c =\"\\[\\]{}\r\n\t\u{0}\u{1b}\u{9b}\u{202e}é漢👩\u{200d}\u{301}]{0,60}",
        spans in proptest::collection::vec((0_usize..260, 0_usize..260), 1..6),
        width in 0_usize..200,
    ) {
        let mut case = Case::new();
        let file = case.file("a.toml", &text);
        let other = case.file("b.toml", &text.repeat(20));
        let span = |(index, (a, b)): (usize, &(usize, usize))| {
            Span::new(if index % 2 == 0 { file } else { other }, *a.min(b)..*a.max(b))
        };
        let spans: Vec<Span> = spans.iter().enumerate().map(span).collect();
        let mut finding = Finding::new(PAGES[1], spans[0], text.clone()).here(text.clone());
        for span in &spans[1..] {
            finding = finding.label(*span, text.clone());
        }
        let edits = vec![
            Edit::Replace { span: spans[0], text: text.clone() },
            Edit::Set { file: FileId(0), path: vec!["a".into()], value: "1".into() },
        ];
        let case = case.with(finding.fix(Safety::Suggested, text.clone(), edits));
        for format in Format::ALL {
            let out = case.print_with(format, |context| context.width = width);
            assert_harmless(&out);
        }
        validate(&json_schema(), &case.print(Format::Json));
    }
}
