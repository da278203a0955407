//! A service on its way to one client.

use crate::model::keywords::{Client, GroupProtocol};
use crate::model::matrix::Edition;
use crate::model::origin::Sourced;
use crate::model::service::{Raw, Run, Service};
use crate::model::settings::{OffsetReset, Setting, Value};

use super::edition_default;
use super::lowered::{Entry, Literal, Loss, Lowered, Note, Section, Text};
use super::raw::{RawProblem, raw_entry, unknown_entry};

/// What is being lowered, and what has become of it so far.
pub(super) struct Lowering<'a> {
    pub service: &'a Service,
    pub run: &'a Run,
    pub client: Client,
    keep: Keep,
    entries: Vec<Entry>,
    notes: Vec<Note>,
}

/// What is wanted of a lowering.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Keep {
    /// Keys and notes.
    All,
    /// Notes alone, for rules, which look at every service on every check.
    Notes,
}

/// How a shortest and a longest pause are told to one client.
pub(super) struct Backoff {
    pub first: Setting,
    pub longest: Setting,
    /// The client's own defaults in milliseconds.
    pub defaults: (u64, u64),
}

impl<'a> Lowering<'a> {
    pub fn new(service: &'a Service, run: &'a Run, client: Client, keep: Keep) -> Self {
        Self {
            service,
            run,
            client,
            keep,
            entries: Vec::with_capacity(if keep == Keep::All { 40 } else { 0 }),
            notes: Vec::new(),
        }
    }

    pub fn finish(mut self) -> Lowered {
        self.entries.sort_by_key(|entry| entry.section);
        Lowered {
            client: self.client,
            entries: self.entries,
            notes: self.notes,
        }
    }

    pub fn protocol(&self) -> GroupProtocol {
        self.service.group_protocol.value
    }

    pub fn put(&mut self, section: Section, key: impl Into<Text>, value: impl Into<Literal>) {
        if self.keep == Keep::All {
            self.entries.push(Entry {
                section,
                key: key.into(),
                value: value.into(),
            });
        }
    }

    /// The group's name.
    pub fn group(&mut self, key: &'static str) {
        if self.keep == Keep::All {
            self.put(Section::Consumer, key, self.service.group.value.clone());
        }
    }

    /// A setting that the client takes as it is: numbers in milliseconds or bytes, switches, text.
    pub fn pass(&mut self, section: Section, setting: Setting, key: &'static str) {
        let literal = match self.run.consumer.get(setting).map(|sourced| &sourced.value) {
            None => return,
            Some(Value::Switch(on)) => Literal::Switch(*on),
            Some(Value::RemoteAssignor(assignor)) => Literal::from(crate::model::keywords::Keyword::as_str(*assignor)),
            Some(Value::Text(text)) => Literal::Text(Text::Owned(text.to_string())),
            Some(value) => match value.number() {
                Some(number) => Literal::from(number),
                None => return,
            },
        };
        self.put(section, key, literal);
    }

    pub fn number(&self, setting: Setting) -> Option<u64> {
        self.run.consumer.get(setting)?.value.number()
    }

    /// Whether a person declared it, rather than the edition.
    pub fn is_declared(&self, setting: Setting) -> bool {
        self.run.consumer.get(setting).is_some_and(|value| !value.is_edition())
    }

    /// Whether it is what the edition fills in, written out or not: a row holds values, not who chose them, and loaders decide
    /// by it.
    fn is_of_the_edition(&self, setting: Setting) -> bool {
        let Some(found) = self.run.consumer.get(setting) else {
            return true;
        };
        let service = self.service;
        let default = edition_default(Edition::E2026, service.client.value, self.protocol(), setting);
        found.is_edition() || Some(&found.value) == default.as_ref()
    }

    /// Says what became of a setting, if a person declared it.
    pub fn note(&mut self, setting: Setting, loss: Loss, text: impl Into<Text>) {
        if self.is_declared(setting) {
            self.notes.push(Note {
                setting: Some(setting),
                name: setting.name(),
                loss,
                text: text.into(),
            });
        }
    }

    /// The same of a key outside of `[consumer]`.
    pub fn note_key<T>(&mut self, key: &'static str, value: &Sourced<T>, loss: Loss, text: impl Into<Text>) {
        if !value.is_edition() {
            self.notes.push(Note {
                setting: None,
                name: key,
                loss,
                text: text.into(),
            });
        }
    }

    /// Settings that the client has nothing for.
    pub fn drop(&mut self, settings: &[(Setting, &'static str)]) {
        for (setting, why) in settings {
            if !self.is_off(*setting) {
                self.note(*setting, Loss::Dropped, *why);
            }
        }
    }

    /// Whether a setting only says that something is not wanted: a client without it does not do it either.
    fn is_off(&self, setting: Setting) -> bool {
        match setting {
            Setting::CheckCrcs => self.run.consumer.switch(setting) == Some(false),
            Setting::StatisticsInterval | Setting::ConnectionsMaxIdle | Setting::ReceiveBuffer => {
                self.number(setting) == Some(0)
            }
            _ => false,
        }
    }

    /// Under `group_protocol = "consumer"` the broker decides what the classic protocol leaves to the client.
    pub fn left_to_broker(&mut self) {
        for setting in [Setting::SessionTimeout, Setting::HeartbeatInterval] {
            self.note(
                setting,
                Loss::Elsewhere,
                "the group's own on the broker: topics/groups.sh sets it there",
            );
        }
        self.drop(&[(
            Setting::Assignors,
            "the broker assigns under group_protocol = \"consumer\": see remote_assignor",
        )]);
    }

    /// A first and a longest pause in milliseconds, the longest not below the first; nothing where neither is set.
    /// Clients warn about or refuse one that contradicts the other's default, so both are always written.
    pub fn backoff(&mut self, backoff: &Backoff) -> Option<(u64, u64)> {
        let (first, longest) = (self.number(backoff.first), self.number(backoff.longest));
        match (first, longest) {
            (None, None) => None,
            (Some(first), None) => Some((first, first.max(backoff.defaults.1))),
            (None, Some(longest)) => Some((longest.min(backoff.defaults.0), longest)),
            (Some(first), Some(longest)) if first <= longest => Some((first, longest)),
            (Some(_), Some(longest)) if self.is_of_the_edition(backoff.first) => Some((longest, longest)),
            (Some(first), Some(_)) => {
                let text = format!(
                    "raised to {first} ms, which is {}: the longest pause can't be below the first",
                    backoff.first
                );
                if !self.is_of_the_edition(backoff.longest) {
                    self.note(backoff.longest, Loss::Substituted, text);
                }
                Some((first, first))
            }
        }
    }

    /// The static member id, where it is the same text for every replica. One with a `${VARIABLE}` differs a replica and
    /// can't stand in a file that all of them read.
    pub fn instance_id(&mut self, section: Section, key: &'static str) {
        let Some(id) = &self.service.instance_id else { return };
        if id.value.contains("${") {
            let text = format!(
                "differs a replica, so it is not in this file: whoever starts the replica sets {key} to {}",
                id.value
            );
            self.note_key("instance_id", id, Loss::Elsewhere, text);
        } else {
            self.put(section, key, id.value.clone());
        }
    }

    /// What the profile gives under the client's own names, by name, after everything else. What the client would refuse
    /// or ignore is left out: a rule has refused it already.
    pub fn raw(&mut self) {
        if self.keep == Keep::Notes {
            return;
        }
        let mut raw: Vec<&Raw> = self
            .service
            .raw
            .iter()
            .filter(|raw| raw.client == self.client)
            .collect();
        raw.sort_by(|a, b| a.key.cmp(&b.key));
        for raw in raw {
            match raw_entry(self.client, &raw.key, &raw.value.value) {
                Ok(entry) => self.entries.push(entry),
                Err(RawProblem::Unknown(_)) => self.entries.push(unknown_entry(&raw.key, &raw.value.value)),
                Err(_) => {}
            }
        }
    }

    /// The topics, patterns expanded.
    pub fn topics(&mut self) {
        if self.keep == Keep::Notes {
            return;
        }
        let topics = self
            .service
            .topics
            .iter()
            .map(|topic| Text::Owned(topic.value.clone()))
            .collect();
        self.put(Section::Subscribe, "topics", Literal::List(topics));
    }

    /// The batch size, for clients that have none.
    pub fn loader_batch(&mut self) {
        if let Some(records) = self.number(Setting::MaxPollRecords) {
            self.put(Section::Loader, Setting::MaxPollRecords.name(), records);
            self.note(
                Setting::MaxPollRecords,
                Loss::Elsewhere,
                "the client has no batch size: lagproof's loader honours it",
            );
        }
    }

    /// Where to start, for a client that can start at either end only; says so where that is not what was asked for.
    pub fn either_end(&mut self) -> Option<OffsetReset> {
        let reset = self.run.consumer.offset_reset()?;
        let near = match reset {
            OffsetReset::Earliest | OffsetReset::Latest => return Some(reset),
            OffsetReset::None => "the client can't stop there: it starts at the oldest record, which skips nothing",
            OffsetReset::ByDuration(_) => {
                "the client can't look back by time: it starts at the oldest record, which skips nothing"
            }
        };
        self.note(Setting::OffsetReset, Loss::Substituted, near);
        Some(OffsetReset::Earliest)
    }

    /// The auto-commit interval in milliseconds. Zero is no interval in any client, and means "off" in some.
    pub fn commit_interval(&self) -> u64 {
        let millis = self.run.delivery.commit_interval.value.as_millis();
        u64::try_from(millis).unwrap_or(u64::MAX).clamp(1, 86_400_000)
    }
}
