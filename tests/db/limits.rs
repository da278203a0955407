//! The row-local rules of the database are the compiler's: the same bounds, the same relations.

use lagproof::model::keywords::{Assignor, Keyword, RemoteAssignor};
use lagproof::model::limits::{Order, RELATIONS, bounds};
use lagproof::model::settings::{Kind, Setting};
use serde_json::{Value as Json, json};

use super::database::Database;
use super::samples::with_filter;

/// Columns that may be changed and are no consumer setting.
const BESIDE: [&str; 3] = ["auto_commit_interval_ms", "concurrency", "enable_auto_commit"];

#[test]
fn the_list_of_settings_is_the_compilers() {
    let mut database = Database::migrated();
    let listed = database.owner.rows(
        "SELECT column_name, kind, minimum, maximum, words, path FROM lagproof.consumer_settings ORDER BY column_name COLLATE \"C\"",
    );
    let listed: Vec<Json> = listed
        .into_iter()
        .filter(|row| !BESIDE.iter().any(|name| row["column_name"] == *name))
        .collect();
    let mut expected: Vec<Json> = Setting::ALL
        .into_iter()
        .map(|setting| {
            let info = setting.info();
            let kind = match info.kind {
                Kind::Count => "count",
                Kind::Duration => "duration",
                Kind::Size => "size",
                Kind::Switch => "switch",
                Kind::Assignors => "words",
                Kind::OffsetReset | Kind::RemoteAssignor | Kind::Text => "word",
            };
            let bounds = bounds(setting);
            json!({
                "column_name": info.key, "kind": kind, "path": ["consumer", info.key],
                "minimum": bounds.map(|bounds| bounds.min), "maximum": bounds.map(|bounds| bounds.max), "words": words(info.kind),
            })
        })
        .collect();
    expected.sort_by(|a, b| a["column_name"].as_str().cmp(&b["column_name"].as_str()));
    assert_eq!(listed, expected);
}

/// The words that a kind of setting takes, where it does not take any text.
fn words(kind: Kind) -> Option<Vec<&'static str>> {
    fn all<K: Keyword>() -> Vec<&'static str> {
        K::ALL.iter().map(|keyword| keyword.as_str()).collect()
    }
    match kind {
        Kind::Assignors => Some(all::<Assignor>()),
        Kind::RemoteAssignor => Some(all::<RemoteAssignor>()),
        // What the compiler lists when it refuses another; a length of time is beside them.
        Kind::OffsetReset => Some(vec!["earliest", "latest", "none"]),
        Kind::Count | Kind::Duration | Kind::Size | Kind::Switch | Kind::Text => None,
    }
}

#[test]
fn the_relations_are_the_compilers() {
    let mut database = Database::migrated();
    let listed = database
        .owner
        .rows("SELECT rule, lesser, orders, greater FROM lagproof.consumer_relations ORDER BY rule");
    let mut expected: Vec<Json> = RELATIONS
        .iter()
        .map(|relation| {
            let orders = match relation.order {
                Order::Below => "below",
                Order::AtMost => "at most",
            };
            json!({ "rule": relation.code, "lesser": relation.left.info().key, "orders": orders, "greater": relation.right.info().key })
        })
        .collect();
    expected.sort_by(|a, b| a["rule"].as_str().cmp(&b["rule"].as_str()));
    assert_eq!(listed, expected);
}

#[test]
fn the_check_constraints_are_the_compilers() {
    let mut database = Database::migrated();
    let listed = database.owner.rows(
        "SELECT conname AS name, pg_get_constraintdef(oid) AS condition FROM pg_constraint
         WHERE conrelid = 'pipeline_consumer_configs'::regclass AND contype = 'c' AND conname ~ '^[a-z]\\d{3}_'",
    );
    let mut listed: Vec<String> = listed
        .iter()
        .map(|row| {
            format!(
                "{}: {}",
                row["name"].as_str().expect("a name"),
                row["condition"].as_str().expect("a condition")
            )
        })
        .filter(|line| !BESIDE.iter().any(|name| line.starts_with(&format!("s108_{name}:"))))
        .collect();
    listed.sort();
    let ranges = Setting::ALL.into_iter().filter_map(|setting| {
        let (key, bounds) = (setting.info().key, bounds(setting)?);
        Some(format!(
            "s108_{key}: CHECK ((({key} >= {}) AND ({key} <= {})))",
            bounds.min, bounds.max
        ))
    });
    let relations = RELATIONS.iter().map(|relation| {
        let bare = |setting: Setting| setting.info().key.trim_end_matches("_ms").to_owned();
        let (words, sign) = match relation.order {
            Order::Below => ("below", "<"),
            Order::AtMost => ("at_most", "<="),
        };
        format!(
            "{}_{}_{words}_{}: CHECK (({} {sign} {}))",
            relation.code.to_lowercase(),
            bare(relation.left),
            bare(relation.right),
            relation.left.info().key,
            relation.right.info().key
        )
    });
    let mut expected: Vec<String> = ranges.chain(relations).collect();
    expected.sort();
    assert_eq!(listed, expected);
}

/// Both sides of every bound, written as a person would.
#[test]
fn every_bound_holds_on_both_sides() {
    let mut database = with_filter();
    // Relations would answer first.
    database.owner.run(
        "UPDATE pipeline_consumer_configs SET session_timeout_ms = NULL, heartbeat_interval_ms = NULL,
                        max_poll_interval_ms = NULL",
    );
    for setting in Setting::ALL {
        let Some(bounds) = bounds(setting) else { continue };
        let key = setting.info().key;
        for value in [bounds.min, bounds.max] {
            database
                .owner
                .run(&format!("UPDATE pipeline_consumer_configs SET {key} = {value}"));
        }
        let outside = [
            bounds.min.checked_sub(1).map_or(-1, u64::cast_signed),
            bounds.max.cast_signed() + 1,
        ];
        for value in outside.into_iter().filter(|value| i32::try_from(*value).is_ok()) {
            let refusal = database
                .owner
                .refused(&format!("UPDATE pipeline_consumer_configs SET {key} = {value}"));
            assert_eq!(
                refusal.message,
                format!(
                    "S108: {key} of service 'filter' would be {value}, outside {} to {}",
                    bounds.min, bounds.max
                )
            );
            assert_eq!(refusal.code, "23514");
        }
        database
            .owner
            .run(&format!("UPDATE pipeline_consumer_configs SET {key} = NULL"));
    }
}

/// Words that a client would refuse, and all that there are.
#[test]
fn only_words_that_there_are_can_be_set() {
    let mut database = with_filter();
    for setting in Setting::ALL {
        let Some(words) = words(setting.info().kind) else {
            continue;
        };
        let key = setting.info().key;
        for word in &words {
            database
                .owner
                .run(&format!("UPDATE pipeline_consumer_configs SET {key} = '{word}'"));
        }
        for wrong in ["sometimes", "", "range;", "range, sticky", "uniform,range"] {
            let refusal = database
                .owner
                .refused(&format!("UPDATE pipeline_consumer_configs SET {key} = '{wrong}'"));
            assert_eq!(
                refusal.message,
                format!("S107: {key} of service 'filter' would be '{wrong}', which is not a value that it takes")
            );
            assert_eq!(
                refusal.hint,
                format!("It takes {}; `lagproof explain S107` says more.", words.join(", "))
            );
            assert_eq!(refusal.code, "23514");
        }
        database
            .owner
            .run(&format!("UPDATE pipeline_consumer_configs SET {key} = NULL"));
    }
    database.owner.run(
        "UPDATE pipeline_consumer_configs SET partition_assignment_strategy = 'range,roundrobin', client_rack = 'any, text',
             auto_offset_reset = 'by_duration:PT86400.5S'",
    );
    database
        .owner
        .refused("UPDATE pipeline_consumer_configs SET auto_offset_reset = 'by_duration:soon'");
}

#[test]
fn every_relation_holds_on_both_sides() {
    for relation in RELATIONS {
        let mut database = with_filter();
        let (left, right) = (relation.left.info().key, relation.right.info().key);
        database.owner.run(
            "UPDATE pipeline_consumer_configs SET session_timeout_ms = NULL, heartbeat_interval_ms = NULL,
                            max_poll_interval_ms = NULL",
        );
        let set =
            |low: u32, high: u32| format!("UPDATE pipeline_consumer_configs SET {left} = {low}, {right} = {high}");
        database.owner.run(&set(999, 1000));
        let refusal = match relation.order {
            Order::Below => database.owner.refused(&set(1000, 1000)),
            Order::AtMost => {
                database.owner.run(&set(1000, 1000));
                database.owner.refused(&set(1001, 1000))
            }
        };
        assert!(
            refusal.message.starts_with(&format!("{}: {left} (", relation.code)),
            "{}",
            refusal.message
        );
        assert!(
            refusal.hint.contains(&format!("lagproof explain {}", relation.code)),
            "{}",
            refusal.hint
        );
    }
}

/// The triggers say it well; the constraints hold without them.
#[test]
fn the_constraints_hold_without_the_triggers() {
    let mut database = with_filter();
    database
        .owner
        .run("ALTER TABLE pipeline_consumer_configs DISABLE TRIGGER USER");
    for (change, constraint) in [
        ("max_poll_records = 0", "s108_max_poll_records"),
        (
            "session_timeout_ms = 60001",
            "c103_session_timeout_at_most_max_poll_interval",
        ),
        (
            "heartbeat_interval_ms = 30000",
            "c101_heartbeat_interval_below_session_timeout",
        ),
    ] {
        let refusal = database
            .owner
            .refused(&format!("UPDATE pipeline_consumer_configs SET {change}"));
        assert_eq!(refusal.constraint, constraint);
    }
}
