//! One profile.

use std::fmt::Write;

use super::Shape;
use super::kinds::{Kind, Pace};
use super::random::Random;
use super::shared::dead_letters;

/// A service's client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Client {
    Librdkafka,
    Java,
    Aiokafka,
    Kafkajs,
    ConfluentJavascript,
}

impl Client {
    const ALL: [Self; 5] = [
        Self::Librdkafka,
        Self::Java,
        Self::Aiokafka,
        Self::Kafkajs,
        Self::ConfluentJavascript,
    ];

    const fn name(self) -> &'static str {
        match self {
            Self::Librdkafka => "librdkafka",
            Self::Java => "java",
            Self::Aiokafka => "aiokafka",
            Self::Kafkajs => "kafkajs",
            Self::ConfluentJavascript => "confluent-javascript",
        }
    }

    /// Where its handlers run: not in an event loop that heartbeats wait for.
    const fn handler(self, pace: Pace) -> Option<&'static str> {
        match (self, pace) {
            (Self::Librdkafka | Self::Java, _) => None,
            (Self::Aiokafka, Pace::Slow) => Some("thread"),
            (Self::Aiokafka | Self::Kafkajs | Self::ConfluentJavascript, _) => Some("event-loop"),
        }
    }

    /// A setting that lagproof does not model.
    const fn raw(self) -> &'static str {
        match self {
            Self::Librdkafka | Self::ConfluentJavascript => "\"socket.keepalive.enable\" = true",
            Self::Java => "\"enable.metrics.push\" = false",
            Self::Aiokafka => "exclude_internal_topics = true",
            Self::Kafkajs => "connectionTimeout = 3000",
        }
    }
}

/// The profile of a service.
pub fn profile(shape: Shape, number: usize) -> String {
    let (kind, name) = (shape.kind(number), shape.service_name(number));
    let mut random = shape.random("service", number);
    let client = random.pick(&Client::ALL);
    let mut text = String::with_capacity(900);
    let _ = write!(
        text,
        "\
version  = 1
type     = \"{}\"
client   = \"{}\"
group    = \"made-up-{name}\"
summary  = \"{}\"
topics   = [\"{}\"]
replicas = {}                   # capacity at peak, below
",
        kind.row,
        client.name(),
        random.pick(&kind.summaries),
        shape.topic_name(number),
        random.pick(&kind.replicas),
    );
    write_consumer(&mut text, &mut random);
    write_processing(&mut text, kind, client, &mut random);
    write_rest(&mut text, kind, client, &mut random);
    text
}

/// One service in eight leaves its type's row, and says why; one in eight sets what the row leaves open.
fn write_consumer(text: &mut String, random: &mut Random) {
    match random.below(8) {
        0 => text.push_str(
            "
[consumer]
fetch_max_wait = \"250ms\"

[[deviation]]
setting = \"fetch_max_wait\"
reason  = \"records come in bursts, a few a minute: waiting longer gains nothing and shows as lag\"
",
        ),
        1 => text.push_str("\n[consumer]\nretry_backoff = \"200ms\"\n"),
        _ => {}
    }
}

fn write_processing(text: &mut String, kind: &Kind, client: Client, random: &mut Random) {
    let _ = write!(
        text,
        "
[processing]
per_record = {}
per_batch  = \"{}\"
",
        random.pick(&kind.costs),
        kind.per_batch
    );
    if let Some(handler) = client.handler(kind.pace) {
        let _ = writeln!(text, "handler    = \"{handler}\"");
    }
    text.push_str("assumed    = true              # measured once, on one machine\n");
}

fn write_rest(text: &mut String, kind: &Kind, client: Client, random: &mut Random) {
    let (limit, resident, factor) = kind.memory;
    let _ = write!(
        text,
        "
[memory]
limit             = \"{limit}\"
resident          = \"{resident}\"
per_record_factor = {factor}
assumed           = true       # a record is held beside what is made of it
"
    );
    if random.once_in(3) {
        let _ = write!(
            text,
            "\n[delivery]\nretry = {{ attempts = 3, backoff = \"200ms\", dead_letter = \"{}\" }}\n",
            dead_letters(kind)
        );
    }
    if random.once_in(10) {
        let _ = write!(text, "\n[raw.{}]\n{}\n", client.name(), client.raw());
    }
    if random.once_in(5) {
        text.push_str("\n[baseline]\nmax_poll_records = 1           # single messages\n");
    }
}
