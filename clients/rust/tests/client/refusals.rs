//! What the loader refuses, each with the way out, and where security comes from.

use std::time::Duration;

use lagproof_client::{Error, KafkaConsumerConfigLoader, Metrics, last_good, security};
use rdkafka::consumer::Consumer;
use serde_json::json;

use super::kafka;
use super::postgres;
use super::service::Service;

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
