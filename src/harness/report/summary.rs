//! The summary: what stands on the terminal when a proof is over, and in `summary.txt`.

use anstyle::Style;

use crate::diagnostic::Colour;
use crate::harness::outcome::{Outcome, TrialOutcome};
use crate::harness::verdict::{Kpi, SideOutcome, Verdict};
use crate::proofs::text::count;

use super::facts::facts;
use super::grid::{Align, Cell, Grid, paint, width};
use super::rows::{lag_predicted, predicted, rows};
use super::words::{Worth, case_of, compiled, kpi, line, plan_of, side, told};

/// The width of the column of names.
const NAME: usize = 10;
/// Lines are broken before this column where their words allow it.
const LINE: usize = 110;
/// The most names that stand before a sentence which is said of several.
const NAMES: usize = 3;

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

/// Tables, verdicts and causes: a trial that is alone or has two sides in a table of its own, all others in one.
#[must_use]
pub fn results(outcome: &Outcome, colour: Colour) -> String {
    let alone = outcome.trials.len() == 1;
    let (whole, single): (Vec<&TrialOutcome>, Vec<&TrialOutcome>) =
        outcome.trials.iter().partition(|trial| alone || trial.sides.len() > 1);
    let worth = Worth::of(outcome);
    let mut parts: Vec<String> = whole.iter().map(|trial| table(trial, worth, colour)).collect();
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

/// What a report says of somebody in a sentence: what it is, of whom, the sentence.
struct Said {
    word: &'static str,
    who: String,
    text: String,
}

/// Causes, reasons, disagreements and notes of a trial; `name` is the trial's where others are told of beside it.
fn explained(trial: &TrialOutcome, name: &str) -> Vec<Said> {
    let mut lines = Vec::new();
    let mut say = |word, who: &str, text: String| {
        let who = who.to_owned();
        lines.push(Said { word, who, text });
    };
    let several = trial.sides.len() > 1;
    for one in &trial.sides {
        let judgement = &one.judgement;
        let side = side(judgement.side);
        let who = match (name.is_empty(), several) {
            (true, true) => side.to_owned(),
            (_, false) => name.to_owned(),
            (false, true) => format!("{name} {side}"),
        };
        for cause in &judgement.causes {
            say("cause", &who, cause.what.clone());
        }
        for target in &judgement.judgements {
            let told = match target.verdict {
                Verdict::Pass => false,
                // What fails by a cause that has a name is told by it.
                Verdict::Fail => judgement.causes.is_empty(),
                // By itself a handler never fails, and a load without bursts has none to return from.
                Verdict::NotJudged => !matches!(target.kpi, Kpi::Errors | Kpi::BurstReturn | Kpi::Order),
                Verdict::Inconclusive | Verdict::Invalid => true,
            };
            if told && !target.because.is_empty() {
                let text = format!("{}: {}", kpi(target.kpi), target.because);
                say(reason(target.verdict), &who, text);
            }
        }
        for disagreement in &judgement.disagreements {
            say("disagree", &who, disagreement.clone());
        }
        if let Some(cut) = one.recordings.iter().find_map(|run| run.cut_short.as_ref()) {
            say("cut short", &who, cut.clone());
        }
    }
    for back in &trial.put_back {
        let word = match back.verdict {
            Verdict::Fail => "fails again",
            Verdict::Pass => "still holds",
            Verdict::NotJudged | Verdict::Inconclusive | Verdict::Invalid => "can't be said",
        };
        let mut text = format!("{} = {} in place of {} {word}", back.setting, back.before, back.after);
        if !back.what.is_empty() {
            text.push_str(&format!(": {}", back.what));
        }
        say("put back", name, text);
    }
    for note in &trial.trial.notes {
        say("note", name, note.clone());
    }
    lines
}

/// Named lines below a table. What is said of several is said once, with their names.
fn print_lines(out: &mut String, lines: Vec<Said>, colour: Colour) {
    let mut gathered: Vec<(Said, Vec<String>)> = Vec::new();
    for line in lines {
        let same = |(other, _): &&mut (Said, Vec<String>)| other.word == line.word && other.text == line.text;
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
    for (Said { word, text, .. }, who) in gathered {
        let who = match &who[..] {
            [only] if only.is_empty() => String::new(),
            few if few.len() <= NAMES => format!("{}: ", few.join(", ")),
            many => format!("{} of them: ", many.len()),
        };
        named(out, word, &format!("{who}{text}"), colour);
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
