//! D1xx at their boundaries, and ids made to break them.

use super::boundaries::found;
use super::support::TestProject;

#[test]
fn clients_that_commit_what_they_hand_out() {
    let interval = "[delivery]\ncommit = \"interval\"\n";
    for (client, before) in [
        ("librdkafka", true),
        ("aiokafka", true),
        ("java", false),
        ("kafkajs", false),
        ("confluent-javascript", false),
    ] {
        let part = format!("client = \"{client}\"\n");
        assert_eq!(found("D101", &[&part, interval]), before, "{client}");
        let thread = "[processing]\nhandler = \"thread\"\n";
        assert_eq!(found("D102", &[&part, interval, thread]), !before, "{client}");
        let unbounded = "[processing]\nconcurrency = \"unbounded\"\n";
        assert_eq!(found("D102", &[&part, interval, unbounded]), !before, "{client}");
        assert!(!found("D102", &[&part, interval]), "{client}");
        assert!(
            !found("D101", &[&part]) && !found("D103", &[&part]),
            "{client}: nobody chose it"
        );
    }
}

#[test]
fn a_commit_interval() {
    for (text, wanted) in [
        ("0s", true),
        ("1ms", false),
        ("1500us", true),
        ("1d", false),
        ("86400001ms", true),
    ] {
        let part = format!("[delivery]\ncommit_interval = \"{text}\"\n");
        assert_eq!(found("D104", &[&part]), wanted, "{text}");
    }
}

#[test]
fn partitions_that_grow() {
    for (now, wanted) in [(5, true), (6, false), (7, false)] {
        let topic = format!("# file: profiles/topics.toml\n[topics.\"orders.created\"]\npartitions_now = {now}\n");
        assert_eq!(found("D105", &[&topic]), wanted, "{now}");
        assert!(!found("D105", &[&topic, "[consumer]\noffset_reset = \"earliest\"\n"]));
        assert!(!found("D105", &[&topic, "[consumer]\noffset_reset = \"none\"\n"]));
    }
}

#[test]
fn a_restart_and_what_it_must_outlast() {
    for (text, wanted) in [("604799s", false), ("7d", false), ("604801s", true)] {
        assert_eq!(found("D106", &[&format!("restart = \"{text}\"\n")]), wanted, "{text}");
    }
    for (text, wanted) in [("44999ms", false), ("45s", false), ("45001ms", true)] {
        let named = format!("instance_id = \"a-${{HOSTNAME}}\"\nrestart = \"{text}\"\n");
        assert_eq!(found("D117", &[&named]), wanted, "{text}");
    }
    assert!(!found("D117", &["restart = \"1h\"\n"]), "no static membership");
}

#[test]
fn isolation_is_told_where_it_matters() {
    let second = |client: &str, group: &str, rest: &str| {
        format!(
            "# file: profiles/services/second.toml\nversion = 1\ntype = \"worker\"\nclient = \"{client}\"\ngroup = \"{group}\"\ntopics = [\"orders.created\"]\n{rest}"
        )
    };
    assert!(
        found("D107", &[&second("librdkafka", "example", "")]),
        "one group, two defaults"
    );
    assert!(
        !found("D107", &[&second("aiokafka", "example", "")]),
        "one group, the same default"
    );
    assert!(
        !found("D107", &[&second("librdkafka", "other", "")]),
        "two groups, nobody says anything"
    );
    let says = "\n[delivery]\nisolation = \"read-committed\"\n";
    assert!(
        found("D107", &[&second("java", "other", says)]),
        "somebody knows of transactions"
    );
    let project = TestProject::new();
    project.merge(&second("librdkafka", "example", ""));
    assert_eq!(project.found("D107").len(), 1, "a pair is told once");
}

#[test]
fn pauses_and_the_poll_interval() {
    // 2⁸ − 1 pauses of a second are 255 s, 2⁹ − 1 are 511 s, of 300 s.
    for (attempts, wanted) in [(1, false), (9, false), (10, true), (1_000_000_000, true)] {
        let part = format!("[delivery]\nretry = {{ attempts = {attempts}, backoff = \"1s\" }}\n");
        assert_eq!(found("D112", &[&part]), wanted, "{attempts}");
        assert!(!found("D112", &[&part, "[processing]\nhandler = \"thread\"\n"]));
    }
    for (backoff, wanted) in [("299999ms", false), ("300s", false), ("300001ms", true), ("0s", false)] {
        let part = format!("[delivery]\nretry = {{ attempts = 2, backoff = \"{backoff}\" }}\n");
        assert_eq!(found("D112", &[&part]), wanted, "{backoff}");
    }
    let none = "[delivery]\nretry = { attempts = 1000000000, backoff = \"0s\" }\n";
    assert!(!found("D112", &[none]), "no pause is none however often");
    // Two tries of 149.5 s and a pause of 1 s are exactly 300 s.
    for (cost, wanted) in [("149499ms", false), ("149500ms", false), ("149501ms", true)] {
        let part = format!(
            "[delivery]\nretry = {{ attempts = 2, backoff = \"1s\" }}\n\n[processing]\nper_record = \"{cost}\"\n"
        );
        assert_eq!(found("D113", &[&part]), wanted, "{cost}");
    }
}

#[test]
fn one_id_for_several_replicas() {
    let id = "instance_id = \"example\"\n";
    for (replicas, wanted) in [(1, false), (2, true), (3, true)] {
        assert_eq!(
            found("D114", &[id, &format!("replicas = {replicas}\n")]),
            wanted,
            "{replicas}"
        );
    }
    let production = "# file: lagproof.toml\n[environments.production.services.example]\nreplicas = 2\n";
    assert!(
        found("D114", &[id, "replicas = 1\n", production]),
        "in production there are two"
    );
    assert!(!found("D114", &["instance_id = \"a-${POD}\"\n", production]));
}

#[test]
fn ids_that_clients_refuse() {
    for (id, java, other) in [
        ("a-${HOSTNAME}", false, false),
        ("a.b_c-1-${_X9}", false, false),
        ("a b-${HOSTNAME}", true, false),
        ("a/${HOSTNAME}", true, false),
        ("ä-${HOSTNAME}", true, false),
        ("a-${}", true, true),
        ("a-${1X}", true, true),
        ("a-${X", true, true),
        ("a-${X${Y}", true, true),
        ("'; DROP TABLE x; --${X}", true, false),
        ("a\u{301}${X}", true, false),
    ] {
        let part = format!("instance_id = {}\n", toml_edit::Value::from(id));
        assert_eq!(found("D115", &[&part]), java, "java: {id}");
        let librdkafka = format!("client = \"librdkafka\"\n{part}");
        assert_eq!(found("D115", &[&librdkafka]), other, "librdkafka: {id}");
    }
    for id in [".", ".."] {
        assert!(
            found("D115", &[&format!("instance_id = \"{id}\"\nreplicas = 1\n")]),
            "{id}"
        );
    }
}

#[test]
fn a_static_member_that_is_busy() {
    let id = "instance_id = \"a-${HOSTNAME}\"\n";
    for (millis, wanted) in [(299_999, false), (300_000, false), (300_001, true)] {
        let cost = format!("[processing]\nper_record = {{ p50 = \"20ms\", p99 = \"80ms\", max = \"{millis}ms\" }}\n");
        assert_eq!(found("D118", &[id, &cost]), wanted, "{millis}");
        assert!(!found("D118", &[&cost]), "no static membership");
    }
}
