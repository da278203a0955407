//! Ctrl-C before anything is measured, while something hangs: it is heard, and nothing stays.

use std::fs::{self, File};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use lagproof::broker::{Broker, BrokerError, Cancel, Halt, Options, Wanted};
use rustix::process::Signal;

use super::cache::Place;
use super::support::{eventually, here, is_gone, jars, runs};
use super::verb::{lagproof, project};

/// `lagproof verify`, with what it says.
struct Verify {
    child: Child,
    project: tempfile::TempDir,
    _state: tempfile::TempDir,
    said: Vec<String>,
    lines: std::io::Lines<BufReader<std::process::ChildStderr>>,
}

impl Verify {
    fn start(broker: &str, arguments: &[&str], set: impl FnOnce(&mut Command)) -> Self {
        let (project, state) = (project(""), tempfile::tempdir().unwrap());
        let all = [&["verify", "--broker", broker, "--speed", "1"], arguments].concat();
        let mut command = lagproof(project.path(), state.path(), &all);
        set(&mut command);
        let mut child = command.spawn().unwrap();
        let lines = BufReader::new(child.stderr.take().unwrap()).lines();
        Self {
            child,
            project,
            _state: state,
            said: Vec::new(),
            lines,
        }
    }

    /// Waits until it says something.
    fn until(&mut self, what: &str) {
        for line in self.lines.by_ref() {
            self.said.push(line.unwrap());
            if self.said.last().unwrap().contains(what) {
                return;
            }
        }
        panic!("it never said {what}: {:#?}", self.said);
    }

    /// Presses Ctrl-C, and gives back everything that it said. Its end is that of what it hangs at, or never.
    fn interrupt(&mut self) -> String {
        let pid = rustix::process::Pid::from_child(&self.child);
        rustix::process::kill_process(pid, Signal::INT).unwrap();
        self.said.extend(self.lines.by_ref().map_while(Result::ok));
        let mut out = String::new();
        self.child.stdout.take().unwrap().read_to_string(&mut out).unwrap();
        let said = self.said.join("\n") + &out;
        assert_eq!(self.child.wait().unwrap().code(), Some(130), "{said}");
        said
    }
}

/// With a Maven of the place's own, and nothing in the cache.
fn fetching(place: &Place) -> Verify {
    Verify::start("local", &[], |command| {
        let path = std::env::var("PATH").unwrap();
        command
            .env("PATH", format!("{}:{path}", place.path("").display()))
            .env("LAGPROOF_CACHE", place.path("cache"))
            .env_remove("KAFKA_HOME");
    })
}

fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).unwrap();
    entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect()
}

#[test]
fn while_maven_hangs() {
    let place = Place::new();
    fs::write(place.path("slow"), "").unwrap();
    let mut verify = fetching(&place);
    verify.until("fetching Apache Kafka 4.3.1 with Maven: 1 files");
    let maven = place.calls()[0];
    let said = verify.interrupt();
    assert!(
        said.contains("error: stopped by Ctrl-C while fetching Apache Kafka 4.3.1 with Maven"),
        "{said}"
    );
    assert!(said.contains("nothing of it was left behind"), "{said}");
    assert!(!runs(maven));
    assert_eq!(names(&place.path("cache")), ["kafka-4.3.1.lock"]);
}

#[test]
fn while_another_process_fetches() {
    let place = Place::new();
    fs::create_dir(place.path("cache")).unwrap();
    let lock = File::create(place.path("cache/kafka-4.3.1.lock")).unwrap();
    lock.lock().unwrap();
    let mut verify = fetching(&place);
    verify.until("waiting for another process");
    let said = verify.interrupt();
    assert!(
        said.contains("error: stopped by Ctrl-C while waiting for another process that fetches Apache Kafka 4.3.1"),
        "{said}"
    );
    assert!(place.calls().is_empty());
}

/// An engine that answers, has no image, and never ends pulling one.
fn engine() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("tcp://{}", listener.local_addr().unwrap());
    thread::spawn(move || {
        for connection in listener.incoming().map_while(Result::ok) {
            thread::spawn(move || answer(connection));
        }
    });
    address
}

fn answer(mut connection: TcpStream) {
    let mut request = BufReader::new(connection.try_clone().unwrap()).lines();
    while let Some(Ok(first)) = request.next() {
        while request
            .next()
            .is_some_and(|line| line.is_ok_and(|line| !line.is_empty()))
        {}
        let (status, body) = match &*first {
            ping if ping.contains("_ping") => ("200 OK", "OK"),
            pull if pull.contains("/images/create") => continue,
            _ => ("404 Not Found", r#"{"message":"there is nothing here"}"#),
        };
        let length = body.len();
        let head = format!("HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\r\n");
        if connection.write_all((head + body).as_bytes()).is_err() {
            return;
        }
    }
}

#[test]
fn while_an_image_is_pulled() {
    let engine = engine();
    let mut verify = Verify::start("docker", &[], |command| {
        command.env("DOCKER_HOST", &engine).env_remove("LAGPROOF_KAFKA_IMAGE");
    });
    verify.until("pulling apache/kafka:4.3.1");
    let said = verify.interrupt();
    assert!(
        said.contains("error: stopped by Ctrl-C while pulling apache/kafka:4.3.1"),
        "{said}"
    );
}

/// A Java that hangs at what a file `hang` names, and notes its process and its last argument.
struct Java(tempfile::TempDir);

impl Java {
    fn new(hangs_at: &str) -> Self {
        let real = here().find("java").expect("Java for the tests");
        let java = Self(tempfile::tempdir().unwrap());
        fs::create_dir(java.path("bin")).unwrap();
        let script = format!(
            "#!/bin/sh\nhere=$(dirname \"$0\")/..\nhang=$(cat \"$here/hang\")\n\
             case \"$*\" in *\"${{hang:-nothing}}\"*)\n\
             for last; do :; done\n\
             echo \"$last\" >\"$here/asked\"\necho $$ >\"$here/hangs\"\nexec sleep 1000 ;;\nesac\n\
             exec '{}' \"$@\"\n",
            real.display()
        );
        fs::write(java.path("bin/java"), script).unwrap();
        fs::set_permissions(java.path("bin/java"), PermissionsExt::from_mode(0o755)).unwrap();
        java.hangs_at(hangs_at);
        java
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn hangs_at(&self, what: &str) {
        fs::write(self.path("hang"), what).unwrap();
    }

    /// The process that hangs, once it does.
    fn process(&self) -> u32 {
        let mut process = None;
        eventually("Java hangs", || {
            let text = fs::read_to_string(self.path("hangs")).unwrap_or_default();
            process = text.trim().parse().ok();
            process.is_some()
        });
        process.unwrap()
    }

    /// The folder of the broker that hangs.
    fn folder(&self) -> PathBuf {
        let asked = fs::read_to_string(self.path("asked")).unwrap();
        Path::new(asked.trim()).parent().unwrap().to_owned()
    }

    fn verify(&self, arguments: &[&str]) -> Verify {
        // Fetched by now.
        jars();
        Verify::start("local", arguments, |command| {
            command.env("JAVA_HOME", self.0.path());
        })
    }
}

#[test]
fn while_java_hangs() {
    for (at, doing) in [
        ("-version", "looking for a broker"),
        ("StorageTool", "a broker's storage was prepared"),
        ("kafka.Kafka", "a broker was starting"),
    ] {
        let java = Java::new(at);
        let mut verify = java.verify(&[]);
        let process = java.process();
        let said = verify.interrupt();
        assert!(
            said.contains(&format!("error: stopped by Ctrl-C while {doing}")),
            "{said}"
        );
        assert!(!runs(process), "{at}");
        if at != "-version" {
            let folder = java.folder();
            assert!(
                folder
                    .file_name()
                    .unwrap()
                    .to_str()
                    .unwrap()
                    .starts_with("lagproof-kafka-"),
                "{folder:?}"
            );
            assert!(is_gone(&folder), "{folder:?}");
        }
    }
}

#[test]
fn while_a_broker_does_not_come_back() {
    let java = Java::new("");
    let mut verify = java.verify(&["--duration", "10min", "--fault", "broker-restarted@3s"]);
    verify.until("of load");
    java.hangs_at("kafka.Kafka");
    let process = java.process();
    let reports = verify.project.path().join("reports");
    let said = verify.interrupt();
    assert!(said.contains("stopped by Ctrl-C"), "{said}");
    assert!(!runs(process));
    assert!(is_gone(&java.folder()));
    assert_eq!(names(&reports).len(), 2, "a report, and .gitignore");
}

#[test]
fn a_broker_that_does_not_come_back_is_ended() {
    jars();
    let java = Java::new("");
    let wished = Arc::new(AtomicBool::new(false));
    let heard = Arc::clone(&wished);
    let options = Options {
        cancel: Cancel::when(move || heard.load(Ordering::Relaxed)),
        ..Options::default()
    };
    let surroundings = here().with("JAVA_HOME", Some(java.0.path().as_os_str()));
    let mut broker = Broker::start(Wanted::Local, &options, &surroundings, &mut |_| {}).unwrap();
    broker.halt(Halt::Killed).unwrap();
    java.hangs_at("kafka.Kafka");
    let error = thread::scope(|scope| {
        let resumed = scope.spawn(|| broker.resume().unwrap_err());
        java.process();
        wished.store(true, Ordering::Relaxed);
        resumed.join().unwrap()
    });
    assert!(matches!(error, BrokerError::Stopped { .. }), "{error}");
    assert!(!runs(java.process()));
    assert!(broker.check().is_err());
}
