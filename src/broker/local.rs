//! A broker as a plain process, on the Java of this machine.

use std::fs::{self, File};
use std::io;
use std::net::TcpListener;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::{Path, PathBuf};
use std::process::{Child, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use rustix::process::Signal;

use super::Halt;
use super::cancel::{Cancel, output};
use super::connection::Connection;
use super::error::BrokerError;
use super::fetch::LOGGING;
use super::guard::{Guard, PID_FILE, recorded, signal};
use super::jars::Jars;
use super::java::Java;
use super::options::{Options, as_file};
use super::ready::wait_until_ready;
use super::sweep::Owned;
use super::usage::{Usage, usage_of};

/// How often another port is tried, where somebody else was quicker to take one.
const ATTEMPTS: usize = 5;
/// What Kafka logs where it can't listen at its port.
const PORT_TAKEN: &str = "Address already in use";
/// The lines of its log that are shown when it fails.
const LINES: usize = 20;
/// How long a broker may take to end in good order.
const GRACE: Duration = Duration::from_secs(20);

/// A running process, its folder, and what cleans up after it.
#[derive(Debug)]
pub(super) struct Local {
    // Dropped in this order: the guard kills the broker and removes the folder, then its parent reaps it.
    guard: Guard,
    _owned: Owned,
    child: Child,
    command: Launch,
    port: u16,
    cluster_id: String,
}

/// What a start and a restart both need.
#[derive(Debug)]
struct Launch {
    java: PathBuf,
    class_path: String,
    heap_mib: u64,
    ready_within: Duration,
    cancel: Cancel,
}

impl Local {
    /// Starts one and waits until it answers.
    pub(super) fn start(java: &Java, jars: &Jars, options: &Options) -> Result<Self, BrokerError> {
        let command = Launch {
            java: java.program.clone(),
            class_path: jars.class_path(),
            heap_mib: (options.heap.bytes() >> 20).max(64),
            ready_within: options.ready_within,
            cancel: options.cancel.clone(),
        };
        let owned = Owned::folder(&options.storage_root())?;
        let guard = Guard::over(owned.path(), None)?;
        let mut ports = options.ports.clone().into_iter();
        let mut attempts = 1;
        loop {
            let port = ports.next().map_or_else(free_port, Ok)?;
            let id = command.format(guard.folder(), options, port)?;
            let mut child = command.spawn(guard.folder())?;
            match command.ready(&mut child, guard.folder(), port, &id) {
                Ok(()) => {
                    return Ok(Self {
                        guard,
                        _owned: owned,
                        child,
                        command,
                        port,
                        cluster_id: id,
                    });
                }
                Err(error) => {
                    end(&mut child, guard.folder());
                    let taken = matches!(&error, BrokerError::Died { log, .. } if log.contains(PORT_TAKEN));
                    if !taken || attempts == ATTEMPTS {
                        return Err(error);
                    }
                    attempts += 1;
                }
            }
        }
    }

    /// `host:port`.
    pub(super) fn bootstrap(&self) -> String {
        bootstrap(self.port)
    }

    /// Its folder.
    pub(super) fn folder(&self) -> &Path {
        self.guard.folder()
    }

    /// The process.
    pub(super) fn process(&self) -> u32 {
        self.child.id()
    }

    /// Fails with its last words where it has ended.
    pub(super) fn check(&mut self) -> Result<(), BrokerError> {
        alive(&mut self.child, self.guard.folder())
    }

    /// What it uses.
    pub(super) fn usage(&self) -> Option<Usage> {
        usage_of(self.child.id())
    }

    /// The last lines of its log.
    pub(super) fn log(&self, lines: usize) -> String {
        log(self.guard.folder(), lines)
    }

    /// Ends it, in good order or not. Its data stays.
    pub(super) fn halt(&mut self, how: Halt) -> Result<(), BrokerError> {
        let io = || BrokerError::io("stop the broker");
        let word = match how {
            Halt::Clean => Signal::TERM,
            Halt::Killed => Signal::KILL,
        };
        if self.child.try_wait().map_err(io())?.is_none() {
            signal(self.child.id(), word).map_err(io())?;
            let start = Instant::now();
            while self.child.try_wait().map_err(io())?.is_none() {
                if start.elapsed() > GRACE || self.command.cancel.is_requested() {
                    signal(self.child.id(), Signal::KILL).map_err(io())?;
                }
                std::thread::sleep(Duration::from_millis(20));
            }
        }
        let _ = fs::remove_file(self.guard.folder().join(PID_FILE));
        Ok(())
    }

    /// Starts it again on the same data and ports. One that does not come back is ended.
    pub(super) fn resume(&mut self) -> Result<(), BrokerError> {
        self.child = self.command.spawn(self.guard.folder())?;
        self.command
            .ready(&mut self.child, self.guard.folder(), self.port, &self.cluster_id)
            .inspect_err(|_| end(&mut self.child, self.guard.folder()))
    }
}

impl Drop for Local {
    fn drop(&mut self) {
        end(&mut self.child, self.guard.folder());
    }
}

/// Ends a broker whose data nobody wants any more.
fn end(child: &mut Child, folder: &Path) {
    if !matches!(child.try_wait(), Ok(Some(_))) {
        let _ = signal(child.id(), Signal::KILL);
        let _ = child.wait();
    }
    let _ = fs::remove_file(folder.join(PID_FILE));
}

fn alive(child: &mut Child, folder: &Path) -> Result<(), BrokerError> {
    match child.try_wait().map_err(BrokerError::io("look at the broker"))? {
        None => Ok(()),
        Some(status) => {
            // Its number may be given to another process from now on.
            let _ = fs::remove_file(folder.join(PID_FILE));
            Err(BrokerError::Died {
                status: said(status),
                log: log(folder, LINES),
            })
        }
    }
}

fn said(status: ExitStatus) -> String {
    status.signal().map_or_else(
        || format!("exit status {}", status.code().unwrap_or_default()),
        |number| format!("killed by signal {number}"),
    )
}

fn bootstrap(port: u16) -> String {
    format!("127.0.0.1:{port}")
}

fn log(folder: &Path, lines: usize) -> String {
    let text = fs::read(folder.join("broker.log")).unwrap_or_default();
    last_lines(&String::from_utf8_lossy(&text), lines)
}

/// The last lines of a text that say something: frames of Java's stack traces do not.
pub(super) fn last_lines(text: &str, lines: usize) -> String {
    let says = |line: &&str| !line.trim().is_empty() && !line.starts_with("\tat ");
    let kept: Vec<&str> = text.lines().filter(says).collect();
    kept[kept.len().saturating_sub(lines)..].join("\n")
}

/// A port that nobody listens at now. Somebody may be quicker to take it: see [`ATTEMPTS`].
pub(super) fn free_port() -> Result<u16, BrokerError> {
    TcpListener::bind(("127.0.0.1", 0))
        .and_then(|listener| listener.local_addr())
        .map(|address| address.port())
        .map_err(BrokerError::io("find a free port"))
}

impl Launch {
    /// Writes the broker's properties and prepares its data folder. Returns the id of its cluster.
    fn format(&self, folder: &Path, options: &Options, port: u16) -> Result<String, BrokerError> {
        let id = cluster_id();
        let data = folder.join("data");
        let properties = options.server_properties(&bootstrap(port), &bootstrap(port), free_port()?, &data);
        let file = folder.join("server.properties");
        let write = |path: &Path, text: &str| {
            fs::write(path, text).map_err(BrokerError::io(format!("write {}", path.display())))
        };
        write(&file, &as_file(&properties))?;
        write(&folder.join("log4j2.properties"), LOGGING)?;
        if data.exists() {
            fs::remove_dir_all(&data).map_err(BrokerError::io(format!("remove {}", data.display())))?;
        }
        let mut tool = recorded(folder, &self.java);
        tool.args(["-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-cp", &self.class_path])
            .args(["kafka.tools.StorageTool", "format", "-t", &id])
            .arg("-c")
            .arg(&file);
        let output = output(&mut tool, &self.cancel).map_err(BrokerError::io(format!("run {}", self.java.display())));
        // Its number may be given to another process from now on.
        let _ = fs::remove_file(folder.join(PID_FILE));
        let Some(output) = output? else {
            return Err(BrokerError::Stopped {
                doing: "a broker's storage was prepared".to_owned(),
            });
        };
        if output.status.success() {
            return Ok(id);
        }
        let said_by_tool = [output.stdout, output.stderr].concat();
        Err(BrokerError::Died {
            status: format!("formatting its storage: {}", said(output.status)),
            log: last_lines(&String::from_utf8_lossy(&said_by_tool), 20),
        })
    }

    /// Waits until the broker at `port` answers, and is the one that was started.
    fn ready(&self, child: &mut Child, folder: &Path, port: u16, id: &str) -> Result<(), BrokerError> {
        let connection = Connection::plain(&bootstrap(port));
        let found = wait_until_ready(&connection, self.ready_within, &self.cancel, &mut || {
            alive(child, folder)
        });
        match found {
            Ok(found) if found == id => alive(child, folder),
            Ok(_) => Err(BrokerError::Died {
                status: "not the one that answers".to_owned(),
                log: format!("{PORT_TAKEN}: another broker listens at port {port}"),
            }),
            Err(BrokerError::Silent { bootstrap, waited, .. }) => Err(BrokerError::Silent {
                bootstrap,
                waited,
                log: log(folder, LINES),
            }),
            Err(other) => Err(other),
        }
    }

    fn spawn(&self, folder: &Path) -> Result<Child, BrokerError> {
        let log = || -> io::Result<File> {
            File::options()
                .create(true)
                .append(true)
                .open(folder.join("broker.log"))
        };
        let log = || log().map_err(BrokerError::io(format!("write to {}", folder.display())));
        let logging = folder.join("log4j2.properties");
        recorded(folder, &self.java)
            .arg(format!("-Xmx{}m", self.heap_mib))
            .args(["-cp", &self.class_path])
            .arg(format!("-Dlog4j2.configurationFile={}", logging.display()))
            .arg("kafka.Kafka")
            .arg(folder.join("server.properties"))
            .current_dir(folder)
            .env("LAGPROOF_LOG_LEVEL", "warn")
            .stdin(Stdio::null())
            .stdout(log()?)
            .stderr(log()?)
            .process_group(0)
            .spawn()
            .map_err(BrokerError::io(format!("run {}", self.java.display())))
    }
}

/// A cluster id as Kafka makes them: 16 random bytes in 22 letters of URL-safe base64.
pub(super) fn cluster_id() -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let mut bits = super::sweep::random();
    let mut id = String::with_capacity(22);
    for _ in 0..22 {
        id.push(char::from(LETTERS[(bits & 63) as usize]));
        bits >>= 6;
    }
    // The last letter stands for two bits only, and a leading dash would be taken for an option.
    id.replace_range(21.., "A");
    id.replace_range(..1, "l");
    id
}

#[cfg(test)]
mod tests {
    use super::{cluster_id, last_lines};

    #[test]
    fn cluster_ids_differ_and_fit() {
        let ids: std::collections::BTreeSet<String> = (0..100).map(|_| cluster_id()).collect();
        assert_eq!(ids.len(), 100);
        assert!(ids.iter().all(|id| id.len() == 22 && id.starts_with('l')));
    }

    #[test]
    fn the_end_of_a_log() {
        assert_eq!(last_lines("a\n\nb\nc\n", 2), "b\nc");
        assert_eq!(last_lines("", 2), "");
    }
}
