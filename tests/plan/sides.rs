//! How sides run: exactly as compiled.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use lagproof::harness::plan::{Comparison, Side, SpeedWish, Wish, WorkerCommand, Workers};
use lagproof::harness::protocol::{CommitSpec, ConcurrencySpec, CostSpec, HandlerSpec, RetrySpec};
use serde_json::{Map, Value as Json, json};

use super::{plan, trial};

#[test]
fn a_worker_gets_the_compiled_file() {
    for service in plan(&Wish {
        speed: SpeedWish::Exactly(1.0),
        ..Wish::default()
    })
    .trials
    {
        let name = format!("generated/properties/{}.properties", service.service);
        let text = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(&name)).unwrap();
        let lines = text.lines().filter(|line| !line.starts_with('#'));
        let compiled: BTreeMap<String, String> = lines
            .map(|line| line.split_once('=').unwrap())
            .map(|(key, value)| (key.to_owned(), value.to_owned()))
            .collect();
        let side = &service.sides[0];
        assert_eq!(side.properties, compiled, "{name}");
        let batch = format!("# loader: max_poll_records={}", side.max_poll_records);
        assert!(text.lines().any(|line| line == batch), "{name}: {batch}");
    }
}

#[test]
fn a_worker_of_the_declared_client_gets_its_file_section_by_section() {
    let workers = Workers {
        any: Some(WorkerCommand::of_shell("any")),
        ..Workers::default()
    };
    let (mut of_kafkajs, mut of_aiokafka) = (0, 0);
    for service in plan(&Wish {
        workers,
        ..Wish::default()
    })
    .trials
    {
        let client = service.declared_client.as_str();
        let name = format!("generated/properties/{}.{client}.json", service.service);
        let Ok(text) = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(&name)) else {
            assert_eq!(client, "librdkafka", "{name} is not there");
            continue;
        };
        let mut file: Map<String, Json> = serde_json::from_str(&text).unwrap();
        let side = &service.sides[0];
        let Some(Json::Object(consumer)) = file.remove("consumer") else {
            panic!("{name} has a consumer section")
        };
        assert_eq!(side.properties.len(), consumer.len(), "{name}");
        for (key, value) in consumer {
            let text = match value {
                Json::Null => String::new(),
                Json::String(text) => text,
                Json::Array(list) => list.iter().filter_map(Json::as_str).collect::<Vec<_>>().join(","),
                other => other.to_string(),
            };
            assert_eq!(side.properties[&key], text, "{name}: {key}");
        }
        if let Some(loader) = file.remove("loader") {
            assert_eq!(loader, json!({"max_poll_records": side.max_poll_records}), "{name}");
        }
        file.retain(|key, _| !["_generated", "notes"].contains(&key.as_str()));
        let subscribe = file["subscribe"].as_object_mut().unwrap();
        let topics = subscribe.remove("topics").unwrap();
        let declared: Vec<&str> = service.topics.iter().map(|topic| topic.name.as_str()).collect();
        assert_eq!(topics, json!(declared), "{name}: they go as topics");
        file.retain(|_, keys| *keys != json!({}));
        assert_eq!(json!(side.sections), Json::Object(file), "{name}");
        match client {
            "kafkajs" => of_kafkajs += 1,
            _ => of_aiokafka += usize::from(side.sections.is_empty()),
        }
    }
    assert_eq!((of_kafkajs, of_aiokafka > 3), (2, true));
    let real = trial(
        Wish {
            workers: Workers {
                any: Some(WorkerCommand::of_shell("any")),
                ..Workers::default()
            },
            ..Wish::default()
        },
        "georegion-detector",
    );
    assert_eq!(
        json!(real.sides[0].sections),
        json!({
            "client": {"requestTimeout": 30_000, "retry": {"initialRetryTime": 300, "maxRetryTime": 30_000}},
            "subscribe": {"fromBeginning": true},
            "run": {"autoCommit": true},
        })
    );
}

#[test]
fn a_baseline_is_a_side_of_its_own() {
    let wish = Wish {
        comparison: Comparison::BeforeAfter,
        ..Wish::default()
    };
    let vision = trial(wish, "vision-before-limits");
    let [before, after] = vision.sides.as_slice() else {
        panic!("two sides")
    };
    assert_eq!((before.side, after.side), (Side::Before, Side::After));
    assert_eq!(before.work.concurrency, ConcurrencySpec::Unbounded);
    assert_eq!(after.work.concurrency, ConcurrencySpec::Bounded(1));
    assert_eq!(
        (before.work.handler, after.work.handler),
        (HandlerSpec::Thread, HandlerSpec::Inline)
    );
    assert_eq!(
        (before.delivery.commit, after.delivery.commit),
        (CommitSpec::OnReceipt, CommitSpec::AfterBatch)
    );
    assert_eq!(before.work.per_record, CostSpec::Constant { us: 30_000.0 });
    assert_eq!(before.work.per_record, after.work.per_record, "the same cost");
    assert_eq!(before.properties["queued.max.messages.kbytes"], "65536");
    assert_eq!(after.properties["queued.max.messages.kbytes"], "4096");
    assert_eq!(before.group, after.group, "the run gives each its own");
    assert_eq!(after.memory.enforced(), Some(256 << 20));
}

#[test]
fn retries_name_topics_as_declared() {
    let real = Wish {
        speed: SpeedWish::Exactly(1.0),
        ..Wish::default()
    };
    assert_eq!(
        trial(real, "gps-geocoding-consumer").sides[0].delivery.retry,
        Some(RetrySpec {
            attempts: 3,
            backoff_us: 1_000_000,
            dead_letter: Some("location.address.dlq".to_owned())
        })
    );
}

#[test]
fn a_static_id_that_differs_a_replica_is_left_to_the_run() {
    let mut model = super::model().clone();
    let at = model
        .services
        .iter()
        .position(|service| service.name == "step-counter")
        .unwrap();
    let span = model.services[at].group.span();
    let id = |text: &str| {
        let layer = lagproof::model::origin::Layer::Profile;
        Some(lagproof::model::origin::Sourced::new(text.to_owned(), layer, span))
    };
    let wish = Wish {
        names: vec!["step-counter".to_owned()],
        ..Wish::default()
    };
    std::sync::Arc::make_mut(&mut model.services[at]).instance_id = id("steps-${REPLICA}");
    let side = lagproof::harness::plan::make_plan(&model, &wish).unwrap().trials[0].sides[0].clone();
    assert_eq!(side.instance_id.as_deref(), Some("steps-${REPLICA}"));
    assert!(!side.properties.contains_key("group.instance.id"));
    std::sync::Arc::make_mut(&mut model.services[at]).instance_id = id("steps");
    let side = lagproof::harness::plan::make_plan(&model, &wish).unwrap().trials[0].sides[0].clone();
    assert_eq!(side.instance_id, None);
    assert_eq!(side.properties["group.instance.id"], "steps");
}

#[test]
fn a_plan_is_plain_data() {
    let plan = plan(&Wish {
        comparison: Comparison::BeforeAfter,
        ..Wish::default()
    });
    let text = serde_json::to_string(&plan).unwrap();
    let back: lagproof::harness::plan::Plan = serde_json::from_str(&text).unwrap();
    assert_eq!(serde_json::to_string(&back).unwrap(), text);
}

#[test]
fn proofs_stand_beside_what_will_be_measured() {
    let wish = Wish {
        comparison: Comparison::BeforeAfter,
        ..Wish::default()
    };
    let motion = trial(wish, "motion-before-batching");
    let (before, after) = (&motion.sides[0].predicted, &motion.sides[1].predicted);
    assert!(
        before.lag_grows.is_some_and(|grows| (grows - 438.0).abs() < 1.0),
        "{before:?}"
    );
    assert!(
        after.lag_floor.is_some_and(|floor| (floor - 16.8).abs() < 0.2),
        "{after:?}"
    );
    assert_eq!(after.lines.len(), 4);
    assert!(
        after.lines[3].starts_with("lag floor   2 × 500/s × 16.8 ms  = 17 records  of 100  holds"),
        "{:?}",
        after.lines
    );
}
