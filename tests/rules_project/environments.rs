//! What an environment or a case changes stands up to the rules, too.

use std::collections::BTreeSet;

use lagproof::diagnostic::{Example, Finding};
use lagproof::project::Project;
use lagproof::resolve::in_environment;
use lagproof::rules::{Scope, judge, rules};

use crate::support::TestProject;
use crate::{codes, line, only, project};

fn production(lines: &str) -> String {
    format!("# file: lagproof.toml\n[environments.production]\n{lines}\n")
}

fn file(project: &crate::support::TestProject, finding: &Finding) -> String {
    let loaded = project.load();
    loaded.sources.get(finding.primary.span.file).path.clone()
}

#[test]
fn more_replicas_than_partitions_there() {
    let project = project(&[&production("[environments.production.services.example]\nreplicas = 8")]);
    let finding = only(&project, "G101");
    assert_eq!(
        line(&finding),
        "warning: 2 members of group `example` would be idle in environment `production`"
    );
    assert_eq!(file(&project, &finding), "lagproof.toml");
}

#[test]
fn fewer_partitions_there_are_labelled_where_they_are_declared() {
    let project = project(&[&production(
        "[environments.production.topics.\"orders.created\"]\nrate = \"200/s\"",
    )]);
    let finding = only(&project, "P108");
    assert!(line(&finding).ends_with("in environment `production`"), "{finding:#?}");
    let loaded = project.load();
    let labelled = finding
        .labels
        .iter()
        .any(|label| loaded.sources.text(label.span) == "\"200/s\"");
    assert!(labelled, "{finding:#?}");
}

#[test]
fn what_the_project_has_anyway_is_not_repeated() {
    let idle = "replicas = 8\n";
    let there = production("[environments.production.services.example.memory]\nlimit = \"2GiB\"");
    assert_eq!(project(&[idle, &there]).found("G101").len(), 1);
}

#[test]
fn a_memory_limit_there_is_judged_there() {
    let there = production("[environments.production.services.example.memory]\nlimit = \"301MiB\"");
    let project = project(&[&there]);
    let finding = only(&project, "P105");
    assert_eq!(file(&project, &finding), "lagproof.toml");
    assert_eq!(codes(&[&there]), ["P105"]);
}

#[test]
fn fewer_brokers_there() {
    let one = production("[environments.production.broker]\ncount = 1");
    let finding = only(&project(&[&one]), "T106");
    assert_eq!(
        line(&finding),
        "error: orders.created wants 3 copies on 1 broker in environment `production`"
    );
    // A topic that says nothing of copies has as many as there are brokers.
    let silent = "# file: profiles/topics.toml\n[topics.\"orders.paid\"]\npartitions = 6\n";
    assert_eq!(project(&[&one, silent]).found("T106").len(), 1);
}

#[test]
fn a_dead_letter_topic_is_there_too() {
    let there = production("[environments.production.services.example.memory]\nlimit = \"2GiB\"");
    let dead_letters = "[delivery]\nretry = { attempts = 3, backoff = \"200ms\", dead_letter = \"orders.dlq\" }\n\
        # file: profiles/topics.toml\n[topics.\"orders.dlq\"]\npartitions = 1\nretention = { time = \"7d\" }\n";
    assert_eq!(codes(&[&there, dead_letters]), [""; 0]);
}

#[test]
fn an_environment_may_mend_what_is_wrong_elsewhere() {
    let small = "# file: lagproof.toml\n[broker]\nmax_group_size = 1\n";
    let large = production("[environments.production.broker]\nmax_group_size = 10");
    assert_eq!(project(&[small, &large]).found("G102").len(), 1);
}

#[test]
fn a_group_is_judged_with_members_that_the_environment_does_not_touch() {
    let project = project(&[&production("[environments.production.services.example]\nreplicas = 6")]);
    project.write("profiles/services/second.toml", include_str!("second.toml"));
    let finding = only(&project, "G101");
    assert!(
        finding.message.starts_with("1 member of group `example`"),
        "{finding:#?}"
    );
}

#[test]
fn an_allow_reaches_into_environments() {
    let there = production("[environments.production.services.example]\nreplicas = 8");
    let allow = "[[allow]]\ncode = \"G101\"\nreason = \"two wait to take over at once\"\n";
    assert_eq!(codes(&[&there, allow]), [""; 0]);
}

#[test]
fn a_case_may_be_slow_but_not_impossible() {
    let case = |lines: &str| format!("# raw file: profiles/cases/trial.toml\nservice = \"example\"\n{lines}");
    let slow = case("replicas = 20\n[processing]\nper_record = \"10min\"\n");
    assert_eq!(codes(&[&slow]), [""; 0]);
    let impossible = case("[topics.\"orders.created\"]\nrecord = { mean = \"1KiB\", max = \"3MiB\" }\n");
    let project = project(&[&impossible]);
    let finding = only(&project, "T113");
    assert_eq!(
        line(&finding),
        "error: brokers refuse the largest record of orders.created in case `trial`"
    );
    assert_eq!(file(&project, &finding), "profiles/cases/trial.toml");
}

#[test]
fn a_case_does_not_repeat_what_is_wrong_with_its_service() {
    let project = project(&[
        "[consumer]\nmax_poll_records = 7\n# raw file: profiles/cases/trial.toml\nservice = \"example\"\nreplicas = 2\n",
    ]);
    assert_eq!(project.found("M103").len(), 1);
}

/// What is found of a project in an environment, and was not before, told apart as `check` tells it apart.
fn new_there(loaded: &Project, scope: Scope<'_>) -> BTreeSet<(&'static str, String)> {
    let key = |finding: Finding| {
        (
            finding.code.0,
            format!("{:?} {:?}", finding.primary.span, finding.subject),
        )
    };
    let model = loaded.model.as_ref().expect("a readable project");
    let known: BTreeSet<_> = judge(model, Scope::Whole).into_iter().map(key).collect();
    let there = in_environment(model, &model.environments[0]);
    let found = judge(&there, scope).into_iter().map(key);
    found.filter(|key| !known.contains(key)).collect()
}

#[test]
fn rules_that_are_left_out_for_other_brokers_would_have_found_nothing() {
    let harsh = production(
        "[environments.production.broker]\nversion = \"3.6\"\ncount = 1\nmin_session_timeout = \"44s\"\n\
         max_session_timeout = \"45s\"\nmax_group_size = 1\nmessage_max = \"1B\"\nfetch_max = \"1KiB\"\n\
         offsets_retention = \"1min\"\nmin_consumer_session_timeout = \"44s\"\nmax_consumer_session_timeout = \"45s\"\n\
         min_consumer_heartbeat_interval = \"4s\"\nmax_consumer_heartbeat_interval = \"5s\"\n",
    );
    let many = production("[environments.production.broker]\ncount = 1000\n");
    let mut differ = BTreeSet::new();
    // What fits beside three brokers' responses, and then does not beside six.
    let tight = [
        "client = \"librdkafka\"\n[consumer]\nfetch_max = \"64KiB\"\n[memory]\nlimit = \"370MiB\"\n",
        "client = \"librdkafka\"\n[consumer]\nfetch_max = \"64KiB\"\n[memory]\nlimit = \"375MiB\"\n",
    ];
    let examples = rules().flat_map(|rule| [rule.page.bad, rule.page.good]);
    let examples = examples.chain(tight.map(Example::Snippet));
    for (example, brokers) in examples.flat_map(|example| [(example, &harsh), (example, &many)]) {
        let project = TestProject::of(example);
        let loaded = project.merge(brokers).load();
        if loaded.model.as_ref().is_none_or(|model| model.environments.len() != 1) {
            continue;
        }
        let all = new_there(&loaded, Scope::Whole);
        assert_eq!(new_there(&loaded, Scope::OnBrokers), all, "{example:?} with {brokers}");
        differ.extend(all.into_iter().map(|(code, _)| code));
    }
    assert_eq!(
        differ.into_iter().collect::<Vec<_>>(),
        ["G102", "P105", "P107", "T106", "T113"]
    );
}
