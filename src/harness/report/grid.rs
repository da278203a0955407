//! A table of text: columns as wide as what stands in them.

use anstyle::{AnsiColor, Style};

use crate::diagnostic::Colour;
use crate::harness::verdict::Verdict;

/// Between two columns.
const GAP: &str = "  ";

/// On which side of its column a text stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Align {
    Left,
    Right,
}

/// What stands in one column of one row.
#[derive(Debug, Clone, Default)]
pub(super) struct Cell {
    text: String,
    style: Style,
}

impl Cell {
    pub(super) fn plain(text: impl Into<String>) -> Self {
        Self::styled(text, Style::new())
    }

    pub(super) fn styled(text: impl Into<String>, style: Style) -> Self {
        Self {
            text: super::words::line(&text.into()),
            style,
        }
    }

    pub(super) fn bold(text: impl Into<String>) -> Self {
        Self::styled(text, Style::new().bold())
    }

    /// What stands before a mark, in the same style.
    pub(super) fn before(&self, mark: &str) -> Self {
        let text = self.text.split(mark).next().unwrap_or_default();
        Self::styled(text, self.style)
    }

    pub(super) fn judged(text: impl Into<String>, verdict: Option<Verdict>) -> Self {
        Self::styled(text, verdict.map_or_else(Style::new, verdict_style))
    }
}

/// A table.
#[derive(Debug)]
pub(super) struct Grid {
    columns: Vec<Align>,
    rows: Vec<Vec<Cell>>,
}

impl Grid {
    pub(super) const fn new(columns: Vec<Align>) -> Self {
        Self {
            columns,
            rows: Vec::new(),
        }
    }

    pub(super) fn row(&mut self, cells: Vec<Cell>) {
        self.rows.push(cells);
    }

    /// How wide it is in characters: its widest line.
    pub(super) fn width(&self) -> usize {
        let lines = self.render(Colour::Plain);
        lines.lines().map(width).max().unwrap_or(0)
    }

    /// The same without a column.
    pub(super) fn without(mut self, column: usize) -> Self {
        self.columns.remove(column);
        for row in &mut self.rows {
            if column < row.len() {
                row.remove(column);
            }
        }
        self
    }

    /// One line a row. What stands in the last column makes no other wider, and no line ends in blanks.
    pub(super) fn render(&self, colour: Colour) -> String {
        let widths: Vec<usize> = (0..self.columns.len())
            .map(|at| {
                let cells = self.rows.iter().filter_map(|row| row.get(at));
                cells.map(|cell| width(&cell.text)).max().unwrap_or(0)
            })
            .collect();
        let mut out = String::new();
        for row in &self.rows {
            let used = row
                .iter()
                .rposition(|cell| !cell.text.is_empty())
                .map_or(0, |at| at + 1);
            for (at, cell) in row.iter().take(used).enumerate() {
                out.push_str(if at > 0 { GAP } else { "" });
                let blanks = " ".repeat(widths[at].saturating_sub(width(&cell.text)));
                let text = paint(&cell.text, cell.style, colour);
                match self.columns[at] {
                    Align::Left if at + 1 == used => out.push_str(&text),
                    Align::Left => out.push_str(&format!("{text}{blanks}")),
                    Align::Right => out.push_str(&format!("{blanks}{text}")),
                }
            }
            out.push('\n');
        }
        out
    }
}

/// A text in a style, where there are colours.
pub(super) fn paint(text: &str, style: Style, colour: Colour) -> String {
    match colour {
        Colour::Styled => format!("{style}{text}{style:#}"),
        Colour::Plain => text.to_owned(),
    }
}

pub(super) const fn verdict_style(verdict: Verdict) -> Style {
    match verdict {
        Verdict::Pass => AnsiColor::Green.on_default(),
        Verdict::Fail => AnsiColor::Red.on_default().bold(),
        Verdict::Invalid => AnsiColor::Magenta.on_default(),
        Verdict::Inconclusive => AnsiColor::Yellow.on_default(),
        Verdict::NotJudged => AnsiColor::BrightBlack.on_default(),
    }
}

/// Characters: the signs that reports use are one column wide each.
pub(super) fn width(text: &str) -> usize {
    text.chars().count()
}
