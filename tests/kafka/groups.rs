//! The compiled script of groups, run by bash with Kafka's stock tool against a real broker.

use std::collections::BTreeMap;

use lagproof::broker::tool;
use lagproof::emit::topic_scripts;
use lagproof::model::keywords::GroupProtocol;
use lagproof::model::settings::Setting;

use super::build::{model, service};
use super::scripts::Script;
use super::support::{jars, local};

/// The script of groups with these session timeouts, in milliseconds.
pub fn groups(groups: &[(&str, u64)]) -> String {
    let services = groups
        .iter()
        .map(|(name, session)| {
            let timeouts = [(Setting::SessionTimeout, *session), (Setting::HeartbeatInterval, 5_000)];
            service(name, name, GroupProtocol::Consumer, &timeouts)
        })
        .collect();
    topic_scripts(&model([], services))[0].contents().to_owned()
}

/// Every group's own configuration, as the stock tool tells it in a UTF-8 locale.
fn group_configurations() -> BTreeMap<String, String> {
    let output = tool(&jars(), "kafka-configs")
        .args([
            "--bootstrap-server",
            local().bootstrap(),
            "--describe",
            "--entity-type",
            "groups",
        ])
        .env("LC_ALL", "C.UTF-8")
        .output()
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    text.split("Dynamic configs for group ")
        .filter_map(|part| part.split_once(" are:\n"))
        .filter(|(_, pairs)| pairs.contains('='))
        .map(|(name, pairs)| (name.to_owned(), pairs.to_owned()))
        .collect()
}

#[test]
fn groups_are_configured_for_real() {
    let odd = [
        "g $(touch owned)",
        "it's \"quoted\"",
        "a=b,c[x]*?",
        "größe",
        "groups-plain",
    ];
    let script = Script::of(&groups(&odd.map(|name| (name, 50_000))));
    let count = odd.len();
    assert_eq!(
        script.summary(),
        format!("groups: {count} declared, {count} configured, 0 as declared")
    );
    let found = group_configurations();
    for name in odd {
        let pairs = found.get(name).unwrap_or_else(|| panic!("no {name} in {found:?}"));
        assert!(pairs.contains("consumer.session.timeout.ms=50000"), "{name}: {pairs}");
        assert!(pairs.contains("consumer.heartbeat.interval.ms=5000"), "{name}: {pairs}");
    }
    assert_eq!(found.len(), count, "and no other: {found:?}");
    assert_eq!(
        script.summary(),
        format!("groups: {count} declared, 0 configured, {count} as declared")
    );
    assert!(!script.folder.path().join("owned").exists());

    // Past the broker's bounds: the broker's own words, and nothing changed.
    let (status, _, err) = Script::of(&groups(&[("groups-plain", 1_000_000)])).run();
    assert_eq!(status, 1);
    assert!(err.contains("group.consumer.max.session.timeout.ms"), "{err}");
    let pairs = &group_configurations()["groups-plain"];
    assert!(pairs.contains("consumer.session.timeout.ms=50000"), "{pairs}");
}
