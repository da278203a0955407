//! What this machine offers: the environment's variables, looked at in one place and passed in by tests.

use std::collections::BTreeMap;
use std::env;
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

use super::error::BrokerError;

/// The environment's variables.
#[derive(Debug, Clone, Default)]
pub struct Surroundings {
    variables: BTreeMap<OsString, OsString>,
}

impl Surroundings {
    /// Those of this process.
    #[must_use]
    pub fn of_process() -> Self {
        Self {
            variables: env::vars_os().collect(),
        }
    }

    /// The same with another value for a variable; nothing takes it away.
    #[must_use]
    pub fn with(mut self, name: &str, value: Option<&OsStr>) -> Self {
        match value {
            Some(value) => self.variables.insert(name.into(), value.into()),
            None => self.variables.remove(OsStr::new(name)),
        };
        self
    }

    /// A variable that is set and not empty.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&OsStr> {
        self.variables
            .get(OsStr::new(name))
            .map(OsString::as_os_str)
            .filter(|value| !value.is_empty())
    }

    /// A variable as text.
    pub(super) fn text(&self, name: &str) -> Option<String> {
        self.get(name).map(|value| value.to_string_lossy().into_owned())
    }

    /// The first executable file of a name on PATH.
    #[must_use]
    pub fn find(&self, program: &str) -> Option<PathBuf> {
        env::split_paths(self.get("PATH")?)
            .map(|folder| folder.join(program))
            .find(|path| is_executable(path))
    }

    /// Where what was fetched is kept: `$LAGPROOF_CACHE`, else `lagproof` in the user's cache folder.
    ///
    /// # Errors
    /// [`BrokerError::Jars`] where neither that nor a home is known.
    pub fn cache(&self) -> Result<PathBuf, BrokerError> {
        self.folder("LAGPROOF_CACHE", "XDG_CACHE_HOME", ".cache")
            .ok_or_else(|| BrokerError::Jars {
                doing: "find a cache folder".to_owned(),
                reason: "none of LAGPROOF_CACHE, XDG_CACHE_HOME and HOME is set".to_owned(),
            })
    }

    /// Where journals are kept between runs: `$LAGPROOF_STATE`, else `lagproof` in the user's state folder.
    ///
    /// # Errors
    /// [`BrokerError::Jars`] where neither that nor a home is known.
    pub fn state(&self) -> Result<PathBuf, BrokerError> {
        self.folder("LAGPROOF_STATE", "XDG_STATE_HOME", ".local/state")
            .ok_or_else(|| BrokerError::Jars {
                doing: "find a folder for journals".to_owned(),
                reason: "none of LAGPROOF_STATE, XDG_STATE_HOME and HOME is set".to_owned(),
            })
    }

    fn folder(&self, own: &str, standard: &str, below_home: &str) -> Option<PathBuf> {
        let standard = || Some(Path::new(self.get(standard)?).join("lagproof"));
        let home = || Some(Path::new(self.get("HOME")?).join(below_home).join("lagproof"));
        self.get(own).map(PathBuf::from).or_else(standard).or_else(home)
    }
}

#[cfg(unix)]
fn is_executable(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    path.metadata()
        .is_ok_and(|metadata| metadata.is_file() && metadata.permissions().mode() & 0o111 != 0)
}

#[cfg(not(unix))]
fn is_executable(path: &Path) -> bool {
    path.is_file()
}

#[cfg(test)]
mod tests {
    use super::Surroundings;
    use std::ffi::OsStr;
    use std::path::Path;

    fn with(pairs: &[(&str, &str)]) -> Surroundings {
        pairs.iter().fold(Surroundings::default(), |all, (name, value)| {
            all.with(name, Some(OsStr::new(value)))
        })
    }

    #[test]
    fn the_cache_is_ours_or_the_users() {
        let home = with(&[("HOME", "/h")]);
        assert_eq!(home.cache().unwrap(), Path::new("/h/.cache/lagproof"));
        let standard = home.with("XDG_CACHE_HOME", Some(OsStr::new("/x")));
        assert_eq!(standard.cache().unwrap(), Path::new("/x/lagproof"));
        let own = standard.with("LAGPROOF_CACHE", Some(OsStr::new("/own")));
        assert_eq!(own.cache().unwrap(), Path::new("/own"));
        assert!(with(&[("HOME", "")]).cache().is_err());
    }

    #[test]
    fn programs_are_files_that_can_be_run() {
        let here = tempfile::tempdir().unwrap();
        std::fs::create_dir(here.path().join("sh")).unwrap();
        let path = format!("{}:/bin", here.path().display());
        assert_eq!(with(&[("PATH", &path)]).find("sh").unwrap(), Path::new("/bin/sh"));
        assert_eq!(with(&[]).find("sh"), None);
    }
}
