//! What the base branch has, asked of the `git` command.
//!
//! Git is asked by its plumbing, with `-z`, so that no configuration changes what it prints. The repository is the one
//! that the project's folder lies in: what a hook or an outer call of git left in the environment is taken away.

use std::collections::BTreeSet;
use std::io::{ErrorKind, Read, Write};
use std::path::Path;
use std::process::{Command, Output, Stdio};

use crate::history::Base;

/// Variables by which git names a repository to the commands that it starts.
const OF_A_REPOSITORY: [&str; 8] = [
    "GIT_DIR",
    "GIT_WORK_TREE",
    "GIT_INDEX_FILE",
    "GIT_PREFIX",
    "GIT_COMMON_DIR",
    "GIT_NAMESPACE",
    "GIT_OBJECT_DIRECTORY",
    "GIT_ALTERNATE_OBJECT_DIRECTORIES",
];

/// Why git gave no answer, in a few words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct GitError(pub(super) String);

fn git(root: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new("git");
    command
        .arg("-C")
        .arg(root)
        .arg("--no-pager")
        .args(arguments)
        .env("LC_ALL", "C")
        .env("GIT_TERMINAL_PROMPT", "0")
        .env("GIT_OPTIONAL_LOCKS", "0")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    for variable in OF_A_REPOSITORY {
        command.env_remove(variable);
    }
    command
}

fn not_started(error: &std::io::Error) -> GitError {
    GitError(if error.kind() == ErrorKind::NotFound {
        "git is not installed".to_owned()
    } else {
        format!("git can't be started: {error}")
    })
}

/// What git printed, or its own first words on why not.
fn answer(output: Output) -> Result<Vec<u8>, GitError> {
    if output.status.success() {
        return Ok(output.stdout);
    }
    let said = String::from_utf8_lossy(&output.stderr);
    let first = said
        .lines()
        .find(|line| !line.trim().is_empty())
        .unwrap_or("git failed");
    let first: String = first.chars().filter(|c| !c.is_control()).take(200).collect();
    Err(GitError(
        first
            .trim_start_matches("fatal: ")
            .trim_start_matches("error: ")
            .to_owned(),
    ))
}

fn ask(root: &Path, arguments: &[&str]) -> Result<Vec<u8>, GitError> {
    let output = git(root, arguments).output().map_err(|error| not_started(&error))?;
    answer(output)
}

/// The names of the seeds that the base branch has in `folder`: those of `origin/NAME` and those of `NAME`, whichever
/// there is. A branch merged here and not pushed yet counts, too. `here` are the names in the working tree.
///
/// A seed that is here and not there is either new, or was squashed there since this branch left: only then is it asked
/// what the base branch had at that point.
pub(super) fn base_seeds(root: &Path, branch: &str, folder: &str, here: &[&str]) -> Base {
    let references = [format!("refs/remotes/origin/{branch}"), format!("refs/heads/{branch}")];
    let mut names: Option<BTreeSet<String>> = None;
    let mut refused = None;
    for listed in seed_names(root, &references, folder) {
        match listed {
            Ok(listed) => names.get_or_insert_default().extend(listed),
            Err(GitError(said)) => refused = Some(said),
        }
    }
    let Some(mut names) = names else {
        return Base::Unknown(why_unknown(branch, &refused.unwrap_or_default()));
    };
    if here.iter().any(|name| !names.contains(*name)) {
        let left: Vec<String> = references
            .iter()
            .filter_map(|reference| merge_base(root, reference))
            .collect();
        names.extend(seed_names(root, &left, folder).into_iter().flatten().flatten());
    }
    Base::Names(names)
}

/// The names in `folder` at each commit, asked at once.
fn seed_names(root: &Path, commits: &[String], folder: &str) -> Vec<Result<Vec<String>, GitError>> {
    let inner = format!("{folder}/");
    let started: Vec<_> = commits
        .iter()
        .map(|commit| git(root, &["ls-tree", "-z", "--name-only", commit, "--", &inner]).spawn())
        .collect();
    started
        .into_iter()
        .map(|child| {
            let output = child.and_then(std::process::Child::wait_with_output);
            let listed = answer(output.map_err(|error| not_started(&error))?)?;
            Ok(file_names(&listed).collect())
        })
        .collect()
}

fn why_unknown(branch: &str, said: &str) -> String {
    if said.starts_with("Not a valid object name") {
        format!("git has no branch {branch} or origin/{branch} here (fetch it: git fetch origin {branch})")
    } else if said.contains("dubious ownership") {
        "git refuses to read the repository, which belongs to another user (see safe.directory in git-config(1))"
            .to_owned()
    } else if said.contains("not a git repository") {
        "this is not in a git repository".to_owned()
    } else {
        said.to_owned()
    }
}

/// The last parts of NUL-terminated paths.
fn file_names(listed: &[u8]) -> impl Iterator<Item = String> {
    listed
        .split(|byte| *byte == 0)
        .filter(|path| !path.is_empty())
        .map(|path| {
            let path = String::from_utf8_lossy(path);
            path.rsplit('/').next().unwrap_or_default().to_owned()
        })
}

/// The commit that a name stands for.
pub(super) fn commit(root: &Path, reference: &str) -> Result<String, GitError> {
    let name = format!("{reference}^{{commit}}");
    let printed = ask(root, &["rev-parse", "--verify", "--end-of-options", &name]).map_err(|GitError(said)| {
        // Git's word for a name that it does not know.
        GitError(if said == "Needed a single revision" {
            "git knows no such commit or branch here".to_owned()
        } else {
            said
        })
    })?;
    Ok(String::from_utf8_lossy(&printed).trim().to_owned())
}

/// Where the work at hand left the history of `commit`; nothing where the two have nothing in common, or a shallow clone
/// does not reach that far.
pub(super) fn merge_base(root: &Path, commit: &str) -> Option<String> {
    let printed = ask(root, &["merge-base", commit, "HEAD"]).ok()?;
    let text = String::from_utf8_lossy(&printed).trim().to_owned();
    (!text.is_empty()).then_some(text)
}

/// The seeds that a commit has in `folder`: names and contents.
pub(super) fn seeds_at(root: &Path, commit: &str, folder: &str) -> Result<Vec<(String, Vec<u8>)>, GitError> {
    let inner = format!("{folder}/");
    let listed = ask(root, &["ls-tree", "-z", commit, "--", &inner])?;
    let mut blobs: Vec<(String, String)> = Vec::new();
    for entry in listed.split(|byte| *byte == 0) {
        let entry = String::from_utf8_lossy(entry);
        // mode, type and name of the object, a tab, the path
        let Some((object, path)) = entry.split_once('\t') else {
            continue;
        };
        let mut words = object.split(' ').skip(1);
        let name = path.rsplit('/').next().unwrap_or_default();
        if let (Some("blob"), Some(id)) = (words.next(), words.next())
            && name.ends_with(".sql")
        {
            blobs.push((name.to_owned(), id.to_owned()));
        }
    }
    if blobs.is_empty() {
        return Ok(Vec::new());
    }
    let mut child = git(root, &["cat-file", "--batch"])
        .stdin(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .map_err(|error| not_started(&error))?;
    let mut stdin = child.stdin.take();
    let asked: String = blobs.iter().map(|(_, id)| format!("{id}\n")).collect();
    let mut printed = Vec::new();
    std::thread::scope(|scope| {
        // Written beside the reading: git answers before it has read all questions.
        scope.spawn(move || stdin.as_mut().map(|stdin| stdin.write_all(asked.as_bytes())));
        child.stdout.take().map(|mut stdout| stdout.read_to_end(&mut printed))
    });
    let _ = child.wait();
    batch(&printed, blobs).ok_or_else(|| GitError("git cat-file printed what is not understood".to_owned()))
}

/// Takes apart what `cat-file --batch` prints: for each object a line with its size, its bytes, a line feed.
fn batch(mut printed: &[u8], blobs: Vec<(String, String)>) -> Option<Vec<(String, Vec<u8>)>> {
    let mut out = Vec::with_capacity(blobs.len());
    for (name, _) in blobs {
        let end = printed.iter().position(|byte| *byte == b'\n')?;
        let line = std::str::from_utf8(&printed[..end]).ok()?;
        let size: usize = line.rsplit(' ').next()?.parse().ok()?;
        let bytes = printed.get(end + 1..end + 1 + size)?;
        out.push((name, bytes.to_vec()));
        printed = printed.get(end + 2 + size..)?;
    }
    Some(out)
}
