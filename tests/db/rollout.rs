//! `lagproof rollout`: who runs what, stopping it, waiting for it.

use std::path::Path;
use std::thread;
use std::time::Duration;

use serde_json::{Value as Json, json};

use super::database::Database;
use super::migrate::run_verb;
use super::samples::with_filter;

fn rollout(url: &str, arguments: &[&str]) -> (Option<i32>, String, String) {
    run_verb(Path::new("/"), "rollout", Some(url), arguments)
}

fn newest(database: &mut Database) -> i64 {
    let sql = "SELECT generation FROM public.pipeline_consumer_configs WHERE service_name = 'filter'";
    database.owner.value(sql).as_i64().expect("a generation")
}

/// A replica of the filter says that it runs a generation.
fn report(database: &mut Database, replica: &str, generation: i64, state: &str, detail: &str) {
    database.owner.run(&format!(
        "SELECT lagproof.report_instance_v1('filter', '{replica}', 'process', 'aiokafka 0.14.0', {generation}, \
         {generation}, 1, '{state}', {detail})"
    ));
}

/// Three replicas: one with the newest settings, one that waits, one that was heard of five minutes ago.
fn under_way() -> (Database, i64) {
    let mut database = with_filter();
    let before = newest(&mut database);
    report(&mut database, "filter-2", before, "running", "NULL");
    database
        .owner
        .run("UPDATE lagproof.instances SET reported_at = now() - interval '5 minutes 1 second'");
    database
        .owner
        .run("UPDATE public.pipeline_consumer_configs SET fetch_min_bytes = 2048 WHERE service_name = 'filter'");
    let generation = newest(&mut database);
    assert!(generation > before);
    report(&mut database, "filter-0", generation, "running", "NULL");
    let why = "'waits for filter-0 to be through with its restart'";
    report(&mut database, "filter-1", before, "waiting", why);
    database.owner.run(&format!(
        "SELECT lagproof.take_restart_lease_v1('filter', 'filter-0', {generation}, 10, '1 minute')"
    ));
    (database, generation)
}

#[test]
fn who_runs_what() {
    let (database, _) = under_way();
    let (status, out, err) = rollout(&database.url(), &[]);
    assert_eq!((status, err.as_str()), (Some(0), ""), "{out}");
    insta::assert_snapshot!(out, @r"
    going     filter: version 1, run by 1 of 3 replicas; filter-0 has its turn to restart
              filter-0  version 1                          aiokafka 0.14.0  running
              filter-1  version 1, before the last change  aiokafka 0.14.0  waiting  waits for filter-0 to be through with its restart
              filter-2  version 1, before the last change  aiokafka 0.14.0  running  silent for 5 min
    ");
    let (status, ..) = rollout(&database.url(), &["--exit-code"]);
    assert_eq!(status, Some(3));
    let (status, out, _) = rollout(&database.url(), &["filter", "--format", "json"]);
    let printed: Json = serde_json::from_str(&out).unwrap();
    let one = &printed["rollouts"][0];
    assert_eq!(
        (
            status,
            &one["standing"],
            &one["turn"]["replica"],
            one["replicas"].as_array().unwrap().len()
        ),
        (Some(0), &json!("going"), &json!("filter-0"), 3)
    );
}

#[test]
fn an_operator_stops_it_and_lets_it_go_on() {
    let (mut database, generation) = under_way();
    let mut url_of = |name: &str| {
        database.login(name, &format!("lagproof_{name}"));
        database.url_as(&format!("{}_{name}", database.name()), "secret")
    };
    let (reader, operator) = (url_of("reader"), url_of("operator"));
    let (status, out, err) = rollout(&reader, &["filter", "--stop", "no"]);
    assert_eq!((status, out.as_str()), (Some(1), ""), "{err}");
    insta::assert_snapshot!(err, @r"
    error: filter: permission denied for function halt_rollout_v1
    help: stopping and resuming is for operators: a login that was granted lagproof_operator
    ");
    let (status, out, err) = rollout(&operator, &["filter", "--stop", "lag doubled"]);
    assert_eq!((status, err.as_str()), (Some(0), ""));
    insta::assert_snapshot!(out, @"stopped   filter: 1 of 3 had restarted; the others go on as they are");
    let lease = format!(
        "SELECT granted FROM lagproof.take_restart_lease_v1('filter', 'filter-1', {generation}, 10, '1 minute')"
    );
    assert_eq!(database.owner.value(&lease), false, "nobody restarts any more");
    let (status, out, _) = rollout(&reader, &["filter", "--wait", "1min"]);
    assert_eq!(status, Some(1), "there is nothing to wait for: {out}");
    let line = out.lines().next().unwrap();
    assert!(
        line.starts_with("stopped   filter: version 1, run by 1 of 3 replicas; stopped by "),
        "{line}"
    );
    assert!(line.contains("operator") && line.ends_with(": lag doubled"), "{line}");
    let (status, out, _) = rollout(&operator, &["filter", "--resume"]);
    assert_eq!((status, out.as_str()), (Some(0), "resumed   filter\n"));
    let (status, out, _) = rollout(&operator, &["filter", "--resume"]);
    assert_eq!(
        (status, out.as_str()),
        (Some(0), "resumed   filter: nothing was stopped\n")
    );
}

#[test]
fn a_pipeline_waits_until_the_last_replica_has_it() {
    let (mut database, generation) = under_way();
    let url = database.url();
    let (status, out, _) = rollout(&url, &["filter", "--wait", "10ms"]);
    assert_eq!(status, Some(3), "{out}");
    let waiting = thread::spawn(move || rollout(&url, &["--wait", "5min"]));
    thread::sleep(Duration::from_millis(500));
    for replica in ["filter-1", "filter-2"] {
        report(&mut database, replica, generation, "running", "NULL");
    }
    let (status, out, err) = waiting.join().unwrap();
    assert_eq!((status, err.as_str()), (Some(0), ""), "{out}");
    assert!(
        out.starts_with("done      filter: version 1, run by 3 replicas\n"),
        "{out}"
    );
}

#[test]
fn a_replica_that_can_not_take_it_ends_the_waiting() {
    let (mut database, generation) = under_way();
    report(
        &mut database,
        "filter-1",
        generation - 1,
        "refused",
        "'the assignor changes: stop all replicas'",
    );
    let (status, out, _) = rollout(&database.url(), &["filter", "--wait", "5min"]);
    assert_eq!(status, Some(1), "{out}");
    assert!(
        out.starts_with("refused   filter: version 1, run by 1 of 3 replicas\n"),
        "{out}"
    );
    assert!(out.contains("the assignor changes: stop all replicas"), "{out}");
}

#[test]
fn what_is_wrong_is_said() {
    let mut database = with_filter();
    let (status, out, _) = rollout(&database.url(), &["filter", "--exit-code"]);
    assert_eq!(
        (status, out.as_str()),
        (
            Some(3),
            "unknown   filter: version 1, no replica has reported within the hour\n"
        )
    );
    let (status, out, err) = rollout(&database.url(), &[]);
    assert_eq!((status, out.as_str()), (Some(0), ""));
    assert_eq!(
        err,
        "note: 1 service without a replica that has reported within the hour\n"
    );
    let (status, _, err) = rollout(&database.url(), &["fliter"]);
    assert_eq!(status, Some(2));
    insta::assert_snapshot!(err, @r"
    error: no service is called `fliter` in this database
    help: there is filter
    ");
    let (status, _, err) = rollout(&database.url(), &["filter", "--wait", "soon"]);
    assert_eq!(status, Some(2));
    insta::assert_snapshot!(err, @r#"
    error: --wait: `soon` is not a duration
    help: write a duration such as "250ms" (units: ns, us, ms, s, min, h, d)
    "#);
    report(&mut database, "a\u{1b}[2J", 1, "waiting", "E'b\\x1b[2J'");
    let (_, out, _) = rollout(&database.url(), &[]);
    assert!(!out.contains('\u{1b}') && out.contains("a␛[2J"), "{out}");
    let (status, _, err) = rollout(&Database::empty().url(), &[]);
    assert_eq!(status, Some(2));
    insta::assert_snapshot!(err, @r"
    error: the database has no lagproof schema
    help: run `lagproof migrate` first
    ");
}
