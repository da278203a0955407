//! `lagproof init`.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use clap::Args;

use super::Global;
use super::output::{Exit, fail, note, print};

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
    for (count, (path, text)) in TEMPLATES.into_iter().enumerate() {
        let path = folder.join(path);
        let written = path.parent().map_or(Ok(()), fs::create_dir_all).and_then(|()| {
            fs::OpenOptions::new()
                .write(true)
                .create_new(true)
                .open(&path)?
                .write_all(text.as_bytes())
        });
        if let Err(error) = written {
            // Half a project would be in the way of the next try.
            for (path, _) in &TEMPLATES[..count] {
                let _ = fs::remove_file(folder.join(path));
            }
            return fail(
                &format!("{} can't be written: {error}; nothing was kept", path.display()),
                "check the folder and its permissions",
            );
        }
    }
    let names: Vec<&str> = TEMPLATES.iter().map(|(path, _)| *path).collect();
    print(&format!("Created {}\n", names.join(", ")));
    match keep_line_ends(&folder.join(".gitattributes")) {
        Ok(Attributes::There) => {}
        Ok(Attributes::Added) => print(
            "Added   `generated/** -text` to .gitattributes: seeds are hashed, git must not change their line ends\n",
        ),
        Err(error) => note(&format!(
            ".gitattributes can't be written ({error}): add the line `{}` to it, or git may change the line ends of seeds, \
             which are hashed",
            ATTRIBUTES.trim()
        )),
    }
    print("Next:   lagproof check · lagproof compile\n");
    Exit::Clean
}

/// Whether git had been told already.
enum Attributes {
    There,
    Added,
}

/// Tells git to leave generated files as they are. What stands in the file already stays as it is.
fn keep_line_ends(path: &Path) -> io::Result<Attributes> {
    let before = match fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => String::new(),
        Err(error) => return Err(error),
    };
    if before.lines().any(|line| line.trim() == ATTRIBUTES.trim()) {
        return Ok(Attributes::There);
    }
    let new_line = if before.is_empty() || before.ends_with('\n') {
        ""
    } else {
        "\n"
    };
    let mut file = fs::OpenOptions::new().append(true).create(true).open(path)?;
    file.write_all(format!("{new_line}{ATTRIBUTES}").as_bytes())?;
    Ok(Attributes::Added)
}
