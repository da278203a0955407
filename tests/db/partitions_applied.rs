//! The script of partitions, run by bash with Kafka's own tools against a real broker, as its comment and the guide say.

use std::process::Command;

use lagproof::broker::TopicSpec;

use super::broker::{jars, lease, local};
use super::database::Database;
use super::migrate::run;
use super::replay::{compiled, profiles};

const ACCELEROMETER: &str = "device.sensor.accelerometer.raw";
const AUDIO: &str = "device.audio.raw";

fn partitions(topic: &str) -> u32 {
    let topic = local()
        .admin()
        .and_then(|admin| admin.describe(topic))
        .expect("a broker that answers");
    topic.expect("the topic").partitions
}

/// The line of the guide, as it stands there.
fn piped(database: &Database) -> (bool, String) {
    let guide = include_str!("../../docs/monitoring.md");
    let line = "psql -At -c \"SELECT generate_partition_update_script();\" | bash";
    assert!(guide.contains(line));
    let tools = jars().tools();
    let path = format!("{}:{}", tools.display(), std::env::var("PATH").expect("a PATH"));
    let output = Command::new("bash")
        // The guide's reader has told psql where; here it is told in a function of its name.
        .args([
            "-o",
            "pipefail",
            "-c",
            &format!("psql() {{ command psql -X -d \"$DATABASE_URL\" \"$@\"; }}\n{line}"),
        ])
        .envs([("PATH", &*path), ("DATABASE_URL", &*database.url())])
        .env("BOOTSTRAP_SERVER", local().bootstrap())
        .output()
        .expect("bash runs");
    let text = [output.stdout, output.stderr].concat();
    (output.status.success(), String::from_utf8(text).expect("UTF-8"))
}

/// This repository's profiles: two topics have fewer partitions in the cluster, the others are as declared there.
#[test]
fn the_reference_projects_topics_grow() {
    let project = profiles();
    compiled(project.path(), 1_800_000_000);
    let mut database = Database::empty();
    let (status, out, err) = run(project.path(), Some(&database.url()), &[]);
    assert_eq!(status, Some(0), "{out}{err}");
    let others = database.owner.value(&format!(
        "SELECT bool_and(mark_partition_changes_applied(topic_name) = 1) FROM topic_partition_changes
         WHERE NOT applied AND topic_name NOT IN ('{ACCELEROMETER}', '{AUDIO}')"
    ));
    assert_eq!(others, true);

    let specs = [ACCELEROMETER, AUDIO].map(|topic| TopicSpec::new(topic, 3));
    lease(local()).create_topics(&specs).expect("the topics");
    let (succeeded, printed) = piped(&database);
    assert!(succeeded, "{printed}");
    assert_eq!((partitions(ACCELEROMETER), partitions(AUDIO)), (10, 6));

    assert_eq!(database.owner.value("SELECT mark_partition_changes_applied()"), 2);
    assert_eq!(
        database.owner.value("SELECT jsonb_object_agg(topic_name, jsonb_build_array(current_partitions, verdict)) FROM v_partition_efficiency WHERE topic_name IN ('device.sensor.accelerometer.raw', 'device.audio.raw')"),
        serde_json::json!({ ACCELEROMETER: [10, "fits"], AUDIO: [6, "fits"] })
    );
    assert_eq!(piped(&database), (true, String::new()), "nothing is left to do");
}
