//! A plan as people read it.

use std::fmt::Write as _;
use std::fs;

use similar::TextDiff;

use super::plan::{Plan, Why};

/// What a plan would change, as unified diffs that `git apply` and `patch -p1` take.
#[must_use]
pub fn diff(plan: &Plan<'_>) -> String {
    let root = plan
        .root
        .file_name()
        .map_or_else(String::new, |name| format!("{}/", name.to_string_lossy()));
    let old = |path: &str| {
        fs::read(plan.root.join(path))
            .map_or_else(|_| String::new(), |bytes| String::from_utf8_lossy(&bytes).into_owned())
    };
    let mut out = String::new();
    for write in &plan.writes {
        let path = write.artifact.path();
        match write.why {
            Why::Missing => one(
                &mut out,
                "",
                write.artifact.contents(),
                "/dev/null",
                &format!("b/{root}{path}"),
            ),
            Why::Differs => {
                let (from, to) = (format!("a/{root}{path}"), format!("b/{root}{path}"));
                one(&mut out, &old(path), write.artifact.contents(), &from, &to);
            }
            Why::NotExecutable => {
                let _ = writeln!(
                    out,
                    "diff --git a/{root}{path} b/{root}{path}\nold mode 100644\nnew mode 100755"
                );
            }
        }
    }
    for path in &plan.removes {
        one(&mut out, &old(path), "", &format!("a/{root}{path}"), "/dev/null");
    }
    out
}

fn one(out: &mut String, old: &str, new: &str, from: &str, to: &str) {
    let _ = write!(
        out,
        "{}",
        TextDiff::from_lines(old, new).unified_diff().header(from, to)
    );
}
