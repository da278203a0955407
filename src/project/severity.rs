//! `[severity]` of lagproof.toml: how loudly a project wants each code reported.

use std::collections::BTreeMap;

use jiff::civil::Date;

use crate::declared::{ConfigFile, Spanned};
use crate::diagnostic::{Finding, Findings, Page, Severity, Stance};
use crate::model::project::Model;
use crate::source::Sources;

use super::accepted::SEVERITY_REJECTED;
use super::allows;
use super::pages;

/// Applies the project's allows and severities to what was found, and adds what is wrong with them. What is off is
/// dropped.
pub(super) fn apply(
    config: Option<&ConfigFile>,
    model: Option<&Model>,
    sources: &Sources,
    findings: &mut Findings,
    today: &Date,
) {
    let pages: BTreeMap<&str, &Page> = pages().into_iter().map(|page| (page.code.0, page)).collect();
    // Without a model nothing was judged, and no allow could be of use.
    if let Some(model) = model {
        allows::accept(model, &pages, sources, findings, today);
    }
    let severities = config.map_or(&[][..], |config| &config.severities);
    let mut changed: BTreeMap<&str, Severity> = BTreeMap::new();
    for (code, severity) in severities {
        match pages.get(code.value.as_str()) {
            None => findings.push(allows::unknown_code_at(&code.value, code.span, &pages)),
            Some(page) if page.stance == Stance::Rejected && severity.value < page.severity => {
                findings.push(lowered(page, code, severity));
            }
            Some(page) => {
                changed.insert(page.code.0, severity.value);
            }
        }
    }
    findings.retain_mut(|finding| {
        if let Some(severity) = changed.get(finding.code.0) {
            // A rule may judge worse than its page where a client rejects what others only warn of.
            finding.severity = match pages[finding.code.0].stance {
                Stance::Rejected => finding.severity.max(*severity),
                Stance::Judged => *severity,
            };
        }
        finding.severity != Severity::Off
    });
}

fn lowered(page: &Page, code: &Spanned<String>, severity: &Spanned<Severity>) -> Finding {
    Finding::new(
        &SEVERITY_REJECTED,
        severity.span,
        format!(
            "{} ({}) can't be lowered to {}",
            code.value,
            page.name,
            severity.value.name()
        ),
    )
    .here(format!("{} at least", page.severity.name()))
    .at_run_time("a client, a broker or lagproof itself refuses what it is about, however it is reported")
    .help("take the line out; only findings that nothing rejects can be lowered")
}
