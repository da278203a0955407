//! What git says, and what it does not.

use std::fs;

use crate::cli::{command, lagproof};
use crate::repository::{Repository, git, seeds};
use crate::support::TestProject;

#[test]
fn without_git_seeds_are_only_added_and_that_is_said() {
    let project = TestProject::new();
    project.compile();
    project.merge("version = 2\n\n[consumer]\nmax_partition_fetch = \"2MiB\"\n");
    let ran = lagproof(project.root(), &["compile"]);
    assert_eq!(ran.status, Some(0));
    assert_eq!(
        ran.err,
        "note: seeds are only added, none is rewritten: this is not in a git repository\n"
    );
    assert_eq!(seeds(project.root()).len(), 2);
    let again = lagproof(project.root(), &["compile"]);
    assert_eq!(
        (again.status, again.err.as_str()),
        (Some(0), ""),
        "nothing was added, nothing is to be said"
    );
    project.merge("version = 3\n\n[consumer]\nmax_partition_fetch = \"3MiB\"\n");
    let ran = command(project.root(), &["compile"])
        .env("PATH", "/nonexistent")
        .output()
        .unwrap();
    let err = String::from_utf8(ran.stderr).unwrap();
    assert_eq!(
        err,
        "note: seeds are only added, none is rewritten: git is not installed\n"
    );
}

#[test]
fn without_the_base_branch_seeds_are_only_added() {
    let repository = Repository::new(&[]);
    repository.git(&["branch", "-q", "-m", "main", "trunk"]);
    repository
        .project
        .merge("version = 2\n\n[consumer]\nmax_partition_fetch = \"2MiB\"\n");
    let ran = repository.compiles();
    assert_eq!(
        ran.err,
        "note: seeds are only added, none is rewritten: git has no branch main or origin/main here (fetch it: git fetch origin main)\n"
    );
    let ran = repository.run(&["check", "--base", "origin/main"]);
    assert_eq!(ran.status, Some(2));
    assert!(
        ran.err
            .contains("can't compare with `origin/main`: git knows no such commit or branch here"),
        "{}",
        ran.err
    );
    // What would be several seeds where the base branch is known passes here, and that is said.
    let ran = repository.run(&["compile", "--check"]);
    assert_eq!(ran.status, Some(0), "{}", ran.err);
    assert_eq!(
        ran.err,
        "note: which seeds are new in this branch is not known, so several of them pass: git has no branch main or origin/main here (fetch it: git fetch origin main)\n"
    );
    for name in ["--help-me", "-x", "'; rm -rf /"] {
        assert_eq!(
            repository.run(&["check", &format!("--base={name}")]).status,
            Some(2),
            "{name}"
        );
    }
}

#[test]
fn the_base_is_also_what_origin_has() {
    let repository = Repository::new(&["billing"]);
    let clone = tempfile::tempdir().unwrap();
    let source = repository.root().to_str().unwrap();
    git(clone.path(), &["clone", "-q", source, "here"]);
    let here = clone.path().join("here");
    git(&here, &["switch", "-q", "-c", "work"]);
    git(&here, &["branch", "-q", "-D", "main"]);
    let profile = here.join("profiles/services/billing.toml");
    for size in ["2MiB", "3MiB"] {
        let text = fs::read_to_string(&profile).unwrap();
        let text = text
            .split("\n[consumer]")
            .next()
            .unwrap()
            .replace("version  = 1", "version  = 2");
        fs::write(
            &profile,
            format!("{text}\n[consumer]\nmax_partition_fetch = \"{size}\"\n"),
        )
        .unwrap();
        let ran = lagproof(&here, &["compile"]);
        assert_eq!((ran.status, ran.err.as_str()), (Some(0), ""), "{}", ran.out);
    }
    assert_eq!(seeds(&here).len(), 2, "origin/main's and one of this branch");
}

#[test]
fn a_project_in_a_folder_of_a_repository_and_a_hook_s_environment() {
    let outer = tempfile::tempdir().unwrap();
    let root = outer.path().join("services/größe kafka");
    fs::create_dir_all(&root).unwrap();
    git(outer.path(), &["init", "-q", "-b", "main"]);
    for (path, text) in crate::support::TEMPLATES {
        let path = root.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    assert_eq!(lagproof(&root, &["compile"]).status, Some(0));
    git(outer.path(), &["add", "-A"]);
    git(outer.path(), &["commit", "-q", "-m", "first"]);
    for size in ["2MiB", "3MiB"] {
        let profile = root.join(crate::support::EXAMPLE);
        let text = fs::read_to_string(&profile).unwrap();
        let text = text
            .split("\n[consumer]")
            .next()
            .unwrap()
            .replace("version  = 1", "version  = 2");
        fs::write(
            &profile,
            format!("{text}\n[consumer]\nmax_partition_fetch = \"{size}\"\n"),
        )
        .unwrap();
        let ran = command(&root, &["compile"])
            .env("GIT_CEILING_DIRECTORIES", "/")
            .env("GIT_DIR", ".git")
            .env("GIT_INDEX_FILE", "/nonexistent/index")
            .output()
            .unwrap();
        assert!(
            ran.status.success() && ran.stderr.is_empty(),
            "{}",
            String::from_utf8_lossy(&ran.stderr)
        );
    }
    assert_eq!(seeds(&root).len(), 2);
}

#[test]
fn what_landed_and_is_altered_is_caught() {
    let repository = Repository::new(&[]);
    let name = repository.seeds().remove(0);
    let path = format!("generated/migrations/{name}");
    let text = repository.project.read(&path);
    // Changed with care: the hash is right again.
    let (head, hashed) = text.split_at(text.match_indices('\n').nth(1).unwrap().0 + 1);
    let hashed = hashed.replace("45000", "46000");
    let hash = lagproof::history::Digest::of_bytes(hashed.as_bytes());
    let first = head.lines().next().unwrap();
    repository
        .project
        .write(&path, format!("{first}\n-- lagproof seed, format 1, {hash}\n{hashed}"));
    repository.checks();
    let said = repository.fails(&["check", "--base", "main"]);
    assert!(
        said.contains("error[H102]") && said.contains("is another than in main"),
        "{said}"
    );
}

#[test]
fn a_branch_that_is_behind_is_not_to_blame() {
    let repository = Repository::new(&["billing"]);
    repository.branch("behind");
    repository.branch("landed");
    repository.set_fetch("billing", "2MiB");
    repository.set_version("billing", 2);
    repository.compiles();
    repository.commit("landed");
    repository.merge("landed");
    repository.git(&["switch", "-q", "behind"]);
    let ran = repository.run(&["check", "--base", "main"]);
    assert_eq!(ran.status, Some(0), "{}{}", ran.out, ran.err);
}
