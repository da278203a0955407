//! The rules and the database's constraints hold the same relations: `model/limits.rs` is the source of both.

use lagproof::diagnostic::Severity;
use lagproof::model::limits::{Order, RELATIONS, Reach};

use super::support::TestProject;

/// Whether the rule of a relation finds the two values, in milliseconds.
fn breached(client: &str, code: &str, left: (&str, u64), right: (&str, u64)) -> bool {
    let project = TestProject::new();
    project.merge(&format!(
        "client = \"{client}\"\n\n[consumer]\n{} = \"{}ms\"\n{} = \"{}ms\"\n",
        left.0, left.1, right.0, right.1
    ));
    let found = project.found(code);
    assert!(found.iter().all(|finding| finding.severity == Severity::Error));
    !found.is_empty()
}

#[test]
fn rules_find_exactly_what_the_relations_forbid() {
    let clients = ["librdkafka", "java", "aiokafka", "kafkajs"];
    for relation in RELATIONS {
        for client in clients {
            let reached = relation.reach == Reach::Every || client == "librdkafka";
            for (left, right) in [(9_999, 10_000), (10_000, 10_000), (10_001, 10_000)] {
                let holds = match relation.order {
                    Order::Below => left < right,
                    Order::AtMost => left <= right,
                };
                let (left, right) = ((relation.left.name(), left), (relation.right.name(), right));
                assert_eq!(
                    breached(client, relation.code, left, right),
                    reached && !holds,
                    "{} on {client}: {left:?} and {right:?}",
                    relation.code
                );
            }
        }
    }
}
