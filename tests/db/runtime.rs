//! Who runs what, and whose turn it is to restart.

use super::samples::with_filter;

const DENIED: &str = "42501";

#[test]
fn replicas_say_what_they_run_and_leave_no_trace_when_they_stop() {
    let mut database = with_filter();
    let mut service = database.login("service", "lagproof_service");
    let report = |process: &str, state: &str| {
        format!(
            "SELECT lagproof.report_instance_v1('filter', 'filter-0', '{process}', 'aiokafka 0.14.0', 7, 8, 1, '{state}')"
        )
    };
    assert!(service.value(&report("a", "running")).is_null());
    assert_eq!(
        database.owner.value("SELECT generation FROM lagproof.acknowledgements"),
        7
    );
    assert_eq!(
        service.value(&report("b", "starting")),
        "a",
        "another process has that name, and is not silent"
    );
    service.run(&report("b", "stopped"));
    assert_eq!(
        database
            .owner
            .value("SELECT state FROM lagproof.instances WHERE process = 'a'"),
        "running",
        "who never had the name does not give it up"
    );
    database
        .owner
        .run("UPDATE lagproof.instances SET reported_at = now() - interval '16 seconds'");
    assert!(
        service.value(&report("b", "running")).is_null(),
        "a was silent too long"
    );
    assert_eq!(service.value(&report("a", "running")), "b", "a hears of it");
    assert!(service.value(&report("b", "stopped")).is_null());
    assert_eq!(
        database.owner.value("SELECT count(*) FROM lagproof.acknowledgements"),
        0
    );
    assert!(
        service.value(&report("a", "starting")).is_null(),
        "its name is free at once"
    );
    database
        .owner
        .run("UPDATE lagproof.instances SET reported_at = now() - interval '2 hours'");
    service.run("SELECT lagproof.report_instance_v1('filter', 'filter-1', 'c', 'aiokafka', 7, 7, 1, 'running')");
    assert_eq!(database.owner.value("SELECT count(*) FROM lagproof.instances"), 1);
}

#[test]
fn one_replica_at_a_time_restarts_and_a_failure_stops_the_rest() {
    let mut database = with_filter();
    let mut service = database.login("service", "lagproof_service");
    let mut operator = database.login("operator", "lagproof_operator");
    let take = |instance: &str, generation: u32| {
        format!(
            "SELECT to_jsonb(lease) FROM lagproof.take_restart_lease_v1('filter', '{instance}', {generation}, 10, '1 minute') AS lease"
        )
    };
    assert_eq!(service.value(&take("a", 5))["granted"], true);
    let refused = service.value(&take("b", 5));
    assert_eq!((&refused["granted"], &refused["holder"]), (&false.into(), &"a".into()));
    assert_eq!(service.value(&take("a", 5))["granted"], true, "its turn goes on");
    service.run("SELECT lagproof.release_restart_lease_v1('filter', 'b', 5)");
    assert_eq!(
        service.value(&take("b", 5))["granted"],
        false,
        "only the holder gives it back"
    );
    service.run("SELECT lagproof.release_restart_lease_v1('filter', 'a', 5)");
    assert_eq!(service.value(&take("b", 5))["granted"], true);
    database
        .owner
        .run("UPDATE lagproof.rollouts SET holder_until = now() - interval '1 second'");
    assert_eq!(
        service.value(&take("c", 5))["granted"],
        true,
        "a dead holder's turn runs out"
    );
    service.run("SELECT lagproof.release_restart_lease_v1('filter', 'c', 5, 'lag rose')");
    assert_eq!(service.value(&take("b", 5))["halted"], "lag rose");
    assert_eq!(
        service.value(&take("b", 4))["granted"],
        false,
        "older ones are never granted"
    );
    assert_eq!(
        service.value(&take("b", 6))["granted"],
        true,
        "a newer change starts anew"
    );
    operator.run("SELECT lagproof.halt_rollout_v1('filter', 'not on a Friday')");
    service.run("SELECT lagproof.release_restart_lease_v1('filter', 'b', 6)");
    assert_eq!(service.value(&take("b", 6))["halted"], "not on a Friday");
    assert_eq!(operator.value("SELECT lagproof.resume_rollout_v1('filter')"), true);
    assert_eq!(operator.value("SELECT lagproof.resume_rollout_v1('filter')"), false);
    assert_eq!(service.value(&take("b", 6))["granted"], true);
}

#[test]
fn services_only_report_and_operators_only_halt() {
    let mut database = with_filter();
    let mut service = database.login("service", "lagproof_service");
    let mut reader = database.login("reader", "lagproof_reader");
    service.rows("SELECT * FROM lagproof.recommendations_v1('filter')");
    for forbidden in [
        "UPDATE lagproof.instances SET state = 'running'",
        "SELECT * FROM lagproof.rollouts",
        "SELECT lagproof.halt_rollout_v1('filter', 'x')",
        "SELECT lagproof.resume_rollout_v1('filter')",
    ] {
        assert_eq!(service.refused(forbidden).code, DENIED, "{forbidden}");
    }
    reader.rows("SELECT * FROM lagproof.instances, lagproof.rollouts");
    for forbidden in [
        "SELECT lagproof.report_instance_v1('filter', 'i', 'p', 'c', 1, 1, 1, 'running')",
        "SELECT lagproof.take_restart_lease_v1('filter', 'i', 1, 1, '1 minute')",
    ] {
        assert_eq!(reader.refused(forbidden).code, DENIED, "{forbidden}");
    }
}

#[test]
fn a_row_without_a_profile_whose_timer_is_off_commits_after_batches() {
    let mut database = with_filter();
    database.owner.run(
        "INSERT INTO pipeline_consumer_configs (service_name, consumer_group_id, enable_auto_commit)
         VALUES ('off', 'g', false), ('on', 'g', true), ('unsaid', 'g', NULL)",
    );
    let mut commit = |service: &str| {
        database.owner.value_with(
            "SELECT settings #> '{delivery,commit}' FROM lagproof.read_config_v1($1)",
            &[service],
        )
    };
    assert_eq!(commit("off"), "after-batch");
    assert_eq!(commit("on"), "interval");
    assert!(commit("unsaid").is_null());
}
