//! Values of settings as seeds hold them, and back.

use std::time::Duration;

use serde_json::Value as Json;

use crate::model::keywords::{Assignor, Keyword, RemoteAssignor};
use crate::model::settings::{Kind, OffsetReset, Setting, Value};
use crate::units::Size;

use super::doc::Doc;

const BY_DURATION: &str = "by_duration:";

/// A setting's value: durations in milliseconds, sizes in bytes, assignors as a list.
#[must_use]
pub fn value_doc(value: &Value) -> Doc {
    match value {
        Value::Count(count) => Doc::integer(*count),
        Value::Duration(duration) => Doc::milliseconds(*duration),
        Value::Size(size) => Doc::bytes(*size),
        Value::Switch(on) => Doc::Switch(*on),
        Value::Assignors(list) => Doc::List(list.iter().map(Doc::text).collect()),
        Value::OffsetReset(OffsetReset::ByDuration(duration)) => Doc::Text(format!("{BY_DURATION}{}", iso(*duration))),
        Value::OffsetReset(reset) => Doc::text(reset),
        Value::RemoteAssignor(assignor) => Doc::text(assignor),
        Value::Text(text) => Doc::text(text),
    }
}

/// The value that [`value_doc`] wrote; nothing where it can't have been that setting's.
#[must_use]
pub fn value_from_json(setting: Setting, json: &Json) -> Option<Value> {
    Some(match setting.info().kind {
        Kind::Count => Value::Count(json.as_u64()?),
        Kind::Duration => Value::Duration(duration_from_json(json)?),
        Kind::Size => Value::Size(Size(json.as_u64()?)),
        Kind::Switch => Value::Switch(json.as_bool()?),
        Kind::Assignors => Value::Assignors(
            json.as_array()?
                .iter()
                .map(|name| Assignor::parse(name.as_str()?))
                .collect::<Option<_>>()?,
        ),
        Kind::OffsetReset => Value::OffsetReset(match json.as_str()? {
            "earliest" => OffsetReset::Earliest,
            "latest" => OffsetReset::Latest,
            "none" => OffsetReset::None,
            other => OffsetReset::ByDuration(from_iso(other.strip_prefix(BY_DURATION)?)?),
        }),
        Kind::RemoteAssignor => Value::RemoteAssignor(RemoteAssignor::parse(json.as_str()?)?),
        Kind::Text => Value::Text(json.as_str()?.into()),
    })
}

/// A setting of a settings document as the database's column of that name holds it: assignors with commas between them,
/// commits by the clock as a switch, and null for what is left to the client. `lagproof.setting_value` is the same there.
#[must_use]
pub fn column_from_settings(settings: &Json, column: &str) -> Json {
    let found = match column {
        "enable_auto_commit" => return Json::Bool(settings["delivery"]["commit"] == "interval"),
        "auto_commit_interval_ms" => &settings["delivery"]["commit_interval_ms"],
        "concurrency" if settings["concurrency"].is_string() => return Json::Null,
        "concurrency" => &settings["concurrency"],
        column => &settings["consumer"][column],
    };
    match found {
        Json::Array(names) => {
            let names: Vec<&str> = names.iter().filter_map(Json::as_str).collect();
            Json::String(names.join(","))
        }
        found => found.clone(),
    }
}

/// A duration from its milliseconds.
#[must_use]
pub fn duration_from_json(json: &Json) -> Option<Duration> {
    match json.as_u64() {
        Some(milliseconds) => Some(Duration::from_millis(milliseconds)),
        None => Duration::try_from_secs_f64(json.as_f64()? / 1e3).ok(),
    }
}

/// ISO 8601, in seconds: `PT86400S`, `PT0.5S`.
fn iso(duration: Duration) -> String {
    let nanos = format!("{:09}", duration.subsec_nanos());
    match nanos.trim_end_matches('0') {
        "" => format!("PT{}S", duration.as_secs()),
        fraction => format!("PT{}.{fraction}S", duration.as_secs()),
    }
}

fn from_iso(text: &str) -> Option<Duration> {
    let seconds = text.strip_prefix("PT")?.strip_suffix('S')?;
    let (whole, fraction) = seconds.split_once('.').unwrap_or((seconds, ""));
    let nanos = format!("{fraction:0<9}").parse().ok()?;
    Some(Duration::new(whole.parse().ok()?, nanos))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_come_back() {
        for (setting, value) in [
            (Setting::MaxPollRecords, Value::Count(500)),
            (Setting::SessionTimeout, Value::Duration(Duration::from_secs(45))),
            (Setting::FetchMax, Value::Size(Size(52_428_800))),
            (Setting::CheckCrcs, Value::Switch(false)),
            (
                Setting::Assignors,
                Value::Assignors(Box::new([Assignor::Range, Assignor::CooperativeSticky])),
            ),
            (Setting::OffsetReset, Value::OffsetReset(OffsetReset::None)),
            (
                Setting::OffsetReset,
                Value::OffsetReset(OffsetReset::ByDuration(Duration::from_millis(86_400_500))),
            ),
            (Setting::RemoteAssignor, Value::RemoteAssignor(RemoteAssignor::Uniform)),
            (Setting::ClientRack, Value::Text("${RACK}".into())),
        ] {
            let json = serde_json::from_str(&value_doc(&value).canonical()).unwrap();
            assert_eq!(value_from_json(setting, &json), Some(value), "{setting}: {json}");
        }
        assert_eq!(value_from_json(Setting::MaxPollRecords, &Json::Null), None);
        assert_eq!(value_from_json(Setting::OffsetReset, &"yesterday".into()), None);
    }
}
