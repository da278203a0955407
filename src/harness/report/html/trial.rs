//! One trial's section: verdict and why, the table, the charts, and how it ran.

use maud::{Markup, PreEscaped, html};

use super::axis::{Spread, binary_step, whole_step};
use super::chart::{Chart, Time, axis_of, side_class, wants_magnitudes};
use super::numbers::{Column, table};
use super::series::{Line, float, lag, lines, memory, processed, sent};
use super::{latency, marks, pill, text, verdict_class};
use crate::harness::outcome::TrialOutcome;
use crate::harness::plan::Side;
use crate::harness::report::rows::{predicted, rows};
use crate::harness::report::said::{Kind, said};
use crate::harness::report::words::{
    Worth, case_of, compiled, load, mebibytes, order, plan_of, ran, reached_with, side,
};
use crate::proofs::text::{number, rate};

/// The section. A trial that is alone has its name and verdict in the page's head already.
pub(super) fn render(one: &TrialOutcome, at: usize, worth: Worth, alone: bool) -> Markup {
    let several = one.sides.len() > 1;
    html! {
        section.trial id=(format!("trial-{at}")) aria-labelledby=(format!("trial-{at}-name")) {
            h2.hidden[alone] id=(format!("trial-{at}-name")) {
                (text(one.trial.name())) " " (pill(worth, one.verdict))
                @if let Some(with) = compiled(one).and_then(|side| reached_with(&one.trial, side)) {
                    " " small { "(" (text(&with)) ")" }
                }
            }
            p.quiet {
                @if let Some(what) = case_of(&one.trial) { (text(&what)) ", and no proof of it · " }
                (load(&one.trial))
                @if let Some(order) = order(&one.trial) { " · " (order) }
                @if one.trial.speed > 1.0 {
                    " · time compressed " (number(one.trial.speed)) " times (" (text(&one.trial.speed_because)) ")"
                }
            }
            (reasons(one, several))
            (targets(one, worth, several))
            (charts(one, at, several))
            (how(one, several))
        }
    }
}

/// Causes, and what else should be known before the numbers are read.
fn reasons(one: &TrialOutcome, several: bool) -> Markup {
    html! {
        ul.reasons {
            // What was put back has a table of its own.
            @for told in said(one).into_iter().filter(|told| told.kind != Kind::PutBack) {
                li.(class(told.kind)) {
                    strong {
                        @if let Some(at) = told.side.filter(|_| several) { (side(at)) ": " }
                        @if let Some(word) = word(told.kind) { (word) ": " }
                    }
                    (text(&told.text))
                }
            }
            @if let Some(file) = &one.evidence {
                li { strong { "evidence: " } code { (text(file)) } }
            }
        }
    }
}

/// The word before a sentence, where its colour does not say it.
const fn word(kind: Kind) -> Option<&'static str> {
    match kind {
        Kind::Cause | Kind::Why | Kind::PutBack | Kind::Note => None,
        Kind::Disagree => Some("not as predicted"),
        Kind::Unjudged => Some("not judged"),
        Kind::Invalid | Kind::Fault | Kind::TooShort | Kind::CutShort | Kind::Limit => Some(kind.word()),
    }
}

const fn class(kind: Kind) -> &'static str {
    match kind {
        Kind::Cause => "cause",
        Kind::Disagree => "disagreement",
        other => verdict_class(other.verdict()),
    }
}

fn targets(one: &TrialOutcome, worth: Worth, several: bool) -> Markup {
    let predictions = predicted(one);
    html! {
        div.scroll {
            table.targets {
                thead { tr {
                    th scope="col" { span.hidden { "figure" } }
                    @for seen in &one.sides {
                        th.number scope="col" {
                            i.line-key.(side_class(seen.judgement.side)) {}
                            @if several { (side(seen.judgement.side)) } @else { "measured" }
                        }
                    }
                    th scope="col" { "target" }
                } }
                tbody {
                    @for row in rows(one) {
                        tr {
                            th scope="row" { (row.label) }
                            @for value in &row.values {
                                td.number.(verdict_class(value.verdict)) { (text(&value.text)) }
                            }
                            td { (text(&row.target)) }
                        }
                    }
                    tr.verdicts {
                        th scope="row" { "verdict" }
                        @for seen in &one.sides { td.number { (pill(worth, seen.judgement.verdict)) } }
                        td {}
                    }
                }
                @if !predictions.is_empty() {
                    tbody.predicted {
                        tr { th colspan=(one.sides.len() + 2) scope="rowgroup" { "predicted on paper, by " code { "check --proofs" } } }
                        @for row in &predictions {
                            tr {
                                th scope="row" { (row.label) }
                                @for value in &row.values { td.number { (text(&value.text)) } }
                                td {}
                            }
                        }
                    }
                }
            }
        }
        @if !one.put_back.is_empty() {
            h3 { "One setting put back at a time" }
            div.scroll { table {
                thead { tr { th scope="col" { "setting" } th scope="col" { "compiled" } th scope="col" { "put back" }
                    th scope="col" { "verdict" } th scope="col" { "why" } } }
                tbody { @for back in &one.put_back { tr {
                    th scope="row" { code { (text(&back.setting)) } }
                    td { (text(&back.after)) }
                    td { (text(&back.before)) }
                    td { (pill(worth, back.verdict)) }
                    td { (text(&back.what)) }
                } } }
            } }
        }
    }
}

fn charts(one: &TrialOutcome, at: usize, several: bool) -> Markup {
    let runs = one.sides.iter().flat_map(|seen| &seen.recordings);
    let longest = runs.clone().map(|run| run.seconds).fold(0.0, f64::max);
    let seen = runs
        .flat_map(|run| &run.moments)
        .map(|moment| moment.at_s)
        .fold(0.0, f64::max);
    let time = Time::of(&one.trial, longest.max(seen));
    let happened = marks::marks(one);
    let moments: Vec<(Side, f64)> = happened
        .iter()
        .filter(|mark| matches!(mark.kind, marks::Kind::Ended | marks::Kind::Fault))
        .map(|mark| (mark.side, mark.at_s))
        .collect();
    let lags = lines(one, "", &lag);
    let mut rates = lines(one, "sent", &sent);
    rates.extend(lines(one, "", &processed));
    let memories = lines(one, "", &memory);
    let target = float(one.trial.targets.lag);
    let limit = compiled(one).and_then(|seen| plan_of(&one.trial, seen.judgement.side)?.memory.enforced());
    let chart = |id, title, lines, bound: Option<(f64, String)>, spread, number, step| Chart {
        id,
        title,
        said: format!("{title} over time; the same numbers are in the table below the charts"),
        lines,
        axis: axis_of(lines, bound.as_ref().map(|(value, _)| *value), spread),
        bound,
        number,
        step,
        marks: &moments,
    };
    let bound = || Some((target, format!("target {}", number(target))));
    let lag_chart = |spread| {
        chart(
            "lag",
            "Lag, records",
            &lags,
            bound(),
            spread,
            number as fn(f64) -> String,
            whole_step,
        )
    };
    let magnitudes = wants_magnitudes(&lags, target);
    let rate_chart = chart(
        "rate",
        "Records a second",
        &rates,
        None,
        Spread::Linear,
        rate,
        whole_step,
    );
    let limit = limit.map(|limit| (float(limit), format!("limit {}", mebibytes(limit))));
    let memory_chart = chart(
        "memory",
        "Memory of one worker",
        &memories,
        limit,
        Spread::Linear,
        size,
        binary_step,
    );
    let columns = [
        Column {
            title: "lag",
            number,
            lines: &lags,
        },
        Column {
            title: "records/s",
            number: rate,
            lines: &rates,
        },
        Column {
            title: "memory",
            number: size,
            lines: &memories,
        },
    ];
    html! {
        div.charts data-to=(format!("{:.3}", time.to)) {
            (legend(one, &time, several))
            figure {
                figcaption { (lag_chart(Spread::Linear).title) (readout("lag")) }
                // Two radio buttons and a rule of style: no script is needed to switch.
                input.even type="radio" name=(format!("lag-{at}")) id=(format!("lag-even-{at}")) checked[!magnitudes];
                label for=(format!("lag-even-{at}")) { "linear" }
                input.magnitudes type="radio" name=(format!("lag-{at}")) id=(format!("lag-log-{at}")) checked[magnitudes];
                label for=(format!("lag-log-{at}")) { "logarithmic" }
                div.when-even { (lag_chart(Spread::Linear).plot(&time)) }
                div.when-magnitudes { (lag_chart(Spread::Logarithmic).plot(&time)) }
            }
            figure { figcaption { (rate_chart.title) (readout("rate")) } (rate_chart.plot(&time)) }
            figure { figcaption { (memory_chart.title) (readout("memory")) } (memory_chart.plot(&time)) }
            figure.strip {
                figcaption { "Rebalances, faults, workers that ended" (readout("time")) }
                (marks::strip(one, &happened, &time))
                (time.ticks())
            }
            (data(&[("lag", &lags), ("rate", &rates), ("memory", &memories)], several))
        }
        (marks::list(one, &happened))
        figure {
            figcaption { "End-to-end latency: what a share of all records stayed below" }
            (latency::render(one))
        }
        (table(&columns, time.to, several))
    }
}

fn legend(one: &TrialOutcome, time: &Time, several: bool) -> Markup {
    let repeated = one.sides.iter().any(|seen| seen.recordings.len() > 1);
    html! {
        p.legend {
            @for seen in &one.sides {
                span.key {
                    i.line-key.(side_class(seen.judgement.side)) {}
                    @if several { (side(seen.judgement.side)) } @else { "measured" }
                }
            }
            span.key { i.line-key.sent {} "sent" }
            @if repeated { span.key { i.line-key.again {} "thin: further runs" } }
            (time.legend())
        }
    }
}

/// Where the script tells the values under the pointer; empty without it.
fn readout(of: &str) -> Markup {
    html! { output.readout data-of=(of) aria-live="off" {} }
}

/// The drawn points for the script. What could end the element, or begin a comment in it, is written as an escape.
fn data(charts: &[(&str, &[Line])], several: bool) -> Markup {
    let mut of_chart = serde_json::Map::new();
    for (id, lines) in charts {
        let lines: Vec<serde_json::Value> = lines
            .iter()
            .filter(|line| line.run == 0)
            .map(|line| {
                let name = match (line.what.is_empty(), several) {
                    (true, true) => side(line.side).to_owned(),
                    (true, false) => "measured".to_owned(),
                    (false, true) => format!("{} {}", line.what, side(line.side)),
                    (false, false) => line.what.to_owned(),
                };
                let points: Vec<serde_json::Value> = line
                    .points
                    .iter()
                    .map(|(at, value)| serde_json::json!([(at * 100.0).round() / 100.0, value.map(f64::round)]))
                    .collect();
                serde_json::json!({ "name": name, "points": points })
            })
            .collect();
        of_chart.insert((*id).to_owned(), lines.into());
    }
    let json = serde_json::Value::Object(of_chart).to_string();
    let json = json
        .replace('<', "\\u003c")
        .replace('>', "\\u003e")
        .replace('&', "\\u0026");
    html! { script type="application/json" { (PreEscaped(json)) } }
}

/// What ran, for whoever wants to know exactly.
fn how(one: &TrialOutcome, several: bool) -> Markup {
    html! {
        details {
            summary { "How it ran" }
            @for seen in &one.sides {
                @let plan = plan_of(&one.trial, seen.judgement.side);
                h3 { @if several { (side(seen.judgement.side)) } @else { "the compiled profile" } }
                @if let Some(plan) = plan {
                    p.quiet {
                        @if let Some(client) = ran(seen) {
                            (text(client)) @if plan.command.is_some() { " by " code { (text(&plan.client)) } }
                        } @else { (text(&plan.client)) }
                        " · group " (text(&plan.group)) " · " (plan.replicas) " workers · at most "
                        (plan.max_poll_records) " records a poll"
                    }
                    pre {
                        @for (key, value) in &plan.properties { (text(key)) "=" (text(value)) "\n" }
                        @for (section, keys) in &plan.sections {
                            @for (key, value) in keys { (text(section)) ": " (text(key)) "=" (text(&value.to_string())) "\n" }
                        }
                    }
                    @if !plan.predicted.lines.is_empty() {
                        pre { @for line in &plan.predicted.lines { (text(line)) "\n" } }
                    }
                }
                @for (at, run) in seen.recordings.iter().enumerate() {
                    @if !run.errors.is_empty() || run.workers.iter().any(|fate| !fate.log.is_empty()) {
                        h4 { "run " (at + 1) @if !run.client.is_empty() { ", " (text(&run.client)) } }
                    }
                    @for error in &run.errors {
                        p.quiet { (text(&error.who)) ": " code { (text(&error.code)) } " " (error.times) " times: " (text(&error.message)) }
                    }
                    @for fate in run.workers.iter().filter(|fate| !fate.log.is_empty()) {
                        p.quiet { "worker " (fate.replica) ", the end of its log:" }
                        pre { (text(&fate.log)) }
                    }
                }
            }
        }
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a size that was measured"
)]
fn size(bytes: f64) -> String {
    if bytes > 0.0 {
        mebibytes(bytes as u64)
    } else {
        "0".to_owned()
    }
}
