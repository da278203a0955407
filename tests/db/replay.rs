//! The seeds that `compile` writes for this repository's profiles, replayed on an empty database.

use std::fs;
use std::path::{Path, PathBuf};

use jiff::civil::date;
use lagproof::history::{context_doc, settings_digest, settings_doc, topic_doc, value_doc};
use lagproof::model::project::Model;
use lagproof::model::settings::Setting;
use lagproof::project::{Outcome, Project, compile};
use serde_json::{Value as Json, json};
use tempfile::TempDir;

use super::database::Database;

/// This repository's profiles, in a folder of their own.
pub fn profiles() -> TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    fs::copy(root.join("lagproof.toml"), folder.path().join("lagproof.toml")).expect("lagproof.toml");
    copy(&root.join("profiles"), &folder.path().join("profiles"));
    folder
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("a folder");
    for entry in fs::read_dir(from).expect("a folder") {
        let entry = entry.expect("an entry").path();
        let target = to.join(entry.file_name().expect("a name"));
        if entry.is_dir() {
            copy(&entry, &target);
        } else {
            fs::copy(&entry, &target).expect("a file");
        }
    }
}

/// The project there, compiled at that second.
pub fn compiled(root: &Path, seconds: i64) -> Project {
    match compile(root, seconds, &date(2026, 1, 1)) {
        Ok((project, Outcome::Compiled(_))) => project,
        Ok((project, Outcome::Refused)) => panic!("findings stand in the way: {:#?}", project.findings),
        Err(error) => panic!("can't compile: {error:?}"),
    }
}

/// Changes a profile.
pub fn edit(root: &Path, service: &str, change: impl FnOnce(&mut toml_edit::DocumentMut)) {
    let path = root.join(format!("profiles/services/{service}.toml"));
    let mut profile: toml_edit::DocumentMut = fs::read_to_string(&path).expect("a profile").parse().expect("TOML");
    change(&mut profile);
    fs::write(&path, profile.to_string()).expect("written");
}

/// Its seeds, in their order.
pub fn seeds(root: &Path) -> Vec<PathBuf> {
    let mut seeds: Vec<PathBuf> = fs::read_dir(root.join("generated/migrations"))
        .expect("seeds")
        .map(|entry| entry.expect("an entry").path())
        .collect();
    seeds.sort();
    seeds
}

fn apply<'s>(database: &Database, seeds: impl Iterator<Item = &'s PathBuf>) {
    for seed in seeds {
        database.must_psql(&["-q", "-1", "-v", "ON_ERROR_STOP=1", "-f", seed.to_str().expect("UTF-8")]);
    }
}

fn parsed(canonical: &str) -> Json {
    serde_json::from_str(canonical).expect("JSON")
}

/// Compares every row and column with what the profiles resolve to.
pub fn compare(database: &mut Database, model: &Model) {
    let active = database
        .owner
        .rows("SELECT service_name FROM pipeline_consumer_configs WHERE status = 'active' AND version IS NOT NULL");
    assert_eq!(active.len(), model.services.len());
    for service in &model.services {
        let row = database.owner.config(&service.name);
        let run = &service.run;
        assert_eq!(
            row["settings"],
            parsed(&settings_doc(service).canonical()),
            "{}",
            service.name
        );
        assert_eq!(
            row["context"],
            parsed(&context_doc(model, service).canonical()),
            "{}",
            service.name
        );
        assert_eq!(row["digest"], settings_digest(service).to_string());
        assert_eq!(row["consumer_group_id"], service.group.value.as_str());
        assert_eq!(row["client"], service.client.to_string());
        assert_eq!(
            (&row["version"], &row["replicas"]),
            (&json!(service.version.value), &json!(service.replicas.value))
        );
        assert_eq!(row["target_lag"], service.targets.lag.value);
        assert_eq!(
            row["description"],
            json!(service.summary.as_ref().map(|summary| &summary.value))
        );
        let topics: Vec<&str> = service.topics.iter().map(|topic| topic.value.as_str()).collect();
        assert_eq!(row["topics"], json!(topics));
        for setting in Setting::ALL {
            let expected = run
                .consumer
                .get(setting)
                .map_or(Json::Null, |value| parsed(&value_doc(&value.value).canonical()));
            let expected = match expected {
                Json::Array(names) => {
                    let names: Vec<&str> = names.iter().filter_map(Json::as_str).collect();
                    json!(names.join(","))
                }
                other => other,
            };
            assert_eq!(row[setting.info().key], expected, "{} of {}", setting, service.name);
        }
    }
    for topic in model.topics.values() {
        let row = database
            .owner
            .rows_with("SELECT * FROM lagproof.topics WHERE topic = $1", &[&topic.name])
            .remove(0);
        let mut document = row["document"].clone();
        document.as_object_mut().expect("an object").remove("revision");
        assert_eq!(document, parsed(&topic_doc(topic).canonical()), "{}", topic.name);
        assert_eq!(row["partitions"], topic.partitions.value);
        assert_eq!(
            row["partitions_now"],
            json!(topic.partitions_now.as_ref().map(|now| now.value))
        );
    }
}

#[test]
fn replaying_the_seeds_gives_the_resolved_profiles() {
    let folder = profiles();
    let root = folder.path();
    let first = compiled(root, 1_767_225_600);
    let mut in_order = Database::migrated();
    let mut in_reverse = Database::migrated();
    apply(&in_order, seeds(root).iter());
    compare(&mut in_order, first.model.as_ref().expect("a model"));

    // A service gets another replica, and one is removed.
    let path = root.join("profiles/services/step-counter.toml");
    let mut profile: toml_edit::DocumentMut = fs::read_to_string(&path).expect("a profile").parse().expect("TOML");
    let replicas = profile["replicas"].as_integer().unwrap_or(1);
    profile["replicas"] = toml_edit::value(replicas + 1);
    fs::write(&path, profile.to_string()).expect("written");
    fs::remove_file(root.join("profiles/services/scheduled-consumers.toml")).expect("removed");
    let second = compiled(root, 1_767_225_601);
    let model = second.model.as_ref().expect("a model");
    let all = seeds(root);
    assert_eq!(all.len(), 2);
    apply(&in_order, all.iter());
    apply(&in_reverse, all.iter().rev());
    for database in [&mut in_order, &mut in_reverse] {
        compare(database, model);
        assert_eq!(database.owner.config("scheduled-consumers")["status"], "retired");
    }
}

#[test]
fn the_reference_projects_topics_are_to_grow() {
    let folder = profiles();
    compiled(folder.path(), 1_767_225_600);
    let database = Database::migrated();
    apply(&database, seeds(folder.path()).iter());
    let script = database.must_psql(&["-At", "-c", "SELECT generate_partition_update_script();"]);
    for (topic, partitions) in [
        ("device\\.sensor\\.accelerometer\\.raw", 10),
        ("device\\.audio\\.raw", 6),
    ] {
        let command = format!("--alter --topic '{topic}' --partitions {partitions}\n");
        assert!(script.contains(&command), "{command}{script}");
    }
}

/// What sqlx-cli does with `migrate run --source FOLDER --ignore-missing`, folder by folder.
#[test]
fn sqlx_takes_them_folder_by_folder() {
    let folder = profiles();
    let project = compiled(folder.path(), 1_767_225_600);
    let mut database = Database::empty();
    let url = database.url();
    for source in [
        Path::new(env!("CARGO_MANIFEST_DIR")).join("migrations"),
        folder.path().join("generated/migrations"),
    ] {
        super::database::runtime().block_on(async {
            let mut connection = <sqlx::PgConnection as sqlx::Connection>::connect(&url)
                .await
                .expect("a connection");
            let mut migrator = sqlx::migrate::Migrator::new(source).await.expect("migrations");
            migrator.set_ignore_missing(true);
            migrator.run_direct(&mut connection).await.expect("applied");
        });
    }
    compare(&mut database, project.model.as_ref().expect("a model"));
}
