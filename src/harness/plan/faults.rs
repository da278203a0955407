//! Faults as they are asked for: `worker-killed@20s`, `downstream-stall:5s@20s`.

use std::fmt;

use crate::model::service::Run;
use crate::model::settings::Setting;
use crate::units::parse_duration;

use super::side::SLOWER_S;
use super::{FaultKind, FaultPlan};

/// A fault that is wanted.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct FaultWish {
    /// What.
    pub kind: FaultKind,
    /// When, in seconds after the start of the load; between two halves of what is judged where nothing is said.
    pub at_s: Option<f64>,
}

/// A text that is no fault.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FaultError {
    /// What is wrong with it, in a sentence without a full stop.
    pub message: String,
    /// What to write.
    pub help: String,
}

impl fmt::Display for FaultError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for FaultError {}

const HELP: &str = "one of worker-killed, broker-restarted, slow-record, poison-record, downstream-stall:5s, \
                    replica-added:10s, each with or without a moment such as @20s";

/// How long a stall or another replica lasts where nothing is said, in seconds.
const LASTS_S: f64 = 5.0;
/// Seconds that a worker takes to come, and a group to hear of it.
const RESTART_S: f64 = 4.0;
/// Seconds that a broker takes to come back and be found again, generously.
const BROKER_S: f64 = 15.0;
/// Seconds until all is as it was.
const SETTLES_S: f64 = 3.0;
/// A service with no more left than that takes ten times as long to catch up as it stood still: longer is not waited for.
const MOST_BUSY: f64 = 0.9;

/// Reads `KIND`, `KIND@MOMENT`, or `KIND:LENGTH@MOMENT`.
///
/// # Errors
/// [`FaultError`] for a kind that there is not, and for times that are none.
pub fn parse_fault(text: &str) -> Result<FaultWish, FaultError> {
    let error = |message: String| FaultError {
        message,
        help: HELP.to_owned(),
    };
    let (what, at) = match text.split_once('@') {
        Some((what, at)) => (what, Some(at)),
        None => (text, None),
    };
    let (name, length) = match what.split_once(':') {
        Some((name, length)) => (name, Some(length)),
        None => (what, None),
    };
    let time = |text: &str| {
        parse_duration(text)
            .map(|time| time.as_secs_f64())
            .map_err(|unit| error(unit.message))
    };
    let at_s = at.map(time).transpose()?;
    let length = length.map(time).transpose()?;
    let lasts = length.unwrap_or(LASTS_S);
    let kind = match name {
        "worker-killed" => FaultKind::WorkerKilled,
        "broker-restarted" => FaultKind::BrokerRestarted,
        "slow-record" => FaultKind::SlowRecord,
        "poison-record" => FaultKind::PoisonRecord,
        "downstream-stall" => FaultKind::DownstreamStall { seconds: lasts },
        "replica-added" => FaultKind::ReplicaAdded { seconds: lasts },
        other => return Err(error(format!("`{}` is no fault", other.escape_debug()))),
    };
    let takes_length = matches!(kind, FaultKind::DownstreamStall { .. } | FaultKind::ReplicaAdded { .. });
    if length.is_some() && !takes_length {
        return Err(error(format!("`{name}` has no length")));
    }
    Ok(FaultWish { kind, at_s })
}

/// Seconds that a fault is felt at most where the rest keeps up: until things are as they were, and what waited is done.
/// `utilisation` is that of the expected rate.
pub(super) fn room_s(kind: FaultKind, run: &Run, utilisation: Option<f64>) -> f64 {
    let setting = |setting| run.consumer.duration(setting).map_or(0.0, |time| time.as_secs_f64());
    let session = setting(Setting::SessionTimeout);
    let still = match kind {
        FaultKind::WorkerKilled => session + RESTART_S,
        FaultKind::BrokerRestarted => BROKER_S,
        FaultKind::SlowRecord => setting(Setting::MaxPollInterval) + SLOWER_S + session,
        FaultKind::PoisonRecord => RESTART_S,
        FaultKind::DownstreamStall { seconds } | FaultKind::ReplicaAdded { seconds } => seconds + RESTART_S,
    };
    // What came meanwhile waits, and is done with what is left of the capacity.
    still / (1.0 - utilisation.unwrap_or(0.5).min(MOST_BUSY)) + SETTLES_S
}

/// Faults in order, each with its moment. Those without one follow each other from `first_s` on, each with its room.
pub(super) fn placed(wishes: &[FaultWish], rooms: &[f64], first_s: f64, end_s: f64) -> Result<Vec<FaultPlan>, f64> {
    let mut faults = Vec::with_capacity(wishes.len());
    let mut next_s = first_s;
    for (wish, room) in wishes.iter().zip(rooms) {
        let at_s = wish.at_s.unwrap_or(next_s);
        if wish.at_s.is_none() {
            next_s += room;
        }
        if at_s >= end_s {
            return Err(at_s);
        }
        faults.push(FaultPlan { kind: wish.kind, at_s });
    }
    faults.sort_by(|one, other| one.at_s.total_cmp(&other.at_s));
    Ok(faults)
}
