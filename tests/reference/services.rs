//! The services.

use std::collections::BTreeSet;
use std::time::Duration;

use lagproof::model::keywords::Assignor;
use lagproof::model::service::Concurrency;
use lagproof::model::settings::Setting;

use super::{duration, model, rows, service};

/// Section "Updated Services", and "Specific Improvements" for the motion event filter; the types are those of its
/// matrix. A timeout is the poll interval, where one is stated.
const TABLE: &str = "
| service | type | topics | batches | timeout |
|---|---|---|---|---|
| silero-vad | sensor-processing | device.audio.raw | 500 | |
| minicpm-vision | vision-ai | device.image.camera.raw, device.image.screenshot.raw | 1 | 10 min |
| kyutai-stt | speech-ai | media.audio.vad_filtered | 10 | 5 min |
| georegion-detector | sensor-processing | device.sensor.gps.raw | 100 | |
| activity-classifier | sensor-processing | device.sensor.accelerometer.windowed | 500 | 1 min |
| step-counter | sensor-processing | device.sensor.accelerometer.raw | 1000 | |
| face-emotion | vision-ai | media.image.analysis.minicpm_results | 1 | 10 min |
| gemma3n-processor | llm-ai | media.text.transcribed.words | 1 | 20 min |
| gps-geocoding-consumer | network-io | device.sensor.gps.raw | 5 | |
| scheduled-consumers | network-io | scheduler.triggers.calendar_fetch, scheduler.triggers.email_fetch, scheduler.triggers.hn_scrape | 10 | 5 min |
| motion-event-filter | sensor-processing | device.sensor.accelerometer.raw | 500 | |
";

#[test]
fn every_service_is_as_the_document_has_it() {
    assert_eq!(model().services.len(), rows(TABLE).count());
    for row in rows(TABLE) {
        let [name, of_type, topics, batches, timeout] = row[..] else {
            panic!("{row:?}")
        };
        let service = service(name);
        let settings = &service.run.consumer;
        assert_eq!(service.service_type.value, of_type, "{name}");
        let read: Vec<&str> = service.topics.iter().map(|topic| topic.value.as_str()).collect();
        assert_eq!(read.join(", "), topics, "{name}");
        assert_eq!(
            settings.count(Setting::MaxPollRecords),
            batches.parse().ok(),
            "{name}: batches"
        );
        if !timeout.is_empty() {
            let interval = settings.duration(Setting::MaxPollInterval);
            assert_eq!(interval, Some(duration(timeout)), "{name}: timeout");
        }
        assert!(service.summary.is_some(), "{name} has no summary");
        assert!(service.baseline.is_some(), "{name} does not say how it ran before");
    }
}

#[test]
fn what_leaves_the_matrix_is_declared_and_nothing_else_is() {
    let deviating: Vec<(&str, Setting)> = model()
        .services
        .iter()
        .flat_map(|service| {
            service
                .deviations
                .iter()
                .map(|d| (service.name.as_str(), d.setting.value))
        })
        .collect();
    assert_eq!(deviating, [("georegion-detector", Setting::MaxPollRecords)]);
    for service in &model().services {
        let row = model().matrix.row(&service.service_type).expect("a row");
        for (setting, cell) in &row.cells {
            let value = &service.run.consumer.get(*setting).expect("a value").value;
            let deviates = deviating.contains(&(service.name.as_str(), *setting));
            assert_eq!(cell.admits(value), !deviates, "{}: {setting} = {value}", service.name);
        }
    }
}

#[test]
fn groups_are_written_out_and_unique() {
    let groups: BTreeSet<&str> = model().services.iter().map(|service| service.group.as_str()).collect();
    assert_eq!(groups.len(), model().services.len());
    for service in &model().services {
        assert_eq!(service.group.value, format!("loom-{}", service.name));
    }
}

#[test]
fn audio_is_fetched_in_fifty_mebibytes_and_was_in_five() {
    // "Audio VAD: From default 5MB to 50MB fetch sizes for streaming"
    let vad = service("silero-vad");
    let fetch = |run: &lagproof::model::service::Run| run.consumer.size(Setting::FetchMax);
    assert_eq!(fetch(&vad.run), Some(50 << 20));
    assert_eq!(fetch(vad.baseline.as_ref().expect("a baseline")), Some(5 << 20));
    // Partitions of a replica times their share must be able to fill a fetch, or the larger limit does nothing.
    let topic = &model().topics["device.audio.raw"];
    let each = vad.run.consumer.size(Setting::MaxPartitionFetch).expect("a size");
    assert!(u64::from(topic.partitions.value / vad.replicas.value) * each >= 50 << 20);
}

#[test]
fn motion_was_filtered_one_by_one() {
    // "Motion event filter: From single-message to 500-message batches"
    let before = service("motion-event-filter").baseline.as_ref().expect("a baseline");
    assert_eq!(before.consumer.count(Setting::MaxPollRecords), Some(1));
}

#[test]
fn vision_had_no_limits() {
    // "Vision processing: From unlimited timeout to 10-minute limits"; "Consuming all available memory"
    for name in ["minicpm-vision", "face-emotion"] {
        let vision = service(name);
        let before = vision.baseline.as_ref().expect("a baseline");
        assert_eq!(before.processing.concurrency.value, Concurrency::Unbounded, "{name}");
        assert!(
            before.consumer.duration(Setting::MaxPollInterval) >= Some(Duration::from_secs(86_400)),
            "{name}"
        );
        assert_eq!(
            vision.run.processing.concurrency.value,
            Concurrency::Bounded(1),
            "{name}"
        );
    }
}

#[test]
fn positions_stay_with_their_replica() {
    // "GPS processing: Sticky partitioning for location sequence integrity". The sequence is the key's doing.
    let gps = service("gps-geocoding-consumer");
    assert_eq!(gps.run.consumer.assignors(), [Assignor::Sticky]);
    let key = model().topics["device.sensor.gps.raw"].key.as_ref().expect("a key");
    assert_eq!(key.field.value, "device_id");
}
