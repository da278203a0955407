//! The library call, for tests of somebody's own.

use lagproof::broker::Wanted;
use lagproof::harness::verdict::Verdict;

use super::example::prove;
use super::support::{local, three_seconds};
use super::verb::{alone_there, project};

#[test]
fn the_page_about_reports_quotes_the_example() {
    let page = include_str!("../../docs/verify.md");
    assert!(
        page.contains(&format!("```rust\n{}", include_str!("example.rs"))),
        "docs/verify.md"
    );
}

#[test]
fn a_service_is_proven_by_one_call() {
    let folder = project("");
    let proof = prove(folder.path(), "tested", &three_seconds(Wanted::Local)).unwrap();
    // Three seconds are too few for a verdict; on a busy machine the run may not even be one.
    assert!(
        matches!(proof.verdict(), Verdict::Inconclusive | Verdict::Invalid) && !proof.holds(),
        "{proof}"
    );
    let account = proof.outcome.trials[0].sides[0].recordings[0].account;
    assert!(account.sent >= 800 && account.processed == account.sent, "{account:?}");
    assert!(proof.to_string().contains("verdict"), "{proof}");
}

#[test]
fn an_environment_is_run_as_it_is_declared() {
    let _alone = alone_there();
    let id = local().admin().unwrap().cluster_id().unwrap();
    let folder = project(&format!(
        "[environments.staging]\nbrokers = [\"{}\"]\nload = true\ncluster_id = \"{id}\"\n\
         [environments.staging.services]\ntested = {{ replicas = 2 }}\n",
        local().bootstrap()
    ));
    let today = lagproof::project::Date::constant(2026, 11, 26);
    let project = lagproof::project::Project::load(folder.path(), &today).unwrap();
    let environment = &project.model.as_ref().unwrap().environments[0];
    let proof = prove(folder.path(), "tested", &three_seconds(Wanted::Declared(environment))).unwrap();
    assert_eq!(proof.outcome.trials[0].trial.sides[0].replicas, 2);
    assert_eq!(proof.outcome.trials[0].sides[0].recordings[0].workers.len(), 2);
}

#[test]
fn a_smoke_test_holds_nothing() {
    let folder = project("");
    let proof = prove(folder.path(), "tested", &three_seconds(Wanted::Mock)).unwrap();
    assert!(proof.outcome.broker.smoke_test && !proof.holds(), "{proof}");
    let error = prove(folder.path(), "testd", &three_seconds(Wanted::Mock)).unwrap_err();
    assert!(error.to_string().contains("testd"), "{error}");
}
