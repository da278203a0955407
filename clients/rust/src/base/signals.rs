//! Stopping in good order when the system asks for it.

use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread;

use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::flag;
use signal_hook::iterator::{Handle, Signals};

use super::core::Core;

/// Whether the system's default is in force: every run of this process has ended or been told to stop.
static BY_DEFAULT: AtomicBool = AtomicBool::new(true);
static RUNS: Mutex<Runs> = Mutex::new(Runs {
    going: 0,
    is_registered: false,
});

/// Of this process, however many consumers run in it.
struct Runs {
    /// Those that were not told to stop.
    going: usize,
    /// Whether the system's default is looked after. It is for good: a process has one.
    is_registered: bool,
}

impl Runs {
    fn all() -> MutexGuard<'static, Self> {
        RUNS.lock().expect("no panic while it is held")
    }

    fn now_going(&mut self, going: usize) {
        self.going = going;
        BY_DEFAULT.store(going == 0, Ordering::SeqCst);
    }
}

/// One that goes on, until it is told to stop or dropped.
struct Going(AtomicBool);

impl Going {
    fn begin() -> io::Result<Arc<Self>> {
        let mut runs = Runs::all();
        if !runs.is_registered {
            for signal in [SIGTERM, SIGINT] {
                flag::register_conditional_default(signal, &BY_DEFAULT)?;
            }
            runs.is_registered = true;
        }
        let going = runs.going + 1;
        runs.now_going(going);
        Ok(Arc::new(Self(AtomicBool::new(true))))
    }

    fn end(&self) {
        if self.0.swap(false, Ordering::SeqCst) {
            let mut runs = Runs::all();
            let going = runs.going - 1;
            runs.now_going(going);
        }
    }
}

impl Drop for Going {
    fn drop(&mut self) {
        self.end();
    }
}

/// SIGTERM and SIGINT stop in good order; a second one, or one after all runs, does what it does by default.
pub(super) struct Stops {
    handle: Handle,
    going: Arc<Going>,
}

impl Stops {
    /// Begins to listen.
    pub(super) fn listen(core: &Arc<Core>) -> io::Result<Self> {
        let going = Going::begin()?;
        let mut signals = Signals::new([SIGTERM, SIGINT])?;
        let handle = signals.handle();
        let (core, own) = (core.clone(), going.clone());
        thread::Builder::new()
            .name("lagproof-signals".to_owned())
            .spawn(move || {
                for signal in signals.forever() {
                    let word = if signal == SIGTERM { "SIGTERM" } else { "SIGINT" };
                    log::warn!("{}: {word}: stops in good order", core.service_name);
                    own.end();
                    core.stop();
                }
            })?;
        Ok(Self { handle, going })
    }
}

impl Drop for Stops {
    fn drop(&mut self) {
        self.going.end();
        self.handle.close();
    }
}
