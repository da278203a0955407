//! `clients/cases/behaviour.json` on a real broker.

use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use lagproof_client::{BaseKafkaConsumer, Batch, BoxError, Error, Handler, Record};
use serde_json::{Value as Json, json};

use super::cases::cases;
use super::kafka::{self, Kafka};
use super::service::{Service, within};
use super::told::{Seen, start};

/// Fails as its case says.
struct Case {
    records: Vec<Json>,
    tries: Mutex<Vec<usize>>,
    begun: Mutex<HashMap<String, Vec<usize>>>,
    now: AtomicUsize,
    most: AtomicUsize,
    largest: AtomicUsize,
}

impl Handler for Case {
    async fn batch_begins(&self, batch: &Batch<'_>) {
        self.largest.fetch_max(batch.len(), Ordering::SeqCst);
    }

    async fn process(&self, record: &Record) -> Result<(), BoxError> {
        let seen = Seen::of(record);
        let number = seen.number();
        let now = self.now.fetch_add(1, Ordering::SeqCst) + 1;
        self.most.fetch_max(now, Ordering::SeqCst);
        let tries = {
            let mut tries = self.tries.lock().unwrap();
            tries[number] += 1;
            tries[number]
        };
        if let (1, Some(key)) = (tries, seen.key) {
            self.begun.lock().unwrap().entry(key).or_default().push(number);
        }
        tokio::time::sleep(Duration::from_millis(2)).await;
        self.now.fetch_sub(1, Ordering::SeqCst);
        let fails = &self.records[number]["fails"];
        if fails == "always" || fails.as_u64().is_some_and(|fails| tries as u64 <= fails) {
            return Err(format!("try {tries} of {number} fails").into());
        }
        Ok(())
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_base_consumer_does_all_of_it() {
    let found = cases("behaviour.json");
    assert!(found.len() >= 13);
    for case in found {
        println!("{}", case["name"]);
        does(&case, kafka::shared()).await;
    }
}

async fn does(case: &Json, kafka: &Kafka) {
    let name = case["name"].as_str().unwrap();
    let partitions = i32::try_from(case["partitions"].as_i64().unwrap()).unwrap();
    let (topic, dead, service) = (kafka.topic(partitions).await, kafka.topic(1).await, Service::new());
    let delivery = case["delivery"].to_string().replace("{dead_letter}", &dead);
    service.seed(
        &[&topic],
        json!({
            "consumer": {"max_poll_records": case["max_poll_records"]},
            "concurrency": case["concurrency"],
            "delivery": serde_json::from_str::<Json>(&delivery).unwrap(),
        }),
    );
    let records = case["records"].as_array().unwrap().clone();
    for (number, record) in records.iter().enumerate() {
        let partition = i32::try_from(record["partition"].as_i64().unwrap()).unwrap();
        kafka.produce_to(&topic, partition, &[(record["key"].as_str(), number.to_string())]);
    }
    let (expect, count) = (&case["expect"], records.len());
    let handler = Arc::new(Case {
        tries: Mutex::new(vec![0; count]),
        records,
        begun: Mutex::default(),
        now: AtomicUsize::new(0),
        most: AtomicUsize::new(0),
        largest: AtomicUsize::new(0),
    });
    let consumer = BaseKafkaConsumer::new(&service.name, service.loader(), handler.clone());
    let running = start(consumer.metrics_every(Duration::ZERO), &kafka.bootstrap);
    if expect["ends"] == "poison" {
        let ended = running.ended(60).await;
        assert!(matches!(ended, Err(Error::PoisonRecord { .. })), "{name}: {ended:?}");
    } else {
        within(60, name, || {
            running.handle.counters().processed == count as u64 || running.is_over()
        })
        .await;
        running.stop().await.unwrap();
    }
    let tries = handler
        .tries
        .lock()
        .unwrap()
        .iter()
        .map(|tries| (*tries > 0).then_some(*tries))
        .collect::<Vec<_>>();
    assert_eq!(json!(tries), expect["tries"], "{name}");
    let committed: BTreeMap<String, i64> = kafka
        .committed(&service.group, &topic)
        .iter()
        .map(|(at, to)| (at.to_string(), *to))
        .collect();
    assert_eq!(json!(committed), expect["committed"], "{name}");
    let wanted = expect["dead_letters"].as_array().unwrap().len();
    let letters = if wanted == 0 {
        Vec::new()
    } else {
        kafka.read(&dead, wanted)
    };
    let mut letters: Vec<usize> = letters.iter().map(|letter| Seen::of(letter).number()).collect();
    letters.sort_unstable();
    assert_eq!(json!(letters), expect["dead_letters"], "{name}");
    assert!(
        handler.most.load(Ordering::SeqCst) as u64 <= expect["most_at_once"].as_u64().unwrap(),
        "{name}"
    );
    assert!(
        handler.largest.load(Ordering::SeqCst) as u64 <= expect["batches_at_most"].as_u64().unwrap(),
        "{name}"
    );
    for numbers in handler.begun.lock().unwrap().values() {
        assert!(numbers.is_sorted(), "{name}: {numbers:?}");
    }
}
