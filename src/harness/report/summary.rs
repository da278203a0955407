//! The summary: what stands on the terminal when a proof is over, and in `summary.txt`.

use std::collections::BTreeSet;

use anstyle::Style;

use crate::diagnostic::Colour;
use crate::harness::outcome::{Outcome, TrialOutcome};
use crate::harness::verdict::{SideOutcome, Verdict};
use crate::proofs::text::count;

use super::facts::facts;
use super::grid::{Align, Cell, Grid, paint, width};
use super::rows::{lag_predicted, predicted, rows};
use super::words::{Worth, case_of, compiled, kpi, line, plan_of, side, told};

/// The width of the column of names.
const NAME: usize = 10;
/// Lines are broken before this column where their words allow it.
const LINE: usize = 110;

/// The whole summary: what it rests on, then [`results`].
#[must_use]
pub fn render(outcome: &Outcome, colour: Colour) -> String {
    format!("{}\n{}", header(outcome, colour), results(outcome, colour))
}

/// What it rests on: broker and plan, and what takes the verdicts' worth away.
#[must_use]
pub fn header(outcome: &Outcome, colour: Colour) -> String {
    let mut out = String::new();
    for (name, text) in facts(outcome) {
        named(&mut out, name, &text, colour);
    }
    out
}

/// Tables, verdicts and causes: trials of two sides in tables of their own, all others in one.
#[must_use]
pub fn results(outcome: &Outcome, colour: Colour) -> String {
    let (both, single): (Vec<&TrialOutcome>, Vec<&TrialOutcome>) =
        outcome.trials.iter().partition(|trial| trial.sides.len() > 1);
    let worth = Worth::of(outcome);
    let mut parts: Vec<String> = both.iter().map(|trial| before_after(trial, worth, colour)).collect();
    if !single.is_empty() {
        parts.push(services(&single, worth, colour));
    }
    if outcome.trials.is_empty() {
        parts.push("nothing was tried\n".to_owned());
    }
    if outcome.trials.len() > 1 {
        parts.push(tally(outcome, colour));
    }
    parts.join("\n")
}

/// Where the report is: the last line of a summary on a terminal.
#[must_use]
pub fn where_it_is(path: &str, colour: Colour) -> String {
    let mut out = String::new();
    named(&mut out, "report", path, colour);
    out
}

/// One trial of two sides: rows of targets, a column a side.
fn before_after(trial: &TrialOutcome, worth: Worth, colour: Colour) -> String {
    let bold = Style::new().bold();
    let dim = Style::new().dimmed();
    let mut columns = vec![Align::Left];
    columns.extend(trial.sides.iter().map(|_| Align::Right));
    columns.push(Align::Left);
    let mut grid = Grid::new(columns);
    let mut head = vec![Cell::bold(trial.trial.name())];
    head.extend(trial.sides.iter().map(|one| Cell::bold(side(one.judgement.side))));
    head.push(Cell::bold("  target"));
    grid.row(head);
    for row in rows(trial) {
        let mut cells = vec![Cell::plain(row.label)];
        cells.extend(
            row.values
                .into_iter()
                .map(|value| Cell::judged(value.text, value.verdict)),
        );
        if !row.target.is_empty() {
            cells.push(Cell::plain(format!("  {}", row.target)));
        }
        grid.row(cells);
    }
    let mut verdicts = vec![Cell::bold("verdict")];
    let mut with = Vec::new();
    for one in &trial.sides {
        let verdict = one.judgement.verdict;
        verdicts.push(Cell::judged(worth.word(verdict), Some(verdict)));
        with.extend(super::words::reached_with(&trial.trial, one.judgement.side));
    }
    // Both sides are reached with the same client, more often than not; it is said once then.
    with.dedup();
    if let [said] = &with[..] {
        verdicts.push(Cell::plain(format!("  ({said})")));
    }
    grid.row(verdicts);
    let predictions = predicted(trial);
    if !predictions.is_empty() {
        grid.row(Vec::new());
        grid.row(vec![Cell::styled("predicted on paper", dim)]);
        for row in predictions {
            let mut cells = vec![Cell::styled(row.label, dim)];
            cells.extend(row.values.into_iter().map(|value| Cell::styled(value.text, dim)));
            grid.row(cells);
        }
    }
    let mut out = String::new();
    if let Some(what) = case_of(&trial.trial) {
        out.push_str(&paint(trial.trial.name(), bold, colour));
        out.push_str(&format!(" is {what}, and no proof of it\n\n"));
    }
    out.push_str(&grid.render(colour));
    print_lines(&mut out, explained(trial, ""), colour);
    out
}

/// Trials of one side each: a row a trial.
fn services(trials: &[&TrialOutcome], worth: Worth, colour: Colour) -> String {
    let mut grid = Grid::new(vec![
        Align::Left,
        Align::Right,
        Align::Left,
        Align::Right,
        Align::Right,
        Align::Right,
        Align::Right,
        Align::Right,
        Align::Left,
    ]);
    let heads = [
        "",
        "lag p95",
        "target",
        "predicted",
        "processed",
        "e2e p99",
        "lost",
        "memory",
        "verdict",
    ];
    grid.row(heads.map(Cell::bold).to_vec());
    for trial in trials {
        let rows = rows(trial);
        let cell = |label: &str| {
            let row = rows.iter().find(|row| row.label == label);
            let value = row.and_then(|row| row.values.first());
            value.map_or_else(Cell::default, |value| Cell::judged(value.text.clone(), value.verdict))
        };
        let target = rows.first().map(|row| row.target.clone()).unwrap_or_default();
        let one = compiled(trial);
        let paper = one
            .and_then(|one| plan_of(&trial.trial, one.judgement.side))
            .and_then(|plan| lag_predicted(&plan.predicted))
            .unwrap_or_default();
        let verdict = one.map_or(Verdict::NotJudged, |one| one.judgement.verdict);
        let word = one.map_or_else(String::new, |one| {
            told(worth, verdict, &trial.trial, one.judgement.side)
        });
        grid.row(vec![
            Cell::plain(trial.trial.name()),
            cell("lag, p95"),
            Cell::plain(target),
            Cell::styled(paper, Style::new().dimmed()),
            cell("processed of ingested"),
            cell("end-to-end p99"),
            lost(one, &cell("lost · out of order")),
            cell("memory, peak"),
            Cell::judged(word, Some(verdict)),
        ]);
    }
    let mut out = grid.render(colour);
    let several = trials.len() > 1;
    let lines = trials
        .iter()
        .flat_map(|trial| explained(trial, if several { trial.trial.name() } else { "" }));
    print_lines(&mut out, lines.collect(), colour);
    out
}

/// What was lost; where order was broken too, both.
fn lost(one: Option<&SideOutcome>, both: &Cell) -> Cell {
    let reordered: u64 = one.map_or(0, |one| one.recordings.iter().map(|run| run.account.reordered).sum());
    if reordered == 0 {
        both.before(" · ")
    } else {
        both.clone()
    }
}

/// Causes, reasons, disagreements and notes of a trial: what each is, and its text under the trial's name, if any.
fn explained(trial: &TrialOutcome, name: &str) -> Vec<(&'static str, String)> {
    let mut lines: Vec<(&'static str, String)> = Vec::new();
    let several = trial.sides.len() > 1;
    let prefix = |one: &SideOutcome| {
        let side = side(one.judgement.side);
        match (name.is_empty(), several) {
            (true, true) => format!("{side}: "),
            (true, false) => String::new(),
            (false, true) => format!("{name}, {side}: "),
            (false, false) => format!("{name}: "),
        }
    };
    for one in &trial.sides {
        let judgement = &one.judgement;
        for cause in &judgement.causes {
            lines.push(("cause", format!("{}{}", prefix(one), cause.what)));
        }
        for target in &judgement.judgements {
            // What fails by a cause that has a name is told by it.
            let told = match target.verdict {
                Verdict::Pass => false,
                Verdict::Fail => judgement.causes.is_empty(),
                Verdict::NotJudged | Verdict::Inconclusive | Verdict::Invalid => true,
            };
            if told && !target.because.is_empty() {
                let word = reason(target.verdict);
                lines.push((word, format!("{}{}: {}", prefix(one), kpi(target.kpi), target.because)));
            }
        }
        for disagreement in &judgement.disagreements {
            lines.push(("disagree", format!("{}{disagreement}", prefix(one))));
        }
        if let Some(cut) = one.recordings.iter().find_map(|run| run.cut_short.as_ref()) {
            lines.push(("cut short", format!("{}{cut}", prefix(one))));
        }
    }
    let of = |text: &str| {
        if name.is_empty() {
            text.to_owned()
        } else {
            format!("{name}: {text}")
        }
    };
    for back in &trial.put_back {
        let why = if back.what.is_empty() {
            String::new()
        } else {
            format!(": {}", back.what)
        };
        let word = match back.verdict {
            Verdict::Fail => "fails again",
            Verdict::Pass => "still holds",
            Verdict::NotJudged | Verdict::Inconclusive | Verdict::Invalid => "can't be said",
        };
        let text = format!(
            "{} = {} in place of {} {word}{why}",
            back.setting, back.before, back.after
        );
        lines.push(("put back", of(&text)));
    }
    lines.extend(trial.trial.notes.iter().map(|note| ("note", of(note))));
    lines
}

/// Named lines below a table; the same said twice is said once.
fn print_lines(out: &mut String, mut lines: Vec<(&'static str, String)>, colour: Colour) {
    let mut seen = BTreeSet::new();
    lines.retain(|one| seen.insert(one.clone()));
    if !lines.is_empty() {
        out.push('\n');
    }
    for (word, text) in lines {
        named(out, word, &text, colour);
    }
}

const fn reason(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Invalid => "invalid",
        Verdict::Inconclusive => "too short",
        Verdict::NotJudged => "unjudged",
        Verdict::Pass | Verdict::Fail => "why",
    }
}

/// How many came to what: `verdicts  9 PASS, 1 FAIL`.
fn tally(outcome: &Outcome, colour: Colour) -> String {
    let worth = Worth::of(outcome);
    let all = [
        Verdict::Pass,
        Verdict::Fail,
        Verdict::Invalid,
        Verdict::Inconclusive,
        Verdict::NotJudged,
    ];
    let said: Vec<String> = all
        .into_iter()
        .filter_map(|verdict| {
            let number = outcome.trials.iter().filter(|trial| trial.verdict == verdict).count();
            let text = format!("{number} {}", worth.word(verdict));
            (number > 0).then(|| paint(&text, super::grid::verdict_style(verdict), colour))
        })
        .collect();
    let mut out = paint(&format!("{:NAME$}", "verdicts"), Style::new().bold(), colour);
    let trials = count(outcome.trials.len() as u64, "trial");
    out.push_str(&format!("{} of {trials}\n", said.join(", ")));
    out
}

/// A named line, broken between words; what follows stands below its text.
fn named(out: &mut String, name: &str, text: &str, colour: Colour) {
    let name = format!("{name:<NAME$}");
    out.push_str(&paint(&name, Style::new().bold(), colour));
    let mut column = width(&name);
    let mut begun = false;
    for word in line(text).split(' ') {
        if begun && column + 1 + width(word) > LINE {
            out.push('\n');
            out.push_str(&" ".repeat(NAME));
            column = NAME;
        } else if begun {
            out.push(' ');
            column += 1;
        }
        out.push_str(word);
        column += width(word);
        begun = true;
    }
    out.push('\n');
}
