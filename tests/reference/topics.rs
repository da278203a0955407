//! The topics.

use lagproof::model::keywords::Ordering;

use super::model;

/// Section "Topic Partition Updates" names two; the others have their reason from the pipelines that they belong to.
const PARTITIONS: [(&str, u32); 9] = [
    ("device.sensor.accelerometer.raw", 10),
    ("device.audio.raw", 6),
    ("device.sensor.accelerometer.windowed", 10),
    ("media.audio.vad_filtered", 6),
    ("media.text.transcribed.words", 6),
    ("device.image.camera.raw", 4),
    ("device.image.screenshot.raw", 4),
    ("media.image.analysis.minicpm_results", 4),
    ("motion.classification.activity", 6),
];

/// Of one device: records a second, the peak's multiple, and the mean record in bytes.
const RATES: [(&str, f64, f64, u64); 9] = [
    ("device.audio.raw", 10.0, 3.0, 8_192),
    ("media.audio.vad_filtered", 10.0, 3.0, 8_192),
    ("device.image.camera.raw", 0.1, 2.0, 1 << 20),
    ("device.image.screenshot.raw", 0.1, 2.0, 1 << 20),
    ("media.image.analysis.minicpm_results", 0.1, 2.0, 256_000),
    ("device.sensor.accelerometer.raw", 50.0, 5.0, 128),
    ("device.sensor.accelerometer.windowed", 50.0, 5.0, 128),
    ("device.sensor.gps.raw", 0.1, 3.0, 1_024),
    ("media.text.transcribed.words", 0.1, 2.0, 4_096),
];

#[test]
fn partitions_are_the_targets() {
    for (name, partitions) in PARTITIONS {
        let topic = &model().topics[name];
        assert_eq!(topic.partitions.value, partitions, "{name}");
        assert!(
            topic.reason.is_some() || name.starts_with("motion."),
            "{name} does not say why"
        );
    }
}

#[test]
fn rates_and_sizes_are_those_of_the_flows() {
    for (name, each, multiple, mean) in RATES {
        let topic = &model().topics[name];
        let (rate, fleet) = topic.sources.expect("a rate of one device, and a fleet");
        assert!((rate.get() - each).abs() < 1e-9, "{name}: {}", rate.get());
        assert!(fleet > 1, "{name} has no fleet");
        let peak = topic.peak.as_ref().expect("a peak").rate.get();
        let expected = topic.rate.as_ref().expect("a rate").get();
        assert!(
            (peak / expected - multiple).abs() < 1e-9,
            "{name}: the peak is {peak} of {expected}"
        );
        assert_eq!(topic.record_mean.as_ref().expect("a size").bytes(), mean, "{name}");
    }
}

#[test]
fn raw_topics_are_kept_a_week_and_derived_ones_longer() {
    for (name, topic) in &model().topics {
        let days = topic.retention_time.as_ref().expect("a retention").as_secs() / 86_400;
        let wanted = if name.starts_with("device.") && name.ends_with(".raw") {
            7..=7
        } else {
            7..=90
        };
        assert!(wanted.contains(&days), "{name}: {days} days");
        if ["media.", "motion.", "location.address.geocoded", "analysis."]
            .iter()
            .any(|start| name.starts_with(start))
        {
            assert!((30..=90).contains(&days), "{name}: {days} days");
        }
    }
}

#[test]
fn what_devices_send_is_keyed_and_kept_in_order() {
    for (name, topic) in model().topics.iter().filter(|(name, _)| name.starts_with("device.")) {
        assert_eq!(topic.ordering.value, Ordering::PerKey, "{name}");
        assert!(
            topic.key.as_ref().is_some_and(|key| key.cardinality.is_some()),
            "{name}"
        );
    }
}
