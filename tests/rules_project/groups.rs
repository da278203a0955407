//! Groups: who is in one, and what its members must have in common.

use crate::{line, only, project};

/// The example and a second service in its group; `first` is merged into the example, `second` goes before the second's
/// tables.
fn group(first: &str, second: &[(&str, &str)], tables: &str) -> crate::support::TestProject {
    let project = project(&[first]);
    let mut text = include_str!("second.toml").to_owned();
    for (from, to) in second {
        assert!(text.contains(from), "{from}");
        text = text.replace(from, to);
    }
    project.write("profiles/services/second.toml", format!("{text}\n{tables}"));
    project
}

fn codes(project: &crate::support::TestProject) -> Vec<&'static str> {
    project.findings().iter().map(|finding| finding.code.0).collect()
}

#[test]
fn two_alike_may_share_a_group() {
    assert_eq!(codes(&group("", &[], "")), [""; 0]);
}

#[test]
fn members_of_all_its_services_count() {
    let project = group("replicas = 4\n", &[("version = 1", "version = 1\nreplicas = 2")], "");
    assert_eq!(codes(&project), [""; 0]);
    let project = group("replicas = 4\n", &[("version = 1", "version = 1\nreplicas = 3")], "");
    assert_eq!(
        line(&only(&project, "G101")),
        "warning: 1 member of group `example` would be idle"
    );
    project.merge("# file: lagproof.toml\n[broker]\nmax_group_size = 7\n");
    assert_eq!(codes(&project), ["G101"]);
    project.merge("# file: lagproof.toml\n[broker]\nmax_group_size = 6\n");
    assert_eq!(
        line(&only(&project, "G102")),
        "error: group `example` would have 7 members, above what brokers accept"
    );
}

#[test]
fn range_leaves_more_members_idle() {
    // Six partitions of each of two topics: range uses six members, the others twelve.
    let two = "topics = [\"orders.created\", \"orders.paid\"]\nreplicas = 8\n\n# file: profiles/topics.toml\n[topics.\"orders.paid\"]\npartitions = 6\n";
    let range = project(&[two, "[consumer]\nassignors = \"range\"\n"]);
    assert_eq!(range.found("G101").len(), 1);
    let dealt = project(&[two, "[consumer]\nassignors = \"roundrobin\"\n"]);
    assert!(dealt.found("G101").is_empty());
}

#[test]
fn range_is_fine_where_topics_divide() {
    let two = |replicas: u32| {
        format!(
            "topics = [\"orders.created\", \"orders.paid\"]\nreplicas = {replicas}\n\n[consumer]\nassignors = \"range\"\n# file: profiles/topics.toml\n[topics.\"orders.paid\"]\npartitions = 6\n"
        )
    };
    assert!(project(&[&two(3)]).found("G107").is_empty());
    assert_eq!(project(&[&two(4)]).found("G107").len(), 1);
}

#[test]
fn kafkajs_shares_no_assignor_with_others() {
    let to = |client: &str| group("", &[("client = \"java\"", &format!("client = \"{client}\""))], "");
    assert_eq!(
        line(&only(&to("kafkajs"), "G106")),
        "error: second has no assignor in common with the rest of group `example`"
    );
    // Java offers range, as librdkafka does; aiokafka's own is roundrobin.
    assert!(to("librdkafka").found("G106").is_empty());
    assert_eq!(to("aiokafka").found("G106").len(), 1);
    let agreed = group(
        "[consumer]\nassignors = \"roundrobin\"\n",
        &[("client = \"java\"", "client = \"aiokafka\"")],
        "",
    );
    assert!(agreed.found("G106").is_empty());
}

#[test]
fn static_ids_must_differ_between_services() {
    let ids = |first: &str, second: &str| {
        group(
            &format!("instance_id = \"{first}\"\n"),
            &[("version = 1", &format!("version = 1\ninstance_id = \"{second}\""))],
            "",
        )
        .found("G103")
        .len()
    };
    assert_eq!(ids("worker-${REPLICA}", "worker-${REPLICA}"), 1);
    assert_eq!(ids("example-${REPLICA}", "second-${REPLICA}"), 0);
    assert_eq!(ids("worker-${HOSTNAME}", "worker-${HOSTNAME}"), 0);
    assert_eq!(ids("${POD_NAME}", "${POD_NAME}"), 0);
}

#[test]
fn a_copied_group_is_noticed() {
    let other_type = group("", &[("type = \"worker\"", "type = \"writer\"")], "");
    assert_eq!(
        line(&only(&other_type, "G105")),
        "warning: example and second divide their records between them"
    );
    let other_topic = group(
        "# file: profiles/topics.toml\n[topics.\"orders.paid\"]\npartitions = 6\n",
        &[
            ("orders.created", "orders.paid"),
            ("type = \"worker\"", "type = \"writer\""),
        ],
        "",
    );
    assert_eq!(
        line(&only(&other_topic, "G104")),
        "warning: services of group `example` read different topics"
    );
    assert!(other_topic.found("G105").is_empty());
}

#[test]
fn what_decides_what_is_seen_must_be_alike() {
    let reset = group(
        "[consumer]\noffset_reset = \"earliest\"\n",
        &[],
        "[consumer]\noffset_reset = \"latest\"\n",
    );
    assert_eq!(
        line(&only(&reset, "G109")),
        "warning: members of group `example` differ in offset_reset"
    );
    let protocol = group("group_protocol = \"consumer\"\n", &[], "");
    assert_eq!(
        line(&only(&protocol, "G108")),
        "warning: group `example` is coordinated in two ways"
    );
}

#[test]
fn former_names_are_claimed_once_and_gone() {
    let twice = group("[[renamed]]\nfrom = \"old\"\n", &[], "[[renamed]]\nfrom = \"old\"\n");
    assert_eq!(line(&only(&twice, "R102")), "error: `old` was renamed twice");
    let there = group("[[renamed]]\nfrom = \"second\"\n", &[], "");
    assert_eq!(
        line(&only(&there, "R101")),
        "error: example can't have been named `second`"
    );
    let itself = project(&["[[renamed]]\nfrom = \"example\"\n"]);
    assert_eq!(only(&itself, "R101").primary.text, "its own name");
}
