//! Every query of docs/monitoring.md runs.

use serde_json::json;

use super::database::Database;
use super::samples::{document, sensor_settings};

#[test]
fn every_query_of_the_page_runs() {
    let page = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/monitoring.md")).expect("the page");
    let mut database = Database::migrated();
    let mut settings = sensor_settings();
    settings["max_poll_interval_ms"] = json!(600_000);
    for service in ["silero-vad", "minicpm-vision"] {
        database
            .owner
            .seed(service, 1, &document(&["device.audio.raw"], settings.clone()));
    }
    let blocks: Vec<&str> = page
        .split("```sql\n")
        .skip(1)
        .filter_map(|rest| rest.split("```").next())
        .collect();
    assert!(blocks.len() >= 8, "{}", blocks.len());
    for block in blocks {
        database.owner.run(block);
    }
    assert_eq!(
        database
            .owner
            .value("SELECT sum(messages_processed) FROM consumer_processing_metrics"),
        1000
    );
    assert_eq!(
        database
            .owner
            .value("SELECT count(*) FROM lagproof.setting_changes WHERE through IN ('person', 'drop')"),
        2
    );
}
