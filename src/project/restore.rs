//! A profile's text with the settings of an earlier version: comments and order stay, what is inherited is not repeated.

use serde_json::Value as Json;
use toml_edit::DocumentMut;

use crate::history::{duration_from_json, value_from_json};
use crate::model::keywords::{Client, Keyword};
use crate::model::project::Model;
use crate::model::service::{Concurrency, RawValue, Service};
use crate::model::settings::{Setting, Value};
use crate::source::{Edit, FileId, apply_edits, printed_like};
use crate::units::format_duration;

/// Edits are applied to a text that has no id yet.
const FILE: FileId = FileId(0);

fn set(path: &[&str], value: String) -> Edit {
    Edit::Set {
        file: FILE,
        path: path.iter().map(|part| (*part).to_owned()).collect(),
        value,
    }
}

fn remove(path: &[&str]) -> Edit {
    Edit::Remove {
        file: FILE,
        path: path.iter().map(|part| (*part).to_owned()).collect(),
    }
}

pub(super) fn quoted(text: &str) -> String {
    toml_edit::Value::from(text).to_string()
}

const DELIVERY: [&str; 4] = ["commit", "commit_interval", "isolation", "retry"];

/// The profile without anything of its own that a version stands for, on the client that the settings had: what it would
/// inherit.
pub(super) fn without_own(text: &str, settings: &Json) -> Result<String, String> {
    let mut edits: Vec<Edit> = Setting::ALL
        .iter()
        .map(|setting| remove(&["consumer", setting.name()]))
        .collect();
    edits.extend(DELIVERY.map(|key| remove(&["delivery", key])));
    edits.extend([
        remove(&["processing", "concurrency"]),
        remove(&["processing", "handler"]),
        remove(&["instance_id"]),
        remove(&["raw"]),
        set(&["client"], quoted(settings["client"].as_str().unwrap_or_default())),
        set(
            &["group_protocol"],
            quoted(settings["group_protocol"].as_str().unwrap_or_default()),
        ),
    ]);
    apply_edits(text, &edits).map_err(|error| error.to_string())
}

/// The profile with those settings. `now` is the service as it stands, `inherited` as it stands by
/// [`without_own`].
pub(super) fn restored(
    text: &str,
    version: u32,
    settings: &Json,
    now: &Service,
    inherited: &Service,
    model: Option<&Model>,
    to: u32,
) -> Result<String, String> {
    let mut edits = vec![set(&["version"], version.to_string())];
    top_level(&mut edits, settings, now);
    consumer(&mut edits, settings, now, inherited);
    delivery(&mut edits, settings, now, inherited);
    processing(&mut edits, settings, now, inherited);
    raw(&mut edits, settings, now);
    let row = model.and_then(|model| model.matrix.row(&now.service_type.value));
    let deviates = |setting: Setting| {
        let value = value_from_json(setting, &settings["consumer"][setting.info().key]);
        match (row.and_then(|row| row.cell(setting)), value) {
            (Some(cell), Some(value)) => !cell.value.admits(&value),
            _ => false,
        }
    };
    let explained = |setting: Setting| {
        now.deviations
            .iter()
            .any(|deviation| deviation.setting.value == setting)
    };
    for setting in Setting::ALL {
        if deviates(setting) && !explained(setting) {
            edits.push(Edit::Append {
                file: FILE,
                array: "deviation".to_owned(),
                entries: vec![
                    ("setting".to_owned(), quoted(setting.name())),
                    ("reason".to_owned(), quoted(&format!("as version {to} had it"))),
                ],
            });
        }
    }
    let edited = apply_edits(text, &edits).map_err(|error| error.to_string())?;
    tidy(&edited, &deviates)
}

fn top_level(edits: &mut Vec<Edit>, settings: &Json, now: &Service) {
    let mut text = |key: &str, now: Option<&str>| {
        let then = settings[key].as_str();
        if then != now {
            edits.push(then.map_or_else(|| remove(&[key]), |then| set(&[key], quoted(then))));
        }
    };
    text("client", Some(now.client.value.as_str()));
    text("group", Some(&now.group.value));
    text("group_protocol", Some(now.group_protocol.value.as_str()));
    text("instance_id", now.instance_id.as_ref().map(|id| id.value.as_str()));
    let then: Vec<&str> = settings["topics"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(Json::as_str)
        .collect();
    if !then
        .iter()
        .copied()
        .eq(now.topics.iter().map(|topic| topic.value.as_str()))
    {
        let list: Vec<String> = then.iter().map(|topic| quoted(topic)).collect();
        edits.push(set(&["topics"], format!("[{}]", list.join(", "))));
    }
}

fn consumer(edits: &mut Vec<Edit>, settings: &Json, now: &Service, inherited: &Service) {
    for setting in Setting::ALL {
        let then = value_from_json(setting, &settings["consumer"][setting.info().key]);
        let value = |service: &Service| service.run.consumer.get(setting).map(|value| value.value.clone());
        own_or_inherited(
            edits,
            &["consumer", setting.name()],
            (then.as_ref(), value(now).as_ref(), value(inherited).as_ref()),
            Value::to_toml,
        );
    }
}

/// Takes a key away where the earlier value is what is inherited, and else writes it where it is another one now.
fn own_or_inherited<T: PartialEq>(
    edits: &mut Vec<Edit>,
    path: &[&str],
    (then, now, inherited): (Option<&T>, Option<&T>, Option<&T>),
    toml: impl Fn(&T) -> String,
) {
    match then {
        Some(then) if Some(then) != inherited => {
            if Some(then) != now {
                edits.push(set(path, toml(then)));
            }
        }
        _ => edits.push(remove(path)),
    }
}

fn delivery(edits: &mut Vec<Edit>, settings: &Json, now: &Service, inherited: &Service) {
    let then = &settings["delivery"];
    let documents = [now, inherited].map(|service| {
        let doc = crate::history::settings_doc(service).canonical();
        serde_json::from_str::<Json>(&doc).unwrap_or_default()["delivery"].clone()
    });
    for key in DELIVERY {
        let stored = if key == "commit_interval" {
            "commit_interval_ms"
        } else {
            key
        };
        own_or_inherited(
            edits,
            &["delivery", key],
            (then.get(stored), documents[0].get(stored), documents[1].get(stored)),
            |json| match key {
                "commit_interval" => duration_toml(json),
                "retry" => retry_toml(json),
                _ => quoted(json.as_str().unwrap_or_default()),
            },
        );
    }
}

fn duration_toml(milliseconds: &Json) -> String {
    quoted(&format_duration(duration_from_json(milliseconds).unwrap_or_default()))
}

fn retry_toml(retry: &Json) -> String {
    let mut parts = vec![
        format!("attempts = {}", retry["attempts"]),
        format!("backoff = {}", duration_toml(&retry["backoff_ms"])),
    ];
    if let Some(topic) = retry["dead_letter"].as_str() {
        parts.push(format!("dead_letter = {}", quoted(topic)));
    }
    format!("{{ {} }}", parts.join(", "))
}

fn processing(edits: &mut Vec<Edit>, settings: &Json, now: &Service, inherited: &Service) {
    let concurrency = settings["concurrency"]
        .as_u64()
        .and_then(|most| u32::try_from(most).ok())
        .map_or(Concurrency::Unbounded, Concurrency::Bounded);
    let of = |service: &Service| service.run.processing.concurrency.value;
    own_or_inherited(
        edits,
        &["processing", "concurrency"],
        (Some(&concurrency), Some(&of(now)), Some(&of(inherited))),
        |concurrency| match concurrency {
            Concurrency::Bounded(most) => most.to_string(),
            Concurrency::Unbounded => quoted("unbounded"),
        },
    );
    let handler = settings["handler"].as_str().unwrap_or_default().to_owned();
    let of = |service: &Service| service.run.processing.handler.value.as_str().to_owned();
    own_or_inherited(
        edits,
        &["processing", "handler"],
        (Some(&handler), Some(&of(now)), Some(&of(inherited))),
        |handler| quoted(handler),
    );
}

fn raw(edits: &mut Vec<Edit>, settings: &Json, now: &Service) {
    for client in Client::ALL {
        let name = client.as_str();
        let then = settings["raw"][name].as_object();
        for own in now.raw.iter().filter(|own| own.client == *client) {
            if then.is_none_or(|then| !then.contains_key(&own.key)) {
                edits.push(remove(&["raw", name, &own.key]));
            }
        }
        for (key, value) in then.into_iter().flatten() {
            let is_now = now
                .raw
                .iter()
                .any(|own| own.client == *client && own.key == *key && same_raw(&own.value.value, value));
            if !is_now {
                let toml = value.as_str().map_or_else(|| value.to_string(), quoted);
                edits.push(set(&["raw", name, key], toml));
            }
        }
    }
}

fn same_raw(now: &RawValue, then: &Json) -> bool {
    match now {
        RawValue::Integer(number) => then.as_i64() == Some(*number),
        RawValue::Float(number) => then.is_f64() && then.as_f64() == Some(*number),
        RawValue::Switch(on) => then.as_bool() == Some(*on),
        RawValue::Text(text) => then.as_str() == Some(text),
    }
}

/// Takes away deviations that explain nothing any more, and tables that are empty now.
pub(super) fn tidy(text: &str, deviates: &impl Fn(Setting) -> bool) -> Result<String, String> {
    let mut document: DocumentMut = text.parse().map_err(|error: toml_edit::TomlError| error.to_string())?;
    if let Some(deviations) = document
        .get_mut("deviation")
        .and_then(|item| item.as_array_of_tables_mut())
    {
        deviations.retain(|table| {
            let setting = table
                .get("setting")
                .and_then(|item| item.as_str())
                .and_then(Setting::parse);
            setting.is_none_or(deviates)
        });
    }
    if let Some(raw) = document.get_mut("raw").and_then(|item| item.as_table_like_mut()) {
        let clients: Vec<String> = raw.iter().map(|(client, _)| client.to_owned()).collect();
        for client in clients {
            let table = raw.get(&client).and_then(|item| item.as_table_like());
            if table.is_some_and(|table| table.is_empty()) {
                raw.remove(&client);
            }
        }
    }
    for name in ["consumer", "delivery", "processing", "raw"] {
        let empty = document
            .get(name)
            .and_then(|item| item.as_table_like())
            .is_some_and(|table| table.is_empty());
        if empty {
            document.remove(name);
        }
    }
    Ok(printed_like(text, &document))
}
