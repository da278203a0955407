//! A short report for a comment on a pull request: one row a trial, then what failed and why.

use std::fmt::Write;

use crate::harness::outcome::{Outcome, TrialOutcome};
use crate::harness::verdict::Verdict;

use super::rows::{STEADY_LAG, rows};
use super::said::{Kind, said};
use super::words::{SMOKE_TEST, Worth, case_of, compiled, line, mechanism, side, told};

/// The comment. `place` is where the whole report can be had, if anywhere.
#[must_use]
pub fn render(outcome: &Outcome, place: Option<&str>) -> String {
    let worth = Worth::of(outcome);
    let mut out = format!("**{}**\n", headline(outcome, worth));
    if worth == Worth::SmokeTest {
        let _ = write!(out, "\n> [!WARNING]\n> {SMOKE_TEST}\n");
    }
    if let Some(why) = &outcome.cut_short {
        let _ = write!(out, "\n> [!WARNING]\n> cut short: {}\n", cell(why));
    }
    if !outcome.left_out.is_empty() {
        out.push_str("\n> [!WARNING]\n");
        for one in &outcome.left_out {
            let (name, because, help) = (cell(&one.name), cell(&one.because), cell(&one.help));
            let _ = writeln!(out, "> - {name} was left out: {because}; {help}");
        }
    }
    let (both, single): (Vec<&TrialOutcome>, Vec<&TrialOutcome>) =
        outcome.trials.iter().partition(|trial| trial.sides.len() > 1);
    for trial in both {
        table_of(&mut out, trial, worth);
    }
    if !single.is_empty() {
        out.push_str("\n| | lag, p95 | target | end-to-end p99 | memory, peak | verdict |\n");
        out.push_str("|---|--:|---|--:|--:|---|\n");
        for trial in single {
            row_of(&mut out, trial, worth);
        }
    }
    causes(&mut out, outcome);
    let _ = write!(out, "\n{}", cell(&outcome.broker.what));
    if let Some(place) = place {
        let _ = write!(out, " · report: {}", code(place));
    }
    out.push('\n');
    out
}

fn headline(outcome: &Outcome, worth: Worth) -> String {
    let of = |verdict| outcome.trials.iter().filter(|trial| trial.verdict == verdict).count();
    let all = outcome.trials.len();
    let left_out = outcome.left_out.len();
    let mut parts: Vec<String> = [
        Verdict::Fail,
        Verdict::Invalid,
        Verdict::Inconclusive,
        Verdict::NotJudged,
        Verdict::Pass,
    ]
    .into_iter()
    .filter(|verdict| of(*verdict) > 0)
    .map(|verdict| format!("{} {}", of(verdict), worth.word(verdict)))
    .collect();
    if left_out > 0 {
        parts.push(format!("{left_out} left out"));
    }
    match &parts[..] {
        [] => "Nothing was tried".to_owned(),
        [only] if all == 1 => format!(
            "{}: {}",
            cell(outcome.trials[0].trial.name()),
            only.trim_start_matches("1 ")
        ),
        several => format!("Under real load: {}", several.join(", ")),
    }
}

fn table_of(out: &mut String, trial: &TrialOutcome, worth: Worth) {
    out.push_str("\n| ");
    out.push_str(&cell(trial.trial.name()));
    for one in &trial.sides {
        let _ = write!(out, " | {}", side(one.judgement.side));
    }
    out.push_str(" | target |\n|---|");
    out.push_str(&"--:|".repeat(trial.sides.len()));
    out.push_str("---|\n");
    for row in rows(trial) {
        let _ = write!(out, "| {}", row.label);
        for value in &row.values {
            let bold = if value.verdict == Some(Verdict::Fail) { "**" } else { "" };
            let _ = write!(out, " | {bold}{}{bold}", cell(&value.text));
        }
        let _ = writeln!(out, " | {} |", cell(&row.target));
    }
    out.push_str("| verdict");
    for one in &trial.sides {
        let word = told(worth, &trial.trial, one);
        let _ = write!(out, " | **{}**", cell(&word));
    }
    out.push_str(" | |\n");
    if let Some(what) = case_of(&trial.trial) {
        let _ = write!(out, "\nThis is {}, and no proof of it.\n", cell(&what));
    }
}

fn row_of(out: &mut String, trial: &TrialOutcome, worth: Worth) {
    let rows = rows(trial);
    let value = |label: &str| {
        let row = rows.iter().find(|row| row.label == label);
        row.and_then(|row| row.values.first())
            .map_or_else(String::new, |value| cell(&value.text))
    };
    let target = rows.first().map(|row| cell(&row.target)).unwrap_or_default();
    let verdict = compiled(trial).map_or_else(String::new, |one| told(worth, &trial.trial, one));
    let _ = writeln!(
        out,
        "| {} | {} | {target} | {} | {} | **{}** |",
        cell(trial.trial.name()),
        value(rows.first().map_or(STEADY_LAG, |row| row.label)),
        value("end-to-end p99"),
        value("memory, peak"),
        cell(&verdict)
    );
}

/// Why it failed, or why nothing can be said.
fn causes(out: &mut String, outcome: &Outcome) {
    let mut begun = false;
    for trial in &outcome.trials {
        let told = said(trial).into_iter().filter(|told| told.kind < Kind::Disagree);
        for told in told {
            out.push_str(if begun { "" } else { "\n" });
            begun = true;
            let of = told.side.filter(|_| trial.sides.len() > 1);
            let of = of.map_or_else(String::new, |at| format!(", {}", side(at)));
            let named = match told.kind {
                Kind::Cause => mechanism_of(trial, &told.text),
                other => Some(other.word()),
            };
            let named = named.map_or_else(String::new, |word| format!(" ({word})"));
            let name = cell(trial.trial.name());
            let _ = writeln!(out, "- {name}{of}: {}{named}", cell(&told.text));
        }
    }
}

/// The name of the mechanism that a cause is of.
fn mechanism_of(trial: &TrialOutcome, what: &str) -> Option<&'static str> {
    let mut causes = trial.sides.iter().flat_map(|one| &one.judgement.causes);
    causes
        .find(|cause| cause.what == what)
        .map(|cause| mechanism(cause.mechanism))
}

/// Text from elsewhere as Markdown shows it: nothing in it is markup, a link, a mention or the end of a cell.
fn cell(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for character in line(text).chars() {
        match character {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            // A character reference is shown, and is no mark, no mention and no reference to an issue.
            '|' | '\\' | '`' | '*' | '_' | '[' | ']' | '~' | '#' | '@' | '!' | ':' if marks(character, text) => {
                let _ = write!(out, "&#{};", character as u32);
            }
            other => out.push(other),
        }
    }
    out
}

/// Whether a character may act where it stands. Colons only make links of addresses.
fn marks(character: char, text: &str) -> bool {
    match character {
        ':' => text.contains("://") || text.contains("www."),
        _ => true,
    }
}

/// A path in a code span, with a fence longer than any in it.
fn code(text: &str) -> String {
    let text = line(text);
    let longest = text.split(|c| c != '`').map(str::len).max().unwrap_or(0);
    let fence = "`".repeat(longest + 1);
    let blank = if longest > 0 { " " } else { "" };
    format!("{fence}{blank}{text}{blank}{fence}")
}
