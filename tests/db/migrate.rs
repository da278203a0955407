//! `lagproof migrate`: once, twice, at once, killed, and where files and database disagree.

use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::thread::sleep;
use std::time::Duration;

use serde_json::{Value as Json, json};

use super::database::Database;
use super::older::FACT_SHEET;
use super::replay::{compare, compiled, profiles, seeds};
use super::samples::{document, sensor_settings};

fn command(folder: &Path, url: Option<&str>, arguments: &[&str]) -> Command {
    verb(folder, "migrate", url, arguments)
}

fn verb(folder: &Path, verb: &str, url: Option<&str>, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_lagproof"));
    command
        .current_dir(folder)
        .arg(verb)
        .args(arguments)
        .env("NO_COLOR", "1")
        .env_remove("DATABASE_URL");
    if let Some(url) = url {
        command.env("DATABASE_URL", url);
    }
    command
}

/// Runs it: the exit status, standard output, standard error.
pub fn run(folder: &Path, url: Option<&str>, arguments: &[&str]) -> (Option<i32>, String, String) {
    parts(command(folder, url, arguments).output().expect("lagproof runs"))
}

/// Runs another verb.
pub fn run_verb(folder: &Path, name: &str, url: Option<&str>, arguments: &[&str]) -> (Option<i32>, String, String) {
    parts(verb(folder, name, url, arguments).output().expect("lagproof runs"))
}

fn parts(output: Output) -> (Option<i32>, String, String) {
    let text = |bytes| String::from_utf8(bytes).expect("UTF-8");
    (output.status.code(), text(output.stdout), text(output.stderr))
}

/// Everything that must be the same however it came about.
pub fn state(database: &mut Database) -> Json {
    database.owner.value(
        "SELECT jsonb_build_array(
            (SELECT jsonb_agg(to_jsonb(c) - '{created_at,updated_at,generation}'::text[] ORDER BY service_name) FROM pipeline_consumer_configs AS c),
            (SELECT jsonb_agg(to_jsonb(t) - 'seeded_at' ORDER BY topic) FROM lagproof.topics AS t),
            (SELECT jsonb_agg(jsonb_build_array(topic_name, target_partitions, applied) ORDER BY topic_name) FROM topic_partition_changes),
            (SELECT jsonb_agg(jsonb_build_array(name, hash) ORDER BY name) FROM lagproof.ledger))",
    )
}

#[test]
fn once_and_twice() {
    let folder = profiles();
    let project = compiled(folder.path(), 1_767_225_600);
    let mut database = Database::empty();
    let url = database.url();
    let (status, out, err) = run(folder.path(), Some(&url), &["--status"]);
    assert_eq!((status, err.as_str()), (Some(3), ""));
    assert!(out.starts_with("pending   038_consumer_configuration.sql\n"), "{out}");

    let (status, out, err) = run(folder.path(), Some(&url), &["--dry-run"]);
    assert_eq!((status, err.as_str()), (Some(0), ""));
    assert!(
        out.ends_with("dry run   5 would be applied, 0 are; the database is as it was\n"),
        "{out}"
    );
    assert_eq!(
        database
            .owner
            .value("SELECT to_regclass('pipeline_consumer_configs') IS NULL AND to_regnamespace('lagproof') IS NULL"),
        true
    );

    let (status, out, err) = run(folder.path(), Some(&url), &[]);
    assert_eq!((status, err.as_str()), (Some(0), ""));
    assert!(out.ends_with("database  5 applied, 0 before\n"), "{out}");
    compare(&mut database, project.model.as_ref().expect("a model"));
    let before = state(&mut database);
    assert_eq!(
        run(folder.path(), Some(&url), &[]).1,
        "database  nothing to do: 5 applied before\n"
    );
    assert_eq!(state(&mut database), before);
    let (status, out, _) = run(folder.path(), Some(&url), &["--status"]);
    assert_eq!(status, Some(0));
    assert_eq!(out.lines().filter(|line| line.starts_with("applied   ")).count(), 5);
}

#[test]
fn at_once_and_killed_at_any_moment_it_ends_the_same() {
    let folder = profiles();
    compiled(folder.path(), 1_767_225_600);
    let mut plain = Database::empty();
    assert_eq!(run(folder.path(), Some(&plain.url()), &[]).0, Some(0));
    let expected = state(&mut plain);

    let mut at_once = Database::empty();
    let url = at_once.url();
    let running: Vec<_> = (0..3)
        .map(|_| {
            command(folder.path(), Some(&url), &[])
                .stdout(Stdio::piped())
                .stderr(Stdio::piped())
                .spawn()
                .expect("lagproof starts")
        })
        .collect();
    for one in running {
        let (status, out, err) = parts(one.wait_with_output().expect("it ends"));
        assert_eq!(status, Some(0), "{out}{err}");
    }
    assert_eq!(state(&mut at_once), expected);

    kill_and_compare(folder.path(), "", 100, &expected);
}

#[test]
fn killed_while_it_takes_an_older_installation_over_it_ends_the_same() {
    let folder = profiles();
    compiled(folder.path(), 1_767_225_600);
    let mut plain = Database::older(FACT_SHEET);
    assert_eq!(run(folder.path(), Some(&plain.url()), &[]).0, Some(0));
    kill_and_compare(folder.path(), FACT_SHEET, 30, &state(&mut plain));
}

/// Kills it `rounds` times on databases that begin with `older`, and lets every tenth go on to the end.
fn kill_and_compare(folder: &Path, older: &str, rounds: u64, expected: &Json) {
    let mut killed = Database::older(older);
    let url = killed.url();
    for round in 0..rounds {
        let mut one = command(folder, Some(&url), &[])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("lagproof starts");
        // From before it connects to after it is done, in no order; every tenth database is new.
        sleep(Duration::from_millis(round * 37 % 400));
        one.kill().expect("killed");
        one.wait().expect("it ends");
        if round % 10 == 9 {
            let (status, out, err) = run(folder, Some(&url), &[]);
            assert_eq!(status, Some(0), "{out}{err}");
            assert_eq!(state(&mut killed), *expected);
            killed
                .owner
                .run("DROP SCHEMA lagproof CASCADE; DROP SCHEMA public CASCADE; CREATE SCHEMA public");
            killed.owner.run(older);
        }
    }
    assert_eq!(run(folder, Some(&url), &[]).0, Some(0));
    assert_eq!(state(&mut killed), *expected);
}

#[test]
fn it_stops_where_files_and_database_disagree() {
    let folder = profiles();
    compiled(folder.path(), 1_767_225_600);
    let mut database = Database::empty();
    let url = database.url();
    assert_eq!(run(folder.path(), Some(&url), &[]).0, Some(0));
    let before = state(&mut database);
    let seed = seeds(folder.path()).remove(0);
    let name = seed
        .file_name()
        .and_then(|name| name.to_str())
        .expect("a name")
        .to_owned();
    let text = std::fs::read_to_string(&seed).expect("the seed");

    // Edited, with its own hash wrong; and with another header altogether.
    std::fs::write(&seed, text.replace("\"revision\": 1", "\"revision\": 2")).expect("written");
    let (status, _, err) = run(folder.path(), Some(&url), &[]);
    assert_eq!(status, Some(1));
    assert!(
        err.contains(&format!("generated/migrations/{name}: edited since lagproof wrote it")),
        "{err}"
    );
    let first = text.split_once('\n').expect("lines").0;
    std::fs::write(&seed, text.replacen(first, "-- Another first line.", 1)).expect("written");
    let (status, _, err) = run(folder.path(), Some(&url), &[]);
    assert_eq!(status, Some(1));
    assert!(
        err.contains(&format!("{name} was changed after it was applied")),
        "{err}"
    );

    // Gone: the database is ahead.
    std::fs::remove_file(&seed).expect("removed");
    let (status, _, err) = run(folder.path(), Some(&url), &[]);
    assert_eq!(status, Some(1));
    assert!(
        err.contains(&format!("the database is ahead: it has {name}, which is not here")),
        "{err}"
    );
    assert_eq!(state(&mut database), before);
}

#[test]
fn a_seed_that_meets_an_override_leaves_the_database_as_it_was() {
    let folder = profiles();
    compiled(folder.path(), 1_767_225_600);
    let mut database = Database::empty();
    let url = database.url();
    assert_eq!(run(folder.path(), Some(&url), &[]).0, Some(0));
    let version = database.owner.config("step-counter")["version"]
        .as_u64()
        .expect("a version")
        + 1;
    database
        .owner
        .run("UPDATE pipeline_consumer_configs SET max_poll_records = 50 WHERE service_name = 'step-counter'");
    let path = folder.path().join("profiles/services/step-counter.toml");
    let mut profile: toml_edit::DocumentMut = std::fs::read_to_string(&path)
        .expect("a profile")
        .parse()
        .expect("TOML");
    profile["version"] = toml_edit::value(i64::try_from(version).expect("small"));
    profile["consumer"]["max_poll_records"] = toml_edit::value(700);
    std::fs::write(&path, profile.to_string()).expect("written");
    compiled(folder.path(), 1_767_225_601);
    let before = state(&mut database);
    for mode in [&["--dry-run"][..], &[]] {
        let (status, _, err) = run(folder.path(), Some(&url), mode);
        assert_eq!(status, Some(1), "{err}");
        assert!(
            err.contains(
                "changes what a person has overridden\n  max_poll_records: the seed says 700 (before: 1000), "
            ),
            "{err}"
        );
        assert!(
            err.contains("help: Take the override's value into the profile (lagproof diff --database --adopt step-counter), or discard it"),
            "{err}"
        );
    }
    assert_eq!(state(&mut database), before);
}

#[test]
fn a_schema_that_psql_applied_is_taken_over() {
    let folder = profiles();
    compiled(folder.path(), 1_767_225_600);
    let mut database = Database::migrated();
    database.owner.seed("other", 1, &document(&["t"], sensor_settings()));
    let (status, out, err) = run(folder.path(), Some(&database.url()), &[]);
    assert_eq!((status, err.as_str()), (Some(0), ""), "{out}");
    assert_eq!(database.owner.config("other")["version"], json!(1));
}

#[test]
fn what_is_out_of_reach_is_said_without_a_password() {
    let folder = profiles();
    compiled(folder.path(), 1_767_225_600);
    let missing = format!("{}_missing", Database::empty().url());
    for (url, message, help) in [
        (None, "no database: DATABASE_URL is not set", "set it to postgres://"),
        (
            Some("postgres://ann:s3cret@127.0.0.1:1/x"),
            "PostgreSQL at 127.0.0.1:1: ",
            "start it, or name another server",
        ),
        (
            Some("postgres://ann:s3cret@[::/x"),
            "DATABASE_URL is not the URL of a PostgreSQL database",
            "write it as postgres://",
        ),
        (
            Some("mysql://ann:s3cret@127.0.0.1/x"),
            "DATABASE_URL is not the URL of a PostgreSQL database",
            "write it as postgres://",
        ),
        (Some(missing.as_str()), " does not exist", "create the database"),
    ] {
        let (status, out, err) = run(folder.path(), url, &[]);
        assert_eq!((status, out.as_str()), (Some(2), ""), "{err}");
        assert!(err.contains(message) && err.contains(&format!("help: {help}")), "{err}");
        assert!(!err.contains("s3cret"), "{err}");
    }
}

/// A login of this run, `in_role` others.
fn login(database: &mut Database, name: &str, password: &str, in_role: &str) -> String {
    let login = format!("{}_{name}", database.name());
    let make = "DO $$ BEGIN CREATE ROLE ROLE NOLOGIN; EXCEPTION WHEN duplicate_object THEN NULL; END $$";
    database
        .owner
        .run(&make.replace("CREATE ROLE ROLE", &format!("CREATE ROLE {in_role}")));
    database.owner.run(&format!(
        "CREATE ROLE {login} LOGIN PASSWORD '{password}' IN ROLE {in_role}"
    ));
    database.url_as(&login, password)
}

#[test]
fn a_wrong_password_is_said_and_not_shown() {
    let folder = profiles();
    compiled(folder.path(), 1_767_225_600);
    let mut database = Database::empty();
    let right = login(
        &mut database,
        "locked",
        "open-sesame",
        &format!("{}locked", super::server::prefix()),
    );
    let before = database.dump();
    let wrong = right.replace("open-sesame", "open-barley");
    let (status, out, err) = run(folder.path(), Some(&wrong), &[]);
    assert_eq!((status, out.as_str()), (Some(2), ""));
    assert!(
        err.contains("password authentication failed") && err.contains("help: check user and password in DATABASE_URL"),
        "{err}"
    );
    assert!(!err.contains("barley"), "{err}");
    assert_eq!(database.dump(), before);
    // With the right one it gets in, and may do nothing.
    let (status, out, err) = run(folder.path(), Some(&right), &[]);
    assert_eq!((status, out.as_str()), (Some(1), ""));
    assert!(
        err.contains("038_consumer_configuration.sql: permission denied for database")
            && err.contains("help: run it as the database's owner, or as a login that was granted lagproof_migrator"),
        "{err}"
    );
    assert_eq!(database.dump(), before);
}

#[test]
fn a_migrators_login_can_seed_and_nothing_else() {
    let folder = profiles();
    compiled(folder.path(), 1_767_225_600);
    let seed = seeds(folder.path()).remove(0);
    let mut database = Database::empty();
    let owner = database.url();
    let kept = std::fs::read(&seed).expect("the seed");
    std::fs::remove_file(&seed).expect("removed");
    assert_eq!(run(folder.path(), Some(&owner), &[]).0, Some(0));
    let deployer = login(&mut database, "deployer", "x", "lagproof_migrator");
    std::fs::write(&seed, kept).expect("written");
    let (status, out, err) = run(folder.path(), Some(&deployer), &[]);
    assert_eq!((status, err.as_str()), (Some(0), ""), "{out}");
    assert_eq!(
        database.owner.value("SELECT count(*) FROM pipeline_consumer_configs"),
        11
    );
    let reader = login(&mut database, "reader", "x", "lagproof_reader");
    super::replay::edit(folder.path(), "step-counter", |profile| {
        profile["replicas"] = toml_edit::value(2)
    });
    compiled(folder.path(), 1_767_225_601);
    let (status, _, err) = run(folder.path(), Some(&reader), &[]);
    assert_eq!(status, Some(1));
    assert!(err.contains("permission denied"), "{err}");
}

#[test]
fn a_service_that_still_runs_is_not_retired() {
    let folder = profiles();
    compiled(folder.path(), 1_767_225_600);
    let mut database = Database::empty();
    let url = database.url();
    assert_eq!(run(folder.path(), Some(&url), &[]).0, Some(0));
    database
        .owner
        .run("SELECT record_consumer_lag('scheduled-consumers', 'scheduler.triggers.email_fetch', 0, 5)");
    std::fs::remove_file(folder.path().join("profiles/services/scheduled-consumers.toml")).expect("removed");
    compiled(folder.path(), 1_767_225_601);
    let before = state(&mut database);
    let (status, _, err) = run(folder.path(), Some(&url), &[]);
    assert_eq!(status, Some(1));
    assert!(
        err.contains(
            "service 'scheduled-consumers' was removed from the profiles, and still runs\n  It last reported on "
        ) && err.contains("help: Stop it, wait five minutes, and migrate again"),
        "{err}"
    );
    assert_eq!(state(&mut database), before);
    let output = command(folder.path(), Some(&url), &[])
        .env("PGOPTIONS", "-c lagproof.retire_running=on")
        .output()
        .expect("lagproof runs");
    assert_eq!(
        output.status.code(),
        Some(0),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    assert_eq!(database.owner.config("scheduled-consumers")["status"], "retired");
}
