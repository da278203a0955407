//! What panics outside of a handler's future: nothing is passed by.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use lagproof_client::{BaseKafkaConsumer, BoxError, Error, Handler, Observer, Record};
use serde_json::json;

use super::kafka;
use super::run;
use super::service::{Service, eventually};
use super::told::{Seen, Told, start};

/// Looks at a record before it gives its future, and chokes on one.
struct Early(Mutex<Vec<usize>>);

impl Handler for Early {
    fn process(&self, record: &Record) -> impl Future<Output = Result<(), BoxError>> + Send {
        let number = Seen::of(record).number();
        assert_ne!(number, 4, "can't read it");
        self.0.lock().unwrap().push(number);
        async { Ok(()) }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_handler_that_panics_before_it_gives_its_future_has_failed() {
    let kafka = kafka::shared();
    for concurrency in [1, 3] {
        let service = Service::new();
        let (topic, dead) = (kafka.topic(1).await, kafka.topic(1).await);
        let retry = json!({"attempts": 2, "backoff_ms": 10, "dead_letter": dead});
        let delivery = json!({"commit": "after-batch", "isolation": "read-committed", "retry": retry});
        service.seed(&[&topic], json!({"delivery": delivery, "concurrency": concurrency}));
        kafka.produce_numbers(&topic, 1, 0..10);
        let early = Arc::new(Early(Mutex::default()));
        let running = run!(service, kafka, early.clone());
        eventually("all are counted", || running.handle.counters().processed == 10).await;
        running.stop().await.unwrap();
        let mut numbers = early.0.lock().unwrap().clone();
        numbers.sort_unstable();
        assert_eq!(numbers, [0, 1, 2, 3, 5, 6, 7, 8, 9]);
        assert_eq!(Seen::of(&kafka.read(&dead, 1)[0]).number(), 4);
        assert_eq!(kafka.committed(&service.group, &topic), BTreeMap::from([(0, 10)]));
    }
}

/// Fails, and can't say how.
struct Mute;

impl Handler for Mute {
    async fn process(&self, record: &Record) -> Result<(), BoxError> {
        match Seen::of(record).number() {
            4 => Err("no".into()),
            _ => Ok(()),
        }
    }

    fn is_downstream(&self, error: &BoxError) -> bool {
        panic!("what is {error}?")
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_panic_outside_of_a_handler_ends_the_run_before_the_record() {
    let kafka = kafka::shared();
    for concurrency in [1, 3] {
        let (service, topic) = (Service::new(), kafka.topic(1).await);
        service.seed(
            &[&topic],
            json!({"consumer": {"max_poll_records": 5}, "concurrency": concurrency}),
        );
        kafka.produce_numbers(&topic, 1, 0..10);
        assert!(run!(service, kafka, Mute).panicked(30).await, "{concurrency}");
        let committed = || kafka.committed(&service.group, &topic);
        eventually("what came before is committed", || {
            committed() == BTreeMap::from([(0, 4)])
        })
        .await;
    }
}

struct Chokes;

impl Observer for Chokes {
    fn assigned(&self, partitions: &[(String, i32)]) {
        panic!("so many: {}", partitions.len())
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_panic_in_the_clients_thread_ends_the_run() {
    let (service, kafka) = (Service::new(), kafka::shared());
    let topic = kafka.topic(1).await;
    service.seed(&[&topic], json!({}));
    let told = Told::new(async |_| Ok(()));
    let consumer = BaseKafkaConsumer::new(&service.name, service.loader(), told.clone()).observer(Arc::new(Chokes));
    let running = start(consumer.metrics_every(Duration::ZERO), &kafka.bootstrap);
    let ended = running.ended(30).await.unwrap_err();
    assert!(matches!(&ended, Error::Broken { .. }), "{ended}");
}
