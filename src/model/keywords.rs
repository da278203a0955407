//! The fixed words of profiles, each an enum with one spelling.

/// A word from a fixed list.
pub trait Keyword: Copy + 'static {
    /// Every word, in the order of the documentation.
    const ALL: &'static [Self];

    /// The spelling in profiles.
    fn as_str(self) -> &'static str;

    /// What it means, in one line.
    fn summary(self) -> &'static str;

    /// The word of that spelling.
    #[must_use]
    fn parse(text: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|word| word.as_str() == text)
    }
}

macro_rules! keywords {
    ($(#[$meta:meta])* $name:ident { $($variant:ident = $text:literal: $summary:literal,)+ }) => {
        $(#[$meta])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum $name { $(#[doc = $summary] $variant,)+ }

        impl Keyword for $name {
            const ALL: &'static [Self] = &[$(Self::$variant,)+];

            fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text,)+ }
            }

            fn summary(self) -> &'static str {
                match self { $(Self::$variant => $summary,)+ }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.as_str())
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(self.as_str())
            }
        }

        impl schemars::JsonSchema for $name {
            fn schema_name() -> std::borrow::Cow<'static, str> {
                stringify!($name).into()
            }

            fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
                let words: Vec<serde_json::Value> = Self::ALL
                    .iter()
                    .map(|word| serde_json::json!({ "const": word.as_str(), "description": word.summary() }))
                    .collect();
                schemars::json_schema!({ "type": "string", "oneOf": words })
            }
        }
    };
}

keywords!(
    /// The Kafka client that a service is built on.
    Client {
        Librdkafka = "librdkafka": "the C library, and what wraps it: rdkafka, confluent-kafka for Python, Go and .NET",
        Java = "java": "Apache Kafka's own Java client, and what wraps it: Spring Kafka, Quarkus",
        Aiokafka = "aiokafka": "the asyncio client for Python",
        Kafkajs = "kafkajs": "the pure JavaScript client",
        ConfluentJavascript = "confluent-javascript": "Confluent's JavaScript client on librdkafka",
    }
);

keywords!(
    /// How a group's partitions are shared out among its members.
    Assignor {
        Range = "range": "a run of partitions of each topic to each member; eager",
        Roundrobin = "roundrobin": "all partitions in turn; eager",
        Sticky = "sticky": "balanced, moving as few partitions as it can; eager",
        CooperativeSticky = "cooperative-sticky": "as sticky, but only moved partitions pause",
    }
);

impl Assignor {
    /// Whether it rebalances cooperatively (KIP-429); the others stop the whole group.
    #[must_use]
    pub const fn is_cooperative(self) -> bool {
        matches!(self, Self::CooperativeSticky)
    }
}

keywords!(
    /// When offsets are committed.
    Commit {
        AfterBatch = "after-batch": "once a batch is processed: at least once, a crash repeats at most one batch",
        AfterRecord = "after-record": "after each record: at least once, a crash repeats at most one record, at a commit a record",
        OnReceipt = "on-receipt": "before processing: at most once, a crash loses what was in hand",
        Interval = "interval": "by the client's auto-commit timer, whatever has been processed by then",
    }
);

keywords!(
    /// Which records of transactions are seen.
    Isolation {
        ReadCommitted = "read-committed": "only those of committed transactions",
        ReadUncommitted = "read-uncommitted": "all, aborted ones too",
    }
);

keywords!(
    /// Where the handler runs.
    Handler {
        Inline = "inline": "in the thread that polls",
        Thread = "thread": "in other threads or processes, the poll loop going on",
        EventLoop = "event-loop": "as tasks of the event loop that also polls",
    }
);

keywords!(
    /// The protocol by which the group is coordinated.
    GroupProtocol {
        Classic = "classic": "JoinGroup and SyncGroup, the assignment made by a member",
        Consumer = "consumer": "KIP-848, the assignment made by the broker",
    }
);

keywords!(
    /// What must be kept in order.
    Ordering {
        PerKey = "per-key": "records of one key",
        PerPartition = "per-partition": "all records of a partition",
        None = "none": "nothing",
    }
);

keywords!(
    /// What the broker does with old records.
    Cleanup {
        Delete = "delete": "deletes segments past the retention",
        Compact = "compact": "keeps the last record of each key",
        CompactDelete = "compact,delete": "compacts, and deletes past the retention",
    }
);

keywords!(
    /// The assignor that the broker uses under KIP-848.
    RemoteAssignor {
        Uniform = "uniform": "sticky and balanced, the broker's default",
        Range = "range": "a run of partitions of each topic to each member",
    }
);
