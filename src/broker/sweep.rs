//! What belongs to a broker of ours, and finding what nobody holds any more.
//!
//! A guard cleans up after a process that was killed; this is for when the guard was killed as well, or the machine
//! went down.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use super::error::BrokerError;
use super::guard::{PID_FILE, signal};
use super::options::MEMORY;

const PREFIX: &str = "lagproof-kafka-";
const OWNER: &str = "owner";

/// A folder with a lock in it that lives as long as this process.
#[derive(Debug)]
pub(super) struct Owned {
    path: PathBuf,
    _lock: File,
}

impl Owned {
    /// Makes one below `root`. A guard removes it.
    pub(super) fn folder(root: &Path) -> Result<Self, BrokerError> {
        let path = tempfile::Builder::new()
            .prefix(PREFIX)
            .tempdir_in(root)
            .map_err(BrokerError::io(format!("make a folder in {}", root.display())))?
            .keep();
        // It gets its name once it is locked: a lock of that name that nobody holds means that we are gone.
        let lock = File::create(path.join("new"))
            .and_then(|file| file.lock().map(|()| file))
            .and_then(|file| fs::rename(path.join("new"), path.join(OWNER)).map(|()| file))
            .map_err(BrokerError::io(format!("write to {}", path.display())));
        match lock {
            Ok(lock) => Ok(Self { path, _lock: lock }),
            Err(error) => {
                let _ = fs::remove_dir_all(&path);
                Err(error)
            }
        }
    }

    /// Where it is.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// The end of its name, which no other has.
    pub(super) fn unique(&self) -> &str {
        let name = self.path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        name.strip_prefix(PREFIX).unwrap_or_default()
    }
}

/// Whether the process that made a folder is gone: its lock is free, or the folder is.
pub(super) fn is_orphan(folder: &Path) -> bool {
    match File::open(folder.join(OWNER)) {
        Ok(file) => file.try_lock().is_ok(),
        Err(error) => error.kind() == std::io::ErrorKind::NotFound && !folder.exists(),
    }
}

/// Removes the folders of brokers that nobody holds, and ends what still runs in them. Says which.
///
/// # Errors
/// [`BrokerError::Io`] where one can't be removed.
pub fn sweep_folders() -> Result<Vec<PathBuf>, BrokerError> {
    let mut removed = sweep_below(&std::env::temp_dir())?;
    removed.extend(sweep_below(Path::new(MEMORY))?);
    Ok(removed)
}

fn sweep_below(root: &Path) -> Result<Vec<PathBuf>, BrokerError> {
    let mut removed = Vec::new();
    for entry in fs::read_dir(root).into_iter().flatten().flatten() {
        let path = entry.path();
        let ours = entry.file_name().to_str().is_some_and(|name| name.starts_with(PREFIX));
        let is_folder = entry.file_type().is_ok_and(|kind| kind.is_dir());
        if !ours || !is_folder || !path.join(OWNER).exists() || !is_orphan(&path) {
            continue;
        }
        if let Some(process) = running_in(&path) {
            let _ = signal(process, rustix::process::Signal::KILL);
        }
        fs::remove_dir_all(&path).map_err(BrokerError::io(format!("remove {}", path.display())))?;
        removed.push(path);
    }
    Ok(removed)
}

/// The process that recorded itself in a folder, if the one of that number today names the folder in its arguments.
fn running_in(folder: &Path) -> Option<u32> {
    let process: u32 = fs::read_to_string(folder.join(PID_FILE)).ok()?.trim().parse().ok()?;
    let arguments = fs::read(format!("/proc/{process}/cmdline")).ok()?;
    String::from_utf8_lossy(&arguments)
        .contains(folder.to_str()?)
        .then_some(process)
}

/// 128 bits that nobody else has: the standard library seeds its hash maps from the system.
pub(super) fn random() -> u128 {
    use std::hash::{BuildHasher, RandomState};
    let half = |salt: u8| u128::from(RandomState::new().hash_one(salt));
    half(0) << 64 | half(1)
}

#[cfg(test)]
mod tests {
    use super::{Owned, is_orphan, sweep_below};

    #[test]
    fn only_what_nobody_holds_is_swept() {
        let root = tempfile::tempdir().unwrap();
        let held = Owned::folder(root.path()).unwrap();
        let left = Owned::folder(root.path()).unwrap().path().to_owned();
        std::fs::create_dir(root.path().join("lagproof-kafka-foreign")).unwrap();
        std::fs::create_dir(root.path().join("other")).unwrap();
        assert!(is_orphan(&left) && !is_orphan(held.path()));
        assert!(is_orphan(&root.path().join("no-such-folder")));
        assert_eq!(sweep_below(root.path()).unwrap(), [left]);
        assert_eq!(std::fs::read_dir(root.path()).unwrap().count(), 3);
        assert!(!held.unique().is_empty());
    }
}
