//! The base consumer on a real broker: batches, commits, order, rebalances, stops.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use lagproof::broker::Halt;
use lagproof_client::{BaseKafkaConsumer, BatchHandler, BoxError, Error, Record};
use serde_json::json;

use super::kafka::{self, Kafka};
use super::run;
use super::said;
use super::service::{Service, eventually, within};
use super::told::{Told, start};

fn millis(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

#[tokio::test(flavor = "multi_thread")]
async fn everything_once_and_committed() {
    let (service, kafka) = (Service::new(), kafka::shared());
    let topic = kafka.topic(4).await;
    service.seed(&[&topic], json!({"consumer": {"max_poll_records": 50}}));
    kafka.produce_numbers(&topic, 4, 0..1000);
    let told = Told::new(async |_| Ok(()));
    let running = run!(service, kafka, told.clone());
    eventually("all are seen", || told.count() == 1000).await;
    running.stop().await.unwrap();
    let mut numbers = told.numbers();
    numbers.sort_unstable();
    assert_eq!(numbers, (0..1000).collect::<Vec<_>>());
    assert_eq!(told.most(), 1);
    assert_eq!(kafka.committed(&service.group, &topic), kafka.ends(&topic));
    // Started again, nothing is repeated.
    let again = Told::new(async |_| Ok(()));
    let running = run!(service, kafka, again.clone());
    kafka.produce_to(&topic, 0, &[(None, "7000".to_owned())]);
    eventually("the last is seen", || again.count() > 0).await;
    running.stop().await.unwrap();
    assert_eq!(again.numbers(), [7000]);
}

/// On a runtime of one thread whose handler blocks it: the client is polled all the same.
#[tokio::test]
async fn a_handler_may_block() {
    let (service, kafka) = (Service::new(), kafka::shared());
    let topic = kafka.topic(1).await;
    let times = json!({"session_timeout_ms": 6000, "heartbeat_interval_ms": 500, "max_poll_interval_ms": 6000});
    service.seed(&[&topic], json!({"consumer": times}));
    kafka.produce_numbers(&topic, 1, 0..3);
    let told = Told::new(async |_| {
        std::thread::sleep(Duration::from_secs(3)); // three of them outlast the session and the poll interval
        Ok(())
    });
    let running = run!(service, kafka, told.clone());
    eventually("all are seen", || told.count() == 3).await;
    eventually("it is through", || running.handle.in_hand().is_none()).await;
    assert_eq!(running.handle.counters().rebalances, 1);
    running.stop().await.unwrap();
    assert_eq!(kafka.committed(&service.group, &topic), BTreeMap::from([(0, 3)]));
}

#[tokio::test(flavor = "multi_thread")]
async fn concurrency_is_bounded_and_each_key_keeps_its_order() {
    let (service, kafka) = (Service::new(), kafka::shared());
    let topic = kafka.topic(3).await;
    service.seed(&[&topic], json!({"concurrency": 8}));
    let keys: Vec<String> = (0..20).map(|key| format!("key-{key}")).collect();
    for partition in 0..3 {
        let number = |index: usize| (Some(keys[index % 20].as_str()), index.to_string());
        let records: Vec<_> = (0..200).map(number).collect();
        kafka.produce_to(&topic, partition, &records);
    }
    let told = Told::new(async |seen| {
        tokio::time::sleep(millis(seen.number() as u64 % 5)).await;
        Ok(())
    });
    let running = run!(service, kafka, told.clone());
    eventually("all are seen", || told.count() == 600).await;
    running.stop().await.unwrap();
    assert!((2..=8).contains(&told.most()), "{}", told.most());
    for partition in 0..3 {
        let of_it = told.seen().into_iter().filter(|one| one.partition == partition);
        let mut last: BTreeMap<Option<String>, i64> = BTreeMap::new();
        for one in of_it {
            assert!(
                last.insert(one.key, one.offset)
                    .is_none_or(|before| before < one.offset)
            );
        }
    }
    assert_eq!(kafka.committed(&service.group, &topic), kafka.ends(&topic));
}

struct Sizes(Mutex<Vec<usize>>);

impl BatchHandler for Sizes {
    async fn process_batch(&self, records: &[Record]) -> Result<(), BoxError> {
        self.0.lock().unwrap().push(records.len());
        Ok(())
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn batches_hold_at_most_max_poll_records() {
    let (service, kafka) = (Service::new(), kafka::shared());
    let topic = kafka.topic(2).await;
    service.seed(&[&topic], json!({"consumer": {"max_poll_records": 30}}));
    kafka.produce_numbers(&topic, 2, 0..500);
    let sizes = Arc::new(Sizes(Mutex::default()));
    let consumer = BaseKafkaConsumer::of_batches(&service.name, service.loader(), sizes.clone());
    let running = start(consumer.metrics_every(Duration::ZERO), &kafka.bootstrap);
    eventually("all are seen", || sizes.0.lock().unwrap().iter().sum::<usize>() == 500).await;
    running.stop().await.unwrap();
    assert_eq!(sizes.0.lock().unwrap().iter().max(), Some(&30));
    assert_eq!(kafka.committed(&service.group, &topic), kafka.ends(&topic));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_that_outlasts_the_poll_interval_keeps_its_membership() {
    let (service, kafka) = (Service::new(), kafka::shared());
    let topic = kafka.topic(2).await;
    service.seed(
        &[&topic],
        json!({"consumer": {"max_poll_interval_ms": 6000, "session_timeout_ms": 6000}}),
    );
    kafka.produce_numbers(&topic, 2, 0..30);
    let told = Told::new(async |_| {
        tokio::time::sleep(millis(400)).await;
        Ok(())
    });
    let running = run!(service, kafka, told.clone());
    within(60, "all are seen", || told.count() >= 30).await;
    eventually("it is through", || running.handle.in_hand().is_none()).await;
    assert_eq!(running.handle.counters().rebalances, 1);
    assert!(said::count(&[&service.name, "takes longer than max_poll_interval"]) > 0);
    running.stop().await.unwrap();
    let mut numbers = told.numbers();
    numbers.sort_unstable();
    assert_eq!(numbers, (0..30).collect::<Vec<_>>());
    assert_eq!(kafka.committed(&service.group, &topic), kafka.ends(&topic));
}

/// Seven of ten never get through: what is committed when it is cancelled there.
#[tokio::test(flavor = "multi_thread")]
async fn offsets_are_committed_when_the_row_says() {
    let kafka = kafka::shared();
    for (commit, meanwhile, at_the_end) in [
        ("after-batch", None, Some(3)),
        ("after-record", Some(3), Some(3)),
        ("on-receipt", Some(10), Some(10)),
        ("interval", Some(3), Some(3)),
    ] {
        let (service, topic) = (Service::new(), kafka.topic(1).await);
        service.seed(
            &[&topic],
            json!({"delivery": {"commit": commit, "commit_interval_ms": 100}}),
        );
        kafka.produce_numbers(&topic, 1, 0..10);
        let told = Told::new(async |seen| {
            if seen.number() >= 3 {
                std::future::pending::<()>().await;
            }
            Ok(())
        });
        let running = run!(service, kafka, told.clone(), grace(millis(200)));
        eventually("three are through", || told.count() == 3 && told.now() == 1).await;
        let committed = || kafka.committed(&service.group, &topic).get(&0).copied();
        if meanwhile.is_some() {
            eventually(commit, || committed() == meanwhile).await;
        } else {
            assert_eq!(committed(), None);
        }
        running.stop().await.unwrap();
        assert_eq!(committed(), at_the_end, "{commit}");
    }
}

/// Long batches, so that partitions are paused and polled meanwhile, and a partition that comes in the middle of one.
#[tokio::test(flavor = "multi_thread")]
async fn with_the_clients_timer_a_stop_after_a_rebalance_loses_nothing() {
    let (service, kafka) = (Service::new(), kafka::shared());
    let topic = kafka.topic(2).await;
    let consumer = json!({
        "session_timeout_ms": 6000, "heartbeat_interval_ms": 500, "max_poll_interval_ms": 6000,
        "partition_assignment_strategy": ["cooperative-sticky"],
    });
    let delivery = json!({"commit": "interval", "commit_interval_ms": 100});
    service.seed(&[&topic], json!({"consumer": consumer, "delivery": delivery}));
    let slow = || {
        Told::new(async |_| {
            tokio::time::sleep(millis(1200)).await;
            Ok(())
        })
    };
    let (first, second) = (slow(), slow());
    let one = run!(service, kafka, first.clone());
    let other = run!(service, kafka, second.clone());
    eventually("each has a partition", || {
        one.handle.positions().len() == 1 && other.handle.positions().len() == 1
    })
    .await;
    kafka.produce_numbers(&topic, 2, 0..20);
    eventually("both are in the middle", || first.count() > 0 && second.count() > 0).await;
    other.stop().await.unwrap();
    eventually("it has both", || one.handle.positions().len() == 2).await;
    assert!(one.handle.in_hand().is_some(), "in the middle of its batch");
    tokio::time::sleep(millis(2500)).await; // for polls of both partitions
    one.stop().await.unwrap();
    let seen = first.count() + second.count();
    assert!(seen < 20, "some are left");
    let rest = Told::new(async |_| Ok(()));
    let last = run!(service, kafka, rest.clone());
    eventually("the rest is seen", || rest.count() >= 20 - seen).await;
    last.stop().await.unwrap();
    let mut numbers = [first.numbers(), second.numbers(), rest.numbers()].concat();
    numbers.sort_unstable();
    assert_eq!(numbers, (0..20).collect::<Vec<_>>());
    assert_eq!(kafka.committed(&service.group, &topic), kafka.ends(&topic));
}

async fn a_rebalance_in_the_middle_of_batches(assignor: &str) {
    let (service, kafka) = (Service::new(), kafka::shared());
    let topic = kafka.topic(4).await;
    let consumer = json!({"max_poll_records": 100, "partition_assignment_strategy": [assignor]});
    service.seed(&[&topic], json!({"consumer": consumer, "concurrency": 4}));
    kafka.produce_numbers(&topic, 4, 0..2000);
    let told = || {
        Told::new(async |_| {
            tokio::time::sleep(millis(4)).await;
            Ok(())
        })
    };
    let (first, second) = (told(), told());
    let one = run!(service, kafka, first.clone());
    eventually("the first consumes", || first.count() > 100).await;
    let other = run!(service, kafka, second.clone());
    eventually("the second consumes", || second.count() > 50).await;
    other.stop().await.unwrap();
    eventually("all are seen", || first.count() + second.count() >= 2000).await;
    tokio::time::sleep(millis(200)).await;
    one.stop().await.unwrap();
    let mut numbers = [first.numbers(), second.numbers()].concat();
    numbers.sort_unstable();
    assert_eq!(
        numbers,
        (0..2000).collect::<Vec<_>>(),
        "{assignor}: nothing lost, nothing twice"
    );
    assert_eq!(kafka.committed(&service.group, &topic), kafka.ends(&topic));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_eager_rebalance_loses_and_repeats_nothing() {
    a_rebalance_in_the_middle_of_batches("range").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cooperative_rebalance_loses_and_repeats_nothing() {
    a_rebalance_in_the_middle_of_batches("cooperative-sticky").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn metrics_are_recorded() {
    let (service, kafka) = (Service::new(), kafka::shared());
    let topic = kafka.topic(2).await;
    service.seed(&[&topic], json!({}));
    let told = Told::new(async |_| Ok(()));
    let running = run!(service, kafka, told.clone(), metrics_every(millis(300)));
    kafka.produce_numbers(&topic, 2, 0..100);
    eventually("all are seen", || told.count() == 100).await;
    tokio::time::sleep(millis(700)).await;
    running.stop().await.unwrap();
    let sums = service.ask(
        "SELECT sum(messages_processed), sum(messages_failed), sum(rebalances), sum(memory_usage_mb) > 10
         FROM consumer_processing_metrics",
    );
    assert_eq!(sums, "100|0|1|t");
    let last = service.ask(
        "SELECT count(*), sum(lag), sum(consumer_offset) FROM (SELECT DISTINCT ON (partition) *
         FROM consumer_lag_history ORDER BY partition, \"timestamp\" DESC) AS last",
    );
    assert_eq!(last, "2|0|100");
    let monitor = format!(
        "SELECT avg_lag IS NOT NULL FROM v_consumer_performance_monitor WHERE service_name = '{}'",
        service.name
    );
    assert_eq!(service.ask(&monitor), "t");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broker_that_is_away_is_waited_for_and_a_stop_is_not_held_up_by_it() {
    let service = Service::new();
    let kafka: &'static Kafka = Box::leak(Box::new(Kafka::start()));
    let topic = kafka.topic(1).await;
    service.seed(&[&topic], json!({}));
    kafka.produce_numbers(&topic, 1, 0..1);
    kafka.halt(Halt::Clean);
    let held = Arc::new(AtomicBool::new(false));
    let holds = held.clone();
    let told = Told::new(move |_| {
        let holds = holds.clone();
        async move {
            while holds.load(Ordering::SeqCst) {
                tokio::time::sleep(millis(20)).await;
            }
            Ok(())
        }
    });
    let running = run!(service, kafka, told.clone());
    eventually("it is said", || said::count(&[&service.name, "no broker answers"]) > 0).await;
    kafka.resume();
    within(60, "it is seen", || told.count() == 1).await;
    assert!(said::count(&[&service.name, "a broker answers"]) > 0);
    let committed = || kafka.committed(&service.group, &topic);
    eventually("it is committed", || committed() == BTreeMap::from([(0, 1)])).await;
    // Away again when it is to stop: it ends all the same, and says what is processed again.
    held.store(true, Ordering::SeqCst);
    kafka.produce_numbers(&topic, 1, 0..1);
    eventually("it is in the handler", || told.now() == 1).await;
    kafka.halt(Halt::Clean);
    held.store(false, Ordering::SeqCst);
    eventually("it is through", || told.count() == 2).await;
    running.stop().await.unwrap();
    let said = |words: &[&str]| said::count(&[&[service.name.as_str()], words].concat()) > 0;
    assert!(said(&["no broker took the last commit"]) || said(&["offsets could not be committed"]));
    kafka.resume();
    // The coordinator loads its offsets first: until then it has none.
    within(60, "the first is committed", || committed() == BTreeMap::from([(0, 1)])).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stop_while_no_broker_answers_is_quiet() {
    let service = Service::new();
    service.seed(&["t"], json!({}));
    let consumer = BaseKafkaConsumer::new(&service.name, service.loader(), Told::new(async |_| Ok(())));
    let running = start(consumer, "127.0.0.1:9");
    eventually("it is said", || said::count(&[&service.name, "no broker answers"]) > 0).await;
    running.stop().await.unwrap();
    assert_eq!(service.ask("SELECT state FROM lagproof.instances"), "stopped");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_refused_is_refused_before_it_runs() {
    let (service, kafka) = (Service::new(), kafka::shared());
    service.seed(&["t"], json!({"client": "aiokafka"}));
    let refused = run!(service, kafka, Told::new(async |_| Ok(())))
        .ended(20)
        .await
        .unwrap_err();
    assert!(
        matches!(&refused, Error::BadRow { key, .. } if key == "client"),
        "{refused}"
    );
    service.seed(&[], json!({}));
    let refused = run!(service, kafka, Told::new(async |_| Ok(())))
        .ended(20)
        .await
        .unwrap_err();
    assert!(matches!(&refused, Error::NoTopics { .. }), "{refused}");
    let consumer = BaseKafkaConsumer::new("nobody", service.loader(), Told::new(async |_| Ok(())));
    let refused = start(consumer, &kafka.bootstrap).ended(20).await.unwrap_err();
    assert!(matches!(&refused, Error::UnknownService { .. }), "{refused}");
}
