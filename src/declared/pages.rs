//! Codes of what can be wrong with a file before its meaning is looked at.

use crate::diagnostic::{Code, Example, Page, Severity, Stance};

/// After so many syntax errors in one file the rest is noise.
pub const MOST_SYNTAX_ERRORS: usize = 20;

const RULES: &str = "lagproof's own rules for its files";

macro_rules! page {
    ($(#[$meta:meta])* $const:ident = $code:literal $name:literal, $severity:ident $stance:ident, $summary:literal,
     why: $why:literal, bad: $bad:expr, good: $good:expr, source: $source:expr) => {
        $(#[$meta])*
        pub const $const: Page = Page {
            code: Code($code),
            name: $name,
            severity: Severity::$severity,
            stance: Stance::$stance,
            summary: $summary,
            why: $why,
            bad: $bad,
            good: $good,
            source: $source,
        };
    };
}

page!(
    /// A file that can't be read.
    UNREADABLE = "S101" "unreadable-file", Error Rejected, "A file or folder of the project can't be read.",
    why: "What can't be read can't be checked. A missing profile would look like a removed service, so lagproof stops instead of compiling the rest.",
    bad: Example::Snippet("# raw file: profiles/services/latin.toml\nsummary = \"caf\u{fffe}\"\n"),
    good: Example::Snippet("summary = \"café\"\n"),
    source: RULES
);
page!(
    /// A file that is not TOML.
    NOT_TOML = "S102" "not-toml", Error Rejected, "A file is not TOML.",
    why: "The file breaks the rules of TOML 1.1: an unclosed string, a key twice, a stray sign. Every such place is shown.",
    bad: Example::Snippet("# raw file: profiles/services/half.toml\nversion = 1\ntype = \"worker\nclient =\n"),
    good: Example::Snippet("summary = \"whole\"\n"),
    source: "TOML 1.1, https://toml.io"
);
page!(
    /// A key that nothing reads.
    UNKNOWN_KEY = "S103" "unknown-key", Error Rejected, "A key is not one that lagproof knows.",
    why: "A misspelt key does nothing, in silence. lagproof ignores nothing: a key that it does not know is an error, with the nearest known one as help. Settings that it does not model go under `[raw.<client>]`.",
    bad: Example::Snippet("[consumer]\nfetch_mxa = \"16MiB\"\n"),
    good: Example::Snippet("[consumer]\nfetch_max = \"16MiB\"\n"),
    source: RULES
);
page!(
    /// A value of the wrong type.
    WRONG_TYPE = "S104" "wrong-type", Error Rejected, "A value is of another type than its key takes.",
    why: "A number without a unit is the common case: `60` may be seconds or milliseconds, and both have been meant.",
    bad: Example::Snippet("[consumer]\nmetadata_max_age = 60\n"),
    good: Example::Snippet("[consumer]\nmetadata_max_age = \"60s\"\n"),
    source: RULES
);
page!(
    /// A key that must be there.
    MISSING_KEY = "S105" "missing-key", Error Rejected, "A key that must be there is missing.",
    why: "lagproof guesses nothing that a running consumer depends on. A group, for one, is always written out: a default taken from the file's name would abandon the committed offsets when the file is renamed.",
    bad: Example::Snippet("# raw file: profiles/services/example.toml\nversion = 1\ntype = \"worker\"\nclient = \"java\"\ntopics = [\"orders.created\"]\n"),
    good: Example::Snippet("group = \"example\"\n"),
    source: RULES
);
page!(
    /// A duration, size, rate, percentage or version that is none.
    BAD_QUANTITY = "S106" "bad-quantity", Error Rejected, "A text is not the duration, size, rate or percentage that its key takes.",
    why: "Quantities are a number and a unit. `kB`, `MB`, `GB` are decimal, `KiB`, `MiB`, `GiB` binary; `M` or `mb` could be either, and are refused.",
    bad: Example::Snippet("[consumer]\nfetch_max = \"8M\"\n"),
    good: Example::Snippet("[consumer]\nfetch_max = \"8MiB\"\n"),
    source: RULES
);
page!(
    /// A word that is none of those that its key takes.
    UNKNOWN_WORD = "S107" "unknown-word", Error Rejected, "A word is none of those that its key takes.",
    why: "The word would be ignored by some clients and refused by others.",
    bad: Example::Snippet("[consumer]\nassignors = \"round-robin\"\n"),
    good: Example::Snippet("[consumer]\nassignors = \"roundrobin\"\n"),
    source: RULES
);
page!(
    /// A number that no client accepts.
    OUT_OF_RANGE = "S108" "out-of-range", Error Rejected, "A number is outside what clients accept.",
    why: "Clients check the ranges of their settings when they start, and refuse to start.",
    bad: Example::Snippet("[consumer]\nfetch_min = \"0B\"\n"),
    good: Example::Snippet("[consumer]\nfetch_min = \"1B\"\n"),
    source: "librdkafka 2.12.1 CONFIGURATION.md; Apache Kafka 4.2 ConsumerConfig"
);
page!(
    /// A name that can't be one.
    BAD_NAME = "S109" "bad-name", Error Rejected, "A name has characters that it can't have.",
    why: "Names reach SQL, shells, file systems and brokers. Topics are named by Kafka's own rule; a service's name is a file's name too.",
    bad: Example::Snippet("topics = [\"orders created\"]\n"),
    good: Example::Snippet("topics = [\"orders.created\"]\n"),
    source: "Apache Kafka org.apache.kafka.common.internals.Topic"
);
page!(
    /// A secret where none may be.
    SECRET = "S110" "secret", Error Rejected, "A key looks as if it held a secret.",
    why: "Profiles and what is compiled from them are read by many and kept for ever. Secrets come from the process environment or a client config file that lagproof never sees. The value is blotted out of every output.",
    bad: Example::Snippet("[raw.librdkafka]\n\"sasl.password\" = \"hunter2\"\n"),
    good: Example::Snippet("[raw.librdkafka]\n\"socket.keepalive.enable\" = true\n"),
    source: RULES
);
page!(
    /// A file that nothing reads.
    STRAY_FILE = "S111" "stray-file", Warning Judged, "A file stands where only profiles are read.",
    why: "A profile saved as `.toml.bak` or `.tml` is not read, and its service would look removed.",
    bad: Example::Snippet("# raw file: profiles/services/example.tml\nversion = 1\n"),
    good: Example::Snippet("summary = \"nothing stray\"\n"),
    source: RULES
);

/// Every page of this room.
pub const PAGES: &[&Page] = &[
    &UNREADABLE,
    &NOT_TOML,
    &UNKNOWN_KEY,
    &WRONG_TYPE,
    &MISSING_KEY,
    &BAD_QUANTITY,
    &UNKNOWN_WORD,
    &OUT_OF_RANGE,
    &BAD_NAME,
    &SECRET,
    &STRAY_FILE,
];
