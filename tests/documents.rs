//! What the documents show is so: every TOML block is read by lagproof itself, laid over the reference project; every
//! command names a verb and flags that exist; output that is quoted is what is printed.

#[path = "support/cli.rs"]
mod cli;
mod support;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use cli::lagproof;
use jiff::civil::date;
use lagproof::diagnostic::Severity;
use lagproof::project::Project;
use support::TestProject;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// README.md and the pages written by hand.
fn documents() -> Vec<(String, String)> {
    let mut paths: Vec<PathBuf> = fs::read_dir(root().join("docs"))
        .expect("a folder")
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| path.extension().is_some_and(|end| end == "md"))
        .chain([root().join("README.md"), root().join("CONTRIBUTING.md")])
        .collect();
    paths.sort();
    assert!(paths.len() >= 5);
    let read = |path: PathBuf| (path.display().to_string(), fs::read_to_string(&path).expect("a page"));
    paths.into_iter().map(read).collect()
}

/// The fenced blocks of a page: the word behind the fence, the line before it, and the text.
fn blocks(page: &str) -> Vec<(&str, &str, String)> {
    let mut found = Vec::new();
    let mut open: Option<(&str, &str, String)> = None;
    let mut before = "";
    for line in page.lines() {
        match (&mut open, line.strip_prefix("```")) {
            (None, Some(word)) => open = Some((word, before, String::new())),
            (Some(_), Some(_)) => found.extend(open.take()),
            (Some((_, _, text)), None) => {
                text.push_str(line);
                text.push('\n');
            }
            (None, None) => {}
        }
        before = line;
    }
    found
}

/// The reference project's files in a folder of their own, but for its cases: examples change what those experiment with.
fn reference() -> TestProject {
    let project = TestProject::new();
    fs::remove_file(project.path(support::EXAMPLE)).expect("the example");
    for folder in ["profiles", "profiles/services"] {
        for entry in fs::read_dir(root().join(folder)).expect("a folder") {
            let path = entry.expect("an entry").path();
            if path.is_file() {
                let name = path.file_name().and_then(|name| name.to_str()).expect("a name");
                project.write(&format!("{folder}/{name}"), fs::read(&path).expect("a file"));
            }
        }
    }
    project.write("lagproof.toml", fs::read(root().join("lagproof.toml")).expect("a file"));
    project
}

/// Lays a block over a project: a whole profile as it stands, a part of a file into that file. Its first line names it.
fn lay<'b>(project: &TestProject, block: &'b str) -> Option<&'b str> {
    let path = block.lines().next()?.strip_prefix("# ")?;
    if block.contains("\nversion ") {
        project.write(path, block);
    } else {
        project.merge(&format!("# file: {path}\n{block}"));
    }
    path.ends_with(".toml").then_some(path)
}

#[test]
fn the_first_page_works_from_nothing() {
    let project = TestProject::new();
    let page = fs::read_to_string(root().join("docs/getting-started.md")).expect("a page");
    for (_, _, block) in blocks(&page).into_iter().filter(|(word, _, _)| *word == "toml") {
        lay(&project, &block);
        let findings = project.findings();
        assert!(findings.is_empty(), "after\n{block}\n{findings:#?}");
    }
    assert_eq!(
        lagproof(project.root(), &["check", "--proofs", "minicpm-vision"]).status,
        Some(0)
    );
}

#[test]
fn every_profile_shown_is_one_that_lagproof_reads_without_a_finding() {
    let mut shown = 0;
    for (page, text) in documents() {
        for (_, _, block) in blocks(&text).into_iter().filter(|(word, _, _)| *word == "toml") {
            shown += 1;
            let project = reference();
            let path = lay(&project, &block).unwrap_or_else(|| panic!("{page}: which file is this?\n{block}"));
            let findings = project.findings();
            assert!(findings.is_empty(), "{page}: {path}\n{block}\n{findings:#?}");
        }
    }
    assert!(shown >= 15, "only {shown} blocks are found");
}

/// Every `lagproof …` of a page, in blocks and in the text: the words after it.
fn commands(page: &str) -> Vec<Vec<String>> {
    let mut found = Vec::new();
    let mut fenced = false;
    let mut take = |text: &str| {
        let words: Vec<String> = text
            .split_whitespace()
            .skip(1)
            .take_while(|word| !word.starts_with(['#', '>', '|', '&']))
            .map(|word| word.trim_matches('"').to_owned())
            .collect();
        if !words.is_empty() {
            found.push(words);
        }
    };
    for line in page.lines() {
        if line.starts_with("```") {
            fenced = !fenced;
        } else if fenced {
            let line = line.trim_start().trim_start_matches(['$', '-', ' ']);
            let line = line.strip_prefix("run: ").unwrap_or(line);
            if line.starts_with("lagproof ") && !line.contains("  sensor-processing") {
                take(line);
            }
        } else {
            line.split('`')
                .skip(1)
                .step_by(2)
                .filter(|span| span.starts_with("lagproof "))
                .for_each(&mut take);
        }
    }
    found
}

#[test]
fn every_command_shown_exists() {
    let mut helps: BTreeMap<String, String> = BTreeMap::new();
    let mut seen = 0;
    for (page, text) in documents() {
        // A span of code may be broken over two lines.
        let text = text.replace("`lagproof\n", "`lagproof ");
        for words in commands(&text) {
            seen += 1;
            let verb = words[0].clone();
            let help = helps.entry(verb.clone()).or_insert_with(|| {
                let ran = lagproof(root(), &[&verb, "--help"]);
                assert_eq!(
                    ran.status,
                    Some(0),
                    "{page}: there is no `lagproof {verb}`\n{}",
                    ran.err
                );
                ran.out
            });
            for flag in words.iter().filter(|word| word.starts_with("--")) {
                let flag = flag.split('=').next().unwrap_or(flag);
                assert!(
                    help.contains(&format!("{flag} ")) || help.contains(&format!("{flag}\n")),
                    "{page}: `lagproof {verb}` has no {flag}"
                );
            }
            if let Some(code) = words
                .get(1)
                .filter(|_| verb == "explain")
                .filter(|code| code.as_str() != "CODE")
            {
                assert_eq!(
                    lagproof(root(), &["explain", code]).status,
                    Some(0),
                    "{page}: there is no {code}"
                );
            }
        }
    }
    assert!(seen >= 20, "only {seen} commands are found");
}

#[test]
fn output_that_is_quoted_is_what_is_printed() {
    let mut quoted = 0;
    for (page, text) in documents() {
        for (_, before, block) in blocks(&text) {
            let Some(command) = before
                .strip_prefix("<!-- lagproof ")
                .and_then(|line| line.strip_suffix(" -->"))
            else {
                continue;
            };
            quoted += 1;
            let (command, change) = command.split_once(", with ").unwrap_or((command, ""));
            let project = reference();
            if let Some((path, change)) = change.split_once(": ") {
                let (old, new) = change.split_once(" -> ").expect("a change");
                let old_text = project.read(path);
                assert!(old_text.contains(old), "{path} has no {old}");
                project.write(path, old_text.replace(old, new));
            }
            let arguments: Vec<&str> = command.split(' ').collect();
            let printed = lagproof(project.root(), &arguments).out;
            assert!(
                printed.contains(block.trim_end()),
                "{page}: `lagproof {command}` prints\n{printed}"
            );
        }
    }
    assert!(quoted >= 2, "only {quoted} are found");
}

#[test]
fn links_between_pages_lead_somewhere() {
    for (page, text) in documents() {
        let folder = Path::new(&page).parent().expect("a folder");
        for target in text.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            let file = target.split('#').next().unwrap_or(target);
            if !file.is_empty() && !file.contains("://") {
                assert!(folder.join(file).exists(), "{page}: {target}");
            }
        }
    }
}

#[test]
fn the_reference_project_is_clean() {
    let project = Project::load(root(), &date(2026, 1, 1)).expect("lagproof.toml is readable");
    let wrong = project.findings.count(Severity::Error) + project.findings.count(Severity::Warning);
    assert_eq!(wrong, 0, "{:#?}", project.findings);
}
