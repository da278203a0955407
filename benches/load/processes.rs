//! Starting a process with a spec, and reading its lines.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use serde::Serialize;

use super::Outcome;

/// A process with a spec on its standard input.
pub struct Process {
    child: Child,
    stdin: Option<ChildStdin>,
    out: BufReader<ChildStdout>,
}

impl Process {
    /// Starts it.
    pub fn start(mut command: Command, spec: &impl Serialize) -> Outcome<Self> {
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
        let mut stdin = child.stdin.take().ok_or("no standard input")?;
        writeln!(stdin, "{}", serde_json::to_string(spec)?)?;
        let out = BufReader::new(child.stdout.take().ok_or("no standard output")?);
        Ok(Self {
            child,
            stdin: Some(stdin),
            out,
        })
    }

    /// Its next line; nothing after the last.
    pub fn line(&mut self) -> Outcome<Option<String>> {
        let mut line = String::new();
        Ok((self.out.read_line(&mut line)? > 0).then_some(line))
    }

    /// Has it end, and waits.
    pub fn end(mut self) -> Outcome {
        self.stdin = None;
        while self.line()?.is_some() {}
        let status = self.child.wait()?;
        if status.success() {
            Ok(())
        } else {
            Err(format!("a process ended with {status}").into())
        }
    }
}

/// One of lagproof's own processes.
pub fn lagproof(verb: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_lagproof"));
    command.arg(verb);
    command
}

/// What it is measured on, and whether something else is running there.
pub fn machine() -> String {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let load = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let load = load.split(' ').next().unwrap_or("unknown").to_owned();
    format!("{cores} cores, load {load} before the start")
}
