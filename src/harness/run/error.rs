//! Why a run could not begin.

use std::fmt;

use crate::broker::BrokerError;
use crate::harness::launch::LaunchError;
use crate::units::Size;

/// Why a run could not begin.
#[derive(Debug)]
pub enum RunError {
    /// The broker refused, or is not there.
    Broker(BrokerError),
    /// A process could not be started.
    Launch(LaunchError),
    /// The broker can't be looked at.
    Probe {
        /// What the client says.
        reason: String,
    },
    /// The load does not fit where the broker keeps its data.
    NoRoom {
        /// The bytes that the load writes.
        needed: Size,
        /// The bytes that are free.
        room: Size,
    },
}

impl RunError {
    /// What to do about it.
    #[must_use]
    pub fn help(&self) -> String {
        match self {
            Self::Broker(error) => error.help(),
            Self::Launch(error) => error.help.to_owned(),
            Self::Probe { .. } => "check the bootstrap servers, and that this user may describe groups".to_owned(),
            Self::NoRoom { .. } => {
                "make room where temporary files go, set TMPDIR to a larger place, or run for a shorter time with --duration"
                    .to_owned()
            }
        }
    }
}

impl fmt::Display for RunError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Broker(error) => write!(f, "{error}"),
            Self::Launch(error) => write!(f, "{error}"),
            Self::Probe { reason } => write!(f, "could not look at the broker: {reason}"),
            Self::NoRoom { needed, room } => write!(
                f,
                "the load writes {needed}, and {room} are free where the broker keeps its data"
            ),
        }
    }
}

impl std::error::Error for RunError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Broker(error) => Some(error),
            Self::Launch(error) => Some(error),
            Self::Probe { .. } | Self::NoRoom { .. } => None,
        }
    }
}

impl From<BrokerError> for RunError {
    fn from(error: BrokerError) -> Self {
        Self::Broker(error)
    }
}

impl From<LaunchError> for RunError {
    fn from(error: LaunchError) -> Self {
        Self::Launch(error)
    }
}
