//! The pages of L1xx.

use crate::diagnostic::{Code, Example, Page, Severity, Stance};

const TRIED: &str = "tests/clients/FACTS.md, tried on the real clients";

/// L101.
pub(super) static DROPPED: Page = Page {
    code: Code("L101"),
    name: "setting-without-effect",
    severity: Severity::Error,
    stance: Stance::Judged,
    summary: "A profile declares what its client does not have.",
    why: "Clients differ in what can be set. A setting that goes nowhere is worse than none: whoever reads the profile believes that it holds. Where something else can honour it (the loader's batch size, the group's configuration on the broker), it goes there and this is not reported.",
    bad: Example::Snippet("[consumer]\nqueued_max = \"16MB\"\n"),
    good: Example::Snippet("client = \"librdkafka\"\n[consumer]\nqueued_max = \"16MB\"\n"),
    source: TRIED,
};

/// L102.
pub(super) static DROPPED_ROW: Page = Page {
    code: Code("L102"),
    name: "inherited-setting-without-effect",
    severity: Severity::Warning,
    stance: Stance::Judged,
    summary: "A service inherits what its client does not have.",
    why: "A row of the matrix is for services on several clients, and not all of them have every setting. The service runs without it.",
    bad: Example::Snippet("# file: profiles/matrix.toml\n[types.worker]\nqueued_max = \"16MB\"\n"),
    good: Example::Snippet(
        "client = \"librdkafka\"\n# file: profiles/matrix.toml\n[types.worker]\nqueued_max = \"16MB\"\n",
    ),
    source: TRIED,
};

/// L103.
pub(super) static SUBSTITUTED: Page = Page {
    code: Code("L103"),
    name: "setting-substituted",
    severity: Severity::Warning,
    stance: Stance::Judged,
    summary: "The client can't have a setting as declared, and the nearest that it takes is compiled.",
    why: "librdkafka has no `sticky` assignor, for example: `cooperative-sticky` stands for it, which is as sticky but rebalances in another way, so that a running group can't be moved to it one member at a time. The compiled file says what was put in place.",
    bad: Example::Snippet("client = \"librdkafka\"\n[consumer]\nassignors = \"sticky\"\n"),
    good: Example::Snippet("client = \"librdkafka\"\n[consumer]\nassignors = \"cooperative-sticky\"\n"),
    source: TRIED,
};

/// L104.
pub(super) static OFFSET_RESET: Page = Page {
    code: Code("L104"),
    name: "offset-reset-not-known",
    severity: Severity::Error,
    stance: Stance::Judged,
    summary: "The client can't start where offset_reset says.",
    why: "Java from 4.0 on can look back by time (`by_duration`); librdkafka refuses it, aiokafka warns and stops instead, kafkajs knows the two ends only. kafkajs can't refuse to start either. Where the finding is allowed, the oldest record is compiled, which skips nothing.",
    bad: Example::Snippet("client = \"librdkafka\"\n[consumer]\noffset_reset = \"1d\"\n"),
    good: Example::Snippet("client = \"librdkafka\"\n[consumer]\noffset_reset = \"earliest\"\n"),
    source: TRIED,
};

/// L105.
pub(super) static MIXED_ASSIGNORS: Page = Page {
    code: Code("L105"),
    name: "assignors-of-both-kinds",
    severity: Severity::Error,
    stance: Stance::Rejected,
    summary: "A list of eager and cooperative assignors on librdkafka.",
    why: "Java can move a group from eager to cooperative rebalancing by such a list, in two rolling restarts. librdkafka can't, and refuses the list: `All partition.assignment.strategy (range,cooperative-sticky) assignors must have the same protocol type`.",
    bad: Example::Snippet("client = \"librdkafka\"\n[consumer]\nassignors = [\"range\", \"cooperative-sticky\"]\n"),
    good: Example::Snippet("client = \"librdkafka\"\n[consumer]\nassignors = [\"range\", \"roundrobin\"]\n"),
    source: TRIED,
};

/// L106.
pub(super) static OUTER_BLANKS: Page = Page {
    code: Code("L106"),
    name: "name-with-outer-blanks",
    severity: Severity::Error,
    stance: Stance::Rejected,
    summary: "A name that begins or ends with a blank.",
    why: "Readers of properties files drop blanks around a value, some at both ends, some at one. The group that a consumer joins would depend on who read the file.",
    bad: Example::Snippet("group = \"example \"\n"),
    good: Example::Snippet("group = \"an example\"\n"),
    source: "kcat's and java.util.Properties' readers",
};

/// L121.
pub(super) static RAW_MODELLED: Page = Page {
    code: Code("L121"),
    name: "raw-setting-with-a-name",
    severity: Severity::Error,
    stance: Stance::Rejected,
    summary: "A raw setting that has a neutral name, or that belongs to an environment.",
    why: "`[raw.<client>]` is for settings that lagproof does not model. One that it does would be set in two places, and neither rules nor proofs nor the database would know of the raw one. Names of other clients, and both names of one librdkafka property, count too. Servers and authentication are an environment's.",
    bad: Example::Snippet("[raw.java]\n\"fetch.max.wait.ms\" = 250\n"),
    good: Example::Snippet("[raw.java]\n\"send.buffer.bytes\" = 131072\n"),
    source: "lagproof's own settings",
};

/// L122.
pub(super) static RAW_UNKNOWN: Page = Page {
    code: Code("L122"),
    name: "raw-setting-unknown",
    severity: Severity::Error,
    stance: Stance::Judged,
    summary: "A raw setting that the client does not have.",
    why: "librdkafka and aiokafka fail to start with a key that they don't know; Java and kafkajs ignore it, kafkajs in silence. lagproof knows the keys of librdkafka 2.12, Java 4.4, aiokafka 0.14, kafkajs 2.2 and confluent's JavaScript client 1.10. Where the finding is allowed, the key is passed on as it stands.",
    bad: Example::Snippet("[raw.java]\n\"send.bufer.bytes\" = 131072\n"),
    good: Example::Snippet("[raw.java]\n\"send.buffer.bytes\" = 131072\n"),
    source: TRIED,
};

/// L123.
pub(super) static RAW_KEY: Page = Page {
    code: Code("L123"),
    name: "raw-setting-not-for-profiles",
    severity: Severity::Error,
    stance: Stance::Rejected,
    summary: "A raw setting that a consumer ignores, or that can't come from a file.",
    why: "A producer's or a deprecated key makes the client warn at every start and does nothing. Functions, log queues and plugins are set where the client is made, and no file can hold them. Of two names for one property, one is taken.",
    bad: Example::Snippet("[raw.librdkafka]\n\"linger.ms\" = 5\n"),
    good: Example::Snippet("[raw.librdkafka]\n\"fetch.error.backoff.ms\" = 500\n"),
    source: TRIED,
};

/// L124.
pub(super) static RAW_VALUE: Page = Page {
    code: Code("L124"),
    name: "raw-value-impossible",
    severity: Severity::Error,
    stance: Stance::Rejected,
    summary: "A raw setting's value that the client refuses, misreads, or that no file can hold.",
    why: "librdkafka reads numbers like C does: \"30s\" is 30 and \"010\" is 8, both without a word. Numbers are written plainly, in the client's own unit. Line breaks, blanks at either end and very long values don't survive properties files.",
    bad: Example::Snippet("[raw.librdkafka]\n\"fetch.error.backoff.ms\" = \"30s\"\n"),
    good: Example::Snippet("[raw.librdkafka]\n\"fetch.error.backoff.ms\" = 30000\n"),
    source: TRIED,
};

/// L125.
pub(super) static RAW_CLIENT: Page = Page {
    code: Code("L125"),
    name: "raw-settings-of-another-client",
    severity: Severity::Warning,
    stance: Stance::Judged,
    summary: "Raw settings for a client that the service is not built on.",
    why: "Only the declared client's file and librdkafka's are compiled: the second is what `verify` and kcat read, whatever the client.",
    bad: Example::Snippet("[raw.kafkajs]\nclientId = \"example\"\n"),
    good: Example::Snippet("[raw.java]\n\"client.id\" = \"example\"\n"),
    source: "lagproof's own files",
};
