//! The loader: what it gives, what it refuses, and how it follows changes.

use std::os::unix::fs::PermissionsExt;
use std::time::Duration;

use lagproof_client::{Error, KafkaConsumerConfigLoader, Metrics, last_good, security};
use rdkafka::Message;
use rdkafka::consumer::{CommitMode, Consumer};
use serde_json::json;

use super::kafka;
use super::postgres::{self, Postgres};
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
async fn an_unknown_service_says_which_are_known() {
    let text = Service::new()
        .loader()
        .load_config("motion-event-fitler")
        .await
        .unwrap_err()
        .to_string();
    assert!(text.contains("did you mean \"motion-event-filter\"?"), "{text}");
    assert!(
        text.contains("activity-classifier, face-emotion") && text.contains("lagproof compile"),
        "{text}"
    );
}

#[tokio::test]
async fn names_are_only_names() {
    let service = Service::new();
    let long = "x".repeat(500);
    for name in [
        "'; DROP TABLE pipeline_consumer_configs; --",
        "a/../../b",
        "größe 日本",
        "",
        &long,
    ] {
        let refused = service.loader().load_config(name).await.unwrap_err();
        assert!(matches!(refused, Error::UnknownService { .. }), "{refused}");
        let folder = service.state_dir();
        assert_eq!(last_good::file_of(name, &folder).parent(), Some(folder.as_path()));
    }
    assert!(service.loader().load_config("a\0b").await.is_err());
    assert_eq!(service.ask("SELECT count(*) FROM pipeline_consumer_configs"), "11");
}

#[tokio::test]
async fn a_database_without_the_schema_says_what_to_run() {
    let server = postgres::shared();
    let pool = server.pool(&server.database("template0"), "postgres", 2);
    let loader = KafkaConsumerConfigLoader::new(pool);
    let refused = loader.load_config("x").await.unwrap_err();
    assert!(matches!(refused, Error::NotMigrated { .. }) && refused.to_string().contains("lagproof migrate"));
    let refused = loader
        .record_processing_metrics("x", &Metrics::default())
        .await
        .unwrap_err();
    assert!(matches!(refused, Error::NotMigrated { .. }), "{refused}");
}

#[tokio::test]
async fn a_login_without_the_role_says_which_to_grant() {
    let service = Service::new();
    let pool = service.postgres.pool(&service.database, "nobody", 2);
    let refused = KafkaConsumerConfigLoader::new(pool).load_config("x").await.unwrap_err();
    assert!(refused.to_string().contains("GRANT lagproof_service"), "{refused}");
}

#[tokio::test]
async fn a_retired_service_is_not_started() {
    let service = Service::new();
    service.seed(&["t"], json!({}));
    service.ask(&format!("SELECT lagproof.retire_service_v1('{}', 2)", service.name));
    let refused = service.loader().load_config(&service.name).await.unwrap_err();
    assert!(
        matches!(&refused, Error::RetiredService { version: Some(2), .. }),
        "{refused}"
    );
    assert!(refused.to_string().contains("profile was removed"));
}

#[tokio::test(flavor = "multi_thread")]
async fn topics_must_be_named_somewhere() {
    let (service, kafka) = (Service::new(), kafka::shared());
    service.seed(&[], json!({}));
    let refused = service
        .loader()
        .create_consumer(&service.name, &[], Some(&kafka.bootstrap))
        .await
        .err()
        .unwrap();
    assert!(matches!(refused, Error::NoTopics { .. }), "{refused}");
    let topic = kafka.topic(1).await;
    service.seed(&[&topic], json!({}));
    let loader = service.loader();
    let consumer = loader
        .create_consumer(&service.name, &[], Some(&kafka.bootstrap))
        .await
        .unwrap();
    assert_eq!(consumer.subscription().unwrap().elements()[0].topic(), topic);
    loader.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_that_can_not_be_honoured_name_the_key() {
    let service = Service::new();
    for (settings, says) in [
        (json!({"client": "kafkajs"}), "client: its profile declares kafkajs"),
        (
            json!({"raw": {"librdkafka": {"sasl.password": "x"}}}),
            "comes from the environment, never from the table",
        ),
        (
            json!({"raw": {"librdkafka": {"no.such.thing": 1}}}),
            "librdkafka refuses it: No such configuration property",
        ),
        (
            json!({"concurrency": "many"}),
            "concurrency: \"many\" is no whole number",
        ),
        (
            json!({"instance_id": "svc-${NOT_SET_ANYWHERE}"}),
            "needs the environment variable NOT_SET_ANYWHERE",
        ),
        (
            json!({"delivery": {"commit": "sometimes"}}),
            "delivery.commit: \"sometimes\" is unknown",
        ),
        (
            json!({"handler": "carrier-pigeon"}),
            "settings.handler: \"carrier-pigeon\" is unknown",
        ),
    ] {
        service.seed(&["t"], settings);
        let refused = service
            .loader()
            .create_consumer(&service.name, &[], Some("127.0.0.1:9"))
            .await
            .err()
            .unwrap();
        assert!(matches!(refused, Error::BadRow { .. }), "{refused}");
        let text = refused.to_string();
        assert!(text.contains(says) && text.contains(&service.name), "{text}");
    }
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
async fn no_broker_is_an_error_in_time() {
    let service = Service::new();
    service.seed(&["t"], json!({}));
    let loader = service.loader().start_within(Duration::from_secs(1));
    let refused = loader
        .create_consumer(&service.name, &[], Some("127.0.0.1:9"))
        .await
        .err()
        .unwrap();
    assert!(matches!(refused, Error::BrokerAway { .. }), "{refused}");
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

#[tokio::test(flavor = "multi_thread")]
async fn a_second_process_with_the_same_static_id_is_refused() {
    let (service, kafka) = (Service::new(), kafka::shared());
    let topic = kafka.topic(1).await;
    service.seed(&[&topic], json!({"instance_id": "only-one"}));
    let (first, second) = (service.loader(), service.loader());
    let consumer = first
        .create_consumer(&service.name, &[], Some(&kafka.bootstrap))
        .await
        .unwrap();
    let refused = second
        .create_consumer(&service.name, &[], Some(&kafka.bootstrap))
        .await
        .err()
        .unwrap();
    assert!(
        matches!(&refused, Error::SameInstance { instance, .. } if instance == "only-one"),
        "{refused}"
    );
    drop(consumer);
    first.close().await;
    // Stopped in good order, its name is free at once.
    let third = service.loader();
    let consumer = third
        .create_consumer(&service.name, &[], Some(&kafka.bootstrap))
        .await
        .unwrap();
    drop(consumer);
    third.close().await;
}

#[test]
fn security_that_contradicts_itself_is_refused_without_telling_secrets() {
    let user = [("KAFKA_SASL_USERNAME", "u"), ("KAFKA_SASL_PASSWORD", "s3cret")];
    let cases: [(&[(&str, &str)], &str); 6] = [
        (&[("KAFKA_SECURITY_PROTOCOL", "TLS")], "it must be one of PLAINTEXT"),
        (
            &[("KAFKA_SECURITY_PROTOCOL", "SASL_SSL")],
            "KAFKA_SASL_USERNAME and KAFKA_SASL_PASSWORD is not set",
        ),
        (&user, "nothing would be logged in"),
        (&[("KAFKA_SSL_CERTIFICATE", "/c")], "go together"),
        (
            &[
                ("KAFKA_SECURITY_PROTOCOL", "SASL_PLAINTEXT"),
                ("KAFKA_SASL_MECHANISM", "X"),
                user[0],
                user[1],
            ],
            "one of PLAIN",
        ),
        #[cfg(not(feature = "ssl"))]
        (&[("KAFKA_SECURITY_PROTOCOL", "SSL")], "lagproof-client's feature ssl"),
        #[cfg(feature = "ssl")]
        (&[("KAFKA_SSL_KEY", "/k")], "go together"),
    ];
    for (variables, says) in cases {
        let environment = |name: &str| variables.iter().find(|one| one.0 == name).map(|one| one.1.to_owned());
        let text = security::properties(&environment).unwrap_err().to_string();
        assert!(text.contains(says) && !text.contains("s3cret"), "{text}");
    }
}

#[test]
fn security_comes_from_the_environment() {
    let variables = [
        ("KAFKA_SECURITY_PROTOCOL", "sasl_plaintext"),
        ("KAFKA_SASL_USERNAME", "u"),
        ("KAFKA_SASL_PASSWORD", "p"),
        ("KAFKA_BOOTSTRAP_SERVERS", "a:1"),
    ];
    let environment = |name: &str| variables.iter().find(|one| one.0 == name).map(|one| one.1.to_owned());
    let found = security::properties(&environment).unwrap();
    let expected = [
        ("security.protocol", "sasl_plaintext"),
        ("sasl.mechanism", "PLAIN"),
        ("sasl.username", "u"),
        ("sasl.password", "p"),
    ];
    assert_eq!(found, expected.map(|(name, value)| (name, value.to_owned())));
    assert_eq!(security::bootstrap(None, &environment).unwrap(), "a:1");
    assert_eq!(security::bootstrap(Some("b:2"), &environment).unwrap(), "b:2");
    let nothing = security::bootstrap(None, &|_| None).unwrap_err().to_string();
    assert!(nothing.contains("KAFKA_BOOTSTRAP_SERVERS"), "{nothing}");
}
