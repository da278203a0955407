//! The summary: what stands on the terminal when a proof is over, and in `summary.txt`.

use anstyle::Style;

use crate::diagnostic::Colour;
use crate::harness::outcome::{Outcome, TrialOutcome};
use crate::harness::verdict::{SideOutcome, Verdict};
use crate::proofs::text::count;

use super::facts::facts;
use super::grid::{Align, Cell, Grid, paint, width};
use super::rows::{STEADY_LAG, lag_predicted, predicted, rows};
use super::said::{Kind, Said, said};
use super::words::{Worth, case_of, compiled, line, plan_of, side, told};

/// The width of the column of names.
const NAME: usize = 10;
/// Lines are broken before this column where their words allow it.
const LINE: usize = 100;
/// The most names that stand before a sentence which is said of several.
const NAMES: usize = 3;

/// The whole summary: what it rests on, then tables, verdicts and causes.
#[must_use]
pub fn render(outcome: &Outcome, colour: Colour) -> String {
    for_columns(outcome, colour, usize::MAX)
}

/// The whole summary for a terminal of so many columns: a table of services leaves out there what it has no room for.
#[must_use]
pub fn for_columns(outcome: &Outcome, colour: Colour, columns: usize) -> String {
    format!("{}\n{}", header(outcome, colour), results(outcome, colour, columns))
}

/// What it rests on: broker and plan, and what takes the verdicts' worth away.
fn header(outcome: &Outcome, colour: Colour) -> String {
    let mut out = String::new();
    for (name, text) in facts(outcome) {
        named(&mut out, name, &text, colour);
    }
    out
}

/// Tables, verdicts and causes: a trial that is alone or has two sides in a table of its own, all others in one.
fn results(outcome: &Outcome, colour: Colour, columns: usize) -> String {
    let alone = outcome.trials.len() == 1;
    let (whole, single): (Vec<&TrialOutcome>, Vec<&TrialOutcome>) =
        outcome.trials.iter().partition(|trial| alone || trial.sides.len() > 1);
    let worth = Worth::of(outcome);
    let mut parts: Vec<String> = whole.iter().map(|trial| table(trial, worth, colour)).collect();
    if !single.is_empty() {
        parts.push(services(&single, worth, colour, columns));
    }
    if outcome.trials.is_empty() {
        parts.push("nothing was tried\n".to_owned());
    }
    if !outcome.left_out.is_empty() {
        parts.push(left_out(outcome, colour));
    }
    let mut last = String::new();
    if outcome.trials.len() > 1 || !outcome.left_out.is_empty() {
        last.push_str(&tally(outcome, colour));
    }
    if let Some(left) = evidence(outcome) {
        named(&mut last, "evidence", &left, colour);
    }
    if !last.is_empty() {
        parts.push(last);
    }
    parts.join("\n")
}

/// What was not tried, each with its reason and what to do.
fn left_out(outcome: &Outcome, colour: Colour) -> String {
    let mut out = String::new();
    for one in &outcome.left_out {
        let text = format!("{}: {}; {}", one.name, one.because, one.help);
        named(&mut out, "left out", &text, colour);
    }
    out
}

/// Where the report is: the last line of a summary on a terminal.
#[must_use]
pub fn where_it_is(path: &str, colour: Colour) -> String {
    let mut out = String::new();
    named(&mut out, "report", path, colour);
    out
}

/// One trial: rows of targets, a column a side.
fn table(trial: &TrialOutcome, worth: Worth, colour: Colour) -> String {
    let bold = Style::new().bold();
    let dim = Style::new().dimmed();
    let mut columns = vec![Align::Left];
    columns.extend(trial.sides.iter().map(|_| Align::Right));
    columns.push(Align::Left);
    let mut grid = Grid::new(columns);
    let mut head = vec![Cell::bold(trial.trial.name())];
    head.extend(trial.sides.iter().map(|one| {
        let several = trial.sides.len() > 1;
        Cell::bold(if several { side(one.judgement.side) } else { "measured" })
    }));
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
        with.extend(super::words::reached_with(&trial.trial, one));
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
    print_lines(&mut out, explained(trial, ""), 1, colour);
    out
}

/// Trials of one side each: a row a trial.
fn services(trials: &[&TrialOutcome], worth: Worth, colour: Colour, columns: usize) -> String {
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
        let word = one.map_or_else(String::new, |one| told(worth, &trial.trial, one));
        grid.row(vec![
            Cell::plain(trial.trial.name()),
            match rows.first() {
                Some(row) if row.label != STEADY_LAG => Cell::plain(format!("≤ {}", row.values[0].text)),
                _ => cell(STEADY_LAG),
            },
            Cell::plain(target),
            Cell::styled(paper, Style::new().dimmed()),
            cell("processed of ingested"),
            cell("end-to-end p99"),
            lost(one, &cell("lost · out of order")),
            cell("memory, peak"),
            Cell::judged(word, Some(verdict)),
        ]);
    }
    // What matters least goes first where there is no room: predicted, processed, latency.
    for column in [3, 3, 3] {
        if grid.width() > columns {
            grid = grid.without(column);
        }
    }
    let mut out = grid.render(colour);
    let several = trials.len() > 1;
    let lines = trials
        .iter()
        .flat_map(|trial| explained(trial, if several { trial.trial.name() } else { "" }));
    print_lines(&mut out, lines.collect(), trials.len(), colour);
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

/// A sentence and whom it is said of.
struct Line {
    kind: Kind,
    who: String,
    text: String,
}

/// What is said of a trial; `name` is the trial's where others are told of beside it.
fn explained(trial: &TrialOutcome, name: &str) -> Vec<Line> {
    let several = trial.sides.len() > 1;
    let line = |said: Said| {
        let side = said.side.filter(|_| several).map_or("", side);
        let blank = if name.is_empty() || side.is_empty() { "" } else { " " };
        Line {
            kind: said.kind,
            who: format!("{name}{blank}{side}"),
            text: said.text,
        }
    };
    said(trial).into_iter().map(line).collect()
}

/// Named lines below a table of `all` rows, the most important first. What is said of several is said once, with their names.
fn print_lines(out: &mut String, mut lines: Vec<Line>, all: usize, colour: Colour) {
    lines.sort_by_key(|line| line.kind);
    let mut gathered: Vec<(Line, Vec<String>)> = Vec::new();
    for line in lines {
        let same = |(other, _): &&mut (Line, Vec<String>)| other.kind == line.kind && other.text == line.text;
        match gathered.iter_mut().find(same) {
            Some((_, who)) if who.contains(&line.who) => {}
            Some((_, who)) => who.push(line.who),
            None => {
                let who = vec![line.who.clone()];
                gathered.push((line, who));
            }
        }
    }
    if !gathered.is_empty() {
        out.push('\n');
    }
    for (Line { kind, text, .. }, who) in gathered {
        let who = match &who[..] {
            [only] if only.is_empty() => String::new(),
            few if few.len() <= NAMES => format!("{}: ", few.join(", ")),
            many if many.len() == all => "all of them: ".to_owned(),
            many => format!("{} of them: ", many.len()),
        };
        named(out, kind.word(), &format!("{who}{text}"), colour);
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
    let mut said: Vec<String> = all
        .into_iter()
        .filter_map(|verdict| {
            let number = outcome.trials.iter().filter(|trial| trial.verdict == verdict).count();
            let text = format!("{number} {}", worth.word(verdict));
            (number > 0).then(|| paint(&text, super::grid::verdict_style(verdict), colour))
        })
        .collect();
    let left_out = outcome.left_out.len();
    if left_out > 0 {
        let text = format!("{left_out} left out");
        said.push(paint(&text, super::grid::verdict_style(Verdict::Inconclusive), colour));
    }
    let mut out = paint(&format!("{:NAME$}", "verdicts"), Style::new().bold(), colour);
    let trials = count((outcome.trials.len() + left_out) as u64, "trial");
    out.push_str(&format!("{} of {trials}\n", said.join(", ")));
    out
}

/// What was left as evidence: `evidence/step-counter.toml`, `11 files in evidence`.
fn evidence(outcome: &Outcome) -> Option<String> {
    let left: Vec<&str> = outcome
        .trials
        .iter()
        .filter_map(|one| one.evidence.as_deref())
        .collect();
    match left[..] {
        [] => None,
        [only] => Some(only.to_owned()),
        [first, ..] => {
            let folder = first.rsplit_once('/').map_or(first, |(folder, _)| folder);
            Some(format!("{} in {folder}", count(left.len() as u64, "file")))
        }
    }
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
