//! Topics at their bounds.

use crate::{codes, line, only, project};

/// Reads from the oldest record, so that new partitions lose nothing.
fn topic(lines: &str) -> String {
    format!(
        "[consumer]\noffset_reset = \"earliest\"\n# file: profiles/topics.toml\n[topics.\"orders.created\"]\n{lines}\n"
    )
}

#[test]
fn partitions_stay_or_grow() {
    assert_eq!(codes(&[&topic("partitions_now = 6")]), [""; 0]);
    assert_eq!(codes(&[&topic("partitions_now = 7")]), ["T104"]);
    let grows = only(&project(&[&topic("partitions_now = 3")]), "T105");
    assert_eq!(grows.primary.text, "50 % of keys go to another partition");
    let odd = only(&project(&[&topic("partitions_now = 4")]), "T105");
    assert!(
        odd.help
            .as_deref()
            .is_some_and(|help| help.contains("8 partitions: 50 %")),
        "{odd:#?}"
    );
    assert_eq!(codes(&[&topic("partitions_now = 3\nordering = \"none\"")]), [""; 0]);
}

#[test]
fn copies_need_brokers() {
    assert_eq!(codes(&[&topic("replication = 3")]), [""; 0]);
    assert_eq!(codes(&[&topic("replication = 4")]), ["T106"]);
    assert_eq!(
        codes(&[
            &topic("replication = 4"),
            "# file: lagproof.toml\n[broker]\ncount = 4\n"
        ]),
        [""; 0]
    );
}

#[test]
fn sizing_is_the_projects_own() {
    let sizing = |lines: &str| format!("# file: profiles/matrix.toml\n[sizing]\n{lines}\n");
    assert_eq!(codes(&[&sizing("min_partitions = 6")]), [""; 0]);
    assert_eq!(codes(&[&sizing("min_partitions = 7")]), ["T107"]);
    let fleet = topic("rate = { each = \"2/s\", fleet = 10 }");
    assert_eq!(codes(&[&fleet, &sizing("rate_per_partition = \"0.3334/s\"")]), [""; 0]);
    let finding = only(&project(&[&fleet, &sizing("rate_per_partition = \"0.3/s\"")]), "T107");
    assert_eq!(
        line(&finding),
        "warning: orders.created has 6 partitions and should have 7"
    );
}

#[test]
fn records_are_kept_until_they_are_read() {
    let kept = |time: &str| topic(&format!("retention = {{ time = \"{time}\" }}"));
    assert_eq!(codes(&[&kept("5min")]), [""; 0]);
    assert_eq!(codes(&[&kept("299s")]), ["T111"]);
    let peak = "peak = { rate = \"120/s\", for = \"4h\", every = \"1d\" }\nretention = { time = \"5h\" }";
    assert_eq!(codes(&[&topic(peak)]), ["P110", "T111"]);
}

#[test]
fn compression_counts_against_the_brokers_limit() {
    let larger = "[consumer]\nmax_partition_fetch = \"2MiB\"\n";
    let record = |more: &str| topic(&format!("record = {{ mean = \"1KiB\", max = \"1048589B\" }}\n{more}"));
    assert_eq!(codes(&[larger, &record("")]), ["T113"]);
    assert_eq!(codes(&[larger, &record("compression_ratio = 2.0")]), [""; 0]);
    assert_eq!(
        codes(&[larger, &topic("record = { mean = \"1KiB\", max = \"1048588B\" }")]),
        [""; 0]
    );
}

#[test]
fn order_is_promised_by_those_who_write_it() {
    let at_once = "[processing]\nconcurrency = 4\n";
    assert_eq!(codes(&[at_once]), [""; 0]);
    assert_eq!(codes(&[at_once, &topic("ordering = \"per-key\"")]), ["T109"]);
    assert_eq!(codes(&[at_once, &topic("ordering = \"per-partition\"")]), ["T109"]);
}

#[test]
fn nobody_asks_about_unread_topics_unless_told_to() {
    let unread = "# file: profiles/topics.toml\n[topics.\"orders.paid\"]\npartitions = 6\n";
    assert_eq!(codes(&[unread]), [""; 0]);
    assert_eq!(
        codes(&[unread, "# file: lagproof.toml\n[severity]\nT116 = \"error\"\n"]),
        ["T116"]
    );
}
