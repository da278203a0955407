//! The end of a run: what is left is worked off, everybody leaves, and a recording is made.

use std::time::Duration;

use super::super::drain::{Drain, Left, Verdict};
use super::Drive;
use crate::harness::launch::ProcessId;
use crate::harness::merge::DoneTo;
use crate::harness::recording::Recording;

/// How long the broker may take for a look at the end.
const PATIENCE: Duration = Duration::from_secs(5);

impl Drive<'_> {
    /// Waits until the group has worked off what the load left, as long as that makes sense.
    pub(super) fn drain(&mut self) {
        let end_s = self.at_s();
        let mut drain = Drain::of(self.trial, self.side);
        loop {
            self.step();
            let now = self.merger.lag_now();
            let left = Left {
                at_s: self.at_s() - end_s,
                tick: now.map_or(0, |(tick, _)| tick),
                lag: now.map(|(_, lag)| lag),
                in_hand: self.merger.in_hand(),
                processed: self.merger.processed(),
                workers: self.merger.running().len(),
            };
            if !self.goes_on() || drain.look(left) != Verdict::Wait {
                return;
            }
        }
    }

    pub(super) fn tell_to_stop(&mut self, process: ProcessId) {
        self.merger.done_to(process, DoneTo::Stopped, self.clock.now_us());
        self.processes
            .get_mut(&process)
            .into_iter()
            .for_each(|process| process.stop());
    }

    /// Has everybody end, and makes the recording.
    pub(super) fn end(mut self) -> Recording {
        let ended_us = self.clock.now_us();
        if let Some(restarting) = self.restarting.take() {
            let _ = restarting.join();
        }
        for process in self.merger.running() {
            self.tell_to_stop(process);
        }
        // Load that still runs has nobody to run for.
        self.processes.values_mut().for_each(|process| process.stop());
        let grace_s = Drain::grace_s(self.side);
        let grace_us = Duration::from_secs_f64(grace_s).as_micros();
        let until_us = self.clock.now_us() + i64::try_from(grace_us).unwrap_or(i64::MAX);
        while !self.merger.all_ended() && self.clock.now_us() < until_us {
            self.step();
        }
        for process in self.merger.running() {
            self.merger.done_to(process, DoneTo::Hung, self.clock.now_us());
        }
        self.processes.values_mut().for_each(|process| process.kill());
        let until_us = self.clock.now_us() + 5_000_000;
        while !self.merger.all_ended() && self.clock.now_us() < until_us {
            self.step();
        }
        let eyes = self.watch.end();
        while let Ok(seen) = self.seen.try_recv() {
            self.merger.seen(seen);
        }
        let last = eyes
            .committed(PATIENCE)
            .and_then(|committed| eyes.look(&committed, PATIENCE));
        if let Err(error) = &last {
            self.merger.error("probe", "broker", &error.to_string(), 1);
        }
        self.merger.finish(last.ok().as_deref(), ended_us, self.cut_short)
    }
}
