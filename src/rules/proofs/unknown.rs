//! P101: what the proofs would have needed and nobody declared.

use std::collections::BTreeSet;

use crate::diagnostic::{Code, Example, Finding, Findings, Page, Severity, Stance};
use crate::rules::{Check, Rule, ServiceView};
use crate::source::Span;

use super::ARITHMETIC;

/// P101.
pub(super) const UNKNOWN_INPUT: Rule = Rule {
    page: &Page {
        code: Code("P101"),
        name: "unknown-input",
        severity: Severity::Warning,
        stance: Stance::Judged,
        summary: "A proof can't be worked out, because something that it needs is not declared.",
        why: "What is unknown is never a pass. A guess that is marked with `assumed` is worth more than nothing: the proof can be worked out, and everybody sees what it rests on. A project that begins with lagproof may set this code to \"off\" in `[severity]` until costs are measured.",
        bad: Example::Snippet(
            "# file: profiles/topics.toml\n[topics.\"orders.created\"]\nkey = { field = \"customer_id\" }\n",
        ),
        good: Example::Snippet(
            "# file: profiles/topics.toml\n[topics.\"orders.created\"]\nkey = { field = \"customer_id\", cardinality = 2000 }\n",
        ),
        source: ARITHMETIC,
    },
    check: Check::Service(unknown_input),
};

fn unknown_input(view: &ServiceView<'_>, findings: &mut Findings) {
    // Whether the memory's proof lacks something is the same on any brokers.
    let proofs = [
        &view.poll_budget().proof,
        &view.memory().proof,
        &view.capacity().proof,
        &view.lag_floor().proof,
    ];
    let open: Vec<&str> = proofs
        .into_iter()
        .filter(|proof| !proof.unknown.is_empty())
        .map(|proof| proof.kind.name())
        .collect();
    // Without a topic there is nothing to prove, and its own finding says so.
    if open.is_empty() || view.topics.is_empty() {
        return;
    }
    let missing: BTreeSet<&str> = proofs
        .into_iter()
        .flat_map(|proof| proof.unknown.iter().map(String::as_str))
        .collect();
    let missing: Vec<&str> = missing.into_iter().collect();
    let service = view.service;
    let mut finding = Finding::new(
        UNKNOWN_INPUT.page,
        Span::whole(service.file),
        format!("{}: {} can't be worked out", service.name, listed(&open)),
    )
    .at_run_time("whether the service keeps up and stays inside its limits is unknown")
    .help(format!("declare {}", missing.join(", ")));
    for topic in &view.topics {
        let prefix = format!("topics.\"{}\".", topic.name);
        let keys: Vec<&str> = missing.iter().filter_map(|path| path.strip_prefix(&prefix)).collect();
        if !keys.is_empty() {
            finding = finding.label(topic.span, format!("has no {}", keys.join(", ")));
        }
    }
    findings.push(finding);
}

/// `poll budget, memory and capacity`.
fn listed(names: &[&str]) -> String {
    match names {
        [] => String::new(),
        [one] => (*one).to_owned(),
        [all @ .., last] => format!("{} and {last}", all.join(", ")),
    }
}
