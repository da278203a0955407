//! Topics, and the group that shares out their partitions.

use std::borrow::Cow;
use std::fmt;
use std::time::Duration;

use super::need;

/// The sizes of a topic's records, in bytes, uncompressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct RecordSize {
    /// The mean (`record.mean`).
    pub mean: Option<u64>,
    /// The largest (`record.max`).
    pub max: Option<u64>,
}

/// More load than expected, now and then.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Peak {
    /// Records a second while it lasts, over all partitions (`peak.rate`).
    pub rate: f64,
    /// How long it lasts (`peak.for`).
    pub lasts: Option<Duration>,
    /// From the start of one to the start of the next (`peak.every`).
    pub every: Option<Duration>,
}

/// What places records in partitions.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Keys {
    /// Records have no key: producers spread them evenly.
    None,
    /// Keys whose popularity follows Zipf's law, hashed to partitions.
    Zipf {
        /// How many keys there are; 0 counts as 1 (`key.cardinality`).
        cardinality: u64,
        /// The exponent; 0 is uniform (`key.zipf`).
        exponent: f64,
    },
    /// There is a key, and nobody declared how many values it has.
    Undeclared,
}

/// A topic that the consumer reads.
#[derive(Debug, Clone, PartialEq)]
pub struct Topic {
    /// Its name.
    pub name: String,
    /// How many partitions it has; 0 counts as 1.
    pub partitions: Option<u32>,
    /// Expected records a second, over all partitions.
    pub rate: Option<f64>,
    /// Its peak; nothing where the rate is steady.
    pub peak: Option<Peak>,
    /// The size of its records.
    pub record: RecordSize,
    /// The producers' batch size in bytes (`producer_batch`).
    pub producer_batch: Option<u64>,
    /// Uncompressed over compressed bytes; below 1 counts as 1.
    pub compression_ratio: f64,
    /// What places its records.
    pub keys: Keys,
}

impl Topic {
    /// The path of one of its keys in topics.toml.
    #[must_use]
    pub const fn path(&self, key: &'static str) -> KeyPath<'_> {
        KeyPath { topic: self, key }
    }
}

/// A topic's key, displayed as `topics."device.audio.raw".rate`. Most keys are declared: nothing is written before
/// somebody asks.
#[derive(Debug, Clone, Copy)]
pub struct KeyPath<'a> {
    topic: &'a Topic,
    key: &'static str,
}

impl fmt::Display for KeyPath<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "topics.\"{}\".{}", self.topic.name, self.key)
    }
}

/// How partitions are shared out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Assignor {
    /// Topic by topic, in runs: the first members get the partitions that are left over, of every topic.
    Range,
    /// All topics' partitions dealt out one by one: `roundrobin`, `sticky`, `cooperative-sticky`, KIP-848's `uniform`.
    Even,
}

/// The group's members.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Group {
    /// How many there are (`replicas`); 0 counts as 1.
    pub replicas: Option<u32>,
    /// How they share partitions.
    pub assignor: Assignor,
}

/// Members that hold equally many partitions of each topic.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Share {
    /// How many members.
    pub members: u32,
    /// Partitions of each topic that one of them holds, in the order of the topics given.
    pub partitions: Vec<u32>,
}

/// Shares out `partitions` (of each topic, in the order of their names) among `replicas` members; 0 counts as 1.
///
/// [`Assignor::Range`] gives each topic's leftover to the first members. [`Assignor::Even`] deals on where the last
/// topic ended, as `roundrobin` does; the sticky assignors keep the same counts, though not always the same mix.
/// The work grows with the number of topics, not with that of members or partitions.
#[must_use]
pub fn share_out(partitions: &[u32], replicas: u32, assignor: Assignor) -> Vec<Share> {
    if let [count] = partitions {
        return share_out_one((*count).max(1), replicas.max(1));
    }
    let replicas = u64::from(replicas.max(1));
    let mut dealt = 0_u64;
    // Of each topic: where its leftover starts, how many members get one of it, and what every member gets.
    let topics: Vec<(u64, u64, u64)> = partitions
        .iter()
        .map(|count| u64::from((*count).max(1)))
        .map(|count| {
            let start = match assignor {
                Assignor::Range => 0,
                Assignor::Even => dealt % replicas,
            };
            dealt += count;
            (start, count % replicas, count / replicas)
        })
        .collect();
    let mut edges: Vec<u64> = topics
        .iter()
        .flat_map(|(start, extra, _)| [*start, (start + extra) % replicas])
        .chain([0, replicas])
        .collect();
    edges.sort_unstable();
    edges.dedup();
    let narrow = |wide: u64| u32::try_from(wide).unwrap_or(u32::MAX);
    edges
        .windows(2)
        .map(|edge| Share {
            members: narrow(edge[1] - edge[0]),
            partitions: topics
                .iter()
                .map(|(start, extra, each)| {
                    let place = (edge[0] + replicas - start) % replicas;
                    narrow(each + u64::from(place < *extra))
                })
                .collect(),
        })
        .collect()
}

/// The same for one topic, as most services have.
fn share_out_one(count: u32, replicas: u32) -> Vec<Share> {
    let (each, extra) = (count / replicas, count % replicas);
    let share = |members, each| Share {
        members,
        partitions: vec![each],
    };
    if extra == 0 {
        vec![share(replicas, each)]
    } else {
        vec![share(extra, each + 1), share(replicas - extra, each)]
    }
}

/// When peaks of several topics come together: as long as the longest, as often as the most frequent.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Burst {
    /// Seconds that it lasts.
    pub lasts: f64,
    /// Seconds between its end and the next one's start; at least 0.
    pub gap: f64,
}

/// A group with its topics, of which everything needed for rates is known.
#[derive(Debug, Clone)]
pub(super) struct Fleet {
    /// Partitions of each topic, at least 1.
    pub partitions: Vec<u32>,
    /// Expected records a second of each topic.
    pub rates: Vec<f64>,
    /// Records a second of each topic at its peak; the expected rate where there is none.
    pub peaks: Vec<f64>,
    /// Members that hold equally much.
    pub shares: Vec<Share>,
}

impl Fleet {
    /// Everything, or nothing and the names of what is missing. Topics are put in the order of their names, unless they
    /// are in it, as the model's are.
    pub fn known<'t>(
        topics: &'t [Topic],
        group: &Group,
        unknown: &mut Vec<String>,
    ) -> Option<(Self, Cow<'t, [Topic]>)> {
        let mut topics = Cow::Borrowed(topics);
        if !topics.is_sorted_by(|one, other| one.name <= other.name) {
            topics.to_mut().sort_by(|one, other| one.name.cmp(&other.name));
        }
        let replicas = need(group.replicas, "replicas", unknown);
        let mut complete = !topics.is_empty();
        if topics.is_empty() {
            unknown.push("topics".to_owned());
        }
        for topic in topics.iter() {
            complete &= need(topic.partitions, topic.path("partitions"), unknown).is_some();
            complete &= need(topic.rate, topic.path("rate"), unknown).is_some();
        }
        if !complete {
            return None;
        }
        let partitions: Vec<u32> = topics
            .iter()
            .filter_map(|topic| topic.partitions)
            .map(|n| n.max(1))
            .collect();
        let rates: Vec<f64> = topics
            .iter()
            .filter_map(|topic| topic.rate)
            .map(|rate| rate.max(0.0))
            .collect();
        let peaks = topics
            .iter()
            .zip(&rates)
            .map(|(topic, rate)| topic.peak.map_or(*rate, |peak| peak.rate.max(*rate)))
            .collect();
        let shares = share_out(&partitions, replicas?, group.assignor);
        let fleet = Self {
            partitions,
            rates,
            peaks,
            shares,
        };
        Some((fleet, topics))
    }

    /// Members that hold at least one partition.
    pub fn usable(&self) -> u32 {
        let busy = self
            .shares
            .iter()
            .filter(|share| share.partitions.iter().any(|n| *n > 0));
        busy.map(|share| share.members).sum()
    }

    /// Members that hold none.
    pub fn idle(&self) -> u32 {
        self.shares.iter().map(|share| share.members).sum::<u32>() - self.usable()
    }

    /// What one member of a share receives of topics at these rates, spread evenly over partitions.
    pub fn receives(&self, share: &Share, rates: &[f64]) -> f64 {
        let each = share.partitions.iter().zip(&self.partitions).zip(rates);
        each.map(|((held, all), rate)| rate * f64::from(*held) / f64::from(*all))
            .sum()
    }

    /// Whether any topic has a peak above its expected rate.
    pub fn peaks_at_all(&self) -> bool {
        self.rates.iter().zip(&self.peaks).any(|(rate, peak)| peak > rate)
    }
}

/// The peaks of all topics as one, or nothing and the names of what is missing.
pub(super) fn burst(topics: &[Topic], unknown: &mut Vec<String>) -> Option<Burst> {
    let mut lasts = 0.0_f64;
    let mut every = f64::INFINITY;
    let mut complete = true;
    for topic in topics {
        let Some(peak) = topic.peak.filter(|peak| topic.rate.is_none_or(|rate| peak.rate > rate)) else {
            continue;
        };
        match need(peak.lasts, topic.path("peak.for"), unknown) {
            Some(time) => lasts = lasts.max(time.as_secs_f64()),
            None => complete = false,
        }
        match need(peak.every, topic.path("peak.every"), unknown) {
            Some(time) => every = every.min(time.as_secs_f64()),
            None => complete = false,
        }
    }
    complete.then_some(Burst {
        lasts,
        gap: (every - lasts).max(0.0),
    })
}
