//! Documents of seeds: JSON whose text is fixed by this file alone, so that a digest made today is the one made in years.

use std::borrow::Cow;
use std::fmt::Write as _;
use std::time::Duration;

use crate::units::{Rate, Size};

/// A JSON value.
#[derive(Debug, Clone, PartialEq)]
pub enum Doc {
    /// `true` or `false`.
    Switch(bool),
    /// A whole number.
    Integer(i64),
    /// A number; one that JSON does not have is written as text.
    Decimal(f64),
    /// Text.
    Text(String),
    /// A list, in its order.
    List(Vec<Doc>),
    /// Keys and values, in the order that people read them in.
    Object(Vec<(Cow<'static, str>, Doc)>),
}

impl Doc {
    /// Text.
    pub fn text(text: impl ToString) -> Self {
        Self::Text(text.to_string())
    }

    /// A whole number; what is past 2⁶³ is the largest there is.
    pub fn integer(number: impl TryInto<i64>) -> Self {
        Self::Integer(number.try_into().unwrap_or(i64::MAX))
    }

    /// A duration in milliseconds: a whole number of them where it is one.
    #[must_use]
    pub fn milliseconds(duration: Duration) -> Self {
        let nanos = duration.as_nanos();
        if nanos.is_multiple_of(1_000_000) {
            Self::integer(nanos / 1_000_000)
        } else {
            Self::Decimal(nanos as f64 / 1e6)
        }
    }

    /// A size in bytes.
    #[must_use]
    pub fn bytes(size: Size) -> Self {
        Self::integer(size.bytes())
    }

    /// Records a second.
    #[must_use]
    pub const fn rate(rate: Rate) -> Self {
        Self::Decimal(rate.get())
    }

    /// The canonical form: keys sorted by their bytes, no white space, characters as they are except `"`, `\` and
    /// control characters. Digests are taken over it: it never changes.
    #[must_use]
    pub fn canonical(&self) -> String {
        let mut out = String::with_capacity(1024);
        self.write_canonical(&mut out);
        out
    }

    fn write_canonical(&self, out: &mut String) {
        match self {
            Self::List(items) => separated(out, '[', ']', items.iter(), |item, out| item.write_canonical(out)),
            Self::Object(entries) => {
                // Most keys differ in their first bytes, which are one number to compare.
                let mut sorted: Vec<_> = entries.iter().map(|entry| (first_bytes(&entry.0), entry)).collect();
                sorted.sort_unstable_by(|a, b| a.0.cmp(&b.0).then_with(|| a.1.0.cmp(&b.1.0)));
                separated(out, '{', '}', sorted.into_iter(), |(_, (key, value)), out| {
                    write_text(out, key);
                    out.push(':');
                    value.write_canonical(out);
                });
            }
            leaf => leaf.write_leaf(out),
        }
    }

    /// As people read it: a key a line, indented by two spaces; lists of leaves on one line.
    #[must_use]
    pub fn pretty(&self) -> String {
        let mut out = String::with_capacity(2048);
        self.write_pretty(&mut out, 0);
        out
    }

    fn write_pretty(&self, out: &mut String, depth: usize) {
        match self {
            Self::List(items) if items.iter().all(Self::is_leaf) => {
                out.push('[');
                for (at, item) in items.iter().enumerate() {
                    out.push_str(if at == 0 { "" } else { ", " });
                    item.write_leaf(out);
                }
                out.push(']');
            }
            Self::Object(entries) if entries.is_empty() => out.push_str("{}"),
            Self::List(items) => lines(out, depth, '[', ']', items.iter(), |item, out| {
                item.write_pretty(out, depth + 1);
            }),
            Self::Object(entries) => lines(out, depth, '{', '}', entries.iter(), |(key, value), out| {
                write_text(out, key);
                out.push_str(": ");
                value.write_pretty(out, depth + 1);
            }),
            leaf => leaf.write_leaf(out),
        }
    }

    const fn is_leaf(&self) -> bool {
        !matches!(self, Self::List(_) | Self::Object(_))
    }

    fn write_leaf(&self, out: &mut String) {
        match self {
            Self::Switch(on) => out.push_str(if *on { "true" } else { "false" }),
            Self::Integer(number) => {
                let _ = write!(out, "{number}");
            }
            Self::Decimal(number) if !number.is_finite() => write_text(out, &number.to_string()),
            Self::Decimal(number) => {
                let _ = write!(out, "{number}");
                if number.fract() == 0.0 {
                    out.push_str(".0");
                }
            }
            Self::Text(text) => write_text(out, text),
            Self::List(_) | Self::Object(_) => unreachable!("not a leaf"),
        }
    }
}

/// A text's first bytes as a number that sorts as they do.
fn first_bytes(text: &str) -> u128 {
    let mut first = [0; 16];
    let length = text.len().min(16);
    first[..length].copy_from_slice(&text.as_bytes()[..length]);
    u128::from_be_bytes(first)
}

fn separated<T>(
    out: &mut String,
    open: char,
    close: char,
    items: impl Iterator<Item = T>,
    mut each: impl FnMut(T, &mut String),
) {
    out.push(open);
    for (at, item) in items.enumerate() {
        if at > 0 {
            out.push(',');
        }
        each(item, out);
    }
    out.push(close);
}

fn lines<T>(
    out: &mut String,
    depth: usize,
    open: char,
    close: char,
    items: impl Iterator<Item = T>,
    mut each: impl FnMut(T, &mut String),
) {
    out.push(open);
    for (at, item) in items.enumerate() {
        out.push_str(if at == 0 { "\n" } else { ",\n" });
        indent(out, depth + 1);
        each(item, out);
    }
    out.push('\n');
    indent(out, depth);
    out.push(close);
}

fn indent(out: &mut String, depth: usize) {
    for _ in 0..depth {
        out.push_str("  ");
    }
}

/// Whether a byte does not stand for itself in JSON's texts as they are written here.
const fn is_escaped(byte: u8) -> bool {
    byte < b' ' || matches!(byte, b'"' | b'\\' | 0x7f)
}

/// Text as JSON, control characters escaped: it never ends a line.
pub fn write_text(out: &mut String, text: &str) {
    out.push('"');
    // All bytes are looked at: without a way out on the way, that is done many at a time.
    if !text.bytes().fold(false, |found, byte| found | is_escaped(byte)) {
        // Nearly every text there is.
        out.push_str(text);
        out.push('"');
        return;
    }
    for character in text.chars() {
        match character {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            control if control < ' ' || control == '\u{7f}' => {
                let _ = write!(out, "\\u{:04x}", u32::from(control));
            }
            other => out.push(other),
        }
    }
    out.push('"');
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn sample() -> Doc {
        Doc::Object(vec![
            ("b".into(), Doc::List(vec![Doc::Integer(1), Doc::text("x")])),
            ("a".into(), Doc::Decimal(2.0)),
            ("ä\n\"".into(), Doc::Object(vec![("k".into(), Doc::Switch(true))])),
            ("Z".into(), Doc::List(vec![Doc::Object(Vec::new())])),
        ])
    }

    #[test]
    fn has_two_forms() {
        assert_eq!(
            sample().canonical(),
            "{\"Z\":[{}],\"a\":2.0,\"b\":[1,\"x\"],\"ä\\u000a\\\"\":{\"k\":true}}"
        );
        insta::assert_snapshot!(sample().pretty(), @r#"
        {
          "b": [1, "x"],
          "a": 2.0,
          "ä\u000a\"": {
            "k": true
          },
          "Z": [
            {}
          ]
        }
        "#);
    }

    #[test]
    fn numbers_are_exact() {
        for (doc, text) in [
            (Doc::milliseconds(Duration::from_micros(1500)), "1.5"),
            (Doc::milliseconds(Duration::from_secs(60)), "60000"),
            (Doc::Decimal(1e21), "1000000000000000000000.0"),
            (Doc::Decimal(0.1), "0.1"),
            (Doc::Decimal(f64::INFINITY), "\"inf\""),
            (Doc::integer(u64::MAX), "9223372036854775807"),
        ] {
            assert_eq!(doc.canonical(), text);
        }
    }

    fn any_doc() -> impl Strategy<Value = Doc> {
        let leaf = prop_oneof![
            any::<bool>().prop_map(Doc::Switch),
            any::<i64>().prop_map(Doc::Integer),
            (-1e15..1e15).prop_map(Doc::Decimal),
            any::<String>().prop_map(Doc::Text),
        ];
        leaf.prop_recursive(3, 24, 5, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..5).prop_map(Doc::List),
                prop::collection::btree_map(any::<String>(), inner, 0..5)
                    .prop_map(|map| Doc::Object(map.into_iter().map(|(key, doc)| (key.into(), doc)).collect())),
            ]
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(128))]
        #[test]
        fn both_forms_are_the_same_json_and_no_line_breaks_out(doc in any_doc()) {
            let canonical: serde_json::Value = serde_json::from_str(&doc.canonical()).unwrap();
            let pretty: serde_json::Value = serde_json::from_str(&doc.pretty()).unwrap();
            prop_assert_eq!(&canonical, &pretty);
            prop_assert!(!doc.canonical().contains(['\n', '\r']));
            let indented = doc.pretty().lines().skip(1).all(|line| line.starts_with([' ', '}', ']']));
            prop_assert!(indented);
        }

        #[test]
        fn the_order_of_keys_does_not_matter(doc in any_doc()) {
            let turned = match doc.clone() {
                Doc::Object(mut entries) => { entries.reverse(); Doc::Object(entries) }
                other => other,
            };
            prop_assert_eq!(doc.canonical(), turned.canonical());
        }
    }
}
