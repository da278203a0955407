//! N1xx at their boundaries.

use super::boundaries::{durations, found};

const LIBRDKAFKA: &str = "client = \"librdkafka\"\n";

#[test]
fn first_and_longest_pause() {
    let before = "[consumer]\nreconnect_backoff_max = \"2s\"\nretry_backoff_max = \"2s\"\n";
    let expected = [(1_999, false), (2_000, false), (2_001, true)];
    durations("N101", before, "reconnect_backoff", expected);
    durations("N102", before, "retry_backoff", expected);
}

#[test]
fn a_fetch_and_the_request_that_carries_it() {
    let before = "client = \"librdkafka\"\n\n[consumer]\nrequest_timeout = \"10s\"\n";
    durations(
        "N103",
        before,
        "fetch_max_wait",
        [(8_999, false), (9_000, false), (9_001, true)],
    );
    let java = "[consumer]\nrequest_timeout = \"10s\"\n";
    durations(
        "N104",
        java,
        "fetch_max_wait",
        [(9_999, false), (10_000, true), (10_001, true)],
    );
    durations(
        "N103",
        java,
        "fetch_max_wait",
        [(9_000, false), (9_001, false), (10_001, false)],
    );
    let kafkajs = "client = \"kafkajs\"\n\n[consumer]\nrequest_timeout = \"10s\"\n";
    durations(
        "N104",
        kafkajs,
        "fetch_max_wait",
        [(9_999, false), (10_000, false), (10_001, false)],
    );
    durations(
        "N106",
        kafkajs,
        "fetch_max_wait",
        [(44_999, false), (45_000, true), (45_001, true)],
    );
    durations(
        "N106",
        java,
        "fetch_max_wait",
        [(44_999, false), (45_000, false), (45_001, false)],
    );
}

#[test]
fn statistics_in_whole_seconds() {
    durations(
        "N105",
        LIBRDKAFKA,
        "statistics_interval",
        [(999, true), (1_000, false), (1_001, true)],
    );
    durations(
        "N105",
        LIBRDKAFKA,
        "statistics_interval",
        [(0, false), (1, true), (60_000, false)],
    );
}

#[test]
fn a_clients_own_defaults_are_no_mistake() {
    for client in ["librdkafka", "java", "aiokafka", "kafkajs", "confluent-javascript"] {
        let part = format!("client = \"{client}\"\n");
        for code in [
            "C101", "C102", "C104", "C107", "C118", "N101", "N102", "N103", "N104", "N106", "F101", "F103",
        ] {
            assert!(!found(code, &[&part]), "{code} on {client}");
        }
    }
}
