//! What nobody stated is marked, and says what it rests on.

use std::fs;
use std::path::PathBuf;

use super::{model, root};

fn files() -> Vec<PathBuf> {
    ["profiles", "profiles/services", "profiles/cases"]
        .iter()
        .flat_map(|folder| fs::read_dir(root().join(folder)).expect("a folder"))
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| path.is_file())
        .collect()
}

#[test]
fn every_assumption_says_what_it_rests_on() {
    let mut marked = 0;
    for path in files() {
        for (at, line) in fs::read_to_string(&path).expect("a file").lines().enumerate() {
            if !line.starts_with("assumed") {
                continue;
            }
            marked += 1;
            let comment = line.split_once(" # ").map_or("", |(_, comment)| comment.trim());
            assert!(comment.len() > 5, "{}:{} has no comment", path.display(), at + 1);
        }
    }
    assert!(marked >= model().services.len() * 2, "only {marked} are marked");
}

#[test]
fn costs_and_memory_which_the_document_does_not_state_are_marked() {
    for service in &model().services {
        assert!(
            !service.run.processing.assumed.is_empty(),
            "{}: processing",
            service.name
        );
        assert!(!service.run.memory.assumed.is_empty(), "{}: memory", service.name);
    }
}

#[test]
fn profiles_are_small() {
    for path in files()
        .iter()
        .filter(|path| path.to_string_lossy().contains("/services/"))
    {
        let lines = fs::read_to_string(path).expect("a file").lines().count();
        assert!(lines <= 40, "{} has {lines} lines", path.display());
    }
}
