//! Durations, sizes, rates and percentages: text with a unit.

use std::time::Duration;

use super::tree::{Item, Node};
use serde_json::{Value as Json, json};

use crate::source::FileId;
use crate::units::{Rate, Size, parse_duration, parse_rate, parse_size, shown};

use super::leaf::{Leaf, LeafError, text};
use super::pages;

/// A number where text with a unit is wanted is the commonest slip: the message says which text.
fn quantity<'a>(value: &'a Node<'_>, wanted: &str, example: &str) -> Result<&'a str, LeafError> {
    text(value, wanted).map_err(|error| match value.get_ref() {
        Item::Integer(_) | Item::Float(_) => LeafError {
            here: "this number has no unit".into(),
            help: Some(format!("write it as text with its unit, such as \"{example}\"")),
            ..error
        },
        _ => error,
    })
}

impl Leaf for Duration {
    const EXAMPLE: &'static str = "\"500ms\"";

    fn read(value: &Node<'_>, _: FileId) -> Result<Self, LeafError> {
        Ok(parse_duration(quantity(value, "a duration", "500ms")?)?)
    }

    fn schema() -> Json {
        json!({ "type": "string", "pattern": "^[0-9][0-9_]*(\\.[0-9_]+)? ?(ns|us|µs|ms|s|min|h|d)$", "examples": ["500ms", "10min"] })
    }
}

impl Leaf for Size {
    const EXAMPLE: &'static str = "\"8MiB\"";

    fn read(value: &Node<'_>, _: FileId) -> Result<Self, LeafError> {
        Ok(parse_size(quantity(value, "a size", "8MiB")?)?)
    }

    fn schema() -> Json {
        json!({ "type": "string", "pattern": "^[0-9][0-9_]*(\\.[0-9_]+)? ?([kMGT]?B|[KMGT]iB)$", "examples": ["8MiB", "500kB"] })
    }
}

impl Leaf for Rate {
    const EXAMPLE: &'static str = "\"50/s\"";

    fn read(value: &Node<'_>, _: FileId) -> Result<Self, LeafError> {
        Ok(parse_rate(quantity(value, "a rate", "50/s")?)?)
    }

    fn schema() -> Json {
        json!({ "type": "string", "pattern": "^[0-9][0-9_]*(\\.[0-9_]+)? ?/ ?(s|min|h|d)$", "examples": ["50/s"] })
    }
}

/// A share, written as `"1%"`; from 0 to 1.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Percent(pub f64);

impl Leaf for Percent {
    const EXAMPLE: &'static str = "\"1%\"";

    fn read(value: &Node<'_>, _: FileId) -> Result<Self, LeafError> {
        let text = quantity(value, "a percentage", "1%")?;
        let number = text
            .strip_suffix('%')
            .map(str::trim_end)
            .and_then(|number| number.parse::<f64>().ok());
        match number {
            Some(number) if (0.0..=100.0).contains(&number) => Ok(Self(number / 100.0)),
            _ => Err(LeafError::refused(
                &pages::BAD_QUANTITY,
                format!("`{}` is not a percentage", shown(text)),
                Some("write a share such as \"1%\", from 0% to 100%".to_owned()),
            )),
        }
    }

    fn schema() -> Json {
        json!({ "type": "string", "pattern": "^[0-9]+(\\.[0-9]+)? ?%$", "examples": ["1%"] })
    }
}
