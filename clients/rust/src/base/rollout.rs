//! Making the consumer anew for changes that need it: one replica at a time, under a lease in the database.

use std::time::{Duration, Instant};

use super::core::Core;
use crate::instance::{Instance, State};
use crate::listening::jittered;

/// How long a turn lasts if it is not renewed.
const LEASE: Duration = Duration::from_secs(60);
/// How long the group's lag may take to be back.
const SETTLE: Duration = Duration::from_secs(60);

/// Waits for this replica's turn; answers the group's lag when the rollout began.
///
/// Never ends while the rollout is halted or another replica has its turn: drop it when the settings change again.
pub(super) async fn take_turn(core: &Core, instance: &Instance, generation: i64, every: Duration) -> Option<i64> {
    let mut said = String::new();
    loop {
        let why = match instance.take_lease(generation, core.group_lag().await, LEASE).await {
            Ok(lease) if lease.granted => return lease.lag_before,
            Ok(lease) => match lease.halted {
                Some(reason) => format!(
                    "the rollout of generation {generation} was halted: {reason}. It goes on as it is; a newer change, or \
                     SELECT lagproof.resume_rollout_v1('…'), starts it again"
                ),
                None => {
                    let holder = lease.holder.unwrap_or_else(|| "another replica".to_owned());
                    format!("waits for {holder} to be through with its restart")
                }
            },
            Err(error) => format!(
                "the database can't be asked for its turn to restart ({})",
                error.into_error()
            ),
        };
        if why != said {
            log::warn!("{}: {why}", core.service_name);
            instance.say(State::Waiting, Some(why.clone())).await;
            said = why;
        }
        tokio::time::sleep(jittered(every)).await;
    }
}

/// Waits until the group's lag is back to where it was; answers why not, where it is not in time.
///
/// `allowance` is what lag may be above it: records that are in hand anyway.
pub(super) async fn settle(
    core: &Core,
    instance: &Instance,
    generation: i64,
    lag_before: Option<i64>,
    allowance: i64,
    every: Duration,
) -> Option<String> {
    let most = lag_before.unwrap_or(0) * 3 / 2 + allowance;
    let given_up = Instant::now() + SETTLE;
    let mut now = None;
    while Instant::now() < given_up {
        now = core.group_lag().await;
        if now.is_some_and(|lag| lag <= most) {
            return None;
        }
        tokio::time::sleep(every).await;
        if let Err(error) = instance.take_lease(generation, now, LEASE).await {
            let why = error.into_error();
            log::warn!("{}: could not keep its turn: {why}", core.service_name);
        }
    }
    let (seconds, name) = (SETTLE.as_secs(), &instance.name);
    Some(match now {
        None => format!("the group's lag could not be told {seconds} s after the restart of {name}"),
        Some(now) => {
            let before = lag_before.map_or_else(|| "unknown".to_owned(), |lag| lag.to_string());
            format!(
                "lag rose: {before} before, {now} records {seconds} s after the restart of {name} (at most {most} expected)"
            )
        }
    })
}
