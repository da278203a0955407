//! Each finding of a proof, at its bound and just past it.

use crate::{codes, line, only, project};

/// One replica, so that keys play no part, and a cost without spread: 10 records take 200 ms and a commit, 49.75/s.
const ALONE: &str = "replicas = 1\n[delivery]\ncommit = \"after-batch\"\n[processing]\nper_record = \"20ms\"\n";

fn topic(lines: &str) -> String {
    format!("# file: profiles/topics.toml\n[topics.\"orders.created\"]\n{lines}\n")
}

#[test]
fn a_record_may_take_as_long_as_the_interval_and_no_longer() {
    let cost =
        |max: &str| format!("[processing]\nper_record = {{ p50 = \"20ms\", p99 = \"80ms\", max = \"{max}\" }}\n");
    assert_eq!(codes(&[&cost("5min")]), [""; 0]);
    assert_eq!(codes(&[&cost("300001ms")]), ["P104"]);
}

#[test]
fn a_mean_batch_may_fill_the_interval_and_no_more() {
    let slow = topic("rate = \"0.001/s\"\npeak = { rate = \"0.001/s\", for = \"10min\", every = \"1d\" }");
    let cost = |each: &str| format!("[processing]\nper_record = \"{each}\"\n");
    assert_eq!(codes(&[&slow, &cost("30s")]), [""; 0]);
    assert_eq!(codes(&[&slow, &cost("30001ms")]), ["P102"]);
    // A record that alone takes too long is one mistake, not two.
    assert_eq!(codes(&[&slow, &cost("6min")]), ["P104"]);
}

#[test]
fn the_help_names_a_batch_size_that_holds() {
    let slow = topic("rate = \"0.001/s\"\npeak = { rate = \"0.001/s\", for = \"10min\", every = \"1d\" }");
    let cost = "[processing]\nper_record = \"40s\"\nper_batch = \"30s\"\n";
    let finding = only(&project(&[&slow, cost]), "P102");
    assert_eq!(
        finding.help.as_deref(),
        Some(
            "lower max_poll_records to at most 6, raise max_poll_interval to at least 8min, or process more records at once"
        )
    );
    let why = "\n[[deviation]]\nsetting = \"max_poll_records\"\nreason = \"records are slow\"\n";
    let with = |records: u32| format!("[consumer]\nmax_poll_records = {records}\n{why}");
    assert_eq!(codes(&[&slow, cost, &with(6)]), [""; 0]);
    assert_eq!(codes(&[&slow, cost, &with(7)]), ["P102"]);
}

#[test]
fn memory_may_be_filled_to_the_last_byte() {
    // 300 MiB, three partitions of 1 MiB, nine mean records and one of the largest.
    let fits = 303 * 1024 * 1024 + 9 * 1024 + 64 * 1024;
    let limit = |bytes: u32| format!("[memory]\nlimit = \"{bytes}B\"\n");
    assert_eq!(codes(&[&limit(fits)]), ["P107"]);
    assert_eq!(codes(&[&limit(fits - 1)]), ["P105"]);
    // With one replica away, the other holds all six partitions.
    let alone = fits + 3 * 1024 * 1024;
    assert_eq!(codes(&[&limit(alone)]), [""; 0]);
    assert_eq!(codes(&[&limit(alone - 1)]), ["P107"]);
    assert_eq!(codes(&[&limit(alone - 1), "replicas = 1\n"]), ["P105", "P110"]);
}

#[test]
fn unbounded_concurrency_has_no_limit() {
    let finding = only(&project(&["[processing]\nconcurrency = \"unbounded\"\n"]), "P106");
    assert_eq!(line(&finding), "error: nothing bounds what example holds in memory");
}

#[test]
fn capacity_is_judged_at_the_expected_rate_and_at_the_peak() {
    let rate = |expected: &str, peak: &str, lasts: &str| {
        topic(&format!(
            "rate = \"{expected}/s\"\npeak = {{ rate = \"{peak}/s\", for = \"{lasts}\", every = \"1d\" }}"
        ))
    };
    let found = |expected: &str, peak: &str, lasts: &str| codes(&[ALONE, &rate(expected, peak, lasts)]);
    assert_eq!(found("10", "39.80", "1h"), [""; 0]);
    assert_eq!(found("10", "39.81", "1h"), ["P111"]);
    assert_eq!(found("10", "49.75", "1h"), ["P111"]);
    assert_eq!(found("10", "49.76", "1h"), ["P110"]);
    // 50.25/s too much for 9 h leaves what 39.75/s to spare need 11.4 h for: in time. For 12 h, not.
    assert_eq!(found("10", "100", "9h"), ["P110"]);
    assert_eq!(found("10", "100", "12h"), ["P109"]);
    assert!(found("49.75", "49.75", "1h").contains(&"P111"));
    assert!(found("49.76", "49.76", "1h").contains(&"P108"));
}

#[test]
fn a_hot_partition_is_told_from_too_few_members() {
    let hot = topic("key = { field = \"customer_id\", cardinality = 50000, zipf = 2.0 }");
    let finding = only(&project(&[&hot]), "P110");
    assert!(
        finding
            .help
            .as_deref()
            .is_some_and(|help| help.contains("more replicas do not help")),
        "{finding:#?}"
    );
    let finding = only(&project(&[ALONE, &topic("rate = \"70/s\"")]), "P108");
    assert_eq!(
        finding.help.as_deref(),
        Some("run about 2 replicas, raise concurrency, or make a record cheaper")
    );
}

#[test]
fn services_of_one_group_share_its_partitions() {
    let busy = topic("peak = { rate = \"75/s\", for = \"10min\", every = \"1d\" }");
    assert_eq!(codes(&[&busy]), ["P111"]);
    let second = include_str!("second.toml");
    let both = project(&[&busy]);
    both.write("profiles/services/second.toml", second);
    assert!(both.found("P111").is_empty(), "{:#?}", both.findings());
}

#[test]
fn a_target_below_the_floor_is_an_error_and_one_above_is_not() {
    // One replica: T = 101 ms ÷ (1 − 20/s × 20 ms), 2 × 20/s × T = 6.73 records.
    let floor = |target: u32| format!("{ALONE}per_batch = \"100ms\"\n[targets]\nlag = {target}\n");
    let steady = topic("peak = { rate = \"20/s\", for = \"1h\", every = \"1d\" }");
    assert_eq!(codes(&[&steady, &floor(7)]), [""; 0]);
    assert_eq!(codes(&[&steady, &floor(6)]), ["P112"]);
    let finding = only(&project(&[&steady, &floor(6)]), "P112");
    assert_eq!(
        finding.help.as_deref(),
        Some("set targets.lag to at least 7, or make a batch cheaper")
    );
}

#[test]
fn what_is_not_declared_is_named_and_never_passes() {
    let finding = only(
        &project(&[
            "topics = [\"orders.created\", \"orders.paid\"]\n# file: profiles/topics.toml\n[topics.\"orders.paid\"]\npartitions = 6\nrate = \"1/s\"\n",
        ]),
        "P101",
    );
    assert_eq!(line(&finding), "warning: example: memory can't be worked out");
    assert_eq!(
        finding.help.as_deref(),
        Some(
            "declare topics.\"orders.paid\".producer_batch, topics.\"orders.paid\".record.max, topics.\"orders.paid\".record.mean"
        )
    );
    let off = "# file: lagproof.toml\n[severity]\nP101 = \"off\"\n";
    let unknown = topic("key = { field = \"customer_id\" }");
    assert_eq!(codes(&[&unknown]), ["P101"]);
    assert_eq!(codes(&[&unknown, off]), [""; 0]);
}
