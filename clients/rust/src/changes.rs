//! How a change of a row reaches a replica that runs; `clients/cases/changes.json` in lagproof's repository holds what the
//! compiler says.

use std::collections::{BTreeMap, BTreeSet};

use crate::lowering::lower;
use crate::settings::{Commit, Settings};

/// How a change reaches replicas that run, the heaviest last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Apply {
    /// The client has no such setting: nothing happens.
    Nothing,
    /// In force with the next batch, without a restart.
    Hot,
    /// The replica leaves its group and joins it again with a new consumer, one replica at a time.
    Recreate,
    /// Old and new replicas can't be in one group: all stop, then all start. Never done to running services.
    StopAll,
}

impl Apply {
    /// As the compiler spells it.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Nothing => "nothing",
            Self::Hot => "hot",
            Self::Recreate => "recreate",
            Self::StopAll => "stop-all",
        }
    }
}

/// What differs, by its key in the settings document, as the client that runs sees it.
pub fn changes(old: &Settings, new: &Settings) -> BTreeMap<String, Apply> {
    let mut found = BTreeMap::new();
    let mut differs = |key: &str, is_other: bool, apply: Apply| {
        if is_other {
            found.insert(key.to_owned(), apply);
        }
    };
    let (was, now) = (&old.delivery, &new.delivery);
    differs("client", old.client != new.client, Apply::StopAll);
    differs("group", old.group != new.group, Apply::StopAll);
    differs(
        "group_protocol",
        old.group_protocol != new.group_protocol,
        Apply::Recreate,
    );
    differs("instance_id", old.instance_id != new.instance_id, Apply::Recreate);
    differs("topics", old.topics != new.topics, Apply::Recreate);
    if old.client == new.client {
        let keys: BTreeSet<&String> = old.consumer.keys().chain(new.consumer.keys()).collect();
        for key in keys {
            let is_other = old.consumer.get(key) != new.consumer.get(key);
            if is_other {
                differs(&format!("consumer.{key}"), true, of_setting(old, new, key));
            }
        }
    }
    let timer = [was.commit, now.commit].contains(&Commit::Interval);
    let by_clock = if timer { Apply::Recreate } else { Apply::Hot };
    differs("delivery.commit", was.commit != now.commit, by_clock);
    let interval = if now.commit == Commit::Interval {
        Apply::Recreate
    } else {
        Apply::Nothing
    };
    let is_other = was.commit_interval_ms != now.commit_interval_ms;
    differs("delivery.commit_interval_ms", is_other, interval);
    differs("delivery.isolation", was.isolation != now.isolation, Apply::Recreate);
    differs("delivery.retry", was.retry != now.retry, Apply::Hot);
    differs("concurrency", old.concurrency != new.concurrency, Apply::Hot);
    differs("handler", old.handler != new.handler, Apply::Hot);
    let raw = |settings: &Settings| settings.raw.get(old.client.as_str()).cloned().unwrap_or_default();
    differs("raw", raw(old) != raw(new), Apply::Recreate);
    found
}

/// How all of it together reaches the replica.
pub fn worst(found: &BTreeMap<String, Apply>) -> Apply {
    found.values().copied().max().unwrap_or(Apply::Nothing)
}

fn of_setting(old: &Settings, new: &Settings, key: &str) -> Apply {
    match key {
        "max_poll_records" => Apply::Hot,
        "rebalance_timeout_ms" => Apply::Nothing, // librdkafka has none
        "partition_assignment_strategy" => {
            let (was, now) = (assignors(old), assignors(new));
            if was == now {
                Apply::Nothing
            } else if was.is_empty() || now.is_empty() || !was.is_disjoint(&now) {
                Apply::Recreate
            } else {
                Apply::StopAll
            }
        }
        _ => Apply::Recreate,
    }
}

fn assignors(settings: &Settings) -> BTreeSet<String> {
    let lowered = lower(settings).unwrap_or_default();
    let names = lowered.consumer.get("partition.assignment.strategy");
    names
        .into_iter()
        .flat_map(|names| names.split(','))
        .map(str::to_owned)
        .collect()
}

/// The old settings with everything of the new ones that needs no new consumer.
pub fn with_hot_parts(old: &Settings, new: &Settings) -> Settings {
    let mut settings = old.clone();
    match new.consumer.get("max_poll_records") {
        Some(most) => settings.consumer.insert("max_poll_records".to_owned(), most.clone()),
        None => settings.consumer.remove("max_poll_records"),
    };
    if ![old.delivery.commit, new.delivery.commit].contains(&Commit::Interval) {
        settings.delivery.commit = new.delivery.commit;
    }
    settings.delivery.retry = new.delivery.retry.clone();
    settings.concurrency = new.concurrency;
    settings.handler = new.handler;
    settings
}
