//! Memory limits by control groups, version 1 or 2, whichever the system has and lets us use.
//!
//! Names carry the process that made them, so that what a killed one left can be told from what is in use.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::Duration;

const PREFIX: &str = "lagproof-";

/// Which interface.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Version {
    One,
    Two,
}

/// Where control groups can be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Groups {
    version: Version,
    parent: PathBuf,
}

impl Groups {
    /// Finds a place, by making a group there and taking it away.
    ///
    /// # Errors
    /// Why there is none, in a clause.
    pub fn find() -> Result<Self, String> {
        let read = |file: &str| fs::read_to_string(file).map_err(|error| format!("{file} can't be read: {error}"));
        let candidates = candidates(&read("/proc/self/mountinfo")?, &read("/proc/self/cgroup")?);
        let mut why = "no memory controller is mounted".to_owned();
        for candidate in candidates {
            match candidate.try_out() {
                Ok(()) => return Ok(candidate),
                Err(error) => why = format!("{}: {error}", candidate.parent.display()),
            }
        }
        Err(why)
    }

    /// The path of a group that is about to be made.
    pub(super) fn next(&self) -> PathBuf {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let process = std::process::id();
        let start = started(process).unwrap_or_default();
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        self.parent.join(format!("{PREFIX}{process}-{start}-{count}"))
    }

    /// Makes a group of at most `limit` bytes, without swap.
    pub(super) fn make(&self, path: &Path, limit: u64) -> io::Result<Group> {
        fs::create_dir(path)?;
        let group = Group {
            version: self.version,
            path: path.to_owned(),
        };
        match group.limit(limit) {
            Ok(()) => Ok(group),
            Err(error) => {
                group.remove();
                Err(error)
            }
        }
    }

    /// Makes a group, has a process enter it, and removes it.
    fn try_out(&self) -> io::Result<()> {
        let group = self.make(&self.next(), 1 << 30)?;
        let entered = std::process::Command::new("/bin/sh")
            .args(["-c", r#"echo $$ >"$0/cgroup.procs""#])
            .arg(&group.path)
            .output();
        group
            .oom_kills()
            .map_or_else(|| Err(io::Error::other("it does not count kills")), |_| Ok(()))?;
        group.remove();
        let entered = entered?;
        if entered.status.success() {
            return Ok(());
        }
        Err(io::Error::other(format!(
            "no process may enter: {}",
            String::from_utf8_lossy(&entered.stderr).trim()
        )))
    }
}

/// A control group of one worker.
#[derive(Debug)]
pub(super) struct Group {
    version: Version,
    path: PathBuf,
}

impl Group {
    /// Its folder.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    fn write(&self, file: &str, value: &str) -> io::Result<()> {
        fs::write(self.path.join(file), value).map_err(|error| io::Error::new(error.kind(), format!("{file}: {error}")))
    }

    fn limit(&self, bytes: u64) -> io::Result<()> {
        let bytes = bytes.to_string();
        match self.version {
            Version::One => {
                self.write("memory.limit_in_bytes", &bytes)?;
                // One of the two keeps it from swapping; without swap accounting the first is not there.
                self.write("memory.memsw.limit_in_bytes", &bytes)
                    .or_else(|_| self.write("memory.swappiness", "0"))
            }
            Version::Two => {
                self.write("memory.max", &bytes)?;
                // Not there where the system has no swap.
                self.write("memory.swap.max", "0").or_else(|error| match error.kind() {
                    io::ErrorKind::NotFound => Ok(()),
                    _ => Err(error),
                })?;
                self.write("memory.oom.group", "1").or(Ok(()))
            }
        }
    }

    /// How many processes of it the system killed at the limit; nothing where it does not count them.
    pub(super) fn oom_kills(&self) -> Option<u64> {
        let file = match self.version {
            Version::One => "memory.oom_control",
            Version::Two => "memory.events",
        };
        field(&fs::read_to_string(self.path.join(file)).ok()?, "oom_kill")
    }

    /// The most that it held; nothing where it is not kept.
    pub(super) fn peak(&self) -> Option<u64> {
        let file = match self.version {
            Version::One => "memory.max_usage_in_bytes",
            Version::Two => "memory.peak",
        };
        fs::read_to_string(self.path.join(file)).ok()?.trim().parse().ok()
    }

    /// Kills what is left in it and removes it.
    pub(super) fn remove(&self) {
        remove(&self.path);
    }
}

fn remove(group: &Path) {
    for _ in 0..20 {
        let processes = fs::read_to_string(group.join("cgroup.procs")).unwrap_or_default();
        for process in processes.lines().filter_map(|line| line.trim().parse::<i32>().ok()) {
            if let Some(process) = rustix::process::Pid::from_raw(process) {
                let _ = rustix::process::kill_process(process, rustix::process::Signal::KILL);
            }
        }
        match fs::remove_dir(group) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => thread::sleep(Duration::from_millis(50)),
            Ok(()) | Err(_) => return,
        }
    }
}

/// `name value` on a line of its own.
fn field(text: &str, name: &str) -> Option<u64> {
    let value = |line: &str| line.strip_prefix(name)?.strip_prefix(' ')?.trim().parse().ok();
    text.lines().find_map(value)
}

/// When a process started, in ticks after the system's start: with its number, no other process has it.
fn started(process: u32) -> Option<u64> {
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    stat.rsplit_once(')')?.1.split_whitespace().nth(19)?.parse().ok()
}

/// Places to try, the best first: below our own group, then upwards.
fn candidates(mounts: &str, own: &str) -> Vec<Groups> {
    let mut found = Vec::new();
    for line in mounts.lines() {
        let Some((before, after)) = line.split_once(" - ") else {
            continue;
        };
        let before: Vec<&str> = before.split(' ').collect();
        let after: Vec<&str> = after.split(' ').collect();
        let (Some(root), Some(mount), Some(kind)) = (before.get(3), before.get(4), after.first()) else {
            continue;
        };
        let version = match *kind {
            "cgroup"
                if after
                    .get(2)
                    .is_some_and(|options| options.split(',').any(|one| one == "memory")) =>
            {
                Version::One
            }
            "cgroup2" => Version::Two,
            _ => continue,
        };
        let ours = own.lines().find_map(|line| {
            let (_, rest) = line.split_once(':')?;
            let (controllers, path) = rest.split_once(':')?;
            let fits = match version {
                Version::One => controllers.split(',').any(|one| one == "memory"),
                Version::Two => controllers.is_empty(),
            };
            fits.then_some(path)
        });
        let below = ours
            .and_then(|path| path.strip_prefix(root.trim_end_matches('/')))
            .unwrap_or("/");
        let mount = Path::new(mount);
        let own = mount.join(below.trim_start_matches('/'));
        let ancestors = own.ancestors().take_while(|path| path.starts_with(mount));
        found.extend(ancestors.map(|parent| Groups {
            version,
            parent: parent.to_owned(),
        }));
    }
    // Version 2 without a memory controller is mounted beside version 1 on many systems.
    found.sort_by_key(|groups| groups.version == Version::Two);
    found
}

/// Removes the control groups of processes that are gone, and ends what still runs in them. Says which.
#[must_use]
pub fn sweep_groups() -> Vec<PathBuf> {
    let Ok(groups) = Groups::find() else {
        return Vec::new();
    };
    let orphans: Vec<PathBuf> = fs::read_dir(&groups.parent)
        .into_iter()
        .flatten()
        .flatten()
        .filter(|entry| is_orphan(&entry.file_name().to_string_lossy()))
        .map(|entry| entry.path())
        .collect();
    orphans.iter().for_each(|group| remove(group));
    orphans
}

/// Whether a group of that name is ours and its maker is gone.
fn is_orphan(name: &str) -> bool {
    let parts: Vec<&str> = name.strip_prefix(PREFIX).unwrap_or_default().split('-').collect();
    let [process, start, _count] = *parts else {
        return false;
    };
    match (process.parse::<u32>(), start.parse::<u64>()) {
        (Ok(process), Ok(start)) => started(process) != Some(start),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::{Groups, Version, candidates, field, is_orphan, started};

    #[test]
    fn places_of_both_versions() {
        let one = "33 32 0:30 / /sys/fs/cgroup/memory rw,relatime - cgroup cgroup rw,memory\n\
                   40 32 0:39 / /sys/fs/cgroup/unified rw,relatime - cgroup2 cgroup2 rw\n";
        let found = candidates(one, "4:memory:/a/b\n0::/\n");
        let shown: Vec<String> = found.iter().map(|groups| groups.parent.display().to_string()).collect();
        assert_eq!(
            shown,
            [
                "/sys/fs/cgroup/memory/a/b",
                "/sys/fs/cgroup/memory/a",
                "/sys/fs/cgroup/memory",
                "/sys/fs/cgroup/unified/"
            ]
        );
        assert_eq!(found[3].version, Version::Two);
        let two = "30 24 0:26 / /sys/fs/cgroup rw shared:4 - cgroup2 cgroup2 rw,nsdelegate\n";
        let found = candidates(two, "0::/user.slice/me\n");
        assert_eq!(found[0].parent.display().to_string(), "/sys/fs/cgroup/user.slice/me");
        // In a container the mount shows a part of the tree.
        let inside = "30 24 0:26 /docker/x /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n";
        let found = candidates(inside, "4:memory:/docker/x/y\n");
        assert_eq!(found[0].parent.display().to_string(), "/sys/fs/cgroup/memory/y");
        assert!(candidates("", "").is_empty());
    }

    #[test]
    fn only_groups_of_the_dead_are_orphans() {
        let me = std::process::id();
        let start = started(me).unwrap();
        assert!(!is_orphan(&format!("lagproof-{me}-{start}-0")));
        assert!(is_orphan(&format!("lagproof-{me}-{}-0", start + 1)));
        assert!(is_orphan("lagproof-4294967295-1-0"));
        for foreign in ["lagproof-x-1-0", "lagproof-1", "docker", "lagproof-1-2-3-4"] {
            assert!(!is_orphan(foreign), "{foreign}");
        }
    }

    #[test]
    fn lines_of_events() {
        assert_eq!(field("oom 3\noom_kill 1\noom_group_kill 0\n", "oom_kill"), Some(1));
        assert_eq!(field("oom_kill_disable 0\nunder_oom 0\n", "oom_kill"), None);
    }

    #[test]
    fn where_it_can_be_had_a_group_is_made_and_removed() {
        let Ok(groups) = Groups::find() else {
            // The reason is what a report says; `local` tests that one is given.
            return;
        };
        let path = groups.next();
        let group = groups.make(&path, 64 << 20).unwrap();
        assert_eq!(group.oom_kills(), Some(0));
        assert!(path.exists());
        group.remove();
        assert!(!path.exists());
    }
}
