//! `lagproof diff --database`: what differs, and settling what people changed.

use std::fs;
use std::path::Path;

use serde_json::{Value as Json, json};
use tempfile::TempDir;

use super::database::Database;
use super::migrate::{run, run_verb, state};
use super::replay::{compare, compiled, edit, profiles};

/// A migrated database of this repository's profiles.
fn deployed() -> (TempDir, Database, String) {
    let folder = profiles();
    compiled(folder.path(), 1_767_225_600);
    let database = Database::empty();
    let url = database.url();
    let (status, out, err) = run(folder.path(), Some(&url), &[]);
    assert_eq!(status, Some(0), "{out}{err}");
    (folder, database, url)
}

fn diff(folder: &Path, url: &str, arguments: &[&str]) -> (Option<i32>, String, String) {
    let arguments: Vec<&str> = ["--database"].iter().chain(arguments).copied().collect();
    run_verb(folder, "diff", Some(url), &arguments)
}

/// With what differs from run to run taken out.
fn masked(database: &mut Database, out: &str) -> String {
    let who = database.owner.value("SELECT session_user::text");
    let when = database
        .owner
        .value("SELECT to_char(max(changed_at) AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI') FROM lagproof.overrides");
    let mut out = out.replace(&format!("by {}", who.as_str().expect("a name")), "by WHO");
    if let Some(when) = when.as_str() {
        out = out.replace(when, "WHEN");
    }
    let until = database
        .owner
        .value("SELECT to_char(max(until) AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI') FROM lagproof.overrides");
    if let Some(until) = until.as_str() {
        out = out.replace(until, "UNTIL");
    }
    out
}

#[test]
fn nothing_differs_after_migrate() {
    let (folder, mut database, url) = deployed();
    let before = state(&mut database);
    let (status, out, err) = diff(folder.path(), &url, &["--exit-code"]);
    assert_eq!((status, err.as_str()), (Some(0), ""), "{out}");
    assert_eq!(out, "the same  11 services, 18 topics\n");
    assert_eq!(state(&mut database), before);
}

/// From three in the morning to a merged profile.
#[test]
fn an_override_is_shown_adopted_and_ends() {
    let (folder, mut database, url) = deployed();
    let root = folder.path();
    let mut operator = database.login("ann", "lagproof_operator");
    operator.run(
        "SET lagproof.reason = 'the model host is slow tonight'; SET lagproof.until = '6 hours';
         UPDATE pipeline_consumer_configs SET fetch_max_wait_ms = 250 WHERE service_name = 'minicpm-vision';
         RESET lagproof.until;
         UPDATE pipeline_consumer_configs SET max_poll_records = 50, concurrency = 4, partition_assignment_strategy = 'cooperative-sticky'
         WHERE service_name = 'step-counter'",
    );
    let (status, out, err) = diff(root, &url, &["--exit-code"]);
    assert_eq!((status, err.as_str()), (Some(3), ""), "{out}");
    let who = database
        .owner
        .value("SELECT DISTINCT changed_by FROM lagproof.overrides");
    let who = who.as_str().expect("a name").to_owned();
    insta::assert_snapshot!(masked(&mut database, &out.replace(&who, "ann")));

    // A seed that touches it stops, with both values.
    let path = root.join("profiles/services/step-counter.toml");
    let text = fs::read_to_string(&path).expect("a profile");
    edit(root, "step-counter", |profile| {
        profile["version"] = toml_edit::value(profile["version"].as_integer().expect("a version") + 1);
        profile["consumer"]["max_poll_records"] = toml_edit::value(700);
    });
    compiled(root, 1_767_225_601);
    let (status, _, err) = run(root, Some(&url), &[]);
    assert_eq!(status, Some(1));
    assert!(
        err.contains("max_poll_records: the seed says 700 (before: 1000), ") && err.contains(" set 50 on "),
        "{err}"
    );
    assert!(err.contains("lagproof diff --database --adopt step-counter"), "{err}");
    let (_, out, _) = diff(root, &url, &[]);
    assert!(
        out.contains("the profile says 700 now: its seed will be refused"),
        "{out}"
    );

    // Adopted, with comments kept and a deviation where the matrix asks for one.
    let (status, out, err) = diff(
        root,
        &url,
        &["--adopt", "step-counter", "--adopt", "minicpm-vision.fetch_max_wait"],
    );
    assert_eq!(status, Some(0), "{out}{err}");
    assert!(err.contains("minicpm-vision.fetch_max_wait_ms was to end on "), "{err}");
    insta::assert_snapshot!(masked(&mut database, &out.replace(&who, "ann")));
    let adopted = fs::read_to_string(&path).expect("a profile");
    let day = database
        .owner
        .value("SELECT to_char(now() AT TIME ZONE 'UTC', 'YYYY-MM-DD')");
    insta::assert_snapshot!(
        adopted
            .replace(&who, "ann")
            .replace(day.as_str().expect("a day"), "DAY")
    );
    for line in text.lines().filter(|line| line.trim_start().starts_with('#')) {
        assert!(adopted.contains(line), "{line}");
    }

    // Compiled and migrated, it is no override any more.
    let project = compiled(root, 1_767_225_602);
    let (status, out, err) = run(root, Some(&url), &[]);
    assert_eq!(status, Some(0), "{out}{err}");
    assert_eq!(database.owner.value("SELECT count(*) FROM lagproof.overrides"), 0);
    compare(&mut database, project.model.as_ref().expect("a model"));
    let (status, out, _) = diff(root, &url, &["--exit-code"]);
    assert_eq!(status, Some(0), "{out}");
    assert_eq!(
        json!(database.owner.rows(
            "SELECT setting, old_value, new_value, through FROM lagproof.setting_changes
            WHERE service_name = 'step-counter' AND setting = 'max_poll_records' ORDER BY id"
        )),
        json!([{ "setting": "max_poll_records", "old_value": 1000, "new_value": 50, "through": "person" }])
    );
}

#[test]
fn overrides_are_dropped_all_at_once() {
    let (folder, mut database, url) = deployed();
    let root = folder.path();
    // Neither can go alone: 90 s is above the profile's poll interval.
    database.owner.run(
        "UPDATE pipeline_consumer_configs SET session_timeout_ms = 90000, max_poll_interval_ms = 120000 WHERE service_name = 'step-counter'",
    );
    let (status, out, err) = diff(root, &url, &["--drop-override", "step-counter.max_poll_interval"]);
    assert_eq!((status, out.as_str()), (Some(1), ""));
    assert!(err.contains("C103: session_timeout_ms (90000)"), "{err}");
    let (status, out, err) = diff(root, &url, &["--drop-override", "step-counter"]);
    assert_eq!((status, err.as_str()), (Some(0), ""));
    assert_eq!(
        out,
        "dropped   step-counter: max_poll_interval_ms, session_timeout_ms\n"
    );
    assert_eq!(diff(root, &url, &["--exit-code"]).0, Some(0));
    let row = database.owner.config("step-counter");
    assert_eq!(
        (&row["session_timeout_ms"], &row["max_poll_interval_ms"]),
        (&json!(30000), &json!(60000))
    );
    let (status, _, err) = diff(root, &url, &["--drop-override", "step-counter"]);
    assert_eq!(status, Some(2));
    assert!(
        err.contains("no override is called `step-counter`") && err.contains("there are none"),
        "{err}"
    );
}

/// Rows alone can't tell: the poll budget needs costs, groups need each other.
#[test]
fn rules_that_need_more_than_one_row_are_judged() {
    let (folder, mut database, url) = deployed();
    database
        .owner
        .run("UPDATE pipeline_consumer_configs SET max_poll_records = 100000 WHERE service_name = 'kyutai-stt'");
    let (status, out, err) = diff(folder.path(), &url, &[]);
    assert_eq!((status, err.as_str()), (Some(0), ""));
    assert!(
        out.contains("override  kyutai-stt: max_poll_records 10 → 100000"),
        "{out}"
    );
    assert!(
        out.contains("\nerror     P102: ") || out.contains("\nerror     P103: ") || out.contains("\nerror     P101: "),
        "{out}"
    );
    let (_, out, _) = diff(folder.path(), &url, &["--format", "json"]);
    let out: Json = serde_json::from_str(&out).expect("JSON");
    assert_eq!(out["differences"][0]["kind"], "override");
    assert_eq!(out["differences"][0]["here"], "unchanged");
    assert!(!out["findings"].as_array().expect("a list").is_empty());
}

#[test]
fn services_on_one_side_only_are_named() {
    let (folder, mut database, url) = deployed();
    let root = folder.path();
    database.owner.run(
        "INSERT INTO pipeline_consumer_configs (service_name, consumer_group_id) VALUES (E'old\\n\\x1b[31mone', 'g')",
    );
    fs::remove_file(root.join("profiles/services/scheduled-consumers.toml")).expect("removed");
    fs::copy(
        root.join("profiles/services/step-counter.toml"),
        root.join("profiles/services/pedometer.toml"),
    )
    .expect("copied");
    edit(root, "pedometer", |profile| {
        profile["group"] = toml_edit::value("loom-pedometer")
    });
    edit(root, "step-counter", |profile| {
        profile["version"] = toml_edit::value(profile["version"].as_integer().expect("a version") + 1);
        profile["consumer"]["retry_backoff"] = toml_edit::value("200ms");
    });
    edit(root, "kyutai-stt", |profile| profile["replicas"] = toml_edit::value(9));
    let (status, out, err) = diff(root, &url, &["--exit-code"]);
    assert_eq!((status, err.as_str()), (Some(3), ""));
    insta::assert_snapshot!(out);
    assert_eq!(
        database.owner.value("SELECT count(*) FROM pipeline_consumer_configs"),
        12
    );

    // And the other way round: the database is ahead of an older checkout.
    let (older, _, _) = (profiles(), (), ());
    compiled(older.path(), 1_767_225_600);
    compiled(root, 1_767_225_601);
    assert_eq!(run(root, Some(&url), &[]).0, Some(0));
    let (_, out, _) = diff(older.path(), &url, &[]);
    assert!(out.contains("ahead     step-counter: v"), "{out}");
    assert!(
        out.contains("retired   scheduled-consumers: retired there by v"),
        "{out}"
    );
    assert!(out.contains("removed   pedometer: v"), "{out}");
    database
        .owner
        .run("UPDATE pipeline_consumer_configs SET max_poll_records = 50 WHERE service_name = 'step-counter'");
    let (status, _, err) = diff(older.path(), &url, &["--adopt", "step-counter"]);
    assert_eq!(status, Some(1));
    assert!(err.contains("bring this checkout up to date first"), "{err}");
}

#[test]
fn what_no_profile_can_say_is_refused_and_nothing_is_written() {
    let (folder, mut database, url) = deployed();
    let root = folder.path();
    // A word that the table itself would refuse, as if a later version had taken it.
    database.owner.run(
        "UPDATE pipeline_consumer_configs SET partition_assignment_strategy = 'sticky', fetch_max_wait_ms = NULL WHERE service_name = 'step-counter';
         UPDATE lagproof.overrides SET value = '\"by the moon\"' WHERE setting = 'partition_assignment_strategy'",
    );
    let before = fs::read_to_string(root.join("profiles/services/step-counter.toml")).expect("a profile");
    for (setting, expected) in [
        (
            "step-counter.partition_assignment_strategy",
            "a profile can't say partition_assignment_strategy = \"by the moon\"",
        ),
        (
            "step-counter.fetch_max_wait",
            "fetch_max_wait_ms is inherited (500), and a profile can't leave it to the client",
        ),
    ] {
        let (status, out, err) = diff(root, &url, &["--adopt", setting]);
        assert_eq!((status, out.as_str()), (Some(1), ""), "{err}");
        assert!(err.contains(expected), "{err}");
    }
    assert_eq!(
        fs::read_to_string(root.join("profiles/services/step-counter.toml")).expect("a profile"),
        before
    );
}

#[test]
fn without_a_schema_it_says_so() {
    let folder = profiles();
    let database = Database::empty();
    let (status, _, err) = diff(folder.path(), &database.url(), &[]);
    assert_eq!(status, Some(2));
    assert!(
        err.contains("the database has no lagproof schema\nhelp: run `lagproof migrate` first"),
        "{err}"
    );
}
