//! Seeds that were written again after they had been applied, and which environment a database serves.

use serde_json::json;

use super::database::Database;
use super::migrate::{run, run_verb, state};
use super::replay::{compare, compiled, edit, profiles, seeds};

#[test]
fn where_it_is_not_production_they_are_replayed() {
    let folder = profiles();
    let root = folder.path();
    compiled(root, 1_767_225_600);
    let mut database = Database::empty();
    let url = database.url();
    assert_eq!(run(root, Some(&url), &["--environment", "development"]).0, Some(0));
    database.owner.run(
        "SET lagproof.reason = 'tried by hand';
         UPDATE pipeline_consumer_configs SET fetch_max_wait_ms = 123 WHERE service_name = 'minicpm-vision';
         SELECT generate_partition_update_script(); SELECT mark_partition_changes_applied('device.audio.raw');
         INSERT INTO consumer_lag_history (service_name, topic, partition, lag) VALUES ('silero-vad', 'device.audio.raw', 0, 1)",
    );

    // Compiled again on a branch: the seed is another one, with other content for the same versions, one service fewer
    // and one with a lower version than it had.
    for seed in seeds(root) {
        std::fs::remove_file(seed).expect("removed");
    }
    edit(root, "step-counter", |profile| {
        profile["consumer"]["max_poll_records"] = toml_edit::value(800)
    });
    std::fs::remove_file(root.join("profiles/services/scheduled-consumers.toml")).expect("removed");
    let project = compiled(root, 1_767_225_601);
    let before = state(&mut database);
    let (status, _, err) = run(root, Some(&url), &[]);
    assert_eq!(status, Some(1));
    assert!(
        err.contains("the database is ahead") && err.contains("--environment NAME --allow-replaced"),
        "{err}"
    );
    let (status, out, err) = run(
        root,
        Some(&url),
        &["--environment", "development", "--allow-replaced", "--dry-run"],
    );
    assert_eq!((status, err.as_str()), (Some(0), ""), "{out}");
    assert_eq!(state(&mut database), before);

    let (status, out, err) = run(root, Some(&url), &["--environment", "development", "--allow-replaced"]);
    assert_eq!((status, err.as_str()), (Some(0), ""), "{out}");
    assert!(
        out.starts_with("replayed  all seeds, in place of 1 that was rewritten: 20260101000000_"),
        "{out}"
    );
    assert_eq!(
        json!(
            database
                .owner
                .rows("SELECT service_name, setting, value, reason FROM lagproof.overrides")
        ),
        json!([{ "service_name": "minicpm-vision", "setting": "fetch_max_wait_ms", "value": 123, "reason": "tried by hand" }])
    );
    assert_eq!(database.owner.config("minicpm-vision")["fetch_max_wait_ms"], 123);
    assert_eq!(
        database
            .owner
            .value("SELECT partitions_now FROM lagproof.topics WHERE topic = 'device.audio.raw'"),
        6
    );
    assert_eq!(database.owner.value("SELECT count(*) FROM consumer_lag_history"), 1);
    database
        .owner
        .run("SELECT lagproof.drop_overrides_v1('minicpm-vision')");
    database
        .owner
        .run("UPDATE lagproof.topics SET partitions_now = NULL WHERE topic = 'device.audio.raw'");
    compare(&mut database, project.model.as_ref().expect("a model"));
    assert_eq!(
        run(root, Some(&url), &[]).1,
        "database  nothing to do: 5 applied before\n"
    );
    assert_eq!(
        run_verb(root, "diff", Some(&url), &["--database", "--exit-code"]).0,
        Some(0)
    );
}

#[test]
fn an_override_on_what_was_rewritten_stops_it_with_both_values() {
    let folder = profiles();
    let root = folder.path();
    compiled(root, 1_767_225_600);
    let mut database = Database::empty();
    let url = database.url();
    assert_eq!(run(root, Some(&url), &["--environment", "development"]).0, Some(0));
    database
        .owner
        .run("UPDATE pipeline_consumer_configs SET max_poll_records = 5 WHERE service_name = 'step-counter'");
    for seed in seeds(root) {
        std::fs::remove_file(seed).expect("removed");
    }
    edit(root, "step-counter", |profile| {
        profile["consumer"]["max_poll_records"] = toml_edit::value(800)
    });
    compiled(root, 1_767_225_600);
    let before = state(&mut database);
    // The same name, another text.
    let (status, _, err) = run(root, Some(&url), &[]);
    assert_eq!(status, Some(1));
    assert!(err.contains(" was changed after it was applied"), "{err}");
    let (status, out, err) = run(root, Some(&url), &["--environment", "development", "--allow-replaced"]);
    assert_eq!(status, Some(1), "{out}");
    assert!(
        err.contains("max_poll_records: the seed says 800 (before: 1000), ") && err.contains(" set 5 on "),
        "{err}"
    );
    assert_eq!(state(&mut database), before);
}

#[test]
fn production_takes_nothing_back() {
    let folder = profiles();
    let root = folder.path();
    compiled(root, 1_767_225_600);
    let mut database = Database::empty();
    let url = database.url();
    assert_eq!(run(root, Some(&url), &["--environment", "production"]).0, Some(0));
    let before = state(&mut database);
    for (arguments, status, message) in [
        (&["--allow-replaced"][..], 2, "--environment <NAME>"),
        (
            &["--environment", "nowhere"],
            2,
            "lagproof.toml has no environment `nowhere`\nhelp: there are development, production",
        ),
        (
            &["--environment", "production", "--allow-replaced"],
            2,
            "`production` is production: seeds that it has had are not taken back",
        ),
        (
            &["--environment", "development", "--allow-replaced"],
            1,
            "this database serves the environment `production`, not `development`",
        ),
        (
            &["--environment", "development"],
            1,
            "check DATABASE_URL, or say --environment production",
        ),
    ] {
        let (got, out, err) = run(root, Some(&url), arguments);
        assert_eq!((got, out.as_str()), (Some(status), ""), "{arguments:?}: {err}");
        assert!(err.contains(message), "{err}");
    }
    // Nor by hand.
    let refusal = database.owner.refused("SELECT lagproof.forget_seeds_v1()");
    assert!(
        refusal.message.starts_with("this database is production's"),
        "{}",
        refusal.message
    );
    assert_eq!(state(&mut database), before);
}
