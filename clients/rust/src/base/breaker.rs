//! Waiting for a downstream that is down, rather than failing record after record.

use std::sync::Mutex;
use std::time::Duration;

use tokio::sync::watch;

use super::work::Interrupted;
use crate::error::BoxError;

/// How a try ended.
pub(super) enum Attempt {
    /// The record is done.
    Done,
    /// The downstream is down.
    Down(BoxError),
    /// The record is what is wrong.
    Failed(BoxError),
    /// Nothing further should be begun.
    Interrupted,
}

/// Open while the downstream is down. One record at a time tries whether it is up again, after pauses that double.
pub(super) struct Breaker {
    service_name: String,
    first: Duration,
    longest: Duration,
    pause: Mutex<Duration>,
    open: watch::Sender<bool>,
    probe: tokio::sync::Mutex<()>,
}

impl Breaker {
    pub(super) fn new(service_name: &str, first: Duration, longest: Duration) -> Self {
        Self {
            service_name: service_name.to_owned(),
            first,
            longest,
            pause: Mutex::new(first),
            open: watch::Sender::new(false),
            probe: tokio::sync::Mutex::new(()),
        }
    }

    /// Whether nothing new should be begun.
    pub(super) fn is_open(&self) -> bool {
        *self.open.borrow()
    }

    /// Until the downstream is up.
    pub(super) async fn closed(&self) {
        let mut open = self.open.subscribe();
        // The sender lives as long as this borrow.
        let _ = open.wait_for(|open| !open).await;
    }

    /// Repeats a try whose `error` said that the downstream is down, until it says something else, or until `stopping`.
    pub(super) async fn retry<A, P, S>(
        &self,
        error: &BoxError,
        attempt: impl Fn() -> A,
        sleep: impl Fn(Duration) -> P,
        stopping: impl Fn() -> S,
    ) -> Attempt
    where
        A: Future<Output = Attempt>,
        P: Future<Output = Result<(), Interrupted>>,
        S: Future<Output = ()>,
    {
        let name = &self.service_name;
        if !self.open.send_replace(true) {
            log::error!("{name}: downstream is down ({error}): circuit open; records are kept and partitions paused");
        }
        loop {
            let _probe = tokio::select! {
                biased;
                () = stopping() => return Attempt::Interrupted,
                probe = self.probe.lock() => probe,
            };
            if self.is_open() {
                let pause = *self.pause.lock().expect("no panic while it is held");
                if sleep(pause).await.is_err() {
                    // Nobody tries any more: whoever comes next finds out anew.
                    self.open.send_replace(false);
                    return Attempt::Interrupted;
                }
            }
            // Else somebody else's try succeeded meanwhile: one without a pause.
            let was_open = self.is_open();
            match attempt().await {
                Attempt::Down(again) => {
                    self.open.send_replace(true);
                    let mut pause = self.pause.lock().expect("no panic while it is held");
                    *pause = (*pause * 2).min(self.longest);
                    let seconds = pause.as_secs_f64();
                    log::warn!("{name}: downstream is still down ({again}): next try in {seconds} s");
                }
                other => {
                    self.open.send_replace(false);
                    *self.pause.lock().expect("no panic while it is held") = self.first;
                    if was_open {
                        log::warn!("{name}: downstream answers: circuit closed");
                    }
                    return other;
                }
            }
        }
    }
}
