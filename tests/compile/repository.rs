//! A project in a git repository of its own.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Command;

use crate::cli::{Ran, command, lagproof};
use crate::support::TestProject;

/// A project in a git repository whose branch `main` has the project and its first seed.
pub struct Repository {
    pub project: TestProject,
}

impl Repository {
    /// The example project, committed and compiled on `main`, with more services like the example.
    pub fn new(more_services: &[&str]) -> Self {
        let project = TestProject::new();
        let example = project.read(crate::support::EXAMPLE);
        for name in more_services {
            let text = example.replace("group    = \"example\"", &format!("group    = \"{name}\""));
            project.write(&format!("profiles/services/{name}.toml"), text);
        }
        project.write(".gitattributes", "generated/** -text\n");
        let repository = Self { project };
        repository.git(&["init", "-q", "-b", "main"]);
        repository.compiles();
        repository.commit("first");
        repository
    }

    pub fn root(&self) -> &Path {
        self.project.root()
    }

    /// Runs git, which must work, and gives what it printed.
    pub fn git(&self, arguments: &[&str]) -> String {
        git(self.root(), arguments)
    }

    pub fn commit(&self, message: &str) {
        self.git(&["add", "-A"]);
        self.git(&["commit", "-q", "--allow-empty", "-m", message]);
    }

    /// A new branch from `main`.
    pub fn branch(&self, name: &str) {
        self.git(&["switch", "-q", "-c", name, "main"]);
    }

    /// Merges a branch into `main`, which must work without a conflict.
    pub fn merge(&self, name: &str) {
        self.git(&["switch", "-q", "main"]);
        self.git(&["merge", "-q", "--no-ff", "-m", name, name]);
    }

    pub fn run(&self, arguments: &[&str]) -> Ran {
        lagproof(self.root(), arguments)
    }

    pub fn checks(&self) {
        let ran = self.run(&["check"]);
        assert_eq!(ran.status, Some(0), "{}{}", ran.out, ran.err);
    }

    pub fn compiles(&self) -> Ran {
        let ran = self.run(&["compile"]);
        assert_eq!(ran.status, Some(0), "{}{}", ran.out, ran.err);
        ran
    }

    /// Runs a verb that must fail with findings; gives what it printed.
    pub fn fails(&self, arguments: &[&str]) -> String {
        let ran = self.run(arguments);
        assert_eq!(ran.status, Some(1), "{}{}", ran.out, ran.err);
        ran.out
    }

    /// Sets a service's largest fetch of one partition.
    pub fn set_fetch(&self, service: &str, size: &str) {
        let path = format!("profiles/services/{service}.toml");
        let text = self.project.read(&path);
        let text = text.split("\n[consumer]").next().unwrap();
        self.project
            .write(&path, format!("{text}\n[consumer]\nmax_partition_fetch = \"{size}\"\n"));
    }

    pub fn set_version(&self, service: &str, version: u32) {
        let path = format!("profiles/services/{service}.toml");
        let lines = self.project.read(&path);
        let lines = lines.lines().map(|line| {
            if line.starts_with("version") {
                format!("version = {version}\n")
            } else {
                format!("{line}\n")
            }
        });
        self.project.write(&path, lines.collect::<String>());
    }

    /// The names of all seeds.
    pub fn seeds(&self) -> Vec<String> {
        seeds(self.root())
    }

    /// What git says has changed, a path a line, with its mark: `A `, ` M`, `??`.
    pub fn changed(&self) -> Vec<String> {
        let printed = self.git(&["status", "--porcelain", "-uall"]);
        printed.lines().map(str::to_owned).collect()
    }
}

pub fn git(folder: &Path, arguments: &[&str]) -> String {
    let output = Command::new("git")
        .current_dir(folder)
        .args([
            "-c",
            "user.name=t",
            "-c",
            "user.email=t@example.com",
            "-c",
            "commit.gpgsign=false",
        ])
        .args(arguments)
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .output()
        .unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    assert!(
        output.status.success(),
        "git {arguments:?}: {}{}",
        text(&output.stdout),
        text(&output.stderr)
    );
    text(&output.stdout)
}

pub fn seeds(root: &Path) -> Vec<String> {
    let Ok(entries) = fs::read_dir(root.join("generated/migrations")) else {
        return Vec::new();
    };
    let mut names: Vec<String> = entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

/// Every file below a folder, and what it holds.
pub fn files(root: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut out = BTreeMap::new();
    let mut folders = vec![root.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                let name = path.strip_prefix(root).unwrap().to_str().unwrap().to_owned();
                out.insert(name, fs::read(&path).unwrap());
            }
        }
    }
    out
}

/// The command, for runs that are not waited for.
pub fn compile_command(root: &Path) -> Command {
    command(root, &["compile"])
}
