//! What the scripts do, against stand-ins of Kafka's tools in `fake/`.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::Duration;

use lagproof::emit::topic_scripts;
use lagproof::model::keywords::{Cleanup, GroupProtocol};
use lagproof::model::settings::Setting;
use lagproof::model::topic::Topic;

use super::build::{keyed, model, service, sourced, topic};

/// A cluster of files, and a script to run against it.
struct Cluster {
    state: tempfile::TempDir,
    script: PathBuf,
    arguments: Vec<String>,
}

impl Cluster {
    fn of(topics: impl IntoIterator<Item = Topic>) -> Self {
        Self::running(topic_scripts(&model(topics, Vec::new()))[0].contents())
    }

    fn running(script: &str) -> Self {
        let state = tempfile::tempdir().unwrap();
        let path = state.path().join("script.sh");
        fs::write(&path, script).unwrap();
        for folder in ["topics", "groups"] {
            fs::create_dir(state.path().join(folder)).unwrap();
        }
        Self {
            state,
            script: path,
            arguments: Vec::new(),
        }
    }

    /// The same cluster with other topics declared.
    fn declare(&self, topics: impl IntoIterator<Item = Topic>) {
        fs::write(&self.script, topic_scripts(&model(topics, Vec::new()))[0].contents()).unwrap();
    }

    fn argument(mut self, argument: &str) -> Self {
        self.arguments.push(argument.to_owned());
        self
    }

    fn command(&self) -> Command {
        let fake = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/emit/fake");
        let mut command = Command::new("bash");
        command
            .arg(&self.script)
            .args(&self.arguments)
            .current_dir(self.state.path())
            .env_clear()
            .env("PATH", format!("{}:/usr/bin:/bin", fake.display()))
            .env("FAKE_STATE", self.state.path())
            .env("BOOTSTRAP_SERVER", "broker:9092");
        command
    }

    /// Runs the script: exit status, standard output, standard error.
    fn run(&self) -> (i32, String, String) {
        finish(&self.command().output().unwrap())
    }

    fn put(&self, topic: &str, state: &str) {
        fs::write(self.state.path().join("topics").join(topic), state).unwrap();
    }

    fn topic(&self, topic: &str) -> String {
        fs::read_to_string(self.state.path().join("topics").join(topic)).unwrap_or_default()
    }

    /// The calls since the last time.
    fn calls(&self) -> Vec<String> {
        let path = self.state.path().join("log");
        let log = fs::read_to_string(&path).unwrap_or_default();
        let _ = fs::remove_file(path);
        log.lines().map(str::to_owned).collect()
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

fn compacted(name: &str, partitions: u32) -> Topic {
    let mut topic = topic(name, partitions);
    topic.cleanup = sourced(Cleanup::CompactDelete);
    topic
}

#[test]
fn makes_what_is_missing_and_then_only_looks() {
    let cluster = Cluster::of([topic("a.b", 2), compacted("aXb", 3)]);
    let (status, out, err) = cluster.run();
    assert_eq!((status, err.as_str()), (0, ""), "{out}");
    insta::assert_snapshot!(out, @r#"
    + kafka-topics --bootstrap-server broker:9092 --create --topic a.b --partitions 2 --replication-factor 3 --config cleanup.policy=delete --config retention.ms=604800000
    + kafka-topics --bootstrap-server broker:9092 --create --topic aXb --partitions 3 --replication-factor 3 --config cleanup.policy=compact,delete --config retention.ms=604800000
    topics: 2 declared, 2 created, 0 raised, 0 configured, 0 as declared
    "#);
    assert_eq!(cluster.calls().len(), 3);
    assert_eq!(
        cluster.topic("a.b"),
        "2\n3\nmin.insync.replicas=1\ncleanup.policy=delete\nretention.ms=604800000\n"
    );

    let (status, out, err) = cluster.run();
    assert_eq!((status, err.as_str()), (0, ""));
    assert_eq!(
        out,
        "topics: 2 declared, 0 created, 0 raised, 0 configured, 2 as declared\n"
    );
    assert_eq!(cluster.calls().len(), 1, "one call where nothing differs");
}

#[test]
fn raises_only_the_topic_meant_and_warns_of_keys_that_move() {
    let cluster = Cluster::of([keyed(topic("a.b", 7), "device_id")]);
    let configs = "1\nmin.insync.replicas=1\ncleanup.policy=delete\nretention.ms=604800000\n";
    cluster.put("a.b", &format!("6\n{configs}"));
    cluster.put("aXb", &format!("6\n{configs}"));
    let (status, out, err) = cluster.run();
    assert_eq!(status, 0, "{out}{err}");
    insta::assert_snapshot!(out + &err, @r#"
    + kafka-topics --bootstrap-server broker:9092 --alter --topic '^a\.b$' --partitions 7
    topics: 1 declared, 0 created, 1 raised, 0 configured, 0 as declared
    warning: a.b: from 6 to 7 partitions, 85.7 % of keys (device_id) move; records of a moved key that are still in flight can be processed out of order
    warning: a.b: replication is 1 and 3 is declared; only kafka-reassign-partitions can change it
    "#);
    assert!(cluster.topic("a.b").starts_with("7\n"));
    assert!(cluster.topic("aXb").starts_with("6\n"), "a dot is no wildcard");
}

#[test]
fn the_share_of_keys_that_move() {
    for (now, wanted, share) in [
        (6, 12, "50.0"),
        (6, 7, "85.7"),
        (1, 10, "90.0"),
        (4, 6, "66.7"),
        (3, 3000, "99.9"),
    ] {
        let cluster = Cluster::of([keyed(topic("t", wanted), "k")]).argument("--dry-run");
        cluster.put("t", &format!("{now}\n3\n\n"));
        let (_, _, err) = cluster.run();
        assert!(
            err.contains(&format!("{share} % of keys (k) move")),
            "{now} to {wanted}: {err}"
        );
    }
}

#[test]
fn sets_only_the_configuration_that_differs() {
    let cluster = Cluster::of([compacted("t", 1)]);
    cluster.put(
        "t",
        "1\n3\ncleanup.policy=compact\ndelete.retention.ms=604800000\nretention.ms=5\nsegment.ms=7\n",
    );
    let (status, out, err) = cluster.run();
    assert_eq!(status, 0, "{out}{err}");
    insta::assert_snapshot!(out, @r#"
    + kafka-configs --bootstrap-server broker:9092 --alter --entity-type topics --entity-name t --add-config 'cleanup.policy=[compact,delete],retention.ms=604800000'
    topics: 1 declared, 0 created, 0 raised, 1 configured, 0 as declared
    "#);
    assert!(cluster.topic("t").contains("cleanup.policy=compact,delete\n"));

    cluster.calls();
    assert_eq!(cluster.run().0, 0);
    assert_eq!(cluster.calls().len(), 1);

    // Both ends of a list, and a list that is declared as less.
    cluster.put("t", "1\n3\nretention.ms=604800000\ncleanup.policy=delete,compact\n");
    assert_eq!(cluster.run().0, 0);
    assert_eq!(
        cluster.calls().len(),
        1,
        "the order of a policy's words does not matter"
    );
    cluster.declare([topic("t", 1)]);
    let (_, out, _) = cluster.run();
    assert!(out.contains("--add-config cleanup.policy=delete\n"), "{out}");
}

#[test]
fn a_decrease_is_refused_and_nothing_is_done() {
    let cluster = Cluster::of([topic("a", 1), topic("b", 2), topic("c", 3)]);
    cluster.put("b", "4\n3\n\n");
    cluster.put("c", "9\n3\n\n");
    let (status, out, err) = cluster.run();
    assert_eq!((status, out.as_str()), (1, ""));
    insta::assert_snapshot!(err, @r#"
    error: b has 4 partitions and 2 are declared: Kafka can not take partitions away; declare 4, or move to a new topic
    error: c has 9 partitions and 3 are declared: Kafka can not take partitions away; declare 9, or move to a new topic
    error: 2 of 3 topics would have to lose partitions; nothing was changed
    "#);
    assert_eq!(cluster.topic("a"), "", "not made either");
}

#[test]
fn a_race_is_settled_by_looking_again() {
    // Somebody makes the topic with fewer partitions.
    let cluster = Cluster::of([topic("t", 4)]);
    fs::write(
        cluster.state.path().join("race"),
        "printf '2\\n3\\n\\n' >\"$FAKE_STATE/topics/t\"\n",
    )
    .unwrap();
    let (status, out, err) = cluster.run();
    assert_eq!(status, 0, "{out}{err}");
    assert!(out.contains("note: t changed meanwhile; looking again\n"), "{out}");
    assert!(cluster.topic("t").starts_with("4\n"));
    assert!(cluster.topic("t").contains("retention.ms=604800000"));

    // Somebody raises it just as we do, or past it.
    for (theirs, status) in [(4, 0), (6, 1)] {
        let race = format!("sed -i '1s/.*/{theirs}/' \"$FAKE_STATE/topics/t\"\n");
        cluster.put("t", "2\n3\nretention.ms=604800000\ncleanup.policy=delete\n");
        fs::write(cluster.state.path().join("race"), race).unwrap();
        let (ended, out, err) = cluster.run();
        assert_eq!(ended, status, "{out}{err}");
        assert!(cluster.topic("t").starts_with(&format!("{theirs}\n")));
        assert_eq!(
            err.contains("somebody else raised it past what is declared"),
            status == 1,
            "{err}"
        );
    }
}

#[test]
fn a_dry_run_only_looks() {
    let cluster = Cluster::of([topic("a", 1), topic("b", 2)]).argument("--dry-run");
    cluster.put("b", "1\n1\n\n");
    let (status, out, err) = cluster.run();
    assert_eq!(status, 0);
    insta::assert_snapshot!(out + &err, @r#"
    + kafka-topics --bootstrap-server broker:9092 --create --topic a --partitions 1 --replication-factor 3 --config cleanup.policy=delete --config retention.ms=604800000
    + kafka-topics --bootstrap-server broker:9092 --alter --topic '^b$' --partitions 2
    + kafka-configs --bootstrap-server broker:9092 --alter --entity-type topics --entity-name b --add-config cleanup.policy=delete,retention.ms=604800000
    topics: 2 declared, 1 to create, 1 to raise, 1 to configure, 0 as declared; nothing was changed (--dry-run)
    warning: b: replication is 1 and 3 is declared; only kafka-reassign-partitions can change it
    "#);
    assert_eq!(cluster.calls().len(), 1);
    assert_eq!(cluster.topic("b"), "1\n1\n\n");
}

#[test]
fn a_failure_shows_the_tools_words_and_can_be_gone_on_from() {
    let cluster = Cluster::of([topic("a", 1), topic("b", 2)]);
    let output = cluster.command().env("FAKE_BROKERS", "1").output().unwrap();
    let (status, out, err) = finish(&output);
    assert_eq!(status, 1);
    assert!(err.contains("only 1 broker(s) are registered"), "{err}");
    assert!(!out.contains("--topic b"), "stops at the first");
    // As the message says, and with the replication of a small cluster.
    let output = cluster
        .command()
        .env("FAKE_BROKERS", "1")
        .env("REPLICATION_FACTOR", "1")
        .output()
        .unwrap();
    assert_eq!(finish(&output).0, 0);
    let (_, _, err) = cluster.run();
    assert!(err.contains("warning: a: replication is 1 and 3 is declared"), "{err}");
}

#[test]
fn what_the_environment_lacks_is_said() {
    let cluster = Cluster::of([topic("a", 1)]);
    let run = |change: &dyn Fn(&mut Command)| {
        let mut command = cluster.command();
        change(&mut command);
        let (status, _, err) = finish(&command.output().unwrap());
        assert_ne!(status, 0);
        err
    };
    let messages = [
        run(&|command| {
            command.env_remove("BOOTSTRAP_SERVER");
        }),
        run(&|command| {
            command.env("BOOTSTRAP_SERVER", "nowhere:1");
        }),
        run(&|command| {
            command.env("PATH", "/usr/bin:/bin");
        }),
        run(&|command| {
            command.env("KAFKA_TOPICS", "/no/such/tool");
        }),
        run(&|command| {
            command.env("COMMAND_CONFIG", "/no/such/file");
        }),
        run(&|command| {
            command.env("REPLICATION_FACTOR", "x; rm -rf /");
        }),
        run(&|command| {
            command.arg("--force");
        }),
    ];
    let script = cluster.script.display().to_string();
    insta::assert_snapshot!(messages.concat().replace(&script, "topics.sh"), @r#"
    topics.sh: line 41: BOOTSTRAP_SERVER: set it to the cluster, such as localhost:9092
    Error while executing topic command : Timed out waiting for a node assignment. Call: listTopics
    error: the topics at nowhere:1 can't be read; nothing was changed
    error: neither kafka-topics nor kafka-topics.sh is on PATH: add Kafka's bin folder to it, or set KAFKA_HOME or KAFKA_TOPICS
    error: KAFKA_TOPICS names no command: /no/such/tool
    error: COMMAND_CONFIG names a file that can't be read: /no/such/file
    error: REPLICATION_FACTOR is not a number of brokers: x; rm -rf /
    error: unknown argument: --force (usage: BOOTSTRAP_SERVER=host:port topics.sh [--dry-run])
    "#);
}

#[test]
fn names_that_kafka_does_not_allow_do_no_harm() {
    for name in ["$(touch owned)", "x'; touch owned; '", "a b", "..[x]*", "`touch owned`"] {
        let cluster = Cluster::of([topic(name, 1)]);
        let (status, _, err) = cluster.run();
        assert_eq!(
            (status, err),
            (2, format!("error: not a name that Kafka allows for a topic: {name}\n"))
        );
        assert!(!cluster.state.path().join("owned").exists());
        assert!(cluster.calls().is_empty());
    }
}

#[test]
fn thousands_of_topics_are_read_in_few_calls() {
    let topics = || (0..3_000).map(|number| topic(&format!("some.team.with.a.long.name.topic-{number:05}"), 1));
    let cluster = Cluster::of(topics());
    for topic in topics() {
        cluster.put(&topic.name, "1\n3\ncleanup.policy=delete\nretention.ms=604800000\n");
    }
    let start = std::time::Instant::now();
    let (status, out, err) = cluster.run();
    assert_eq!(status, 0, "{err}");
    assert_eq!(
        out,
        "topics: 3000 declared, 0 created, 0 raised, 0 configured, 3000 as declared\n"
    );
    assert_eq!(cluster.calls().len(), 3);
    assert!(start.elapsed() < Duration::from_secs(60));
}

#[test]
fn groups_are_configured_once() {
    let timeouts = [(Setting::SessionTimeout, 50_000), (Setting::HeartbeatInterval, 5_000)];
    let group = |name: &str, group: &str, timeouts: &[_]| service(name, group, GroupProtocol::Consumer, timeouts);
    let odd = "g $(touch owned),=' x";
    let script = |timeouts: &[_]| {
        let services = vec![group("a", "loom-a", timeouts), group("b", odd, timeouts)];
        topic_scripts(&model([], services))[0].contents().to_owned()
    };
    let cluster = Cluster::running(&script(&timeouts));
    let (status, out, err) = cluster.run();
    assert_eq!((status, err.as_str()), (0, ""));
    insta::assert_snapshot!(out, @r#"
    + kafka-configs --bootstrap-server broker:9092 --alter --entity-type groups --entity-name 'g $(touch owned),='\'' x' --add-config consumer.heartbeat.interval.ms=5000,consumer.session.timeout.ms=50000
    + kafka-configs --bootstrap-server broker:9092 --alter --entity-type groups --entity-name loom-a --add-config consumer.heartbeat.interval.ms=5000,consumer.session.timeout.ms=50000
    groups: 2 declared, 2 configured, 0 as declared
    "#);
    let (status, out, _) = cluster.run();
    assert_eq!(
        (status, out.as_str()),
        (0, "groups: 2 declared, 0 configured, 2 as declared\n")
    );
    assert_eq!(cluster.calls().len(), 4);
    assert!(!cluster.state.path().join("owned").exists());

    // What the broker refuses is shown as it says it.
    fs::write(&cluster.script, script(&[(Setting::SessionTimeout, 30_000)])).unwrap();
    let (status, _, err) = cluster.run();
    assert_eq!(status, 1);
    assert!(
        err.contains("must be greater than or equal to group.consumer.min.session.timeout.ms"),
        "{err}"
    );
}
