//! `[consumer]`: the client's settings under neutral names; also the cells of the matrix.

use std::time::Duration;

use super::tree::{Item, Node};
use serde_json::{Value as Json, json};

use crate::diagnostic::Finding;
use crate::model::keywords::{Assignor, RemoteAssignor};
use crate::model::limits::bounds;
use crate::model::matrix::Cell;
use crate::model::settings::{Kind, OffsetReset, Setting, Value};
use crate::source::{FileId, Span};
use crate::units::{Size, format_duration, shown};

use super::fields::{Fields, Section, Spanned};
use super::leaf::{Leaf, LeafError, unknown_word};
use super::names::Name;
use super::pages;

/// The settings that a section sets, in the order of [`Setting`].
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ConsumerSection(pub Vec<(Setting, Spanned<Value>)>);

impl Section for ConsumerSection {
    fn read(fields: &mut Fields<'_>) -> Option<Self> {
        Some(Self(
            Setting::ALL
                .into_iter()
                .filter_map(|s| Some((s, read_setting(fields, s)?)))
                .collect(),
        ))
    }
}

/// The cells of a row of the matrix: exact values, or ranges with a default.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Cells(pub Vec<(Setting, Spanned<Cell>)>);

impl Section for Cells {
    fn read(fields: &mut Fields<'_>) -> Option<Self> {
        Some(Self(
            Setting::ALL
                .into_iter()
                .filter_map(|s| Some((s, read_cell(fields, s)?)))
                .collect(),
        ))
    }
}

fn read_setting(fields: &mut Fields<'_>, setting: Setting) -> Option<Spanned<Value>> {
    let info = setting.info();
    let value = match info.kind {
        Kind::Count => wrap(fields.optional::<Count>(info.name, info.summary), |count| {
            Value::Count(count.0)
        }),
        Kind::Duration => wrap(fields.optional::<Duration>(info.name, info.summary), Value::Duration),
        Kind::Size => wrap(fields.optional::<Size>(info.name, info.summary), Value::Size),
        Kind::Switch => wrap(fields.optional::<bool>(info.name, info.summary), Value::Switch),
        Kind::Assignors => wrap(fields.optional::<Assignors>(info.name, info.summary), |list| {
            Value::Assignors(list.0)
        }),
        Kind::OffsetReset => wrap(
            fields.optional::<OffsetReset>(info.name, info.summary),
            Value::OffsetReset,
        ),
        Kind::RemoteAssignor => wrap(
            fields.optional::<RemoteAssignor>(info.name, info.summary),
            Value::RemoteAssignor,
        ),
        Kind::Text => wrap(fields.optional::<Name>(info.name, info.summary), |name| {
            Value::Text(name.0.into())
        }),
    }?;
    in_bounds(fields, setting, &value.value, &value).then_some(value)
}

fn wrap<T>(value: Option<Spanned<T>>, make: impl FnOnce(T) -> Value) -> Option<Spanned<Value>> {
    value.map(|value| Spanned {
        value: make(value.value),
        span: value.span,
    })
}

fn read_cell(fields: &mut Fields<'_>, setting: Setting) -> Option<Spanned<Cell>> {
    let info = setting.info();
    let cell = match info.kind {
        Kind::Count => fields
            .optional::<Ranged<Count>>(info.name, info.summary)
            .map(|at| at.cell(|v| Value::Count(v.0))),
        Kind::Duration => fields
            .optional::<Ranged<Duration>>(info.name, info.summary)
            .map(|at| at.cell(Value::Duration)),
        Kind::Size => fields
            .optional::<Ranged<Size>>(info.name, info.summary)
            .map(|at| at.cell(Value::Size)),
        _ => {
            let value = read_setting(fields, setting)?;
            Some(Spanned {
                value: Cell::Exact(value.value),
                span: value.span,
            })
        }
    }?;
    let fits = match &cell.value {
        Cell::Exact(value) => in_bounds(fields, setting, value, &cell),
        Cell::Range { min, max, .. } => {
            in_bounds(fields, setting, min, &cell) && in_bounds(fields, setting, max, &cell)
        }
    };
    if fits && let Cell::Range { min, max, default } = &cell.value {
        let ordered = min.number() <= default.number() && default.number() <= max.number();
        if !ordered {
            fields.report(
                Finding::new(
                    &pages::OUT_OF_RANGE,
                    cell.span,
                    format!("`{setting}`: the default {default} is not between {min} and {max}"),
                )
                .at_run_time("services of this type would start outside their own range")
                .help("write min, default and max in rising order"),
            );
            return None;
        }
    }
    fits.then_some(cell)
}

/// Reports a number that no client accepts.
fn in_bounds<T>(fields: &mut Fields<'_>, setting: Setting, value: &Value, at: &Spanned<T>) -> bool {
    if let Value::Duration(duration) = value
        && duration.subsec_nanos() % 1_000_000 != 0
    {
        fields.report(
            Finding::new(
                &pages::OUT_OF_RANGE,
                at.span,
                format!("`{setting}` is finer than a millisecond"),
            )
            .at_run_time("clients take whole milliseconds and would round it")
            .help("write whole milliseconds"),
        );
        return false;
    }
    let (Some(bounds), Some(number)) = (bounds(setting), value.number()) else {
        return true;
    };
    if (bounds.min..=bounds.max).contains(&number) {
        return true;
    }
    let shown = |number: u64| match value {
        Value::Duration(_) => format_duration(Duration::from_millis(number)),
        Value::Size(_) => Size(number).to_string(),
        _ => number.to_string(),
    };
    let (min, max) = (shown(bounds.min), shown(bounds.max));
    fields.report(
        Finding::new(
            &pages::OUT_OF_RANGE,
            at.span,
            format!("`{setting}` is {value}, outside {min} to {max}"),
        )
        .at_run_time("clients refuse to start with it")
        .help(format!("choose a value from {min} to {max}")),
    );
    false
}

/// A whole number from 0; the setting's own bounds come on top.
struct Count(u64);

impl Leaf for Count {
    const EXAMPLE: &'static str = "500";

    fn read(value: &Node<'_>, _: FileId) -> Result<Self, LeafError> {
        let number = super::leaf::integer(value, "a whole number")?;
        u64::try_from(number).map(Self).map_err(|_| {
            LeafError::refused(
                &pages::OUT_OF_RANGE,
                format!("{number} is not a number that a setting can hold"),
                Some("write a whole number from 0".to_owned()),
            )
        })
    }

    fn schema() -> Json {
        json!({ "type": "integer", "minimum": 0 })
    }
}

/// One assignor, or a list of them.
struct Assignors(Box<[Assignor]>);

impl Leaf for Assignors {
    const EXAMPLE: &'static str = "\"cooperative-sticky\"";

    fn read(value: &Node<'_>, file: FileId) -> Result<Self, LeafError> {
        if !matches!(value.get_ref(), Item::Array(_)) {
            return Assignor::read(value, file).map(|assignor| Self(Box::new([assignor])));
        }
        let list = Vec::<Spanned<Assignor>>::read(value, file)?;
        if list.is_empty() {
            let message = "an empty list leaves no way to share partitions out".to_owned();
            let help = format!("name one, such as {}, or take the line away", Self::EXAMPLE);
            return Err(LeafError::refused(&pages::OUT_OF_RANGE, message, Some(help)));
        }
        let mut seen: Vec<Assignor> = Vec::new();
        for assignor in list {
            if seen.contains(&assignor.value) {
                let message = format!("`{}` is there twice", assignor.value);
                let error = LeafError::refused(&pages::OUT_OF_RANGE, message, Some("take one away".to_owned()));
                return Err(LeafError {
                    span: Some(assignor.span),
                    ..error
                });
            }
            seen.push(assignor.value);
        }
        Ok(Self(seen.into()))
    }

    fn schema() -> Json {
        json!({ "oneOf": [Assignor::schema(), { "type": "array", "items": Assignor::schema(), "minItems": 1 }] })
    }
}

impl Leaf for OffsetReset {
    const EXAMPLE: &'static str = "\"earliest\"";

    fn read(value: &Node<'_>, file: FileId) -> Result<Self, LeafError> {
        let Item::String(word) = value.get_ref() else {
            return Err(LeafError::wrong_type(
                "\"earliest\", \"latest\", \"none\" or a duration",
                value.get_ref(),
            ));
        };
        match word.as_ref() {
            "earliest" => Ok(Self::Earliest),
            "latest" => Ok(Self::Latest),
            "none" => Ok(Self::None),
            other if other.starts_with(|c: char| c.is_ascii_digit()) => {
                Duration::read(value, file).map(Self::ByDuration)
            }
            other => Err(unknown_word(other, ["earliest", "latest", "none"].into_iter())),
        }
    }

    fn schema() -> Json {
        json!({ "oneOf": [{ "enum": ["earliest", "latest", "none"] }, Duration::schema()] })
    }
}

/// A cell: a value, or `{ min, max, default }`.
enum Ranged<T> {
    Exact(T),
    Range { min: T, max: T, default: T },
}

impl<T> Spanned<Ranged<T>> {
    fn cell(self, make: impl Fn(T) -> Value) -> Spanned<Cell> {
        let value = match self.value {
            Ranged::Exact(value) => Cell::Exact(make(value)),
            Ranged::Range { min, max, default } => Cell::Range {
                min: make(min),
                max: make(max),
                default: make(default),
            },
        };
        Spanned { value, span: self.span }
    }
}

impl<T: Leaf> Leaf for Ranged<T> {
    const EXAMPLE: &'static str = T::EXAMPLE;

    fn read(value: &Node<'_>, file: FileId) -> Result<Self, LeafError> {
        let Item::Table(table) = value.get_ref() else {
            return T::read(value, file).map(Self::Exact);
        };
        let known = ["min", "max", "default"];
        let stray = table.keys().find(|key| !known.contains(&key.get_ref()));
        if let Some(key) = stray {
            let message = format!("a range has no `{}`", shown(key.get_ref()));
            let error = LeafError::refused(
                &pages::UNKNOWN_KEY,
                message,
                Some("a range has min, max and default".to_owned()),
            );
            return Err(LeafError {
                span: Some(Span::new(file, key.span())),
                ..error
            });
        }
        let end = |name: &'static str| match table.get(name) {
            Some(value) => T::read(value, file).map_err(|error| error.within(name, Span::new(file, value.span()))),
            None => Err(LeafError::refused(
                &pages::MISSING_KEY,
                format!("the range has no `{name}`"),
                Some("a range has min, max, and the default that holds where a profile says nothing".to_owned()),
            )),
        };
        Ok(Self::Range {
            min: end("min")?,
            max: end("max")?,
            default: end("default")?,
        })
    }

    fn schema() -> Json {
        let value = T::schema();
        json!({ "oneOf": [value, {
            "type": "object",
            "properties": { "min": value, "max": value, "default": value },
            "required": ["min", "max", "default"],
            "additionalProperties": false,
        }] })
    }
}
