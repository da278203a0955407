//! `evidence/<service>.toml`: what a proof came to, and what it rested on.
//!
//! It is written by `verify` and belongs into the repository: a pull request that changes what was proven shows that its
//! evidence is stale. Nothing in it is a secret, a path or an address.

use std::collections::BTreeMap;
use std::fmt;
use std::io;
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::source::ReadError;

/// The format's version. One of another is not read.
pub const FORMAT: u32 = 1;

/// The folder's name.
pub const FOLDER: &str = "evidence";

const HEAD: &str = "\
# Written by `lagproof verify`. It says what was proven, and what it rested on; `lagproof check --evidence` says whether
# that still stands.
";

/// What a proof of one service came to, and what it rested on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Evidence {
    /// [`FORMAT`].
    pub format: u32,
    /// The service.
    pub service: String,
    /// The version that it had.
    pub version: u32,
    /// The verdict, as it is printed: `PASS`.
    pub verdict: String,
    /// When it ended, in UTC: `2026-11-25T14:35:12Z`.
    pub proven: String,
    /// The environment that it was proven as, where one was named.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub environment: Option<String>,
    /// The client that ran it, with its version.
    pub client: String,
    /// The client that it declares.
    pub declares: String,
    /// By how much time was compressed.
    pub speed: f64,
    /// What load, costs and jitter were drawn from.
    pub seed: u64,
    /// lagproof's version.
    pub lagproof: String,
    /// The digest of what was recorded: `sha256:…`.
    pub samples: String,
    /// The digest of all that it rested on.
    pub proof: String,
    /// The broker.
    pub broker: BrokerEvidence,
    /// The machine.
    pub machine: MachineEvidence,
    /// What it rested on, each under a name that people know: `settings`, `costs`, `topics."device.audio.raw"`.
    pub inputs: BTreeMap<String, String>,
    /// What was said of each target.
    #[serde(default, rename = "target")]
    pub targets: Vec<TargetEvidence>,
}

/// The broker that a proof ran on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BrokerEvidence {
    /// `docker`, `local`, `declared`.
    pub kind: String,
    /// Kafka's version.
    pub version: String,
}

/// The machine that a proof ran on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MachineEvidence {
    /// Its operating system and version.
    pub system: String,
    /// Its processor.
    pub processor: String,
    /// Its cores.
    pub cores: u32,
    /// Its memory in bytes.
    pub memory: u64,
}

/// What was said of one target.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TargetEvidence {
    /// Its name: `lag, p95`.
    pub name: String,
    /// The verdict.
    pub verdict: String,
    /// What was measured.
    pub measured: String,
    /// What must hold.
    pub target: String,
}

/// Why evidence can't be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EvidenceError {
    /// The file can't be read.
    Read(ReadError),
    /// It is not what `verify` writes.
    Malformed {
        /// The line, from 1, where one is known.
        line: Option<usize>,
        /// What is wrong, in a sentence without a full stop.
        message: String,
    },
    /// Another lagproof wrote it.
    Format {
        /// The format that it says it has.
        found: u64,
    },
    /// It is another service's.
    Service {
        /// The service that it names.
        found: String,
    },
}

impl fmt::Display for EvidenceError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Read(error) => write!(f, "{error}"),
            Self::Malformed {
                line: Some(line),
                message,
            } => write!(f, "line {line} is not what verify writes: {message}"),
            Self::Malformed { line: None, message } => write!(f, "is not what verify writes: {message}"),
            Self::Format { found } => write!(f, "has format {found}, and this lagproof knows {FORMAT}"),
            Self::Service { found } => write!(f, "is about {}", crate::units::shown(found)),
        }
    }
}

impl std::error::Error for EvidenceError {}

impl Evidence {
    /// As it stands in its file.
    ///
    /// # Panics
    /// Never: every field has a form in TOML.
    #[must_use]
    pub fn to_toml(&self) -> String {
        let body = toml::to_string(self).expect("plain fields");
        format!("{HEAD}\n{body}")
    }

    /// Reads a file's text.
    ///
    /// # Errors
    /// [`EvidenceError`] where it is malformed, or of another format.
    pub fn from_toml(text: &str) -> Result<Self, EvidenceError> {
        let line = |error: &toml::de::Error| {
            let at = error.span()?.start;
            Some(text.get(..at)?.matches('\n').count() + 1)
        };
        let malformed = |error: &toml::de::Error| EvidenceError::Malformed {
            line: line(error),
            message: error.message().to_owned(),
        };
        // A newer format may have other fields: it is told by its number, not by them.
        let table: toml::Table = toml::from_str(text).map_err(|error| malformed(&error))?;
        let format = table.get("format").and_then(toml::Value::as_integer);
        match format.and_then(|format| u64::try_from(format).ok()) {
            Some(found) if found != u64::from(FORMAT) => Err(EvidenceError::Format { found }),
            _ => toml::from_str(text).map_err(|error| malformed(&error)),
        }
    }

    /// Reads the evidence of a service; nothing where there is none.
    ///
    /// # Errors
    /// [`EvidenceError`], also where the file is another service's.
    pub fn read(file: &Path, service: &str) -> Result<Option<Self>, EvidenceError> {
        let text = match std::fs::read_to_string(file) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(EvidenceError::Read(error.into())),
        };
        let evidence = Self::from_toml(&text)?;
        if evidence.service == service {
            Ok(Some(evidence))
        } else {
            Err(EvidenceError::Service {
                found: evidence.service,
            })
        }
    }

    /// Writes it, whole or not at all, and makes its folder where there is none.
    ///
    /// # Errors
    /// What the system says.
    pub fn write(&self, file: &Path) -> io::Result<()> {
        let folder = file.parent().unwrap_or_else(|| Path::new("."));
        std::fs::create_dir_all(folder)?;
        let mut beside = tempfile::NamedTempFile::new_in(folder)?;
        io::Write::write_all(&mut beside, self.to_toml().as_bytes())?;
        #[cfg(unix)]
        {
            // As any file that somebody writes; a temporary one is its owner's alone.
            use std::os::unix::fs::PermissionsExt as _;
            beside
                .as_file()
                .set_permissions(std::fs::Permissions::from_mode(0o644))?;
        }
        beside.persist(file).map_err(|error| error.error)?;
        Ok(())
    }

    /// What it rested on that is otherwise now, by name, sorted. Empty where it still stands.
    #[must_use]
    pub fn changed(&self, now: &BTreeMap<String, String>) -> Vec<String> {
        let names: std::collections::BTreeSet<&String> = self.inputs.keys().chain(now.keys()).collect();
        names
            .into_iter()
            .filter(|name| self.inputs.get(*name) != now.get(*name))
            .cloned()
            .collect()
    }
}
