//! One process on this machine: its lines, its log, its end.

use std::collections::VecDeque;
use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Child, ChildStderr, ChildStdin, ChildStdout};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process_group, waitid};

use super::cgroup::Group;
use super::guard::Note;
use super::{Ending, How, LaunchError, Process, ProcessId, Said, What};
use crate::harness::protocol::Command;

/// The lines of its log that are kept.
const LOG_LINES: usize = 30;
/// The longest line that is kept whole, in bytes.
const LOG_LINE: usize = 2_000;
/// How long the streams of a process that ended may stay open: children of its own may hold them.
const STREAMS: Duration = Duration::from_secs(2);

/// How its lines are read.
pub(super) type Parse = fn(&str) -> Result<What, serde_json::Error>;

/// What goes when it has ended.
#[derive(Debug)]
pub(super) struct Belongings {
    /// Its record in the guard's folder.
    pub(super) record: Note,
    /// Its control group, and the guard's note of it.
    pub(super) group: Option<(Group, Note)>,
}

/// A process on this machine.
#[derive(Debug)]
pub(super) struct LocalProcess {
    stdin: Option<ChildStdin>,
    pid: Pid,
    state: Arc<Mutex<State>>,
}

/// Whether its number is still its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Runs,
    Reaped,
}

impl LocalProcess {
    /// Hands it its spec and listens to it from now on.
    pub(super) fn begin(
        mut child: Child,
        spec: &str,
        parse: Parse,
        belongings: Belongings,
        (process, out): (ProcessId, Sender<Said>),
    ) -> Result<Self, LaunchError> {
        let pid = Pid::from_child(&child);
        let mut stdin = child.stdin.take();
        if let Some(stdin) = &mut stdin {
            // One that has ended already says so by its ending.
            let _ = stdin
                .write_all(format!("{spec}\n").as_bytes())
                .and_then(|()| stdin.flush());
        }
        let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
        let state = Arc::new(Mutex::new(State::Runs));
        let (log, logged) = channel();
        let (heard, all_heard) = channel();
        let to = out.clone();
        spawn("lines", move || {
            read_lines(stdout, parse, process, &to);
            drop(heard);
        })?;
        spawn("log", move || drop(log.send(read_log(stderr))))?;
        let reaped = Arc::clone(&state);
        spawn("wait", move || {
            let ending = wait(child, &reaped, &belongings, &all_heard, &logged);
            let _ = out.send(said(process, What::Ended(ending)));
        })?;
        Ok(Self { stdin, pid, state })
    }
}

impl Process for LocalProcess {
    fn tell(&mut self, command: Command) {
        if let Some(stdin) = &mut self.stdin {
            let line = serde_json::to_string(&command).expect("a command is plain data");
            let _ = stdin
                .write_all(format!("{line}\n").as_bytes())
                .and_then(|()| stdin.flush());
        }
    }

    fn stop(&mut self) {
        self.tell(Command::Stop);
        // The end of its input means the same to one that knows no commands.
        self.stdin = None;
    }

    fn kill(&mut self) {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if *state == State::Runs {
            let _ = kill_process_group(self.pid, Signal::KILL);
        }
    }
}

impl Drop for LocalProcess {
    fn drop(&mut self) {
        self.kill();
    }
}

fn spawn(name: &str, work: impl FnOnce() + Send + 'static) -> Result<(), LaunchError> {
    let thread = thread::Builder::new().name(name.to_owned());
    thread.spawn(work).map_err(LaunchError::of("start a thread"))?;
    Ok(())
}

fn said(process: ProcessId, what: What) -> Said {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Said {
        process,
        at_us: i64::try_from(now.as_micros()).unwrap_or(i64::MAX),
        what,
    }
}

fn read_lines(stdout: Option<ChildStdout>, parse: Parse, process: ProcessId, out: &Sender<Said>) {
    let Some(stdout) = stdout else { return };
    for line in BufReader::new(stdout).split(b'\n') {
        let Ok(line) = line else { return };
        let line = String::from_utf8_lossy(&line);
        if line.trim().is_empty() {
            continue;
        }
        let what = parse(&line).unwrap_or_else(|error| What::Garbled {
            line: line.chars().take(200).collect(),
            why: error.to_string(),
        });
        // Where nobody listens any more, it must still be able to write until it is ended.
        let _ = out.send(said(process, what));
    }
}

/// The last lines, each cut where it is endless.
fn read_log(stderr: Option<ChildStderr>) -> String {
    let mut kept: VecDeque<String> = VecDeque::new();
    let Some(stderr) = stderr else { return String::new() };
    let mut reader = BufReader::new(stderr);
    loop {
        let mut line = Vec::new();
        let limit = LOG_LINE as u64;
        match reader.by_ref().take(limit).read_until(b'\n', &mut line) {
            Ok(0) | Err(_) => break,
            Ok(_) => {
                let line = String::from_utf8_lossy(&line).trim_end().to_owned();
                if line.is_empty() {
                    continue;
                }
                if kept.len() == LOG_LINES {
                    kept.pop_front();
                }
                kept.push_back(line);
            }
        }
    }
    Vec::from(kept).join("\n")
}

/// Waits for the end, then for all that was said before it.
fn wait(
    mut child: Child,
    state: &Mutex<State>,
    belongings: &Belongings,
    all_heard: &Receiver<()>,
    logged: &Receiver<String>,
) -> Ending {
    // It is left a zombie until nobody can signal it any more: its number may be another's once it is reaped.
    while let Err(error) = waitid(
        WaitId::Pid(Pid::from_child(&child)),
        WaitIdOptions::EXITED | WaitIdOptions::NOWAIT,
    ) {
        if error != rustix::io::Errno::INTR {
            break;
        }
    }
    let status = {
        let mut state = state.lock().unwrap_or_else(PoisonError::into_inner);
        *state = State::Reaped;
        // What it started and left behind goes with it.
        let _ = kill_process_group(Pid::from_child(&child), Signal::KILL);
        belongings.record.strike();
        child.wait()
    };
    // The sender is dropped at the end of the stream.
    let _ = all_heard.recv_timeout(STREAMS);
    let log = logged.recv_timeout(STREAMS).unwrap_or_default();
    let (mut killed, mut peak_bytes) = (0, None);
    if let Some((group, note)) = &belongings.group {
        killed = group.oom_kills().unwrap_or(0);
        peak_bytes = group.peak();
        group.remove();
        note.strike();
    }
    Ending {
        how: how(status, killed),
        peak_bytes,
        log,
    }
}

fn how(status: std::io::Result<std::process::ExitStatus>, oom_kills: u64) -> How {
    use std::os::unix::process::ExitStatusExt;
    if oom_kills > 0 {
        return How::OutOfMemory;
    }
    match status {
        Ok(status) => status
            .signal()
            .map_or_else(|| How::Exited(status.code().unwrap_or_default()), How::Signal),
        Err(_) => How::Exited(-1),
    }
}
