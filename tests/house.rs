//! The house: a room uses rooms on lower floors only. See "Rooms and floors" in CONTRIBUTING.md.
//!
//! Every path that starts at the crate's root (`crate::`, `lagproof::`, or as many `super::` as it takes) is read from
//! the tokens of every file in src/, so that groups, macro bodies and inline paths count and comments do not. Test
//! modules and lib.rs, which only lists the rooms, may name anything.

use std::fs;
use std::path::{Path, PathBuf};

use proc_macro2::{Delimiter, TokenStream, TokenTree};

/// The rooms, floor by floor. A room's name is its file or folder under src/.
const FLOORS: [(u8, &[&str]); 9] = [
    (9, &["main"]),
    (8, &["cli"]),
    (7, &["tune"]),
    (6, &["project"]),
    (5, &["rules", "diff", "harness", "monitor"]),
    (4, &["resolve", "emit", "proofs", "db", "broker"]),
    (3, &["declared", "clients", "history", "evidence"]),
    (2, &["model", "diagnostic"]),
    (1, &["units", "source", "lag"]),
];

const LONGEST_FILE: usize = 400;

#[test]
fn no_arrow_goes_up_or_sideways() {
    let sources = sources();
    assert!(
        !sources.is_empty(),
        "no sources found: the test looks in the wrong place"
    );
    let complaints: Vec<String> = sources.iter().flat_map(|(path, text)| arrows(path, text)).collect();
    assert!(
        complaints.is_empty(),
        "the house is not in order:\n{}",
        complaints.join("\n")
    );
}

#[test]
fn files_are_short() {
    let folders = ["src", "clients/rust/src", "clients/rust/tests", "clients/rust/examples"];
    let long: Vec<String> = folders
        .iter()
        .flat_map(|folder| {
            sources_in(folder)
                .into_iter()
                .map(move |(path, text)| (format!("{folder}/{path}"), text))
        })
        .filter_map(|(path, text)| too_long(&path, &text))
        .collect();
    assert!(long.is_empty(), "split these:\n{}", long.join("\n"));
}

/// Every source file: its path below src/, with forward slashes, and its text.
fn sources() -> Vec<(String, String)> {
    sources_in("src")
}

fn sources_in(folder: &str) -> Vec<(String, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
    let mut found = Vec::new();
    let mut folders: Vec<PathBuf> = vec![root.clone()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let name = path.strip_prefix(&root).unwrap().to_str().unwrap().replace('\\', "/");
                found.push((name, fs::read_to_string(&path).unwrap()));
            }
        }
    }
    found.sort();
    found
}

fn too_long(path: &str, text: &str) -> Option<String> {
    let lines = text.lines().count();
    (lines > LONGEST_FILE).then(|| format!("{path}: {lines} lines, {LONGEST_FILE} are the most"))
}

fn floor(room: &str) -> Option<u8> {
    FLOORS
        .iter()
        .find(|(_, rooms)| rooms.contains(&room))
        .map(|(floor, _)| *floor)
}

/// What is wrong in one file: `src/path:line: from (floor) → to (floor): why`.
fn arrows(path: &str, text: &str) -> Vec<String> {
    let modules = module_path(path);
    if path == "lib.rs" || modules.iter().any(|module| module == "tests") {
        return Vec::new();
    }
    let from = &modules[0];
    let Some(from_floor) = floor(from) else {
        return vec![format!(
            "src/{path}: {from} is on no floor: add it to FLOORS in tests/house.rs"
        )];
    };
    let tokens: TokenStream = match text.parse() {
        Ok(tokens) => tokens,
        Err(error) => return vec![format!("src/{path}: cannot be read: {error}")],
    };
    let mut uses = Vec::new();
    collect(tokens, if from == "main" { 0 } else { modules.len() }, &mut uses);
    let mut complaints: Vec<String> = uses
        .into_iter()
        .filter(|used| used.room != *from)
        .filter_map(|Use { line, room: to }| {
            let (end, why) = match floor(&to) {
                None if to == "*" => ("every room".to_string(), "name the rooms"),
                None => (to, "not a room: it is on no floor"),
                Some(floor) if floor > from_floor => (format!("{to} (floor {floor})"), "up"),
                Some(floor) if floor == from_floor => (format!("{to} (floor {floor})"), "sideways"),
                Some(_) => return None,
            };
            Some(format!("src/{path}:{line}: {from} (floor {from_floor}) → {end}: {why}"))
        })
        .collect();
    complaints.dedup();
    complaints
}

/// `clients/java.rs` → clients, java; `model/mod.rs` → model.
fn module_path(path: &str) -> Vec<String> {
    let stem = path.strip_suffix(".rs").unwrap_or(path);
    stem.strip_suffix("/mod")
        .unwrap_or(stem)
        .split('/')
        .map(str::to_string)
        .collect()
}

struct Use {
    line: usize,
    room: String,
}

/// Walks tokens, `depth` modules below the root, and notes which rooms they name from the root.
fn collect(tokens: TokenStream, depth: usize, uses: &mut Vec<Use>) {
    let tokens: Vec<TokenTree> = tokens.into_iter().collect();
    let mut at = 0;
    while at < tokens.len() {
        if is_test_attribute(&tokens, at) {
            at = after_item(&tokens, at + 2);
            continue;
        }
        match &tokens[at] {
            TokenTree::Ident(word) if word == "mod" && module_body(&tokens, at).is_some() => {
                collect(module_body(&tokens, at).unwrap(), depth + 1, uses);
                at += 3;
                continue;
            }
            TokenTree::Ident(word) if starts_a_path(&tokens, at) => {
                let mut next = at + 1;
                let mut at_root = word == "crate" || word == "lagproof";
                let mut left = depth;
                if word == "super" || word == "self" {
                    left -= usize::from(word == "super").min(left);
                    while is_path_separator(&tokens, next) && is_word(&tokens, next + 2, "super") {
                        left = left.saturating_sub(1);
                        next += 3;
                    }
                    at_root = left == 0 && next > at;
                }
                if at_root && is_path_separator(&tokens, next) {
                    rooms_of(&tokens, next + 2, uses);
                }
                at = next;
                continue;
            }
            TokenTree::Group(group) => collect(group.stream(), depth, uses),
            _ => {}
        }
        at += 1;
    }
}

/// Notes the room, or each room of a `{group}`, that stands at `at`, just after the root and its `::`.
fn rooms_of(tokens: &[TokenTree], at: usize, uses: &mut Vec<Use>) {
    match tokens.get(at) {
        Some(TokenTree::Ident(room)) => uses.push(Use {
            line: room.span().start().line,
            room: room.to_string(),
        }),
        Some(TokenTree::Punct(star)) if star.as_char() == '*' => {
            uses.push(Use {
                line: star.span().start().line,
                room: "*".to_string(),
            });
        }
        Some(TokenTree::Group(group)) if group.delimiter() == Delimiter::Brace => {
            let inner: Vec<TokenTree> = group.stream().into_iter().collect();
            for branch in inner.split(|token| is_punct(token, ',')) {
                rooms_of(branch, 0, uses);
            }
        }
        _ => {}
    }
}

fn is_punct(token: &TokenTree, character: char) -> bool {
    matches!(token, TokenTree::Punct(punct) if punct.as_char() == character)
}

fn is_word(tokens: &[TokenTree], at: usize, word: &str) -> bool {
    matches!(tokens.get(at), Some(TokenTree::Ident(ident)) if ident == word)
}

fn is_path_separator(tokens: &[TokenTree], at: usize) -> bool {
    tokens.len() > at + 1 && is_punct(&tokens[at], ':') && is_punct(&tokens[at + 1], ':')
}

/// A root word that begins a path: not `x::crate`, and not `pub(crate)`, which no `::` follows.
fn starts_a_path(tokens: &[TokenTree], at: usize) -> bool {
    let root = ["crate", "lagproof", "super", "self"]
        .iter()
        .any(|word| is_word(tokens, at, word));
    let goes_on =
        at >= 2 && is_path_separator(tokens, at - 2) && at >= 3 && matches!(tokens[at - 3], TokenTree::Ident(_));
    root && !goes_on && is_path_separator(tokens, at + 1)
}

/// `#[cfg(test)]` or `#[test]`, at a `#`.
fn is_test_attribute(tokens: &[TokenTree], at: usize) -> bool {
    let Some(TokenTree::Group(group)) = tokens.get(at + 1) else {
        return false;
    };
    let text: String = group
        .stream()
        .into_iter()
        .map(|token| token.to_string().replace(' ', ""))
        .collect();
    is_punct(&tokens[at], '#') && group.delimiter() == Delimiter::Bracket && matches!(&*text, "cfg(test)" | "test")
}

/// Past the item that starts at `at`: its closing brace, or its semicolon.
fn after_item(tokens: &[TokenTree], at: usize) -> usize {
    let ends = |token: &TokenTree| {
        is_punct(token, ';') || matches!(token, TokenTree::Group(group) if group.delimiter() == Delimiter::Brace)
    };
    let use_item = is_word(tokens, at, "use");
    let end = tokens[at..]
        .iter()
        .position(|token| if use_item { is_punct(token, ';') } else { ends(token) });
    end.map_or(tokens.len(), |end| at + end + 1)
}

/// The body of `mod name { … }`, at `mod`.
fn module_body(tokens: &[TokenTree], at: usize) -> Option<TokenStream> {
    match (tokens.get(at + 1), tokens.get(at + 2)) {
        (Some(TokenTree::Ident(_)), Some(TokenTree::Group(group))) if group.delimiter() == Delimiter::Brace => {
            Some(group.stream())
        }
        _ => None,
    }
}

// ---- the test itself can fail

#[test]
fn arrows_up_sideways_and_to_nowhere_are_seen() {
    let text = "\
use crate::units::Duration;
use crate::{model::{Setting, Value}, rules::Rule, source::Span};
pub(crate) fn f(x: crate::cli::Args) -> super::super::emit::Artifact {
    println!(\"{}\", crate::attic::dust());
}
use super::helpers;
use lagproof::project::Project;
use crate::*;
use crate::diff;
";
    assert_eq!(
        arrows("resolve/merge.rs", text),
        [
            "src/resolve/merge.rs:2: resolve (floor 4) → rules (floor 5): up",
            "src/resolve/merge.rs:3: resolve (floor 4) → cli (floor 8): up",
            "src/resolve/merge.rs:3: resolve (floor 4) → emit (floor 4): sideways",
            "src/resolve/merge.rs:4: resolve (floor 4) → attic: not a room: it is on no floor",
            "src/resolve/merge.rs:7: resolve (floor 4) → project (floor 6): up",
            "src/resolve/merge.rs:8: resolve (floor 4) → every room: name the rooms",
            "src/resolve/merge.rs:9: resolve (floor 4) → diff (floor 5): up",
        ]
    );
}

#[test]
fn super_is_counted_from_where_it_stands() {
    assert_eq!(
        arrows("model/mod.rs", "use super::cli;"),
        ["src/model/mod.rs:1: model (floor 2) → cli (floor 8): up"]
    );
    assert_eq!(arrows("model/mod.rs", "use self::super::cli;").len(), 1);
    assert!(
        arrows("model/value.rs", "use super::cli;").is_empty(),
        "model::cli is a module of its own"
    );
    let nested = "mod inner { use super::super::cli; use super::super::super::emit; }";
    assert_eq!(
        arrows("model/value.rs", nested),
        ["src/model/value.rs:1: model (floor 2) → emit (floor 4): up"]
    );
}

#[test]
fn tests_comments_and_strings_may_name_anything() {
    let text = "\
//! Not an arrow: [`crate::cli`].
// use crate::cli;
const TEXT: &str = \"crate::cli::run\";
#[cfg(test)]
use crate::{emit::Artifact, rules};
#[cfg(test)]
#[allow(unused)]
mod tests { use crate::cli::run; }
#[cfg(test)]
mod more;
use crate::units;
";
    assert_eq!(arrows("model/value.rs", text), [""; 0]);
    assert_eq!(arrows("model/tests.rs", "use crate::cli;"), [""; 0]);
    let after = format!("{text}use crate::emit;");
    assert_eq!(
        arrows("model/value.rs", &after),
        ["src/model/value.rs:12: model (floor 2) → emit (floor 4): up"]
    );
}

#[test]
fn a_room_on_no_floor_and_a_long_file_are_seen() {
    assert_eq!(
        arrows("attic/box.rs", ""),
        ["src/attic/box.rs: attic is on no floor: add it to FLOORS in tests/house.rs"]
    );
    assert!(arrows("lib.rs", "pub use crate::cli::run;").is_empty());
    assert!(arrows("main.rs", "use lagproof::cli; fn main() { lagproof::project::open() }").is_empty());
    assert_eq!(too_long("src/model/value.rs", &"\n".repeat(400)), None);
    assert_eq!(
        too_long("src/model/value.rs", &"\n".repeat(401)).unwrap(),
        "src/model/value.rs: 401 lines, 400 are the most"
    );
}
