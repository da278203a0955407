//! Apache Kafka's jars: of KAFKA_HOME, or in the cache.

use std::fs;
use std::path::{Path, PathBuf};

use super::error::BrokerError;
use super::surroundings::Surroundings;

/// The version that is fetched: the newest of which both the broker and the tools are published under these names.
pub const KAFKA_VERSION: &str = "4.3.1";

/// The list of a complete cache entry; a folder without one is no entry.
pub(super) const MANIFEST: &str = "jars.txt";

/// Where jars come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum JarsFrom {
    /// An unpacked release.
    KafkaHome,
    /// The cache, which [`super::fetch`] fills.
    Cache,
}

/// Apache Kafka on this machine: `libs/` and `bin/`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Jars {
    /// The folder that holds both.
    pub home: PathBuf,
    /// Kafka's version: "4.3.1".
    pub version: String,
    /// Where it comes from.
    pub from: JarsFrom,
}

impl Jars {
    /// The jars, as Java takes them; it expands the star itself.
    #[must_use]
    pub fn class_path(&self) -> String {
        self.home.join("libs/*").display().to_string()
    }

    /// The folder of the stock tools, such as `kafka-topics.sh`, for PATH.
    #[must_use]
    pub fn tools(&self) -> PathBuf {
        self.home.join("bin")
    }
}

/// The cache's entry for [`KAFKA_VERSION`].
pub(super) fn entry(cache: &Path) -> PathBuf {
    cache.join(format!("kafka-{KAFKA_VERSION}"))
}

/// The jars that are here, without fetching: KAFKA_HOME's, else the cache's.
///
/// # Errors
/// [`BrokerError::Jars`] where KAFKA_HOME is set to something that is no Kafka: it is not passed over in silence.
pub fn find_jars(surroundings: &Surroundings) -> Result<Option<Jars>, BrokerError> {
    if let Some(home) = surroundings.get("KAFKA_HOME") {
        let home = PathBuf::from(home);
        let version = version_of(&home.join("libs")).ok_or_else(|| BrokerError::Jars {
            doing: "use KAFKA_HOME".to_owned(),
            reason: format!("there is no libs/kafka_2.13-*.jar in {}", home.display()),
        })?;
        return Ok(Some(Jars {
            home,
            version,
            from: JarsFrom::KafkaHome,
        }));
    }
    Ok(cached(&surroundings.cache()?))
}

/// The cache's jars, if all are there and whole.
pub(super) fn cached(cache: &Path) -> Option<Jars> {
    let home = entry(cache);
    let manifest = fs::read_to_string(home.join(MANIFEST)).ok()?;
    let mut lines = manifest.lines().peekable();
    lines.peek()?;
    let whole = lines.all(|line| {
        line.split_once(' ').is_some_and(|(size, name)| {
            fs::metadata(home.join("libs").join(name)).is_ok_and(|found| found.len().to_string() == size)
        })
    });
    whole.then(|| Jars {
        version: KAFKA_VERSION.to_owned(),
        home,
        from: JarsFrom::Cache,
    })
}

/// The version in the name of the broker's jar.
fn version_of(libs: &Path) -> Option<String> {
    fs::read_dir(libs).ok()?.find_map(|file| {
        let name = file.ok()?.file_name();
        let version = name.to_str()?.strip_prefix("kafka_2.13-")?.strip_suffix(".jar")?;
        version
            .starts_with(|first: char| first.is_ascii_digit())
            .then(|| version.to_owned())
    })
}

#[cfg(test)]
mod tests {
    use std::ffi::OsStr;
    use std::fs;

    use super::{JarsFrom, MANIFEST, cached, entry, find_jars};
    use crate::broker::surroundings::Surroundings;

    #[test]
    fn an_entry_counts_only_when_it_is_whole() {
        let cache = tempfile::tempdir().unwrap();
        assert_eq!(cached(cache.path()), None);
        let home = entry(cache.path());
        fs::create_dir_all(home.join("libs")).unwrap();
        fs::write(home.join("libs/a.jar"), "12345").unwrap();
        assert_eq!(cached(cache.path()), None, "no manifest yet");
        for (manifest, whole) in [
            ("", false),
            ("5 a.jar\n", true),
            ("5 a.jar\n9 b.jar\n", false),
            ("4 a.jar\n", false),
            ("a.jar\n", false),
        ] {
            fs::write(home.join(MANIFEST), manifest).unwrap();
            assert_eq!(cached(cache.path()).is_some(), whole, "{manifest:?}");
        }
    }

    #[test]
    fn a_kafka_home_is_used_or_complained_about() {
        let home = tempfile::tempdir().unwrap();
        let here = Surroundings::default().with("KAFKA_HOME", Some(home.path().as_os_str()));
        let message = find_jars(&here).unwrap_err().to_string();
        assert!(message.starts_with("could not use KAFKA_HOME: there is no libs/kafka_2.13-*.jar in "));
        fs::create_dir(home.path().join("libs")).unwrap();
        fs::write(home.path().join("libs/kafka_2.13-4.1.0.jar"), "").unwrap();
        let jars = find_jars(&here).unwrap().unwrap();
        assert_eq!((jars.version.as_str(), jars.from), ("4.1.0", JarsFrom::KafkaHome));
        let empty = here
            .with("KAFKA_HOME", None)
            .with("LAGPROOF_CACHE", Some(OsStr::new("/no/such")));
        assert_eq!(find_jars(&empty).unwrap(), None);
    }
}
