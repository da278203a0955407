//! A thread that looks at every tick.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use super::{Eyes, Seen};
use crate::harness::protocol::{Clock, Stop, Ticks};

/// CPU seconds that the broker has used; nothing where it can't be told now.
pub type Usage = Arc<dyn Fn() -> Option<f64> + Send + Sync>;

/// How long before a tick the committed offsets are asked for: the ends are read at the tick.
const AHEAD: Duration = Duration::from_millis(6);
/// The longest that one question may take: later ticks are missed then, and say so by not being there.
const PATIENCE: Duration = Duration::from_secs(1);

/// Looks at every tick until it is stopped.
#[derive(Debug)]
pub struct Watch {
    stop: Stop,
    thread: Option<JoinHandle<Eyes>>,
}

impl Watch {
    /// Begins at the first tick that is still to come; what is seen goes to `out`.
    ///
    /// # Errors
    /// Where the system gives no thread.
    pub fn begin(eyes: Eyes, ticks: Ticks, usage: Usage, out: impl Fn(Seen) + Send + 'static) -> std::io::Result<Self> {
        let stop = Stop::new();
        let told = stop.clone();
        let thread = thread::Builder::new().name("probe".to_owned()).spawn(move || {
            watch(&eyes, ticks, &usage, &told, &out);
            eyes
        })?;
        Ok(Self {
            stop,
            thread: Some(thread),
        })
    }

    /// Ends it.
    ///
    /// # Panics
    /// If its thread did.
    #[must_use]
    pub fn end(mut self) -> Eyes {
        self.stop.request();
        let thread = self.thread.take().expect("it is taken here only");
        thread.join().expect("the probe does not panic")
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.stop.request();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn watch(eyes: &Eyes, ticks: Ticks, usage: &Usage, stop: &Stop, out: &impl Fn(Seen)) {
    let clock = Clock::start();
    let mut tick = 0;
    let mut committed = BTreeMap::new();
    loop {
        while clock.instant_at(ticks.at(tick)) < Instant::now() {
            tick += 1;
        }
        let then = clock.instant_at(ticks.at(tick));
        if stop.wait_until(then.checked_sub(AHEAD).unwrap_or(then)) {
            return;
        }
        let asked = eyes.committed(PATIENCE);
        if stop.wait_until(then) {
            return;
        }
        let at_us = clock.now_us();
        let mut error = None;
        match asked {
            Ok(answer) => committed = answer,
            Err(refused) => error = Some(refused.to_string()),
        }
        let partitions = match eyes.look(&committed, PATIENCE) {
            Ok(partitions) => Some(partitions),
            Err(refused) => {
                error = Some(refused.to_string());
                None
            }
        };
        out(Seen {
            tick,
            at_us,
            partitions,
            // A container engine takes its time to say.
            broker_cpu_seconds: usage(),
            error,
        });
        tick += 1;
    }
}
