//! F1xx at their boundaries.

use super::boundaries::{found, sizes};

const LIBRDKAFKA: &str = "client = \"librdkafka\"\n";

#[test]
fn sizes_of_librdkafka() {
    let message = "client = \"librdkafka\"\n\n[consumer]\nmessage_max = \"2000000B\"\n";
    let expected = [(1_999_999, true), (2_000_000, false), (2_000_001, false)];
    sizes("F101", message, "fetch_max", expected);
    sizes(
        "F101",
        LIBRDKAFKA,
        "fetch_max",
        [(1_000, false), (999_999, false), (1_000_000, false)],
    );
    sizes(
        "F101",
        &message.replace("librdkafka", "java"),
        "fetch_max",
        [(1_000, false), (1_999_999, false), (2_000_000, false)],
    );
    let fetch = "client = \"librdkafka\"\n\n[consumer]\nfetch_max = \"2000000B\"\n";
    sizes(
        "F102",
        fetch,
        "receive_message_max",
        [(2_000_511, true), (2_000_512, false), (2_000_513, false)],
    );
    let default = [(52_429_311, true), (52_429_312, false), (100_000_000, false)];
    sizes("F102", LIBRDKAFKA, "receive_message_max", default);
}

#[test]
fn what_the_brokers_give() {
    sizes(
        "F103",
        "",
        "fetch_max",
        [(57_671_679, false), (57_671_680, false), (57_671_681, true)],
    );
    let environment = "# file: lagproof.toml\n[environments.production.broker]\nfetch_max = \"40MiB\"\n";
    sizes(
        "F103",
        environment,
        "fetch_max",
        [(41_943_039, false), (41_943_040, false), (41_943_041, true)],
    );
    assert!(
        !found("F103", &[environment]),
        "the client's own default is above it, but nobody chose that"
    );
}

#[test]
fn what_arrives_while_a_fetch_waits() {
    // 20 records of 1 KiB a second, half a second, two replicas.
    sizes("F104", "", "fetch_min", [(5_119, false), (5_120, false), (5_121, true)]);
    let unknown = "# raw file: profiles/topics.toml\n[topics.\"orders.created\"]\npartitions = 6\n";
    assert!(
        !found("F104", &[unknown, "[consumer]\nfetch_min = \"1MiB\"\n"]),
        "nothing is known of the rate"
    );
    let compressed = "# file: profiles/topics.toml\n[topics.\"orders.created\"]\ncompression_ratio = 4.0\n";
    sizes(
        "F104",
        compressed,
        "fetch_min",
        [(1_279, false), (1_280, false), (1_281, true)],
    );
}

#[test]
fn the_largest_batch() {
    sizes(
        "F105",
        "",
        "max_partition_fetch",
        [(65_535, true), (65_536, false), (65_537, false)],
    );
    let batch = "# file: profiles/topics.toml\n[topics.\"orders.created\"]\nproducer_batch = \"2MiB\"\n";
    sizes(
        "F105",
        batch,
        "max_partition_fetch",
        [(2_097_151, true), (2_097_152, false), (2_097_153, false)],
    );
    let receive = format!(
        "{batch}\n# file: profiles/services/example.toml\nclient = \"librdkafka\"\n\n[consumer]\nfetch_max = \"1MB\"\nmessage_max = \"1MB\"\n"
    );
    sizes(
        "F106",
        &receive,
        "receive_message_max",
        [(2_097_663, true), (2_097_664, false), (2_097_665, false)],
    );
    assert!(!found("F106", &[&receive]), "unset, it takes 100 MB");
}

#[test]
fn a_queue_that_empties_before_it_is_refilled() {
    let topic = "# file: profiles/topics.toml\n[topics.\"orders.created\"]\nrate = \"60/s\"\npeak = { rate = \"60/s\", for = \"1min\", every = \"1d\" }\nrecord = { mean = \"10kB\", max = \"10kB\" }\n";
    let service = "client = \"librdkafka\"\n\n[processing]\nper_record = \"1ms\"\n\n[consumer]\nqueued_max = \"10kB\"\nmessage_max = \"10kB\"\nmax_partition_fetch = \"10MB\"\n";
    // Two replicas: 30 records of 10 kB a second each, and a fetch a second.
    let cases = [(299_999, true), (300_000, false), (300_001, false)];
    let before = format!("{service}\n{topic}");
    sizes("F107", &before, "fetch_max", cases);
    let quick =
        format!("{before}\n# file: profiles/services/example.toml\n[consumer]\nfetch_queue_backoff = \"100ms\"\n");
    sizes(
        "F107",
        &quick,
        "fetch_max",
        [(29_999, true), (30_000, false), (30_001, false)],
    );
    let slow = format!("{before}\n# file: profiles/services/example.toml\n[processing]\nper_record = \"1s\"\n");
    sizes(
        "F107",
        &slow,
        "fetch_max",
        [(10_000, false), (10_001, false), (20_000, false)],
    );
}
