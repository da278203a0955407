//! How a change of a service's settings reaches replicas that run.

use crate::model::keywords::{Client, Commit, Handler, Keyword};
use crate::model::service::{Concurrency, Run, Service};
use crate::model::settings::Setting;

use super::lowered::Section;
use super::{client_key, lower};

/// How a change reaches replicas that run, the heaviest last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Apply {
    /// The client has no such setting: nothing happens.
    Nothing,
    /// In force with the next batch, without a restart.
    Hot,
    /// Each replica leaves its group and joins it again with a new consumer, one at a time.
    Recreate,
    /// Old and new replicas can't be in one group: all stop, then all start. Never done to running services.
    StopAll,
}

impl Apply {
    /// Its name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Nothing => "nothing",
            Self::Hot => "hot",
            Self::Recreate => "recreate",
            Self::StopAll => "stop-all",
        }
    }
}

/// A setting that differs, and how the difference reaches running replicas.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// The key in a seed's settings: `consumer.session_timeout_ms`, `delivery.retry`, `group`.
    pub key: String,
    /// How.
    pub apply: Apply,
}

/// What differs between two settings of a service, as its client (the one that runs) sees it.
#[must_use]
pub fn changes(from: &Service, to: &Service) -> Vec<Change> {
    let client = from.client.value;
    let mut changes = Vec::new();
    let mut differs = |key: &str, differ: bool, apply: Apply| {
        if differ {
            changes.push(Change {
                key: key.to_owned(),
                apply,
            });
        }
    };
    differs("client", client != to.client.value, Apply::StopAll);
    differs("group", from.group.value != to.group.value, Apply::StopAll);
    let protocols = match client {
        Client::Aiokafka | Client::Kafkajs => Apply::Nothing,
        _ => Apply::Recreate,
    };
    differs(
        "group_protocol",
        from.group_protocol.value != to.group_protocol.value,
        protocols,
    );
    let id = |service: &Service| service.instance_id.as_ref().map(|id| id.value.clone());
    let ids = if client == Client::Kafkajs {
        Apply::Nothing
    } else {
        Apply::Recreate
    };
    differs("instance_id", id(from) != id(to), ids);
    let topics =
        |service: &Service| -> Vec<String> { service.topics.iter().map(|topic| topic.value.clone()).collect() };
    differs("topics", topics(from) != topics(to), Apply::Recreate);
    for setting in Setting::ALL {
        let value = |service: &Service| service.run.consumer.get(setting).map(|value| value.value.clone());
        let key = format!("consumer.{}", setting.info().key);
        differs(&key, value(from) != value(to), of_setting(from, to, setting));
    }
    let (old, new) = (&from.run, &to.run);
    differs(
        "delivery.commit",
        old.delivery.commit.value != new.delivery.commit.value,
        of_commit(client, old, new),
    );
    differs(
        "delivery.commit_interval_ms",
        old.delivery.commit_interval.value != new.delivery.commit_interval.value,
        match new.delivery.commit.value {
            Commit::Interval => Apply::Recreate,
            _ => Apply::Nothing,
        },
    );
    differs(
        "delivery.isolation",
        old.delivery.isolation.value != new.delivery.isolation.value,
        Apply::Recreate,
    );
    let retry = |run: &Run| {
        run.delivery.retry.as_ref().map(|retry| {
            let dead_letter = retry.dead_letter.as_ref().map(|topic| topic.value.clone());
            (retry.attempts.value, retry.backoff.value, dead_letter)
        })
    };
    differs("delivery.retry", retry(old) != retry(new), Apply::Hot);
    let concurrency = |run: &Run| match run.processing.concurrency.value {
        Concurrency::Bounded(most) => Some(most),
        Concurrency::Unbounded => None,
    };
    differs("concurrency", concurrency(old) != concurrency(new), Apply::Hot);
    let handler = |run: &Run| -> &'static str { Handler::as_str(run.processing.handler.value) };
    differs("handler", handler(old) != handler(new), Apply::Hot);
    let raw = |service: &Service| {
        let mut raw: Vec<String> = service
            .raw
            .iter()
            .filter(|raw| raw.client == client)
            .map(|raw| format!("{} {:?}", raw.key, raw.value.value))
            .collect();
        raw.sort();
        raw
    };
    differs("raw", raw(from) != raw(to), Apply::Recreate);
    changes
}

fn of_setting(from: &Service, to: &Service, setting: Setting) -> Apply {
    let client = from.client.value;
    let is_loader = |service: &Service| {
        lower(service, client)
            .section(Section::Loader)
            .any(|entry| entry.key == setting.name())
    };
    match setting {
        // aiokafka takes it with each call too.
        Setting::MaxPollRecords if client == Client::Aiokafka || is_loader(to) => Apply::Hot,
        Setting::Assignors => of_assignors(from, to),
        Setting::MaxPollInterval if client == Client::Kafkajs => of_kafkajs_poll_interval(from, to),
        _ if client_key(client, setting).is_some() => Apply::Recreate,
        _ => Apply::Nothing,
    }
}

/// It stands as the time that the group waits for a busy member, which a consumer is made with, unless a profile says that
/// time itself: then only the loader's limit on handlers is left of it, which it reads with each batch.
fn of_kafkajs_poll_interval(from: &Service, to: &Service) -> Apply {
    let waits = |service: &Service| {
        lower(service, Client::Kafkajs)
            .get(Section::Consumer, "rebalanceTimeout")
            .cloned()
    };
    if waits(from) == waits(to) {
        Apply::Hot
    } else {
        Apply::Recreate
    }
}

/// Replicas of one group need an assignor in common, and librdkafka takes no list of eager and cooperative ones.
fn of_assignors(from: &Service, to: &Service) -> Apply {
    let client = from.client.value;
    let Some(key) = client_key(client, Setting::Assignors) else {
        return Apply::Nothing;
    };
    let names = |service: &Service| -> Vec<String> {
        let lowered = lower(service, client);
        let found = lowered.section(Section::Consumer).find(|entry| entry.key == key);
        match found.map(|entry| &entry.value) {
            Some(super::Literal::List(list)) => list.iter().map(ToString::to_string).collect(),
            Some(super::Literal::Text(text)) => text.split(',').map(str::to_owned).collect(),
            _ => Vec::new(),
        }
    };
    let (old, new) = (names(from), names(to));
    if old == new {
        Apply::Nothing
    } else if old.is_empty() || new.is_empty() || old.iter().any(|name| new.contains(name)) {
        Apply::Recreate
    } else {
        Apply::StopAll
    }
}

/// What the loaders do by themselves changes at once; the client's own timer is set when it is made.
const fn of_commit(client: Client, old: &Run, new: &Run) -> Apply {
    let timer =
        matches!(old.delivery.commit.value, Commit::Interval) || matches!(new.delivery.commit.value, Commit::Interval);
    if timer || matches!(client, Client::Kafkajs | Client::ConfluentJavascript) {
        Apply::Recreate
    } else {
        Apply::Hot
    }
}
