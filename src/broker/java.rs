//! The Java that runs Kafka.

use std::fmt;
use std::path::PathBuf;
use std::process::Command;

use super::cancel::{Cancel, output};
use super::surroundings::Surroundings;

/// What brokers of Apache Kafka 4.x need.
pub const OLDEST_JAVA: u32 = 17;

/// A Java runtime that can run Kafka.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Java {
    /// The program.
    pub program: PathBuf,
    /// Its major version: 17.
    pub major: u32,
}

/// There is no Java that can run Kafka.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NoJava {
    /// Those that are here, too old or broken: the program and its version, 0 where it did not say.
    pub unfit: Vec<(PathBuf, u32)>,
}

impl fmt::Display for NoJava {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Java {OLDEST_JAVA} or newer not found")?;
        for (program, major) in &self.unfit {
            match major {
                0 => write!(f, "; {} does not run", program.display())?,
                major => write!(f, "; {} is Java {major}", program.display())?,
            }
        }
        Ok(())
    }
}

/// The first Java that is new enough: of JAVA_HOME, then of PATH.
///
/// # Errors
/// [`NoJava`], with those that are too old.
pub fn find_java(surroundings: &Surroundings) -> Result<Java, NoJava> {
    find_java_unless(surroundings, &Cancel::never())
}

/// The same; one that does not answer counts as unfit once somebody wishes that it is not waited for.
pub(super) fn find_java_unless(surroundings: &Surroundings, cancel: &Cancel) -> Result<Java, NoJava> {
    let home = surroundings
        .get("JAVA_HOME")
        .map(|home| PathBuf::from(home).join("bin/java"));
    let mut unfit = Vec::new();
    for program in home.into_iter().chain(surroundings.find("java")) {
        match major_of(&program, cancel) {
            Some(major) if major >= OLDEST_JAVA => return Ok(Java { program, major }),
            Some(major) => unfit.push((program, major)),
            None => unfit.push((program, 0)),
        }
    }
    Err(NoJava { unfit })
}

fn major_of(program: &PathBuf, cancel: &Cancel) -> Option<u32> {
    let output = output(Command::new(program).arg("-version"), cancel).ok()??;
    parse_version(&String::from_utf8_lossy(&output.stderr))
}

/// The major version in what `java -version` says: `openjdk version "17.0.15"`, and `"1.8.0_412"` for 8.
fn parse_version(text: &str) -> Option<u32> {
    let version = text.split_once("version \"")?.1;
    let mut numbers = version.split(|character: char| !character.is_ascii_digit());
    match numbers.next()?.parse().ok()? {
        1 => numbers.next()?.parse().ok(),
        major => Some(major),
    }
}

#[cfg(test)]
mod tests {
    use super::{NoJava, find_java, parse_version};
    use crate::broker::surroundings::Surroundings;
    use std::ffi::OsStr;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn versions_old_and_new() {
        for (text, major) in [
            ("openjdk version \"17.0.15\" 2025-04-15\nOpenJDK", Some(17)),
            ("java version \"1.8.0_412\"", Some(8)),
            ("openjdk version \"25\" 2025-09-16", Some(25)),
            ("openjdk version \"26-ea\" 2026-03-17", Some(26)),
            ("No Java runtime present", None),
            ("", None),
        ] {
            assert_eq!(parse_version(text), major, "{text}");
        }
    }

    #[test]
    fn an_old_one_in_java_home_does_not_hide_a_new_one() {
        let folder = tempfile::tempdir().unwrap();
        let make = |place: &str, version: &str| {
            let bin = folder.path().join(place).join("bin");
            std::fs::create_dir_all(&bin).unwrap();
            let script = format!("#!/bin/sh\necho 'openjdk version \"{version}\"' >&2\n");
            std::fs::write(bin.join("java"), script).unwrap();
            std::fs::set_permissions(bin.join("java"), PermissionsExt::from_mode(0o755)).unwrap();
            bin
        };
        let old = make("old", "11.0.2");
        let new = make("new", "21.0.1");
        let home = folder.path().join("old");
        let here = Surroundings::default().with("JAVA_HOME", Some(home.as_os_str()));
        assert_eq!(
            find_java(&here).unwrap_err(),
            NoJava {
                unfit: vec![(old.join("java"), 11)]
            }
        );
        let found = find_java(&here.clone().with("PATH", Some(new.as_os_str()))).unwrap();
        assert_eq!((found.program, found.major), (new.join("java"), 21));
        let gone = here.with("JAVA_HOME", Some(OsStr::new("/no/such")));
        let message = find_java(&gone).unwrap_err().to_string();
        assert_eq!(message, "Java 17 or newer not found; /no/such/bin/java does not run");
    }
}
