//! Cases: an experiment may be as bad as it likes, but it must be possible to run it.
//!
//! Only what a client or a broker rejects is looked for, and only what the case brings in is reported.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::diagnostic::{Finding, Findings, Stance};
use crate::model::case::Case;
use crate::model::project::Model;
use crate::rules::{self, Scope};
use crate::source::{FileId, Span};

/// Judges every case by what is rejected; `base` is what was found in the project as such.
pub(super) fn judge(model: &Model, base: &Findings) -> Findings {
    if model.cases.is_empty() {
        return Findings::new();
    }
    let known: BTreeSet<(&str, Span)> = base
        .iter()
        .map(|finding| (finding.code.0, finding.primary.span))
        .collect();
    let rejected: BTreeSet<&str> = rules::rules()
        .filter(|rule| rule.page.stance == Stance::Rejected)
        .map(|rule| rule.page.code.0)
        .collect();
    let mut findings = Findings::new();
    for case in &model.cases {
        let found = rules::judge(&alone(model, case), Scope::Whole);
        let new = found.into_iter().filter(|finding| {
            rejected.contains(finding.code.0) && !known.contains(&(finding.code.0, finding.primary.span))
        });
        findings.extend(new.map(|finding| moved(finding, case)).collect());
    }
    findings
}

/// The case as a project of its own: its service, its topics, its brokers.
fn alone(model: &Model, case: &Case) -> Model {
    let mut service = case.service.clone();
    service.renamed_from.clear();
    let topics = case.topics.iter().map(|topic| {
        let mut topic = topic.clone();
        // `verify` makes its topics anew, with one copy.
        topic.partitions_now = None;
        topic.replication.value = 1;
        (topic.name.clone(), topic)
    });
    Model {
        name: model.name.clone(),
        base_branch: model.base_branch.clone(),
        broker: case.broker.clone(),
        environments: Vec::new(),
        matrix: model.matrix.clone(),
        topics: topics.collect(),
        services: vec![Arc::new(service)],
        cases: Vec::new(),
    }
}

/// Shows a finding in the case's file: where its value stands there, or else at the file as a whole.
fn moved(mut finding: Finding, case: &Case) -> Finding {
    finding.message = format!("{} in case `{}`", finding.message, case.name);
    finding.subject = Some(case.name.clone());
    if finding
        .fix
        .as_ref()
        .is_some_and(|fix| fix.edits.iter().any(|edit| edit.file() != case.file))
    {
        finding.fix = None;
    }
    if finding.primary.span.file == case.file {
        return finding;
    }
    let here = finding.labels.iter().position(|label| label.span.file == case.file);
    let primary = match here {
        Some(at) => finding.labels.remove(at),
        None => whole(case.file),
    };
    let old = std::mem::replace(&mut finding.primary, primary);
    finding.labels.insert(0, old);
    finding
}

fn whole(file: FileId) -> crate::diagnostic::Label {
    crate::diagnostic::Label {
        span: Span::whole(file),
        text: String::new(),
    }
}
