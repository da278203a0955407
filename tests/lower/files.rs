//! Property files: their text, their names, and what names and values can do to them.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Instant;

use lagproof::clients::{Literal, Section, lower};
use lagproof::emit::{other_sections, property_file, property_files};
use lagproof::model::keywords::{Client, Commit, Keyword};
use lagproof::model::origin::Layer;
use lagproof::model::service::RawValue;
use lagproof::model::settings::{Setting, Value};
use serde_json::{Map, Value as Json, json};

use super::build::{at, bare, raw};
use super::read::read;
use super::spread;
use super::support::TestProject;

/// The files of the reference type vision-ai, and of what each client has no equal for, as they are written.
#[test]
fn a_file_a_client() {
    for client in Client::ALL {
        let project = spread::project();
        project.write(
            &format!("profiles/services/shown-{client}.toml"),
            spread::profile(*client, spread::SHOWN),
        );
        let model = project.load().model.expect("a model");
        let service = model.service(&format!("shown-{client}")).expect("the service");
        let file = property_file(service, &lower(service, *client));
        insta::assert_snapshot!(file.path().replace("properties/", ""), file.contents());
        if *client == Client::Java {
            let file = property_file(service, &lower(service, Client::Librdkafka));
            insta::assert_snapshot!("java-service-for-librdkafka", file.contents());
        }
    }
}

/// What workers of `verify` get beside the consumer's keys is what the file has, whatever the profile says.
#[test]
fn the_other_sections_are_those_of_the_file() {
    let project = spread::project();
    for client in Client::ALL {
        let write = |name: &str, snippet: &str| {
            let path = format!("profiles/services/{client}-{name}.toml");
            project.write(&path, spread::profile(*client, snippet));
        };
        for (name, snippet) in spread::VARIANTS {
            write(name, snippet);
        }
        write("raw", spread::raw(*client));
    }
    let mut with_some = 0;
    for service in &project.load().model.expect("a model").services {
        let lowered = lower(service, service.client.value);
        let sections = other_sections(&lowered);
        let mut file: Map<String, Json> = match property_file(service, &lowered).contents() {
            json if json.starts_with('{') => serde_json::from_str(json).expect("JSON"),
            _ => Map::new(),
        };
        for left_out in ["_generated", "notes", "consumer", "loader"] {
            file.remove(left_out);
        }
        if let Some(Json::Object(subscribe)) = file.get_mut("subscribe") {
            subscribe.remove("topics");
        }
        file.retain(|_, keys| *keys != json!({}));
        assert_eq!(json!(sections), Json::Object(file), "{}", service.name);
        assert_eq!(
            sections.is_empty(),
            service.client.value != Client::Kafkajs,
            "{}",
            service.name
        );
        with_some += usize::from(!sections.is_empty());
    }
    assert_eq!(with_some, spread::VARIANTS.len() + 1);
}

#[test]
fn every_service_has_a_file_for_librdkafka_and_one_for_its_client() {
    let project = TestProject::new();
    for client in Client::ALL {
        let path = format!("profiles/services/s-{client}.toml");
        project.write(&path, spread::profile(*client, ""));
    }
    let files = property_files(&project.load().model.expect("a model"));
    let paths: Vec<&str> = files.iter().map(|file| file.path()).collect();
    assert_eq!(
        paths,
        [
            "properties/example.properties",
            "properties/example.java.properties",
            "properties/s-aiokafka.properties",
            "properties/s-aiokafka.aiokafka.json",
            "properties/s-confluent-javascript.properties",
            "properties/s-confluent-javascript.confluent-javascript.json",
            "properties/s-java.properties",
            "properties/s-java.java.properties",
            "properties/s-kafkajs.properties",
            "properties/s-kafkajs.kafkajs.json",
            "properties/s-librdkafka.properties",
        ]
    );
    for file in &files {
        assert!(file.contents().contains(lagproof::emit::HEADER_MARK), "{}", file.path());
        let lower = file.contents().to_lowercase();
        assert!(
            !lower.contains("bootstrap") && !lower.contains("password"),
            "{}",
            file.path()
        );
    }
}

#[test]
fn no_two_services_share_a_file() {
    let names = [
        "a",
        "a.java",
        "a.java.java",
        "a.java.properties",
        "a.aiokafka",
        "a.aiokafka.json",
        "a.kafkajs",
        "a%2ejava",
        "a-java",
        "a.properties",
    ];
    let mut paths = BTreeSet::new();
    for name in names {
        for client in Client::ALL {
            let service = bare(name, *client);
            let file = property_file(&service, &lower(&service, *client));
            let ending = match client {
                Client::Librdkafka => !file.path().ends_with(".java.properties"),
                _ => true,
            };
            assert!(ending, "{} would be read by Java", file.path());
            assert!(paths.insert(file.path().to_owned()), "{} twice", file.path());
        }
    }
    assert_eq!(paths.len(), names.len() * Client::ALL.len());
}

const NASTY: [&str; 12] = [
    "#not a comment",
    "!",
    "a=b:c",
    "\\",
    "back\\slash\\",
    "\"quoted\" 'twice'",
    "größe 日本 🦀",
    "$(touch x) `id` ${y}",
    "\u{2028}\u{feff}x",
    "'; DROP TABLE services; --",
    "</script>",
    "key = value # x",
];

#[test]
fn names_reach_clients_as_they_are() {
    for name in NASTY {
        for client in Client::ALL {
            let mut service = bare("any", *client);
            service.group.value = name.to_owned();
            service.instance_id = Some(at(name.replace("${", "$ {"), Layer::Profile));
            let rack = Value::Text(name.into());
            service.run.consumer.set(Setting::ClientRack, at(rack, Layer::Profile));
            let file = property_file(&service, &lower(&service, *client));
            let consumer = &read(*client, file.contents())["consumer"];
            let key = match client {
                Client::Librdkafka | Client::Java | Client::ConfluentJavascript => "group.id",
                Client::Aiokafka => "group_id",
                Client::Kafkajs => "groupId",
            };
            assert_eq!(consumer[key], name, "{client}");
            let whole = consumer.values().filter(|value| *value == name).count();
            assert!(
                whole >= 2,
                "{client}: the rack is not what it was:\n{}",
                file.contents()
            );
        }
    }
}

#[test]
fn a_variable_that_differs_a_replica_is_in_no_file_but_named_in_all() {
    for client in Client::ALL {
        let mut service = bare("any", *client);
        service.instance_id = Some(at("any-${POD}".to_owned(), Layer::Profile));
        let lowered = lower(&service, *client);
        let literal = |value: &Literal| matches!(value, Literal::Text(text) if text.contains("${"));
        assert!(!lowered.entries.iter().any(|entry| literal(&entry.value)), "{client}");
        assert_eq!(lowered.notes.len(), 1, "{client}");
        assert!(property_file(&service, &lowered).contents().contains("instance_id"));
    }
}

#[test]
fn long_notes_and_lists_stay_on_short_lines() {
    let mut service = bare(&"n".repeat(100), Client::Librdkafka);
    service.group.value = "g".repeat(249);
    service.instance_id = Some(at(format!("${{{}}}", "x".repeat(246)), Layer::Profile));
    service.topics = (0..400)
        .map(|n| at(format!("{}{n}", "t".repeat(240)), Layer::Profile))
        .collect();
    let lowered = lower(&service, Client::Librdkafka);
    let file = property_file(&service, &lowered);
    // The reader asserts the length of every line.
    assert_eq!(
        read(Client::Librdkafka, file.contents())["consumer"]["group.id"],
        "g".repeat(249)
    );
}

#[test]
fn commits_by_mode() {
    let value = |client, commit, section, key: &str| {
        let mut service = bare("any", client);
        service.run.delivery.commit.value = commit;
        lower(&service, client).get(section, key).cloned()
    };
    let (on, off) = (Some(Literal::Switch(true)), Some(Literal::Switch(false)));
    for commit in [Commit::AfterBatch, Commit::AfterRecord, Commit::OnReceipt] {
        for client in [Client::Librdkafka, Client::Java, Client::ConfluentJavascript] {
            assert_eq!(
                value(client, commit, Section::Consumer, "enable.auto.commit"),
                off,
                "{client}"
            );
            assert_eq!(
                value(client, commit, Section::Consumer, "auto.commit.interval.ms"),
                None,
                "{client}"
            );
        }
        assert_eq!(
            value(Client::Aiokafka, commit, Section::Consumer, "enable_auto_commit"),
            off
        );
        // kafkajs's auto-commit without an interval is a commit after each batch.
        let kafkajs = if commit == Commit::AfterBatch { &on } else { &off };
        assert_eq!(value(Client::Kafkajs, commit, Section::Run, "autoCommit"), *kafkajs);
        assert_eq!(value(Client::Kafkajs, commit, Section::Run, "autoCommitInterval"), None);
    }
    let by_clock = |client, section, key| value(client, Commit::Interval, section, key);
    let five = Some(Literal::Int(5_000));
    assert_eq!(
        by_clock(Client::Librdkafka, Section::Consumer, "auto.commit.interval.ms"),
        five
    );
    assert_eq!(
        by_clock(Client::Librdkafka, Section::Consumer, "enable.auto.offset.store"),
        on
    );
    assert_eq!(
        by_clock(
            Client::ConfluentJavascript,
            Section::Consumer,
            "auto.commit.interval.ms"
        ),
        five
    );
    assert_eq!(
        by_clock(
            Client::ConfluentJavascript,
            Section::Consumer,
            "enable.auto.offset.store"
        ),
        None
    );
    assert_eq!(by_clock(Client::Kafkajs, Section::Run, "autoCommitInterval"), five);
}

#[test]
fn raw_settings_go_last_and_only_where_the_client_takes_them() {
    let mut service = bare("any", Client::Librdkafka);
    let librdkafka = Client::Librdkafka;
    service.raw = vec![
        raw(librdkafka, "socket.keepalive.enable", RawValue::Text("true".to_owned())),
        raw(librdkafka, "client.id", RawValue::Integer(7)),
        raw(librdkafka, "session.timeout.ms", RawValue::Integer(1)),
        raw(librdkafka, "fetch.message.max.bytes", RawValue::Integer(1)),
        raw(librdkafka, "linger.ms", RawValue::Integer(1)),
        raw(librdkafka, "offset.store.method", RawValue::Text("broker".to_owned())),
        raw(librdkafka, "fetch.error.backoff.ms", RawValue::Text("010".to_owned())),
        raw(librdkafka, "log_level", RawValue::Integer(8)),
        raw(librdkafka, "rebalance_cb", RawValue::Integer(1)),
        raw(librdkafka, "a b", RawValue::Integer(1)),
        raw(librdkafka, "newer.than.lagproof", RawValue::Float(0.5)),
        raw(Client::Java, "send.buffer.bytes", RawValue::Integer(1)),
    ];
    let lowered = lower(&service, librdkafka);
    let bare = lower(&super::build::bare("any", librdkafka), librdkafka);
    let known = bare.section(Section::Consumer).count();
    let added: Vec<(&str, &Literal)> = lowered
        .section(Section::Consumer)
        .skip(known)
        .map(|entry| (&*entry.key, &entry.value))
        .collect();
    assert_eq!(
        added,
        [
            ("client.id", &Literal::Text("7".into())),
            ("newer.than.lagproof", &Literal::Float(0.5)),
            ("socket.keepalive.enable", &Literal::Switch(true)),
        ]
    );
}

#[test]
fn numbers_are_plain_decimals() {
    let mut service = bare("any", Client::Librdkafka);
    for (setting, number) in [
        (Setting::MaxPollInterval, 86_400_000_u64),
        (Setting::SessionTimeout, 3_600_000),
    ] {
        let value = Value::Duration(std::time::Duration::from_millis(number));
        service.run.consumer.set(setting, at(value, Layer::Profile));
    }
    service.raw = vec![raw(Client::Librdkafka, "newer", RawValue::Float(1e21))];
    let file = property_file(&service, &lower(&service, Client::Librdkafka));
    assert!(
        file.contents().contains("\nmax.poll.interval.ms=86400000\n"),
        "{}",
        file.contents()
    );
    assert!(
        file.contents().contains("\nnewer=1000000000000000000000\n"),
        "{}",
        file.contents()
    );
}

/// Not a benchmark: a guard against an accident that makes it slow by a factor.
#[test]
fn ten_thousand_services_take_no_time_worth_waiting_for() {
    let project = TestProject::new();
    let mut model = project.load().model.expect("a model");
    let example = (*model.services[0]).clone();
    model.services = (0..10_000)
        .map(|n| {
            let mut service = example.clone();
            service.name = format!("s{n:05}");
            Arc::new(service)
        })
        .collect();
    let start = Instant::now();
    let files = property_files(&model);
    let took = start.elapsed();
    assert_eq!(files.len(), 20_000);
    assert!(files.windows(2).all(|pair| pair[0].path() != pair[1].path()));
    println!("20,000 files in {took:?}");
    assert!(took.as_secs() < 20, "{took:?}");
}
