//! Fetching Apache Kafka's jars into the cache with Maven.
//!
//! An entry is filled beside its place and renamed into it, so that one cut short is never used; who comes second waits
//! for a lock that the system gives back when its holder is killed.

use std::fmt::Write as _;
use std::fs::{self, File, TryLockError};
use std::io::{BufRead, BufReader};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::thread;
use std::time::Duration;

use super::cancel::{Cancel, LISTENS_EVERY};
use super::error::BrokerError;
use super::guard::{Guard, signal};
use super::jars::{Jars, KAFKA_VERSION, MANIFEST, cached, entry};
use super::surroundings::Surroundings;

const POM: &str = include_str!("image/pom.xml");
const TOOL: &str = include_str!("image/tool");
pub(super) const LOGGING: &str = include_str!("image/log4j2.properties");
const COPY: &str = "org.apache.maven.plugins:maven-dependency-plugin:3.6.1:copy-dependencies";

/// The stock tools that are made to run from the jars: their names and main classes.
const TOOLS: [(&str, &str); 5] = [
    ("kafka-topics", "org.apache.kafka.tools.TopicCommand"),
    ("kafka-configs", "kafka.admin.ConfigCommand"),
    (
        "kafka-consumer-groups",
        "org.apache.kafka.tools.consumer.group.ConsumerGroupCommand",
    ),
    ("kafka-producer-perf-test", "org.apache.kafka.tools.ProducerPerformance"),
    ("kafka-consumer-perf-test", "org.apache.kafka.tools.ConsumerPerformance"),
];

/// How far something that takes a while has come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Progress {
    /// Another process fetches the same; this one waits for it.
    Waiting,
    /// Maven fetches: files so far.
    Fetching {
        /// Files that have arrived.
        files: u32,
    },
    /// The container engine fetches an image.
    Pulling {
        /// Its name and tag.
        image: String,
    },
    /// A broker was started and is waited for.
    Starting {
        /// What is being started: "Apache Kafka 4.3.1".
        what: String,
    },
}

impl std::fmt::Display for Progress {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Waiting => write!(
                f,
                "waiting for another process that fetches Apache Kafka {KAFKA_VERSION}"
            ),
            Self::Fetching { files } => write!(f, "fetching Apache Kafka {KAFKA_VERSION} with Maven: {files} files"),
            Self::Pulling { image } => write!(f, "pulling {image}"),
            Self::Starting { what } => write!(f, "starting {what}"),
        }
    }
}

/// The cache's jars, fetched if they are not there: 92 files, 55 MB, half a minute.
///
/// # Errors
/// [`BrokerError::Jars`] without Maven or where it fails, with its own words; [`BrokerError::Stopped`];
/// [`BrokerError::Io`].
pub fn fetch_jars(
    surroundings: &Surroundings,
    cancel: &Cancel,
    progress: &mut dyn FnMut(Progress),
) -> Result<Jars, BrokerError> {
    let cache = surroundings.cache()?;
    if let Some(jars) = cached(&cache) {
        return Ok(jars);
    }
    let maven = surroundings.find("mvn").ok_or_else(|| failed("mvn is not on PATH"))?;
    fs::create_dir_all(&cache).map_err(BrokerError::io(format!("make {}", cache.display())))?;
    let _lock = lock(&cache, cancel, progress)?;
    if let Some(jars) = cached(&cache) {
        return Ok(jars);
    }
    // Under the lock, what lies beside the entry was left by somebody who was killed.
    let part = cache.join(format!("kafka-{KAFKA_VERSION}.part"));
    let gone = cache.join(format!("kafka-{KAFKA_VERSION}.part.gone"));
    for stale in [&part, &gone, &entry(&cache)] {
        if stale.exists() {
            fs::remove_dir_all(stale).map_err(BrokerError::io(format!("remove {}", stale.display())))?;
        }
    }
    fs::create_dir(&part).map_err(BrokerError::io(format!("make {}", part.display())))?;
    let guard = Guard::over(&part, None)?;
    run_maven(&maven, (&part, &cache), cancel, progress)?;
    finish(&part).map_err(BrokerError::io(format!("write to {}", part.display())))?;
    let place = entry(&cache);
    fs::rename(&part, &place).map_err(BrokerError::io(format!("make {}", place.display())))?;
    drop(guard);
    cached(&cache).ok_or_else(|| failed("the jars that arrived are not whole"))
}

fn failed(reason: &str) -> BrokerError {
    BrokerError::Jars {
        doing: format!("fetch Apache Kafka {KAFKA_VERSION}"),
        reason: reason.to_owned(),
    }
}

/// Takes the cache's lock, waiting for whoever has it.
fn lock(cache: &Path, cancel: &Cancel, progress: &mut dyn FnMut(Progress)) -> Result<File, BrokerError> {
    let path = cache.join(format!("kafka-{KAFKA_VERSION}.lock"));
    let io = || BrokerError::io(format!("lock {}", path.display()));
    let file = File::options()
        .write(true)
        .create(true)
        .truncate(false)
        .open(&path)
        .map_err(io())?;
    let mut said = false;
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(file),
            Err(TryLockError::WouldBlock) => {
                if !said {
                    progress(Progress::Waiting);
                    said = true;
                }
                cancel.check(format_args!(
                    "waiting for another process that fetches Apache Kafka {KAFKA_VERSION}"
                ))?;
                thread::sleep(Duration::from_millis(100));
            }
            Err(TryLockError::Error(error)) => return Err(io()(error)),
        }
    }
}

/// Runs Maven in a group of its own, which the guard ends with us.
fn run_maven(
    maven: &Path,
    (part, cache): (&Path, &Path),
    cancel: &Cancel,
    progress: &mut dyn FnMut(Progress),
) -> Result<(), BrokerError> {
    let pom = part.join("pom.xml");
    fs::write(&pom, POM.replace("KAFKA_VERSION", KAFKA_VERSION))
        .map_err(BrokerError::io(format!("write {}", pom.display())))?;
    let mut child = super::guard::recorded(part, maven)
        .args(["-B", "-f"])
        .arg(&pom)
        .arg(COPY)
        .arg("-DincludeScope=runtime")
        .arg(format!("-DoutputDirectory={}", part.join("libs").display()))
        .current_dir(cache)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .process_group(0)
        .spawn()
        .map_err(BrokerError::io(format!("run {}", maven.display())))?;
    let mut files = 0;
    let mut errors = String::new();
    progress(Progress::Fetching { files });
    let lines = BufReader::new(child.stdout.take().expect("a pipe was asked for")).split(b'\n');
    let lines = lines
        .map_while(Result::ok)
        .map(|line| String::from_utf8_lossy(&line).into_owned());
    let (tell, told) = channel();
    // It ends with Maven's output.
    thread::spawn(move || {
        lines
            .map(|line| tell.send(line))
            .take_while(Result::is_ok)
            .for_each(drop)
    });
    loop {
        let line = match told.recv_timeout(LISTENS_EVERY) {
            Ok(line) => line,
            Err(RecvTimeoutError::Disconnected) => break,
            Err(RecvTimeoutError::Timeout) => String::new(),
        };
        if let Err(stopped) = cancel.check(format_args!("fetching Apache Kafka {KAFKA_VERSION} with Maven")) {
            // What it fetched so far goes with the folder's guard.
            let _ = signal(child.id(), rustix::process::Signal::KILL);
            let _ = child.wait();
            let _ = fs::remove_file(part.join(super::guard::PID_FILE));
            return Err(stopped);
        }
        if line.contains("Downloaded from") {
            files += 1;
            progress(Progress::Fetching { files });
        } else if let Some(error) = line.strip_prefix("[ERROR] ")
            && errors.len() < 1_000
        {
            let _ = write!(errors, "\n    {error}");
        }
    }
    let status = child.wait().map_err(BrokerError::io("wait for Maven"))?;
    let _ = fs::remove_file(part.join(super::guard::PID_FILE));
    if status.success() {
        Ok(())
    } else {
        Err(failed(&format!("Maven ended with {status}{errors}")))
    }
}

/// Adds to the jars what makes an entry of them: the tools, the logging, and, last, the manifest.
fn finish(part: &Path) -> std::io::Result<()> {
    fs::write(part.join("log4j2.properties"), LOGGING)?;
    let bin = part.join("bin");
    fs::create_dir(&bin)?;
    for (name, class) in TOOLS {
        let path = bin.join(name);
        fs::write(&path, TOOL.replace("MAIN_CLASS", class))?;
        fs::set_permissions(&path, PermissionsExt::from_mode(0o755))?;
        // As in a release, so that KAFKA_HOME can point here.
        symlink(name, bin.join(format!("{name}.sh")))?;
    }
    let mut manifest = String::new();
    for file in fs::read_dir(part.join("libs"))? {
        let file = file?;
        let _ = writeln!(
            manifest,
            "{} {}",
            file.metadata()?.len(),
            file.file_name().to_string_lossy()
        );
    }
    fs::write(part.join(MANIFEST), manifest)
}

/// Runs one of the stock tools.
///
/// ```no_run
/// # use lagproof::broker::{Cancel, Surroundings, fetch_jars, tool};
/// let jars = fetch_jars(&Surroundings::of_process(), &Cancel::never(), &mut |_| {})?;
/// tool(&jars, "kafka-topics").args(["--bootstrap-server", "localhost:9092", "--list"]).status();
/// # Ok::<(), lagproof::broker::BrokerError>(())
/// ```
#[must_use]
pub fn tool(jars: &Jars, name: &str) -> Command {
    Command::new(jars.tools().join(format!("{name}.sh")))
}
