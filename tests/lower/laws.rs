//! Laws that hold for every service that can be read, for all clients.

use lagproof::clients::{Literal, Lowered, Section, edition_default, edition_delivery, losses, lower};
use lagproof::emit::property_file;
use lagproof::model::keywords::{Client, GroupProtocol, Keyword};
use lagproof::model::matrix::Edition;
use lagproof::model::origin::Layer;
use lagproof::model::settings::{Setting, Value};
use proptest::prelude::*;

use super::build::{at, bare, service};
use super::read::{meant, read};

fn int(lowered: &Lowered, key: &str) -> Option<i64> {
    match lowered.get(Section::Consumer, key) {
        Some(Literal::Int(number)) => Some(*number),
        Some(other) => panic!("{key} is {other:?}"),
        None => None,
    }
}

fn text<'a>(lowered: &'a Lowered, key: &str) -> Option<&'a str> {
    match lowered.get(Section::Consumer, key) {
        Some(Literal::Text(text)) => Some(text),
        Some(other) => panic!("{key} is {other:?}"),
        None => None,
    }
}

/// What librdkafka checks when a consumer is made, and what it warns of.
fn librdkafka_takes(lowered: &Lowered, factor: i64) {
    let or = |key, default| int(lowered, key).unwrap_or(default);
    let classic = text(lowered, "group.protocol") == Some("classic");
    let fetch = or("fetch.max.bytes", 52_428_800);
    if classic {
        assert!(or("max.poll.interval.ms", 300_000) * factor >= or("session.timeout.ms", 45_000));
    } else {
        for key in [
            "session.timeout.ms",
            "heartbeat.interval.ms",
            "partition.assignment.strategy",
        ] {
            assert!(lowered.get(Section::Consumer, key).is_none(), "{key} under KIP-848");
        }
    }
    assert!(or("max.poll.interval.ms", 1) * factor <= 86_400_000);
    assert!(fetch >= or("message.max.bytes", 1_000_000));
    assert!(or("message.max.bytes", 1_000) >= 1_000);
    assert!(int(lowered, "receive.message.max.bytes").is_none_or(|response| response >= fetch + 512));
    assert!(or("reconnect.backoff.ms", 100) <= or("reconnect.backoff.max.ms", 10_000));
    assert!(or("retry.backoff.ms", 100) <= or("retry.backoff.max.ms", 1_000));
    assert!(or("fetch.wait.max.ms", 500) + 1_000 <= or("socket.timeout.ms", 60_000));
    assert!((10..=300_000).contains(&or("socket.timeout.ms", 60_000)));
    assert!((1..=2_097_151).contains(&or("queued.max.messages.kbytes", 65_536)));
    if let Some(list) = text(lowered, "partition.assignment.strategy") {
        let names: Vec<&str> = list.split(',').collect();
        assert!(
            names
                .iter()
                .all(|name| ["range", "roundrobin", "cooperative-sticky"].contains(name)),
            "{list}"
        );
        assert!(names.len() == 1 || !names.contains(&"cooperative-sticky"), "{list}");
    }
    assert!(lowered.get(Section::Consumer, "max.poll.records").is_none());
    let aliases = [
        ("max.partition.fetch.bytes", "fetch.message.max.bytes"),
        ("max.in.flight", "max.in.flight.requests.per.connection"),
        ("enable.auto.commit", "auto.commit.enable"),
    ];
    for (one, other) in aliases {
        let both = [one, other].map(|key| lowered.get(Section::Consumer, key).is_some());
        assert_ne!(both, [true, true], "{one} and {other}");
    }
}

fn java_takes(lowered: &Lowered) {
    let idle = int(lowered, "connections.max.idle.ms").unwrap_or(540_000);
    let poll = int(lowered, "max.poll.interval.ms").unwrap_or(300_000);
    if text(lowered, "group.protocol") == Some("classic") {
        assert!(idle == -1 || idle >= poll, "{idle} {poll}");
        assert!(lowered.get(Section::Consumer, "group.remote.assignor").is_none());
    }
    let or = |key, default| int(lowered, key).unwrap_or(default);
    assert!(or("retry.backoff.ms", 100) <= or("retry.backoff.max.ms", 1_000));
    let reconnect = ["reconnect.backoff.ms", "reconnect.backoff.max.ms"].map(|key| int(lowered, key));
    assert!(reconnect[0].is_some() == reconnect[1].is_some());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(600))]

    #[test]
    fn files_read_back_as_what_was_lowered(service in service()) {
        for client in Client::ALL {
            let lowered = lower(&service, *client);
            let file = property_file(&service, &lowered);
            prop_assert_eq!(read(*client, file.contents()), meant(&lowered), "{}", file.contents());
            prop_assert_eq!(losses(&service, *client), lowered.notes);
        }
    }

    #[test]
    fn clients_take_whatever_can_be_read(service in service()) {
        librdkafka_takes(&lower(&service, Client::Librdkafka), 1);
        librdkafka_takes(&lower(&service, Client::ConfluentJavascript), 2);
        java_takes(&lower(&service, Client::Java));
    }

    #[test]
    fn nobody_is_told_of_what_only_the_edition_gave(service in service()) {
        let mut silent = service;
        for setting in Setting::ALL {
            if let Some(value) = silent.run.consumer.get(setting).cloned() {
                silent.run.consumer.set(setting, at(value.value, Layer::Edition));
            }
        }
        silent.instance_id = None;
        silent.group_protocol.origin.layer = Layer::Edition;
        for client in Client::ALL {
            prop_assert_eq!(lower(&silent, *client).notes, vec![]);
        }
    }

    #[test]
    fn every_declared_setting_is_there_or_a_note_says_where_it_went(service in service()) {
        for client in Client::ALL {
            let lowered = lower(&service, *client);
            for (setting, value) in service.run.consumer.iter().filter(|(_, value)| !value.is_edition()) {
                let key = lagproof::clients::client_key(*client, setting);
                let there = key.is_some_and(|key| lowered.entries.iter().any(|entry| entry.key == key));
                let noted = lowered.notes.iter().any(|note| note.setting == Some(setting));
                // kafkajs's round-robin is its default, and a function that JSON can't hold.
                let default = *client == Client::Kafkajs && setting == Setting::Assignors;
                // "Not at all" needs nothing of a client that does no such thing.
                let off = matches!(value.value, Value::Switch(false)) || value.value.number() == Some(0);
                prop_assert!(there || noted || default || off, "{}: {} = {}", client, setting, value.value);
            }
        }
    }
}

#[test]
fn an_editions_defaults_go_straight_through_to_the_client_that_they_are_of() {
    for client in Client::ALL {
        for protocol in GroupProtocol::ALL {
            let mut service = bare("defaults", *client);
            service.group_protocol.value = *protocol;
            let mut settings = 0;
            for setting in Setting::ALL {
                if let Some(value) = edition_default(Edition::E2026, *client, *protocol, setting) {
                    service.run.consumer.set(setting, at(value, Layer::Profile));
                    settings += 1;
                }
            }
            let (commit, interval, isolation) = edition_delivery(Edition::E2026, *client);
            service.run.delivery.commit.value = commit;
            service.run.delivery.commit_interval.value = interval;
            service.run.delivery.isolation.value = isolation;
            let changed: Vec<_> = lower(&service, *client)
                .notes
                .into_iter()
                .filter(|note| note.loss != lagproof::clients::Loss::Elsewhere)
                .filter(|note| note.name != "group_protocol")
                .collect();
            assert_eq!(changed, [], "{client}");
            assert!(settings > 10);
        }
    }
}
