//! What is known of a client's key that lagproof does not model.

use crate::clients::lowered::{Literal, Section, Text};
use crate::model::service::RawValue;

/// The greatest 32-bit integer.
pub(super) const INT: i64 = 2_147_483_647;

/// What a key takes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Kind {
    /// A whole number between two others, both among them.
    Int(i64, i64),
    /// A number between two others, both among them.
    Float(f64, f64),
    /// `true` or `false`.
    Switch,
    /// One of these.
    Word(&'static [&'static str]),
    /// Text.
    Text,
}

/// What is known of a key.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Known {
    /// The consumer takes it.
    Takes(Kind),
    /// The same, in a section of its own (kafkajs).
    In(Section, Kind),
    /// Another name for this key.
    Alias(&'static str),
    /// Producers take it; a consumer warns and ignores it.
    Producer,
    /// It warns and does nothing.
    Deprecated,
    /// It can't come from a profile: it is this.
    Reserved(&'static str),
}

impl Kind {
    /// What it takes, in words.
    pub fn words(self) -> String {
        match self {
            Self::Int(min, max) if max >= INT => format!("a whole number from {min}, in plain digits"),
            Self::Int(min, max) => format!("a whole number from {min} to {max}, in plain digits"),
            Self::Float(min, max) => format!("a number from {min} to {max}"),
            Self::Switch => "true or false".to_owned(),
            Self::Word(words) => words.join(" or "),
            Self::Text => "text that is not empty".to_owned(),
        }
    }

    /// The value as the client takes it, if it can be one. Numbers and switches may be written as text, but only in the
    /// plain form: librdkafka reads "010" as 8 and "30s" as 30.
    pub fn literal(self, value: &RawValue) -> Option<Literal> {
        let text = value.to_string();
        match self {
            Self::Int(min, max) => {
                let number: i64 = match value {
                    RawValue::Integer(number) => *number,
                    RawValue::Text(text) => text.parse().ok().filter(|number: &i64| number.to_string() == *text)?,
                    RawValue::Float(_) | RawValue::Switch(_) => return None,
                };
                (min..=max).contains(&number).then_some(Literal::Int(number))
            }
            Self::Float(min, max) => {
                let number = match value {
                    RawValue::Integer(number) => i32::try_from(*number).ok()?.into(),
                    RawValue::Float(number) => *number,
                    RawValue::Switch(_) | RawValue::Text(_) => return None,
                };
                (min..=max).contains(&number).then_some(Literal::Float(number))
            }
            Self::Switch => match text.as_str() {
                "true" => Some(Literal::Switch(true)),
                "false" => Some(Literal::Switch(false)),
                _ => None,
            },
            Self::Word(words) => words
                .iter()
                .find(|word| **word == text)
                .map(|word| Literal::from(*word)),
            Self::Text => (!text.is_empty()).then_some(Literal::Text(Text::Owned(text))),
        }
    }
}
