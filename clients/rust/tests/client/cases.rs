//! The cases that the loaders of all languages share, made by the compiler.

use std::collections::BTreeMap;
use std::path::Path;

use lagproof_client::changes::{changes, worst};
use lagproof_client::lowering::lower;
use lagproof_client::{Error, Settings};
use rdkafka::ClientConfig;
use rdkafka::consumer::BaseConsumer;
use serde_json::{Value as Json, json};

/// A file of clients/cases.
pub fn cases(name: &str) -> Vec<Json> {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../cases").join(name);
    let document: Json = serde_json::from_str(&std::fs::read_to_string(file).unwrap()).unwrap();
    assert_eq!(document["format"], 1);
    document["cases"].as_array().unwrap().clone()
}

fn ours(name: &str) -> Vec<Json> {
    let found: Vec<Json> = cases(name)
        .into_iter()
        .filter(|case| case["client"] == "librdkafka")
        .collect();
    assert!(found.len() >= 20, "{name} has {} cases", found.len());
    found
}

fn read(settings: &Json) -> Settings {
    Settings::read("service", settings).unwrap()
}

/// librdkafka's properties are text: 500 and "500" are the same.
fn as_text(properties: &Json) -> BTreeMap<String, String> {
    let text = |value: &Json| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let properties = properties.as_object().unwrap();
    properties
        .iter()
        .map(|(key, value)| (key.clone(), text(value)))
        .collect()
}

#[test]
fn a_row_becomes_what_the_compiler_makes_of_it() {
    for case in ours("lowering.json") {
        let name = &case["name"];
        let lowered = lower(&read(&case["settings"])).unwrap();
        let sections = &case["lowered"]["sections"];
        assert_eq!(lowered.consumer, as_text(&sections["consumer"]), "{name}");
        assert_eq!(json!({"topics": lowered.topics}), sections["subscribe"], "{name}");
        let batch = lowered.max_poll_records.map(|most| json!({"max_poll_records": most}));
        assert_eq!(
            batch.unwrap_or(json!({})),
            *sections.get("loader").unwrap_or(&json!({})),
            "{name}"
        );
        let mut said: Vec<Json> = lowered
            .notes
            .iter()
            .map(|note| json!({"key": note.key, "loss": note.loss.to_string(), "text": note.text}))
            .collect();
        let mut expected = case["lowered"]["notes"].as_array().unwrap().clone();
        said.sort_by_key(Json::to_string);
        expected.sort_by_key(Json::to_string);
        assert_eq!(said, expected, "{name}");
    }
}

#[test]
fn librdkafka_takes_every_row() {
    for case in ours("lowering.json") {
        let config: ClientConfig = lower(&read(&case["settings"])).unwrap().consumer.into_iter().collect();
        let made: Result<BaseConsumer, _> = config.create();
        assert!(made.is_ok(), "{}: {}", case["name"], made.err().unwrap());
    }
}

#[test]
fn a_change_reaches_replicas_as_the_compiler_says() {
    for case in ours("changes.json") {
        let found = changes(&read(&case["from"]), &read(&case["to"]));
        let words: BTreeMap<&str, &str> = found.iter().map(|(key, apply)| (key.as_str(), apply.word())).collect();
        assert_eq!(json!(words), case["changes"], "{}", case["name"]);
        assert_eq!(json!(worst(&found).word()), case["apply"], "{}", case["name"]);
    }
}

#[test]
fn rows_of_other_languages_clients_are_refused() {
    for client in ["aiokafka", "kafkajs", "java", "confluent-javascript"] {
        let settings = read(&json!({"client": client, "group": "g", "topics": ["t"], "consumer": {}}));
        let refused = lower(&settings).unwrap_err();
        assert!(matches!(&refused, Error::BadRow { key, .. } if key == "client"));
        let text = refused.to_string();
        assert!(
            text.contains(&format!("declares {client}, which is no client of Rust's")),
            "{text}"
        );
    }
}
