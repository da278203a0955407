//! The files that all services share.

use std::collections::BTreeSet;
use std::fmt::Write;

use super::Shape;
use super::kinds::{KINDS, Kind};

/// `lagproof.toml`, with a place for trying things out, where one service in a hundred runs with one replica.
pub fn config(shape: Shape) -> String {
    let mut text = "\
# A made-up project.
name = \"made-up\"
base = \"main\"

[broker]
version = \"4.0\"
count   = 3

[environments.production]
brokers    = [\"kafka-1.example.com:9093\", \"kafka-2.example.com:9093\", \"kafka-3.example.com:9093\"]
security   = { protocol = \"SASL_SSL\", mechanism = \"SCRAM-SHA-512\", ca = \"/etc/kafka/ca.pem\" }
production = true

[environments.development]
brokers = [\"localhost:9092\"]
broker  = { count = 1 }

[environments.development.services]
"
    .to_owned();
    for number in (0..shape.services).step_by(100) {
        let _ = writeln!(text, "{} = {{ replicas = 1 }}", shape.service_name(number));
    }
    text.push_str("\n[environments.development.topics]\n");
    let topics: BTreeSet<String> = (0..shape.services)
        .step_by(100)
        .map(|number| shape.topic_name(number))
        .collect();
    for topic in topics {
        let _ = writeln!(text, "\"{topic}\" = {{ rate = \"0.1/s\", peak_rate = \"0.2/s\" }}");
    }
    text
}

/// `profiles/matrix.toml`.
pub fn matrix() -> String {
    let mut text = "\
# What services of a type have in common.
edition = \"2026\"

[defaults]
offset_reset = \"earliest\"

[defaults.delivery]
commit    = \"after-batch\"
isolation = \"read-committed\"

[defaults.targets]
lag                 = 100
errors              = \"1%\"
rebalances_per_hour = 1
"
    .to_owned();
    for Kind { row, cells, .. } in &KINDS {
        let _ = write!(text, "\n[types.{row}]\n{cells}\n");
    }
    text
}

/// `profiles/topics.toml`: what the services read, and where their dead letters go.
pub fn topics(shape: Shape) -> String {
    let mut text = "# The topics. Rates are of one device, times the devices that there are.\n".to_owned();
    for kind in KINDS.iter().take(shape.services) {
        let (dead, largest) = (dead_letters(kind), kind.record.1);
        let _ = write!(
            text,
            "
[topics.\"{dead}\"]
partitions = 3
rate       = \"1/h\"
record     = {{ mean = \"{}\", max = \"{largest}\" }}
key        = {{ field = \"device_id\", cardinality = 20000 }}
retention  = {{ time = \"30d\" }}
",
            kind.record.0
        );
    }
    let first_readers = (0..shape.services).filter(|number| number % (2 * KINDS.len()) < KINDS.len());
    for number in first_readers {
        topic(shape, number, &mut text);
    }
    text
}

fn topic(shape: Shape, number: usize, text: &mut String) {
    let (kind, name) = (shape.kind(number), shape.topic_name(number));
    let mut random = shape.random("topic", number / (2 * KINDS.len()) * KINDS.len() + number % KINDS.len());
    let fleet = random.pick(&kind.fleets);
    let retention = random.pick(&["7d", "14d", "30d"]);
    let Kind {
        partitions,
        rate,
        peak,
        record: (mean, max),
        ..
    } = kind;
    let _ = write!(
        text,
        "
[topics.\"{name}\"]
partitions = {partitions}
rate       = {{ each = \"{rate}\", fleet = {fleet} }}
peak       = {{ rate = {{ each = \"{peak}\", fleet = {fleet} }}, for = \"30min\", every = \"12h\" }}
record     = {{ mean = \"{mean}\", max = \"{max}\" }}
producer_batch = \"16KiB\"
key        = {{ field = \"device_id\", cardinality = 20000 }}
retention  = {{ time = \"{retention}\" }}
"
    );
}

/// Where the dead letters of a kind go.
pub fn dead_letters(kind: &Kind) -> String {
    format!("{}.dlq", kind.topic)
}
