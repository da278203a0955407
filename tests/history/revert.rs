//! An earlier version's settings come back whole, or not at all.

use jiff::civil::date;
use lagproof::history::settings_digest;
use lagproof::project::{RevertError, revert};

use crate::support::{EXAMPLE, TestProject};

const TODAY: jiff::civil::Date = date(2026, 1, 1);

fn reverts(project: &TestProject, to: u32) -> Result<u32, RevertError> {
    revert(project.root(), &project.load(), "example", to, &TODAY).map(|reverted| reverted.version)
}

#[test]
fn everything_that_a_version_stands_for_comes_back() {
    let changes = [
        "client = \"librdkafka\"\n\n[consumer]\nassignors = \"range\"\n",
        "group_protocol = \"consumer\"\ngroup = \"example-2\"\n",
        "instance_id = \"example-${POD}\"\n",
        "[consumer]\nmax_poll_records = 7\noffset_reset = \"earliest\"\n\n[[deviation]]\nsetting = \"max_poll_records\"\nreason = \"the web service takes 7\"\n",
        "[delivery]\ncommit = \"after-record\"\nisolation = \"read-committed\"\nretry = { attempts = 3, backoff = \"2s\", dead_letter = \"orders.dlq\" }\n",
        "[processing]\nconcurrency = 4\nhandler = \"thread\"\n",
        "[raw.java]\n\"send.buffer.bytes\" = 131072\n\"metrics.recording.level\" = \"DEBUG\"\n",
    ];
    for change in changes {
        for towards_change in [true, false] {
            let project = TestProject::new();
            let changed = format!("version = 2\n{change}");
            let settle = |project: &TestProject| {
                // What runs is another matter: only what comes back is looked at.
                project.merge("# file: lagproof.toml\n[severity]\nH110 = \"off\"\nH111 = \"off\"\nH112 = \"off\"\n\n# file: profiles/topics.toml\n[topics.\"orders.dlq\"]\npartitions = 3\n");
            };
            settle(&project);
            let before = project.read(EXAMPLE);
            let digest = |project: &TestProject| settings_digest(&project.load().model.unwrap().services[0]);
            let first = digest(&project);
            project.compile();
            project.merge(&changed);
            let second = digest(&project);
            assert_ne!(first, second, "{change}");
            compile(&project, change);
            let wanted = if towards_change {
                let profile = before.replace("version  = 1", "version  = 3");
                project.write(EXAMPLE, profile);
                compile(&project, change);
                (2, second)
            } else {
                (1, first)
            };
            let version = reverts(&project, wanted.0).unwrap_or_else(|error| panic!("{change}{error}"));
            assert_eq!(version, if towards_change { 4 } else { 3 });
            assert_eq!(digest(&project), wanted.1, "{change}{}", project.read(EXAMPLE));
            assert!(project.read(EXAMPLE).starts_with("# One service."), "comments stay");
            compile(&project, change);
        }
    }
}

fn compile(project: &TestProject, change: &str) {
    let errors: Vec<String> = project
        .findings()
        .into_iter()
        .filter(|finding| finding.severity == lagproof::diagnostic::Severity::Error)
        .map(|finding| format!("{}: {}", finding.code, finding.message))
        .collect();
    assert!(errors.is_empty(), "{change}{errors:#?}\n{}", project.read(EXAMPLE));
    project.compile();
}

#[test]
fn a_deviation_comes_and_goes_with_its_value() {
    let project = TestProject::new();
    project.merge(
        "[consumer]\nmax_poll_records = 7 # as the web service takes it\n\n[[deviation]]\nsetting = \"max_poll_records\"\nreason = \"the web service takes 7\"\n",
    );
    project.compile();
    let text = project.read(EXAMPLE);
    let plain = text
        .split("\n[consumer]")
        .next()
        .unwrap()
        .replace("version  = 1", "version  = 2");
    project.write(EXAMPLE, &plain);
    project.compile();
    assert_eq!(reverts(&project, 1), Ok(3));
    let back = project.read(EXAMPLE);
    assert!(
        back.contains("max_poll_records = 7") && back.contains("reason = \"as version 1 had it\""),
        "{back}"
    );
    project.compile();
    assert_eq!(reverts(&project, 2), Ok(4));
    let plain_again = project.read(EXAMPLE);
    assert!(
        !plain_again.contains("deviation") && !plain_again.contains("[consumer]"),
        "{plain_again}"
    );
    project.compile();
}

#[test]
fn what_can_not_come_back_changes_nothing() {
    let project = TestProject::new();
    assert!(matches!(reverts(&project, 1), Err(RevertError::UnknownVersion { .. })));
    project.compile();
    assert_eq!(reverts(&project, 1), Err(RevertError::Already { version: 1 }));
    assert_eq!(
        reverts(&project, 9).unwrap_err().to_string(),
        "no seed has that version; there are 1"
    );
    project.merge("version = 2\ngroup_protocol = \"consumer\"\n");
    project.compile();
    // The row now says what version 2 could not have.
    project.merge("version = 3\ngroup_protocol = \"classic\"\n");
    project.compile();
    project.merge("# file: profiles/matrix.toml\n[defaults]\nrebalance_timeout = \"50s\"\n");
    let before = project.read(EXAMPLE);
    let error = reverts(&project, 2).unwrap_err();
    assert!(
        matches!(&error, RevertError::Differs { lines } if !lines.is_empty()),
        "{error}"
    );
    insta::assert_snapshot!(error.to_string());
    assert_eq!(project.read(EXAMPLE), before);
    let unknown = revert(project.root(), &project.load(), "nobody", 1, &TODAY).unwrap_err();
    assert_eq!(
        unknown.to_string(),
        "there is no service `nobody` with a readable profile"
    );
}

#[test]
fn a_profile_keeps_its_line_ends_and_loses_what_is_empty() {
    let project = TestProject::new();
    project.compile();
    project.merge("version = 2\n\n[raw.java]\n\"send.buffer.bytes\" = 131072\n");
    project.compile();
    let windows = project.read(EXAMPLE).replace('\n', "\r\n");
    project.write(EXAMPLE, &windows);
    assert_eq!(reverts(&project, 1).unwrap(), 3);
    let text = project.read(EXAMPLE);
    assert_eq!(text.matches('\n').count(), text.matches("\r\n").count(), "{text:?}");
    assert!(!text.contains("[raw"), "{text}");
}
