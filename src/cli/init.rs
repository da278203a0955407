//! `lagproof init`.

use std::fs;
use std::io::Write;
use std::path::PathBuf;

use clap::Args;

use super::Global;
use super::output::{Exit, fail, print};

/// The files of a new project.
pub const TEMPLATES: [(&str, &str); 4] = [
    ("lagproof.toml", include_str!("../../templates/lagproof.toml")),
    ("profiles/matrix.toml", include_str!("../../templates/matrix.toml")),
    ("profiles/topics.toml", include_str!("../../templates/topics.toml")),
    (
        "profiles/services/example.toml",
        include_str!("../../templates/example.toml"),
    ),
];

/// The line that keeps seeds byte for byte.
const ATTRIBUTES: &str = "generated/** -text\n";

/// `init`'s arguments.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  lagproof init\n  lagproof init services/kafka")]
pub(super) struct InitArgs {
    /// Where to start the project [default: here]
    folder: Option<PathBuf>,
}

pub(super) fn run(global: &Global, args: &InitArgs) -> Exit {
    let folder = args
        .folder
        .clone()
        .or_else(|| global.project.clone())
        .unwrap_or_else(|| PathBuf::from("."));
    if let Some((path, _)) = TEMPLATES.iter().find(|(path, _)| folder.join(path).exists()) {
        return fail(
            &format!("{} is there already", folder.join(path).display()),
            "nothing was written; `lagproof check` says how that project stands",
        );
    }
    for (path, text) in TEMPLATES {
        let path = folder.join(path);
        let written = path.parent().map_or(Ok(()), fs::create_dir_all).and_then(|()| {
            fs::OpenOptions::new()
                .write(true)
                .create_new(true)
                .open(&path)?
                .write_all(text.as_bytes())
        });
        if let Err(error) = written {
            return fail(
                &format!("{} can't be written: {error}", path.display()),
                "check the folder and its permissions",
            );
        }
    }
    let attributes = folder.join(".gitattributes");
    let kept = fs::read_to_string(&attributes).is_ok_and(|text| text.contains(ATTRIBUTES.trim()));
    let appended = kept
        || fs::OpenOptions::new()
            .append(true)
            .create(true)
            .open(&attributes)
            .and_then(|mut file| file.write_all(ATTRIBUTES.as_bytes()))
            .is_ok();
    let names: Vec<&str> = TEMPLATES.iter().map(|(path, _)| *path).collect();
    print(&format!("Created {}\n", names.join(", ")));
    if !kept && appended {
        print(
            "Added   `generated/** -text` to .gitattributes: seeds are hashed, git must not change their line ends\n",
        );
    }
    print("Next:   lagproof check · lagproof compile\n");
    Exit::Clean
}
