//! What makes sure that no process and no control group stays behind, however this process ends.
//!
//! As for brokers: a small shell waits at a pipe of ours, which the system closes when we end by whatever means. Processes
//! record themselves in a folder before they become what they are to be; the shell kills the groups of all that are
//! recorded, removes the control groups that are noted there, and the folder.

use std::io;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};

use tempfile::TempDir;

/// The folder is moved first: from then on no process can record itself there.
const SCRIPT: &str = r#"
trap '' HUP INT TERM QUIT
while read -r _; do :; done
cd /
mv -- "$1" "$1.gone" || exit 0
for file in "$1.gone"/process-*; do
    [ -e "$file" ] || continue
    pid=${file##*/process-}
    case $pid in
    '' | *[!0-9]*) ;;
    *) kill -KILL "-$pid" ;;
    esac
done
for file in "$1.gone"/group-*; do
    [ -e "$file" ] || continue
    read -r group <"$file" || continue
    for try in 1 2 3 4 5 6 7 8 9 10; do
        [ -d "$group" ] || break
        while read -r pid; do kill -KILL "$pid"; done <"$group/cgroup.procs"
        rmdir -- "$group" && break
        sleep 0.1
    done
done
rm -rf -- "$1.gone"
"#;

/// Records the process in the folder, enters the control group where one is named, and becomes the program.
const RECORD: &str = r#"
: >"$0/process-$$" || exit 125
if [ -n "$1" ]; then echo $$ >"$1/cgroup.procs" || exit 125; fi
shift
exec "$@"
"#;

/// A folder whose processes and control groups go when this does.
#[derive(Debug)]
pub(super) struct Guard {
    folder: TempDir,
    pipe: Option<ChildStdin>,
    shell: Child,
}

impl Guard {
    /// Begins to guard.
    pub(super) fn new() -> io::Result<Self> {
        let folder = tempfile::Builder::new().prefix("lagproof-run-").tempdir()?;
        let mut shell = Command::new("/bin/sh")
            .args(["-c", SCRIPT, "lagproof-guard"])
            .arg(folder.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .process_group(0)
            .spawn()?;
        Ok(Self {
            folder,
            pipe: shell.stdin.take(),
            shell,
        })
    }

    /// A command that records its process before it becomes `program`, in a group of processes of its own.
    pub(super) fn command(&self, group: Option<&Path>, program: &Path) -> Command {
        let mut command = Command::new("/bin/sh");
        command
            .args(["-c", RECORD])
            .arg(self.folder.path())
            .arg(group.unwrap_or(Path::new("")))
            .arg(program)
            .process_group(0);
        command
    }

    /// Notes a control group that is about to be made.
    pub(super) fn note_group(&self, group: &Path) -> io::Result<Note> {
        let name = group.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let note = self.folder.path().join(format!("group-{name}"));
        std::fs::write(&note, format!("{}\n", group.display()))?;
        Ok(Note(note))
    }

    /// The record of a process; its number may be given to another once it has ended.
    pub(super) fn record_of(&self, process: u32) -> Note {
        Note(self.folder.path().join(format!("process-{process}")))
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        // Cleaning is the shell's work in every case: there is one way to do it, and every run tries it.
        drop(self.pipe.take());
        let _ = self.shell.wait();
    }
}

/// A file in a guarded folder, for as long as what it names is there.
#[derive(Debug)]
pub(super) struct Note(PathBuf);

impl Note {
    /// What it names is gone.
    pub(super) fn strike(&self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::process::Stdio;
    use std::time::{Duration, Instant};

    use super::Guard;

    #[test]
    fn what_is_recorded_goes_with_the_guard_and_its_children_too() {
        let guard = Guard::new().unwrap();
        let folder = guard.folder.path().to_owned();
        let mut child = guard
            .command(None, Path::new("/bin/sh"))
            .args(["-c", "sleep 1000 & echo $!; wait"])
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        let mut out = std::io::BufReader::new(child.stdout.take().unwrap());
        std::io::BufRead::read_line(&mut out, &mut line).unwrap();
        drop(guard);
        let start = Instant::now();
        while child.try_wait().unwrap().is_none() {
            assert!(start.elapsed() < Duration::from_secs(10), "it runs on");
            std::thread::sleep(Duration::from_millis(10));
        }
        let runs = format!("/proc/{}/cmdline", line.trim());
        while std::fs::read(&runs).is_ok_and(|command| !command.is_empty()) {
            assert!(start.elapsed() < Duration::from_secs(10), "its child runs on");
            std::thread::sleep(Duration::from_millis(10));
        }
        assert!(!folder.exists() && !folder.with_extension("gone").exists());
    }
}
