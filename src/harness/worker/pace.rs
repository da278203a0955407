//! Spending time: waiting by sleeping, burning by computing.
//!
//! Short sleeps are late by tens of microseconds, which at 0.1 ms a record would be half of the cost. So small costs are
//! owed until they are worth a sleep, and what a sleep took too long is taken off the next.

use std::hint::black_box;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use rustix::time::{ClockId, clock_gettime};

use crate::harness::protocol::Stop;

/// Less than this is owed, in microseconds.
const WORTH_US: f64 = 100.0;

/// The most that a late wake-up makes up for later, in microseconds; a machine that starves is not made up for.
const CREDIT_US: f64 = 2_000.0;

/// How long CPU is burnt before somebody looks whether to stop.
const BURN_SLICE: Duration = Duration::from_millis(5);

/// Whether time could be spent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Spent {
    /// It was.
    Whole,
    /// Somebody wants the process to end.
    Interrupted,
}

/// The time of one lane.
#[derive(Debug)]
pub(super) struct Pace<'a> {
    stop: &'a Stop,
    /// Held while CPU burns: the event loop, where there is one.
    event_loop: Option<&'a Mutex<()>>,
    cpu_share: f64,
    wait_owed_us: f64,
    burn_owed_us: f64,
}

impl<'a> Pace<'a> {
    pub(super) fn new(stop: &'a Stop, cpu_share: f64, event_loop: Option<&'a Mutex<()>>) -> Self {
        Self {
            stop,
            event_loop,
            cpu_share: cpu_share.clamp(0.0, 1.0),
            wait_owed_us: 0.0,
            burn_owed_us: 0.0,
        }
    }

    /// Spends a cost: its share of CPU burns, the rest waits.
    pub(super) fn spend(&mut self, us: f64) -> Spent {
        self.burn_owed_us += us * self.cpu_share;
        self.wait_owed_us += us * (1.0 - self.cpu_share);
        if self.burn_owed_us >= WORTH_US && self.burn() == Spent::Interrupted {
            return Spent::Interrupted;
        }
        if self.wait_owed_us >= WORTH_US {
            return self.sleep();
        }
        Spent::Whole
    }

    /// Waits, whatever the CPU share: a pause between two tries.
    pub(super) fn wait(&mut self, us: f64) -> Spent {
        self.wait_owed_us += us;
        if self.wait_owed_us >= WORTH_US {
            self.sleep()
        } else {
            Spent::Whole
        }
    }

    fn sleep(&mut self) -> Spent {
        let start = Instant::now();
        if self.stop.wait_until(start + micros(self.wait_owed_us)) {
            return Spent::Interrupted;
        }
        let took = start.elapsed().as_secs_f64() * 1e6;
        self.wait_owed_us = (self.wait_owed_us - took).max(-CREDIT_US);
        Spent::Whole
    }

    /// Burns what is owed, by this thread's CPU clock: on a busy machine it takes longer, as work does.
    fn burn(&mut self) -> Spent {
        let _loop = self
            .event_loop
            .map(|held| held.lock().unwrap_or_else(PoisonError::into_inner));
        let start = thread_cpu();
        let until = start + micros(self.burn_owed_us);
        let mut now = start;
        let mut look = start + BURN_SLICE;
        while now < until {
            let mut x = 0x9e37_79b9_7f4a_7c15_u64;
            for _ in 0..500 {
                x = black_box(x.rotate_left(13).wrapping_mul(0xbf58_476d_1ce4_e5b9));
            }
            now = thread_cpu();
            if now >= look {
                if self.stop.is_requested() {
                    return Spent::Interrupted;
                }
                look = now + BURN_SLICE;
            }
        }
        let took = (now - start).as_secs_f64() * 1e6;
        self.burn_owed_us = (self.burn_owed_us - took).max(-CREDIT_US);
        Spent::Whole
    }
}

fn micros(us: f64) -> Duration {
    Duration::try_from_secs_f64((us / 1e6).max(0.0)).unwrap_or(Duration::from_secs(365 * 86_400))
}

/// CPU time of this thread.
fn thread_cpu() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(
        u64::try_from(time.tv_sec).unwrap_or(0),
        u32::try_from(time.tv_nsec).unwrap_or(0),
    )
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::{Pace, Spent, thread_cpu};
    use crate::harness::protocol::Stop;

    #[test]
    fn small_costs_add_up_and_are_not_less_than_owed() {
        let stop = Stop::new();
        let mut pace = Pace::new(&stop, 0.0, None);
        let start = Instant::now();
        for _ in 0..1_000 {
            assert_eq!(pace.spend(20.0), Spent::Whole);
        }
        // Less by what is still owed, and by the credit, at most.
        assert!(
            start.elapsed() > Duration::from_micros(20_000 - 2_100),
            "{:?}",
            start.elapsed()
        );
    }

    #[test]
    fn what_burns_is_cpu_time() {
        let stop = Stop::new();
        let event_loop = std::sync::Mutex::new(());
        let mut pace = Pace::new(&stop, 1.0, Some(&event_loop));
        let before = thread_cpu();
        assert_eq!(pace.spend(10_000.0), Spent::Whole);
        assert!(thread_cpu() - before >= Duration::from_millis(10));
        assert!(event_loop.try_lock().is_ok());
    }

    #[test]
    fn a_stop_ends_both() {
        let stop = Stop::new();
        stop.request();
        for share in [0.0, 1.0] {
            assert_eq!(Pace::new(&stop, share, None).spend(1e12), Spent::Interrupted);
        }
        assert_eq!(Pace::new(&stop, 1.0, None).wait(1e12), Spent::Interrupted);
    }
}
