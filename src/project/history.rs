//! The history's step of reading a project: seeds are read, and versions judged against them.

use crate::declared::Shared;
use crate::diagnostic::Findings;
use crate::emit::literal;
use crate::history::{Base, History, read_history};
use crate::model::project::Model;
use crate::rules::history::{changed, compare, judge};
use crate::source::{Sources, Tree};

use super::git::base_seeds;

/// The folder of generated files, from the project's root.
pub(super) fn generated_folder(shared: &Shared) -> String {
    let config = shared.config.declared.as_ref();
    config
        .and_then(|config| config.generated.as_ref())
        .map_or("generated", |folder| folder.value.0.trim_end_matches('/'))
        .to_owned()
}

/// Reads the seeds, and judges the model's versions against those that have landed.
pub(super) fn judge_history(
    tree: &Tree,
    shared: &Shared,
    model: Option<&Model>,
    sources: &mut Sources,
    findings: &mut Findings,
) -> History {
    let branch = model.map_or("main", |model| model.base_branch.as_str());
    let base = |folder: &str, here: &[&str]| match tree {
        Tree::Disk(root) | Tree::Edited { root, .. } => base_seeds(root, branch, folder, here),
        Tree::Memory(_) => Base::Unknown("these files are not on disk".to_owned()),
    };
    let history = read_history(tree, &generated_folder(shared), base, sources, findings);
    if let Some(model) = model {
        let state = history.landed();
        let comparisons = compare(model, &state);
        // Only what changed is read again: what it was before tells which settings are new.
        let before = history.documents(tree, &changed(&comparisons), |name| literal(name).unwrap_or_default());
        findings.extend(judge(model, &history, &comparisons, &before));
    }
    history
}
