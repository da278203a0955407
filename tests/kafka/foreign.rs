//! Somebody else's cluster: the shared broker, declared as an environment.

use std::fs;
use std::path::Path;
use std::time::Duration;

use lagproof::broker::{
    Admin, Broker, BrokerError, Caps, Connection, Kind, Lease, Options, Permit, Refusal, TopicSpec, Wanted, clean,
};
use lagproof::model::broker::{Environment, LoadPermission};
use lagproof::units::Size;
use rdkafka::consumer::{CommitMode, Consumer};
use rustix::process::Signal;

use super::build::environment;
use super::support::{Actor, consumer, eventually, hold, lease, local, produce, role, start, watermarks};

fn declared(load: LoadPermission, cluster_id: Option<&str>) -> Environment {
    Environment {
        brokers: vec![local().bootstrap().to_owned()],
        load,
        cluster_id: cluster_id.map(str::to_owned),
        topics: Vec::new(),
        ..environment("staging", "unused", 1)
    }
}

fn permitted() -> Environment {
    let id = local().admin().unwrap().cluster_id().unwrap();
    declared(LoadPermission::Allowed, Some(&id))
}

fn reach(environment: &Environment) -> Broker {
    start(Wanted::Declared(environment), &Options::default()).unwrap()
}

fn request(environment: &Environment, journals: &Path) -> Result<Lease, BrokerError> {
    reach(environment).lease(Caps::default(), journals)
}

#[test]
fn without_permission_nothing_is_made() {
    let journals = tempfile::tempdir().unwrap();
    let id = local().admin().unwrap().cluster_id().unwrap();
    let mut said = String::new();
    for environment in [
        declared(LoadPermission::Refused, Some(&id)),
        declared(LoadPermission::Allowed, None),
        declared(LoadPermission::Allowed, Some("another")),
    ] {
        let error = request(&environment, journals.path()).unwrap_err();
        said += &format!("{error}\nhelp: {}\n", error.help()).replace(&id, "ID");
    }
    insta::assert_snapshot!(said, @r#"
    load may not be driven at the environment staging
    help: set load = true in [environments.staging] of lagproof.toml, with the cluster's id, if this cluster may carry test load
    the environment staging names no cluster_id, so that nothing says whether the cluster ID is meant
    help: if this is the cluster that is meant, add cluster_id = "ID" to [environments.staging] of lagproof.toml
    the brokers of the environment staging belong to the cluster ID, but another is declared
    help: correct the bootstrap servers, or the id if the cluster was set up anew
    "#);
    assert_eq!(fs::read_dir(journals.path()).unwrap().count(), 0);
}

#[test]
fn an_environment_says_what_it_is_and_is_not_ours_to_stop() {
    let mut broker = reach(&permitted());
    assert_eq!(broker.kind(), Kind::Declared);
    assert!(
        broker.to_string().starts_with("the environment staging (cluster l"),
        "{broker}"
    );
    assert_eq!(broker.version(), "4.0");
    broker.check().unwrap();
    assert!(broker.halt(lagproof::broker::Halt::Clean).is_err());

    let mut nobody = permitted();
    nobody.brokers = Vec::new();
    let error = start(Wanted::Declared(&nobody), &Options::default())
        .unwrap_err()
        .to_string();
    assert_eq!(
        error,
        "could not connect to the environment staging: it declares no brokers in lagproof.toml"
    );
}

#[test]
fn caps_hold_before_anything_is_made() {
    let journals = tempfile::tempdir().unwrap();
    let environment = permitted();
    let admin = Admin::connect(&Connection::plain(local().bootstrap())).unwrap();
    let caps = Caps {
        bytes: Size(1_000_000),
        partitions: 5,
    };
    let permit = Permit::request(&environment, &admin, caps).unwrap();
    let mut lease = Lease::foreign(admin, permit, journals.path()).unwrap();
    lease.create_topics(&[TopicSpec::new("caps", 3)]).unwrap();
    let error = lease.create_topics(&[TopicSpec::new("caps.more", 2), TopicSpec::new("caps.most", 1)]);
    let error = error.unwrap_err();
    assert!(matches!(
        error,
        BrokerError::Refused(Refusal::Partitions { wanted: 6, cap: 5 })
    ));
    lease.promise(Size(600_000)).unwrap();
    let error = lease.promise(Size(600_000)).unwrap_err();
    assert_eq!(
        error.to_string(),
        "1200kB of records would be written, and 1MB are the most on a cluster that is not ours"
    );
    lease.promise(Size(400_000)).unwrap();
    let error = lease.create_topics(&[TopicSpec::new("caps", 1)]).unwrap_err();
    assert!(matches!(
        error,
        BrokerError::Refused(Refusal::Exists { what: "topic", .. })
    ));

    let name = lease.name("caps");
    assert!(name.starts_with("lagproof-") && name.ends_with("-caps"), "{name}");
    let all = || local().admin().unwrap().topics().unwrap();
    assert_eq!(all()[&name], 3);
    lease.release().unwrap();
    eventually("it is deleted", || !all().contains_key(&name));
    assert_eq!(
        fs::read_dir(journals.path()).unwrap().count(),
        0,
        "the journal ends with the lease"
    );
}

#[test]
fn caps_hold_for_all_leases_together() {
    let journals = tempfile::tempdir().unwrap();
    let broker = reach(&permitted());
    let caps = Caps {
        bytes: Size(1_000_000),
        partitions: 5,
    };
    let lease = || broker.lease(caps, journals.path()).unwrap();
    let (mut first, mut second) = (lease(), lease());
    first.promise(Size(600_000)).unwrap();
    let error = second.promise(Size(600_000)).unwrap_err().to_string();
    assert!(error.starts_with("1200kB of records would be written"), "{error}");
    first.create_topics(&[TopicSpec::new("together", 3)]).unwrap();
    let error = second.create_topics(&[TopicSpec::new("together", 3)]).unwrap_err();
    assert!(matches!(
        error,
        BrokerError::Refused(Refusal::Partitions { wanted: 6, cap: 5 })
    ));
    // What is gone counts no longer as a partition, and was written all the same.
    first.release().unwrap();
    second.create_topics(&[TopicSpec::new("together", 3)]).unwrap();
    assert!(second.promise(Size(600_000)).is_err());
    second.promise(Size(400_000)).unwrap();
    second.release().unwrap();
}

#[test]
fn a_group_that_stays_keeps_no_topic_and_is_finished_later() {
    let journals = tempfile::tempdir().unwrap();
    let admin = local().admin().unwrap();
    let mut lease = request(&permitted(), journals.path()).unwrap();
    lease.create_topics(&[TopicSpec::new("stays", 1)]).unwrap();
    let topic = lease.name("stays");
    let group = lease.claim_group("stays.group", Some(Duration::from_secs(1))).unwrap();
    let member = consumer(local().bootstrap(), &group);
    member.subscribe(&[&topic]).unwrap();
    eventually("it has joined", || {
        let _ = member.poll(Duration::from_millis(100));
        member.assignment().is_ok_and(|assigned| assigned.count() == 1)
    });
    let mut told = Vec::new();
    let error = lease
        .release_telling(&mut |leaving| {
            assert!(!admin.topics().unwrap().contains_key(&topic), "topics do not wait");
            told.push(leaving.group);
        })
        .unwrap_err();
    assert_eq!(told, std::slice::from_ref(&group));
    let said = format!("{error}\nhelp: {}", error.help());
    let said = said.replace(&group, "GROUP").replace(local().bootstrap(), "BROKER");
    insta::assert_snapshot!(said, @r"
    could not delete the group GROUP at BROKER: a member is still in it; groups left there: GROUP
    help: something is in the group for longer than its session lasts: end that, then `lagproof verify --clean` removes the group
    ");
    assert_eq!(fs::read_dir(journals.path()).unwrap().count(), 1);
    drop(member);
    let mut connect = |_: &lagproof::broker::Run| Admin::connect(&Connection::plain(local().bootstrap()));
    let cleaned = clean(journals.path(), &mut connect, &mut |_| {}).unwrap();
    assert_eq!((cleaned.runs.len(), cleaned.failed.len()), (1, 0), "{cleaned:?}");
    assert!(!admin.groups().unwrap().contains(&group));
    assert_eq!(fs::read_dir(journals.path()).unwrap().count(), 0);
}

#[test]
fn a_lease_that_is_dropped_takes_its_things_away() {
    let journals = tempfile::tempdir().unwrap();
    drop(request(&permitted(), journals.path()).unwrap());
    assert_eq!(fs::read_dir(journals.path()).unwrap().count(), 0, "nothing was made");
    let mut lease = request(&permitted(), journals.path()).unwrap();
    lease.create_topics(&[TopicSpec::new("dropped", 1)]).unwrap();
    let name = lease.name("dropped");
    assert_eq!(fs::read_dir(journals.path()).unwrap().count(), 1);
    drop(lease);
    eventually("it is deleted", || {
        !local().admin().unwrap().topics().unwrap().contains_key(&name)
    });
    assert_eq!(fs::read_dir(journals.path()).unwrap().count(), 0);
}

/// What a cluster's owner would compare: topics with their configuration and records, groups with their offsets.
fn state(admin: &Admin) -> String {
    let mut state = String::new();
    for (topic, partitions) in admin.topics().unwrap() {
        if !topic.starts_with("foreign.") {
            continue;
        }
        let description = admin.describe(&topic).unwrap().unwrap();
        let records: Vec<(i64, i64)> = (0..partitions)
            .map(|partition| watermarks(local().bootstrap(), &topic, partition as i32))
            .collect();
        state += &format!("{topic} {description:?} {records:?}\n");
    }
    let group = consumer(local().bootstrap(), "foreign.group");
    let mut partition = rdkafka::TopicPartitionList::new();
    partition.add_partition("foreign.orders", 0);
    state
        + &format!(
            "{:?}",
            group.committed_offsets(partition, Duration::from_secs(10)).unwrap()
        )
}

fn ours(admin: &Admin) -> (Vec<String>, Vec<String>) {
    let run = |name: &String| name.starts_with("lagproof-") && name.contains("-foreign.");
    let topics = admin.topics().unwrap().into_keys().filter(run).collect();
    (topics, admin.groups().unwrap().into_iter().filter(run).collect())
}

const KILLED: &str = "foreign::a_foreign_cluster_is_left_as_it_was_after_kill_9_and_clean";

#[test]
fn a_foreign_cluster_is_left_as_it_was_after_kill_9_and_clean() {
    if role().is_some() {
        return run_of_a_child();
    }
    let admin = local().admin().unwrap();
    let mut theirs = lease(local());
    let mut orders = TopicSpec::new("foreign.orders", 2);
    orders
        .configuration
        .insert("retention.ms".to_owned(), "86400000".to_owned());
    theirs
        .create_topics(&[orders, TopicSpec::new("foreign.other", 1)])
        .unwrap();
    produce(local().bootstrap(), "foreign.orders", 0, &["1", "2", "3"]);
    commit(local().bootstrap(), "foreign.group", "foreign.orders", 2);
    let before = state(&admin);

    let journals = tempfile::tempdir().unwrap();
    let folder = journals.path().display().to_string();
    let id = admin.cluster_id().unwrap();
    let variables = [
        ("LAGPROOF_STATE", &*folder),
        ("CLUSTER", &id),
        ("BOOTSTRAP", local().bootstrap()),
    ];
    let actor = Actor::play(KILLED, "run", &variables);
    let mut connect = |_: &lagproof::broker::Run| Admin::connect(&Connection::plain(local().bootstrap()));
    let cleaned = clean(journals.path(), &mut connect, &mut |_| {}).unwrap();
    assert_eq!(
        (cleaned.running, cleaned.runs.len()),
        (1, 0),
        "one that runs is let run"
    );
    actor.signal(Signal::KILL);
    let (topics, groups) = ours(&admin);
    assert_eq!(
        (topics.len(), groups.len()),
        (2, 1),
        "the kill left them: {topics:?} {groups:?}"
    );

    // Another cluster at that address, and a journal that somebody wrote into: nothing is deleted.
    let journal = fs::read_dir(journals.path()).unwrap().next().unwrap().unwrap().path();
    let text = fs::read_to_string(&journal).unwrap();
    for wrong in [
        text.replace(&id, "another-cluster"),
        format!("{text}{{\"topic\":\"foreign.orders\"}}\n"),
    ] {
        fs::write(&journal, wrong).unwrap();
        let cleaned = clean(journals.path(), &mut connect, &mut |_| {}).unwrap();
        assert_eq!((cleaned.failed.len(), cleaned.runs.len()), (1, 0), "{cleaned:?}");
        assert_eq!(ours(&admin).0, topics);
    }
    fs::write(&journal, text).unwrap();

    let cleaned = clean(journals.path(), &mut connect, &mut |_| {}).unwrap();
    assert!(cleaned.failed.is_empty(), "{cleaned:?}");
    assert_eq!((cleaned.runs.len(), cleaned.runs[0].1), (1, 3));
    eventually("nothing of ours is left", || ours(&admin) == (Vec::new(), Vec::new()));
    assert_eq!(state(&admin), before);
    assert_eq!(fs::read_dir(journals.path()).unwrap().count(), 0);
    assert!(
        clean(journals.path(), &mut connect, &mut |_| {})
            .unwrap()
            .runs
            .is_empty(),
        "twice without harm"
    );
}

/// A run that makes things on somebody's cluster until it is killed.
fn run_of_a_child() {
    let variable = |name: &str| std::env::var(name).unwrap();
    let bootstrap = variable("BOOTSTRAP");
    let environment = Environment {
        brokers: vec![bootstrap.clone()],
        load: LoadPermission::Allowed,
        cluster_id: Some(variable("CLUSTER")),
        ..environment("staging", "unused", 1)
    };
    let broker = reach(&environment);
    let mut lease = broker
        .lease(Caps::default(), Path::new(&variable("LAGPROOF_STATE")))
        .unwrap();
    let topics = ["foreign.orders", "foreign.b"].map(|name| TopicSpec::new(name, 2));
    lease.create_topics(&topics).unwrap();
    let topic = lease.name("foreign.orders");
    produce(&bootstrap, &topic, 0, &["x"; 10]);
    let group = lease.claim_group("foreign.group", None).unwrap();
    commit(&bootstrap, &group, &topic, 5);
    hold(&lease.name(""));
}

/// Has a group with an offset and no members.
fn commit(bootstrap: &str, group: &str, topic: &str, offset: i64) {
    let consumer = consumer(bootstrap, group);
    let mut offsets = rdkafka::TopicPartitionList::new();
    offsets
        .add_partition_offset(topic, 0, rdkafka::Offset::Offset(offset))
        .unwrap();
    consumer.commit(&offsets, CommitMode::Sync).unwrap();
}
