//! Names that a shell, a database, a path, a regular expression or a terminal would take for something else.

use super::support::{EXAMPLE, TestProject};
use super::{check, fails};

const EVIL: [&str; 9] = [
    "a'; DROP TABLE services;--",
    "$(touch pwned)",
    "`touch pwned`",
    "x\\..\\etc",
    "[a-z]+(x|y)*$",
    "a\"b",
    "line\nbreak",
    "\u{1b}[31mred",
    "\u{202e}txt.exe",
];

/// Nothing of the name may act where it is printed.
fn is_harmless(text: &str) {
    for acting in ['\u{1b}', '\u{202e}', '\r'] {
        assert!(!text.contains(acting), "{acting:?} in {text:?}");
    }
}

#[test]
fn of_profiles() {
    for name in EVIL {
        let project = TestProject::new();
        let text = project
            .read(EXAMPLE)
            .replace("group    = \"example\"", "group = \"other\"");
        project.write(&format!("profiles/services/{name}.toml"), text);
        for format in ["human", "json", "sarif", "github", "junit"] {
            let ran = super::check_with(&project, &["--format", format]);
            assert_eq!(ran.status, Some(1), "{name:?}: {}{}", ran.out, ran.err);
            assert!(ran.out.contains("S109"), "{name:?}: {}", ran.out);
            is_harmless(&ran.out);
        }
        assert!(!project.path("pwned").exists());
    }
}

#[test]
fn of_topics() {
    for name in EVIL.into_iter().chain(["../../etc/passwd", "a/b", "", ".", "..", "a*"]) {
        let project = TestProject::new();
        let quoted = toml_edit::Value::from(name).to_string();
        let topics = project.read("profiles/topics.toml");
        project.write(
            "profiles/topics.toml",
            format!("{topics}\n[topics.{}]\npartitions = 1\n", basic(name)),
        );
        is_harmless(&fails(&project, &["S109"]));
        let project = TestProject::new();
        project.write(EXAMPLE, project.read(EXAMPLE).replace("\"orders.created\"", &quoted));
        let out = check(&project).out;
        assert!(
            ["S109", "T102", "T101"].iter().any(|code| out.contains(code)),
            "{name:?}: {out}"
        );
        is_harmless(&out);
    }
}

/// A TOML key in quotes.
fn basic(name: &str) -> String {
    serde_json::Value::from(name).to_string()
}

#[test]
fn of_types_settings_and_unknown_keys() {
    for name in EVIL {
        let project = TestProject::new();
        let quoted = basic(name);
        project.write(
            EXAMPLE,
            project.read(EXAMPLE).replace("\"worker\"", &quoted) + &format!("{quoted} = 1\n"),
        );
        // A control character can't be part of a type's name; everything else is just not the name of one.
        let type_code = if name.contains('\u{1b}') { "S109" } else { "M101" };
        is_harmless(&fails(&project, &[type_code, "S103"]));
    }
}

#[test]
fn of_folders_that_lead_out_of_the_project() {
    for folder in [
        "../elsewhere",
        "/etc",
        "a/../../b",
        "",
        ".",
        "~/x",
        "a\\b",
        "$(pwd)",
        "a//b",
    ] {
        for key in ["profiles", "generated"] {
            let project = TestProject::new();
            let text = project.read("lagproof.toml");
            project.write("lagproof.toml", format!("{key} = {}\n{text}", basic(folder)));
            let out = fails(&project, &["S109"]);
            assert!(out.contains(&format!("`{key}`: ")), "{out}");
        }
    }
}

#[test]
fn of_environments_and_types() {
    for name in ["", "  ", "line\nbreak", "\u{1b}[31mred"] {
        let project = TestProject::new();
        for (file, table) in [("lagproof.toml", "environments"), ("profiles/matrix.toml", "types")] {
            let text = project.read(file);
            project.write(file, format!("{text}\n[{table}.{}]\n", basic(name)));
        }
        let out = fails(&project, &["S109", "S109"]);
        is_harmless(&out);
    }
}

#[test]
fn of_brokers_each_by_itself() {
    let brokers = |list: &str| {
        let project = TestProject::new();
        let text = project.read("lagproof.toml");
        project.write(
            "lagproof.toml",
            format!("{text}\n[environments.dev]\nbrokers = {list}\n"),
        );
        project
    };
    let fine = r#"["kafka-1.example.com:9092", "10.0.0.1:1", "[::1]:65535", "my_host:9093"]"#;
    assert_eq!(check(&brokers(fine)).status, Some(0));
    let out = fails(
        &brokers(r#"["http://x:1", "x", ":9092", "a:1,b:1", "x:0", "x:65536", "x:+1", "x:1\n", "[::1]", "ok:1"]"#),
        &["S109"; 9],
    );
    is_harmless(&out);
    // What may be a password is not repeated, in whichever format.
    let project = brokers(r#"["me:correct-horse@x:1", "SASL_SSL://me:battery-staple@x:1"]"#);
    fails(&project, &["S110", "S110"]);
    for format in ["human", "json", "sarif", "github", "junit"] {
        let ran = super::check_with(&project, &["--format", format]);
        assert!(
            !ran.out.contains("correct-horse") && !ran.out.contains("battery-staple"),
            "{}",
            ran.out
        );
    }
}
