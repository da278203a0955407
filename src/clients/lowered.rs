//! What a service's settings become for one client.

use crate::model::keywords::Client;
use crate::model::settings::Setting;

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
    Text(String),
    /// A list of names, such as classes.
    List(Vec<String>),
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
    /// The call that takes a batch (aiokafka: `getmany`).
    Poll,
    /// Not the client at all: lagproof's loader honours it.
    Loader,
}

/// One key.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    /// Where it goes.
    pub section: Section,
    /// The client's name for it.
    pub key: String,
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

/// What the output says of a setting that did not go straight through.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Note {
    /// The setting; nothing where it is a top-level key such as `instance_id`.
    pub setting: Option<Setting>,
    /// The key's name in the profile.
    pub name: &'static str,
    /// What became of it.
    pub loss: Loss,
    /// In one sentence without a full stop.
    pub text: String,
}

/// A service's settings for one client.
#[derive(Debug, Clone, PartialEq)]
pub struct Lowered {
    /// The client.
    pub client: Client,
    /// The keys, by section and then in the order of the documentation.
    pub entries: Vec<Entry>,
    /// What did not go straight through.
    pub notes: Vec<Note>,
}
