//! How a process of the harness is told to end.

use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread;
use std::time::Instant;

use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

/// The wish that everybody ends in good order, shared by all threads of a process.
#[derive(Debug, Clone, Default)]
pub struct Stop(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    requested: AtomicBool,
    lock: Mutex<()>,
    changed: Condvar,
}

impl Stop {
    /// Nobody wants it yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Wants it, and wakes who waits.
    pub fn request(&self) {
        let _held = self.0.lock.lock().unwrap_or_else(PoisonError::into_inner);
        self.0.requested.store(true, Ordering::SeqCst);
        self.0.changed.notify_all();
    }

    /// Whether somebody wants it.
    #[must_use]
    pub fn is_requested(&self) -> bool {
        self.0.requested.load(Ordering::Relaxed)
    }

    /// Sleeps until then, or until somebody wants it; says whether somebody does.
    pub fn wait_until(&self, then: Instant) -> bool {
        let mut held = self.0.lock.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            if self.is_requested() {
                return true;
            }
            let left = then.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return false;
            }
            held = self
                .0
                .changed
                .wait_timeout(held, left)
                .map_or_else(|poisoned| poisoned.into_inner().0, |(held, _)| held);
        }
    }

    /// Has SIGTERM and SIGINT want it.
    ///
    /// # Errors
    /// Where the system refuses to have signals handled.
    pub fn on_signals(&self) -> io::Result<()> {
        let mut signals = Signals::new([SIGTERM, SIGINT])?;
        let stop = self.clone();
        thread::Builder::new().name("signals".to_owned()).spawn(move || {
            for _ in signals.forever() {
                stop.request();
            }
        })?;
        Ok(())
    }
}

/// Has the system wake this thread, and those that it starts from now on, when they asked for it and not up to 50 µs later.
pub fn precise_sleep() {
    #[cfg(target_os = "linux")]
    if let Err(error) = rustix::thread::set_current_timer_slack(std::num::NonZeroU64::new(1)) {
        eprintln!("sleeps stay less precise: {error}");
    }
}

#[cfg(test)]
mod tests {
    use std::thread;
    use std::time::{Duration, Instant};

    use super::Stop;

    #[test]
    fn who_waits_is_woken() {
        let stop = Stop::new();
        assert!(!stop.wait_until(Instant::now()));
        let waiting = stop.clone();
        let thread = thread::spawn(move || waiting.wait_until(Instant::now() + Duration::from_secs(3_600)));
        stop.request();
        assert!(thread.join().unwrap());
        assert!(stop.is_requested() && stop.wait_until(Instant::now()));
    }
}
