//! What makes sure that nothing stays behind, however this process ends.
//!
//! A guard is a small shell that waits at a pipe of ours. The system closes the pipe when we end, by whatever means, and
//! the guard then kills what runs in the folder and removes the folder. It is in a process group of its own, so that
//! Ctrl-C at a terminal reaches us and not it.
//!
//! `PR_SET_PDEATHSIG` is not used: it fires when the *thread* that started a child ends, it is Linux's alone, and it
//! removes no folders and no containers.

use std::io;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};

use super::error::BrokerError;

/// In a guarded folder: the process that runs there, which leads a group.
pub(super) const PID_FILE: &str = "pid";

/// Waits, then cleans. The folder is moved first: from then on no process can record itself there, and one that did is
/// found.
const SCRIPT: &str = r#"
trap '' HUP INT TERM QUIT
while read -r _; do :; done
cd /
if [ -n "$2" ]; then docker rm -f -v "$2"; fi
if mv -- "$1" "$1.gone"; then
    if [ -e "$1.gone/pid" ]; then
        pid=$(cat "$1.gone/pid")
        [ -n "$pid" ] || { sleep 0.1; pid=$(cat "$1.gone/pid"); }
        case $pid in
        '' | *[!0-9]*) ;;
        *) kill -KILL "-$pid" ;;
        esac
    fi
    for try in 1 2 3 4 5 6 7 8 9 10; do
        rm -rf -- "$1.gone" && break
        sleep 0.2
    done
fi
"#;

/// A folder, and what runs in it, that go when this does.
#[derive(Debug)]
pub(super) struct Guard {
    folder: PathBuf,
    pipe: Option<ChildStdin>,
    shell: Child,
}

impl Guard {
    /// Guards a folder, and a container by its name.
    pub(super) fn over(folder: &Path, container: Option<&str>) -> Result<Self, BrokerError> {
        let mut shell = Command::new("/bin/sh")
            .args(["-c", SCRIPT, "lagproof-guard"])
            .arg(folder)
            .arg(container.unwrap_or_default())
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .process_group(0)
            .spawn()
            .map_err(BrokerError::io("run /bin/sh"))?;
        Ok(Self {
            folder: folder.to_owned(),
            pipe: shell.stdin.take(),
            shell,
        })
    }

    /// The folder.
    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        // Cleaning is the guard's work in every case: there is one way to do it, and every stop tries it.
        drop(self.pipe.take());
        let _ = self.shell.wait();
    }
}

/// A command that records its process in a guarded folder before it becomes `program`.
pub(super) fn recorded(folder: &Path, program: &Path) -> Command {
    let mut command = Command::new("/bin/sh");
    command
        .args(["-c", r#"echo $$ >"$0/pid" && exec "$@""#])
        .arg(folder)
        .arg(program);
    command
}

/// Sends a signal to a group.
pub(super) fn signal(group: u32, signal: rustix::process::Signal) -> io::Result<()> {
    let group = i32::try_from(group)
        .ok()
        .and_then(rustix::process::Pid::from_raw)
        .ok_or_else(|| io::Error::from(io::ErrorKind::InvalidInput))?;
    Ok(rustix::process::kill_process_group(group, signal)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::thread;
    use std::time::{Duration, Instant};

    fn ends(child: &mut Child) -> bool {
        let start = Instant::now();
        while start.elapsed() < Duration::from_secs(5) {
            if child.try_wait().unwrap().is_some() {
                return true;
            }
            thread::sleep(Duration::from_millis(10));
        }
        false
    }

    #[test]
    fn what_runs_in_a_folder_goes_with_it_and_its_children_too() {
        let place = tempfile::tempdir().unwrap();
        let folder = place.path().join("it's $(here)");
        std::fs::create_dir(&folder).unwrap();
        let guard = Guard::over(&folder, None).unwrap();
        let mut child = recorded(&folder, Path::new("/bin/sh"))
            .args(["-c", "sleep 1000 & echo $! >\"$0/child\"; wait"])
            .arg(&folder)
            .process_group(0)
            .spawn()
            .unwrap();
        let start = Instant::now();
        let grandchild = loop {
            let text = std::fs::read_to_string(folder.join("child")).unwrap_or_default();
            if let Ok(pid) = text.trim().parse::<u32>() {
                break pid;
            }
            assert!(start.elapsed() < Duration::from_secs(5));
            thread::sleep(Duration::from_millis(10));
        };
        drop(guard);
        assert!(ends(&mut child));
        let runs = format!("/proc/{grandchild}/cmdline");
        while std::fs::read(&runs).is_ok_and(|command| !command.is_empty()) {
            assert!(start.elapsed() < Duration::from_secs(10), "the child's child runs on");
            thread::sleep(Duration::from_millis(10));
        }
        assert_eq!(std::fs::read_dir(place.path()).unwrap().count(), 0);
    }

    #[test]
    fn a_process_that_comes_too_late_does_not_start() {
        let place = tempfile::tempdir().unwrap();
        let folder = place.path().join("gone");
        let status = recorded(&folder, Path::new("/bin/true"))
            .stderr(Stdio::null())
            .status()
            .unwrap();
        assert!(!status.success());
    }
}
