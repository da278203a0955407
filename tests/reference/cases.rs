//! The three cases that fail before and pass after.

use std::time::Duration;

use lagproof::clients::edition_default;
use lagproof::model::case::Case;
use lagproof::model::cost::Cost;
use lagproof::model::keywords::{Client, Commit, GroupProtocol};
use lagproof::model::matrix::Edition;
use lagproof::model::service::{Concurrency, Run};
use lagproof::model::settings::Setting;

use super::model;

fn case(name: &str) -> &'static Case {
    model()
        .cases
        .iter()
        .find(|case| case.name == name)
        .unwrap_or_else(|| panic!("no case {name}"))
}

fn before(case: &Case) -> &Run {
    case.service.baseline.as_ref().expect("a before side")
}

/// Stretches as (records a second, seconds).
fn load(case: &Case) -> Vec<(f64, u64)> {
    case.load
        .iter()
        .map(|load| (load.rate.get(), load.lasts.as_secs()))
        .collect()
}

#[test]
fn there_are_three_on_one_broker_that_is_quick_to_delete() {
    assert_eq!(model().cases.len(), 3);
    for case in &model().cases {
        assert_eq!(case.service.client.value, Client::Librdkafka, "{}", case.name);
        assert_eq!(case.broker.count.value, 1, "{}", case.name);
        assert_eq!(case.service.replicas.value, 1, "{}", case.name);
        let partitions: u32 = case.topics.iter().map(|topic| topic.partitions.value).sum();
        assert_eq!(partitions, 4, "{}", case.name);
        let property = |key: &str| {
            case.broker_properties
                .iter()
                .find(|(k, _)| k == key)
                .map(|(_, v)| v.value.as_str())
        };
        assert_eq!(
            property("log.retention.check.interval.ms"),
            Some("1000"),
            "{}",
            case.name
        );
    }
}

#[test]
fn a_case_on_another_client_has_that_clients_defaults() {
    for case in &model().cases {
        for run in [&case.service.run, before(case)] {
            for (setting, value) in run.consumer.iter().filter(|(_, value)| value.is_edition()) {
                let default = edition_default(Edition::E2026, Client::Librdkafka, GroupProtocol::Classic, setting);
                assert_eq!(Some(&value.value), default.as_ref(), "{}: {setting}", case.name);
            }
        }
    }
}

#[test]
fn motion() {
    let case = case("motion-before-batching");
    assert_eq!(case.service.name, "motion-event-filter");
    assert_eq!(load(case), [(500.0, 40)]);
    assert_eq!(case.topics[0].record_mean.as_ref().expect("a size").bytes(), 200);
    let (after, before) = (&case.service.run, before(case));
    for run in [after, before] {
        assert_eq!(run.processing.per_batch.value, Duration::from_millis(15));
        assert_eq!(
            run.processing.per_record.as_ref().expect("a cost").value,
            Cost::constant(Duration::from_micros(100))
        );
        assert_eq!(run.consumer.size(Setting::FetchMin), Some(1));
        assert_eq!(
            run.consumer.duration(Setting::FetchMaxWait),
            Some(Duration::from_millis(500))
        );
        assert_eq!(run.delivery.commit.value, Commit::AfterBatch);
    }
    assert_eq!(after.consumer.count(Setting::MaxPollRecords), Some(500));
    assert_eq!(before.consumer.count(Setting::MaxPollRecords), Some(1));
}

#[test]
fn vision() {
    let case = case("vision-before-limits");
    assert_eq!(case.service.name, "minicpm-vision");
    assert_eq!(load(case), [(4.0, 3), (60.0, 10), (4.0, 2)]);
    assert!(
        case.topics
            .iter()
            .all(|topic| topic.record_mean.as_ref().is_some_and(|size| size.bytes() == 1_000_000))
    );
    let (after, before) = (&case.service.run, before(case));
    for (setting, size) in [
        (Setting::QueuedMax, 4_096_000),
        (Setting::FetchMax, 8 << 20),
        (Setting::MessageMax, 8 << 20),
        (Setting::MaxPartitionFetch, 2 << 20),
    ] {
        assert_eq!(after.consumer.size(setting), Some(size), "{setting}");
    }
    for setting in [Setting::FetchQueueBackoff, Setting::FetchMaxWait] {
        assert_eq!(
            after.consumer.duration(setting),
            Some(Duration::from_millis(100)),
            "{setting}"
        );
    }
    assert_eq!(before.consumer.size(Setting::QueuedMax), Some(65_536_000));
    assert_eq!(before.consumer.size(Setting::FetchMax), Some(52_428_800));
    assert_eq!(before.processing.concurrency.value, Concurrency::Unbounded);
    assert_eq!(before.delivery.commit.value, Commit::OnReceipt);
    assert_eq!(after.processing.concurrency.value, Concurrency::Bounded(1));
    assert_eq!(after.delivery.commit.value, Commit::AfterBatch);
    for run in [after, before] {
        assert_eq!(run.memory.limit.as_ref().expect("a limit").bytes(), 256 << 20);
        assert_eq!(run.memory.resident.as_ref().expect("a size").bytes(), 0);
        assert_eq!(
            run.processing.per_record.as_ref().expect("a cost").value,
            Cost::constant(Duration::from_millis(30))
        );
    }
}

#[test]
fn audio() {
    let case = case("audio-before-large-fetches");
    assert_eq!(case.service.name, "silero-vad");
    assert_eq!(load(case), [(100.0, 3), (800.0, 20), (100.0, 2)]);
    let topic = &case.topics[0];
    assert_eq!(topic.record_mean.as_ref().expect("a size").bytes(), 32_000);
    assert_eq!(topic.retention_size.as_ref().expect("a size").bytes(), 32 << 20);
    assert_eq!(topic.segment_size.as_ref().expect("a size").bytes(), 1 << 20);
    let (after, before) = (&case.service.run, before(case));
    for run in [after, before] {
        assert_eq!(run.processing.per_batch.value, Duration::from_millis(20));
        assert_eq!(
            run.processing.per_record.as_ref().expect("a cost").value,
            Cost::constant(Duration::from_micros(500))
        );
        assert_eq!(run.consumer.size(Setting::MaxPartitionFetch), Some(1 << 20));
    }
    let batch_and_fetch = |run: &Run| {
        (
            run.consumer.count(Setting::MaxPollRecords),
            run.consumer.size(Setting::FetchMax),
        )
    };
    assert_eq!(batch_and_fetch(after), (Some(500), Some(50 << 20)));
    assert_eq!(batch_and_fetch(before), (Some(10), Some(5 << 20)));
}
