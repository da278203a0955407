//! A spread of services over all clients and over what is hard for each, compiled into `target/lowered` for the real
//! clients to read: `just test-clients` writes it anew and gives it to `tests/clients/run`.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use lagproof::emit::property_files;
use lagproof::model::keywords::{Client, Keyword};

use super::support::TestProject;

const MATRIX: &str = r#"
edition = "2026"
[types.any]
summary = "nothing of its own: the client's defaults"
[types.vision-ai]
max_poll_records = 1
session_timeout = "60s"
max_poll_interval = "10min"
fetch_max_wait = "100ms"
[types.llm-ai]
max_poll_records = 1
session_timeout = "120s"
max_poll_interval = "20min"
fetch_max_wait = "100ms"
[types.network-io]
max_poll_records = { min = 5, max = 10, default = 5 }
session_timeout = "60s"
max_poll_interval = "5min"
fetch_max_wait = "1000ms"
"#;

const TOPICS: &str =
    "[topics.\"device.audio.raw\"]\npartitions = 3\n[topics.\"device.image.camera.raw\"]\npartitions = 6\n";

/// What snapshots show of each client.
pub const SHOWN: &str = r#"type = "vision-ai"
topics = ["device.*"]
instance_id = "shown-${POD_NAME}"
[consumer]
assignors = "sticky"
offset_reset = "none"
queued_max = "16MB"
retry_backoff = "250ms"
connections_max_idle = "10min"
fetch_max = "500kB"
[delivery]
commit = "after-batch"
"#;

/// Name, and what a profile says beside version, client and group.
pub const VARIANTS: [(&str, &str); 40] = [
    ("defaults", ""),
    ("vision", "type = \"vision-ai\"\n"),
    ("llm", "type = \"llm-ai\"\n"),
    ("network", "type = \"network-io\"\n"),
    ("shown", SHOWN),
    ("instance", "instance_id = \"static-0\"\n"),
    ("instance-variable", "instance_id = \"static-${POD_NAME}\"\n"),
    (
        "after-record",
        "[delivery]\ncommit = \"after-record\"\nisolation = \"read-committed\"\n",
    ),
    (
        "on-receipt",
        "[delivery]\ncommit = \"on-receipt\"\nisolation = \"read-uncommitted\"\n",
    ),
    (
        "interval",
        "[delivery]\ncommit = \"interval\"\ncommit_interval = \"1s\"\n",
    ),
    (
        "interval-long",
        "[delivery]\ncommit = \"interval\"\ncommit_interval = \"10d\"\n",
    ),
    ("reset-none", "[consumer]\noffset_reset = \"none\"\n"),
    ("reset-duration", "[consumer]\noffset_reset = \"1500ms\"\n"),
    ("reset-earliest", "[consumer]\noffset_reset = \"earliest\"\n"),
    ("sticky", "[consumer]\nassignors = [\"sticky\", \"range\"]\n"),
    ("cooperative", "[consumer]\nassignors = \"cooperative-sticky\"\n"),
    (
        "mixed",
        "[consumer]\nassignors = [\"range\", \"cooperative-sticky\", \"roundrobin\"]\n",
    ),
    (
        "fetch-small",
        "[consumer]\nfetch_max = \"400kB\"\nmax_partition_fetch = \"300kB\"\n",
    ),
    (
        "fetch-least",
        "[consumer]\nfetch_max = \"1B\"\nmax_partition_fetch = \"1kB\"\nfetch_min = \"1B\"\n",
    ),
    (
        "fetch-most",
        "[consumer]\nfetch_max = \"2147483135B\"\nmax_partition_fetch = \"1GB\"\nfetch_min = \"100MB\"\n",
    ),
    (
        "wait-most",
        "[consumer]\nfetch_max_wait = \"5min\"\nrequest_timeout = \"10ms\"\n",
    ),
    (
        "wait-none",
        "[consumer]\nfetch_max_wait = \"0s\"\nrequest_timeout = \"500ms\"\n",
    ),
    ("retry-one", "[consumer]\nretry_backoff = \"2s\"\n"),
    (
        "retry-crossed",
        "[consumer]\nretry_backoff = \"2s\"\nretry_backoff_max = \"50ms\"\n",
    ),
    ("reconnect-one", "[consumer]\nreconnect_backoff = \"20s\"\n"),
    ("reconnect-max", "[consumer]\nreconnect_backoff_max = \"10ms\"\n"),
    (
        "never",
        "[consumer]\nconnections_max_idle = \"0s\"\nreceive_buffer = \"0B\"\nstatistics_interval = \"0s\"\n",
    ),
    (
        "buffers",
        "[consumer]\nconnections_max_idle = \"1s\"\nreceive_buffer = \"1MiB\"\nstatistics_interval = \"5s\"\nmetadata_max_age = \"1min\"\n",
    ),
    (
        "switches",
        "[consumer]\ncheck_crcs = true\nallow_auto_create_topics = false\nclient_rack = \"eu # = \\\\ ü\"\nrebalance_timeout = \"90s\"\n",
    ),
    (
        "queues",
        "[consumer]\nqueued_min_messages = 1000\nqueued_max = \"1500B\"\nfetch_queue_backoff = \"50ms\"\nmessage_max = \"100MB\"\nreceive_message_max = \"1kB\"\n",
    ),
    (
        "longest",
        "[consumer]\nsession_timeout = \"1h\"\nmax_poll_interval = \"1d\"\nheartbeat_interval = \"1s\"\n",
    ),
    (
        "shortest",
        "[consumer]\nsession_timeout = \"10s\"\nmax_poll_interval = \"1s\"\nheartbeat_interval = \"1ms\"\nmax_poll_records = 1\n",
    ),
    (
        "rebalance-beside-poll",
        "[consumer]\nrebalance_timeout = \"90s\"\nmax_poll_interval = \"5min\"\n",
    ),
    // Written out as clients have them themselves: a row can't tell them from what nobody chose.
    (
        "rebalance-written-out",
        "[consumer]\nrebalance_timeout = \"1min\"\nmax_poll_interval = \"5min\"\n",
    ),
    (
        "first-pause-written-out",
        "[consumer]\nretry_backoff = \"300ms\"\nretry_backoff_max = \"50ms\"\nreconnect_backoff = \"100ms\"\nreconnect_backoff_max = \"10ms\"\n",
    ),
    (
        "first-pause-written-out-shorter",
        "[consumer]\nretry_backoff = \"100ms\"\nretry_backoff_max = \"50ms\"\n",
    ),
    (
        "longest-pause-written-out",
        "[consumer]\nretry_backoff = \"1min\"\nretry_backoff_max = \"30s\"\nreconnect_backoff = \"1min\"\nreconnect_backoff_max = \"10s\"\n",
    ),
    (
        "longest-pause-written-out-shorter",
        "[consumer]\nretry_backoff = \"1min\"\nretry_backoff_max = \"1s\"\n",
    ),
    ("crowd", "[consumer]\nmax_poll_records = 2147483647\n"),
    (
        "name",
        "group = '''größe #!=:\\ \"quoted\" 'twice' $(x) `y` 日本 🦀'''\n",
    ),
];

/// For clients that know KIP-848.
pub const CONSUMER_PROTOCOL: &str =
    "group_protocol = \"consumer\"\ntype = \"vision-ai\"\n[consumer]\nremote_assignor = \"range\"\n";

/// What a client takes under its own names. Not log_level: the checker of librdkafka turns debugging on, which sets it.
pub const fn raw(client: Client) -> &'static str {
    match client {
        Client::Librdkafka => {
            r#"[raw.librdkafka]
"client.id" = "größe # = \\ x"
"api.version.request.timeout.ms" = 10000
"broker.address.family" = "v4"
"broker.address.ttl" = 1000
"client.dns.lookup" = "use_all_dns_ips"
"consume.callback.max.messages" = 0
"coordinator.query.interval.ms" = 600000
"enable.metrics.push" = false
"enable.partition.eof" = true
"enable.random.seed" = true
"fetch.error.backoff.ms" = "500"
"log.connection.close" = false
"log.thread.name" = true
"max.in.flight.requests.per.connection" = 1000000
"message.copy.max.bytes" = 65535
"metadata.recovery.rebootstrap.trigger.ms" = 300000
"metadata.recovery.strategy" = "none"
"socket.connection.setup.timeout.ms" = 30000
"socket.keepalive.enable" = true
"socket.max.fails" = 1
"socket.nagle.disable" = "true"
"socket.send.buffer.bytes" = 0
"topic.metadata.propagation.max.ms" = 30000
"topic.metadata.refresh.fast.interval.ms" = 100
"topic.metadata.refresh.sparse" = true
"#
        }
        Client::ConfluentJavascript => {
            r#"[raw.confluent-javascript]
"client.id" = "größe # = \\ x"
"broker.address.family" = "v4"
"enable.metrics.push" = false
"fetch.error.backoff.ms" = 500
"log.connection.close" = false
"max.in.flight.requests.per.connection" = 1000
"metadata.recovery.strategy" = "none"
"socket.keepalive.enable" = true
"socket.nagle.disable" = true
"topic.metadata.refresh.sparse" = true
"js.consumer.max.cache.size.per.worker.ms" = 1500
"#
        }
        Client::Java => {
            r#"[raw.java]
"client.id" = "größe # = \\ x"
"client.dns.lookup" = "use_all_dns_ips"
"default.api.timeout.ms" = 60000
"enable.metrics.push" = false
"exclude.internal.topics" = true
"key.deserializer" = "org.apache.kafka.common.serialization.ByteArrayDeserializer"
"metadata.recovery.rebootstrap.trigger.ms" = 300000
"metadata.recovery.strategy" = "none"
"metrics.num.samples" = 2
"metrics.recording.level" = "DEBUG"
"metrics.sample.window.ms" = 30000
"send.buffer.bytes" = -1
"socket.connection.setup.timeout.max.ms" = 30000
"socket.connection.setup.timeout.ms" = 10000
"#
        }
        Client::Aiokafka => {
            r#"[raw.aiokafka]
client_id = "größe # = \\ x"
consumer_timeout_ms = 200
exclude_internal_topics = true
"#
        }
        Client::Kafkajs => {
            r#"[raw.kafkajs]
authenticationTimeout = 10000
autoCommitThreshold = 100
clientId = "größe # = \\ x"
connectionTimeout = 1000
eachBatchAutoResolve = true
enforceRequestTimeout = true
maxInFlightRequests = 5
partitionsConsumedConcurrently = 3
reauthenticationThreshold = 10000
"retry.factor" = 0.2
"retry.multiplier" = 2
"retry.retries" = 8
"#
        }
    }
}

/// A profile with a snippet over it; the snippet's own keys win.
pub fn profile(client: Client, snippet: &str) -> String {
    let (top, tables) = snippet.split_at(
        snippet
            .find('[')
            .filter(|at| snippet[..*at].ends_with('\n') || *at == 0)
            .unwrap_or(snippet.len()),
    );
    let defaults = [
        ("version", "1".to_owned()),
        ("type", "\"any\"".to_owned()),
        ("client", format!("\"{client}\"")),
        ("group", format!("\"group-{client}\"")),
        ("topics", "[\"device.audio.raw\"]".to_owned()),
    ];
    let mut out = String::new();
    for (key, value) in defaults {
        if !top.lines().any(|line| line.starts_with(&format!("{key} ="))) {
            out += &format!("{key} = {value}\n");
        }
    }
    out + top + tables
}

/// A project with the matrix and the topics of the spread, and no service but `init`'s.
pub fn project() -> TestProject {
    let project = TestProject::new();
    project
        .write("profiles/matrix.toml", MATRIX)
        .write("profiles/topics.toml", TOPICS);
    fs::remove_file(project.path(super::support::EXAMPLE)).expect("the example is there");
    project
}

#[test]
fn the_spread_is_compiled_for_the_real_clients() {
    let project = project();
    let mut services = 0;
    let mut add = |name: &str, client: Client, snippet: &str| {
        project.write(
            &format!("profiles/services/{client}-{name}.toml"),
            profile(client, snippet),
        );
        services += 1;
    };
    for client in Client::ALL {
        for (name, snippet) in VARIANTS {
            add(name, *client, snippet);
        }
        add("raw", *client, raw(*client));
        if !matches!(client, Client::Aiokafka | Client::Kafkajs) {
            add("kip-848", *client, CONSUMER_PROTOCOL);
        }
    }
    let loaded = project.load();
    // Rules find much here, and rightly; what can't be read at all would be missing from the spread.
    let unread: Vec<_> = loaded
        .findings
        .iter()
        .filter(|finding| finding.code.0.starts_with(['D', 'R']))
        .collect();
    let model = loaded.model.expect("a model");
    assert_eq!(model.services.len(), services, "{unread:#?}");

    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/lowered");
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).expect("a folder");
    let mut written: BTreeMap<&str, usize> = BTreeMap::new();
    for file in property_files(&model) {
        let name = file.path().rsplit('/').next().expect("a name").to_owned();
        fs::write(folder.join(&name), file.contents()).expect("a file");
        let ending = [
            ".java.properties",
            ".aiokafka.json",
            ".kafkajs.json",
            ".confluent-javascript.json",
            ".properties",
        ]
        .into_iter()
        .find(|ending| name.ends_with(ending));
        *written.entry(ending.expect("a known ending")).or_default() += 1;
    }
    assert_eq!(written[".properties"], services);
    assert_eq!(written[".java.properties"], VARIANTS.len() + 2);
    assert_eq!(written[".confluent-javascript.json"], VARIANTS.len() + 2);
    assert_eq!(written[".aiokafka.json"], VARIANTS.len() + 1);
    assert_eq!(written[".kafkajs.json"], VARIANTS.len() + 1);
}
