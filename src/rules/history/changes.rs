//! What changed in a service's settings: the document that a seed holds beside the model.

use std::time::Duration;

use serde_json::Value as Json;

use crate::history::settings_doc;
use crate::model::origin::{Layer, Origin};
use crate::model::service::Service;
use crate::model::settings::{Kind, Setting};
use crate::units::{Size, format_duration};

/// One setting that is not what it was.
#[derive(Debug, Clone, PartialEq)]
pub struct Change {
    /// Its name in a profile: `session_timeout`, `delivery.commit`, `group`.
    pub name: String,
    /// What it was, as a profile writes it; nothing where it was left to the client.
    pub before: Option<String>,
    /// What it is.
    pub now: Option<String>,
    /// Where it comes from now; nothing where it is left to the client.
    pub origin: Option<Origin>,
}

impl Change {
    /// In words: `45s before, 60s now`.
    #[must_use]
    pub fn words(&self) -> String {
        let unset = |value: &Option<String>| value.clone().unwrap_or_else(|| "unset".to_owned());
        format!("{} before, {} now", unset(&self.before), unset(&self.now))
    }

    /// Whether many services may share it: it comes from the matrix.
    #[must_use]
    pub fn is_inherited(&self) -> bool {
        self.origin
            .is_some_and(|origin| matches!(origin.layer, Layer::Edition | Layer::Defaults | Layer::Type))
    }
}

/// What differs between a seed's document and a service, in the order of the settings' documentation.
#[must_use]
pub fn changes(service: &Service, document: &Json) -> Vec<Change> {
    let now: Json = serde_json::from_str(&settings_doc(service).canonical()).unwrap_or_default();
    let before = &document["settings"];
    let mut out = Vec::new();
    for key in ["client", "group", "group_protocol", "instance_id", "topics"] {
        compare(&mut out, service, key.to_owned(), before.get(key), now.get(key), plain);
    }
    for setting in Setting::ALL {
        let key = setting.info().key;
        let part = |doc: &Json| doc["consumer"].get(key).cloned();
        let (old, new) = (part(before), part(&now));
        compare(
            &mut out,
            service,
            setting.name().to_owned(),
            old.as_ref(),
            new.as_ref(),
            |json| shown(setting.info().kind, json),
        );
    }
    for key in ["commit", "commit_interval_ms", "isolation", "retry"] {
        let name = format!("delivery.{}", key.trim_end_matches("_ms"));
        let show = if key.ends_with("_ms") { milliseconds } else { plain };
        compare(
            &mut out,
            service,
            name,
            before["delivery"].get(key),
            now["delivery"].get(key),
            show,
        );
    }
    for key in ["concurrency", "handler", "raw"] {
        compare(&mut out, service, key.to_owned(), before.get(key), now.get(key), plain);
    }
    out
}

fn compare(
    out: &mut Vec<Change>,
    service: &Service,
    name: String,
    before: Option<&Json>,
    now: Option<&Json>,
    show: impl Fn(&Json) -> String,
) {
    if before != now {
        out.push(Change {
            before: before.map(&show),
            now: now.map(&show),
            origin: now.and_then(|_| origin(service, &name)),
            name,
        });
    }
}

/// Where a part of the settings comes from.
fn origin(service: &Service, name: &str) -> Option<Origin> {
    let run = &service.run;
    let retry = run.delivery.retry.as_ref();
    match name {
        "client" => Some(service.client.origin),
        "group" => Some(service.group.origin),
        "group_protocol" => Some(service.group_protocol.origin),
        "instance_id" => service.instance_id.as_ref().map(|id| id.origin),
        "topics" => service.topics.first().map(|topic| topic.origin),
        "delivery.commit" => Some(run.delivery.commit.origin),
        "delivery.commit_interval" => Some(run.delivery.commit_interval.origin),
        "delivery.isolation" => Some(run.delivery.isolation.origin),
        "delivery.retry" => retry.map(|retry| retry.attempts.origin),
        "concurrency" => Some(run.processing.concurrency.origin),
        "handler" => Some(run.processing.handler.origin),
        "raw" => service.raw.first().map(|raw| raw.value.origin),
        setting => Some(run.consumer.get(Setting::parse(setting)?)?.origin),
    }
}

/// A setting of a document as a profile writes it.
fn shown(kind: Kind, json: &Json) -> String {
    match (kind, json.as_u64()) {
        (Kind::Duration, Some(_)) => milliseconds(json),
        (Kind::Size, Some(bytes)) => Size(bytes).to_string(),
        _ => plain(json),
    }
}

fn milliseconds(json: &Json) -> String {
    json.as_u64()
        .map_or_else(|| plain(json), |ms| format_duration(Duration::from_millis(ms)))
}

fn plain(json: &Json) -> String {
    match json {
        Json::String(text) => text.escape_debug().to_string(),
        Json::Array(items) => items.iter().map(plain).collect::<Vec<_>>().join(", "),
        other => other.to_string(),
    }
}
