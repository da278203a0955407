//! The cases that the loaders of all languages share (`clients/cases`), made from the compiler's own lowering. They are
//! stale when these tests fail; `UPDATE_CASES=1 cargo test --test lower cases` writes them anew.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use lagproof::clients::{Literal, Loss, changes, lower};
use lagproof::history::settings_doc;
use lagproof::model::keywords::{Client, Keyword};
use lagproof::model::project::Model;
use lagproof::model::service::Service;
use serde_json::{Map, Value as Json, json};

use super::spread::{CONSUMER_PROTOCOL, VARIANTS, profile, project, raw};

/// Java has no loader.
const CLIENTS: [Client; 4] = [
    Client::Aiokafka,
    Client::Librdkafka,
    Client::Kafkajs,
    Client::ConfluentJavascript,
];

/// A change: its name, the profile before, the profile after.
const CHANGES: [(&str, &str, &str); 23] = [
    (
        "batch-size",
        "[consumer]\nmax_poll_records = 1\n",
        "[consumer]\nmax_poll_records = 500\n",
    ),
    (
        "concurrency",
        "[processing]\nconcurrency = 1\n",
        "[processing]\nconcurrency = 8\n",
    ),
    (
        "concurrency-unbounded",
        "",
        "[processing]\nconcurrency = \"unbounded\"\n",
    ),
    ("handler", "", "[processing]\nhandler = \"thread\"\n"),
    (
        "retry",
        "[delivery]\nretry = { attempts = 2, backoff = \"1s\" }\n",
        "[delivery]\nretry = { attempts = 3, backoff = \"50ms\" }\n",
    ),
    (
        "session",
        "[consumer]\nsession_timeout = \"45s\"\n",
        "[consumer]\nsession_timeout = \"60s\"\n",
    ),
    (
        "poll-interval",
        "[consumer]\nmax_poll_interval = \"2min\"\n",
        "[consumer]\nmax_poll_interval = \"3min\"\n",
    ),
    (
        "poll-interval-beside-a-rebalance-timeout",
        "[consumer]\nmax_poll_interval = \"2min\"\nrebalance_timeout = \"90s\"\n",
        "[consumer]\nmax_poll_interval = \"3min\"\nrebalance_timeout = \"90s\"\n",
    ),
    (
        "rebalance-timeout",
        "[consumer]\nmax_poll_interval = \"2min\"\n",
        "[consumer]\nmax_poll_interval = \"2min\"\nrebalance_timeout = \"90s\"\n",
    ),
    (
        "fetch",
        "",
        "[consumer]\nfetch_max_wait = \"100ms\"\nfetch_max = \"8MiB\"\n",
    ),
    ("client-backoff", "", "[consumer]\nretry_backoff = \"250ms\"\n"),
    ("queue", "", "[consumer]\nqueued_min_messages = 7\n"),
    (
        "commit-among-ours",
        "[delivery]\ncommit = \"after-batch\"\n",
        "[delivery]\ncommit = \"after-record\"\n",
    ),
    (
        "commit-to-the-timer",
        "[delivery]\ncommit = \"after-batch\"\n",
        "[delivery]\ncommit = \"interval\"\n",
    ),
    (
        "commit-interval",
        "[delivery]\ncommit = \"interval\"\ncommit_interval = \"1s\"\n",
        "[delivery]\ncommit = \"interval\"\ncommit_interval = \"2s\"\n",
    ),
    (
        "isolation",
        "[delivery]\nisolation = \"read-committed\"\n",
        "[delivery]\nisolation = \"read-uncommitted\"\n",
    ),
    ("group", "group = \"a\"\n", "group = \"b\"\n"),
    ("instance", "", "instance_id = \"static-0\"\n"),
    (
        "topics",
        "",
        "topics = [\"device.audio.raw\", \"device.image.camera.raw\"]\n",
    ),
    (
        "assignors-with-one-in-common",
        "[consumer]\nassignors = \"range\"\n",
        "[consumer]\nassignors = [\"roundrobin\", \"range\"]\n",
    ),
    (
        "assignors-with-none-in-common",
        "[consumer]\nassignors = \"range\"\n",
        "[consumer]\nassignors = \"roundrobin\"\n",
    ),
    (
        "assignors-cooperative",
        "[consumer]\nassignors = \"range\"\n",
        "[consumer]\nassignors = \"cooperative-sticky\"\n",
    ),
    ("nothing", "", ""),
];

/// The model of one profile a name.
fn model(profiles: &[(String, String)]) -> Model {
    let project = project();
    for (name, text) in profiles {
        project.write(&format!("profiles/services/{name}.toml"), text);
    }
    let model = project.load().model.expect("a model");
    assert_eq!(model.services.len(), profiles.len(), "each profile can be read");
    model
}

fn document(service: &Service) -> Json {
    serde_json::from_str(&settings_doc(service).canonical()).expect("JSON")
}

fn literal(value: &Literal) -> Json {
    match value {
        Literal::Int(number) => json!(number),
        Literal::Float(number) => json!(number),
        Literal::Switch(on) => json!(on),
        Literal::Text(text) => json!(text),
        Literal::List(list) => json!(list),
        Literal::Off => Json::Null,
    }
}

/// What a row becomes for its client: sections of keys, and which settings the client can't honour.
fn lowered(service: &Service) -> Json {
    let lowered = lower(service, service.client.value);
    let mut sections: BTreeMap<&str, Map<String, Json>> = BTreeMap::new();
    for entry in &lowered.entries {
        let keys = sections.entry(entry.section.name()).or_default();
        keys.insert(entry.key.to_string(), literal(&entry.value));
    }
    let notes: Vec<Json> = lowered
        .notes
        .iter()
        .filter(|note| note.loss != Loss::Elsewhere)
        .map(|note| {
            let loss = if note.loss == Loss::Dropped {
                "dropped"
            } else {
                "substituted"
            };
            let key = note.setting.map_or(note.name, |setting| setting.info().key);
            json!({ "key": key, "loss": loss, "text": note.text })
        })
        .collect();
    json!({ "sections": sections, "notes": notes })
}

/// Compares a file of cases with what it must hold, or writes it.
fn kept(name: &str, purpose: &str, cases: &[Json]) {
    // A line a case: a change of one is a change of one line.
    let lines: Vec<String> = cases.iter().map(Json::to_string).collect();
    let text = format!(
        "{{\"format\": 1, \"purpose\": {}, \"cases\": [\n{}\n]}}\n",
        json!(purpose),
        lines.join(",\n")
    );
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("clients/cases").join(name);
    if std::env::var_os("UPDATE_CASES").is_some() {
        fs::write(&file, text).expect("the file is written");
        return;
    }
    let found = fs::read_to_string(&file).unwrap_or_default();
    assert!(
        found == text,
        "{} is stale: UPDATE_CASES=1 cargo test --test lower cases",
        file.display()
    );
}

#[test]
fn cases_of_lowering_are_what_the_compiler_does() {
    let mut profiles = Vec::new();
    for client in CLIENTS {
        for (name, snippet) in VARIANTS {
            profiles.push((format!("{client}.{name}"), profile(client, snippet)));
        }
        profiles.push((format!("{client}.raw"), profile(client, raw(client))));
        profiles.push((format!("{client}.kip-848"), profile(client, CONSUMER_PROTOCOL)));
    }
    let model = model(&profiles);
    let cases: Vec<Json> = model
        .services
        .iter()
        .map(|service| {
            json!({
                "name": service.name,
                "client": service.client.value.as_str(),
                "settings": document(service),
                "lowered": lowered(service),
            })
        })
        .collect();
    kept(
        "lowering.json",
        "A row's settings, and what its client is given.",
        &cases,
    );
}

#[test]
fn cases_of_changes_are_what_the_compiler_says() {
    let mut profiles = Vec::new();
    for client in CLIENTS {
        for (name, from, to) in CHANGES {
            profiles.push((format!("{client}.{name}.from"), profile(client, from)));
            profiles.push((format!("{client}.{name}.to"), profile(client, to)));
        }
    }
    let model = model(&profiles);
    let service = |name: String| {
        let found = model.services.iter().find(|service| service.name == name);
        found.expect("the service is there")
    };
    let mut cases = Vec::new();
    for client in CLIENTS {
        for (name, ..) in CHANGES {
            let (from, to) = (
                service(format!("{client}.{name}.from")),
                service(format!("{client}.{name}.to")),
            );
            let changes = changes(from, to);
            let worst = changes.iter().map(|change| change.apply).max();
            let each: Map<String, Json> = changes
                .iter()
                .map(|change| (change.key.clone(), json!(change.apply.as_str())))
                .collect();
            cases.push(json!({
                "name": format!("{client}.{name}"),
                "client": client.as_str(),
                "from": document(from),
                "to": document(to),
                "changes": each,
                "apply": worst.map_or("nothing", lagproof::clients::Apply::as_str),
            }));
        }
    }
    kept(
        "changes.json",
        "Two rows of one service, what differs, and how that reaches replicas that run.",
        &cases,
    );
}
