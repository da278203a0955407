//! One compilation at a time.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, ErrorKind, Write as _};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use super::WriteError;
use super::folder::check_root;

/// How long a compilation waits for another one.
pub const LOCK_WAIT: Duration = Duration::from_secs(5);

const NAME: &str = ".lagproof.lock";
const PAUSE: Duration = Duration::from_millis(25);

/// The right to write below a folder, for as long as it lives. Killing the process gives it back.
#[derive(Debug)]
pub struct Lock {
    pub(super) root: PathBuf,
    held: Held,
}

#[derive(Debug)]
enum Held {
    /// The lock file, and whether the folder was made for it.
    Locked {
        path: PathBuf,
        file: File,
        root_is_new: bool,
    },
    /// Nothing can be written here, which matters only once something is to be written.
    Unwritable(io::Error),
}

/// Takes the lock on `root`, which is made where it is missing, waiting up to `wait` for whoever has it.
///
/// Take it before reading anything that the artifacts depend on in there, such as the seeds. Where the folder can't be
/// written at all, the lock is given all the same, and [`super::apply`] fails if there is anything to do: with nothing to
/// do, a read-only checkout compiles.
///
/// # Errors
/// [`WriteError::Busy`] with the holder's name, or what the system says.
pub fn lock(root: &Path, wait: Duration) -> Result<Lock, WriteError> {
    check_root(root)?;
    let unwritable = |error: io::Error, path: &Path| match error.kind() {
        ErrorKind::ReadOnlyFilesystem | ErrorKind::PermissionDenied => Ok(Lock {
            root: root.to_owned(),
            held: Held::Unwritable(error),
        }),
        _ => Err(WriteError::io(path, "make", error)),
    };
    let root_is_new = !root.exists();
    if let Err(error) = fs::create_dir_all(root) {
        return unwritable(error, root);
    }
    let path = root.join(NAME);
    let start = Instant::now();
    loop {
        if fs::symlink_metadata(&path).is_ok_and(|metadata| !metadata.is_file()) {
            return Err(WriteError::WrongKind {
                path,
                found: "no file",
                wanted: "a lock file",
            });
        }
        let file = match OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(&path)
        {
            Ok(file) => file,
            // The folder went with the lock of somebody who had just made it and had nothing to write.
            Err(error) if error.kind() == ErrorKind::NotFound && start.elapsed() < wait => {
                fs::create_dir_all(root).map_err(|error| WriteError::io(root, "make", error))?;
                continue;
            }
            Err(error) => return unwritable(error, &path),
        };
        match file.try_lock() {
            // Whoever had it took the file away with it: somebody else may have made another by now.
            Ok(()) if !is_at(&file, &path) => {}
            Ok(()) => {
                let _ = file.set_len(0);
                let _ = write!(&file, "process {}", std::process::id());
                return Ok(Lock {
                    root: root.to_owned(),
                    held: Held::Locked {
                        path,
                        file,
                        root_is_new,
                    },
                });
            }
            Err(TryLockError::WouldBlock) if start.elapsed() < wait => thread::sleep(PAUSE),
            Err(TryLockError::WouldBlock) => {
                let holder = fs::read_to_string(&path).ok().filter(|text| {
                    text.len() < 100 && text.starts_with("process ") && !text.contains(char::is_control)
                });
                return Err(WriteError::Busy { lock: path, holder });
            }
            Err(TryLockError::Error(error)) => return Err(WriteError::io(&path, "lock", error)),
        }
    }
}

impl Lock {
    /// Fails where nothing can be written.
    pub(super) fn writable(&self) -> Result<(), WriteError> {
        match &self.held {
            Held::Locked { .. } => Ok(()),
            Held::Unwritable(error) => {
                // An io::Error can't be cloned; its number says the same.
                let error = error
                    .raw_os_error()
                    .map_or_else(|| error.kind().into(), io::Error::from_raw_os_error);
                Err(WriteError::io(&self.root, "write to", error))
            }
        }
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        if let Held::Locked {
            path,
            file,
            root_is_new,
        } = &self.held
        {
            // Taken away while it is held: whoever waits for it sees that and makes another.
            let _ = fs::remove_file(path);
            let _ = file.unlock();
            if *root_is_new {
                // Only goes where nothing was written.
                let _ = fs::remove_dir(&self.root);
            }
        }
    }
}

#[cfg(unix)]
fn is_at(file: &File, path: &Path) -> bool {
    use std::os::unix::fs::MetadataExt;
    match (file.metadata(), fs::symlink_metadata(path)) {
        (Ok(open), Ok(there)) => (open.dev(), open.ino()) == (there.dev(), there.ino()),
        _ => false,
    }
}

/// Elsewhere a file that somebody has open is not taken away.
#[cfg(not(unix))]
fn is_at(_: &File, path: &Path) -> bool {
    path.exists()
}
