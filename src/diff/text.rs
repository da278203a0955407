//! Differences in words.

use std::time::Duration;

use serde_json::Value as Json;

use crate::model::settings::Setting;
use crate::units::{Size, format_duration};

use super::database::{Change, Difference, OverrideHere};

/// A difference as a person reads it: a line, and one more for each value that is other.
#[must_use]
pub fn difference_text(difference: &Difference) -> String {
    let (word, line, changes) = match difference {
        Difference::NotSeeded { service, version } => (
            "new",
            format!("{service} v{version}: no seed of it has been applied there"),
            &[][..],
        ),
        Difference::Behind {
            service,
            here,
            there,
            changes,
        } => (
            "behind",
            format!("{service}: v{there} there, v{here} here"),
            &changes[..],
        ),
        Difference::Ahead {
            service,
            here,
            there,
            changes,
        } => (
            "ahead",
            format!("{service}: v{there} there, v{here} here; this checkout is not up to date"),
            &changes[..],
        ),
        Difference::SameVersion {
            service,
            version,
            changes,
        } => (
            "other",
            format!("{service}: both say v{version}, with different settings"),
            &changes[..],
        ),
        Difference::Context { service, changes } => (
            "context",
            format!("{service}: targets, rates or replicas"),
            &changes[..],
        ),
        Difference::Retired { service, version } => (
            "retired",
            format!("{service}: retired there by v{version}, and a profile is here; raise its version"),
            &[][..],
        ),
        Difference::Removed { service, version } => (
            "removed",
            format!("{service}: v{version} runs there, and no profile is here; compile and migrate retire it"),
            &[][..],
        ),
        Difference::Unknown { service } => (
            "unknown",
            format!("{service}: a row there that neither a seed nor a profile knows"),
            &[][..],
        ),
        Difference::Override { .. } => ("override", override_line(difference), &[][..]),
        Difference::Topic { topic, changes } => {
            let whole = changes.iter().all(|change| change.there.is_none());
            let line = if whole {
                format!("{topic}: not declared there")
            } else {
                topic.clone()
            };
            ("topic", line, if whole { &[][..] } else { &changes[..] })
        }
    };
    let mut text = format!("{word:<10}{}\n", printable(&line));
    for change in changes {
        text.push_str(&format!("          {}\n", printable(&change_line(change))));
    }
    text
}

fn change_line(change: &Change) -> String {
    let name = change.name.strip_prefix("consumer.").unwrap_or(&change.name);
    format!(
        "{}: {} there, {} here",
        neutral(name),
        value_text(name, change.there.as_ref()),
        value_text(name, change.here.as_ref())
    )
}

fn override_line(difference: &Difference) -> String {
    let Difference::Override {
        service,
        setting,
        base,
        value,
        by,
        at,
        reason,
        until,
        ended,
        here,
    } = difference
    else {
        return String::new();
    };
    let mut line = format!(
        "{service}: {} {} → {}, by {by} on {at} UTC",
        neutral(setting),
        value_text(setting, Some(base)),
        value_text(setting, Some(value))
    );
    match until {
        Some(until) if *ended => line.push_str(&format!(", ended {until} UTC")),
        Some(until) => line.push_str(&format!(", until {until} UTC")),
        None => {}
    }
    if let Some(reason) = reason {
        line.push_str(&format!(": {reason}"));
    }
    match here {
        OverrideHere::Unchanged => {}
        OverrideHere::Same => line.push_str("; the profile says so too"),
        OverrideHere::Conflicts(says) => line.push_str(&format!(
            "; the profile says {} now: its seed will be refused",
            value_text(setting, Some(says))
        )),
        OverrideHere::NoProfile => line.push_str("; no profile is here"),
    }
    line
}

/// The name that profiles use for a column, with the column where it is another.
fn neutral(column: &str) -> String {
    match Setting::ALL.into_iter().find(|setting| setting.info().key == column) {
        Some(setting) => setting.name().to_owned(),
        None => column.to_owned(),
    }
}

fn value_text(name: &str, value: Option<&Json>) -> String {
    match value {
        None | Some(Json::Null) => "unset".to_owned(),
        Some(Json::Number(number)) => match number.as_u64() {
            Some(milliseconds) if name.ends_with("_ms") => format_duration(Duration::from_millis(milliseconds)),
            Some(bytes) if name.ends_with("_bytes") => Size(bytes).to_string(),
            _ => number.to_string(),
        },
        Some(Json::String(text)) => text.clone(),
        Some(Json::Array(items)) => {
            let items: Vec<String> = items.iter().map(|item| value_text("", Some(item))).collect();
            items.join(", ")
        }
        Some(other) => other.to_string(),
    }
}

/// What stands in somebody's database moves no cursor.
fn printable(text: &str) -> String {
    text.chars()
        .flat_map(|c| {
            if c.is_control() {
                c.escape_debug().collect::<Vec<_>>()
            } else {
                vec![c]
            }
        })
        .collect()
}
