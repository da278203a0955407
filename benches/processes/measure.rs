//! Running a process and seeing what it took.

use std::ffi::OsStr;
use std::fmt::Write as _;
use std::io::Read;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use wait4::Wait4;

use super::Outcome;

/// What one run took.
#[derive(Debug, Clone, Copy)]
pub struct Sample {
    /// From before the process is started until it is gone; a floor's is what it timed itself.
    pub time: Duration,
    /// What its threads spent on a core together, in the process as a whole.
    pub cpu: Duration,
    /// The most memory that was resident at once, in bytes. The kernel counts in what this process had when it started
    /// the other; it is kept small, with nothing of a project in memory.
    pub peak: u64,
}

/// What several runs of the same took.
#[derive(Debug, Clone, Default)]
pub struct Samples(Vec<Sample>);

impl Samples {
    /// The median time.
    pub fn time(&self) -> Duration {
        median(self.0.iter().map(|sample| sample.time))
    }

    /// The median time on a core.
    pub fn cpu(&self) -> Duration {
        median(self.0.iter().map(|sample| sample.cpu))
    }

    /// The shortest and the longest time.
    pub fn range(&self) -> (Duration, Duration) {
        let times = || self.0.iter().map(|sample| sample.time);
        (times().min().unwrap_or_default(), times().max().unwrap_or_default())
    }

    /// The largest peak, in bytes.
    pub fn peak(&self) -> u64 {
        self.0.iter().map(|sample| sample.peak).max().unwrap_or_default()
    }

    /// How many times longer this took than `other`.
    pub fn over(&self, other: &Self) -> f64 {
        self.time().as_secs_f64() / other.time().as_secs_f64()
    }
}

fn median(times: impl Iterator<Item = Duration>) -> Duration {
    let mut times: Vec<Duration> = times.collect();
    times.sort_unstable();
    match times.len() {
        0 => Duration::ZERO,
        many => (times[(many - 1) / 2] + times[many / 2]) / 2,
    }
}

/// Something that is measured.
pub struct Contestant<'a> {
    /// What it is called in the table.
    pub name: String,
    /// Runs it once.
    pub run: Box<dyn FnMut() -> Outcome<Sample> + 'a>,
}

impl<'a> Contestant<'a> {
    /// Something by name.
    pub fn new(name: impl Into<String>, run: impl FnMut() -> Outcome<Sample> + 'a) -> Self {
        Self {
            name: name.into(),
            run: Box::new(run),
        }
    }
}

/// Lets all take turns: one round to warm up, then `runs` that count.
pub fn alternate(runs: usize, mut contestants: Vec<Contestant<'_>>) -> Outcome<Vec<(String, Samples)>> {
    let mut all = vec![Samples::default(); contestants.len()];
    for round in 0..=runs.max(1) {
        for (samples, contestant) in all.iter_mut().zip(&mut contestants) {
            let sample = (contestant.run)()?;
            if round > 0 {
                samples.0.push(sample);
            }
        }
    }
    let names = contestants.into_iter().map(|contestant| contestant.name);
    Ok(names.zip(all).collect())
}

/// Runs a program to its end.
///
/// # Errors
/// Where it can't be started, or ends with anything but 0: what it printed is shown.
pub fn process<S: AsRef<OsStr>>(program: &Path, arguments: &[S], folder: &Path) -> Outcome<(Sample, String)> {
    let mut command = Command::new(program);
    command.args(arguments).current_dir(folder);
    command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let started = Instant::now();
    let mut child = command
        .spawn()
        .map_err(|error| format!("{} can't be started: {error}", program.display()))?;
    let (mut out, mut err) = (String::new(), Vec::new());
    let mut stderr = child.stderr.take().ok_or("no standard error")?;
    let reader = std::thread::spawn(move || stderr.read_to_end(&mut err).map(|_| err));
    child
        .stdout
        .take()
        .ok_or("no standard output")?
        .read_to_string(&mut out)?;
    let ended = child.wait4()?;
    let time = started.elapsed();
    let err = reader.join().map_err(|_| "standard error can't be read")??;
    if ended.status.success() {
        let rusage = ended.rusage;
        let (cpu, peak) = (rusage.utime + rusage.stime, rusage.maxrss);
        return Ok((Sample { time, cpu, peak }, out));
    }
    let mut message = format!("{}", program.display());
    for argument in arguments.iter().take(6) {
        let _ = write!(message, " {}", argument.as_ref().display());
    }
    let tail: String = out.chars().take(2_000).collect();
    let err = String::from_utf8_lossy(&err);
    Err(format!("{message}: {}\n{tail}{err}", ended.status).into())
}

/// What it is measured on, and whether something else is running there.
pub fn machine() -> String {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let read = |path: &str| std::fs::read_to_string(path).unwrap_or_default();
    let cpuinfo = read("/proc/cpuinfo");
    let model = cpuinfo
        .lines()
        .find_map(|line| line.strip_prefix("model name")?.split_once(": "));
    let load = read("/proc/loadavg");
    let load = load.split(' ').next().unwrap_or("unknown");
    format!(
        "{cores} cores ({}), load {load} before the start, {} {}",
        model.map_or("unknown", |(_, model)| model),
        std::env::consts::OS,
        std::env::consts::ARCH,
    )
}
