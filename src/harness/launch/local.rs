//! Processes on this machine.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::mpsc::Sender;

use serde::Serialize;

use super::cgroup::Groups;
use super::guard::Guard;
use super::process::{Belongings, LocalProcess};
use super::{Job, LaunchError, Launcher, Limits, Process, ProcessId, Said, What};

/// What is run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Program {
    /// The lagproof binary, which is the load process and, unless a job names another, the worker.
    pub lagproof: PathBuf,
}

impl Program {
    /// The binary that runs now, whatever it is called: for lagproof's own command line.
    ///
    /// # Errors
    /// [`LaunchError`] where the system does not say what runs.
    pub fn this() -> Result<Self, LaunchError> {
        match std::env::current_exe() {
            Ok(lagproof) => Ok(Self { lagproof }),
            Err(error) => Err(LaunchError {
                doing: "find the program that runs now".to_owned(),
                error,
                help: "start lagproof by its path",
            }),
        }
    }

    /// The binary that runs now if it is lagproof, else the one named so on PATH: a test of somebody's own is another.
    ///
    /// # Errors
    /// [`LaunchError`] where there is neither.
    pub fn find(path: Option<&std::ffi::OsStr>) -> Result<Self, LaunchError> {
        let named = |path: &Path| path.file_stem().is_some_and(|name| name == "lagproof");
        let this = std::env::current_exe().ok().filter(|path| named(path));
        let on_path = || {
            std::env::split_paths(path?)
                .map(|folder| folder.join("lagproof"))
                .find(|path| path.is_file())
        };
        match this.or_else(on_path) {
            Some(lagproof) => Ok(Self { lagproof }),
            None => Err(LaunchError {
                doing: "find the program `lagproof`".to_owned(),
                error: std::io::ErrorKind::NotFound.into(),
                help: "install it with `cargo install --locked --features kafka lagproof`, or name its file",
            }),
        }
    }
}

/// Starts processes on this machine. What runs goes with it, and with this process however it ends.
#[derive(Debug)]
pub struct Local {
    program: Program,
    groups: Option<Groups>,
    limits: Limits,
    guard: Guard,
}

impl Local {
    /// Looks for control groups, and begins to guard.
    ///
    /// # Errors
    /// [`LaunchError`] where there is no shell, or no room for temporary files.
    pub fn new(program: Program) -> Result<Self, LaunchError> {
        let (groups, limits) = match Groups::find() {
            Ok(groups) => (Some(groups), Limits::Enforced),
            Err(because) => {
                let because = format!("no control group can be made ({because})");
                (None, Limits::Unenforced { because })
            }
        };
        Ok(Self {
            program,
            groups,
            limits,
            guard: Guard::new().map_err(LaunchError::of("run /bin/sh"))?,
        })
    }

    /// The same without control groups, as on a system that has none.
    #[must_use]
    pub fn without_groups(mut self, because: &str) -> Self {
        self.groups = None;
        self.limits = Limits::Unenforced {
            because: because.to_owned(),
        };
        self
    }

    fn spawn(
        &self,
        (program, arguments): (&Path, &[String]),
        memory: Option<u64>,
        begin: impl FnOnce(std::process::Child, Belongings) -> Result<LocalProcess, LaunchError>,
    ) -> Result<Box<dyn Process>, LaunchError> {
        let group = match (&self.groups, memory) {
            (Some(groups), Some(limit)) => {
                let doing = |path: &Path| format!("make the control group {}", path.display());
                let path = groups.next();
                let note = self.guard.note_group(&path).map_err(LaunchError::of(doing(&path)))?;
                let group = groups.make(&path, limit).map_err(LaunchError::of(doing(&path)))?;
                Some((group, note))
            }
            _ => None,
        };
        // A relative program is meant from here; the guard's shell looks for a bare name on PATH as we would.
        let spawned = self
            .guard
            .command(group.as_ref().map(|(group, _)| group.path()), program)
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn();
        let child = match spawned {
            Ok(child) => child,
            Err(error) => {
                if let Some((group, note)) = group {
                    group.remove();
                    note.strike();
                }
                return Err(LaunchError::of(format!("run {}", program.display()))(error));
            }
        };
        let record = self.guard.record_of(child.id());
        Ok(Box::new(begin(child, Belongings { record, group })?))
    }
}

impl Launcher for Local {
    fn start(&self, process: ProcessId, job: &Job, out: Sender<Said>) -> Result<Box<dyn Process>, LaunchError> {
        let ours = |verb: &str| (self.program.lagproof.clone(), vec![verb.to_owned()]);
        match job {
            Job::Load(spec) => {
                let (program, arguments) = ours("load");
                is_there(&program)?;
                self.spawn((&program, &arguments), None, |child, belongings| {
                    let parse = |line: &str| serde_json::from_str(line).map(What::Load);
                    LocalProcess::begin(child, &line(spec), parse, belongings, (process, out))
                })
            }
            Job::Worker { spec, command, memory } => {
                let (program, arguments) = match command.as_deref() {
                    Some([program, arguments @ ..]) => (PathBuf::from(program), arguments.to_vec()),
                    Some([]) | None => {
                        let (program, arguments) = ours("worker");
                        is_there(&program)?;
                        (program, arguments)
                    }
                };
                self.spawn((&program, &arguments), *memory, |child, belongings| {
                    let parse = |line: &str| serde_json::from_str(line).map(What::Worker);
                    LocalProcess::begin(child, &line(spec), parse, belongings, (process, out))
                })
            }
        }
    }

    fn limits(&self) -> &Limits {
        &self.limits
    }
}

/// The shell in between would say so less well.
fn is_there(program: &Path) -> Result<(), LaunchError> {
    fs::metadata(program)
        .map(drop)
        .map_err(LaunchError::of(format!("run {}", program.display())))
}

/// A spec as one line.
fn line(spec: &impl Serialize) -> String {
    serde_json::to_string(spec).expect("specs are plain data")
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::path::PathBuf;
    use std::sync::mpsc::{Receiver, channel};
    use std::time::Duration;

    use super::{Local, Program};
    use crate::harness::launch::{Ending, How, Job, Launcher, Limits, Said, What};
    use crate::harness::protocol::{
        CommitSpec, ConcurrencySpec, CostSpec, DeliverySpec, EndReason, HandlerSpec, PROTOCOL, Ticks, WorkSpec,
        WorkerLine, WorkerSpec,
    };

    fn worker() -> WorkerSpec {
        WorkerSpec {
            protocol: PROTOCOL,
            run: "r".to_owned(),
            tag: 1,
            service: "it's".to_owned(),
            replica: 0,
            properties: BTreeMap::new(),
            sections: BTreeMap::new(),
            topics: vec!["t".to_owned()],
            max_poll_records: 1,
            work: WorkSpec {
                per_record: CostSpec::Constant { us: 1.0 },
                per_batch_us: 0,
                concurrency: ConcurrencySpec::Bounded(1),
                handler: HandlerSpec::Inline,
                cpu_share: 0.0,
                slow_us: 0,
                stalls_us: Vec::new(),
            },
            delivery: DeliverySpec {
                commit: CommitSpec::AfterBatch,
                retry: None,
            },
            per_record_factor: 1.0,
            seed: 0,
            ticks: Ticks {
                start_us: 0,
                every_ms: 250,
                jitter_ms: 50,
                seed: 0,
            },
        }
    }

    /// A launcher without a lagproof.
    fn launcher() -> Local {
        let lagproof = PathBuf::from("/no/such/lagproof");
        Local::new(Program { lagproof }).unwrap()
    }

    fn job(command: Option<&[&str]>, memory: Option<u64>) -> Job {
        Job::Worker {
            spec: Box::new(worker()),
            command: command.map(|words| words.iter().map(ToString::to_string).collect()),
            memory,
        }
    }

    /// A worker that is a script.
    fn scripted(script: &str, memory: Option<u64>) -> Job {
        job(Some(&["/bin/sh", "-c", script]), memory)
    }

    /// All lines, and the ending.
    fn hear(said: &Receiver<Said>) -> (Vec<What>, Ending) {
        let mut lines = Vec::new();
        loop {
            match said.recv_timeout(Duration::from_secs(30)).unwrap().what {
                What::Ended(ending) => return (lines, ending),
                line => lines.push(line),
            }
        }
    }

    const END: &str = r#"echo '{"line":"end","at_us":5,"reason":{"reason":"stopped"}}'"#;

    #[test]
    fn a_spec_goes_in_lines_come_out_and_a_command_ends_it() {
        let script = format!(
            "read -r spec; echo \"$spec\" >&2; echo nonsense; read -r command; echo \"$command\" >&2; {END}; exit 3"
        );
        let (out, said) = channel();
        let launcher = launcher();
        let mut process = launcher.start(7, &scripted(&script, None), out).unwrap();
        let first = said.recv_timeout(Duration::from_secs(30)).unwrap();
        assert_eq!(first.process, 7);
        assert!(
            matches!(&first.what, What::Garbled { line, .. } if line == "nonsense"),
            "{first:?}"
        );
        process.stop();
        let (lines, ending) = hear(&said);
        let end = WorkerLine::End {
            at_us: 5,
            reason: EndReason::Stopped,
        };
        assert_eq!(lines, [What::Worker(end)]);
        assert_eq!(ending.how, How::Exited(3));
        let (spec, command) = ending.log.split_once('\n').unwrap();
        assert_eq!(serde_json::from_str::<WorkerSpec>(spec).unwrap(), worker());
        assert_eq!(command, r#"{"command":"stop"}"#);
    }

    #[test]
    fn one_that_is_killed_is_seen_as_such_and_its_last_line_is_heard() {
        let script = format!("{END}; sleep 1000 & wait");
        let (out, said) = channel();
        let launcher = launcher();
        let mut process = launcher.start(0, &scripted(&script, None), out).unwrap();
        let first = said.recv_timeout(Duration::from_secs(30)).unwrap();
        assert!(matches!(first.what, What::Worker(WorkerLine::End { .. })));
        process.kill();
        assert_eq!(hear(&said).1.how, How::Signal(9));
        process.kill();
    }

    #[test]
    fn past_its_limit_it_is_killed_by_the_system() {
        let script = "x=$(head -c 200000000 /dev/zero | tr '\\0' a); echo ${#x} >&2";
        let (out, said) = channel();
        let launcher = launcher();
        let _process = launcher.start(0, &scripted(script, Some(32 << 20)), out).unwrap();
        let (_, ending) = hear(&said);
        match launcher.limits() {
            Limits::Enforced => {
                assert_eq!(ending.how, How::OutOfMemory, "{ending:?}");
                assert!(
                    ending.peak_bytes.is_none_or(|peak| peak > 16 << 20 && peak <= 32 << 20),
                    "{ending:?}"
                );
            }
            Limits::Unenforced { because } => {
                assert!(!because.is_empty());
                assert_eq!((ending.how, ending.peak_bytes), (How::Exited(0), None));
            }
        }
    }

    #[test]
    fn what_can_not_be_run_is_said() {
        let launcher = launcher();
        let error = launcher.start(0, &job(None, None), channel().0).err().unwrap();
        assert_eq!(
            error.to_string(),
            "could not run /no/such/lagproof: No such file or directory (os error 2)"
        );
        let (out, said) = channel();
        let missing = job(Some(&["/no/such/worker"]), None);
        let _process = launcher.start(0, &missing, out).unwrap();
        let (_, ending) = hear(&said);
        assert_eq!(ending.how, How::Exited(127));
        assert!(ending.log.contains("/no/such/worker"), "{}", ending.log);
    }
}
