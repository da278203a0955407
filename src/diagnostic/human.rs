//! Findings for people: the look of rustc.

use std::collections::BTreeMap;

use annotate_snippets::{Group, Level, Renderer};

use super::excerpt::{self, LineNumbers};
use super::place::Places;
use super::report::{Colour, Reported};
use super::text::{counted, grouped, one_line, wrap};
use super::{Code, Finding, ReportContext, Safety, Severity};

/// The longest text of a finding that is shown.
const TEXT: usize = 2_000;
/// Narrower terminals are written to as if they had this width: less can't be read.
const NARROWEST: usize = 40;
/// Sentences are not drawn out further on wider terminals: more can't be read either.
const WIDEST_TEXT: usize = 110;

/// How one finding is drawn.
pub(super) struct Look {
    renderer: Renderer,
    width: usize,
}

impl Look {
    /// For a terminal of `width` columns.
    pub fn new(width: usize, colour: Colour) -> Self {
        let width = width.max(NARROWEST);
        let renderer = match colour {
            Colour::Plain => Renderer::plain(),
            Colour::Styled => Renderer::styled(),
        };
        Self {
            renderer: renderer.term_width(width),
            width,
        }
    }
}

/// Prints findings up to the limit, a count by code, and the closing line.
pub(super) fn render(reported: &Reported<'_>, places: &Places<'_>, context: &ReportContext<'_>) -> String {
    if reported.0.is_empty() {
        return String::new();
    }
    let look = Look::new(context.width, context.colour);
    let chosen = reported.at_most(context.limit);
    let mut out = String::new();
    for finding in &chosen {
        out.push_str(&one(finding, places, &look));
        out.push_str("\n\n");
    }
    let hidden = reported.0.len() - chosen.len();
    if hidden > 0 {
        out.push_str(&format!(
            "{} not shown here: `--max-findings {}` shows all\n\n",
            counted(hidden, "finding"),
            reported.0.len()
        ));
    }
    if reported.0.len() > 1 {
        out.push_str(&by_code(reported, context));
        out.push('\n');
    }
    let level = if reported.count(Severity::Error) > 0 {
        Level::ERROR
    } else {
        Level::WARNING
    };
    let closing = [Group::with_title(level.primary_title(closing_line(reported, context)))];
    out.push_str(&look.renderer.render(&closing));
    out.push('\n');
    out
}

/// `1 error, 0 warnings in 11 services; nothing was compiled`.
pub(super) fn closing_line(reported: &Reported<'_>, context: &ReportContext<'_>) -> String {
    let mut line = format!(
        "{}, {}",
        counted(reported.count(Severity::Error), "error"),
        counted(reported.count(Severity::Warning), "warning"),
    );
    if !context.scope.is_empty() {
        line.push_str(&format!(" in {}", context.scope));
    }
    if let Some(outcome) = context.outcome {
        line.push_str(&format!("; {outcome}"));
    }
    one_line(&line, TEXT)
}

/// One finding, without a line feed at its end.
pub(super) fn one(finding: &Finding, places: &Places<'_>, look: &Look) -> String {
    let code = finding.code.0;
    let level = match finding.severity {
        Severity::Error => Level::ERROR,
        Severity::Warning | Severity::Off => Level::WARNING,
    };
    let shown = excerpt::shown(finding, places, look.width);
    let mut group = level
        .primary_title(one_line(&finding.message, TEXT))
        .id(code)
        .elements(shown.elements);
    let mut say = |name: &'static str, text: &str| {
        // The gutter, the equals sign and the name take a part of the line.
        let room = look.width.min(WIDEST_TEXT).saturating_sub(name.len() + 8);
        let text = wrap(&one_line(text, TEXT), room);
        group = std::mem::replace(&mut group, Group::with_level(Level::NOTE))
            .element(Level::NOTE.with_name(name).message(text));
    };
    for note in &shown.notes {
        say("note", note);
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
    say("explain", &format!("lagproof explain {code}"));
    // Padding in front of empty lines is no good to anybody, and editors would strip it from snapshots.
    let drawn = look.renderer.render(&[group]);
    // Without line numbers there is no gutter: the rest moves to where it stands in other findings.
    let gutter = match shown.numbers {
        LineNumbers::Some => "",
        LineNumbers::None => " ",
    };
    let mut lines = drawn.lines().map(str::trim_end);
    let title = lines.next().unwrap_or_default().to_owned();
    lines.fold(title, |drawn, line| drawn + "\n" + gutter + line)
}

fn by_code(reported: &Reported<'_>, context: &ReportContext<'_>) -> String {
    let mut counts: BTreeMap<Code, usize> = BTreeMap::new();
    for finding in &reported.0 {
        *counts.entry(finding.code).or_default() += 1;
    }
    let widest = counts.values().max().map_or(1, |count| grouped(*count).len());
    counts
        .into_iter()
        .map(|(code, count)| {
            let name = context.page(code).map_or("", |page| page.name);
            let count = grouped(count);
            format!("  {count:>widest$}  {code}  {name}").trim_end().to_owned() + "\n"
        })
        .collect()
}
