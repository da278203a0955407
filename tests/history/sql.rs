//! Seeds as PostgreSQL reads them: whatever a name holds, a statement stays what it is.

use std::sync::Arc;

use lagproof::emit::seed;
use lagproof::history::{Seed, Standing, State, read_seed};
use lagproof::model::project::Model;
use lagproof::source::FileId;
use proptest::prelude::*;

use crate::support::TestProject;

fn model() -> Model {
    TestProject::new().load().model.expect("it is read")
}

/// The same with another name for its service, group and topic.
fn named(name: &str) -> Model {
    let mut model = model();
    let mut topic = model.topics.remove("orders.created").unwrap();
    topic.name = name.to_owned();
    model.topics.insert(name.to_owned(), topic);
    let service = Arc::make_mut(&mut model.services[0]);
    service.name = name.to_owned();
    service.group.value = name.to_owned();
    service.topics[0].value = name.to_owned();
    model
}

fn empty() -> State<'static> {
    State::replay(std::iter::empty())
}

/// A token of SQL, as PostgreSQL's lexer takes it apart (chapter 4.1 of its manual).
#[derive(Debug, PartialEq)]
enum Token {
    Text(String),
    Other(char),
}

fn lex(sql: &str) -> Vec<Token> {
    let mut tokens = Vec::new();
    let mut rest = sql;
    while let Some(first) = rest.chars().next() {
        if rest.starts_with("--") {
            rest = &rest[rest.find(['\n', '\r']).unwrap_or(rest.len())..];
        } else if rest.starts_with('$') {
            let end = rest[1..].find('$').unwrap() + 2;
            let (tag, inner) = rest.split_at(end);
            let close = inner.find(tag).expect("a dollar quote is closed");
            tokens.push(Token::Text(inner[..close].to_owned()));
            rest = &inner[close + tag.len()..];
        } else if rest.starts_with("E'") || rest.starts_with('\'') {
            let escapes = rest.starts_with('E');
            let (text, length) = quoted(&rest[1 + usize::from(escapes)..], escapes);
            tokens.push(Token::Text(text));
            rest = &rest[1 + usize::from(escapes) + length..];
        } else {
            if !first.is_whitespace() {
                tokens.push(Token::Other(first));
            }
            rest = &rest[first.len_utf8()..];
        }
    }
    tokens
}

/// A constant behind its first quote, and how long it is.
fn quoted(rest: &str, escapes: bool) -> (String, usize) {
    let mut text = String::new();
    let mut at = 0;
    loop {
        let character = rest[at..].chars().next().expect("a quote is closed");
        at += character.len_utf8();
        match character {
            '\'' if rest[at..].starts_with('\'') => {
                text.push('\'');
                at += 1;
            }
            '\'' => return (text, at),
            '\\' if escapes && rest[at..].starts_with('\\') => {
                text.push('\\');
                at += 1;
            }
            '\\' if escapes => {
                let octal = &rest[at..at + 3];
                text.push(char::from(u8::from_str_radix(octal, 8).expect("an octal escape")));
                at += 3;
            }
            // With standard_conforming_strings off a backslash here would escape the quote.
            '\\' => panic!("a backslash in a plain constant: {rest}"),
            other => text.push(other),
        }
    }
}

fn assert_holds(name: &str) {
    let draft = seed(&named(name), &empty()).unwrap().unwrap();
    let tokens = lex(&draft.text);
    let bare: String = tokens
        .iter()
        .filter_map(|token| match token {
            Token::Other(other) => Some(*other),
            Token::Text(_) => None,
        })
        .collect();
    assert_eq!(
        bare,
        "SELECTlagproof.seed_service_v1(,1,,::jsonb);SELECTlagproof.seed_topic_v1(,,::jsonb);"
    );
    let texts: Vec<&str> = tokens
        .iter()
        .filter_map(|token| match token {
            Token::Text(text) => Some(text.as_str()),
            Token::Other(_) => None,
        })
        .collect();
    assert_eq!((texts[0], texts[3]), (name, name));
    let doc: serde_json::Value = serde_json::from_str(texts[2]).unwrap();
    assert_eq!(doc["settings"]["group"], name);
    assert_eq!(doc["settings"]["topics"][0], name);
    let header = read_seed(&draft.text).unwrap();
    assert_eq!(header.services[0].name, name);
    assert!(draft.artifact("20260101000000").is_seed());
}

#[test]
fn attacks_stay_names() {
    for name in [
        "'; DROP TABLE pipeline_consumer_configs; --",
        "\\'; DROP TABLE x; --",
        "\\",
        "$lagproof$",
        "$lagproof$); DROP TABLE x; SELECT ($lagproof$",
        "$lagproof1$ $lagproof$",
        "$$",
        "${VARIABLE}",
        "a\nSELECT lagproof.retire_service_v1('x', 1);",
        "a\r\n-- retired \"x\" version 9 revision 1 follows nothing",
        "\"; --",
        "größe € 😀 \u{2028}",
        "../../etc/passwd",
        "*/ /*",
        ":'variable' :name \\gset",
        "\u{1}\u{7f}\u{1b}[31m",
    ] {
        assert_holds(name);
    }
    let error = seed(&named("a\0b"), &empty()).unwrap_err();
    assert_eq!(error.to_string(), "PostgreSQL can't hold the NUL after `a`");
    let mut model = model();
    Arc::make_mut(&mut model.services[0]).group.value = "g\0".to_owned();
    assert!(seed(&model, &empty()).is_err(), "jsonb can't hold it either");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]
    #[test]
    fn any_name_stays_a_name(name in "[^\\x00]{1,40}") {
        assert_holds(&name);
    }
}

#[test]
fn a_seed_reads_well() {
    let model = model();
    let draft = seed(&model, &empty()).unwrap().unwrap();
    assert_eq!(draft.what, "example-v1");
    insta::assert_snapshot!(draft.text);
    let landed = Seed {
        name: "20260101000000_example-v1.sql".to_owned(),
        file: FileId(0),
        header: read_seed(&draft.text).unwrap(),
        standing: Standing::Landed,
    };
    let state = State::replay([&landed].into_iter());
    assert_eq!(seed(&model, &state), Ok(None), "what is there is not said again");
    let mut gone = model;
    gone.services.clear();
    insta::assert_snapshot!(seed(&gone, &state).unwrap().unwrap().text);
}
