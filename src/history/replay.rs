//! The state that seeds amount to, in whatever order they are applied: `(version, revision)` decides.

use super::digest::Digest;
use super::read::Seed;
use super::seed::{Content, ServiceEntry, Stamp, TopicEntry};

/// A service's entry and the seed that it stands in.
#[derive(Debug, Clone, Copy)]
pub struct Record<'h> {
    /// The entry.
    pub entry: &'h ServiceEntry,
    /// Its seed.
    pub seed: &'h Seed,
}

/// What a set of seeds amounts to.
#[derive(Debug)]
pub struct State<'h> {
    /// By name, then stamp, then the seed's name.
    services: Vec<Record<'h>>,
    /// By name, then revision.
    topics: Vec<(&'h TopicEntry, &'h Seed)>,
}

impl<'h> State<'h> {
    /// Replays seeds, which need no order.
    #[must_use]
    pub fn replay(seeds: impl Iterator<Item = &'h Seed>) -> Self {
        let (mut services, mut topics) = (Vec::new(), Vec::new());
        for seed in seeds {
            services.extend(seed.header.services.iter().map(|entry| Record { entry, seed }));
            topics.extend(seed.header.topics.iter().map(|entry| (entry, seed)));
        }
        services.sort_unstable_by(|a, b| {
            (&a.entry.name, a.entry.stamp, &a.seed.name).cmp(&(&b.entry.name, b.entry.stamp, &b.seed.name))
        });
        topics.sort_unstable_by(|a, b| (&a.0.name, a.0.revision, &a.1.name).cmp(&(&b.0.name, b.0.revision, &b.1.name)));
        Self { services, topics }
    }

    /// A service's life; nothing where no seed has it.
    #[must_use]
    pub fn service<'s>(&'s self, name: &str) -> Option<Life<'s, 'h>> {
        let start = self
            .services
            .partition_point(|record| record.entry.name.as_str() < name);
        let end = start + self.services[start..].partition_point(|record| record.entry.name == name);
        (end > start).then(|| Life(&self.services[start..end]))
    }

    /// Every service's life, by name.
    pub fn services<'s>(&'s self) -> impl Iterator<Item = Life<'s, 'h>> {
        self.services.chunk_by(|a, b| a.entry.name == b.entry.name).map(Life)
    }

    /// What a topic is: its revision, and its digest where all seeds with that revision agree.
    #[must_use]
    pub fn topic(&self, name: &str) -> Option<(u32, Option<Digest>)> {
        let start = self.topics.partition_point(|(entry, _)| entry.name.as_str() < name);
        let end = start + self.topics[start..].partition_point(|(entry, _)| entry.name == name);
        let latest = self.topics[start..end].last()?.0;
        let agreed = self.topics[start..end]
            .iter()
            .filter(|(entry, _)| entry.revision == latest.revision)
            .all(|(entry, _)| entry.digest == latest.digest);
        Some((latest.revision, agreed.then_some(latest.digest)))
    }

    /// Every topic's entries, by name: those of one topic by revision.
    pub fn topics<'s>(&'s self) -> impl Iterator<Item = &'s [(&'h TopicEntry, &'h Seed)]> {
        self.topics.chunk_by(|a, b| a.0.name == b.0.name)
    }
}

/// Everything that seeds say of one service, by stamp; at least one record.
#[derive(Debug, Clone, Copy)]
pub struct Life<'s, 'h>(&'s [Record<'h>]);

impl<'s, 'h> Life<'s, 'h> {
    /// The service's name.
    #[must_use]
    pub fn name(self) -> &'h str {
        &self.0[0].entry.name
    }

    /// Every record, by stamp.
    #[must_use]
    pub const fn records(self) -> &'s [Record<'h>] {
        self.0
    }

    /// The last record; of several with one stamp, that of the seed whose name comes last.
    #[must_use]
    pub fn latest(self) -> Record<'h> {
        self.0[self.0.len() - 1]
    }

    /// The highest stamp.
    #[must_use]
    pub fn stamp(self) -> Stamp {
        self.latest().entry.stamp
    }

    /// Whether its last word is a tombstone.
    #[must_use]
    pub fn is_retired(self) -> bool {
        matches!(self.latest().entry.content, Content::Retired)
    }

    /// Records of a version, by revision.
    pub fn version(self, version: u32) -> impl DoubleEndedIterator<Item = Record<'h>> {
        self.0
            .iter()
            .copied()
            .filter(move |record| record.entry.stamp.version == version)
    }

    /// Another seed that has the highest version with other settings: two branches that did not know of each other.
    #[must_use]
    pub fn rival(self) -> Option<Record<'h>> {
        let latest = self.latest();
        self.version(latest.entry.stamp.version)
            .rev()
            .find(|record| record.entry.content.settings() != latest.entry.content.settings())
    }

    /// What the service is, where all seeds with the highest stamp agree.
    #[must_use]
    pub fn agreed(self) -> Option<Content> {
        let latest = self.latest().entry;
        self.version(latest.stamp.version)
            .filter(|record| record.entry.stamp == latest.stamp)
            .all(|record| record.entry.content == latest.content)
            .then_some(latest.content)
            .filter(|_| self.rival().is_none())
    }
}
