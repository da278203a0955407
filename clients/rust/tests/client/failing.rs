//! Handlers that fail, hang, panic or find their downstream down.

use std::collections::{BTreeMap, HashMap};
use std::io;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use lagproof_client::{BaseKafkaConsumer, BatchHandler, BoxError, DownstreamUnavailable, Error, OnPoison, Record};
use rdkafka::Message;
use rdkafka::message::{Headers, OwnedMessage};
use serde_json::{Value as Json, json};

use super::kafka;
use super::run;
use super::said;
use super::service::{Service, eventually, within};
use super::told::{Seen, Told, start};

fn retry(attempts: u32, dead: &str) -> Json {
    let retry = json!({"attempts": attempts, "backoff_ms": 10, "dead_letter": dead});
    json!({"commit": "after-batch", "isolation": "read-committed", "retry": retry})
}

fn headers(letter: &OwnedMessage) -> HashMap<String, String> {
    let headers = letter.headers().unwrap();
    let text = |bytes: Option<&[u8]>| String::from_utf8(bytes.unwrap().to_vec()).unwrap();
    headers
        .iter()
        .map(|one| (one.key.to_owned(), text(one.value)))
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_poison_record_goes_to_the_dead_letters_and_the_rest_goes_on() {
    let (service, kafka) = (Service::new(), kafka::shared());
    let (topic, dead) = (kafka.topic(1).await, kafka.topic(1).await);
    service.seed(&[&topic], json!({"delivery": retry(3, &dead)}));
    let records: Vec<_> = (0..10).map(|number| (Some("k"), number.to_string())).collect();
    kafka.produce_to(&topic, 0, &records);
    let tries = Arc::new(Mutex::new(HashMap::<usize, u32>::new()));
    let counts = tries.clone();
    let told = Told::new(move |seen: Seen| {
        let tries = {
            let mut counts = counts.lock().unwrap();
            let tries = counts.entry(seen.number()).or_default();
            *tries += 1;
            *tries
        };
        async move {
            match seen.number() {
                4 => Err("can't read it".into()),
                7 if tries < 3 => panic!("not yet"),
                _ => Ok(()),
            }
        }
    });
    let running = run!(service, kafka, told.clone());
    eventually("nine are through", || told.count() == 9).await;
    eventually("all are counted", || running.handle.counters().processed == 10).await;
    assert_eq!(running.handle.counters().failed, 1);
    running.stop().await.unwrap();
    let tries = tries.lock().unwrap().clone();
    assert_eq!((tries[&4], tries[&7]), (3, 3));
    assert_eq!(told.numbers(), [0, 1, 2, 3, 5, 6, 7, 8, 9]);
    assert_eq!(kafka.committed(&service.group, &topic), BTreeMap::from([(0, 10)]));
    let letter = &kafka.read(&dead, 1)[0];
    assert_eq!((letter.key(), letter.payload()), (Some(&b"k"[..]), Some(&b"4"[..])));
    let headers = headers(letter);
    assert_eq!(
        (headers["lagproof.offset"].as_str(), &headers["lagproof.topic"]),
        ("4", &topic)
    );
    assert_eq!(headers["lagproof.attempts"], "3");
    assert!(headers["lagproof.error"].contains("can't read it"));
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_dead_letter_topic_it_stops_before_the_record_or_skips_it_aloud() {
    let (service, kafka) = (Service::new(), kafka::shared());
    let topic = kafka.topic(1).await;
    service.seed(&[&topic], json!({}));
    kafka.produce_numbers(&topic, 1, 0..10);
    let told = || Told::new(async |seen: Seen| if seen.number() == 4 { Err("no".into()) } else { Ok(()) });
    let refused = run!(service, kafka, told()).ended(60).await.unwrap_err();
    let text = refused.to_string();
    assert!(matches!(refused, Error::PoisonRecord { .. }));
    assert!(
        text.contains("@4 failed, tries: 1 (no)") && text.contains("nothing is lost"),
        "{text}"
    );
    assert_eq!(kafka.committed(&service.group, &topic), BTreeMap::from([(0, 4)]));
    let skips = told();
    let running = run!(service, kafka, skips.clone(), on_poison(OnPoison::Skip));
    eventually("the rest is through", || skips.count() == 5).await;
    running.stop().await.unwrap();
    assert!(said::at(log::Level::Error, &[&service.name, "@4 failed", "SKIPPED"]));
    assert_eq!(kafka.committed(&service.group, &topic), BTreeMap::from([(0, 10)]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_handler_that_hangs_is_ended_and_its_record_kept() {
    let kafka = kafka::shared();
    for concurrency in [1, 3] {
        let service = Service::new();
        let (topic, dead) = (kafka.topic(1).await, kafka.topic(1).await);
        let times = json!({"max_poll_interval_ms": 6000, "session_timeout_ms": 6000});
        let settings = json!({"consumer": times, "delivery": retry(1, &dead), "concurrency": concurrency});
        service.seed(&[&topic], settings);
        kafka.produce_numbers(&topic, 1, 0..6);
        let told = Told::new(async |seen: Seen| {
            if seen.number() == 2 {
                std::future::pending::<()>().await;
            }
            Ok(())
        });
        let running = run!(service, kafka, told.clone());
        within(40, "the others are through", || told.count() == 5).await;
        within(40, "it is through", || running.handle.in_hand().is_none()).await;
        assert_eq!(
            running.handle.counters().rebalances,
            1,
            "the group did not throw it out"
        );
        running.stop().await.unwrap();
        let letter = &kafka.read(&dead, 1)[0];
        assert_eq!(Seen::of(letter).number(), 2);
        assert!(headers(letter)["lagproof.error"].contains("HandlerTimeout"));
        assert_eq!(kafka.committed(&service.group, &topic), BTreeMap::from([(0, 6)]));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_downstream_that_is_down_is_waited_for() {
    let kafka = kafka::shared();
    for concurrency in [1, 4] {
        let (service, topic) = (Service::new(), kafka.topic(1).await);
        service.seed(&[&topic], json!({"concurrency": concurrency}));
        kafka.produce_numbers(&topic, 1, 0..20);
        let (down, calls) = (Arc::new(AtomicBool::new(true)), Arc::new(AtomicUsize::new(0)));
        let (is_down, called) = (down.clone(), calls.clone());
        let told = Told::new(move |seen: Seen| {
            called.fetch_add(1, Ordering::SeqCst);
            let fails = is_down.load(Ordering::SeqCst) && seen.number() >= 5;
            async move {
                match fails {
                    true => Err(DownstreamUnavailable("the database says no".to_owned()).into()),
                    false => Ok(()),
                }
            }
        });
        let pause = Duration::from_millis(300);
        let running = run!(
            service,
            kafka,
            told.clone(),
            downstream_pauses(pause, Duration::from_secs(60))
        );
        eventually("the circuit is open", || running.handle.downstream_is_down()).await;
        tokio::time::sleep(Duration::from_millis(2500)).await;
        assert!(calls.load(Ordering::SeqCst) < 20, "it does not hammer what is down");
        assert!(
            kafka
                .committed(&service.group, &topic)
                .get(&0)
                .is_none_or(|to| *to <= 5)
        );
        down.store(false, Ordering::SeqCst);
        eventually("all are through", || told.count() == 20).await;
        eventually("all are counted", || running.handle.counters().processed == 20).await;
        assert_eq!(running.handle.counters().failed, 0);
        running.stop().await.unwrap();
        assert_eq!(said::count(&[&service.name, "circuit open"]), 1);
        assert!(said::count(&[&service.name, "circuit closed"]) > 0);
        assert_eq!(kafka.committed(&service.group, &topic), BTreeMap::from([(0, 20)]));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stop_while_the_downstream_is_down_is_quick_and_loses_nothing() {
    let (service, kafka) = (Service::new(), kafka::shared());
    let topic = kafka.topic(1).await;
    service.seed(&[&topic], json!({}));
    kafka.produce_numbers(&topic, 1, 0..20);
    let told = Told::new(async |seen: Seen| match seen.number() {
        5.. => Err(io::Error::from(io::ErrorKind::ConnectionRefused).into()),
        _ => Ok(()),
    });
    let running = run!(service, kafka, told.clone());
    eventually("the circuit is open", || running.handle.downstream_is_down()).await;
    running.stop().await.unwrap();
    assert_eq!(kafka.committed(&service.group, &topic), BTreeMap::from([(0, 5)]));
}

struct Fives(Mutex<Vec<usize>>);

impl BatchHandler for Fives {
    async fn process_batch(&self, records: &[Record]) -> Result<(), BoxError> {
        let numbers: Vec<usize> = records.iter().map(|record| Seen::of(record).number()).collect();
        if numbers.contains(&5) {
            return Err("five".into());
        }
        self.0.lock().unwrap().extend(numbers);
        Ok(())
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failing_batch_is_taken_apart() {
    let (service, kafka) = (Service::new(), kafka::shared());
    let (topic, dead) = (kafka.topic(1).await, kafka.topic(1).await);
    service.seed(&[&topic], json!({"delivery": retry(2, &dead)}));
    kafka.produce_numbers(&topic, 1, 0..8);
    let fives = Arc::new(Fives(Mutex::default()));
    let consumer = BaseKafkaConsumer::of_batches(&service.name, service.loader(), fives.clone());
    let running = start(consumer.metrics_every(Duration::ZERO), &kafka.bootstrap);
    eventually("seven are through", || fives.0.lock().unwrap().len() == 7).await;
    assert_eq!(Seen::of(&kafka.read(&dead, 1)[0]).number(), 5);
    running.stop().await.unwrap();
    let mut done = fives.0.lock().unwrap().clone();
    done.sort_unstable();
    assert_eq!(done, [0, 1, 2, 3, 4, 6, 7]);
    assert_eq!(kafka.committed(&service.group, &topic), BTreeMap::from([(0, 8)]));
}
