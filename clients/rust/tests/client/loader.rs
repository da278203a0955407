//! The loader: what it gives, what it refuses, and how it follows changes.

use std::os::unix::fs::PermissionsExt;
use std::time::Duration;

use lagproof_client::{Error, KafkaConsumerConfigLoader, Metrics, last_good};
use rdkafka::Message;
use rdkafka::consumer::{CommitMode, Consumer};
use serde_json::json;

use super::kafka;
use super::postgres::Postgres;
use super::said;
use super::service::{Service, eventually, within};

#[tokio::test(flavor = "multi_thread")]
async fn a_consumer_has_every_setting_and_its_batches_the_size_of_the_row() {
    // Of the reference project, seeded by `lagproof migrate`.
    let (service, kafka, name) = (Service::new(), kafka::shared(), "motion-event-filter");
    let topic = kafka.topic(2).await;
    service.ask(&format!(
        "UPDATE pipeline_consumer_configs SET max_poll_records = 2, auto_offset_reset = 'earliest'
         WHERE service_name = '{name}'"
    ));
    let loader = service.loader();
    let config = loader.load_config(name).await.unwrap();
    assert_eq!(
        (config.max_poll_records(), config.settings.group.as_str()),
        (2, "loom-motion-event-filter")
    );
    let consumer = loader
        .create_consumer(name, &[&topic], Some(&kafka.bootstrap))
        .await
        .unwrap();
    assert_eq!(consumer.subscription().unwrap().elements()[0].topic(), topic);
    kafka.produce_numbers(&topic, 2, 0..5);
    let mut seen = Vec::new();
    while seen.len() < 5 {
        let records = loader.poll_with_limit(&consumer, name).await.unwrap();
        assert!(records.len() <= 2);
        let partition = records.first().map(|record| record.partition());
        seen.extend(
            records
                .iter()
                .map(|record| String::from_utf8(record.payload().unwrap().to_vec()).unwrap()),
        );
        if let Some(partition) = partition {
            consumer.commit_consumer_state(CommitMode::Sync).unwrap();
            let metrics = Metrics {
                messages_processed: i64::try_from(records.len()).unwrap(),
                processing_time_ms: Some(5.0),
                ..Metrics::default()
            };
            loader.record_processing_metrics(name, &metrics).await.unwrap();
            loader
                .record_consumer_lag(name, &topic, partition, 3, None)
                .await
                .unwrap();
        }
    }
    seen.sort();
    assert_eq!(seen, ["0", "1", "2", "3", "4"]);
    assert_eq!(
        service.ask("SELECT sum(messages_processed) FROM consumer_processing_metrics"),
        "5"
    );
    assert_eq!(
        service.ask("SELECT min(memory_usage_mb) > 10 FROM consumer_processing_metrics"),
        "t"
    );
    assert_eq!(service.ask("SELECT count(*) > 2 FROM consumer_lag_history"), "t");
    assert_eq!(kafka.committed("loom-motion-event-filter", &topic), kafka.ends(&topic));
    for one in loader.get_processing_recommendations(None).await.unwrap() {
        assert!(["critical", "high", "medium", "low"].contains(&one.priority.as_str()));
    }
    assert_eq!(service.ask("SELECT state FROM lagproof.instances"), "running");
    loader.close().await;
    assert_eq!(service.ask("SELECT state FROM lagproof.instances"), "stopped");
}

#[tokio::test]
async fn recommendations_say_what_to_do() {
    let service = Service::new();
    service.seed(&["t"], json!({"consumer": {"max_poll_records": 1}}));
    for partition in 0..3 {
        for _ in 0..5 {
            service.ask(&format!(
                "SELECT record_consumer_lag('{}', 't', {partition}, 4000)",
                service.name
            ));
        }
    }
    let found = service
        .loader()
        .get_processing_recommendations(Some(&service.name))
        .await
        .unwrap();
    let lag: Vec<_> = found.iter().filter(|one| one.alert == "lag").collect();
    assert_eq!(lag.len(), 1, "{found:?}");
    assert_eq!(lag[0].service_name, service.name);
    assert!(!lag[0].recommendation.is_empty() && ["critical", "high"].contains(&lag[0].priority.as_str()));
}

#[tokio::test]
async fn a_row_without_a_profile_is_read_from_its_columns() {
    let service = Service::new();
    service.ask(&format!(
        "INSERT INTO pipeline_consumer_configs (service_name, consumer_group_id, max_poll_records, enable_auto_commit,
         topics) VALUES ('{}', 'by-hand', 7, false, '{{a,b}}')",
        service.name
    ));
    let config = service.loader().load_config(&service.name).await.unwrap();
    let settings = &config.settings;
    assert_eq!(
        (config.max_poll_records(), settings.group.as_str(), config.version),
        (7, "by-hand", None)
    );
    assert_eq!(settings.topics, ["a", "b"]);
    assert_eq!(
        (settings.client.as_str(), settings.delivery.commit.as_str()),
        ("librdkafka", "after-batch")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_is_in_force_at_once_with_listen() {
    let (service, kafka) = (Service::new(), kafka::shared());
    let topic = kafka.topic(1).await;
    service.seed(&[&topic], json!({"consumer": {"max_poll_records": 1}}));
    kafka.produce_numbers(&topic, 1, 0..50);
    let loader = service.loader().poll_every(Duration::from_secs(3600));
    let consumer = loader
        .create_consumer(&service.name, &[], Some(&kafka.bootstrap))
        .await
        .unwrap();
    while loader
        .poll_with_limit(&consumer, &service.name)
        .await
        .unwrap()
        .is_empty()
    {}
    eventually("it listens", || loader.is_listening()).await;
    service.update("max_poll_records = 20");
    let most = || loader.known_config(&service.name).unwrap().max_poll_records();
    within(2, "the change is in force", || most() == 20).await;
    assert_eq!(
        loader.poll_with_limit(&consumer, &service.name).await.unwrap().len(),
        20
    );
    let generation = service.generation().to_string();
    let said = format!(
        "SELECT generation FROM lagproof.acknowledgements WHERE service_name = '{}'",
        service.name
    );
    eventually("it is acknowledged", || service.ask(&said) == generation).await;
    // What needs a new consumer is said, and not done.
    service.update("session_timeout_ms = 12000");
    let words = [
        service.name.as_str(),
        "consumer.session_timeout_ms",
        "restart the service",
    ];
    eventually("it is said", || said::count(&words) > 0).await;
    eventually("it is reported", || {
        service.ask("SELECT state FROM lagproof.instances") == "refused"
    })
    .await;
    loader.close().await;
    assert_eq!(service.ask("SELECT count(*) FROM lagproof.acknowledgements"), "0");
}

#[tokio::test]
async fn without_listen_it_is_in_force_within_the_polling_period() {
    let service = Service::new();
    service.seed(&["t"], json!({"consumer": {"max_poll_records": 1}}));
    let pool = service.postgres.pool(&service.database, "app", 1);
    let loader = KafkaConsumerConfigLoader::new(pool).state_dir(service.state_dir());
    let loader = loader.poll_every(Duration::from_millis(500));
    loader.load_config(&service.name).await.unwrap();
    loader.watch(&service.name);
    service.update("max_poll_records = 9");
    let most = || loader.known_config(&service.name).unwrap().max_poll_records();
    within(5, "the change is in force", || most() == 9).await;
    assert!(!loader.is_listening());
}

#[tokio::test]
async fn an_override_that_ends_is_found_without_any_change_of_the_row() {
    let service = Service::new();
    service.seed(&["t"], json!({"consumer": {"max_poll_records": 1}}));
    service.ask(&format!(
        "SET lagproof.until = '3 seconds';
         UPDATE pipeline_consumer_configs SET max_poll_records = 9 WHERE service_name = '{}'",
        service.name
    ));
    let loader = service.loader().poll_every(Duration::from_millis(500));
    assert_eq!(loader.load_config(&service.name).await.unwrap().max_poll_records(), 9);
    loader.watch(&service.name);
    let most = || loader.known_config(&service.name).unwrap().max_poll_records();
    within(15, "the override ends", || most() == 1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_last_good_settings_start_it_while_the_database_is_down() {
    let kafka = kafka::shared();
    let service = Service::on(Box::leak(Box::new(Postgres::start())));
    let topic = kafka.topic(1).await;
    service.seed(&[&topic], json!({"consumer": {"max_poll_records": 3}}));
    service.loader().load_config(&service.name).await.unwrap();
    let file = last_good::file_of(&service.name, &service.state_dir());
    assert_eq!(file.metadata().unwrap().permissions().mode() & 0o077, 0);
    service.postgres.crash();
    let loader = service.loader().poll_every(Duration::from_secs(1));
    let consumer = loader
        .create_consumer(&service.name, &[], Some(&kafka.bootstrap))
        .await
        .unwrap();
    assert_eq!(loader.known_config(&service.name).unwrap().max_poll_records(), 3);
    assert!(said::at(log::Level::Error, &[&service.name, "THE DATABASE IS AWAY"]));
    std::fs::remove_file(&file).unwrap();
    let refused = service.loader().load_config(&service.name).await.unwrap_err();
    assert!(matches!(&refused, Error::DatabaseAway { .. }), "{refused}");
    assert!(refused.to_string().contains("no last good settings"));
    // It comes back, and what was changed meanwhile is taken.
    service.postgres.restart();
    service.update("max_poll_records = 8");
    let most = || loader.known_config(&service.name).unwrap().max_poll_records();
    eventually("the change is taken", || most() == 8).await;
    drop(consumer);
    loader.close().await;
}

#[test]
fn last_good_files_of_another_service_or_form_are_not_used() {
    let folder = tempfile::tempdir().unwrap();
    let file = last_good::file_of("a", folder.path());
    for text in [
        "",
        "{",
        "[]",
        r#"{"format": 2, "service_name": "a"}"#,
        r#"{"format": 1, "service_name": "b"}"#,
    ] {
        std::fs::write(&file, text).unwrap();
        assert_eq!(last_good::load("a", folder.path()), None);
    }
}
