//! From one value changed to two branches merged: what a version goes through.

use crate::repository::Repository;

#[test]
fn one_value_changed_needs_a_version_and_makes_one_seed() {
    let repository = Repository::new(&["billing", "mailer"]);
    let first = repository.seeds();
    assert_eq!(first.len(), 1);
    repository.branch("bigger-fetches");
    repository.set_fetch("billing", "2MiB");
    let said = repository.fails(&["check"]);
    assert!(
        said.contains("error[H106]: `billing` changed `max_partition_fetch` and is still version 1"),
        "{said}"
    );
    let said = repository.fails(&["compile"]);
    assert!(said.contains("nothing was compiled"), "{said}");
    assert_eq!(repository.seeds(), first);

    let ran = repository.run(&["check", "--fix"]);
    assert_eq!(ran.status, Some(0), "{}", ran.out);
    assert!(
        ran.out
            .contains("fixed     profiles/services/billing.toml: raise version to 2 (H106)"),
        "{}",
        ran.out
    );
    assert!(
        repository
            .project
            .read("profiles/services/billing.toml")
            .contains("version  = 2                     # bumped")
    );

    repository.compiles();
    let changed = repository.changed();
    assert!(
        changed.iter().all(|line| line.contains("billing")),
        "only its own files: {changed:?}"
    );
    assert_eq!(repository.seeds().len(), 2);
    assert_eq!(repository.run(&["compile", "--check"]).status, Some(0));
    let seed = repository
        .project
        .read(&format!("generated/migrations/{}", repository.seeds()[1]));
    assert_eq!(seed.matches("SELECT ").count(), 1);
}

#[test]
fn one_rise_a_pull_request_is_enough_and_it_ends_with_one_seed() {
    let repository = Repository::new(&["billing"]);
    repository.branch("work");
    repository.set_fetch("billing", "2MiB");
    repository.set_version("billing", 2);
    repository.compiles();
    repository.commit("2 MiB");
    let after_one = repository.seeds();
    repository.set_fetch("billing", "3MiB");
    repository.checks();
    let ran = repository.compiles();
    assert!(ran.out.contains("removed   generated/migrations/"), "{}", ran.out);
    let after_two = repository.seeds();
    assert_eq!(after_two.len(), 2);
    assert!(after_two[1] > after_one[1], "{after_two:?}");
    repository.commit("3 MiB");
    repository.compiles();
    assert_eq!(repository.seeds(), after_two, "the same content keeps its name");
    assert_eq!(repository.changed(), [""; 0]);

    repository.set_fetch("billing", "1MiB");
    repository.set_version("billing", 1);
    repository.compiles();
    assert_eq!(
        repository.seeds().len(),
        1,
        "back where main is, nothing is left of the seed"
    );
}

#[test]
fn a_changed_row_of_the_matrix_changes_all_who_inherit_it_in_one_seed() {
    let names: Vec<String> = (0..12).map(|number| format!("worker-{number:02}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let repository = Repository::new(&names);
    repository.branch("row");
    let matrix = repository.project.read("profiles/matrix.toml");
    repository.project.write(
        "profiles/matrix.toml",
        matrix.replacen("session_timeout   = \"45s\"", "session_timeout   = \"50s\"", 1),
    );
    let said = repository.fails(&["check"]);
    assert_eq!(
        said.matches("error[H106]").count(),
        1,
        "one cause, one finding:\n{said}"
    );
    insta::assert_snapshot!(said);
    let ran = repository.run(&["check", "--fix"]);
    assert_eq!(ran.status, Some(0), "{}", ran.out);
    assert_eq!(
        ran.out.lines().next(),
        Some("fixed     profiles/matrix.toml: raise the versions of 13 services (H106)")
    );
    repository.compiles();
    let seeds = repository.seeds();
    assert_eq!(seeds.len(), 2);
    assert!(seeds[1].ends_with("_13-services.sql"), "{seeds:?}");
    assert_eq!(repository.run(&["compile", "--check"]).status, Some(0));
}

#[test]
fn what_is_only_context_needs_no_version() {
    let repository = Repository::new(&[]);
    let topics = repository.project.read("profiles/topics.toml");
    repository.branch("rates");
    repository
        .project
        .write("profiles/topics.toml", topics.replace("\"20/s\"", "\"25/s\""));
    repository.checks();
    repository.compiles();
    let seeds = repository.seeds();
    assert!(seeds[1].ends_with("_example-v1-r2.sql"), "{seeds:?}");
    let text = repository.project.read(&format!("generated/migrations/{}", seeds[1]));
    assert!(
        text.contains("revision 2") && text.contains("follows 1.1") && text.contains("-- topic"),
        "{text}"
    );
}

#[test]
fn a_git_revert_is_caught_and_revert_does_it_properly() {
    let repository = Repository::new(&[]);
    repository.branch("bigger");
    repository.set_fetch("example", "2MiB");
    repository.set_version("example", 2);
    repository.compiles();
    repository.commit("2 MiB");
    repository.merge("bigger");
    let landed = repository.seeds();

    repository.branch("undo");
    repository.git(&["revert", "--no-edit", "-m", "1", "HEAD"]);
    assert_eq!(repository.seeds().len(), 1);
    let said = repository.fails(&["check", "--base", "main"]);
    assert!(
        said.contains("error[H105]") && said.contains("is gone, and main has it"),
        "{said}"
    );
    assert!(
        said.contains("error[H107]: `example` goes back to version 1, and main has 2"),
        "{said}"
    );
    repository.git(&["reset", "-q", "--hard", "main"]);

    let ran = repository.run(&["revert", "example", "--to", "1"]);
    assert_eq!(ran.status, Some(0), "{}{}", ran.out, ran.err);
    let profile = repository.project.read("profiles/services/example.toml");
    assert!(
        profile.contains("version = 3") && !profile.contains("max_partition_fetch"),
        "{profile}"
    );
    repository.checks();
    repository.compiles();
    assert_eq!(repository.seeds().len(), 3);
    assert_eq!(repository.seeds()[..2], landed[..]);
    let digest = |seed: &str| {
        let text = repository.project.read(&format!("generated/migrations/{seed}"));
        let at = text.find("settings sha256:").unwrap();
        text[at..at + 80].to_owned()
    };
    assert_eq!(
        digest(&repository.seeds()[2]),
        digest(&landed[0]),
        "the settings of version 1, as they were"
    );
    repository.commit("undone");
    let ran = repository.run(&["check", "--base", "main"]);
    assert_eq!(ran.status, Some(0), "{}", ran.out);
}

#[test]
fn two_branches_that_raise_one_service_are_caught_and_settled() {
    let repository = Repository::new(&["billing"]);
    for (branch, size) in [("one", "2MiB"), ("two", "3MiB")] {
        repository.branch(branch);
        repository.set_fetch("billing", size);
        repository.set_version("billing", 2);
        // Seeds of two branches have names of two moments.
        let seconds = format!("{}", 1_767_225_600 + size.as_bytes()[0] as u64 * 60);
        let ran = crate::cli::command(repository.root(), &["compile"])
            .env("SOURCE_DATE_EPOCH", seconds)
            .output()
            .unwrap();
        assert!(ran.status.success());
        repository.commit(branch);
    }
    repository.merge("one");
    repository.git(&["merge", "-q", "-X", "theirs", "-m", "two", "two"]);
    assert_eq!(repository.seeds().len(), 3);
    let said = repository.fails(&["check"]);
    assert!(
        said.contains("error[H109]: version 2 of `billing` stands for two different things"),
        "{said}"
    );
    repository.fails(&["compile"]);
    assert_eq!(repository.run(&["check", "--fix"]).status, Some(0));
    repository.compiles();
    assert_eq!(repository.seeds().len(), 4);
    repository.commit("settled");
    repository.checks();
    assert_eq!(repository.run(&["compile", "--check"]).status, Some(0));
}

#[test]
fn a_branch_learns_that_its_version_was_taken_when_it_takes_main_in() {
    let repository = Repository::new(&["billing"]);
    repository.branch("mine");
    repository.set_fetch("billing", "3MiB");
    repository.set_version("billing", 2);
    repository.compiles();
    repository.commit("mine");
    repository.branch("theirs");
    repository.set_fetch("billing", "2MiB");
    repository.set_version("billing", 2);
    repository.compiles();
    repository.git(&["mv", "-k", "x", "y"]);
    let seed = repository.seeds().pop().unwrap();
    std::fs::rename(
        repository.project.path(&format!("generated/migrations/{seed}")),
        repository
            .project
            .path("generated/migrations/20260301000000_billing-v2.sql"),
    )
    .unwrap();
    repository.commit("theirs");
    repository.merge("theirs");
    repository.git(&["switch", "-q", "mine"]);
    repository.git(&["merge", "-q", "-X", "ours", "-m", "main", "main"]);
    let said = repository.fails(&["check"]);
    assert!(
        said.contains("error[H109]: version 2 of `billing` has landed with other settings than here"),
        "{said}"
    );
    assert_eq!(repository.run(&["check", "--fix"]).status, Some(0));
    repository.compiles();
    assert_eq!(repository.seeds().len(), 3, "main's two and one of this branch");
    assert_eq!(repository.run(&["check", "--base", "main"]).status, Some(0));
}

#[test]
fn branches_on_different_services_merge_without_a_finding() {
    let repository = Repository::new(&["billing", "mailer"]);
    for (branch, seconds) in [("billing", "1767225700"), ("mailer", "1767225800")] {
        repository.branch(branch);
        repository.set_fetch(branch, "2MiB");
        repository.set_version(branch, 2);
        let ran = crate::cli::command(repository.root(), &["compile"])
            .env("SOURCE_DATE_EPOCH", seconds)
            .output()
            .unwrap();
        assert!(ran.status.success());
        repository.commit(branch);
    }
    repository.merge("billing");
    repository.merge("mailer");
    repository.checks();
    let ran = repository.run(&["compile", "--check"]);
    assert_eq!(ran.status, Some(0), "{}{}", ran.out, ran.err);
}

#[test]
fn a_removed_profile_leaves_a_tombstone_above_which_it_comes_back() {
    let repository = Repository::new(&["billing"]);
    let profile = repository.project.read("profiles/services/billing.toml");
    std::fs::remove_file(repository.project.path("profiles/services/billing.toml")).unwrap();
    repository.compiles();
    let seeds = repository.seeds();
    assert!(seeds[1].ends_with("_billing-retired.sql"), "{seeds:?}");
    let text = repository.project.read(&format!("generated/migrations/{}", seeds[1]));
    assert!(
        text.contains("-- retired \"billing\" version 2 revision 1 follows 1.1"),
        "{text}"
    );
    assert!(
        text.contains("SELECT lagproof.retire_service_v1('billing', 2, "),
        "{text}"
    );
    assert!(
        !repository
            .project
            .path("generated/properties/billing.properties")
            .exists()
    );
    repository.commit("gone");
    repository.project.write("profiles/services/billing.toml", &profile);
    let said = repository.fails(&["check"]);
    assert!(
        said.contains("error[H107]: `billing` comes back as version 1"),
        "{said}"
    );
    assert_eq!(repository.run(&["check", "--fix"]).status, Some(0));
    assert!(
        repository
            .project
            .read("profiles/services/billing.toml")
            .contains("version  = 3")
    );
    repository.compiles();
}

#[test]
fn a_renamed_service_goes_on_with_its_version() {
    let repository = Repository::new(&["billing"]);
    repository.branch("rename");
    let profile = repository.project.read("profiles/services/billing.toml");
    std::fs::remove_file(repository.project.path("profiles/services/billing.toml")).unwrap();
    repository.project.write(
        "profiles/services/invoices.toml",
        format!("{profile}\n[[renamed]]\nfrom = \"billing\"\n"),
    );
    repository.checks();
    repository.compiles();
    let seed = repository
        .project
        .read(&format!("generated/migrations/{}", repository.seeds()[1]));
    assert!(seed.contains("-- service \"invoices\" version 1 revision 1"), "{seed}");
    assert!(
        seed.contains("\"renamed_to\": \"invoices\"") && seed.contains("\"renamed_from\": \"billing\""),
        "{seed}"
    );
    repository.set_fetch("invoices", "2MiB");
    let profile = repository.project.read("profiles/services/invoices.toml");
    repository.project.write(
        "profiles/services/invoices.toml",
        format!("{profile}\n[[renamed]]\nfrom = \"billing\"\n"),
    );
    let said = repository.fails(&["check"]);
    assert!(
        said.contains("error[H106]: `invoices` changed `max_partition_fetch` and is still version 1"),
        "{said}"
    );
}
