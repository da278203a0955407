//! Reading a settings document key by key, and complaining about the one that is wrong.

use std::collections::BTreeMap;

use serde_json::{Map, Value as Json};

use crate::error::Error;
use crate::settings::Word;

/// Consumer settings that are whole numbers, with the least of each.
const NUMBERS: [(&str, u64); 23] = [
    ("max_poll_records", 1),
    ("session_timeout_ms", 1),
    ("heartbeat_interval_ms", 1),
    ("max_poll_interval_ms", 1),
    ("rebalance_timeout_ms", 1),
    ("fetch_min_bytes", 1),
    ("fetch_max_wait_ms", 0),
    ("fetch_max_bytes", 1),
    ("max_partition_fetch_bytes", 1),
    ("message_max_bytes", 1),
    ("receive_message_max_bytes", 1),
    ("queued_min_messages", 1),
    ("queued_max_bytes", 1),
    ("fetch_queue_backoff_ms", 0),
    ("request_timeout_ms", 1),
    ("retry_backoff_ms", 1),
    ("retry_backoff_max_ms", 1),
    ("reconnect_backoff_ms", 0),
    ("reconnect_backoff_max_ms", 0),
    ("connections_max_idle_ms", 0),
    ("receive_buffer_bytes", 0),
    ("statistics_interval_ms", 0),
    ("metadata_max_age_ms", 1),
];
const SWITCHES: [&str; 2] = ["check_crcs", "allow_auto_create_topics"];
const TEXTS: [&str; 3] = ["auto_offset_reset", "group_remote_assignor", "client_rack"];
const ASSIGNMENT: &str = "partition_assignment_strategy";
const ASSIGNORS: [&str; 4] = ["range", "roundrobin", "sticky", "cooperative-sticky"];

/// A part of the document.
pub(crate) struct Reader<'d> {
    service_name: &'d str,
    place: &'d str,
    data: Option<&'d Map<String, Json>>,
}

impl<'d> Reader<'d> {
    /// A part that is an object, or absent.
    pub(crate) fn new(service_name: &'d str, place: &'d str, data: &'d Json) -> Result<Self, Error> {
        let reader = |data| Self {
            service_name,
            place,
            data,
        };
        match data {
            Json::Null => Ok(reader(None)),
            Json::Object(data) => Ok(reader(Some(data))),
            other => Err(reader(None).wrong("", &format!("{other} is no object"), "")),
        }
    }

    pub(crate) fn wrong(&self, key: &str, problem: &str, fix: &str) -> Error {
        let place = [self.place, key].into_iter().filter(|part| !part.is_empty());
        let mend = "Mend it in the profile or with an UPDATE of pipeline_consumer_configs";
        Error::BadRow {
            service_name: self.service_name.to_owned(),
            key: place.collect::<Vec<_>>().join("."),
            problem: problem.to_owned(),
            fix: if fix.is_empty() {
                mend.to_owned()
            } else {
                format!("{fix}. {mend}")
            },
        }
    }

    pub(crate) const fn is_absent(&self) -> bool {
        self.data.is_none()
    }

    pub(crate) fn entries(&self) -> impl Iterator<Item = (&'d String, &'d Json)> {
        self.data.into_iter().flatten()
    }

    /// A value that is there and not null.
    pub(crate) fn get(&self, key: &str) -> Option<&'d Json> {
        self.data?.get(key).filter(|value| !value.is_null())
    }

    pub(crate) fn section(&self, key: &'static str) -> Result<Reader<'d>, Error> {
        Reader::new(self.service_name, key, self.get(key).unwrap_or(&Json::Null))
    }

    pub(crate) fn integer(&self, key: &str, least: u64) -> Result<Option<u64>, Error> {
        let Some(value) = self.get(key) else { return Ok(None) };
        match value.as_u64().filter(|number| *number >= least) {
            Some(number) => Ok(Some(number)),
            None => Err(self.wrong(
                key,
                &format!("{value} is no whole number from {least} on"),
                "Choose one",
            )),
        }
    }

    pub(crate) fn number(&self, key: &str) -> Result<Option<f64>, Error> {
        let Some(value) = self.get(key) else { return Ok(None) };
        match value.as_f64().filter(|number| *number >= 0.0) {
            Some(number) => Ok(Some(number)),
            None => Err(self.wrong(key, &format!("{value} is no number from 0 on"), "Choose one")),
        }
    }

    pub(crate) fn text(&self, key: &str) -> Result<Option<String>, Error> {
        let Some(value) = self.get(key) else { return Ok(None) };
        match value.as_str().filter(|text| !text.is_empty()) {
            Some(text) => Ok(Some(text.to_owned())),
            None => Err(self.wrong(key, &format!("{value} is no text"), "Write a name")),
        }
    }

    pub(crate) fn texts(&self, key: &str) -> Result<Vec<String>, Error> {
        let Some(value) = self.get(key) else {
            return Ok(Vec::new());
        };
        let text = |one: &Json| one.as_str().filter(|text| !text.is_empty()).map(str::to_owned);
        let texts = value.as_array().and_then(|list| list.iter().map(text).collect());
        texts.ok_or_else(|| self.wrong(key, &format!("{value} is no list of names"), "Write a list of names"))
    }

    pub(crate) fn word<W: Word>(&self, key: &str, default: W) -> Result<W, Error> {
        let Some(value) = self.get(key) else { return Ok(default) };
        let found = W::WORDS.iter().find(|(word, _)| value.as_str() == Some(word));
        found.map(|(_, meaning)| *meaning).ok_or_else(|| {
            let words: Vec<&str> = W::WORDS.iter().map(|(word, _)| *word).collect();
            self.wrong(
                key,
                &format!("{value} is unknown"),
                &format!("It must be one of {}", words.join(", ")),
            )
        })
    }

    /// The consumer settings. Rows that older scripts wrote may have them beside the other keys.
    pub(crate) fn consumer(&self) -> Result<BTreeMap<String, Json>, Error> {
        let section = self.section("consumer")?;
        let known = |key: &str| {
            key == ASSIGNMENT
                || SWITCHES.contains(&key)
                || TEXTS.contains(&key)
                || NUMBERS.iter().any(|(name, _)| *name == key)
        };
        let flat = self.entries().filter(|(key, _)| known(key));
        let mut found: BTreeMap<String, Json> = flat
            .chain(section.entries())
            .filter(|(_, value)| !value.is_null())
            .map(|(key, value)| (key.clone(), value.clone()))
            .collect();
        let all: Json = found.clone().into_iter().collect::<Map<String, Json>>().into();
        let reader = Reader::new(self.service_name, "consumer", &all)?;
        for (key, least) in NUMBERS {
            reader.integer(key, least)?;
        }
        for key in SWITCHES {
            if let Some(value) = reader.get(key).filter(|value| !value.is_boolean()) {
                return Err(reader.wrong(
                    key,
                    &format!("{value} is neither true nor false"),
                    "Write true or false",
                ));
            }
        }
        for key in TEXTS {
            reader.text(key)?;
        }
        reader.offset_reset()?;
        if let Some(names) = reader.assignors()? {
            found.insert(ASSIGNMENT.to_owned(), names.into());
        }
        Ok(found)
    }

    fn offset_reset(&self) -> Result<(), Error> {
        let key = "auto_offset_reset";
        match self.text(key)?.as_deref() {
            None | Some("earliest" | "latest" | "none") => Ok(()),
            Some(word) if word.starts_with("by_duration:") => Ok(()),
            Some(other) => Err(self.wrong(
                key,
                &format!("{other:?} is unknown"),
                "It must be earliest, latest or none",
            )),
        }
    }

    fn assignors(&self) -> Result<Option<Vec<String>>, Error> {
        let Some(value) = self.get(ASSIGNMENT) else {
            return Ok(None);
        };
        let names: Option<Vec<String>> = match value {
            Json::String(text) => {
                let names = text.split(',').map(str::trim).filter(|name| !name.is_empty());
                Some(names.map(str::to_owned).collect())
            }
            Json::Array(list) => list.iter().map(|one| one.as_str().map(str::to_owned)).collect(),
            _ => None,
        };
        match names.filter(|names| !names.is_empty() && names.iter().all(|name| ASSIGNORS.contains(&name.as_str()))) {
            Some(names) => Ok(Some(names)),
            None => Err(self.wrong(
                ASSIGNMENT,
                &format!("{value} names an assignor that is unknown"),
                &format!("It must be of {}", ASSIGNORS.join(", ")),
            )),
        }
    }
}
