//! Fixes as SARIF has them: as texts put in place of others.

use std::collections::BTreeMap;
use std::ops::Range;

use crate::source::{Edit, FileId, apply_edits};

use super::place::Places;
use super::sarif::{artifact, region};
use super::sarif_log::{ArtifactChange, Message, Replacement, SarifFix};
use super::{Fix, ReportContext, Safety};

/// How many bytes of files may still be parsed to turn structural edits into texts. Thousands of fixes to one huge file
/// would take minutes; SARIF asks for no fixes, so that those past this are left out.
pub(super) struct Budget(usize);

impl Default for Budget {
    fn default() -> Self {
        Self(8 << 20)
    }
}

impl Budget {
    fn take(&mut self, bytes: usize) -> Option<()> {
        self.0 = self.0.checked_sub(bytes)?;
        Some(())
    }
}

/// A fix with all of its changes, or nothing where one of them can't be written as a text.
pub(super) fn fix(
    fix: &Fix,
    places: &Places<'_>,
    context: &ReportContext<'_>,
    message: impl Fn(&str) -> Message,
    budget: &mut Budget,
) -> Option<SarifFix> {
    let mut by_file: BTreeMap<FileId, Vec<Edit>> = BTreeMap::new();
    for edit in &fix.edits {
        by_file.entry(edit.file()).or_default().push(edit.clone());
    }
    let mut changes = Vec::new();
    for (file, edits) in by_file {
        let replacements: Vec<_> = texts(file, &edits, places, budget)?
            .into_iter()
            .map(|(bytes, text)| Replacement {
                deleted_region: region(places.region_of(file, bytes)),
                inserted_content: (!text.is_empty()).then_some(Message { text }),
            })
            .collect();
        if !replacements.is_empty() {
            changes.push(ArtifactChange {
                artifact_location: artifact(places.path(file), context),
                replacements,
            });
        }
    }
    let safety = match fix.safety {
        Safety::Safe => "safe",
        Safety::Suggested => "suggested",
    };
    (!changes.is_empty()).then(|| SarifFix {
        description: message(&fix.description),
        artifact_changes: changes,
        properties: BTreeMap::from([("safety", safety)]),
    })
}

/// The edits of one file as bytes and what stands there afterwards.
fn texts(
    file: FileId,
    edits: &[Edit],
    places: &Places<'_>,
    budget: &mut Budget,
) -> Option<Vec<(Range<usize>, String)>> {
    let text = places.text(file);
    if text.is_empty() {
        return None;
    }
    let mut replacements = Vec::new();
    for edit in edits {
        match edit {
            Edit::Replace { span, text: new } => {
                text.get(span.range())?;
                replacements.push((span.range(), new.clone()));
            }
            Edit::Set { .. } | Edit::Remove { .. } | Edit::Append { .. } => {
                budget.take(text.len())?;
                let changed = apply_edits(text, edits).ok()?;
                return Some(difference(text, &changed).into_iter().collect());
            }
        }
    }
    replacements.sort_by_key(|(range, _)| (range.start, range.end));
    replacements.dedup();
    let apart = replacements.windows(2).all(|pair| pair[0].0.end <= pair[1].0.start);
    apart.then_some(replacements)
}

/// The one stretch of `old` that has to be replaced to make it `new`.
fn difference(old: &str, new: &str) -> Option<(Range<usize>, String)> {
    if old == new {
        return None;
    }
    let start = common(old.chars(), new.chars());
    let end = common(old[start..].chars().rev(), new[start..].chars().rev());
    Some((start..old.len() - end, new[start..new.len() - end].to_owned()))
}

fn common(a: impl Iterator<Item = char>, b: impl Iterator<Item = char>) -> usize {
    a.zip(b).take_while(|(a, b)| a == b).map(|(a, _)| a.len_utf8()).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_difference_is_one_stretch_of_whole_characters() {
        assert_eq!(difference("same", "same"), None);
        assert_eq!(
            difference("a = 1\nb = 2\n", "a = 1\nb = 3\n"),
            Some((10..11, "3".into()))
        );
        assert_eq!(difference("x\n", "x\ny\n"), Some((2..2, "y\n".into())));
        assert_eq!(difference("aaa", "aa"), Some((2..3, String::new())));
        assert_eq!(difference("é", "è"), Some((0..2, "è".into())));
    }
}
