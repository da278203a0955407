//! The history's step of reading a project: seeds are read, and versions judged against them.

use crate::declared::ConfigFile;
use crate::diagnostic::Findings;
use crate::emit::literal;
use crate::history::{Base, Digest, History, SeedFiles, read_seeds};
use crate::model::project::Model;
use crate::rules::history::{changed, compare, judge};
use crate::source::Tree;

use super::git::base_seeds;

/// What of lagproof.toml says where seeds are and which have landed.
#[derive(Debug, Clone)]
pub(super) struct Whereabouts {
    /// The folder of generated files, from the project's root.
    pub generated: String,
    /// The branch that work is merged into.
    branch: String,
}

impl Whereabouts {
    /// As lagproof.toml says, as far as it could be read.
    pub(super) fn new(config: Option<&ConfigFile>) -> Self {
        let generated = config.and_then(|config| config.generated.as_ref());
        let branch = config.and_then(|config| config.base.as_ref());
        Self {
            generated: generated
                .map_or("generated", |folder| folder.value.0.trim_end_matches('/'))
                .to_owned(),
            branch: branch.map_or("main", |branch| branch.value.0.as_str()).to_owned(),
        }
    }

    /// Reads the seeds, and asks git which of them have landed.
    pub(super) fn read(&self, tree: &Tree) -> SeedFiles {
        let base = |folder: &str, here: &[&str]| match tree {
            Tree::Disk(root) | Tree::Edited { root, .. } => base_seeds(root, &self.branch, folder, here),
            Tree::Memory(_) => Base::Unknown("these files are not on disk".to_owned()),
        };
        read_seeds(tree, &self.generated, base)
    }
}

/// Judges the model's versions against the seeds that have landed. Gives the digests of the services' settings, too.
pub(super) fn judge_history(tree: &Tree, model: &Model, history: &History) -> (Vec<Digest>, Findings) {
    let state = history.landed();
    let comparisons = compare(model, &state);
    // Only what changed is read again: what it was before tells which settings are new.
    let before = history.documents(tree, &changed(&comparisons), |name| literal(name).unwrap_or_default());
    let settings = comparisons.iter().map(|comparison| comparison.settings).collect();
    (settings, judge(model, history, &comparisons, &before))
}
