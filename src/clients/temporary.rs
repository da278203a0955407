//! Replaced by the defaults of the clients room.
use crate::model::keywords::{Client, Commit, GroupProtocol, Isolation};
use crate::model::matrix::Edition;
use crate::model::settings::{Setting, Value};
use crate::units::Size;
use std::time::Duration;
/// See the clients room.
#[must_use]
pub fn edition_default(_: Edition, _: Client, _: GroupProtocol, setting: Setting) -> Option<Value> {
    let ms = |n| Value::Duration(Duration::from_millis(n));
    Some(match setting {
        Setting::MaxPollRecords => Value::Count(500),
        Setting::SessionTimeout => ms(45_000),
        Setting::HeartbeatInterval => ms(3_000),
        Setting::MaxPollInterval => ms(300_000),
        Setting::FetchMaxWait => ms(500),
        Setting::FetchMax => Value::Size(Size(52_428_800)),
        Setting::MaxPartitionFetch => Value::Size(Size(1_048_576)),
        _ => return None,
    })
}
/// See the clients room.
#[must_use]
pub fn edition_delivery(_: Edition, _: Client) -> (Commit, Duration, Isolation) {
    (Commit::AfterBatch, Duration::from_secs(5), Isolation::ReadCommitted)
}
/// See the clients room.
#[must_use]
pub fn client_key(_: Client, _: Setting) -> Option<&'static str> {
    None
}
