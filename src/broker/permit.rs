//! The right to drive load at a cluster that is not ours.
//!
//! A [`Permit`] can be had in one way only: from an environment that says `load = true` and names the id that the cluster
//! itself gives. Whatever makes or deletes something on such a cluster asks for one.

use std::fmt;

use crate::model::broker::{Environment, LoadPermission};
use crate::units::Size;

use super::admin::Admin;
use super::error::BrokerError;

/// The most that one `verify` may put on a cluster that is not ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Caps {
    /// Bytes of records, before replication: of all its runs together.
    pub bytes: Size,
    /// Partitions, before replication: of all topics that are there at the same time.
    pub partitions: u32,
}

impl Default for Caps {
    fn default() -> Self {
        Self {
            bytes: Size(1 << 30),
            partitions: 100,
        }
    }
}

/// Why load is not driven at a cluster.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refusal {
    /// The environment does not say `load = true`.
    NotAllowed {
        /// The environment.
        environment: String,
    },
    /// The environment names no cluster id.
    NoClusterId {
        /// The environment.
        environment: String,
        /// The cluster's own.
        found: String,
    },
    /// Another cluster answers than the one that is named.
    OtherCluster {
        /// The environment.
        environment: String,
        /// What is declared.
        declared: String,
        /// The cluster's own.
        found: String,
    },
    /// More bytes than may be written.
    Bytes {
        /// Those wanted, with what was promised before.
        wanted: Size,
        /// The cap.
        cap: Size,
    },
    /// More partitions than may be made.
    Partitions {
        /// Those wanted, with what was made before.
        wanted: u32,
        /// The cap.
        cap: u32,
    },
    /// Something of that name is there already, and it is not ours.
    Exists {
        /// "topic" or "group".
        what: &'static str,
        /// Its name on the cluster.
        name: String,
    },
}

impl Refusal {
    /// What to do about it.
    #[must_use]
    pub fn help(&self) -> String {
        match self {
            Self::NotAllowed { environment } => format!(
                "set load = true in [environments.{environment}] of lagproof.toml, with the cluster's id, if this cluster may carry test load"
            ),
            Self::NoClusterId { environment, found } => format!(
                "if this is the cluster that is meant, add cluster_id = \"{found}\" to [environments.{environment}] of lagproof.toml"
            ),
            Self::OtherCluster { .. } => {
                "correct the bootstrap servers, or the id if the cluster was set up anew".to_owned()
            }
            Self::Bytes { .. } | Self::Partitions { .. } => {
                "run fewer services at once, for a shorter time, or raise the cap".to_owned()
            }
            Self::Exists { .. } => "run again: the next run has other names".to_owned(),
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotAllowed { environment } => {
                write!(f, "load may not be driven at the environment {environment}")
            }
            Self::NoClusterId { environment, found } => write!(
                f,
                "the environment {environment} names no cluster_id, so that nothing says whether the cluster {found} is meant"
            ),
            Self::OtherCluster {
                environment,
                declared,
                found,
            } => write!(
                f,
                "the brokers of the environment {environment} belong to the cluster {found}, but {declared} is declared"
            ),
            Self::Bytes { wanted, cap } => {
                write!(
                    f,
                    "{wanted} of records would be written, and {cap} are the most on a cluster that is not ours"
                )
            }
            Self::Partitions { wanted, cap } => {
                write!(
                    f,
                    "{wanted} partitions would be made, and {cap} are the most on a cluster that is not ours"
                )
            }
            Self::Exists { what, name } => {
                write!(f, "there is a {what} named {name} already, which this run did not make")
            }
        }
    }
}

/// The right to drive load at one cluster that is not ours, within caps.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Permit {
    environment: String,
    cluster_id: String,
    bootstrap: String,
    caps: Caps,
}

impl Permit {
    /// Asks the cluster who it is and compares.
    ///
    /// # Errors
    /// [`BrokerError::Refused`], before anything is asked of the cluster where the environment does not allow load;
    /// [`BrokerError::Kafka`] where the cluster does not answer.
    pub fn request(environment: &Environment, admin: &Admin, caps: Caps) -> Result<Self, BrokerError> {
        if environment.load == LoadPermission::Refused {
            return Err(BrokerError::Refused(Refusal::NotAllowed {
                environment: environment.name.clone(),
            }));
        }
        let found = admin.cluster_id()?;
        match &environment.cluster_id {
            Some(declared) if *declared == found => Ok(Self {
                environment: environment.name.clone(),
                cluster_id: found,
                bootstrap: admin.connection().bootstrap().to_owned(),
                caps,
            }),
            Some(declared) => Err(BrokerError::Refused(Refusal::OtherCluster {
                environment: environment.name.clone(),
                declared: declared.clone(),
                found,
            })),
            None => Err(BrokerError::Refused(Refusal::NoClusterId {
                environment: environment.name.clone(),
                found,
            })),
        }
    }

    /// The environment.
    #[must_use]
    pub fn environment(&self) -> &str {
        &self.environment
    }

    /// The cluster's id.
    #[must_use]
    pub fn cluster_id(&self) -> &str {
        &self.cluster_id
    }

    /// Where it was reached.
    #[must_use]
    pub fn bootstrap(&self) -> &str {
        &self.bootstrap
    }

    /// What may be put on it.
    #[must_use]
    pub const fn caps(&self) -> Caps {
        self.caps
    }
}
