//! Readers of compiled files, by each format's own rules and none of the compiler's code.

use std::collections::BTreeMap;

use lagproof::clients::{Literal, Lowered, Section};
use lagproof::model::keywords::Client;
use serde_json::{Map, Value as Json, json};

/// Sections, keys and values, as a reader has them. Properties files know text only.
pub type Read = BTreeMap<String, BTreeMap<String, Json>>;

type Pair = (String, Json);

/// What a compiled file says to its client.
pub fn read(client: Client, text: &str) -> Read {
    match client {
        Client::Librdkafka => section(lines(text)),
        Client::Java => section(java(text)),
        Client::Kafkajs => json_sections(text, flatten),
        Client::Aiokafka | Client::ConfluentJavascript => json_sections(text, |pair| vec![pair]),
    }
}

/// What the entries mean to such a reader.
pub fn meant(lowered: &Lowered) -> Read {
    let text_only = matches!(lowered.client, Client::Librdkafka | Client::Java);
    let mut sections = Read::new();
    for entry in &lowered.entries {
        if text_only && entry.section != Section::Consumer {
            continue;
        }
        let value = if text_only {
            json!(as_text(&entry.value))
        } else {
            as_json(&entry.value)
        };
        let keys = sections.entry(entry.section.name().to_owned()).or_default();
        let twice = keys.insert(entry.key.to_string(), value);
        assert_eq!(twice, None, "{} is there twice", entry.key);
    }
    sections
}

fn as_text(value: &Literal) -> String {
    match value {
        Literal::Int(number) => number.to_string(),
        Literal::Float(number) => number.to_string(),
        Literal::Switch(on) => on.to_string(),
        Literal::Text(text) => text.to_string(),
        Literal::List(list) => list.join(","),
        Literal::Off => String::new(),
    }
}

fn as_json(value: &Literal) -> Json {
    match value {
        Literal::Int(number) => json!(number),
        // Whole ones are written without a point, and JSON makes no difference.
        Literal::Float(number) => serde_json::from_str(&number.to_string()).expect("a finite number"),
        Literal::Switch(on) => json!(on),
        Literal::Text(text) => json!(text),
        Literal::List(list) => json!(list),
        Literal::Off => Json::Null,
    }
}

fn section(pairs: Vec<(String, String)>) -> Read {
    let mut keys = BTreeMap::new();
    for (key, value) in pairs {
        let twice = keys.insert(key.clone(), json!(value));
        assert_eq!(twice, None, "{key} is there twice");
    }
    BTreeMap::from([("consumer".to_owned(), keys)])
}

/// As `kcat -F` reads: lines of at most 511 bytes, blanks around them dropped, `#` for comments, the first `=` parts.
fn lines(text: &str) -> Vec<(String, String)> {
    let mut pairs = Vec::new();
    for line in text.split('\n') {
        assert!(line.len() < 511, "too long for kcat: {line}");
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let (key, value) = line.split_once('=').unwrap_or_else(|| panic!("no setting: {line}"));
        pairs.push((key.to_owned(), value.to_owned()));
    }
    pairs
}

/// As `java.util.Properties.load(InputStream)` reads: bytes as Latin-1, escapes, continued lines.
fn java(text: &str) -> Vec<(String, String)> {
    let latin: String = text.bytes().map(char::from).collect();
    let mut pairs = Vec::new();
    let mut natural = latin.split(['\n', '\r']).peekable();
    while let Some(line) = natural.next() {
        let blank = |c: char| matches!(c, ' ' | '\t' | '\u{c}');
        let mut logical = line.trim_start_matches(blank).to_owned();
        if logical.is_empty() || logical.starts_with(['#', '!']) {
            continue;
        }
        while logical.chars().rev().take_while(|c| *c == '\\').count() % 2 == 1 {
            logical.pop();
            logical.push_str(natural.next().unwrap_or("").trim_start_matches(blank));
        }
        let mut escaped = false;
        let end = logical.char_indices().find(|(_, c)| {
            let ends = !escaped && (matches!(c, '=' | ':') || blank(*c));
            escaped = *c == '\\' && !escaped;
            ends
        });
        let (key, rest) = logical.split_at(end.map_or(logical.len(), |(at, _)| at));
        let rest = rest.trim_start_matches(blank);
        let value = rest.strip_prefix(['=', ':']).unwrap_or(rest).trim_start_matches(blank);
        pairs.push((unescape(key), unescape(value)));
    }
    pairs
}

fn unescape(text: &str) -> String {
    let mut units: Vec<u16> = Vec::new();
    let mut characters = text.chars();
    while let Some(character) = characters.next() {
        let plain = match character {
            '\\' => match characters.next() {
                Some('u') => {
                    let digits: String = characters.by_ref().take(4).collect();
                    units.push(u16::from_str_radix(&digits, 16).expect("four digits"));
                    continue;
                }
                Some('t') => '\t',
                Some('n') => '\n',
                Some('r') => '\r',
                Some('f') => '\u{c}',
                Some(other) => other,
                None => break,
            },
            other => other,
        };
        units.extend_from_slice(plain.encode_utf16(&mut [0; 2]));
    }
    String::from_utf16(&units).expect("whole characters")
}

fn json_sections(text: &str, pairs: fn(Pair) -> Vec<Pair>) -> Read {
    let document: Map<String, Json> = serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}\n{text}"));
    document
        .into_iter()
        .filter(|(name, _)| !["_generated", "notes"].contains(&name.as_str()))
        .map(|(name, section)| {
            let Json::Object(keys) = section else {
                panic!("{name} is no object")
            };
            (name, keys.into_iter().flat_map(pairs).collect())
        })
        .collect()
}

/// `"retry": { "retries": 5 }` as `retry.retries`.
fn flatten((key, value): Pair) -> Vec<Pair> {
    match value {
        Json::Object(inner) => inner
            .into_iter()
            .map(|(name, value)| (format!("{key}.{name}"), value))
            .collect(),
        value => vec![(key, value)],
    }
}
