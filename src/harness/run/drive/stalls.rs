//! Stalls: workers are told of them once the start of the load is known, and answer.

use super::super::faults::seconds;
use super::Drive;
use crate::harness::launch::ProcessId;
use crate::harness::protocol::Command;

impl Drive<'_> {
    /// Tells a worker when it finishes nothing, as soon as the start of the load is known.
    pub(super) fn tell_stalls(&mut self, process: ProcessId) {
        for (from, to) in &self.side.work.stalls_us {
            let Some((from_us, to_us)) = self.stall_us(*from, *to) else {
                return;
            };
            if let Some(worker) = self.processes.get_mut(&process) {
                worker.tell(Command::Stall { from_us, to_us });
            }
        }
    }

    /// Marks a stall where it begins, if it does.
    pub(super) fn stall_begins(&mut self, from: u64, to: u64) {
        self.has_stalled(from, to);
        if let Some((from_us, _)) = self.stall_us(from, to).filter(|_| self.goes_on()) {
            let what = format!("nothing is finished for {} s", seconds(to - from));
            self.merger.fault(from_us, what);
        }
    }

    /// Ends the run where a worker does not do what it was told: what is measured then is not what was asked for.
    pub(super) fn has_stalled(&mut self, from: u64, to: u64) {
        let stall_us = self.stall_us(from, to);
        if let Some(replica) = stall_us.and_then(|stall_us| self.merger.does_not_stall(stall_us)) {
            self.cut(format!(
                "worker {replica} did not answer that it finishes nothing for {} s: it does not know the command `stall`, and \
                 without it there is no stalled downstream",
                seconds(to - from)
            ));
        }
    }

    /// A stall in Unix time, from and to in microseconds after the start of the load.
    fn stall_us(&self, from: u64, to: u64) -> Option<(i64, i64)> {
        let start_us = self.merger.load_start_us()?;
        let at = |us: u64| start_us.saturating_add(i64::try_from(us).unwrap_or(i64::MAX));
        Some((at(from), at(to)))
    }
}
