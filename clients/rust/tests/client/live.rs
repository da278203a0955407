//! Changes of a running service: hot ones at once, new consumers one replica at a time, and what is refused.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use lagproof_client::{BaseKafkaConsumer, BatchHandler, BoxError, Record};
use serde_json::{Value as Json, json};

use super::kafka;
use super::load::Load;
use super::run;
use super::said;
use super::service::{Service, eventually, within};
use super::told::{Running, Seen, Told, start};

/// 15 ms a batch and 0.1 ms a record: what single records can't keep up with.
struct MotionFilter(Mutex<Vec<usize>>);

impl BatchHandler for MotionFilter {
    async fn process_batch(&self, records: &[Record]) -> Result<(), BoxError> {
        tokio::time::sleep(Duration::from_micros(15_000 + 100 * records.len() as u64)).await;
        self.0
            .lock()
            .unwrap()
            .extend(records.iter().map(|record| Seen::of(record).number()));
        Ok(())
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn one_update_takes_a_service_under_load_from_thousands_behind_to_below_a_hundred() {
    let (service, kafka) = (Service::new(), kafka::shared());
    let topic = kafka.topic(4).await;
    service.seed(&[&topic], json!({"consumer": {"max_poll_records": 1}}));
    let filter = Arc::new(MotionFilter(Mutex::default()));
    let consumer = BaseKafkaConsumer::of_batches(&service.name, service.loader(), filter.clone());
    let running = start(consumer.metrics_every(Duration::from_millis(500)), &kafka.bootstrap);
    let began = Instant::now();
    let mut series = Vec::new();
    let mut sample = async || {
        let lag: i64 = running.handle.behind().await.values().sum();
        series.push((began.elapsed().as_secs_f64(), running.most_records(), lag));
        assert!(began.elapsed() < Duration::from_secs(120), "{series:?}");
        tokio::time::sleep(Duration::from_millis(250)).await;
        lag
    };
    let mut load = Load::start(kafka, &topic, 500.0);
    while sample().await < 3000 {}
    service.update("max_poll_records = 500");
    while sample().await >= 100 {}
    for _ in 0..12 {
        sample().await; // what it is from then on is printed, not judged: other work runs on this machine
    }
    load.stop();
    eventually("all are through", || filter.0.lock().unwrap().len() >= load.sent()).await;
    assert_eq!(running.handle.consumers_made(), 1, "without a restart");
    running.stop().await.unwrap();
    let mut numbers = filter.0.lock().unwrap().clone();
    numbers.sort_unstable();
    assert_eq!(
        numbers,
        (0..load.sent()).collect::<Vec<_>>(),
        "nothing lost, nothing twice"
    );
    let recorded = service.ask(
        "SELECT max(total) > 1000 FROM (SELECT sum(lag) AS total FROM consumer_lag_history GROUP BY \"timestamp\") AS all_of_it",
    );
    assert_eq!(recorded, "t", "the database saw it too");
    println!("\n  500 records/s, 15 ms a batch; one UPDATE changes max_poll_records from 1 to 500");
    println!("    s   batch      lag");
    for (at, batch, lag) in series {
        println!("  {at:5.1}  {batch:5}  {lag:7}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn hot_settings_are_in_force_with_the_next_batch() {
    let (service, kafka) = (Service::new(), kafka::shared());
    let topic = kafka.topic(1).await;
    service.seed(&[&topic], json!({"concurrency": 1}));
    let told = Told::new(async |_| {
        tokio::time::sleep(Duration::from_millis(20)).await;
        Ok(())
    });
    let running = run!(service, kafka, told.clone());
    kafka.produce_numbers(&topic, 1, 0..20);
    eventually("twenty are through", || told.count() == 20).await;
    assert_eq!(told.most(), 1);
    service.update("concurrency = 10");
    let concurrency = || format!("{:?}", running.handle.config().unwrap().settings.concurrency);
    within(2, "it is in force", || concurrency().contains("10")).await;
    kafka.produce_numbers(&topic, 1, 0..40);
    eventually("all are through", || told.count() == 60).await;
    assert!((5..=10).contains(&told.most()), "{}", told.most());
    assert_eq!(running.handle.consumers_made(), 1);
    running.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_session_timeout_restarts_six_replicas_one_by_one_under_load() {
    let (service, kafka) = (Service::new(), kafka::shared());
    let topic = kafka.topic(12).await;
    service.seed(&[&topic], json!({"consumer": {"max_poll_records": 50}}));
    let replicas: Vec<_> = (0..6)
        .map(|_| {
            let told = Told::new(async |_| Ok(()));
            (told.clone(), run!(service, kafka, told))
        })
        .collect();
    let each_has_two = || replicas.iter().all(|(_, one)| one.handle.positions().len() == 2);
    within(60, "each has two partitions", each_has_two).await;
    let mut load = Load::start(kafka, &topic, 300.0);
    tokio::time::sleep(Duration::from_secs(1)).await;
    let rebalances = || {
        replicas
            .iter()
            .map(|(_, one)| one.handle.counters().rebalances)
            .collect::<Vec<_>>()
    };
    let before = rebalances();
    service.update("session_timeout_ms = 12000");
    let wanted = service.generation();
    let all_run_it = || {
        let generation = |one: &Running| one.handle.config().unwrap().generation;
        replicas.iter().all(|(_, one)| generation(one) == wanted)
    };
    within(90, "all run with it", all_run_it).await;
    let (name, said) = (
        &service.name,
        "SELECT count(*) FROM lagproof.acknowledgements WHERE generation =",
    );
    eventually("all have said so", || {
        service.ask(&format!("{said} {wanted}")) == "6" && service.ask("SELECT restarted FROM lagproof.rollouts") == "6"
    })
    .await;
    let after = rebalances();
    load.stop();
    let through = || replicas.iter().map(|(told, _)| told.count()).sum::<usize>();
    eventually("all are through", || through() >= load.sent()).await;
    assert!(
        replicas
            .iter()
            .all(|(_, one)| one.number("session_timeout_ms") == Some(12_000))
    );
    assert!(replicas.iter().all(|(_, one)| one.handle.consumers_made() == 2));
    let mut numbers = Vec::new();
    for (told, running) in replicas {
        running.stop().await.unwrap();
        numbers.extend(told.numbers());
    }
    assert!(said::count(&[name, "at most 2 rebalances a replica"]) > 0);
    // Whoever is in the group hears of each rebalance; nobody may have heard of more than were announced.
    let heard: Vec<u32> = after
        .iter()
        .zip(&before)
        .map(|(after, before)| after - before)
        .collect();
    println!("  6 replicas restarted one by one: rebalances that each heard of: {heard:?}, announced: at most 12");
    assert!(heard.iter().all(|heard| *heard <= 12), "{heard:?}");
    numbers.sort_unstable();
    assert_eq!(
        numbers,
        (0..load.sent()).collect::<Vec<_>>(),
        "nothing lost, nothing twice"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rollout_that_was_halted_waits_until_it_is_resumed() {
    let (service, kafka) = (Service::new(), kafka::shared());
    let topic = kafka.topic(1).await;
    service.seed(&[&topic], json!({}));
    let told = Told::new(async |_| Ok(()));
    let running = run!(service, kafka, told.clone());
    eventually("it consumes", || running.handle.positions().len() == 1).await;
    tokio::time::sleep(Duration::from_millis(500)).await;
    // Another replica has its turn; then a person stops it all.
    let name = &service.name;
    service.ask(&format!(
        "SELECT lagproof.take_restart_lease_v1('{name}', 'another', 1000000, 0, '1 hour')"
    ));
    service.ask("UPDATE lagproof.rollouts SET generation = 0");
    service.update("session_timeout_ms = 13000");
    eventually("it waits", || said::count(&[name, "waits for another"]) > 0).await;
    service.ask(&format!("SELECT lagproof.halt_rollout_v1('{name}', 'not on a Friday')"));
    service.ask(&format!(
        "SELECT lagproof.release_restart_lease_v1('{name}', 'another', 0)"
    ));
    eventually("it is halted", || said::count(&[name, "halted: not on a Friday"]) > 0).await;
    kafka.produce_numbers(&topic, 1, 0..1);
    eventually("it goes on", || told.count() == 1).await;
    assert_eq!(running.number("session_timeout_ms"), Some(10_000));
    assert_eq!(service.ask("SELECT state FROM lagproof.instances"), "waiting");
    assert_eq!(
        service.ask(&format!("SELECT lagproof.resume_rollout_v1('{name}')")),
        "t"
    );
    eventually("it is resumed", || running.number("session_timeout_ms") == Some(13_000)).await;
    running.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restart_that_fails_goes_back_and_stops_the_rollout() {
    let (service, kafka) = (Service::new(), kafka::shared());
    let topic = kafka.topic(1).await;
    service.seed(&[&topic], json!({}));
    let told = Told::new(async |_| Ok(()));
    let running = run!(service, kafka, told.clone());
    eventually("it consumes", || running.handle.positions().len() == 1).await;
    service.seed(&[&topic], json!({"raw": {"librdkafka": {"no.such.thing": 1}}}));
    let words = [service.name.as_str(), "goes back to the settings before"];
    eventually("it goes back", || said::count(&words) > 0).await;
    let halted = "SELECT halted LIKE '%no.such.thing%' FROM lagproof.rollouts";
    eventually("the rollout stops", || service.ask(halted) == "t").await;
    kafka.produce_numbers(&topic, 1, 0..1);
    eventually("it goes on", || told.count() == 1).await;
    assert_eq!(running.handle.config().unwrap().version, Some(1));
    assert_eq!(service.ask("SELECT state FROM lagproof.instances"), "refused");
    running.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_needs_all_replicas_stopped_is_refused_with_the_reason() {
    let kafka = kafka::shared();
    let changes: [(Json, &str); 3] = [
        (json!({"group": "another-group"}), "group"),
        (json!({"client": "aiokafka"}), "client"),
        (
            json!({"consumer": {"partition_assignment_strategy": ["cooperative-sticky"]}}),
            "partition_assignment_strategy",
        ),
    ];
    for (mut change, names) in changes {
        let (service, topic) = (Service::new(), kafka.topic(1).await);
        let mut consumer = json!({"partition_assignment_strategy": ["roundrobin"], "max_poll_records": 5});
        service.seed(&[&topic], json!({"consumer": consumer}));
        let told = Told::new(async |_| Ok(()));
        let running = run!(service, kafka, told.clone());
        eventually("it consumes", || running.handle.positions().len() == 1).await;
        consumer["max_poll_records"] = json!(77);
        if let Some(own) = change.get("consumer").and_then(Json::as_object) {
            consumer.as_object_mut().unwrap().extend(own.clone());
        }
        change["consumer"] = consumer;
        service.seed(&[&topic], change);
        let words = [service.name.as_str(), "REFUSED", names, "stop all replicas"];
        eventually("it is refused", || said::at(log::Level::Error, &words)).await;
        // What needs no new consumer is in force all the same, and it goes on.
        assert_eq!(running.most_records(), 77);
        kafka.produce_numbers(&topic, 1, 0..1);
        eventually("it goes on", || told.count() == 1).await;
        assert_eq!(running.handle.consumers_made(), 1);
        eventually("it says so", || {
            service.ask("SELECT state FROM lagproof.instances") == "refused"
        })
        .await;
        running.stop().await.unwrap();
    }
}
