//! What a service's settings become for one client.

use std::borrow::Cow;

use crate::model::keywords::Client;
use crate::model::settings::Setting;

/// Text that is mostly lagproof's own.
pub type Text = Cow<'static, str>;

/// A value as the client takes it.
#[derive(Debug, Clone, PartialEq)]
pub enum Literal {
    /// A whole number.
    Int(i64),
    /// A number.
    Float(f64),
    /// A switch.
    Switch(bool),
    /// Text.
    Text(Text),
    /// A list of names, such as classes.
    List(Vec<Text>),
    /// Switched off where the client has a word for that (aiokafka: `None`).
    Off,
}

impl From<u64> for Literal {
    fn from(number: u64) -> Self {
        Self::Int(i64::try_from(number).unwrap_or(i64::MAX))
    }
}

impl From<bool> for Literal {
    fn from(on: bool) -> Self {
        Self::Switch(on)
    }
}

impl From<&'static str> for Literal {
    fn from(text: &'static str) -> Self {
        Self::Text(Cow::Borrowed(text))
    }
}

impl From<String> for Literal {
    fn from(text: String) -> Self {
        Self::Text(Cow::Owned(text))
    }
}

/// Where the client takes a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Section {
    /// The options that all of an application's clients share (kafkajs: `new Kafka(…)`).
    Client,
    /// The consumer's own options.
    Consumer,
    /// The call that subscribes.
    Subscribe,
    /// The call that runs the consumer (kafkajs).
    Run,
    /// Not the client at all: lagproof's loader honours it.
    Loader,
}

impl Section {
    /// The name in compiled files.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Client => "client",
            Self::Consumer => "consumer",
            Self::Subscribe => "subscribe",
            Self::Run => "run",
            Self::Loader => "loader",
        }
    }
}

/// One key.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    /// Where it goes.
    pub section: Section,
    /// The client's name for it; for kafkajs `retry.retries` is `retries` in the object `retry`.
    pub key: Text,
    /// Its value.
    pub value: Literal,
}

/// What became of a setting that the client does not have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Loss {
    /// It is honoured elsewhere: by the loader's batch size, by the group's configuration on the broker.
    Elsewhere,
    /// Something near it stands in its place.
    Substituted,
    /// Nothing stands for it.
    Dropped,
}

/// What the output says of a setting that did not go straight through. Only values that a person declared have one;
/// what only the edition gave is a client's default, and no client misses another's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Note {
    /// The setting; nothing where it is a top-level key such as `instance_id`.
    pub setting: Option<Setting>,
    /// The key's name in the profile.
    pub name: &'static str,
    /// What became of it.
    pub loss: Loss,
    /// In one sentence without a full stop.
    pub text: Text,
}

/// A service's settings for one client.
#[derive(Debug, Clone, PartialEq)]
pub struct Lowered {
    /// The client.
    pub client: Client,
    /// The keys, by section and then in the order of the documentation, raw ones last. No section has a key twice.
    pub entries: Vec<Entry>,
    /// What did not go straight through.
    pub notes: Vec<Note>,
}

impl Lowered {
    /// The keys of a section.
    pub fn section(&self, section: Section) -> impl Iterator<Item = &Entry> {
        self.entries.iter().filter(move |entry| entry.section == section)
    }

    /// The value of a key.
    #[must_use]
    pub fn get(&self, section: Section, key: &str) -> Option<&Literal> {
        self.section(section)
            .find(|entry| entry.key == key)
            .map(|entry| &entry.value)
    }
}
