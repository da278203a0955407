//! Java's, aiokafka's and kafkajs's keys that lagproof does not model. Authentication is left out: it is an environment's.

use crate::clients::lowered::Section;

use super::known::Known::{self, Deprecated, In, Reserved, Takes};
use super::known::{INT, Kind::Float, Kind::Int, Kind::Switch, Kind::Text, Kind::Word};

const OBJECT: &str = "an object or a function, which only the application can set";
const PROCESS: &str = "about the whole process: set it where the client is made";
const SHARE: &str = "for share consumers only";

/// `ConsumerConfig.configDef()` of kafka-clients 4.4.0.
pub(super) const JAVA: &[(&str, Known)] = &[
    ("bootstrap.resolve.timeout.ms", Takes(Int(0, i64::MAX))),
    (
        "client.dns.lookup",
        Takes(Word(&["use_all_dns_ips", "resolve_canonical_bootstrap_servers_only"])),
    ),
    ("client.id", Takes(Text)),
    ("config.providers", Reserved(PROCESS)),
    ("default.api.timeout.ms", Takes(Int(0, INT))),
    ("enable.metrics.push", Takes(Switch)),
    ("exclude.internal.topics", Takes(Switch)),
    ("interceptor.classes", Takes(Text)),
    (
        "internal.throw.on.fetch.stable.offset.unsupported",
        Reserved("internal to the client"),
    ),
    ("key.deserializer", Takes(Text)),
    ("metadata.cluster.check.enable", Takes(Switch)),
    ("metadata.recovery.rebootstrap.trigger.ms", Takes(Int(0, i64::MAX))),
    ("metadata.recovery.strategy", Takes(Word(&["none", "rebootstrap"]))),
    ("metric.reporters", Takes(Text)),
    ("metrics.num.samples", Takes(Int(1, INT))),
    ("metrics.recording.level", Takes(Word(&["INFO", "DEBUG", "TRACE"]))),
    ("metrics.sample.window.ms", Takes(Int(0, i64::MAX))),
    ("send.buffer.bytes", Takes(Int(-1, INT))),
    ("share.acknowledgement.mode", Reserved(SHARE)),
    ("share.acquire.mode", Reserved(SHARE)),
    ("socket.connection.setup.timeout.max.ms", Takes(Int(0, i64::MAX))),
    ("socket.connection.setup.timeout.ms", Takes(Int(0, i64::MAX))),
    ("value.deserializer", Takes(Text)),
];

/// The parameters of `AIOKafkaConsumer.__init__` in aiokafka 0.14.0.
pub(super) const AIOKAFKA: &[(&str, Known)] = &[
    ("api_version", Deprecated),
    ("client_id", Takes(Text)),
    ("consumer_timeout_ms", Takes(Int(0, INT))),
    ("exclude_internal_topics", Takes(Switch)),
    ("key_deserializer", Reserved(OBJECT)),
    ("loop", Deprecated),
    ("value_deserializer", Reserved(OBJECT)),
];

/// The options of kafkajs 2.2.4; it has no others, and ignores what it does not know.
pub(super) const KAFKAJS: &[(&str, Known)] = &[
    ("authenticationTimeout", In(Section::Client, Int(1, INT))),
    ("autoCommitThreshold", In(Section::Run, Int(1, INT))),
    ("clientId", In(Section::Client, Text)),
    ("connectionTimeout", In(Section::Client, Int(1, INT))),
    ("eachBatch", Reserved(OBJECT)),
    ("eachBatchAutoResolve", In(Section::Run, Switch)),
    ("eachMessage", Reserved(OBJECT)),
    ("enforceRequestTimeout", In(Section::Client, Switch)),
    ("logCreator", Reserved(OBJECT)),
    ("logLevel", Reserved(PROCESS)),
    ("maxInFlightRequests", In(Section::Consumer, Int(1, INT))),
    ("partitionsConsumedConcurrently", In(Section::Run, Int(1, INT))),
    ("reauthenticationThreshold", In(Section::Client, Int(1, INT))),
    ("retry.factor", In(Section::Client, Float(0.0, 1.0))),
    ("retry.multiplier", In(Section::Client, Float(1.0, 100.0))),
    ("retry.restartOnFailure", Reserved(OBJECT)),
    // The client's own number counts for connecting only, never for the group.
    ("retry.retries", In(Section::Consumer, Int(0, INT))),
    ("socketFactory", Reserved(OBJECT)),
];

/// What kafka-javascript 1.10.1 has beside librdkafka's keys.
pub(super) const CONFLUENT_JAVASCRIPT: &[(&str, Known)] =
    &[("js.consumer.max.cache.size.per.worker.ms", Takes(Int(1, INT)))];
