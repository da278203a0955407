//! The verb itself, on somebody else's cluster: it is left as it was, also after kill -9 and `--clean`.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};

use lagproof::broker::TopicSpec;

use super::support::{children, eventually, lease, local, produce, watermarks};

const PROFILE: &str = "\
version = 1
type = \"sensor-processing\"
client = \"librdkafka\"
group = \"loom-tested\"
topics = [\"tested.orders\"]
replicas = 1

[consumer]
offset_reset = \"earliest\"

[processing]
per_batch = \"2ms\"
per_record = \"0.5ms\"
";

const TOPICS: &str = "\
[topics.\"tested.orders\"]
partitions = 2
replication = 1
rate = \"100/s\"
record = { mean = \"200B\", max = \"200B\" }
key = { field = \"id\", cardinality = 100 }
";

const MATRIX: &str = "\
edition = \"2026\"

[types.sensor-processing]
max_poll_records = 100
session_timeout = \"25s\"
heartbeat_interval = \"3s\"
max_poll_interval = \"1min\"
fetch_max_wait = \"100ms\"
";

/// A project of one service; `more` is added to its lagproof.toml.
pub fn project(more: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let write = |file: &str, text: &str| {
        let path = folder.path().join(file);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    };
    write("lagproof.toml", &format!("name = \"tested\"\n{more}"));
    write("profiles/matrix.toml", MATRIX);
    write("profiles/topics.toml", TOPICS);
    write("profiles/services/tested.toml", PROFILE);
    folder
}

pub fn lagproof(project: &Path, state: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_lagproof"));
    command
        .current_dir(project)
        .env("LAGPROOF_STATE", state)
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

/// Status, standard output, standard error.
fn run(project: &Path, state: &Path, arguments: &[&str]) -> (Option<i32>, String, String) {
    let output = lagproof(project, state, arguments).output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (output.status.code(), text(output.stdout), text(output.stderr))
}

/// Runs on the shared cluster as somebody else's wait for each other: one of them looks at what is there before and after.
pub fn alone_there() -> MutexGuard<'static, ()> {
    static ONE: Mutex<()> = Mutex::new(());
    ONE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// All topics of the shared cluster with their configuration and records, and its groups.
fn state_of_cluster() -> (BTreeMap<String, String>, Vec<String>) {
    let admin = local().admin().unwrap();
    let describe = |(name, partitions): (String, u32)| {
        let description = admin.describe(&name).unwrap();
        let records: Vec<(i64, i64)> = (0..i32::try_from(partitions).unwrap())
            .map(|partition| watermarks(local().bootstrap(), &name, partition))
            .collect();
        (name, format!("{description:?} {records:?}"))
    };
    let topics = admin
        .topics()
        .unwrap()
        .into_iter()
        .filter(|(name, _)| !name.starts_with("__"));
    let ours = |name: &str| name.contains("tested");
    let topics = topics.filter(|(name, _)| ours(name)).map(describe).collect();
    let groups = admin.groups().unwrap().into_iter().filter(|name| ours(name)).collect();
    (topics, groups)
}

fn staging() -> String {
    let id = local().admin().unwrap().cluster_id().unwrap();
    format!(
        "[environments.staging]\nbrokers = [\"{}\"]\nload = true\ncluster_id = \"{id}\"\n",
        local().bootstrap()
    )
}

#[test]
fn somebody_elses_cluster_is_as_it_was_after_a_run_and_after_kill_9_and_clean() {
    let _alone = alone_there();
    // Their own topic has the very name that the profile reads.
    let mut theirs = lease(local());
    theirs.create_topics(&[TopicSpec::new("tested.orders", 2)]).unwrap();
    produce(local().bootstrap(), "tested.orders", 0, &["theirs"]);
    let before = state_of_cluster();
    let (project, state) = (project(&staging()), tempfile::tempdir().unwrap());

    let arguments = ["verify", "--broker", "staging", "--duration", "3s", "--report", "out"];
    let (status, out, err) = run(project.path(), state.path(), &arguments);
    // Three seconds are too few for a verdict; on a busy machine the run may not even be one.
    assert!(matches!(status, Some(4 | 5)), "{status:?}\n{out}\n{err}");
    assert!(out.contains("the environment staging"), "{out}");
    let reports: Vec<_> = fs::read_dir(project.path().join("out"))
        .unwrap()
        .filter_map(|entry| entry.unwrap().path().join("index.html").exists().then_some(()))
        .collect();
    assert_eq!(reports.len(), 1);
    eventually("it is as it was", || state_of_cluster() == before);
    assert_eq!(fs::read_dir(state.path()).unwrap().count(), 0, "no journal is left");

    let arguments = ["verify", "--broker", "staging", "--duration", "10min"];
    let mut killed = lagproof(project.path(), state.path(), &arguments)
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let sent = || {
        let all = local().admin().unwrap().topics().unwrap();
        let ours = all
            .keys()
            .find(|name| name.starts_with("lagproof-") && name.contains("tested.orders"));
        ours.is_some_and(|name| watermarks(local().bootstrap(), name, 0).1 > 10)
    };
    eventually("load runs", sent);
    // A worker leaves its group when it sees the end of its parent: this one does not come to that.
    let workers = children(killed.id(), "worker");
    assert_eq!(workers.len(), 1);
    for process in workers.into_iter().chain([killed.id()]) {
        let process = rustix::process::Pid::from_raw(process.cast_signed()).unwrap();
        rustix::process::kill_process(process, rustix::process::Signal::KILL).unwrap();
    }
    killed.wait().unwrap();
    assert_ne!(state_of_cluster(), before, "the kill left something");
    let cleaned = || run(project.path(), state.path(), &["verify", "--clean"]);
    // Its worker was killed, too, and is a member of the group until its session is over.
    let (status, out, err) = cleaned();
    assert_eq!(status, Some(0), "{out}{err}");
    assert!(out.contains("topics and groups of run"), "{out}{err}");
    assert!(
        err.contains("to be gone: one that was killed stays until its session is over"),
        "{err}"
    );
    eventually("it is as it was", || state_of_cluster() == before);
    assert_eq!(fs::read_dir(state.path()).unwrap().count(), 0);
    let (status, again, _) = cleaned();
    assert!(status == Some(0) && !again.contains("topics and groups"), "{again}");
    theirs.release().unwrap();
}

/// A run writes 160 kB: one fits into the cap, and two do not.
#[test]
fn caps_hold_for_all_runs_of_a_verify_together() {
    let _alone = alone_there();
    let (project, state) = (project(&staging()), tempfile::tempdir().unwrap());
    let mut arguments = vec!["verify", "--broker", "staging", "--duration", "3s", "--runs", "2"];
    let (_, plan, _) = run(project.path(), state.path(), &[&arguments[..], &["--plan"]].concat());
    assert!(plan.contains("a run"), "{plan}");
    arguments.extend(["--max-bytes", "240kB"]);
    let (status, out, err) = run(project.path(), state.path(), &arguments);
    assert!(matches!(status, Some(4 | 5)), "{status:?}\n{out}\n{err}");
    assert!(err.contains("run 2 of 2 could not begin"), "{err}");
    assert!(
        err.contains("320kB of records would be written, and 240kB are the most"),
        "{err}"
    );
    assert_eq!(fs::read_dir(state.path()).unwrap().count(), 0, "no journal is left");
}

#[test]
fn without_permission_nothing_is_run() {
    let refused = staging().replace("load = true\n", "");
    let (project, state) = (project(&refused), tempfile::tempdir().unwrap());
    let (status, _, err) = run(project.path(), state.path(), &["verify", "--broker", "staging"]);
    assert_eq!(status, Some(2), "{err}");
    assert!(
        err.contains("load may not be driven at the environment staging"),
        "{err}"
    );
    assert!(err.contains("set load = true"), "{err}");
    assert!(!project.path().join("reports").exists());
}

#[test]
fn the_mock_is_a_smoke_test_and_says_so() {
    let (project, state) = (project(""), tempfile::tempdir().unwrap());
    let arguments = ["verify", "--broker", "mock", "--duration", "3s", "--speed", "1"];
    let (status, out, err) = run(project.path(), state.path(), &arguments);
    assert_eq!(status, Some(0), "{out}\n{err}");
    assert!(out.contains("smoke test"), "{out}");
}

#[test]
fn a_service_that_is_not_described_yet_is_told_in_every_report() {
    let (project, state) = (project(""), tempfile::tempdir().unwrap());
    let at = |file: &str| project.path().join(file);
    let silent = PROFILE
        .replace("loom-tested", "loom-silent")
        .replace("tested.orders", "tested.silent");
    fs::write(at("profiles/services/silent.toml"), silent).unwrap();
    let topic = "[topics.\"tested.silent\"]\npartitions = 2\nreplication = 1\n";
    fs::write(at("profiles/topics.toml"), format!("{TOPICS}\n{topic}")).unwrap();
    let arguments = [
        "verify",
        "--broker",
        "mock",
        "--duration",
        "3s",
        "--speed",
        "1",
        "--report",
        "out",
    ];
    let (status, out, err) = run(project.path(), state.path(), &arguments);
    // On the mock no verdict is one, and none is missing.
    assert_eq!(status, Some(0), "{out}\n{err}");
    let why = "none of its topics has a rate";
    assert!(out.contains("left out  silent: ") && out.contains(why), "{out}");
    let reports: Vec<_> = fs::read_dir(at("out"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    let folder = reports.iter().find(|path| path.join("report.json").exists()).unwrap();
    for file in ["index.html", "report.json", "junit.xml", "summary.txt"] {
        let text = fs::read_to_string(folder.join(file)).unwrap();
        assert!(text.contains("silent") && text.contains(why), "{file}: {text}");
    }
    // Asked for by name, the described one is everything that was asked for.
    let (status, out, err) = run(project.path(), state.path(), &["verify", "tested", "--plan"]);
    assert!(status == Some(0) && !out.contains("left out"), "{out}{err}");
    let (status, _, err) = run(project.path(), state.path(), &["verify", "silent", "--plan"]);
    assert!(status == Some(2) && err.contains(why), "{err}");
}

#[test]
fn a_worker_for_each_client() {
    let (project, state) = (project(""), tempfile::tempdir().unwrap());
    let own = format!(
        "librdkafka=echo begun >>begun; exec {} worker",
        env!("CARGO_BIN_EXE_lagproof")
    );
    let mut arguments = vec!["verify", "--broker", "mock", "--duration", "3s", "--worker", &own];
    arguments.extend(["--worker", "kafkajs=exit 3"]);
    let (status, out, err) = run(project.path(), state.path(), &arguments);
    assert_eq!(status, Some(0), "{out}\n{err}");
    assert!(
        err.contains("nothing here declares kafkajs: its worker is not run"),
        "{err}"
    );
    assert!(
        !out.contains("declares"),
        "it ran on the declared client, whatever started it: {out}"
    );
    assert_eq!(fs::read_to_string(project.path().join("begun")).unwrap(), "begun\n");
}

#[test]
fn ctrl_c_writes_a_report_and_leaves_nothing() {
    let (project, state) = (project(""), tempfile::tempdir().unwrap());
    let arguments = ["verify", "--broker", "local", "--duration", "10min", "--speed", "1"];
    let mut child = lagproof(project.path(), state.path(), &arguments).spawn().unwrap();
    let mut lines = std::io::BufRead::lines(std::io::BufReader::new(child.stderr.take().unwrap()));
    let begun = lines.find(|line| {
        line.as_ref()
            .is_ok_and(|line| line.contains("measuring") || line.contains("warm"))
    });
    assert!(begun.is_some());
    std::thread::spawn(move || lines.for_each(drop));
    let pid = rustix::process::Pid::from_child(&child);
    rustix::process::kill_process(pid, rustix::process::Signal::INT).unwrap();
    let mut out = String::new();
    std::io::Read::read_to_string(&mut child.stdout.take().unwrap(), &mut out).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(130), "{out}");
    assert!(out.contains("Ctrl-C"), "{out}");
    assert_eq!(
        fs::read_dir(project.path().join("reports")).unwrap().count(),
        2,
        "a report, and .gitignore"
    );
}

#[test]
fn what_is_asked_for_wrongly_is_said_before_anything_starts() {
    let (project, state) = (project(""), tempfile::tempdir().unwrap());
    let mut told = String::new();
    for arguments in [
        &["verify", "testd", "--plan"][..],
        &["verify", "--broker", "production"],
        &["verify", "--speed", "0.5"],
        &["verify", "--duration", "soon"],
        &["verify", "--fault", "earthquake"],
        &["verify", "--ramp", "1/s"],
        &["verify", "--worker", "kafkjs=npx lagproof-worker"],
        &["verify", "--worker", "one", "--worker", "two"],
        &["verify", "--worker", "kafkajs=one", "--worker", "kafkajs=two"],
        &["verify", "--worker", "kafkajs= "],
        &["verify", "--load-processes", "0"],
        &["verify", "--replay", "no/such.csv"],
    ] {
        let (status, _, err) = run(project.path(), state.path(), arguments);
        assert_eq!(status, Some(2), "{arguments:?}: {err}");
        told += &format!("{}\n{err}\n", arguments.join(" "));
    }
    insta::assert_snapshot!(told);
}

/// What an engine that does not answer and a machine without Java come to.
#[test]
fn without_a_broker_it_says_what_would_bring_one() {
    let (project, state) = (project(""), tempfile::tempdir().unwrap());
    let output = lagproof(project.path(), state.path(), &["verify"])
        .env("DOCKER_HOST", "unix:///no/such.sock")
        .env("PATH", "/no/such")
        .env_remove("JAVA_HOME")
        .env_remove("KAFKA_HOME")
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(2));
    let err = String::from_utf8(output.stderr).unwrap();
    assert!(err.contains("no broker to run on"), "{err}");
    assert!(err.contains("lagproof verify --broker mock"), "{err}");
}
