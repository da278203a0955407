//! How a broker of our own is to run.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::model::broker::Broker as Bounds;
use crate::units::Size;

use super::cancel::Cancel;

/// Where a broker's data lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Storage {
    /// In the folder for temporary files.
    Temporary,
    /// In memory (`/dev/shm`), if it has this much room, else in the folder for temporary files. Disks' write-back then
    /// disturbs no measurement.
    Memory {
        /// The room that is needed.
        room: Size,
    },
}

/// How a broker of our own is to run.
#[derive(Debug, Clone)]
pub struct Options {
    /// Broker properties by Kafka's names, on top of what a single broker needs.
    pub properties: BTreeMap<String, String>,
    /// Where its data lies; in a container, always there.
    pub storage: Storage,
    /// The Java heap.
    pub heap: Size,
    /// How long it may take to answer. A cold disk takes over a minute.
    pub ready_within: Duration,
    /// Ports to try before the system is asked for free ones.
    pub ports: Vec<u16>,
    /// Another image than the pinned one, as `name:tag`.
    pub image: Option<String>,
    /// The wish that nobody waits for it any longer: while it is fetched and started, and started again.
    pub cancel: Cancel,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            properties: BTreeMap::new(),
            storage: Storage::Temporary,
            heap: Size(512 << 20),
            ready_within: Duration::from_secs(240),
            ports: Vec::new(),
            image: None,
            cancel: Cancel::never(),
        }
    }
}

impl Options {
    /// One more broker property, by Kafka's name.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl ToString) -> Self {
        self.properties.insert(name.to_owned(), value.to_string());
        self
    }

    /// Retention and deletion within a second or two, so that a short run sees what takes minutes elsewhere.
    #[must_use]
    pub fn with_quick_retention(self) -> Self {
        self.with("log.retention.check.interval.ms", 1_000)
            .with("log.segment.delete.delay.ms", 100)
            .with("log.initial.task.delay.ms", 500)
    }

    /// Sessions from one second on, which compressed time needs.
    #[must_use]
    pub fn with_short_sessions(self) -> Self {
        self.with("group.min.session.timeout.ms", 1_000)
    }

    /// The bounds that a project declares of its brokers.
    #[must_use]
    pub fn with_bounds(self, bounds: &Bounds) -> Self {
        let ms = |duration: &Duration| duration.as_millis();
        let (session_min, session_max) = &bounds.consumer_session_timeout;
        let (heartbeat_min, heartbeat_max) = &bounds.consumer_heartbeat_interval;
        // Kafka refuses to start where its own default lies outside of the bounds.
        let session = ms(session_min).max(45_000).min(ms(session_max));
        let heartbeat = ms(heartbeat_min).max(5_000).min(ms(heartbeat_max));
        self.with("group.min.session.timeout.ms", ms(&bounds.min_session_timeout))
            .with("group.max.session.timeout.ms", ms(&bounds.max_session_timeout))
            .with("group.max.size", *bounds.max_group_size)
            .with("message.max.bytes", bounds.message_max.bytes())
            .with("fetch.max.bytes", bounds.fetch_max.bytes())
            .with(
                "offsets.retention.minutes",
                (bounds.offsets_retention.as_secs() / 60).max(1),
            )
            .with("group.consumer.min.session.timeout.ms", ms(session_min))
            .with("group.consumer.max.session.timeout.ms", ms(session_max))
            .with("group.consumer.session.timeout.ms", session)
            .with("group.consumer.min.heartbeat.interval.ms", ms(heartbeat_min))
            .with("group.consumer.max.heartbeat.interval.ms", ms(heartbeat_max))
            .with("group.consumer.heartbeat.interval.ms", heartbeat)
    }

    /// All properties of a single broker that is its own controller.
    ///
    /// `listen` and `advertised` are `host:port`; `controller` is a port on this host.
    pub(super) fn server_properties(
        &self,
        listen: &str,
        advertised: &str,
        controller: u16,
        data: &Path,
    ) -> BTreeMap<String, String> {
        let data = data.display().to_string();
        let mut all: BTreeMap<String, String> = [
            ("process.roles", "broker,controller"),
            ("node.id", "1"),
            ("controller.quorum.voters", &*format!("1@127.0.0.1:{controller}")),
            (
                "listeners",
                &*format!("PLAINTEXT://{listen},CONTROLLER://127.0.0.1:{controller}"),
            ),
            ("advertised.listeners", &*format!("PLAINTEXT://{advertised}")),
            ("inter.broker.listener.name", "PLAINTEXT"),
            ("controller.listener.names", "CONTROLLER"),
            (
                "listener.security.protocol.map",
                "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
            ),
            ("log.dirs", &*data),
            ("offsets.topic.replication.factor", "1"),
            // Eight are made much sooner than fifty, and the first join waits for them.
            ("offsets.topic.num.partitions", "8"),
            ("transaction.state.log.replication.factor", "1"),
            ("transaction.state.log.min.isr", "1"),
            ("transaction.state.log.num.partitions", "8"),
            ("share.coordinator.state.topic.replication.factor", "1"),
            ("share.coordinator.state.topic.min.isr", "1"),
            ("share.coordinator.state.topic.num.partitions", "8"),
            ("min.insync.replicas", "1"),
            ("group.initial.rebalance.delay.ms", "0"),
            // A topic that nobody declared is a mistake to be seen.
            ("auto.create.topics.enable", "false"),
        ]
        .into_iter()
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect();
        all.extend(self.properties.clone());
        all
    }

    /// The folder in which the broker's own is made.
    pub(super) fn storage_root(&self) -> PathBuf {
        match self.storage {
            Storage::Memory { room }
                if free(Path::new(MEMORY)).is_some_and(|free| free >= room.bytes())
                    && available().is_none_or(|available| available / 2 >= room.bytes()) =>
            {
                MEMORY.into()
            }
            Storage::Memory { .. } | Storage::Temporary => std::env::temp_dir(),
        }
    }
}

/// Where Linux keeps files in memory.
pub(super) const MEMORY: &str = "/dev/shm";

/// The bytes that can still be written in a folder.
pub(super) fn free(folder: &Path) -> Option<u64> {
    let found = rustix::fs::statvfs(folder).ok()?;
    Some(found.f_bavail.saturating_mul(found.f_frsize))
}

/// The bytes of memory that can be had without swapping; nothing where the kernel does not tell. Files in memory may be as large as
/// all of it, whatever else needs some.
fn available() -> Option<u64> {
    let told = std::fs::read_to_string("/proc/meminfo").ok()?;
    let line = told.lines().find_map(|line| line.strip_prefix("MemAvailable:"))?;
    let kib: u64 = line.trim().strip_suffix(" kB")?.parse().ok()?;
    Some(kib * 1024)
}

/// Properties as a file of Java's: what `java.util.Properties` reads back is what went in.
pub(super) fn as_file(properties: &BTreeMap<String, String>) -> String {
    properties
        .iter()
        .map(|(name, value)| format!("{}={}\n", escaped(name, true), escaped(value, false)))
        .collect()
}

fn escaped(text: &str, key: bool) -> String {
    let mut out = String::with_capacity(text.len());
    for (at, character) in text.char_indices() {
        match character {
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            ' ' if key || at == 0 => out.push_str("\\ "),
            '=' | ':' | '#' | '!' if key => {
                out.push('\\');
                out.push(character);
            }
            other => out.push(other),
        }
    }
    out
}

/// A property's name as a variable of Kafka's images: `group.max-size_x` → `KAFKA_GROUP_MAX___SIZE__X`.
pub(super) fn as_variable(name: &str) -> String {
    let name = name.replace('_', "__").replace('-', "___").replace('.', "_");
    format!("KAFKA_{}", name.to_uppercase())
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::{Options, Storage, as_file, as_variable};
    use crate::units::Size;

    #[test]
    fn what_is_asked_for_wins() {
        let options = Options::default()
            .with_quick_retention()
            .with("offsets.topic.num.partitions", 50);
        let all = options.server_properties("127.0.0.1:1", "127.0.0.1:1", 2, Path::new("/d"));
        assert_eq!(all["offsets.topic.num.partitions"], "50");
        assert_eq!(all["log.segment.delete.delay.ms"], "100");
        assert_eq!(all["listeners"], "PLAINTEXT://127.0.0.1:1,CONTROLLER://127.0.0.1:2");
        assert_eq!(all["log.dirs"], "/d");
    }

    #[test]
    fn names_and_values_survive_their_formats() {
        let all = Options::default().with("a b", " x\\y\n#z").properties;
        assert_eq!(as_file(&all), "a\\ b=\\ x\\\\y\\n#z\n");
        assert_eq!(
            as_variable("group.initial.rebalance.delay.ms"),
            "KAFKA_GROUP_INITIAL_REBALANCE_DELAY_MS"
        );
        assert_eq!(as_variable("a.b-c_d"), "KAFKA_A_B___C__D");
    }

    #[test]
    fn memory_without_room_is_not_used() {
        let room = Size(u64::MAX);
        let options = Options {
            storage: Storage::Memory { room },
            ..Options::default()
        };
        assert_eq!(options.storage_root(), std::env::temp_dir());
    }
}
