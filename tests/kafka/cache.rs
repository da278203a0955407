//! Fetching Kafka's jars: cut short, twice at once, refused. A stand-in for Maven makes the jars, slowly.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use lagproof::broker::{Broker, Cancel, Options, Progress, Surroundings, Wanted, fetch_jars, find_jars, tool};
use rustix::process::Signal;

use super::support::{Actor, eventually, here, hold, jars, role, runs};

/// A Maven that notes its process, and takes as long as a file `slow` is there.
const MAVEN: &str = r#"#!/bin/sh
here=$(dirname "$0")
echo $$ >>"$here/calls"
for word; do case $word in -DoutputDirectory=*) out=${word#*=} ;; esac; done
if [ -e "$here/broken" ]; then
    echo "[INFO] Downloading from central: x"
    echo "[ERROR] Could not transfer artifact org.apache.kafka:kafka_2.13:pom: unknown host"
    exit 1
fi
mkdir -p "$out"
echo "Downloaded from central: kafka_2.13-4.3.1.jar"
echo half >"$out/kafka_2.13-4.3.1.jar"
while [ -e "$here/slow" ]; do sleep 0.05; done
echo whole >"$out/kafka_2.13-4.3.1.jar"
"#;

pub struct Place {
    folder: tempfile::TempDir,
}

impl Place {
    pub fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let maven = folder.path().join("mvn");
        fs::write(&maven, MAVEN).unwrap();
        fs::set_permissions(&maven, PermissionsExt::from_mode(0o755)).unwrap();
        Self { folder }
    }

    pub fn path(&self, name: &str) -> std::path::PathBuf {
        self.folder.path().join(name)
    }

    fn variables(&self) -> [(String, String); 2] {
        let own = self.folder.path().display();
        [
            ("PATH".to_owned(), format!("{own}:/usr/bin:/bin")),
            ("LAGPROOF_CACHE".to_owned(), format!("{own}/cache")),
        ]
    }

    fn surroundings(&self) -> Surroundings {
        self.variables()
            .iter()
            .fold(here().with("KAFKA_HOME", None), |all, (name, value)| {
                all.with(name, Some(value.as_ref()))
            })
    }

    fn actor(&self, test: &str) -> Actor {
        let variables = self.variables();
        let variables: Vec<(&str, &str)> = variables.iter().map(|(name, value)| (&**name, &**value)).collect();
        Actor::play(test, "fetch", &variables)
    }

    pub fn calls(&self) -> Vec<u32> {
        let text = fs::read_to_string(self.path("calls")).unwrap_or_default();
        text.lines().map(|line| line.parse().unwrap()).collect()
    }
}

/// In a child: fetches, says when it is under way, and whether it came to anything.
fn fetch_as_child() {
    let mut said = false;
    let jars = fetch_jars(&here().with("KAFKA_HOME", None), &Cancel::never(), &mut |progress| {
        if !std::mem::replace(&mut said, true) {
            println!("\nHELD {progress}");
        }
    })
    .unwrap();
    hold(&jars.home.display().to_string());
}

#[test]
fn one_cut_short_is_never_used_and_nothing_of_it_stays() {
    if role().is_some() {
        return fetch_as_child();
    }
    let place = Place::new();
    fs::write(place.path("slow"), "").unwrap();
    let actor = place.actor("cache::one_cut_short_is_never_used_and_nothing_of_it_stays");
    assert_eq!(actor.held, "fetching Apache Kafka 4.3.1 with Maven: 0 files");
    eventually("half a jar is there", || {
        place.path("cache/kafka-4.3.1.part/libs/kafka_2.13-4.3.1.jar").exists()
    });
    actor.signal(Signal::KILL);
    let maven = place.calls()[0];
    eventually("Maven is gone", || !runs(maven));
    eventually("its folder is gone", || {
        let mut names = fs::read_dir(place.path("cache"))
            .unwrap()
            .map(|entry| entry.unwrap().file_name());
        names.all(|name| name == "kafka-4.3.1.lock")
    });
    assert_eq!(find_jars(&place.surroundings()).unwrap(), None);

    fs::remove_file(place.path("slow")).unwrap();
    // Even where the guard was killed too.
    fs::create_dir_all(place.path("cache/kafka-4.3.1.part/libs/left")).unwrap();
    fs::create_dir_all(place.path("cache/kafka-4.3.1/libs")).unwrap();
    let jars = fetch_jars(&place.surroundings(), &Cancel::never(), &mut |_| {}).unwrap();
    assert_eq!(
        fs::read_to_string(jars.home.join("libs/kafka_2.13-4.3.1.jar")).unwrap(),
        "whole\n"
    );
    assert_eq!(place.calls().len(), 2);
    // Whole, and so not fetched again.
    assert_eq!(
        fetch_jars(&place.surroundings(), &Cancel::never(), &mut |_| panic!(
            "nothing to do"
        ))
        .unwrap(),
        jars
    );
    assert_eq!(find_jars(&place.surroundings()).unwrap(), Some(jars));
}

#[test]
fn two_at_once_fetch_once() {
    if role().is_some() {
        return fetch_as_child();
    }
    let place = Place::new();
    fs::write(place.path("slow"), "").unwrap();
    let test = "cache::two_at_once_fetch_once";
    let (first, second) = (place.actor(test), place.actor(test));
    assert_eq!(
        second.held,
        "waiting for another process that fetches Apache Kafka 4.3.1"
    );
    fs::remove_file(place.path("slow")).unwrap();
    for Actor { mut child, stdin, .. } in [first, second] {
        drop(stdin);
        assert!(child.wait().unwrap().success());
    }
    assert_eq!(place.calls().len(), 1);
}

#[test]
fn a_maven_that_fails_is_quoted() {
    let place = Place::new();
    fs::write(place.path("broken"), "").unwrap();
    let mut progress = Vec::new();
    let error = fetch_jars(&place.surroundings(), &Cancel::never(), &mut |step| progress.push(step)).unwrap_err();
    assert_eq!(progress, [Progress::Fetching { files: 0 }]);
    insta::assert_snapshot!(format!("{error}\nhelp: {}", error.help()), @r"
    could not fetch Apache Kafka 4.3.1: Maven ended with exit status: 1
        Could not transfer artifact org.apache.kafka:kafka_2.13:pom: unknown host
    help: install Maven, which fetches Apache Kafka, or set KAFKA_HOME to an unpacked release; behind a proxy, Maven's own settings.xml names the mirror
    ");
    assert!(!place.path("cache/kafka-4.3.1.part").exists());

    let without = place.surroundings().with("PATH", Some("/no/such".as_ref()));
    let error = fetch_jars(&without, &Cancel::never(), &mut |_| {})
        .unwrap_err()
        .to_string();
    assert_eq!(error, "could not fetch Apache Kafka 4.3.1: mvn is not on PATH");
}

#[test]
fn the_cache_serves_as_a_kafka_home_with_stock_tools() {
    let jars = jars();
    let version = tool(&jars, "kafka-topics").arg("--version").output().unwrap();
    assert_eq!(String::from_utf8(version.stdout).unwrap().trim(), jars.version);
    let home = here().with("KAFKA_HOME", Some(jars.home.as_os_str()));
    assert_eq!(find_jars(&home).unwrap().unwrap().version, jars.version);
    let run = |name: &str| Command::new(jars.tools().join(name)).arg("--version").output().unwrap();
    assert!(run("kafka-configs").status.success());
    // A folder that is no Kafka is not passed over.
    let wrong = here().with("KAFKA_HOME", Some(Path::new("/usr").as_os_str()));
    let error = Broker::start(Wanted::Local, &Options::default(), &wrong, &mut |_| {}).unwrap_err();
    assert!(error.to_string().starts_with("could not use KAFKA_HOME"), "{error}");
}
