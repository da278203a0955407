//! Each role may do what it is for, and nothing else.

use super::samples::with_filter;

const DENIED: &str = "42501";

#[test]
fn services_read_settings_and_write_metrics() {
    let mut database = with_filter();
    let mut service = database.login("service", "lagproof_service");
    service.run(
        "INSERT INTO consumer_lag_history (service_name, topic, partition, lag, consumer_offset) VALUES ('filter', 't', 0, 1, 1);
         INSERT INTO consumer_processing_metrics (service_name, messages_processed) VALUES ('filter', 1);
         SELECT record_consumer_lag('filter', 't', 0, 5);
         SELECT record_processing_metrics('filter', 5);
         SELECT lagproof.acknowledge_v1('filter', 'filter-0', 1)",
    );
    assert_eq!(
        service.value("SELECT max_poll_records FROM pipeline_consumer_configs"),
        500
    );
    assert_eq!(
        service.value("SELECT settings #> '{consumer,max_poll_records}' FROM lagproof.read_config_v1('filter')"),
        500
    );
    for forbidden in [
        "UPDATE pipeline_consumer_configs SET max_poll_records = 1",
        "DELETE FROM consumer_lag_history",
        "SELECT * FROM lagproof.setting_changes",
        "SELECT lagproof.seed_service_v1('filter', 2, 'd', '{}')",
        "SELECT lagproof.write_row('filter', 'seed')",
        "SELECT mark_partition_changes_applied()",
        "INSERT INTO lagproof.overrides VALUES ('filter', 'max_poll_records', '1', '2')",
    ] {
        assert_eq!(service.refused(forbidden).code, DENIED, "{forbidden}");
    }
}

#[test]
fn readers_read() {
    let mut database = with_filter();
    let mut reader = database.login("reader", "lagproof_reader");
    for view in [
        "pipeline_consumer_configs",
        "topic_partition_changes",
        "consumer_lag_history",
        "consumer_processing_metrics",
        "v_consumer_performance_monitor",
        "v_consumer_performance_history",
        "v_consumer_alerts",
        "v_partition_efficiency",
        "lagproof.overrides",
        "lagproof.setting_changes",
        "lagproof.flows",
        "lagproof.topics",
    ] {
        reader.rows(&format!("SELECT * FROM {view}"));
    }
    for forbidden in [
        "UPDATE pipeline_consumer_configs SET max_poll_records = 1",
        "INSERT INTO consumer_lag_history (service_name, topic, partition, lag) VALUES ('a', 't', 0, 1)",
        "SELECT record_consumer_lag('a', 't', 0, 1)",
        "SELECT generate_partition_update_script()",
    ] {
        assert_eq!(reader.refused(forbidden).code, DENIED, "{forbidden}");
    }
}

#[test]
fn operators_override_and_cannot_pass_for_a_seed() {
    let mut database = with_filter();
    let mut operator = database.login("operator", "lagproof_operator");
    operator.run("SET lagproof.through = 'seed'; UPDATE pipeline_consumer_configs SET max_poll_records = 7");
    assert_eq!(database.owner.value("SELECT value FROM lagproof.overrides"), 7);
    assert_eq!(database.owner.config("filter")["changed_through"], "person");
    operator.rows("SELECT generate_partition_update_script()");
    for forbidden in [
        "SELECT lagproof.seed_service_v1('filter', 2, 'd', '{}')",
        "DELETE FROM lagproof.setting_changes",
        "UPDATE lagproof.service_bases SET version = 9",
        "INSERT INTO consumer_lag_history (service_name, topic, partition, lag) VALUES ('a', 't', 0, 1)",
    ] {
        assert_eq!(operator.refused(forbidden).code, DENIED, "{forbidden}");
    }
    let refusal = operator.refused("SELECT lagproof.apply_edit('{}', '{\"service_name\": \"filter\"}')");
    assert_eq!(
        refusal.message,
        "lagproof.apply_edit is called by the trigger of pipeline_consumer_configs only"
    );
}

#[test]
fn migrators_seed() {
    let mut database = with_filter();
    let mut migrator = database.login("migrator", "lagproof_migrator");
    let document = super::samples::document(&["a"], super::samples::sensor_settings());
    assert_eq!(migrator.seed("filter", 2, &document), "applied");
    assert_eq!(
        migrator.seed_topic("a", &serde_json::json!({ "revision": 1, "partitions": 2 })),
        "applied"
    );
    let changed_by = database.owner.config("filter")["changed_by"].clone();
    assert!(
        changed_by.as_str().is_some_and(|who| who.ends_with("_migrator")),
        "{changed_by}"
    );
    assert_eq!(
        migrator
            .refused("UPDATE pipeline_consumer_configs SET version = 9")
            .code,
        DENIED
    );
}

#[test]
fn an_owner_who_may_not_create_roles_can_migrate() {
    let mut database = super::database::Database::empty();
    let name = database.owner.value("SELECT current_database()");
    let name = name.as_str().expect("a name");
    let mut owner = database.login("plain", "pg_monitor");
    database.owner.run(&format!(
        "GRANT CREATE ON DATABASE {name} TO {name}_plain; GRANT CREATE ON SCHEMA public TO {name}_plain"
    ));
    for file in super::database::migrations() {
        owner.run(&std::fs::read_to_string(file).expect("a migration"));
    }
    owner.run("SELECT lagproof.create_role('lagproof_that_is_missing'); SELECT lagproof.grant_if_possible('SELECT', 'lagproof.topics', 'lagproof_that_is_missing')");
    assert_eq!(
        owner.value("SELECT count(*) FROM pg_roles WHERE rolname = 'lagproof_that_is_missing'"),
        0
    );
    let document = super::samples::document(&["a"], super::samples::sensor_settings());
    assert_eq!(owner.seed("filter", 1, &document), "applied");
    owner.run("UPDATE pipeline_consumer_configs SET max_poll_records = 3");
    assert_eq!(
        owner.config("filter")["changed_through"],
        "person",
        "an owner is a person too"
    );
    assert_eq!(owner.value("SELECT count(*) FROM lagproof.overrides"), 1);
}
