//! What goes wrong on purpose, step by step.

use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Instant;

use crate::broker::{Broker, Halt};
use crate::harness::plan::{FaultKind, SidePlan, Trial};

/// How long a worker that was killed stays away, in seconds: a container takes about as long.
const AWAY_S: f64 = 1.0;

/// One thing to do.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Action {
    /// Kill the worker of a replica.
    Kill(u32),
    /// Start a worker of a replica.
    Start(u32),
    /// Tell the worker of a replica to stop.
    Stop(u32),
    /// End the broker in good order and start it again.
    RestartBroker,
    /// Nothing: it happens by itself.
    Say(String),
    /// Nothing either: the workers were told that they finish nothing from and to, in microseconds after the load's start.
    Stall(u64, u64),
    /// The end of such a stall.
    StallEnds(u64, u64),
}

/// What is to be done when, in seconds after the start of the load, in order.
pub(super) fn schedule(trial: &Trial, side: &SidePlan) -> Vec<(f64, Action)> {
    let mut actions = Vec::new();
    let (mut killed, mut added) = (0, side.replicas);
    for fault in &trial.faults {
        match fault.kind {
            FaultKind::WorkerKilled => {
                let replica = killed % side.replicas.max(1);
                killed += 1;
                actions.push((fault.at_s, Action::Kill(replica)));
                actions.push((fault.at_s + AWAY_S, Action::Start(replica)));
            }
            FaultKind::ReplicaAdded { seconds } => {
                actions.push((fault.at_s, Action::Start(added)));
                actions.push((fault.at_s + seconds, Action::Stop(added)));
                added += 1;
            }
            FaultKind::BrokerRestarted => actions.push((fault.at_s, Action::RestartBroker)),
            // As the side has it, below.
            FaultKind::DownstreamStall { .. } => {}
            FaultKind::SlowRecord => actions.push((fault.at_s, Action::Say("a slow record was sent".to_owned()))),
            FaultKind::PoisonRecord => actions.push((fault.at_s, Action::Say("a poison record was sent".to_owned()))),
        }
    }
    for (from, to) in side.work.stalls_us.iter().copied() {
        actions.push((seconds(from), Action::Stall(from, to)));
        // Nobody waits for the end of one that outlasts the load.
        actions.push((seconds(to).min(trial.seconds()), Action::StallEnds(from, to)));
    }
    actions.sort_by(|one, other| one.0.total_cmp(&other.0));
    actions
}

#[expect(clippy::cast_precision_loss, reason = "a run's length")]
pub(super) fn seconds(us: u64) -> f64 {
    us as f64 / 1e6
}

/// A broker on its way down and up again. Gives back how many seconds it was away, or why it did not come back.
pub(super) fn restart(broker: &Arc<Mutex<Broker>>) -> std::io::Result<JoinHandle<Result<f64, String>>> {
    let broker = Arc::clone(broker);
    let thread = thread::Builder::new().name("broker restart".to_owned());
    thread.spawn(move || {
        let mut broker = broker.lock().unwrap_or_else(PoisonError::into_inner);
        let start = Instant::now();
        let done = broker.halt(Halt::Clean).and_then(|()| broker.resume());
        done.map(|()| start.elapsed().as_secs_f64())
            .map_err(|error| error.to_string())
    })
}
