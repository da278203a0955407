//! The charts as a table of numbers, for those who can't see charts, or want to copy from them.

use maud::{Markup, html};

use super::series::Line;
use crate::harness::report::words::side;
use crate::proofs::text::number;

/// The most rows.
const ROWS: u32 = 24;

/// What one chart has to say.
pub(super) struct Column<'a> {
    pub(super) title: &'static str,
    pub(super) number: fn(f64) -> String,
    pub(super) lines: &'a [Line],
}

/// A table with a row every so many seconds; of each side its first run.
pub(super) fn table(columns: &[Column<'_>], to: f64, several: bool) -> Markup {
    let first: Vec<(&Column<'_>, &Line)> = columns
        .iter()
        .flat_map(|column| column.lines.iter().map(move |line| (column, line)))
        .filter(|(_, line)| line.run == 0)
        .collect();
    let step = super::axis::time_step(to / f64::from(ROWS));
    let mut times = Vec::new();
    let mut at = step;
    while at <= to && times.len() < 2 * ROWS as usize {
        times.push(at);
        at += step;
    }
    html! {
        details {
            summary { "The charts in numbers" @if several { ", of each side's first run" } }
            div.scroll {
                table.numbers {
                    thead { tr {
                        th.number scope="col" { "seconds" }
                        @for (column, line) in &first {
                            th.number scope="col" {
                                (column.title)
                                @if !line.what.is_empty() { ", " (line.what) }
                                @if several { ", " (side(line.side)) }
                            }
                        }
                    } }
                    tbody {
                        @for at in &times {
                            tr {
                                th.number scope="row" { (number(*at)) }
                                @for (column, line) in &first {
                                    td.number { (line.at(*at).map_or_else(|| "–".to_owned(), column.number)) }
                                }
                            }
                        }
                    }
                }
            }
        }
    }
}
