//! The compiled topic and group scripts, run by bash with Kafka's stock tools against a real broker.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::thread;
use std::time::Duration;

use lagproof::broker::{TopicSpec, TopicState};
use lagproof::emit::topic_scripts;
use lagproof::model::keywords::Cleanup;
use lagproof::model::topic::Topic;
use lagproof::project::Project;
use lagproof::units::Size;

use super::build::{keyed, model, sourced, topic as declared};
use super::groups::groups;
use super::support::{jars, lease, local};

/// A topic of this broker, which is one: anything else would be a warning a run.
fn topic(name: &str, partitions: u32) -> Topic {
    Topic {
        replication: sourced(1),
        ..declared(name, partitions)
    }
}

pub(super) struct Script {
    pub(super) folder: tempfile::TempDir,
}

impl Script {
    pub(super) fn of(text: &str) -> Self {
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
    pub(super) fn run(&self) -> (i32, String, String) {
        finish(&self.command().output().unwrap())
    }

    /// Runs it, which must succeed without a word of complaint, and returns the last line.
    pub(super) fn summary(&self) -> String {
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
    let accelerometer = |partitions| keyed(topic("raise.accelerometer.raw", partitions), "device_id");
    let audio = |partitions| {
        let mut audio = keyed(topic("raise.audio.raw", partitions), "device_id");
        audio.retention_size = Some(sourced(Size(1 << 30)));
        audio.segment_size = Some(sourced(Size(64 << 20)));
        audio
    };
    let before = Script::topics([accelerometer(4), audio(3)]);
    assert_eq!(
        before.summary(),
        "topics: 2 declared, 2 created, 0 raised, 0 configured, 0 as declared"
    );
    let made = state("raise.audio.raw").unwrap();
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
    assert_eq!(state("raise.audio.raw").unwrap(), made);

    let after = Script::topics([accelerometer(10), audio(6)]);
    let (status, out, err) = after.run();
    assert_eq!(status, 0, "{out}{err}");
    insta::assert_snapshot!((out + &err).replace(local().bootstrap(), "BROKER"), @r"
    + kafka-topics --bootstrap-server BROKER --alter --topic '^raise\.accelerometer\.raw$' --partitions 10
    + kafka-topics --bootstrap-server BROKER --alter --topic '^raise\.audio\.raw$' --partitions 6
    topics: 2 declared, 0 created, 2 raised, 0 configured, 0 as declared
    warning: raise.accelerometer.raw: from 4 to 10 partitions, 80.0 % of keys (device_id) move; records of a moved key that are still in flight can be processed out of order
    warning: raise.audio.raw: from 3 to 6 partitions, 50.0 % of keys (device_id) move; records of a moved key that are still in flight can be processed out of order
    ");
    assert_eq!(partitions("raise.accelerometer.raw"), 10);
    assert_eq!(partitions("raise.audio.raw"), 6);
    assert_eq!(
        after.summary(),
        "topics: 2 declared, 0 created, 0 raised, 0 configured, 2 as declared"
    );
}

/// This repository's own topics, on a cluster where two of them have fewer partitions.
#[test]
fn the_reference_projects_topics_end_as_declared() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let project = Project::load(root, &"2026-01-01".parse().unwrap()).unwrap();
    let model = project.model.expect("the reference project has no errors");
    let mut specs: Vec<TopicSpec> = model.topics.values().map(TopicSpec::declared).collect();
    specs.retain(|spec| ["device.sensor.accelerometer.raw", "device.audio.raw"].contains(&&*spec.name));
    specs.iter_mut().for_each(|spec| spec.partitions = 3);
    lease(local()).create_topics(&specs).unwrap();

    let script = Script::of(topic_scripts(&model)[0].contents());
    let run = || finish(&script.command().env("REPLICATION_FACTOR", "1").output().unwrap());
    let count = model.topics.len();
    let (status, out, err) = run();
    assert_eq!(status, 0, "{out}{err}");
    let created = count - 2;
    let summary = format!("topics: {count} declared, {created} created, 2 raised, 0 configured, 0 as declared\n");
    assert!(out.ends_with(&summary), "{out}");
    for topic in model.topics.values() {
        let declared = TopicSpec::declared(topic);
        let found = state(&topic.name).unwrap();
        assert_eq!(found.partitions, declared.partitions, "{}", topic.name);
        assert_eq!(found.configuration, declared.configuration, "{}", topic.name);
    }
    assert_eq!(partitions("device.sensor.accelerometer.raw"), 10);
    assert_eq!(partitions("device.audio.raw"), 6);
    let (status, out, err) = run();
    assert_eq!((status, err.as_str()), (0, ""));
    let same = format!("topics: {count} declared, 0 created, 0 raised, 0 configured, {count} as declared\n");
    assert_eq!(out, same);
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
    let mut there = TopicSpec::new("config.t", 1);
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
    let names = ["-", "--topic", "a-b_c.D", "...", &longest];
    let script = Script::topics(names.map(|name| topic(name, 1)));
    let count = names.len();
    assert_eq!(
        script.summary(),
        format!("topics: {count} declared, {count} created, 0 raised, 0 configured, 0 as declared")
    );
    let raised = Script::topics(["--topic", "...", &longest].map(|name| topic(name, 2)));
    assert_eq!(
        raised.summary(),
        "topics: 3 declared, 0 created, 3 raised, 0 configured, 0 as declared"
    );
    let all = names.map(partitions);
    assert_eq!(all, [1, 2, 1, 2, 2]);
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

#[test]
fn kafka_home_is_enough() {
    let script = Script::topics([topic("kafka.home", 1)]);
    let mut command = script.command();
    command.env("PATH", "/usr/bin:/bin").env("KAFKA_HOME", jars().home);
    assert_eq!(finish(&command.output().unwrap()).0, 0);
    assert!(Path::new(&jars().home).join("bin/kafka-topics.sh").exists());
    assert_eq!(partitions("kafka.home"), 1);
}
