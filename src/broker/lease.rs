//! What a run makes on a cluster, and takes away again.
//!
//! On a broker that we started, names are as declared. On any other cluster they carry a prefix and the run's id, are
//! written to a journal before they are made, and stay within the permit's caps. Only what a lease made is ever deleted.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use crate::units::Size;

use super::admin::Admin;
use super::error::BrokerError;
use super::journal::{self, Journal, Run};
use super::mock::Mock;
use super::permit::{Permit, Refusal};
use super::topics::TopicSpec;

/// How long members may take to leave a group that is to be deleted.
const LEAVING: Duration = Duration::from_secs(15);

/// The right to make topics and groups on one cluster, and the list of what was made.
#[derive(Debug)]
pub struct Lease {
    admin: Admin,
    at: At,
    topics: Vec<String>,
    groups: Vec<String>,
    partitions: u32,
    promised: Size,
    state: State,
}

/// Whether what was made is still to be taken away.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Held,
    GivenBack,
}

#[derive(Debug)]
enum At {
    Own,
    Mock(Arc<Mock>),
    Foreign(Box<Foreign>),
}

#[derive(Debug)]
struct Foreign {
    permit: Permit,
    run: Run,
    journal: Journal,
}

impl Lease {
    /// On a broker that we started.
    pub(super) fn own(admin: Admin) -> Self {
        Self::at(admin, At::Own)
    }

    /// On the mock.
    pub(super) fn mock(admin: Admin, mock: Arc<Mock>) -> Self {
        Self::at(admin, At::Mock(mock))
    }

    /// On a cluster that is not ours; its journal is on disk when this returns.
    ///
    /// # Errors
    /// [`BrokerError::Io`] where the journal can't be written; then nothing can be made.
    pub fn foreign(admin: Admin, permit: Permit, journals: &Path) -> Result<Self, BrokerError> {
        let run = Run::new(&permit);
        let journal = Journal::begin(journals, &run)?;
        Ok(Self::at(admin, At::Foreign(Box::new(Foreign { permit, run, journal }))))
    }

    fn at(admin: Admin, at: At) -> Self {
        Self {
            admin,
            at,
            topics: Vec::new(),
            groups: Vec::new(),
            partitions: 0,
            promised: Size(0),
            state: State::Held,
        }
    }

    /// What a declared topic or group is called on this cluster.
    #[must_use]
    pub fn name(&self, declared: &str) -> String {
        match &self.at {
            At::Own | At::Mock(_) => declared.to_owned(),
            At::Foreign(foreign) => foreign.run.name(declared),
        }
    }

    /// Looks at the cluster.
    #[must_use]
    pub const fn admin(&self) -> &Admin {
        &self.admin
    }

    /// Makes topics, given by their declared names, and waits until they can be written to. On a broker of our own, which
    /// is one, replication is one.
    ///
    /// # Errors
    /// [`BrokerError::Refused`] past the cap, or where one exists on a cluster that is not ours, in both cases with
    /// nothing made; [`BrokerError::Kafka`] where the cluster refuses.
    pub fn create_topics(&mut self, topics: &[TopicSpec]) -> Result<(), BrokerError> {
        let wanted = topics
            .iter()
            .fold(self.partitions, |sum, topic| sum.saturating_add(topic.partitions));
        let mut specs: Vec<TopicSpec> = topics
            .iter()
            .map(|topic| TopicSpec {
                name: self.name(&topic.name),
                ..topic.clone()
            })
            .collect();
        match &mut self.at {
            At::Mock(mock) => specs.iter().try_for_each(|topic| mock.create(topic))?,
            At::Own => {
                specs.iter_mut().for_each(|topic| topic.replication = 1);
                self.admin.create(&specs).map_err(|failed| failed.error)?;
            }
            At::Foreign(foreign) => {
                let Foreign { permit, journal, .. } = &mut **foreign;
                let cap = permit.caps().partitions;
                if wanted > cap {
                    return Err(BrokerError::Refused(Refusal::Partitions { wanted, cap }));
                }
                let there = self.admin.topics()?;
                if let Some(topic) = specs.iter().find(|topic| there.contains_key(&topic.name)) {
                    return Err(exists("topic", &topic.name));
                }
                let names: Vec<String> = specs.iter().map(|topic| topic.name.clone()).collect();
                journal.topics(&names)?;
                self.topics.extend(names);
                if let Err(failed) = self.admin.create(&specs) {
                    // Somebody was quicker: theirs, and never to be deleted.
                    self.topics.retain(|name| !failed.existing.contains(name));
                    journal.withdraw(&failed.existing)?;
                    return Err(failed.error);
                }
                self.partitions = wanted;
                return Ok(());
            }
        }
        self.topics.extend(specs.into_iter().map(|topic| topic.name));
        self.partitions = wanted;
        Ok(())
    }

    /// The name under which consumers may join a declared group.
    ///
    /// # Errors
    /// [`BrokerError::Refused`] where a group of that name exists on a cluster that is not ours.
    pub fn claim_group(&mut self, declared: &str) -> Result<String, BrokerError> {
        let name = self.name(declared);
        if self.groups.contains(&name) {
            return Ok(name);
        }
        if let At::Foreign(foreign) = &mut self.at {
            if self.admin.groups()?.contains(&name) {
                return Err(exists("group", &name));
            }
            foreign.journal.group(&name)?;
        }
        self.groups.push(name.clone());
        Ok(name)
    }

    /// Promises to write at most so many bytes more. A plan is promised before its load starts.
    ///
    /// # Errors
    /// [`BrokerError::Refused`] past the cap of a cluster that is not ours.
    pub fn promise(&mut self, bytes: Size) -> Result<(), BrokerError> {
        let wanted = Size(self.promised.bytes().saturating_add(bytes.bytes()));
        if let At::Foreign(foreign) = &self.at {
            let cap = foreign.permit.caps().bytes;
            if wanted > cap {
                return Err(BrokerError::Refused(Refusal::Bytes { wanted, cap }));
            }
        }
        self.promised = wanted;
        Ok(())
    }

    /// Deletes what this lease made, groups first, and, on a cluster that is not ours, ends the journal. A mock's topics
    /// go with the mock.
    ///
    /// # Errors
    /// [`BrokerError::Kafka`]; the journal then stays, and [`clean`] goes on from there.
    pub fn release(mut self) -> Result<(), BrokerError> {
        self.give_back()
    }

    /// Tried once: what fails now stays journalled.
    fn give_back(&mut self) -> Result<(), BrokerError> {
        self.state = State::GivenBack;
        if matches!(self.at, At::Mock(_)) {
            return Ok(());
        }
        match &self.at {
            At::Foreign(foreign) => {
                delete(&self.admin, &self.topics, &self.groups, LEAVING)?;
                foreign.journal.remove()
            }
            // A member that was killed stays in its group until its session is over: nobody waits for that on a broker of
            // our own, where what is left goes with the broker.
            At::Own => {
                let groups = delete(&self.admin, &[], &self.groups, Duration::ZERO);
                delete(&self.admin, &self.topics, &[], LEAVING).and(match groups {
                    Err(BrokerError::Kafka { .. }) | Ok(()) => Ok(()),
                    Err(other) => Err(other),
                })
            }
            At::Mock(_) => Ok(()),
        }
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        // On a broker of our own, everything goes with the broker.
        if matches!(self.at, At::Foreign(_)) && self.state == State::Held {
            let _ = self.give_back();
        }
    }
}

fn exists(what: &'static str, name: &str) -> BrokerError {
    BrokerError::Refused(Refusal::Exists {
        what,
        name: name.to_owned(),
    })
}

fn delete(admin: &Admin, topics: &[String], groups: &[String], within: Duration) -> Result<(), BrokerError> {
    let groups: Vec<&str> = groups.iter().map(String::as_str).collect();
    let topics: Vec<&str> = topics.iter().map(String::as_str).collect();
    admin.delete_groups(&groups, within)?;
    admin.delete_topics(&topics)
}

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
/// cluster is checked here.
///
/// # Errors
/// [`BrokerError::Io`] where the folder of journals can't be read.
pub fn clean(
    journals: &Path,
    connect: &mut dyn FnMut(&Run) -> Result<Admin, BrokerError>,
) -> Result<Cleaned, BrokerError> {
    let (found, running) = journal::abandoned(journals)?;
    let mut cleaned = Cleaned {
        running,
        ..Cleaned::default()
    };
    for (path, _lock) in found {
        match clean_one(&path, connect) {
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
        delete(&admin, &written.topics, &written.groups, LEAVING)?;
    }
    std::fs::remove_file(path).map_err(BrokerError::io(format!("remove {}", path.display())))?;
    Ok(written.map(|written| (written.run, written.topics.len() + written.groups.len())))
}
