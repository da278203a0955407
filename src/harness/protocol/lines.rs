//! The two ends of a process: a spec and commands on standard input, sample lines on standard output.

use std::fmt;
use std::io::{self, BufRead, Write};
use std::sync::{Mutex, PoisonError};
use std::thread;

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::{Command, Stop};

/// Why a process has no spec to work by.
#[derive(Debug)]
pub enum SpecError {
    /// Standard input ended before a line came.
    Missing,
    /// It could not be read.
    Unreadable(io::Error),
    /// What came is no spec of the kind that this process takes.
    Invalid(serde_json::Error),
}

impl fmt::Display for SpecError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing => f.write_str("no spec came on standard input"),
            Self::Unreadable(error) => write!(f, "standard input can't be read: {error}"),
            Self::Invalid(error) => write!(f, "the line on standard input is no spec: {error}"),
        }
    }
}

impl std::error::Error for SpecError {}

/// Reads the spec: one line of JSON.
///
/// # Errors
/// Where no line comes, or one that is not a `T`.
pub fn read_spec<T: DeserializeOwned>(input: &mut impl BufRead) -> Result<T, SpecError> {
    let mut line = String::new();
    match input.read_line(&mut line) {
        Ok(0) => Err(SpecError::Missing),
        Ok(_) => serde_json::from_str(&line).map_err(SpecError::Invalid),
        Err(error) => Err(SpecError::Unreadable(error)),
    }
}

/// Reads commands from then on, in a thread of its own. It obeys [`Command::Stop`] itself and hands every other one to
/// `other`. The end of the input means "stop"; a line that is no command is put into the log and skipped.
///
/// # Errors
/// Where the system gives no thread.
pub fn obey(
    input: impl BufRead + Send + 'static,
    stop: &Stop,
    other: impl Fn(Command) + Send + 'static,
) -> io::Result<()> {
    let stop = stop.clone();
    thread::Builder::new().name("commands".to_owned()).spawn(move || {
        for line in input.lines() {
            let Ok(line) = line else { break };
            match serde_json::from_str(&line) {
                Ok(Command::Stop) => stop.request(),
                Ok(command) => other(command),
                Err(error) => eprintln!("skipped a line that is no command: {error}"),
            }
        }
        stop.request();
    })?;
    Ok(())
}

/// Writes lines, whole and at once, from any thread. Where nobody reads them any more, it wants the process to end.
#[derive(Debug)]
pub struct Lines<W> {
    out: Mutex<W>,
    stop: Stop,
}

impl<W: Write> Lines<W> {
    /// To `out`; `stop` is requested where it breaks.
    pub const fn new(out: W, stop: Stop) -> Self {
        Self {
            out: Mutex::new(out),
            stop,
        }
    }

    /// Writes one line and flushes it.
    pub fn write(&self, line: &impl Serialize) {
        let written = serde_json::to_vec(line).map_err(io::Error::from).and_then(|mut line| {
            line.push(b'\n');
            let mut out = self.out.lock().unwrap_or_else(PoisonError::into_inner);
            out.write_all(&line)?;
            out.flush()
        });
        if written.is_err() {
            self.stop.request();
        }
    }

    /// What was written to.
    pub fn into_inner(self) -> W {
        self.out.into_inner().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::io::{self, Cursor, Write};
    use std::time::{Duration, Instant};

    use super::{Lines, SpecError, obey, read_spec};
    use crate::harness::protocol::{Command, Shard, Stop};

    fn told(stop: &Stop) -> bool {
        stop.wait_until(Instant::now() + Duration::from_secs(30))
    }

    #[test]
    fn a_spec_then_commands() {
        let lines = [
            r#"{"index":1,"of":3}"#,
            "nonsense",
            r#"{"command":"stall","from_us":5,"to_us":9}"#,
            r#"{"command":"stop"}"#,
        ];
        let mut input = Cursor::new(lines.join("\n"));
        let shard: Shard = read_spec(&mut input).unwrap();
        assert_eq!(shard, Shard { index: 1, of: 3 });
        let stop = Stop::new();
        let (tell, others) = std::sync::mpsc::channel();
        obey(input, &stop, move |command| tell.send(command).unwrap()).unwrap();
        assert!(told(&stop));
        let stall = Command::Stall { from_us: 5, to_us: 9 };
        assert_eq!(others.iter().collect::<Vec<_>>(), [stall]);
    }

    #[test]
    fn the_end_of_input_is_a_command_too() {
        let stop = Stop::new();
        obey(io::empty(), &stop, |_| ()).unwrap();
        assert!(told(&stop));
        let missing = read_spec::<Shard>(&mut io::empty()).unwrap_err();
        assert!(matches!(missing, SpecError::Missing), "{missing}");
        let invalid = read_spec::<Shard>(&mut Cursor::new("{\"index\":1}\n")).unwrap_err();
        assert!(invalid.to_string().contains("missing field `of`"), "{invalid}");
    }

    #[test]
    fn lines_are_whole_and_a_broken_pipe_ends_it() {
        struct Broken;
        impl Write for Broken {
            fn write(&mut self, _: &[u8]) -> io::Result<usize> {
                Err(io::ErrorKind::BrokenPipe.into())
            }
            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }
        let stop = Stop::new();
        let lines = Lines::new(Vec::new(), stop.clone());
        lines.write(&"a\nb");
        lines.write(&1);
        assert_eq!(lines.into_inner(), b"\"a\\nb\"\n1\n");
        assert!(!stop.is_requested());
        Lines::new(Broken, stop.clone()).write(&1);
        assert!(stop.is_requested());
    }
}
