//! Why nothing could be measured.

use std::fmt;

use super::TrialError;
use crate::broker::BrokerError;
use crate::harness::launch::LaunchError;

/// Why nothing could be measured.
#[derive(Debug)]
pub enum SessionError {
    /// There is no broker.
    Broker(BrokerError),
    /// No process can be started.
    Launch(LaunchError),
    /// The only trial could not begin.
    Run(TrialError),
    /// It ended before anything was measured.
    Nothing {
        /// Why.
        why: String,
    },
}

impl SessionError {
    /// What to do about it.
    #[must_use]
    pub fn help(&self) -> String {
        match self {
            Self::Broker(error) => error.help(),
            Self::Launch(error) => error.help.to_owned(),
            Self::Run(error) => error.help(),
            Self::Nothing { .. } => "run it again".to_owned(),
        }
    }
}

impl fmt::Display for SessionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Broker(error) => write!(f, "{error}"),
            Self::Launch(error) => write!(f, "{error}"),
            Self::Run(error) => write!(f, "{error}"),
            Self::Nothing { why } => write!(f, "nothing was measured: {why}"),
        }
    }
}

impl std::error::Error for SessionError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Broker(error) => Some(error),
            Self::Launch(error) => Some(error),
            Self::Run(error) => Some(error),
            Self::Nothing { .. } => None,
        }
    }
}
