//! Old seeds become one, and nothing else changes.

use crate::repository::Repository;

/// A repository with four seeds on `main`: two versions of billing, a service that is gone, a topic's rate.
fn lived() -> Repository {
    let repository = Repository::new(&["billing", "mailer"]);
    repository.set_fetch("billing", "2MiB");
    repository.set_version("billing", 2);
    repository.compiles();
    repository.commit("2");
    std::fs::remove_file(repository.project.path("profiles/services/mailer.toml")).unwrap();
    repository.compiles();
    repository.commit("3");
    let topics = repository.project.read("profiles/topics.toml");
    repository
        .project
        .write("profiles/topics.toml", topics.replace("\"20/s\"", "\"25/s\""));
    repository.compiles();
    repository.commit("4");
    assert_eq!(repository.seeds().len(), 4);
    repository
}

#[test]
fn a_baseline_amounts_to_the_same() {
    let repository = lived();
    repository.git(&["tag", "v1"]);
    repository.branch("squash");
    let ran = repository.run(&["squash", "--before", "v1"]);
    assert_eq!(ran.status, Some(0), "{}{}", ran.out, ran.err);
    assert!(
        ran.out
            .starts_with("squashed  4 seeds that v1 has into one: 3 services, 1 topic\n"),
        "{}",
        ran.out
    );
    let seeds = repository.seeds();
    assert!(seeds.len() == 1 && seeds[0].ends_with("_baseline.sql"), "{seeds:?}");
    let text = repository.project.read(&format!("generated/migrations/{}", seeds[0]));
    for line in [
        "-- service \"billing\" version 2 revision 2 ",
        "-- service \"example\" version 1 revision 2 ",
        "-- retired \"mailer\" version 2 revision 1 ",
        "-- topic \"orders.created\" revision 2 ",
        "-- replaces \"",
        "SELECT lagproof.retire_service_v1('mailer', 2, ",
    ] {
        assert!(text.contains(line), "{line} is not in {text}");
    }
    repository.checks();
    for arguments in [&["compile", "--check"][..], &["check", "--base", "main"], &["compile"]] {
        let ran = repository.run(arguments);
        assert_eq!(ran.status, Some(0), "{arguments:?}: {}{}", ran.out, ran.err);
    }
    assert_eq!(
        repository.seeds(),
        seeds,
        "a baseline is not written again from the profiles"
    );

    repository.commit("squashed");
    repository.merge("squash");
    repository.branch("after");
    repository.set_fetch("billing", "3MiB");
    let said = repository.fails(&["check"]);
    assert!(said.contains("is still version 2"), "{said}");
    repository.run(&["check", "--fix"]);
    repository.compiles();
    assert_eq!(repository.seeds().len(), 2);
    let ran = repository.run(&["revert", "billing", "--to", "1"]);
    assert_eq!(ran.status, Some(2));
    assert!(
        ran.err.contains("no seed has that version; there are 2, 3"),
        "{}",
        ran.err
    );
}

#[test]
fn a_branch_from_before_the_squash_rewrites_only_its_own() {
    let repository = lived();
    repository.branch("old");
    repository.set_fetch("billing", "3MiB");
    repository.set_version("billing", 3);
    repository.compiles();
    repository.commit("on the old seeds");
    repository.branch("squash");
    assert_eq!(repository.run(&["squash", "--before", "main"]).status, Some(0));
    repository.commit("squashed");
    repository.merge("squash");
    repository.git(&["switch", "-q", "old"]);
    repository.compiles();
    assert_eq!(repository.changed(), [""; 0], "the old seeds are history here, too");
    repository.git(&["merge", "-q", "-m", "main", "main"]);
    repository.checks();
    let ran = repository.run(&["compile", "--check"]);
    assert_eq!(ran.status, Some(0), "{}{}", ran.out, ran.err);
    assert_eq!(repository.seeds().len(), 2);
}

#[test]
fn what_can_not_be_squashed_stays() {
    let repository = lived();
    let seeds = repository.seeds();
    let refused = |reference: &str, status: i32, words: &str| {
        let ran = repository.run(&["squash", "--before", reference]);
        assert_eq!(ran.status, Some(status), "{reference}: {}{}", ran.out, ran.err);
        assert!(
            format!("{}{}", ran.out, ran.err).contains(words),
            "{reference}: {}{}",
            ran.out,
            ran.err
        );
        assert_eq!(repository.seeds(), seeds);
    };
    refused("no-such-tag", 2, "can't see what `no-such-tag` has");
    refused("--help", 2, "");
    refused("main~3", 2, "fewer than two of the seeds");
    repository.set_fetch("billing", "5MiB");
    refused("main", 1, "error[H106]");
    repository.set_version("billing", 3);
    refused("main", 2, "generated/ is stale");
}
