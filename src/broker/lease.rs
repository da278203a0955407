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
use super::journal::{Journal, Run};
use super::ledger::Ledger;
use super::mock::Mock;
use super::permit::{Permit, Refusal};
use super::remove::{Leaving, UNKNOWN_SESSION, longest_stay, remove};
use super::topics::TopicSpec;

/// The right to make topics and groups on one cluster, and the list of what was made.
#[derive(Debug)]
pub struct Lease {
    admin: Admin,
    at: At,
    topics: Vec<String>,
    groups: Vec<String>,
    partitions: u32,
    /// The longest session of members of its groups.
    session: Option<Duration>,
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
    ledger: Ledger,
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
        Self::foreign_within(admin, permit, journals, Ledger::default())
    }

    /// The same, counted together with other leases.
    pub(super) fn foreign_within(
        admin: Admin,
        permit: Permit,
        journals: &Path,
        ledger: Ledger,
    ) -> Result<Self, BrokerError> {
        let run = Run::new(&permit);
        let journal = Journal::begin(journals, &run)?;
        let foreign = Foreign {
            permit,
            run,
            journal,
            ledger,
        };
        Ok(Self::at(admin, At::Foreign(Box::new(foreign))))
    }

    fn at(admin: Admin, at: At) -> Self {
        Self {
            admin,
            at,
            topics: Vec::new(),
            groups: Vec::new(),
            partitions: 0,
            session: None,
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
            .fold(0_u32, |sum, topic| sum.saturating_add(topic.partitions));
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
                let Foreign {
                    permit,
                    journal,
                    ledger,
                    ..
                } = &mut **foreign;
                let there = self.admin.topics()?;
                if let Some(topic) = specs.iter().find(|topic| there.contains_key(&topic.name)) {
                    return Err(exists("topic", &topic.name));
                }
                let names: Vec<String> = specs.iter().map(|topic| topic.name.clone()).collect();
                ledger
                    .take_partitions(wanted, permit.caps())
                    .map_err(BrokerError::Refused)?;
                if let Err(error) = journal.topics(&names) {
                    ledger.give_partitions_back(wanted);
                    return Err(error);
                }
                self.partitions = self.partitions.saturating_add(wanted);
                self.topics.extend(names);
                if let Err(failed) = self.admin.create(&specs) {
                    // Somebody was quicker, so that it is theirs and never to be deleted; or there is nothing to delete.
                    self.topics.retain(|name| !failed.refused.contains(name));
                    journal.withdraw(&failed.refused)?;
                    return Err(failed.error);
                }
                return Ok(());
            }
        }
        self.topics.extend(specs.into_iter().map(|topic| topic.name));
        Ok(())
    }

    /// The name under which consumers may join a declared group. Their session, where it is known, says how long one that
    /// was killed stays in it.
    ///
    /// # Errors
    /// [`BrokerError::Refused`] where a group of that name exists on a cluster that is not ours.
    pub fn claim_group(&mut self, declared: &str, session: Option<Duration>) -> Result<String, BrokerError> {
        let name = self.name(declared);
        let session = session.unwrap_or(UNKNOWN_SESSION);
        if self.groups.contains(&name) {
            return Ok(name);
        }
        if let At::Foreign(foreign) = &mut self.at {
            if self.admin.groups()?.contains(&name) {
                return Err(exists("group", &name));
            }
            foreign.journal.group(&name, session)?;
        }
        self.session = self.session.max(Some(session));
        self.groups.push(name.clone());
        Ok(name)
    }

    /// Promises to write at most so many bytes more: what one run writes is promised before its load starts.
    ///
    /// # Errors
    /// [`BrokerError::Refused`] past the cap of a cluster that is not ours.
    pub fn promise(&mut self, bytes: Size) -> Result<(), BrokerError> {
        match &self.at {
            At::Own | At::Mock(_) => Ok(()),
            At::Foreign(foreign) => foreign
                .ledger
                .promise(bytes, foreign.permit.caps())
                .map_err(BrokerError::Refused),
        }
    }

    /// Deletes what this lease made and, on a cluster that is not ours, ends the journal. There, members of its groups are
    /// waited for as long as their sessions last. A mock's topics go with the mock.
    ///
    /// # Errors
    /// [`BrokerError::Left`] with what is still there, when all was tried; the journal then stays, and [`super::clean`] goes
    /// on from there. On a broker of ours, [`BrokerError::Kafka`].
    pub fn release(self) -> Result<(), BrokerError> {
        self.release_telling(&mut |_| {})
    }

    /// The same, saying what is waited for.
    ///
    /// # Errors
    /// As [`Self::release`].
    pub fn release_telling(mut self, tell: &mut dyn FnMut(Leaving)) -> Result<(), BrokerError> {
        self.give_back(tell)
    }

    /// Tried once: what fails now stays journalled.
    fn give_back(&mut self, tell: &mut dyn FnMut(Leaving)) -> Result<(), BrokerError> {
        self.state = State::GivenBack;
        match &self.at {
            At::Foreign(foreign) => {
                let stay = longest_stay(self.session.unwrap_or(UNKNOWN_SESSION));
                let removed = remove(&self.admin, (&self.topics, &self.groups), stay, tell);
                let topics_stay = matches!(&removed, Err(BrokerError::Left { topics, .. }) if !topics.is_empty());
                if !topics_stay {
                    foreign.ledger.give_partitions_back(self.partitions);
                }
                removed?;
                foreign.journal.remove()
            }
            // A member that was killed stays in its group until its session is over: nobody waits for that on a broker of
            // our own, where what is left goes with the broker.
            At::Own => {
                self.groups
                    .iter()
                    .for_each(|group| drop(self.admin.delete_group(group)));
                let left = self.admin.delete_topics(&self.topics);
                left.into_iter().next().map_or(Ok(()), |(_, error)| Err(error))
            }
            At::Mock(_) => Ok(()),
        }
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        // On a broker of our own, everything goes with the broker.
        if matches!(self.at, At::Foreign(_)) && self.state == State::Held {
            let _ = self.give_back(&mut |_| {});
        }
    }
}

fn exists(what: &'static str, name: &str) -> BrokerError {
    BrokerError::Refused(Refusal::Exists {
        what,
        name: name.to_owned(),
    })
}
