//! The clients: what each calls a setting, what its own defaults are, and what it can't do.
//!
//! One file a client. The facts were tried on the real clients: `tests/clients/FACTS.md` has them.

mod aiokafka;
mod apply;
mod confluent_javascript;
mod java;
mod kafkajs;
mod librdkafka;
mod lowered;
mod lowering;
mod native;
mod raw;

use std::time::Duration;

use crate::model::keywords::{Client, Commit, GroupProtocol, Isolation};
use crate::model::matrix::Edition;
use crate::model::service::{Run, Service};
use crate::model::settings::{Setting, Value};
use crate::units::Size;

pub use apply::{Apply, Change, changes};
pub use kafkajs::rebalance_wait;
pub use lowered::{Entry, Literal, Loss, Lowered, Note, Section, Text};

pub use raw::{Modelled, RawProblem, is_modelled, raw_entry};

use lowering::{Keep, Lowering};

/// The client's own default for a setting, as the edition spells it out. Nothing where it has no such setting, where
/// unset is its default, and where the group's protocol leaves the setting to the broker.
///
/// Two settings have a value in every client, since every proof needs them. `max_poll_records` is lagproof's own 500 for
/// the clients that have no batch size (librdkafka, kafkajs) or no bound (aiokafka). `max_poll_interval` is kafkajs's
/// rebalance timeout: the time that the group waits for a member that is busy.
#[must_use]
pub fn edition_default(edition: Edition, client: Client, protocol: GroupProtocol, setting: Setting) -> Option<Value> {
    let Edition::E2026 = edition;
    let left_to_broker = matches!(
        setting,
        Setting::SessionTimeout | Setting::HeartbeatInterval | Setting::Assignors
    );
    if protocol == GroupProtocol::Consumer && left_to_broker {
        return None;
    }
    match client {
        Client::Librdkafka => librdkafka::default(setting),
        Client::Java => java::default(setting),
        Client::Aiokafka => aiokafka::default(setting),
        Client::Kafkajs => kafkajs::default(setting),
        Client::ConfluentJavascript => confluent_javascript::default(setting),
    }
}

/// The client's own way to commit, the interval of its auto-commit, and what it sees of transactions.
#[must_use]
pub fn edition_delivery(edition: Edition, client: Client) -> (Commit, Duration, Isolation) {
    let Edition::E2026 = edition;
    let five = Duration::from_secs(5);
    match client {
        Client::Librdkafka | Client::ConfluentJavascript => (Commit::Interval, five, Isolation::ReadCommitted),
        Client::Java | Client::Aiokafka => (Commit::Interval, five, Isolation::ReadUncommitted),
        // `run({ autoCommitInterval: null })` commits once a batch is through, and by no clock.
        Client::Kafkajs => (Commit::AfterBatch, five, Isolation::ReadCommitted),
    }
}

/// What the client calls a setting; nothing where it has none.
#[must_use]
pub fn client_key(client: Client, setting: Setting) -> Option<&'static str> {
    match client {
        Client::Librdkafka => librdkafka::key(setting),
        Client::Java => java::key(setting),
        Client::Aiokafka => aiokafka::key(setting),
        Client::Kafkajs => kafkajs::key(setting),
        Client::ConfluentJavascript => confluent_javascript::key(setting),
    }
}

/// What a service's run becomes for a client: the declared one, or any other.
///
/// Whatever a valid profile says, the client accepts it without a warning and knows every key. What it can't take is
/// replaced by the nearest that it can, and a note says so.
#[must_use]
pub fn lower(service: &Service, client: Client) -> Lowered {
    lower_run(service, &service.run, client)
}

/// The same for another run of the service, such as its baseline.
#[must_use]
pub fn lower_run(service: &Service, run: &Run, client: Client) -> Lowered {
    lower_to(service, run, client, Keep::All)
}

/// What of a service's settings does not go straight through to a client: the notes of [`lower`], for less.
#[must_use]
pub fn losses(service: &Service, client: Client) -> Vec<Note> {
    lower_to(service, &service.run, client, Keep::Notes).notes
}

fn lower_to(service: &Service, run: &Run, client: Client, keep: Keep) -> Lowered {
    let mut lowering = Lowering::new(service, run, client, keep);
    match client {
        Client::Librdkafka => librdkafka::lower(&mut lowering),
        Client::Java => java::lower(&mut lowering),
        Client::Aiokafka => aiokafka::lower(&mut lowering),
        Client::Kafkajs => kafkajs::lower(&mut lowering),
        Client::ConfluentJavascript => confluent_javascript::lower(&mut lowering),
    }
    lowering.raw();
    lowering.finish()
}

const fn ms(millis: u64) -> Option<Value> {
    Some(Value::Duration(Duration::from_millis(millis)))
}

const fn bytes(bytes: u64) -> Option<Value> {
    Some(Value::Size(Size(bytes)))
}

const fn count(count: u64) -> Option<Value> {
    Some(Value::Count(count))
}

const fn isolation_word(isolation: Isolation) -> &'static str {
    match isolation {
        Isolation::ReadCommitted => "read_committed",
        Isolation::ReadUncommitted => "read_uncommitted",
    }
}
