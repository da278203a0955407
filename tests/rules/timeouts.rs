//! C1xx at their boundaries.

use super::boundaries::{durations, found};
use super::support::TestProject;

const PLAIN: &str = "";

#[test]
fn a_third_of_the_session() {
    let expected = [(14_999, false), (15_000, false), (15_001, true)];
    durations("C102", PLAIN, "heartbeat_interval", expected);
    // From the session on it is C101's.
    let expected = [(44_999, true), (45_000, false), (45_001, false)];
    durations("C102", PLAIN, "heartbeat_interval", expected);
}

#[test]
fn a_session_and_the_poll_interval() {
    let before = "client = \"librdkafka\"\n\n[consumer]\nmax_poll_interval = \"60s\"\n";
    let refused = [(59_999, false), (60_000, false), (60_001, true)];
    durations("C103", before, "session_timeout", refused);
    let twice = before.replace("librdkafka", "confluent-javascript");
    let doubled = [(119_999, false), (120_000, false), (120_001, true)];
    durations("C103", &twice, "session_timeout", doubled);
    durations(
        "C104",
        &twice,
        "session_timeout",
        [(60_000, false), (60_001, true), (120_001, false)],
    );
    let java = before.replace("librdkafka", "java");
    durations("C104", &java, "session_timeout", refused);
    let kafkajs = before.replace("librdkafka", "kafkajs");
    durations(
        "C104",
        &kafkajs,
        "session_timeout",
        [(59_999, false), (60_000, false), (90_000, false)],
    );
    let librdkafka_under_broker = format!("group_protocol = \"consumer\"\n{before}");
    assert!(!found(
        "C103",
        &[&librdkafka_under_broker, "[consumer]\nsession_timeout = \"90s\"\n"]
    ));
}

#[test]
fn a_session_within_the_brokers_bounds() {
    let low = [(5_999, true), (6_000, false), (6_001, false)];
    durations("C105", PLAIN, "session_timeout", low);
    let high = [(1_799_999, false), (1_800_000, false), (1_800_001, true)];
    durations("C105", PLAIN, "session_timeout", high);
}

#[test]
fn a_session_within_the_bounds_of_every_environment() {
    let narrower = "# file: lagproof.toml\n[environments.production.broker]\nmin_session_timeout = \"50s\"\n";
    let project = TestProject::new();
    project.merge(narrower);
    let findings = project.found("C105");
    assert_eq!(findings.len(), 1);
    assert_eq!(
        findings[0].message,
        "session_timeout is 45s, and the brokers of production allow 50s to 30min"
    );
    assert_eq!(findings[0].labels.len(), 1, "the environment's bound is shown");
}

#[test]
fn a_session_that_is_missed_late() {
    durations(
        "C106",
        PLAIN,
        "session_timeout",
        [(179_999, false), (180_000, false), (180_001, true)],
    );
    let named = "instance_id = \"a-${HOSTNAME}\"\n";
    assert!(!found("C106", &[named, "[consumer]\nsession_timeout = \"10min\"\n"]));
}

#[test]
fn a_session_within_a_request() {
    durations(
        "C107",
        PLAIN,
        "request_timeout",
        [(44_999, false), (45_000, true), (45_001, true)],
    );
    let other = "client = \"aiokafka\"\n";
    durations(
        "C107",
        other,
        "request_timeout",
        [(44_999, false), (45_000, false), (45_001, false)],
    );
}

#[test]
fn timeouts_of_a_group_on_the_broker() {
    let before = "group_protocol = \"consumer\"\n";
    durations(
        "C108",
        before,
        "session_timeout",
        [(44_999, true), (45_000, false), (45_001, false)],
    );
    durations(
        "C108",
        before,
        "session_timeout",
        [(59_999, false), (60_000, false), (60_001, true)],
    );
    durations(
        "C108",
        before,
        "heartbeat_interval",
        [(4_999, true), (5_000, false), (5_001, false)],
    );
    durations(
        "C108",
        before,
        "heartbeat_interval",
        [(14_999, false), (15_000, false), (15_001, true)],
    );
    // Where the protocol does not exist at all, that is what is said.
    let aiokafka = format!("client = \"aiokafka\"\n{before}");
    assert!(!found(
        "C108",
        &[&aiokafka, "[consumer]\nheartbeat_interval = \"1s\"\n"]
    ));
}

#[test]
fn assignors_of_a_row_are_for_the_others() {
    let row = "# file: profiles/matrix.toml\n[types.worker]\nassignors = \"roundrobin\"\n";
    assert!(!found("C109", &["group_protocol = \"consumer\"\n", row]));
    assert!(!found("C109", &["[consumer]\nassignors = \"roundrobin\"\n"]));
}

#[test]
fn versions_that_know_the_protocol() {
    let protocol = "group_protocol = \"consumer\"\n";
    for (version, wanted) in [("2.11", true), ("2.12", false), ("2.13", false), ("3.0", false)] {
        let client = format!("client = \"librdkafka\"\nclient_version = \"{version}\"\n");
        assert_eq!(found("C111", &[protocol, &client]), wanted, "librdkafka {version}");
    }
    for (version, wanted) in [("3.9", true), ("4.0", false), ("4.1", false)] {
        let broker = format!("# file: lagproof.toml\n[broker]\nversion = \"{version}\"\n");
        assert_eq!(found("C111", &[protocol, &broker]), wanted, "brokers {version}");
    }
    assert!(!found(
        "C111",
        &["# file: lagproof.toml\n[broker]\nversion = \"3.0\"\n"]
    ));
}

#[test]
fn a_record_and_what_kafkajs_allows_it() {
    let before = "client = \"kafkajs\"\n\n[consumer]\nrebalance_timeout = \"30s\"\n";
    for (millis, session, rebalance) in [
        (30_000, false, false),
        (30_001, false, true),
        (45_000, false, true),
        (45_001, true, true),
    ] {
        let cost = format!("[processing]\nper_record = {{ p50 = \"20ms\", p99 = \"80ms\", max = \"{millis}ms\" }}\n");
        assert_eq!(found("P104", &[before, &cost]), session, "session, {millis} ms");
        assert!(
            !found("C114", &[before, &cost]),
            "one mistake is one finding, {millis} ms"
        );
        assert_eq!(found("C116", &[before, &cost]), rebalance, "rebalance, {millis} ms");
    }
    // Where nothing bounds it, one record in a thousand is judged.
    for (p99, wanted) in [("15s", false), ("20s", true)] {
        let cost = format!("[processing]\nper_record = {{ p50 = \"1s\", p99 = \"{p99}\" }}\n");
        assert_eq!(found("C114", &[before, &cost]), wanted, "p99 {p99}");
        assert!(!found("P104", &[before, &cost]), "p99 {p99}");
    }
    // Without one of its own, the row's five minutes are the rebalance timeout.
    let cost = "[processing]\nper_record = { p50 = \"20ms\", p99 = \"80ms\", max = \"70s\" }\n";
    assert!(!found("C116", &["client = \"kafkajs\"\n", cost]));
    assert!(
        !found("C114", &["client = \"java\"\n", cost]),
        "heartbeats go on in the background"
    );
}

#[test]
fn cpu_that_blocks_the_event_loop() {
    let burns = |millis: u64, handler: &str| {
        let part =
            format!("client = \"aiokafka\"\n\n[processing]\nper_record = \"5s\"\ncpu = \"{millis}ms\"\n{handler}");
        found("C115", &[&part])
    };
    // Ten records of pure CPU in a batch, of a session of 45 s; with some waiting each record lets heartbeats through.
    assert!(burns(5_000, ""));
    assert!(!burns(4_999, ""));
    assert!(!burns(5_000, "handler = \"thread\"\n"));
    assert!(burns(5_000, "handler = \"event-loop\"\n"));
    let exactly = "client = \"aiokafka\"\n\n[processing]\nper_record = \"4500ms\"\ncpu = \"4500ms\"\n";
    assert!(!found("C115", &[exactly]));
    assert!(found("C115", &[&exactly.replace("4500", "4501")]));
}

#[test]
fn poll_intervals_and_what_is_measured_in_them() {
    let aiokafka = "client = \"aiokafka\"\n";
    durations(
        "C117",
        aiokafka,
        "rebalance_timeout",
        [(299_999, false), (300_000, false), (300_001, true)],
    );
    durations(
        "C118",
        PLAIN,
        "connections_max_idle",
        [(299_999, true), (300_000, false), (0, false)],
    );
    let doubled = "client = \"confluent-javascript\"\n";
    durations(
        "C119",
        doubled,
        "max_poll_interval",
        [(43_199_999, false), (43_200_000, false), (43_200_001, true)],
    );
}

#[test]
fn a_mistake_in_a_row_is_told_once() {
    let project = TestProject::new();
    for name in ["one", "two", "three"] {
        let path = format!("profiles/services/{name}.toml");
        let profile = project
            .read("profiles/services/example.toml")
            .replace("\"example\"", &format!("\"{name}\""));
        project.write(&path, profile);
    }
    project.merge("# file: profiles/matrix.toml\n[types.worker]\nheartbeat_interval = \"60s\"\n");
    let findings = project.found("C101");
    assert_eq!(findings.len(), 1, "{findings:#?}");
    assert_eq!(
        findings[0].primary.text,
        "`heartbeat_interval` is 1min, from the row of `worker` (4 services)"
    );
    assert_eq!(findings[0].subject, None, "it is about none of them alone");
    // One that says otherwise is no longer among them.
    project.merge("[consumer]\nheartbeat_interval = \"3s\"\n");
    let findings = project.found("C101");
    assert!(findings[0].primary.text.ends_with("(3 services)"), "{findings:#?}");
}
