//! What the group does while a batch takes long, or while a downstream is down.

use std::time::Duration;

use lagproof_client::{DownstreamUnavailable, Error};
use rdkafka::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rustix::process::Signal;
use serde_json::json;

use super::kafka::{self, Kafka};
use super::run;
use super::said;
use super::service::{Service, eventually, within};
use super::told::Told;

/// The first has paused its partitions when the second joins, and gets some of them back.
#[tokio::test(flavor = "multi_thread")]
async fn what_was_paused_when_it_was_taken_away_is_read_again() {
    let (service, kafka) = (Service::new(), kafka::shared());
    let topic = kafka.topic(2).await;
    let times = json!({
        "session_timeout_ms": 6000, "max_poll_interval_ms": 6000, "partition_assignment_strategy": ["range"],
    });
    service.seed(&[&topic], json!({"consumer": times}));
    kafka.produce_numbers(&topic, 2, 0..40);
    let slow = || {
        Told::new(async |_| {
            tokio::time::sleep(Duration::from_millis(500)).await;
            Ok(())
        })
    };
    let (first, second) = (slow(), slow());
    let one = run!(service, kafka, first.clone());
    // Half of the poll interval: 3 s.
    eventually("it has paused", || first.count() >= 9).await;
    let other = run!(service, kafka, second.clone());
    eventually("each has a partition", || {
        one.handle.positions().len() == 1 && other.handle.positions().len() == 1
    })
    .await;
    within(60, "all are seen", || first.count() + second.count() >= 40).await;
    kafka.produce_numbers(&topic, 2, 40..50);
    within(30, "both go on", || first.count() + second.count() >= 50).await;
    one.stop().await.unwrap();
    other.stop().await.unwrap();
    let mut numbers = [first.numbers(), second.numbers()].concat();
    numbers.sort_unstable();
    assert_eq!(numbers, (0..50).collect::<Vec<_>>());
    assert_eq!(kafka.committed(&service.group, &topic), kafka.ends(&topic));
}

/// Another process takes its static id over, which the client says once, while a batch is in hand.
#[tokio::test(flavor = "multi_thread")]
async fn what_ends_the_client_during_a_batch_ends_the_run() {
    let (service, kafka) = (Service::new(), kafka::shared());
    let topic = kafka.topic(1).await;
    let times = json!({
        "session_timeout_ms": 6000, "max_poll_interval_ms": 6000, "partition_assignment_strategy": ["range"],
    });
    service.seed(&[&topic], json!({"consumer": times, "instance_id": "mine"}));
    kafka.produce_numbers(&topic, 1, 0..10);
    let told = Told::new(async |_| {
        tokio::time::sleep(Duration::from_millis(1000)).await;
        Ok(())
    });
    let running = run!(service, kafka, told.clone());
    eventually("it is in the middle", || told.count() == 1).await;
    let thief: BaseConsumer = ClientConfig::new()
        .set("bootstrap.servers", &kafka.bootstrap)
        .set("group.id", &service.group)
        .set("group.instance.id", "mine")
        .set("partition.assignment.strategy", "range")
        .set("session.timeout.ms", "6000")
        .create()
        .unwrap();
    thief.subscribe(&[&topic]).unwrap();
    std::thread::spawn(move || {
        for _ in 0..200 {
            thief.poll(Duration::from_millis(100));
        }
    });
    let ended = running.ended(60).await.unwrap_err();
    assert!(matches!(&ended, Error::Kafka { .. }), "{ended}");
    assert!(told.count() < 10 || said::count(&[&service.name, "goes on"]) > 0);
}

/// Tries that take long, many of them waiting for one another.
#[tokio::test(flavor = "multi_thread")]
async fn while_the_downstream_is_down_partitions_are_given_back_soon() {
    let (service, kafka) = (Service::new(), kafka::shared());
    let topic = kafka.topic(2).await;
    let consumer = json!({"max_poll_interval_ms": 300_000, "partition_assignment_strategy": ["range"]});
    service.seed(&[&topic], json!({"consumer": consumer, "concurrency": 40}));
    kafka.produce_numbers(&topic, 2, 0..40);
    let told = || {
        Told::new(async |_| {
            tokio::time::sleep(Duration::from_secs(3)).await;
            Err(DownstreamUnavailable("it does not answer".to_owned()).into())
        })
    };
    let one = run!(service, kafka, told());
    eventually("the circuit is open", || one.handle.downstream_is_down()).await;
    let other = run!(service, kafka, told());
    eventually("each has a partition", || {
        one.handle.positions().len() == 1 && other.handle.positions().len() == 1
    })
    .await;
    one.stop().await.unwrap();
    other.stop().await.unwrap();
}

/// A topic that can't be: while it waits to try again, a stop is not waited out.
#[tokio::test(flavor = "multi_thread")]
async fn a_stop_ends_the_pause_between_tries_to_put_a_record_away() {
    let (service, kafka) = (Service::new(), kafka::shared());
    let topic = kafka.topic(1).await;
    let retry = json!({"attempts": 1, "backoff_ms": 10, "dead_letter": "no such topic"});
    let delivery = json!({"commit": "after-batch", "isolation": "read-committed", "retry": retry});
    service.seed(&[&topic], json!({"delivery": delivery}));
    kafka.produce_numbers(&topic, 1, 0..1);
    let running = run!(service, kafka, Told::new(async |_| Err("no".into())));
    let tries = || said::count(&[&service.name, "could not be written"]);
    let pauses = || said::count(&[&service.name, "could not be written", "trying again in 4 s"]) > 0;
    within(60, "it pauses", pauses).await;
    let before = tries();
    running.stop().await.unwrap();
    assert_eq!(tries(), before);
    assert!(kafka.committed(&service.group, &topic).is_empty());
}

/// Its connections stand, and nothing comes: who looks on waits once, and not for each partition.
#[tokio::test(flavor = "multi_thread")]
async fn a_broker_that_hangs_is_not_asked_for_each_partition() {
    let service = Service::new();
    let kafka: &'static Kafka = Box::leak(Box::new(Kafka::start()));
    let topic = kafka.topic(20).await;
    service.seed(&[&topic], json!({}));
    kafka.produce_numbers(&topic, 20, 0..20);
    let told = Told::new(async |_| Ok(()));
    let running = run!(service, kafka, told.clone());
    eventually("all are seen", || told.count() == 20).await;
    assert_eq!(running.handle.behind().await.len(), 20);
    kafka.signal(Signal::STOP);
    let behind = tokio::time::timeout(Duration::from_secs(40), running.handle.behind()).await;
    kafka.signal(Signal::CONT);
    assert!(behind.expect("it gives up").len() < 20);
    running.stop().await.unwrap();
}
