//! What a run's topics and group are called on the broker.

use std::collections::{BTreeMap, BTreeSet};
use std::hash::{BuildHasher, RandomState};
use std::time::Duration;

use crate::broker::{BrokerError, Lease, TopicSpec};
use crate::harness::plan::{SidePlan, Trial};

/// The longest name that Kafka takes for a topic, in bytes.
const LONGEST: usize = 249;

/// What a run's topics and group are called on the broker: as declared, with the run's id behind it, so that several runs
/// can share a broker and none sees what another one left.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Names {
    /// The run's id.
    pub run: String,
    /// What the run's records carry.
    pub tag: u32,
    /// The group.
    pub group: String,
    /// The topics that are read, with how many partitions they have, in the plan's order.
    pub read: Vec<(String, u32)>,
    /// All topics of the run by their declared names.
    topics: BTreeMap<String, String>,
}

impl Names {
    /// Makes the topics and claims the group.
    ///
    /// # Errors
    /// [`BrokerError`] where the broker refuses; what was made is the lease's to take away.
    pub(super) fn make(lease: &mut Lease, trial: &Trial, side: &SidePlan) -> Result<Self, BrokerError> {
        let bits = RandomState::new().hash_one(trial.name());
        let run = id(bits);
        let with_run = |declared: &str| suffixed(declared, &run);
        let mut specs: Vec<TopicSpec> = trial
            .topics
            .iter()
            .map(|topic| TopicSpec {
                name: with_run(&topic.name),
                partitions: topic.load.partitions,
                replication: u32::from(topic.replication),
                configuration: topic.configuration.clone(),
            })
            .collect();
        let declared: BTreeSet<&str> = trial.topics.iter().map(|topic| topic.name.as_str()).collect();
        let dead_letter = side
            .delivery
            .retry
            .as_ref()
            .and_then(|retry| retry.dead_letter.as_deref());
        let dead_letter = dead_letter.filter(|topic| !declared.contains(topic));
        specs.extend(dead_letter.map(|topic| {
            let replication = specs.iter().map(|spec| spec.replication).max().unwrap_or(1);
            let mut spec = TopicSpec::new(&with_run(topic), 1);
            spec.replication = replication;
            spec.configuration = largest_record(trial);
            spec
        }));
        lease.create_topics(&specs)?;
        let session = side
            .session_s
            .and_then(|session| Duration::try_from_secs_f64(session).ok());
        let group = lease.claim_group(&with_run(&side.group), session)?;
        let topics: BTreeMap<String, String> = declared
            .into_iter()
            .chain(dead_letter)
            .map(|declared| (declared.to_owned(), lease.name(&with_run(declared))))
            .collect();
        let read = trial
            .topics
            .iter()
            .map(|topic| (topics[&topic.name].clone(), topic.load.partitions))
            .collect();
        #[expect(clippy::cast_possible_truncation, reason = "any 32 of the bits")]
        let tag = bits as u32;
        Ok(Self {
            run,
            tag,
            group,
            read,
            topics,
        })
    }

    /// A declared topic's name on the broker.
    #[must_use]
    pub fn topic<'n>(&'n self, declared: &'n str) -> &'n str {
        self.topics.get(declared).map_or(declared, String::as_str)
    }
}

/// What a topic must take for the largest of the trial's records.
fn largest_record(trial: &Trial) -> BTreeMap<String, String> {
    let key = "max.message.bytes";
    let largest = trial.topics.iter().filter_map(|topic| {
        let value = topic.configuration.get(key)?;
        Some((value.parse::<u64>().ok()?, value))
    });
    largest
        .max()
        .map(|(_, value)| (key.to_owned(), value.clone()))
        .into_iter()
        .collect()
}

/// Seven letters and digits, of which two runs on one broker will not have the same.
fn id(mut bits: u64) -> String {
    const LETTERS: &[u8; 36] = b"0123456789abcdefghijklmnopqrstuvwxyz";
    let mut id = String::new();
    for _ in 0..7 {
        id.push(char::from(LETTERS[usize::try_from(bits % 36).unwrap_or_default()]));
        bits /= 36;
    }
    id
}

/// A declared name with the run's id, cut where it would be too long.
fn suffixed(declared: &str, run: &str) -> String {
    let mut end = declared.len().min(LONGEST - 1 - run.len());
    while !declared.is_char_boundary(end) {
        end -= 1;
    }
    format!("{}-{run}", &declared[..end])
}

#[cfg(test)]
mod tests {
    use super::{id, suffixed};

    #[test]
    fn names_end_in_the_run_and_fit() {
        assert_eq!(suffixed("device.gps", "0abc123"), "device.gps-0abc123");
        let long = suffixed(&"ü".repeat(200), "0abc123");
        assert!(long.len() <= 249 && long.ends_with("ü-0abc123"));
        assert_eq!(id(0), "0000000");
        assert_eq!(id(u64::MAX).len(), 7);
    }
}
