//! Who answered that nothing is finished for a while.

use super::{DoneTo, Merger};

impl Merger {
    /// When the load starts, in microseconds of Unix time; nothing where that is not known yet.
    #[must_use]
    pub fn load_start_us(&self) -> Option<i64> {
        self.first_tick.map(|_| self.started_us())
    }

    /// The replica of a worker that is in the group and has not answered that it finishes nothing in a stretch, from and to
    /// in microseconds of Unix time.
    #[must_use]
    pub fn does_not_stall(&self, stall_us: (i64, i64)) -> Option<u32> {
        let mut runs = self
            .workers
            .values()
            .filter(|worker| worker.ended.is_none() && worker.done_to == DoneTo::Nothing && worker.has_joined());
        runs.find(|worker| !worker.stalls_us.contains(&stall_us))
            .map(|worker| worker.replica)
    }
}
