//! The scripts that bring a cluster's topics and groups to what is declared, with Kafka's own tools.
//!
//! The logic stands in `scripts/*.sh`, the same in every project; compiling adds a line a topic or group. The scripts
//! hold no server names and no secrets: both come from the environment in which they run.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use crate::model::broker::Environment;
use crate::model::keywords::{GroupProtocol, Ordering};
use crate::model::project::Model;
use crate::model::settings::Setting;
use crate::model::topic::Topic;

use super::artifact::{Artifact, file_name, header};
use super::shell::quote;

const COMMON: &str = include_str!("scripts/common.sh");
const TOPICS: &str = include_str!("scripts/topics.sh");
const GROUPS: &str = include_str!("scripts/groups.sh");

/// The scripts of a project:
///
/// - `topics/topics.sh`, where it declares topics;
/// - `topics/topics.ENVIRONMENT.sh` for each environment that has other numbers of partitions;
/// - `topics/groups.sh`, where a group of the protocol `consumer` (KIP-848) has timeouts: there they are the broker's
///   to know, not the client's.
///
/// # Panics
/// Never: the paths are made of names that [`file_name`] has made fit.
#[must_use]
pub fn topic_scripts(model: &Model) -> Vec<Artifact> {
    let mut scripts = Vec::new();
    let mut add = |name: &str, contents: String| {
        let path = format!("topics/{name}.sh");
        scripts.push(Artifact::new(path, contents).expect("a path of names made fit"));
    };
    if let Some(contents) = topics_script(model, None) {
        add("topics", contents);
    }
    for environment in &model.environments {
        let differs = model
            .topics
            .values()
            .any(|topic| partitions(topic, Some(environment)) != *topic.partitions);
        if differs && let Some(contents) = topics_script(model, Some(environment)) {
            add(&format!("topics.{}", file_name(&environment.name)), contents);
        }
    }
    if let Some(contents) = groups_script(model) {
        add("groups", contents);
    }
    scripts
}

/// How many partitions a topic has in an environment, or where none says otherwise.
fn partitions(topic: &Topic, environment: Option<&Environment>) -> u32 {
    environment
        .into_iter()
        .flat_map(|environment| &environment.topics)
        .filter(|other| *other.topic == topic.name)
        .find_map(|other| other.partitions.as_deref().copied())
        .unwrap_or(*topic.partitions)
}

fn topics_script(model: &Model, environment: Option<&Environment>) -> Option<String> {
    if model.topics.is_empty() {
        return None;
    }
    let mut lines = String::from("# name, partitions, replication, key whose order matters, configuration\n");
    for topic in model.topics.values() {
        let key = match (&topic.key, *topic.ordering) {
            (Some(key), Ordering::PerKey | Ordering::PerPartition) => key.field.as_str(),
            (None, _) | (_, Ordering::None) => "",
        };
        let _ = write!(
            lines,
            "want {} {} {} {}",
            quote(&topic.name),
            partitions(topic, environment),
            *topic.replication,
            quote(key)
        );
        for (name, value) in topic.configuration() {
            let _ = write!(lines, " {}", quote(&format!("{name}={value}")));
        }
        lines.push('\n');
    }
    let from = if environment.is_some() {
        "profiles/topics.toml or lagproof.toml"
    } else {
        "profiles/topics.toml"
    };
    Some(script(
        from,
        "Makes the topics that are missing, adds partitions where there are fewer than declared, and sets the\n\
         configuration that differs. It reads first and acts only on differences, so that it can run at any time; where\n\
         a topic would have to lose partitions, it says so and changes nothing at all.",
        "  KAFKA_TOPICS, KAFKA_CONFIGS  the tools, where they are neither on PATH nor in $KAFKA_HOME/bin\n\
         \x20 REPLICATION_FACTOR           instead of the declared ones, for clusters with fewer brokers",
        TOPICS,
        &lines,
    ))
}

fn groups_script(model: &Model) -> Option<String> {
    // Profiles that share a group say the same here, or rules would have stopped the compilation.
    let mut groups: BTreeMap<&str, BTreeMap<&str, u128>> = BTreeMap::new();
    for service in &model.services {
        if *service.group_protocol != GroupProtocol::Consumer {
            continue;
        }
        for (setting, name) in [
            (Setting::HeartbeatInterval, "consumer.heartbeat.interval.ms"),
            (Setting::SessionTimeout, "consumer.session.timeout.ms"),
        ] {
            if let Some(duration) = service.run.consumer.duration(setting) {
                groups
                    .entry(&service.group)
                    .or_default()
                    .entry(name)
                    .or_insert(duration.as_millis());
            }
        }
    }
    if groups.is_empty() {
        return None;
    }
    let mut lines = String::from("# name, configuration\n");
    for (group, settings) in &groups {
        let _ = write!(lines, "want {}", quote(group));
        for (name, value) in settings {
            let _ = write!(lines, " {}", quote(&format!("{name}={value}")));
        }
        lines.push('\n');
    }
    Some(script(
        "profiles/services/*.toml",
        "Sets the timeouts of the groups with group_protocol = \"consumer\" (KIP-848), which are the broker's to know.\n\
         It reads first and acts only on differences, so that it can run at any time.",
        "  KAFKA_CONFIGS     the tool, where it is neither on PATH nor in $KAFKA_HOME/bin",
        GROUPS,
        &lines,
    ))
}

/// A whole script: header, usage, what all have in common, the logic, the declared lines, and the call.
fn script(from: &str, purpose: &str, variables: &str, logic: &str, lines: &str) -> String {
    let mut out = format!("#!/usr/bin/env bash\n# {}\n#\n", header(from));
    let usage = format!(
        "{purpose}\n\n  BOOTSTRAP_SERVER=host:9092 bash SCRIPT [--dry-run]\n\nFrom the environment:\n\
         \x20 BOOTSTRAP_SERVER  the cluster\n\
         \x20 COMMAND_CONFIG    a client properties file with what security needs (optional)\n{variables}\n"
    );
    for line in usage.lines() {
        let _ = writeln!(out, "{}", format!("# {line}").trim_end());
    }
    let _ = write!(out, "{COMMON}\n{logic}\n{lines}\nmain\n");
    out
}
