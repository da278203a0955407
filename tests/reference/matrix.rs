//! The configuration matrix.

use lagproof::model::keywords::Keyword;
use lagproof::model::matrix::Cell;
use lagproof::model::settings::{Setting, Value};

use super::{duration, model, rows};

/// Section "Configuration Matrix".
const TABLE: &str = "
| Service Type | Max Poll Records | Session Timeout | Max Poll Interval | Fetch Max Wait |
|-------------|------------------|-----------------|-------------------|----------------|
| **Vision AI** | 1 | 60s | 10 min | 100ms |
| **Speech AI** | 10 | 60s | 5 min | 500ms |
| **LLM AI** | 1 | 120s | 20 min | 100ms |
| **Sensor Processing** | 500-1000 | 30s | 1 min | 500ms |
| **Network I/O** | 5-10 | 60s | 5 min | 1000ms |
| **Database Writers** | 1000 | 30s | 1 min | 500ms |
";

/// The document's names of the types, and ours.
const NAMES: [(&str, &str); 6] = [
    ("Vision AI", "vision-ai"),
    ("Speech AI", "speech-ai"),
    ("LLM AI", "llm-ai"),
    ("Sensor Processing", "sensor-processing"),
    ("Network I/O", "network-io"),
    ("Database Writers", "database-writer"),
];

fn records(text: &str) -> (u64, u64) {
    let (min, max) = text.split_once('-').unwrap_or((text, text));
    (min.parse().expect("a number"), max.parse().expect("a number"))
}

#[test]
fn every_row_is_as_the_document_has_it() {
    let matrix = &model().matrix;
    assert_eq!(matrix.types.len(), NAMES.len());
    for row in rows(TABLE) {
        let [name, max_poll_records, session, poll, wait] = row[..] else {
            panic!("{row:?}")
        };
        let ours = NAMES
            .iter()
            .find(|(theirs, _)| *theirs == name)
            .expect("a known type")
            .1;
        let ours = matrix.row(ours).unwrap_or_else(|| panic!("no row {ours}"));
        let ends = match &ours.cell(Setting::MaxPollRecords).expect("a cell").value {
            Cell::Exact(value) => (value.number(), value.number()),
            Cell::Range { min, max, .. } => (min.number(), max.number()),
        };
        let (min, max) = records(max_poll_records);
        assert_eq!(ends, (Some(min), Some(max)), "{name}");
        for (setting, stated) in [
            (Setting::SessionTimeout, session),
            (Setting::MaxPollInterval, poll),
            (Setting::FetchMaxWait, wait),
        ] {
            let cell = &ours.cell(setting).expect("a cell").value;
            assert_eq!(
                *cell,
                Cell::Exact(Value::Duration(duration(stated))),
                "{name}: {setting}"
            );
        }
        assert_eq!(ours.cells.len(), 4, "{name} says more than the document");
    }
}

#[test]
fn the_edition_is_pinned() {
    assert_eq!(model().matrix.edition.as_str(), "2026");
    assert!(!model().matrix.edition.is_edition());
}

#[test]
fn the_targets_are_the_success_metrics() {
    // "Consumer Lag: < 100 messages per service", "Error Rate: < 1% of messages", "Rebalance Frequency: < 1 per hour
    // per service". The other two, rate and memory, are what the proofs of capacity and memory judge.
    for service in &model().services {
        let targets = &service.targets;
        assert_eq!(targets.lag.value, 100, "{}", service.name);
        assert!((targets.errors.value - 0.01).abs() < 1e-12, "{}", service.name);
        assert!(
            (targets.rebalances_per_hour.value - 1.0).abs() < 1e-12,
            "{}",
            service.name
        );
        let memory = &service.run.memory;
        assert!(
            memory.limit.is_some() && memory.resident.is_some(),
            "{}: memory",
            service.name
        );
    }
}
