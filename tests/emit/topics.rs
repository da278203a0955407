//! What the scripts say.

use std::process::Command;
use std::time::Duration;

use lagproof::emit::{Artifact, HEADER_MARK, topic_scripts};
use lagproof::model::keywords::{Cleanup, GroupProtocol, Ordering};
use lagproof::model::project::Model;
use lagproof::model::settings::Setting;
use lagproof::units::Size;

use super::build::{environment, keyed, model, service, sourced, topic};

fn reference() -> Model {
    let mut compacted = topic("users", 3);
    compacted.cleanup = sourced(Cleanup::CompactDelete);
    compacted.retention_size = Some(sourced(Size(1 << 30)));
    compacted.segment_size = Some(sourced(Size(64 << 20)));
    compacted.segment_time = Some(sourced(Duration::from_secs(3600)));
    let mut unordered = keyed(topic("metrics", 4), "host");
    unordered.ordering = sourced(Ordering::None);
    let consumer = |name, group| {
        let timeouts = [(Setting::SessionTimeout, 50_000), (Setting::HeartbeatInterval, 5_000)];
        service(name, group, GroupProtocol::Consumer, &timeouts)
    };
    let mut model = model(
        [
            keyed(topic("device.audio.raw", 6), "device_id"),
            topic("a.b", 2),
            compacted,
            unordered,
        ],
        vec![
            service(
                "classic",
                "loom-classic",
                GroupProtocol::Classic,
                &[(Setting::SessionTimeout, 1)],
            ),
            consumer("first", "loom-shared"),
            consumer("second", "loom-shared"),
            service("unset", "loom-unset", GroupProtocol::Consumer, &[]),
        ],
    );
    model.environments = vec![
        environment("production", "device.audio.raw", 6),
        environment("a/b", "device.audio.raw", 12),
    ];
    model
}

fn declared(script: &Artifact) -> String {
    script
        .contents()
        .lines()
        .filter(|line| line.starts_with("want "))
        .fold(String::new(), |all, line| all + line + "\n")
}

#[test]
fn one_script_for_topics_one_for_groups_and_one_for_each_environment_that_differs() {
    let scripts = topic_scripts(&reference());
    let paths: Vec<&str> = scripts.iter().map(Artifact::path).collect();
    assert_eq!(
        paths,
        ["topics/topics.sh", "topics/topics.a%2Fb.sh", "topics/groups.sh"]
    );
    insta::assert_snapshot!(declared(&scripts[0]), @r#"
    want 'a.b' 2 3 '' 'cleanup.policy=delete' 'retention.ms=604800000'
    want 'device.audio.raw' 6 3 'device_id' 'cleanup.policy=delete' 'retention.ms=604800000'
    want 'metrics' 4 3 '' 'cleanup.policy=delete' 'retention.ms=604800000'
    want 'users' 3 3 '' 'cleanup.policy=compact,delete' 'retention.bytes=1073741824' 'retention.ms=604800000' 'segment.bytes=67108864' 'segment.ms=3600000'
    "#);
    insta::assert_snapshot!(declared(&scripts[2]), @"want 'loom-shared' 'consumer.heartbeat.interval.ms=5000' 'consumer.session.timeout.ms=50000'");
    assert!(declared(&scripts[1]).contains("want 'device.audio.raw' 12 3 "));
    for script in &scripts {
        assert!(script.contents().lines().nth(1).unwrap().contains(HEADER_MARK));
    }
}

#[test]
fn whole_scripts() {
    let scripts = topic_scripts(&reference());
    insta::assert_snapshot!("topics.sh", scripts[0].contents());
    insta::assert_snapshot!("groups.sh", scripts[2].contents());
}

#[test]
fn nothing_where_there_is_nothing() {
    assert_eq!(topic_scripts(&model([], Vec::new())), []);
    let classic = service("a", "g", GroupProtocol::Classic, &[(Setting::SessionTimeout, 1)]);
    assert_eq!(topic_scripts(&model([], vec![classic])), []);
}

#[test]
fn bash_can_read_them_whatever_the_names() {
    let nasty = "x'; touch owned; $(touch owned) `touch owned`\n\"#\\";
    let mut model = reference();
    model.topics.insert(nasty.to_owned(), keyed(topic(nasty, 1), nasty));
    let odd = service(
        "z",
        nasty,
        GroupProtocol::Consumer,
        &[(Setting::SessionTimeout, 45_000)],
    );
    model.services.push(odd.into());
    let folder = tempfile::tempdir().unwrap();
    for script in topic_scripts(&model) {
        let path = folder.path().join("script.sh");
        std::fs::write(&path, script.contents()).unwrap();
        let output = Command::new("bash").arg("-n").arg(&path).output().unwrap();
        assert!(output.status.success() && output.stderr.is_empty(), "{output:?}");
    }
}
