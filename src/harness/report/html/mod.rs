//! The report as one HTML page: nothing is fetched, everything is readable without JavaScript, on paper, in the dark.
//!
//! The charts are SVG of our own. What a chart library draws has its colours and fonts in every element, so that one
//! picture can't be both light and dark, or shrinks its text with the picture on a phone; or it needs JavaScript and
//! brings a megabyte of it. Here SVG holds only lines, stretched to whatever room there is, and colours come from the
//! page's style; numbers beside them are text of the page. The template escapes whatever is put in.

mod axis;
mod chart;
mod latency;
mod marks;
mod numbers;
mod series;
mod trial;

use maud::{DOCTYPE, Markup, PreEscaped, html};

use crate::harness::outcome::{Outcome, TrialOutcome};
use crate::harness::plan::LeftOut;
use crate::harness::verdict::Verdict;

use super::facts::{facts, machine};
use super::json::moment;
use super::rows::{STEADY_LAG, rows};
use super::words::{Worth, case_of, compiled, how_many, overall, reached_with, shown, time};

const STYLE: &str = include_str!("style.css");
const SCRIPT: &str = include_str!("script.js");

/// What the overview shows of each trial.
const OVERVIEW: [&str; 4] = [STEADY_LAG, "end-to-end p99", "lost · out of order", "memory, peak"];

/// The page.
#[must_use]
pub fn render(outcome: &Outcome) -> String {
    let worth = Worth::of(outcome);
    let title = format!("{}: lagproof verify", text(&outcome.project));
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                // Nothing may be fetched from anywhere, whatever should stand in it.
                meta http-equiv="Content-Security-Policy"
                    content="default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'";
                title { (title) }
                style { (PreEscaped(STYLE)) }
            }
            body {
                header { (head(outcome, worth)) }
                main {
                    @if outcome.trials.len() + outcome.left_out.len() > 1 { (overview(outcome, worth)) }
                    @for (at, one) in outcome.trials.iter().enumerate() {
                        (trial::render(one, at, worth, outcome.trials.len() + outcome.left_out.len() == 1))
                    }
                    @if outcome.trials.is_empty() { p { "Nothing was tried." } }
                }
                footer {
                    "lagproof " (text(&outcome.lagproof)) " · " (text(&machine(outcome))) " · numbers for machines in "
                    a href="report.json" { "report.json" }
                }
                script { (PreEscaped(SCRIPT)) }
            }
        }
    };
    page.into_string()
}

fn head(outcome: &Outcome, worth: Worth) -> Markup {
    html! {
        p.kicker { "lagproof verify · " (text(&outcome.project)) }
        h1 {
            @if let ([only], []) = (&outcome.trials[..], &outcome.left_out[..]) {
                (text(only.trial.name())) " " (pill(worth, only.verdict))
            } @else {
                (how_many(outcome)) " under load " (pill(worth, overall(outcome)))
            }
        }
        dl.facts {
            @for (name, said) in facts(outcome) {
                div.loud[matches!(name, "note" | "cut short" | "left out")] { dt { (name) } dd { (text(&said)) } }
            }
            div {
                dt { "begun" }
                dd {
                    time datetime=(moment(outcome.started_us)) { (moment(outcome.started_us).replace('T', " ").replace('Z', " UTC")) }
                    ", took " (time(outcome.seconds))
                }
            }
        }
    }
}

/// A row a trial, where there are several; of two sides both values, the baseline's first.
fn overview(outcome: &Outcome, worth: Worth) -> Markup {
    html! {
        section.wide aria-label="All verdicts" {
            div.scroll {
                table.overview {
                    thead { tr {
                        th scope="col" { "service" }
                        th scope="col" { "verdict" }
                        @for label in OVERVIEW { th.number scope="col" { (label) } }
                        th scope="col" { "lag's target" }
                    } }
                    tbody {
                        @for (at, one) in outcome.trials.iter().enumerate() { (overview_row(one, at, worth)) }
                        @for one in &outcome.left_out { (left_out_row(one)) }
                    }
                }
            }
        }
    }
}

fn overview_row(one: &TrialOutcome, at: usize, worth: Worth) -> Markup {
    let rows = rows(one);
    let with = compiled(one).and_then(|side| reached_with(&one.trial, side));
    html! {
        tr {
            th scope="row" {
                a href=(format!("#trial-{at}")) { (text(one.trial.name())) }
                @if let Some(what) = case_of(&one.trial) { br; small { (text(&what)) } }
            }
            td {
                (pill(worth, one.verdict))
                @if let Some(with) = with { br; small { (text(&with)) } }
            }
            @for label in OVERVIEW {
                td.number {
                    @if let Some(row) = rows.iter().find(|row| row.label == label) {
                        @for (n, value) in row.values.iter().enumerate() {
                            @if n > 0 { " → " }
                            span.(verdict_class(value.verdict)) { (text(&value.text)) }
                        }
                    } @else if label == STEADY_LAG {
                        @for (n, value) in rows.first().into_iter().flat_map(|row| &row.values).enumerate() {
                            @if n > 0 { " → " }
                            (text(&value.text))
                        }
                        br; small { "highest" }
                    }
                }
            }
            td {
                @if let Some(row) = rows.first() {
                    @if row.label == STEADY_LAG { (text(&row.target)) } @else { "bursts" }
                }
            }
        }
    }
}

/// What was not tried, with its reason in place of numbers.
fn left_out_row(one: &LeftOut) -> Markup {
    html! {
        tr {
            th scope="row" { (text(&one.name)) }
            td { span.pill.inconclusive { "LEFT OUT" } }
            td colspan=(OVERVIEW.len() + 1) { (text(&one.because)) "; " (text(&one.help)) }
        }
    }
}

/// A verdict as a mark with its word; its colour says nothing that the word does not.
fn pill(worth: Worth, verdict: Verdict) -> Markup {
    let class = match worth {
        Worth::Proof => verdict_class(Some(verdict)),
        Worth::SmokeTest => "none",
    };
    html! { span.pill.(class) { (worth.word(verdict)) } }
}

/// A verdict's class in the page's style.
const fn verdict_class(verdict: Option<Verdict>) -> &'static str {
    match verdict {
        Some(Verdict::Pass) => "pass",
        Some(Verdict::Fail) => "fail",
        Some(Verdict::Invalid) => "invalid",
        Some(Verdict::Inconclusive) => "inconclusive",
        Some(Verdict::NotJudged) | None => "none",
    }
}

/// Text from elsewhere: what would act where it stands is shown, the template escapes the rest.
fn text(text: &str) -> String {
    shown(text).into_owned()
}
