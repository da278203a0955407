//! Whether a run is one: what the harness itself did not do as it should.

use crate::proofs::text::{count, number, percent};

use super::super::recording::WorkerEnd;
use super::steady::count_of;
use super::view::{View, wide};

/// How late the load may be at its 99th percentile, in milliseconds. Tried by hand, this and [`MOST_LATE_MS`] reject exactly
/// the runs that a disk's write-back disturbed.
pub const MOST_P99_LATE_MS: f64 = 25.0;
/// How late one record may be, in milliseconds.
pub const MOST_LATE_MS: f64 = 250.0;
/// How long a thread of ours may have been ready and waited for a core, over the time of the run. Every wake-up waits a
/// little, and a client's threads wake up thousands of times a second: that alone comes to several percent. A machine with
/// more to do than it has cores is past this at once: with two busy threads a core, each waits half of the time.
pub const MOST_CPU_WAIT: f64 = 0.25;
/// The share of the load that a broker may have refused.
const MOST_UNSENT: f64 = 0.01;

/// What makes a run INVALID, each in a sentence without a full stop.
///
/// The warm-up is not left out of the load's lateness. The load process is ready before the schedule begins, so nothing of it
/// has to warm up; and what was sent late there comes as a burst that lasts into what is measured.
pub(super) fn complaints(view: View<'_>) -> Vec<String> {
    let run = view.run;
    let mut found = Vec::new();
    match run.lateness.decode() {
        Err(error) => found.push(format!("how late the load was can't be read: {error}")),
        Ok(late) => {
            let ms = |us: Option<u64>| wide(us.unwrap_or(0)) / 1_000.0;
            let (p99, most) = (ms(late.quantile(0.99)), ms(late.max()));
            if p99 > MOST_P99_LATE_MS {
                found.push(format!(
                    "one record in a hundred was sent {} ms late or more, {MOST_P99_LATE_MS} are the most",
                    number(p99)
                ));
            }
            if most > MOST_LATE_MS {
                found.push(format!(
                    "a record was sent {} ms late, {MOST_LATE_MS} are the most",
                    number(most)
                ));
            }
        }
    }
    if let Some(waited) = run.cpu_wait.filter(|waited| *waited > MOST_CPU_WAIT) {
        found.push(format!(
            "a thread was ready to run and waited for a core {} of the time, {} are the most",
            percent(waited),
            percent(MOST_CPU_WAIT)
        ));
    }
    let never = run.workers.iter().filter(|worker| worker.end == WorkerEnd::NeverJoined);
    let never: Vec<_> = never.collect();
    if let Some(first) = never.first() {
        let said = first.log.lines().rev().find(|line| !line.trim().is_empty());
        let said = said.map_or_else(String::new, |line| format!(": {}", line.trim()));
        found.push(format!(
            "{} never joined its group{said}",
            if never.len() == 1 {
                format!("worker {}", first.replica)
            } else {
                count(never.len() as u64, "worker")
            }
        ));
    }
    let account = &run.account;
    let due = account.sent + account.unsent;
    if due > 0 && wide(account.unsent) / wide(due) > MOST_UNSENT {
        found.push(format!(
            "{} of {} never reached the broker",
            number(wide(account.unsent)),
            count_of(wide(due), "record")
        ));
    }
    if account.foreign > 0 {
        found.push(format!(
            "{} of another run came",
            count_of(wide(account.foreign), "record")
        ));
    }
    found
}
