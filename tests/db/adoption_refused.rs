//! Older tables of a shape that makes no sense: a clear error, and the database as it was.

use super::database::{Database, migrations};
use super::migrate::run;
use super::older::FACT_SHEET;
use super::replay::{compiled, profiles};

/// Migrates by psql, which must be refused at the `at`th migration, and leaves everything as it was before that.
fn refused(sql: &str, at: usize, expected: &str) {
    let database = Database::older(sql);
    for (number, file) in migrations().iter().enumerate() {
        let before = database.dump();
        let output = database.psql(&["-q", "-1", "-v", "ON_ERROR_STOP=1", "-f", file.to_str().expect("UTF-8")]);
        let message = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.success(), number != at, "{sql}\n{message}");
        if number == at {
            assert!(message.contains(expected), "{sql}\n{message}");
            assert!(message.contains("Nothing was changed."), "{message}");
            assert_eq!(database.dump(), before, "{sql}");
            return;
        }
    }
}

#[test]
fn each_says_what_is_wrong_and_changes_nothing() {
    const CONFIGS: &str = "public.pipeline_consumer_configs exists, and can not be taken over: ";
    const LAG: &str = "public.consumer_lag_history exists, and can not be taken over: ";
    for (sql, at, why) in [
        (
            "CREATE TABLE pipeline_consumer_configs (id integer)",
            0,
            format!("{CONFIGS}it has no column service_name"),
        ),
        (
            "CREATE TABLE pipeline_consumer_configs (service_name integer)",
            0,
            format!("{CONFIGS}its column service_name is integer, which can not be taken for text"),
        ),
        (
            "CREATE TABLE pipeline_consumer_configs (service_name text, max_poll_records jsonb)",
            0,
            format!("{CONFIGS}its column max_poll_records is jsonb, which can not be taken for integer"),
        ),
        (
            "CREATE TABLE pipeline_consumer_configs (service_name text); INSERT INTO pipeline_consumer_configs VALUES ('a'), ('a'), ('b'), (NULL)",
            0,
            format!("{CONFIGS}each row needs a service_name of its own, and it has 'a' 2 times, NULL 1 times"),
        ),
        (
            "CREATE VIEW pipeline_consumer_configs AS SELECT 'a'::text AS service_name",
            0,
            format!("{CONFIGS}it is no table"),
        ),
        (
            "CREATE TABLE pipeline_consumer_configs (service_name text); ALTER TABLE pipeline_consumer_configs ENABLE ROW LEVEL SECURITY",
            0,
            format!("{CONFIGS}it has policies for rows, which would be lost"),
        ),
        (
            "CREATE TABLE pipeline_consumer_configs (service_name text);
             CREATE FUNCTION about(pipeline_consumer_configs) RETURNS text LANGUAGE sql AS 'SELECT $1.service_name'",
            0,
            format!("{CONFIGS}something else rests on it: function public.about"),
        ),
        (
            "CREATE TABLE pipeline_consumer_configs (id integer PRIMARY KEY, service_name text);
             CREATE TABLE owners (config integer REFERENCES pipeline_consumer_configs)",
            0,
            format!(
                "{CONFIGS}there is no unique constraint matching given keys for referenced table \"pipeline_consumer_configs\""
            ),
        ),
        (
            "CREATE TABLE pipeline_consumer_configs (service_name text, version text);
             CREATE VIEW odd AS SELECT version || '!' AS loud FROM pipeline_consumer_configs;
             CREATE VIEW odder AS SELECT substr(version, 1) AS short FROM pipeline_consumer_configs",
            0,
            "view public.odder can not be made again over the table as it is now: ".to_owned(),
        ),
        (
            "CREATE TABLE topic_partition_changes (topic_name text)",
            1,
            "public.topic_partition_changes exists, and can not be taken over: it has no column target_partitions"
                .to_owned(),
        ),
        (
            "CREATE TABLE consumer_lag_history (service_name text, topic text, partition integer, lag integer)",
            2,
            format!("{LAG}it has no column timestamp"),
        ),
        (
            "CREATE TABLE consumer_lag_history (service_name text, lag integer, timestamp timestamptz)",
            2,
            format!("{LAG}it has no column topic"),
        ),
        (
            "CREATE TABLE consumer_lag_history (service_name text, topic text, partition integer, lag integer, timestamp bytea)",
            2,
            format!("{LAG}its column timestamp is bytea, which can not be taken for timestamp with time zone"),
        ),
    ] {
        refused(sql, at, &why);
    }
}

#[test]
fn migrate_says_the_same() {
    let folder = profiles();
    compiled(folder.path(), 1_767_225_600);
    let database = Database::older("CREATE TABLE pipeline_consumer_configs (id integer)");
    let before = database.dump();
    let (status, out, err) = run(folder.path(), Some(&database.url()), &[]);
    assert_eq!((status, out.as_str()), (Some(1), ""));
    insta::assert_snapshot!(err);
    assert_eq!(database.dump(), before);
}

/// A name that the old views are to have is taken.
#[test]
fn nothing_is_overwritten() {
    let database = Database::older(&format!(
        "{FACT_SHEET}; CREATE VIEW v_consumer_alerts_before AS SELECT 1 AS one"
    ));
    let files = migrations();
    for file in &files[..2] {
        database.must_psql(&["-q", "-1", "-v", "ON_ERROR_STOP=1", "-f", file.to_str().expect("UTF-8")]);
    }
    let before = database.dump();
    let output = database.psql(&[
        "-q",
        "-1",
        "-v",
        "ON_ERROR_STOP=1",
        "-f",
        files[2].to_str().expect("UTF-8"),
    ]);
    let message = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(
        message.contains("relation \"v_consumer_alerts_before\" already exists"),
        "{message}"
    );
    assert_eq!(database.dump(), before);
}
