//! The wish that something which takes long is given up.

use std::fmt;
use std::io::{self, Read};
use std::os::unix::process::CommandExt;
use std::process::{Command, Output, Stdio};
use std::sync::Arc;
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::thread;
use std::time::Duration;

use rustix::process::Signal;

use super::error::BrokerError;
use super::guard::signal;

/// How long it takes at most until the wish is heard, where nothing says otherwise.
pub(super) const LISTENS_EVERY: Duration = Duration::from_millis(50);

/// The wish that something which takes long is given up: asked now and then by whatever waits.
#[derive(Clone, Default)]
pub struct Cancel(Option<Arc<dyn Fn() -> bool + Send + Sync>>);

impl fmt::Debug for Cancel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Cancel").field(&self.is_requested()).finish()
    }
}

impl Cancel {
    /// Nobody will wish it.
    #[must_use]
    pub const fn never() -> Self {
        Self(None)
    }

    /// It is wished as soon as this says so.
    #[must_use]
    pub fn when(wished: impl Fn() -> bool + Send + Sync + 'static) -> Self {
        Self(Some(Arc::new(wished)))
    }

    /// Whether somebody wishes it.
    #[must_use]
    pub fn is_requested(&self) -> bool {
        self.0.as_ref().is_some_and(|wished| wished())
    }

    /// Ends what is being done where somebody wishes it: "starting Apache Kafka".
    pub(super) fn check(&self, doing: impl fmt::Display) -> Result<(), BrokerError> {
        if self.is_requested() {
            return Err(BrokerError::Stopped {
                doing: doing.to_string(),
            });
        }
        Ok(())
    }
}

/// Does on a thread what can't be interrupted, and does not wait for it any longer than somebody wishes. What was begun
/// then goes on until its own end, or that of this process.
pub(super) fn attended<T: Send + 'static>(
    cancel: &Cancel,
    doing: &str,
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, BrokerError> {
    let (tell, told) = channel();
    thread::Builder::new()
        .name("attended".to_owned())
        .spawn(move || drop(tell.send(work())))
        .map_err(BrokerError::io("start a thread"))?;
    loop {
        match told.recv_timeout(LISTENS_EVERY) {
            Ok(done) => return Ok(done),
            Err(RecvTimeoutError::Timeout) => cancel.check(doing)?,
            Err(RecvTimeoutError::Disconnected) => {
                return Err(BrokerError::io(doing)(io::Error::other("a thread of lagproof broke")));
            }
        }
    }
}

/// Runs a command to its end, in a group of its own, and gives back what it says; kills the group where somebody wishes
/// that, and then gives back nothing.
pub(super) fn output(command: &mut Command, cancel: &Cancel) -> io::Result<Option<Output>> {
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .process_group(0)
        .spawn()?;
    let (stdout, stderr) = (reader(child.stdout.take()), reader(child.stderr.take()));
    let status = loop {
        if let Some(status) = child.try_wait()? {
            break status;
        }
        if cancel.is_requested() {
            let _ = signal(child.id(), Signal::KILL);
            child.wait()?;
            return Ok(None);
        }
        thread::sleep(Duration::from_millis(10));
    };
    let read = |reader: thread::JoinHandle<Vec<u8>>| reader.join().unwrap_or_default();
    Ok(Some(Output {
        status,
        stdout: read(stdout),
        stderr: read(stderr),
    }))
}

/// Reads a pipe to its end: a process whose pipe is full does not go on.
fn reader(pipe: Option<impl Read + Send + 'static>) -> thread::JoinHandle<Vec<u8>> {
    thread::spawn(move || {
        let mut all = Vec::new();
        if let Some(mut pipe) = pipe {
            let _ = pipe.read_to_end(&mut all);
        }
        all
    })
}

#[cfg(test)]
mod tests {
    use std::process::Command;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::thread;
    use std::time::Duration;

    use super::{Cancel, attended, output};

    #[test]
    fn what_hangs_is_given_up_with_its_children() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("child");
        let there = file.clone();
        let cancel = Cancel::when(move || std::fs::read_to_string(&there).is_ok_and(|text| text.ends_with('\n')));
        let mut command = Command::new("/bin/sh");
        command.args(["-c", "sleep 1000 & echo $! >\"$0\"; wait"]).arg(&file);
        assert!(output(&mut command, &cancel).unwrap().is_none());
        let child = std::fs::read_to_string(&file).unwrap();
        let runs = format!("/proc/{}/cmdline", child.trim());
        while std::fs::read(&runs).is_ok_and(|command| !command.is_empty()) {
            thread::sleep(Duration::from_millis(10));
        }
    }

    #[test]
    fn what_ends_is_heard() {
        let mut command = Command::new("/bin/sh");
        // More than a pipe holds.
        command.args(["-c", "head -c 200000 /dev/zero; echo said >&2; exit 3"]);
        let output = output(&mut command, &Cancel::never()).unwrap().unwrap();
        assert_eq!((output.status.code(), output.stdout.len()), (Some(3), 200_000));
        assert_eq!(output.stderr, b"said\n");
    }

    #[test]
    fn what_can_not_be_interrupted_is_not_waited_for() {
        assert_eq!(attended(&Cancel::never(), "adding", || 1 + 1).unwrap(), 2);
        let wished = Arc::new(AtomicBool::new(false));
        let heard = Arc::clone(&wished);
        let cancel = Cancel::when(move || heard.load(Ordering::Relaxed));
        let error = attended(&cancel, "sleeping", move || {
            wished.store(true, Ordering::Relaxed);
            thread::park();
        });
        assert_eq!(error.unwrap_err().to_string(), "stopped by Ctrl-C while sleeping");
    }
}
