//! What is compared, written, removed and left.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::time::Duration;

use lagproof::emit::write::{Summary, Why, WriteError, apply, diff, lock, plan};
use lagproof::emit::{Artifact, header};

pub fn artifact(path: &str, contents: &str) -> Artifact {
    Artifact::new(path, contents).unwrap()
}

/// Plans and carries out, under a lock, as `compile` does.
pub fn compile(root: &Path, artifacts: &[Artifact], replaced: &[String]) -> Result<Summary, WriteError> {
    let lock = lock(root, Duration::from_secs(20))?;
    let plan = plan(root, artifacts, replaced)?;
    apply(&lock, &plan)
}

/// Every file below a folder with its content, sorted.
pub fn tree(root: &Path) -> Vec<(String, String)> {
    fn walk(root: &Path, folder: &Path, out: &mut Vec<(String, String)>) {
        for entry in fs::read_dir(folder).into_iter().flatten() {
            let path = entry.unwrap().path();
            if path.is_dir() && !path.is_symlink() {
                walk(root, &path, out);
            } else {
                let name = path.strip_prefix(root).unwrap().to_str().unwrap().to_owned();
                out.push((name, fs::read_to_string(path).unwrap_or_default()));
            }
        }
    }
    let mut out = Vec::new();
    walk(root, root, &mut out);
    out.sort();
    out
}

fn project() -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("generated");
    (folder, root)
}

fn three() -> Vec<Artifact> {
    vec![
        artifact("migrations/20260101000000_a.sql", "select 1;\n"),
        artifact("topics/topics.sh", &format!("#!/bin/sh\n# {}\n", header("x"))),
        artifact("properties/a.properties", &format!("# {}\na=1\n", header("x"))),
    ]
}

fn summary(created: usize, updated: usize, removed: usize, unchanged: usize) -> Summary {
    Summary {
        created,
        updated,
        removed,
        unchanged,
    }
}

#[test]
fn writes_what_differs_and_nothing_else() {
    let (_folder, root) = project();
    let mut artifacts = three();
    assert_eq!(compile(&root, &artifacts, &[]).unwrap(), summary(3, 0, 0, 0));
    assert_eq!(tree(&root).len(), 3, "no lock and no temporary file stays");
    let mode = |path: &str| fs::metadata(root.join(path)).unwrap().permissions().mode() & 0o100;
    assert_eq!((mode("topics/topics.sh"), mode("properties/a.properties")), (0o100, 0));

    let before = fs::metadata(root.join("topics/topics.sh")).unwrap().modified().unwrap();
    assert_eq!(compile(&root, &artifacts, &[]).unwrap(), summary(0, 0, 0, 3));
    assert_eq!(
        fs::metadata(root.join("topics/topics.sh")).unwrap().modified().unwrap(),
        before
    );

    artifacts[2] = artifact("properties/a.properties", &artifacts[2].contents().replace('1', "2"));
    fs::set_permissions(root.join("topics/topics.sh"), fs::Permissions::from_mode(0o644)).unwrap();
    let made = plan(&root, &artifacts, &[]).unwrap();
    assert!(!made.is_fresh());
    assert_eq!(
        made.writes.iter().map(|write| write.why).collect::<Vec<_>>(),
        [Why::Differs, Why::NotExecutable]
    );
    assert_eq!(
        made.stale(),
        [
            ("properties/a.properties", "differs"),
            ("topics/topics.sh", "not executable")
        ]
    );
    assert_eq!(compile(&root, &artifacts, &[]).unwrap(), summary(0, 2, 0, 1));
    assert_eq!(mode("topics/topics.sh"), 0o100);
}

#[test]
fn a_plan_changes_nothing() {
    let (_folder, root) = project();
    let artifacts = three();
    let made = plan(&root, &artifacts, &[]).unwrap();
    assert_eq!(made.writes.len(), 3);
    assert!(made.writes[2].artifact.is_seed(), "seeds come last");
    assert!(!root.exists());
    drop(lock(&root, Duration::ZERO).unwrap());
    assert!(!root.exists(), "a lock under which nothing is written leaves no folder");
}

#[test]
fn removes_only_what_it_made_itself() {
    let (_folder, root) = project();
    let artifacts = three();
    compile(&root, &artifacts, &[]).unwrap();
    let ours = format!("# {}\n", header("x"));
    for (path, contents) in [
        ("properties/old.properties", ours.as_str()),
        ("topics/old.sh", ours.as_str()),
        ("properties/mine.properties", "a=1\n"),
        ("properties/late.properties", &format!("1\n2\n3\n4\n5\n{ours}")),
        ("properties/.keep", ours.as_str()),
        ("migrations/20250101000000_old.sql", ours.as_str()),
        ("migrations/20250202000000_old.sql", ours.as_str()),
        ("notes.md", ours.as_str()),
    ] {
        fs::write(root.join(path), contents).unwrap();
    }
    symlink("/etc/hostname", root.join("properties/link")).unwrap();
    fs::create_dir(root.join("topics/folder")).unwrap();
    let made = plan(&root, &artifacts, &[]).unwrap();
    assert_eq!(made.removes, ["properties/old.properties", "topics/old.sh"]);
    assert_eq!(
        made.foreign,
        [
            "properties/late.properties",
            "properties/link",
            "properties/mine.properties",
            "topics/folder"
        ]
    );
    let replaced = ["migrations/20250101000000_old.sql".to_owned()];
    assert_eq!(compile(&root, &artifacts, &replaced).unwrap(), summary(0, 0, 3, 3));
    let left: Vec<String> = tree(&root).into_iter().map(|(path, _)| path).collect();
    assert!(!left.contains(&replaced[0]));
    assert!(left.contains(&"migrations/20250202000000_old.sql".to_owned()));
    assert!(left.contains(&"notes.md".to_owned()) && left.contains(&"properties/.keep".to_owned()));
}

#[test]
fn seeds_are_append_only() {
    let (_folder, root) = project();
    compile(&root, &three(), &[]).unwrap();
    let mut artifacts = three();
    artifacts[0] = artifact(artifacts[0].path(), "select 2;\n");
    let error = compile(&root, &artifacts, &[]).unwrap_err();
    assert!(matches!(error, WriteError::SeedExists(_)), "{error}");
    let replaced = [artifacts[0].path().to_owned()];
    assert_eq!(compile(&root, &artifacts, &replaced).unwrap(), summary(0, 1, 0, 2));
    let error = plan(&root, &artifacts, &["properties/a.properties".to_owned()]).unwrap_err();
    assert!(matches!(error, WriteError::NotASeed(_)), "{error}");
}

#[test]
fn two_things_in_one_place_are_refused() {
    let (_folder, root) = project();
    let twice = [artifact("properties/a", "1"), artifact("properties/a", "2")];
    assert_eq!(
        plan(&root, &twice, &[]).unwrap_err().to_string(),
        "two things compile to properties/a"
    );
}

#[test]
fn a_plan_is_shown_as_a_diff_that_git_applies() {
    let (folder, root) = project();
    compile(&root, &three(), &[]).unwrap();
    fs::write(root.join("properties/old.properties"), format!("# {}\n", header("x"))).unwrap();
    let artifacts = [
        artifact("topics/topics.sh", "#!/bin/sh\necho\n"),
        artifact("properties/a.properties", &format!("# {}\na=2\n", header("x"))),
        artifact("properties/b.properties", "b=1"),
    ];
    fs::set_permissions(root.join("topics/topics.sh"), fs::Permissions::from_mode(0o644)).unwrap();
    let made = plan(&root, &artifacts, &[]).unwrap();
    let shown = diff(&made);
    insta::assert_snapshot!(shown, @r#"
    --- a/generated/properties/a.properties
    +++ b/generated/properties/a.properties
    @@ -1,2 +1,2 @@
     # Generated by lagproof. Do not edit: change x and run `lagproof compile`.
    -a=1
    +a=2
    --- /dev/null
    +++ b/generated/properties/b.properties
    @@ -0,0 +1 @@
    +b=1
    \ No newline at end of file
    --- a/generated/topics/topics.sh
    +++ b/generated/topics/topics.sh
    @@ -1,2 +1,2 @@
     #!/bin/sh
    -# Generated by lagproof. Do not edit: change x and run `lagproof compile`.
    +echo
    --- a/generated/properties/old.properties
    +++ /dev/null
    @@ -1 +0,0 @@
    -# Generated by lagproof. Do not edit: change x and run `lagproof compile`.
    "#);

    let patch = folder.path().join("patch");
    fs::write(&patch, &shown).unwrap();
    let output = std::process::Command::new("git")
        .args(["apply", "-p1", "patch"])
        .current_dir(folder.path())
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    let after = plan(&root, &artifacts, &[]).unwrap();
    assert_eq!(
        (after.removes.len(), after.unchanged),
        (0, 2),
        "all but the script's mode"
    );
}
