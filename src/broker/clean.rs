//! Finishing what runs left that were killed.

use std::path::Path;

use super::admin::Admin;
use super::error::BrokerError;
use super::journal::{self, Run};
use super::permit::Refusal;
use super::remove::{Leaving, UNKNOWN_SESSION, longest_stay, remove};

/// What [`clean`] did.
#[derive(Debug, Default)]
pub struct Cleaned {
    /// The runs whose topics and groups are gone now: the run, and how many of both were journalled.
    pub runs: Vec<(Run, usize)>,
    /// Journals of runs that go on.
    pub running: usize,
    /// What could not be cleaned, and stays journalled.
    pub failed: Vec<BrokerError>,
}

/// Finishes what runs left that were killed. `connect` reaches the cluster of a run, secrets and all; that it is the same
/// cluster is checked here. `tell` hears what is waited for: a member that was killed is in its group until its session is
/// over.
///
/// # Errors
/// [`BrokerError::Io`] where the folder of journals can't be read.
pub fn clean(
    journals: &Path,
    connect: &mut dyn FnMut(&Run) -> Result<Admin, BrokerError>,
    tell: &mut dyn FnMut(Leaving),
) -> Result<Cleaned, BrokerError> {
    let (found, running) = journal::abandoned(journals)?;
    let mut cleaned = Cleaned {
        running,
        ..Cleaned::default()
    };
    for (path, _lock) in found {
        match clean_one(&path, connect, tell) {
            Ok(Some(run)) => cleaned.runs.push(run),
            Ok(None) => {}
            Err(error) => cleaned.failed.push(error),
        }
    }
    Ok(cleaned)
}

fn clean_one(
    path: &Path,
    connect: &mut dyn FnMut(&Run) -> Result<Admin, BrokerError>,
    tell: &mut dyn FnMut(Leaving),
) -> Result<Option<(Run, usize)>, BrokerError> {
    let written = journal::read(path)?;
    if let Some(written) = &written {
        let admin = connect(&written.run)?;
        let found = admin.cluster_id()?;
        if found != written.run.cluster_id {
            return Err(BrokerError::Refused(Refusal::OtherCluster {
                environment: written.run.environment.clone(),
                declared: written.run.cluster_id.clone(),
                found,
            }));
        }
        let stay = longest_stay(written.session.unwrap_or(UNKNOWN_SESSION));
        remove(&admin, (&written.topics, &written.groups), stay, tell)?;
    }
    std::fs::remove_file(path).map_err(BrokerError::io(format!("remove {}", path.display())))?;
    Ok(written.map(|written| (written.run, written.topics.len() + written.groups.len())))
}
