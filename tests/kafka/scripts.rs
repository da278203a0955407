//! The compiled topic and group scripts, run by bash with Kafka's stock tools against a real broker.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::thread;
use std::time::Duration;

use lagproof::broker::{TopicState, tool};
use lagproof::emit::topic_scripts;
use lagproof::model::keywords::{Cleanup, GroupProtocol};
use lagproof::model::settings::Setting;
use lagproof::model::topic::Topic;
use lagproof::units::Size;

use super::build::{keyed, model, service, sourced, topic as declared};
use super::support::{jars, lease, local};

/// A topic of this broker, which is one: anything else would be a warning a run.
fn topic(name: &str, partitions: u32) -> Topic {
    Topic {
        replication: sourced(1),
        ..declared(name, partitions)
    }
}

struct Script {
    folder: tempfile::TempDir,
}

impl Script {
    fn of(text: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("script.sh"), text).unwrap();
        Self { folder }
    }

    fn topics(topics: impl IntoIterator<Item = Topic>) -> Self {
        Self::of(topic_scripts(&model(topics, Vec::new()))[0].contents())
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("script.sh")
    }

    fn command(&self) -> Command {
        let mut command = Command::new("bash");
        let tools = jars().tools();
        command
            .arg(self.path())
            .current_dir(self.folder.path())
            .env_remove("KAFKA_HOME")
            .env(
                "PATH",
                format!("{}:{}", tools.display(), std::env::var("PATH").unwrap()),
            )
            .env("BOOTSTRAP_SERVER", local().bootstrap());
        command
    }

    /// Runs it: exit status, standard output, standard error.
    fn run(&self) -> (i32, String, String) {
        finish(&self.command().output().unwrap())
    }

    /// Runs it, which must succeed without a word of complaint, and returns the last line.
    fn summary(&self) -> String {
        let (status, out, err) = self.run();
        assert_eq!((status, err.as_str()), (0, ""), "{out}");
        out.lines().last().unwrap().to_owned()
    }
}

fn finish(output: &Output) -> (i32, String, String) {
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    (
        output.status.code().unwrap(),
        text(&output.stdout),
        text(&output.stderr),
    )
}

fn state(name: &str) -> Option<TopicState> {
    local().admin().unwrap().describe(name).unwrap()
}

fn partitions(name: &str) -> u32 {
    state(name).unwrap_or_else(|| panic!("there is no {name}")).partitions
}

#[test]
fn from_nothing_then_twice_without_harm_then_raised() {
    let accelerometer = |partitions| keyed(topic("device.sensor.accelerometer.raw", partitions), "device_id");
    let audio = |partitions| {
        let mut audio = keyed(topic("device.audio.raw", partitions), "device_id");
        audio.retention_size = Some(sourced(Size(1 << 30)));
        audio.segment_size = Some(sourced(Size(64 << 20)));
        audio
    };
    let before = Script::topics([accelerometer(4), audio(3)]);
    assert_eq!(
        before.summary(),
        "topics: 2 declared, 2 created, 0 raised, 0 configured, 0 as declared"
    );
    let made = state("device.audio.raw").unwrap();
    let expected: BTreeMap<String, String> = [
        ("cleanup.policy", "delete"),
        ("retention.bytes", "1073741824"),
        ("retention.ms", "604800000"),
        ("segment.bytes", "67108864"),
    ]
    .map(|(name, value)| (name.to_owned(), value.to_owned()))
    .into();
    assert_eq!((made.partitions, made.configuration.clone()), (3, expected));
    assert_eq!(
        before.summary(),
        "topics: 2 declared, 0 created, 0 raised, 0 configured, 2 as declared"
    );
    assert_eq!(state("device.audio.raw").unwrap(), made);

    let after = Script::topics([accelerometer(10), audio(6)]);
    let (status, out, err) = after.run();
    assert_eq!(status, 0, "{out}{err}");
    insta::assert_snapshot!((out + &err).replace(local().bootstrap(), "BROKER"), @r"
    + kafka-topics --bootstrap-server BROKER --alter --topic '^device\.audio\.raw$' --partitions 6
    + kafka-topics --bootstrap-server BROKER --alter --topic '^device\.sensor\.accelerometer\.raw$' --partitions 10
    topics: 2 declared, 0 created, 2 raised, 0 configured, 0 as declared
    warning: device.audio.raw: from 3 to 6 partitions, 50.0 % of keys (device_id) move; records of a moved key that are still in flight can be processed out of order
    warning: device.sensor.accelerometer.raw: from 4 to 10 partitions, 80.0 % of keys (device_id) move; records of a moved key that are still in flight can be processed out of order
    ");
    assert_eq!(partitions("device.sensor.accelerometer.raw"), 10);
    assert_eq!(partitions("device.audio.raw"), 6);
    assert_eq!(
        after.summary(),
        "topics: 2 declared, 0 created, 0 raised, 0 configured, 2 as declared"
    );
}

#[test]
fn a_dot_is_no_wildcard() {
    let both = Script::topics([topic("a.b", 2), topic("aXb", 2)]);
    assert_eq!(
        both.summary(),
        "topics: 2 declared, 2 created, 0 raised, 0 configured, 0 as declared"
    );
    let mut one = topic("a.b", 5);
    one.cleanup = sourced(Cleanup::CompactDelete);
    let one = Script::topics([one]);
    let other = state("aXb").unwrap();
    assert_eq!(
        one.summary(),
        "topics: 1 declared, 0 created, 1 raised, 1 configured, 0 as declared"
    );
    assert_eq!(partitions("a.b"), 5);
    assert_eq!(state("aXb").unwrap(), other, "left alone");
    let policy = &state("a.b").unwrap().configuration["cleanup.policy"];
    assert_eq!(policy, "compact,delete");
    assert_eq!(
        one.summary(),
        "topics: 1 declared, 0 created, 0 raised, 0 configured, 1 as declared"
    );
}

#[test]
fn a_decrease_is_refused_with_nothing_changed() {
    let names = ["shrink.a", "shrink.b", "shrink.c"];
    Script::topics([topic("shrink.b", 4), topic("shrink.c", 2)]).summary();
    let before: Vec<_> = names.map(state).into();
    let mut changed = topic("shrink.c", 3);
    changed.retention_time = Some(sourced(Duration::from_secs(60)));
    let (status, out, err) = Script::topics([topic("shrink.a", 1), topic("shrink.b", 3), changed]).run();
    assert_eq!((status, out.as_str()), (1, ""));
    insta::assert_snapshot!(err, @r"
    error: shrink.b has 4 partitions and 3 are declared: Kafka can not take partitions away; declare 4, or move to a new topic
    error: 1 of 3 topics would have to lose partitions; nothing was changed
    ");
    assert_eq!(names.map(state).to_vec(), before);
}

#[test]
fn only_the_configuration_that_differs_is_set() {
    let mut lease = lease(local());
    let mut there = lagproof::broker::TopicSpec::new("config.t", 1);
    there.configuration = [
        ("max.message.bytes", "2000000"),
        ("retention.ms", "5000"),
        ("cleanup.policy", "delete,compact"),
    ]
    .map(|(name, value)| (name.to_owned(), value.to_owned()))
    .into();
    lease.create_topics(&[there]).unwrap();
    let mut wanted = topic("config.t", 1);
    wanted.cleanup = sourced(Cleanup::CompactDelete);
    let script = Script::topics([wanted]);
    let (status, out, err) = script.run();
    assert_eq!((status, err.as_str()), (0, ""), "{out}");
    assert!(out.contains("--add-config retention.ms=604800000\n"), "{out}");
    let now = state("config.t").unwrap().configuration;
    assert_eq!(now["max.message.bytes"], "2000000", "what nobody declared stays");
    assert_eq!(now["retention.ms"], "604800000");
    assert_eq!(
        script.summary(),
        "topics: 1 declared, 0 created, 0 raised, 0 configured, 1 as declared"
    );
}

#[test]
fn two_at_once_both_succeed() {
    let topics = || (0..6).map(|number| topic(&format!("at-once.{number}"), 2));
    let script = Script::topics(topics());
    thread::scope(|scope| {
        let runs: Vec<_> = (0..2).map(|_| scope.spawn(|| script.run())).collect();
        for run in runs {
            let (status, out, err) = run.join().unwrap();
            assert_eq!(status, 0, "{out}{err}");
        }
    });
    assert!(topics().all(|topic| partitions(&topic.name) == 2));
    assert_eq!(
        script.summary(),
        "topics: 6 declared, 0 created, 0 raised, 0 configured, 6 as declared"
    );
}

#[test]
fn a_dry_run_changes_nothing() {
    let script = Script::topics([topic("dry.run", 3)]);
    let (status, out, err) = finish(&script.command().arg("--dry-run").output().unwrap());
    assert_eq!((status, err.as_str()), (0, ""));
    assert!(out.ends_with(
        "topics: 1 declared, 1 to create, 0 to raise, 0 to configure, 0 as declared; nothing was changed (--dry-run)\n"
    ));
    assert_eq!(state("dry.run"), None);
}

#[test]
fn names_as_odd_as_kafka_allows() {
    let longest = "x".repeat(249);
    let names = ["-", "-a", "--topic", "a-b_c.D", "_", "...", "0", &longest];
    let script = Script::topics(names.map(|name| topic(name, 1)));
    let count = names.len();
    assert_eq!(
        script.summary(),
        format!("topics: {count} declared, {count} created, 0 raised, 0 configured, 0 as declared")
    );
    let raised = Script::topics(names.map(|name| topic(name, 2)));
    assert_eq!(
        raised.summary(),
        format!("topics: {count} declared, 0 created, {count} raised, 0 configured, 0 as declared")
    );
    assert!(names.iter().all(|name| partitions(name) == 2));
}

#[test]
fn what_the_cluster_can_not_do_is_said_and_can_be_gone_on_from() {
    let script = Script::topics([declared("three.replicas", 1)]);
    let (status, out, err) = script.run();
    assert_eq!(status, 1, "{out}");
    assert!(err.contains("replication factor"), "{err}");
    assert!(err.contains("error: three.replicas: the command above failed"), "{err}");
    let output = script.command().env("REPLICATION_FACTOR", "1").output().unwrap();
    assert_eq!(finish(&output).0, 0, "{output:?}");
    assert_eq!(partitions("three.replicas"), 1);
}

#[test]
fn a_cluster_that_is_not_there_is_a_clear_failure() {
    let topics = Script::topics([topic("nowhere", 1)]);
    let groups = Script::of(&groups(&[("g", 50_000)]));
    for (script, what) in [(topics, "topics"), (groups, "groups")] {
        // Kafka's tools would try for a minute.
        let config = script.folder.path().join("client.properties");
        fs::write(&config, "default.api.timeout.ms=2000\nrequest.timeout.ms=1000\n").unwrap();
        let output = script
            .command()
            .env("BOOTSTRAP_SERVER", "127.0.0.1:1")
            .env("COMMAND_CONFIG", &config)
            .output()
            .unwrap();
        let (status, out, err) = finish(&output);
        assert_eq!((status, out.as_str()), (1, ""), "{err}");
        assert!(
            err.contains(&format!("error: the {what} at 127.0.0.1:1 can't be read")),
            "{err}"
        );
        assert!(err.contains("nothing was changed"), "{err}");
    }
}

fn groups(groups: &[(&str, u64)]) -> String {
    let services = groups
        .iter()
        .map(|(name, session)| {
            let timeouts = [(Setting::SessionTimeout, *session), (Setting::HeartbeatInterval, 5_000)];
            service(name, name, GroupProtocol::Consumer, &timeouts)
        })
        .collect();
    topic_scripts(&model([], services))[0].contents().to_owned()
}

/// A group's own configuration, as the stock tool tells it.
fn group_configuration(name: &str) -> String {
    let output = tool(&jars(), "kafka-configs")
        .args([
            "--bootstrap-server",
            local().bootstrap(),
            "--describe",
            "--entity-type",
            "groups",
        ])
        .args(["--entity-name", name])
        .output()
        .unwrap();
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn groups_are_configured_for_real() {
    let odd = [
        "loom a",
        "g $(touch owned)",
        "it's \"quoted\"",
        "a=b,c",
        "größe",
        "[x]*?",
        "%d{}\\n",
        "groups-plain",
    ];
    let all = |session| Script::of(&groups(&odd.map(|name| (name, session))));
    let count = odd.len();
    let script = all(50_000);
    assert_eq!(
        script.summary(),
        format!("groups: {count} declared, {count} configured, 0 as declared")
    );
    for name in odd {
        let configuration = group_configuration(name);
        assert!(
            configuration.contains("consumer.session.timeout.ms=50000"),
            "{name}: {configuration}"
        );
        assert!(
            configuration.contains("consumer.heartbeat.interval.ms=5000"),
            "{name}: {configuration}"
        );
    }
    assert_eq!(
        script.summary(),
        format!("groups: {count} declared, 0 configured, {count} as declared")
    );
    assert!(!script.folder.path().join("owned").exists());
    assert_eq!(
        Script::of(&groups(&[("groups-plain", 55_000)])).summary(),
        "groups: 1 declared, 1 configured, 0 as declared"
    );
    assert!(group_configuration("groups-plain").contains("consumer.session.timeout.ms=55000"));

    // Past the broker's bounds: the broker's own words.
    let (status, _, err) = Script::of(&groups(&[("groups-plain", 1_000_000)])).run();
    assert_eq!(status, 1);
    assert!(err.contains("group.consumer.max.session.timeout.ms"), "{err}");
    assert!(group_configuration("groups-plain").contains("consumer.session.timeout.ms=55000"));
}

#[test]
fn kafka_home_is_enough() {
    let script = Script::topics([topic("kafka.home", 1)]);
    let mut command = script.command();
    command.env("PATH", "/usr/bin:/bin").env("KAFKA_HOME", jars().home);
    assert_eq!(finish(&command.output().unwrap()).0, 0);
    assert!(Path::new(&jars().home).join("bin/kafka-topics.sh").exists());
    assert_eq!(partitions("kafka.home"), 1);
}
