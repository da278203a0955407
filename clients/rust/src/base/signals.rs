//! Stopping in good order when the system asks for it.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::flag;
use signal_hook::iterator::{Handle, Signals};

use super::core::Core;

/// SIGTERM and SIGINT stop in good order; a second one, or one after the run, does what it does by default.
pub(super) struct Stops {
    handle: Handle,
    /// Whether the system's default is in force again.
    is_over: Arc<AtomicBool>,
}

impl Stops {
    /// Begins to listen.
    pub(super) fn listen(core: &Arc<Core>) -> io::Result<Self> {
        let is_over = Arc::new(AtomicBool::new(false));
        for signal in [SIGTERM, SIGINT] {
            flag::register_conditional_default(signal, is_over.clone())?;
        }
        let mut signals = Signals::new([SIGTERM, SIGINT])?;
        let handle = signals.handle();
        let (core, over) = (core.clone(), is_over.clone());
        thread::Builder::new()
            .name("lagproof-signals".to_owned())
            .spawn(move || {
                for signal in signals.forever() {
                    let word = if signal == SIGTERM { "SIGTERM" } else { "SIGINT" };
                    log::warn!("{}: {word}: stops in good order", core.service_name);
                    over.store(true, Ordering::SeqCst);
                    core.stop();
                }
            })?;
        Ok(Self { handle, is_over })
    }
}

impl Drop for Stops {
    fn drop(&mut self) {
        self.is_over.store(true, Ordering::SeqCst);
        self.handle.close();
    }
}
