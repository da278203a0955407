//! Workflow commands, which GitHub Actions shows as annotations on the lines of a pull request.
//!
//! Every line is a command, so that nothing in a file can pass for one of its own.

use super::place::Places;
use super::report::Reported;
use super::text::{one_line, visible};
use super::{Finding, ReportContext, Safety, Severity, human};

/// GitHub shows so many annotations of a kind a step; the others are only in the log.
const SHOWN: usize = 10;
/// The longest text of a finding; GitHub cuts an annotation at 64 KiB.
const TEXT: usize = 2_000;

/// Prints errors, then warnings, then a notice that sums up.
pub(super) fn render(reported: &Reported<'_>, places: &Places<'_>, context: &ReportContext<'_>) -> String {
    if reported.0.is_empty() {
        return String::new();
    }
    let mut chosen = reported.at_most(context.limit);
    // GitHub keeps the first ones: errors go first. The sort is stable, files stay in order.
    chosen.sort_by_key(|finding| std::cmp::Reverse(finding.severity));
    let mut out: String = chosen.iter().map(|finding| one(finding, places, context)).collect();
    let mut summary = human::closing_line(reported, context);
    let hidden = reported.0.len() - chosen.len();
    if hidden > 0 {
        summary.push_str(&format!(
            "\n{hidden} of them are not in this log: `--max-findings {}` shows all",
            reported.0.len()
        ));
    }
    let kinds = [Severity::Error, Severity::Warning];
    if kinds.into_iter().any(|severity| reported.count(severity) > SHOWN) {
        summary.push_str(&format!(
            "\nGitHub shows {SHOWN} annotations of a kind; the others are in the log"
        ));
    }
    out.push_str(&format!("::notice title=lagproof::{}\n", data(&summary)));
    out
}

fn one(finding: &Finding, places: &Places<'_>, context: &ReportContext<'_>) -> String {
    let kind = match finding.severity {
        Severity::Error => "error",
        Severity::Warning | Severity::Off => "warning",
    };
    let path = context.path_in_repository(places.path(finding.primary.span.file));
    let mut properties = format!("file={}", property(&path));
    if let Some(region) = places.region(finding.primary.span) {
        let (start, end) = (region.start, region.end);
        properties.push_str(&format!(",line={},endLine={}", start.line, end.line));
        // Columns are only taken where both lie in the same line, and the last one is meant to be inside.
        if start.line == end.line {
            let last = end.column.saturating_sub(1).max(start.column);
            properties.push_str(&format!(",col={},endColumn={last}", start.column));
        }
    }
    let code = finding.code.0;
    let title = match context.page(finding.code) {
        Some(page) => format!("{code} {}", page.name),
        None => code.to_owned(),
    };
    format!(
        "::{kind} {properties},title={}::{}\n",
        property(&title),
        data(&body(finding))
    )
}

fn body(finding: &Finding) -> String {
    let mut lines = vec![one_line(&finding.message, TEXT)];
    let mut say = |name: &str, text: &str| lines.push(format!("{name}: {}", one_line(text, TEXT)));
    if !finding.primary.text.is_empty() {
        say("here", &finding.primary.text);
    }
    if !finding.consequence.is_empty() {
        say("at run time", &finding.consequence);
    }
    if let Some(help) = &finding.help {
        say("help", help);
    }
    if let Some(fix) = &finding.fix {
        match fix.safety {
            Safety::Safe => say(
                "fix",
                &format!("{}; `lagproof check --fix` applies it", fix.description),
            ),
            Safety::Suggested => say("fix", &fix.description),
        }
    }
    say("explain", &format!("lagproof explain {}", finding.code));
    lines.join("\n")
}

/// What stands behind the second `::`.
fn data(text: &str) -> String {
    let escaped = text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A");
    visible(&escaped).into_owned()
}

/// What stands behind a property's `=`.
fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}
