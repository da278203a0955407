//! Single values: what a key can take, read from TOML, with a message for everything else.

use super::tree::{Item, Node};
use serde_json::{Value as Json, json};

use crate::diagnostic::Page;
use crate::model::keywords::Keyword;
use crate::model::service::RawValue;
use crate::source::{FileId, Span};
use crate::units::{UnitError, shown};

use super::fields::Spanned;
use super::pages;
use super::problems::nearest;

/// Why a value is not what its key takes.
#[derive(Debug)]
pub struct LeafError {
    /// The page of its code.
    pub page: &'static Page,
    /// The key inside the value that it is about, where the value is a table.
    pub inner: Option<&'static str>,
    /// The place, where it is narrower than the value.
    pub span: Option<Span>,
    /// What is wrong.
    pub message: Box<str>,
    /// Words for the place.
    pub here: Box<str>,
    /// What to write instead.
    pub help: Option<String>,
    /// What to write instead, as TOML, where it is certain.
    pub replacement: Option<Box<str>>,
    /// What is wrong with the next entry, where the value is a list.
    pub next: Option<Box<Self>>,
}

impl LeafError {
    /// A value of the wrong type.
    #[must_use]
    pub fn wrong_type(wanted: &str, found: &Item<'_>) -> Self {
        Self {
            page: &pages::WRONG_TYPE,
            inner: None,
            span: None,
            message: format!("must be {wanted}").into(),
            next: None,
            here: format!("this is {}", kind_of(found)).into(),
            help: None,
            replacement: None,
        }
    }

    /// A value of the right type that is not allowed.
    #[must_use]
    pub fn refused(page: &'static Page, message: String, help: Option<String>) -> Self {
        Self {
            page,
            inner: None,
            span: None,
            message: message.into(),
            next: None,
            here: Box::default(),
            help,
            replacement: None,
        }
    }
}

impl LeafError {
    /// The same, about a key inside a value that is a table.
    #[must_use]
    pub fn within(self, key: &'static str, span: Span) -> Self {
        Self {
            inner: Some(key),
            span: self.span.or(Some(span)),
            ..self
        }
    }

    /// The same, with something to write instead.
    #[must_use]
    pub fn with_help(self, help: impl Into<String>) -> Self {
        Self {
            help: Some(help.into()),
            ..self
        }
    }
}

impl From<UnitError> for LeafError {
    fn from(error: UnitError) -> Self {
        Self::refused(&pages::BAD_QUANTITY, error.message, Some(error.help))
    }
}

/// What a TOML value is, in words.
pub(super) fn kind_of(value: &Item<'_>) -> &'static str {
    match value {
        Item::String(_) => "text",
        Item::Integer(_) => "a whole number",
        Item::Float(_) => "a decimal number",
        Item::Boolean(_) => "true or false",
        Item::Datetime(_) => "a date or time",
        Item::Array(_) => "a list",
        Item::Table(_) => "a table",
    }
}

/// A type of value.
pub trait Leaf: Sized {
    /// A valid value as TOML, for messages.
    const EXAMPLE: &'static str;

    /// The same, where it has to be put together.
    #[must_use]
    fn example() -> String {
        Self::EXAMPLE.to_owned()
    }

    /// Reads it.
    ///
    /// # Errors
    /// [`LeafError`] where the value is of another type or is not allowed.
    fn read(value: &Node<'_>, file: FileId) -> Result<Self, LeafError>;

    /// Its JSON schema.
    fn schema() -> Json;
}

pub(super) fn text<'a>(value: &'a Node<'_>, wanted: &str) -> Result<&'a str, LeafError> {
    match value.get_ref() {
        Item::String(text) => Ok(text),
        other => Err(LeafError::wrong_type(wanted, other)),
    }
}

/// A whole number of any size that TOML can write.
pub(super) fn integer(value: &Node<'_>, wanted: &str) -> Result<i128, LeafError> {
    match value.get_ref() {
        Item::Integer(number) => i128::from_str_radix(number.as_str(), number.radix()).map_err(|_| {
            let message = format!("`{}` is too large", shown(number.as_str()));
            LeafError::refused(
                &pages::OUT_OF_RANGE,
                message,
                Some("write a number of at most 19 digits".to_owned()),
            )
        }),
        other => Err(quoted_number(wanted, other)),
    }
}

/// A number in quotes is the usual slip.
fn quoted_number(wanted: &str, found: &Item<'_>) -> LeafError {
    let error = LeafError::wrong_type(wanted, found);
    match found {
        Item::String(text) if text.parse::<u64>().is_ok() => LeafError {
            help: Some("take the quotes away".to_owned()),
            replacement: Some(text.as_ref().into()),
            ..error
        },
        _ => error.with_help("write digits alone, without quotes or unit"),
    }
}

impl Leaf for String {
    const EXAMPLE: &'static str = "\"…\"";

    fn read(value: &Node<'_>, _: FileId) -> Result<Self, LeafError> {
        let text = text(value, "text")?;
        if let Some(control) = text.chars().find(|c| c.is_control() && *c != '\n' && *c != '\t') {
            return Err(LeafError::refused(
                &pages::BAD_NAME,
                format!("holds the control character {}", control.escape_debug()),
                Some("take it out".to_owned()),
            ));
        }
        Ok(text.to_owned())
    }

    fn schema() -> Json {
        json!({ "type": "string" })
    }
}

macro_rules! whole_number {
    ($type:ty, $max:literal) => {
        impl Leaf for $type {
            const EXAMPLE: &'static str = "1";

            fn read(value: &Node<'_>, _: FileId) -> Result<Self, LeafError> {
                let number = integer(value, "a whole number")?;
                Self::try_from(number).ok().filter(|number| (1..=$max).contains(number)).ok_or_else(|| {
                    LeafError::refused(
                        &pages::OUT_OF_RANGE,
                        format!("{number} is outside 1 to {}", $max as u64),
                        Some(format!("write a whole number from 1 to {}", $max as u64)),
                    )
                })
            }

            fn schema() -> Json {
                json!({ "type": "integer", "minimum": 1, "maximum": $max as u64 })
            }
        }
    };
}

whole_number!(u32, 1_000_000_000);
whole_number!(u64, 9_007_199_254_740_991);

impl Leaf for f64 {
    const EXAMPLE: &'static str = "1.0";

    fn read(value: &Node<'_>, _: FileId) -> Result<Self, LeafError> {
        let number = match value.get_ref() {
            Item::Float(number) => number.replace('_', "").parse().unwrap_or(f64::NAN),
            Item::Integer(_) => integer(value, "a number")? as Self,
            other => return Err(LeafError::wrong_type("a number", other)),
        };
        if number.is_finite() && (0.0..=1e12).contains(&number) {
            return Ok(number);
        }
        Err(LeafError::refused(
            &pages::OUT_OF_RANGE,
            format!("{number:?} is not a number from 0 to 10^12"),
            None,
        ))
    }

    fn schema() -> Json {
        json!({ "type": "number", "minimum": 0 })
    }
}

impl Leaf for bool {
    const EXAMPLE: &'static str = "true";

    fn read(value: &Node<'_>, _: FileId) -> Result<Self, LeafError> {
        match value.get_ref() {
            Item::Boolean(on) => Ok(*on),
            other => {
                Err(LeafError::wrong_type("true or false", other).with_help("write true or false, without quotes"))
            }
        }
    }

    fn schema() -> Json {
        json!({ "type": "boolean" })
    }
}

impl Leaf for jiff::civil::Date {
    const EXAMPLE: &'static str = "2027-01-31";

    fn read(value: &Node<'_>, _: FileId) -> Result<Self, LeafError> {
        let date = match value.get_ref() {
            Item::Datetime(datetime) if datetime.time.is_none() && datetime.offset.is_none() => datetime.date,
            other => {
                return Err(quoted_date(other));
            }
        };
        date.and_then(|date| {
            let (year, month, day) = (
                date.year.try_into().ok()?,
                date.month.try_into().ok()?,
                date.day.try_into().ok()?,
            );
            Self::new(year, month, day).ok()
        })
        .ok_or_else(|| LeafError::refused(&pages::OUT_OF_RANGE, "there is no such day".to_owned(), None))
    }

    fn schema() -> Json {
        json!({ "type": "string", "format": "date" })
    }
}

/// A date in quotes is the usual slip.
fn quoted_date(found: &Item<'_>) -> LeafError {
    let error = LeafError::wrong_type("a date", found).with_help("write the day as 2027-01-31, without quotes or time");
    let day = match found {
        Item::String(text) => text.parse::<jiff::civil::Date>().ok(),
        _ => None,
    };
    LeafError {
        replacement: day.map(|day| day.to_string().into()),
        ..error
    }
}

impl<T: Keyword> Leaf for T {
    const EXAMPLE: &'static str = "\"…\"";

    fn example() -> String {
        T::ALL
            .first()
            .map_or_else(|| Self::EXAMPLE.to_owned(), |word| format!("\"{}\"", word.as_str()))
    }

    fn read(value: &Node<'_>, _: FileId) -> Result<Self, LeafError> {
        let words = || T::ALL.iter().map(|known| known.as_str()).collect::<Vec<_>>().join(", ");
        let word = text(value, "text").map_err(|error| error.with_help(format!("it takes {}", words())))?;
        T::parse(word).ok_or_else(|| unknown_word(word, T::ALL.iter().map(|known| known.as_str())))
    }

    fn schema() -> Json {
        let words: Vec<Json> = T::ALL
            .iter()
            .map(|word| json!({ "const": word.as_str(), "description": word.summary() }))
            .collect();
        json!({ "type": "string", "oneOf": words })
    }
}

/// A word that is none of the known ones.
pub(super) fn unknown_word(word: &str, known: impl Iterator<Item = &'static str> + Clone) -> LeafError {
    let all: Vec<&str> = known.clone().collect();
    let near = nearest(word, known);
    LeafError {
        page: &pages::UNKNOWN_WORD,
        inner: None,
        span: None,
        message: format!("`{}` is not a value that it takes", shown(word)).into(),
        next: None,
        here: Box::default(),
        help: Some(match near {
            Some(near) if all.len() > 1 => format!("did you mean \"{near}\"? it takes {}", all.join(", ")),
            _ => format!("it takes {}", all.join(", ")),
        }),
        replacement: near.map(|near| format!("\"{near}\"").into()),
    }
}

/// One text where a list is wanted is the usual slip.
fn no_list(found: &Item<'_>) -> LeafError {
    let error = LeafError::wrong_type("a list", found);
    match found {
        Item::String(text) => {
            let list = format!("[{}]", toml_edit::Value::from(text.as_ref()));
            LeafError {
                help: Some("put it in brackets: a list may have one entry".to_owned()),
                replacement: Some(list.into()),
                ..error
            }
        }
        _ => error.with_help("a list stands in brackets, such as [\"a\", \"b\"]"),
    }
}

impl<T: Leaf> Leaf for Vec<Spanned<T>> {
    const EXAMPLE: &'static str = "[\"…\"]";

    fn read(value: &Node<'_>, file: FileId) -> Result<Self, LeafError> {
        let Item::Array(items) = value.get_ref() else {
            return Err(no_list(value.get_ref()));
        };
        let mut read = Vec::with_capacity(items.len());
        let mut wrong: Option<LeafError> = None;
        // From the last one on: each error carries those of the entries behind it.
        for item in items.iter().rev() {
            let span = Span::new(file, item.span());
            match T::read(item, file) {
                Ok(value) => read.push(Spanned { value, span }),
                Err(error) => {
                    let (span, next) = (error.span.or(Some(span)), wrong.take().map(Box::new));
                    wrong = Some(LeafError { span, next, ..error });
                }
            }
        }
        read.reverse();
        wrong.map_or(Ok(read), Err)
    }

    fn schema() -> Json {
        json!({ "type": "array", "items": T::schema() })
    }
}

impl Leaf for RawValue {
    const EXAMPLE: &'static str = "1";

    fn read(value: &Node<'_>, file: FileId) -> Result<Self, LeafError> {
        match value.get_ref() {
            Item::String(_) => String::read(value, file).map(Self::Text),
            Item::Boolean(on) => Ok(Self::Switch(*on)),
            Item::Float(_) => f64::read(value, file).map(Self::Float),
            Item::Integer(_) => i64::try_from(integer(value, "a number")?)
                .map(Self::Integer)
                .map_err(|_| LeafError::refused(&pages::OUT_OF_RANGE, "is too large".to_owned(), None)),
            other => Err(LeafError::wrong_type("text, a number, or true or false", other)),
        }
    }

    fn schema() -> Json {
        json!({ "type": ["string", "number", "boolean"] })
    }
}
