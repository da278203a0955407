//! A local broker from start to end, wanted or not.

use std::ffi::OsStr;
use std::net::{TcpListener, TcpStream};
use std::path::Path;

use lagproof::broker::{Broker, BrokerError, Halt, Kind, Options, Storage, Surroundings, TopicSpec, Wanted};
use lagproof::units::Size;
use rustix::process::Signal;

use super::support::{Actor, eventually, here, hold, is_gone, lease, local, produce, role, runs, start, watermarks};

#[test]
fn the_shared_one_is_what_it_says() {
    let broker = local();
    assert_eq!(broker.kind(), Kind::Local);
    assert_eq!(broker.why(), "asked for");
    let said = broker.to_string();
    assert!(
        said.starts_with(&format!("Apache Kafka {}", broker.version())),
        "{said}"
    );
    assert!(said.contains(", ready in "), "{said}");
    assert!(broker.room().unwrap().bytes() > 0);
    let admin = broker.admin().unwrap();
    assert_eq!(admin.broker_count().unwrap(), 1);
    assert_eq!(admin.cluster_id().unwrap().len(), 22);
    broker.warm_up().unwrap();
    assert_eq!(admin.topics().unwrap()["__consumer_offsets"], 8);
    let before = broker.usage().unwrap();
    assert!(before.resident.bytes() > 50_000_000, "{before:?}");
    assert!(before.cpu.as_millis() > 100, "{before:?}");
}

#[test]
fn topics_are_made_as_declared_and_taken_away() {
    let broker = local();
    let mut lease = lease(broker);
    let mut spec = TopicSpec::new("lifecycle.declared", 3);
    spec.replication = 3;
    spec.configuration = [("retention.ms", "60000"), ("cleanup.policy", "compact,delete")]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .into();
    lease.create_topics(&[spec.clone()]).unwrap();
    let state = lease.admin().describe("lifecycle.declared").unwrap().unwrap();
    assert_eq!((state.partitions, state.replication), (3, 1), "one broker, one replica");
    assert_eq!(state.configuration["retention.ms"], "60000");
    assert_eq!(state.configuration["cleanup.policy"], "compact,delete");
    assert_eq!(lease.admin().describe("lifecycle").unwrap(), None);

    let again = lease.create_topics(&[spec.clone()]).unwrap_err().to_string();
    assert!(
        again.starts_with("could not create the topic lifecycle.declared at 127.0.0.1:"),
        "{again}"
    );
    assert!(again.contains("already exists"), "{again}");
    spec.name = "no such name!".to_owned();
    let error = lease.create_topics(&[spec]).unwrap_err().to_string();
    assert!(error.contains("no such name!"), "{error}");
    lease.release().unwrap();
    assert_eq!(broker.admin().unwrap().describe("lifecycle.declared").unwrap(), None);
}

#[test]
fn ports_taken_a_restart_and_a_death() {
    // Nothing answers at the first port, another broker does at the second.
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let other: u16 = local().bootstrap().rsplit_once(':').unwrap().1.parse().unwrap();
    let taken = [listener.local_addr().unwrap().port(), other];
    let options = Options {
        ports: taken.to_vec(),
        storage: Storage::Memory { room: Size(1) },
        ..Options::default()
    };
    let mut broker = start(Wanted::Local, &options).unwrap();
    assert!(broker.folder().unwrap().starts_with("/dev/shm"));
    assert!(
        taken
            .iter()
            .all(|port| broker.bootstrap() != format!("127.0.0.1:{port}"))
    );

    lease(&broker).create_topics(&[TopicSpec::new("kept", 2)]).unwrap();
    produce(broker.bootstrap(), "kept", 1, &["a", "b"]);
    for how in [Halt::Clean, Halt::Killed] {
        let process = broker.process().unwrap();
        broker.halt(how).unwrap();
        assert!(!runs(process));
        let error = broker.check().unwrap_err().to_string();
        assert!(error.starts_with("the broker ended ("), "{error}");
        broker.resume().unwrap();
        assert_ne!(broker.process().unwrap(), process);
        assert_eq!(watermarks(broker.bootstrap(), "kept", 1), (0, 2), "{how:?}");
    }

    let folder = broker.folder().unwrap().to_owned();
    let process = broker.process().unwrap();
    rustix::process::kill_process(rustix::process::Pid::from_raw(process as i32).unwrap(), Signal::KILL).unwrap();
    eventually("its death is noticed", || broker.check().is_err());
    let error = broker.check().unwrap_err();
    assert!(
        matches!(&error, BrokerError::Died { status, .. } if status == "killed by signal 9"),
        "{error:?}"
    );
    broker.stop();
    assert!(is_gone(&folder));
}

#[test]
fn a_broker_that_can_not_start_says_why() {
    let options = Options::default().with("log.retention.ms", "soon");
    let error = start(Wanted::Local, &options).unwrap_err();
    let text = error.to_string();
    assert!(text.contains("log.retention.ms") && text.contains("soon"), "{text}");
    assert!(matches!(error, BrokerError::Died { .. }));
}

#[test]
fn what_is_missing_is_said() {
    if role().is_some() {
        // A child, without an engine and without Java.
        let error = Broker::start(Wanted::Best, &Options::default(), &here(), &mut |_| {}).unwrap_err();
        return hold(&format!("{error}\nhelp: {}", error.help()).replace('\n', "|"));
    }
    let actor = Actor::play(
        "lifecycle::what_is_missing_is_said",
        "nothing",
        &[("PATH", ""), ("JAVA_HOME", ""), ("DOCKER_HOST", "unix:///no/such.sock")],
    );
    insta::assert_snapshot!(actor.held.replace('|', "\n"), @r"
    no broker to run on
      docker   no engine answers at unix:///no/such.sock
      local    Java 17 or newer not found
      mock     available, for a smoke test only: lagproof verify --broker mock
    help: start Docker, or install a Java runtime, or name a declared environment with --broker
    ");
    drop(actor.stdin);

    let java = here().find("java").expect("Java for the tests");
    let folder = java.parent().unwrap();
    let only_java = Surroundings::default()
        .with("JAVA_HOME", folder.parent().map(Path::as_os_str))
        .with("LAGPROOF_CACHE", Some(OsStr::new("/no/such")));
    let error = Broker::start(Wanted::Local, &Options::default(), &only_java, &mut |_| {}).unwrap_err();
    let text = format!("{error}\nhelp: {}", error.help());
    assert!(
        text.contains("neither KAFKA_HOME nor Maven to fetch Apache Kafka with"),
        "{text}"
    );
    assert!(
        text.ends_with("help: install Maven, or name a declared environment with --broker"),
        "{text}"
    );
}

#[test]
fn nothing_is_left_however_its_process_ends() {
    if role().is_some() {
        let broker = start(Wanted::Local, &Options::default()).unwrap();
        let folder = broker.folder().unwrap().display();
        return hold(&format!(
            "{} {} {folder}",
            broker.process().unwrap(),
            broker.bootstrap()
        ));
    }
    // Fetched by now, so that no child has to.
    local();
    for signal in [Some(Signal::KILL), Some(Signal::INT), None] {
        let actor = Actor::play("lifecycle::nothing_is_left_however_its_process_ends", "hold", &[]);
        let mut held = actor.held.splitn(3, ' ');
        let process: u32 = held.next().unwrap().parse().unwrap();
        let bootstrap = held.next().unwrap().to_owned();
        let folder = Path::new(held.next().unwrap()).to_owned();
        assert!(runs(process) && folder.join("data").exists() && TcpStream::connect(&bootstrap).is_ok());
        match signal {
            Some(signal) => actor.signal(signal),
            None => {
                let Actor { mut child, stdin, .. } = actor;
                drop(stdin);
                assert!(child.wait().unwrap().success());
                assert!(!runs(process) && is_gone(&folder), "at once, where it ended by itself");
            }
        }
        eventually("its broker is gone", || {
            !runs(process) && TcpStream::connect(&bootstrap).is_err()
        });
        eventually("its folder is gone", || is_gone(&folder));
    }
}
