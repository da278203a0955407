//! `lagproof check --proofs`: the arithmetic, printed.

use std::fmt::Write;

use anstyle::{AnsiColor, Style};
use serde_json::json;

use crate::diagnostic::{Colour, Format};
use crate::model::project::Model;
use crate::project::{Project, ServiceProofs, prove_services};
use crate::proofs::text::count;
use crate::proofs::{Line, Verdict};
use crate::resolve::in_environment;

use super::Global;
use super::output::{Exit, fail, print};

/// The width of the column of the proofs' names.
const NAME: usize = 14;
/// Formulas that are longer get a line of their own.
const FORMULA: usize = 44;
const GAP: &str = "  ";
/// Lists are broken before this column.
const LINE: usize = 110;

/// Prints the proofs of the services named, or of all, as they stand in an environment if one is named.
pub(super) fn print_proofs(
    global: &Global,
    project: &Project,
    services: &[String],
    environment: Option<&str>,
    format: Format,
) -> Result<(), Exit> {
    let Some(model) = &project.model else {
        // What could not be read is a finding, which is printed next.
        return Ok(());
    };
    let there;
    let model = match environment {
        Some(name) => {
            there = model_in(model, name)?;
            &there
        }
        None => model,
    };
    let proven = prove_services(model, services);
    match format {
        Format::Human => print(&render(&proven, environment, global.colour())),
        Format::Json => print(&render_json(&proven, environment)),
        _ => {
            return Err(fail(
                "the proofs are printed as human or json",
                "the other formats are of findings: leave --proofs out",
            ));
        }
    }
    Ok(())
}

fn model_in(model: &Model, name: &str) -> Result<Model, Exit> {
    match model.environments.iter().find(|environment| environment.name == name) {
        Some(environment) => Ok(in_environment(model, environment)),
        None => {
            let known: Vec<&str> = model.environments.iter().map(|known| known.name.as_str()).collect();
            Err(fail(
                &format!("there is no environment `{}`", name.escape_debug()),
                &if known.is_empty() {
                    "lagproof.toml declares none".to_owned()
                } else {
                    format!("known are {}", known.join(", "))
                },
            ))
        }
    }
}

/// The proofs for people: a header a service, then each proof in aligned columns.
fn render(proven: &[ServiceProofs<'_>], environment: Option<&str>, colour: Colour) -> String {
    let mut out = String::new();
    for one in proven {
        header(&mut out, one, environment, colour);
        let widths = Widths::of(one);
        for proof in one.proofs.all() {
            for (at, line) in proof.lines.iter().enumerate() {
                let name = if at == 0 { proof.kind.name() } else { "" };
                print_line(&mut out, name, line, &widths, colour);
            }
        }
        let assumed = one.assumed();
        if !assumed.is_empty() {
            write_wrapped(&mut out, "assumed", &assumed);
        }
        out.push('\n');
    }
    if proven.len() > 1 {
        out.push_str(&tally(proven));
    }
    out
}

fn header(out: &mut String, one: &ServiceProofs<'_>, environment: Option<&str>, colour: Colour) {
    let service = one.service;
    let topics: Vec<String> = one
        .topics
        .iter()
        .map(|topic| {
            format!(
                "{} ({})",
                topic.name,
                count(u64::from(topic.partitions.value), "partition")
            )
        })
        .collect();
    let mut facts = vec![
        service.service_type.value.clone(),
        service.client.value.to_string(),
        count(u64::from(service.replicas.value), "replica"),
        topics.join(", "),
    ];
    facts.extend(environment.map(|name| format!("in {name}")));
    let bold = paint(Style::new().bold(), colour);
    let _ = writeln!(out, "{bold}{}{bold:#}   {}\n", service.name, facts.join(" · "));
}

/// How wide the columns of one service are, in characters.
#[derive(Debug)]
struct Widths {
    formula: usize,
    result: usize,
    bound: usize,
}

impl Widths {
    fn of(one: &ServiceProofs<'_>) -> Self {
        let lines = || one.proofs.all().into_iter().flat_map(|proof| &proof.lines);
        let widest = |each: &mut dyn Iterator<Item = usize>| each.max().unwrap_or(0);
        let formula = widest(
            &mut lines()
                .map(|line| width(&line.formula))
                .filter(|width| *width <= FORMULA),
        );
        let result = widest(
            &mut lines()
                .filter(|line| !line.bound.is_empty())
                .map(|line| width(&line.result)),
        );
        // A result without a bound reaches into the bound's column.
        let over = lines()
            .filter(|line| line.bound.is_empty())
            .map(|line| width(&line.result).saturating_sub(result + GAP.len()));
        let bound = widest(&mut lines().map(|line| width(&line.bound)).chain(over));
        Self { formula, result, bound }
    }
}

fn print_line(out: &mut String, name: &str, line: &Line, widths: &Widths, colour: Colour) {
    let _ = write!(out, "{name:<NAME$}{}", line.formula);
    let rest = widths.result + GAP.len() + widths.bound;
    let values = if line.bound.is_empty() {
        pad(&line.result, rest)
    } else {
        format!(
            "{}{GAP}{}",
            pad(&line.result, widths.result),
            pad(&line.bound, widths.bound)
        )
    };
    let long = width(&line.formula) > widths.formula;
    if long && line.result.is_empty() {
        // Only the verdict is left to say.
        let missing = (widths.formula + GAP.len() + rest).saturating_sub(width(&line.formula));
        let _ = write!(out, "{}", " ".repeat(missing));
    } else {
        // What stands below a long formula begins where the others' results do.
        let missing = if long {
            out.push('\n');
            NAME + widths.formula
        } else {
            widths.formula - width(&line.formula)
        };
        let _ = write!(out, "{}{GAP}{values}", " ".repeat(missing));
    }
    let style = paint(verdict_style(line.verdict), colour);
    let word = line.verdict.word();
    let _ = write!(out, "{GAP}{style}{word}{style:#}");
    if !line.share.is_empty() {
        let _ = write!(out, "{}{}", " ".repeat(8_usize.saturating_sub(word.len())), line.share);
    }
    out.push('\n');
}

/// A list under a name, in lines that fit most terminals.
fn write_wrapped(out: &mut String, name: &str, items: &[String]) {
    let mut line = format!("{name:<NAME$}");
    let empty = width(&line);
    for (at, item) in items.iter().enumerate() {
        if width(&line) > empty && width(&line) + width(item) > LINE {
            out.push_str(line.trim_end());
            out.push('\n');
            line = " ".repeat(NAME);
        }
        line.push_str(item);
        line.push_str(if at + 1 < items.len() { ", " } else { "" });
    }
    out.push_str(&line);
    out.push('\n');
}

fn tally(proven: &[ServiceProofs<'_>]) -> String {
    let verdicts = [Verdict::Holds, Verdict::Warns, Verdict::Broken, Verdict::Unknown];
    let counts = verdicts.map(|verdict| {
        (
            verdict,
            proven.iter().filter(|one| one.proofs.verdict() == verdict).count(),
        )
    });
    let said: Vec<String> = counts
        .iter()
        .filter(|(_, number)| *number > 0)
        .map(|(verdict, number)| format!("{number} {}", verdict.word().trim_end_matches('s')))
        .collect();
    format!(
        "proofs    {}: {}\n",
        count(proven.len() as u64, "service"),
        said.join(", ")
    )
}

fn render_json(proven: &[ServiceProofs<'_>], environment: Option<&str>) -> String {
    let services: Vec<serde_json::Value> = proven
        .iter()
        .map(|one| {
            let proofs: Vec<serde_json::Value> = one
                .proofs
                .all()
                .into_iter()
                .map(|proof| {
                    let lines: Vec<serde_json::Value> = proof
                        .lines
                        .iter()
                        .map(|line| {
                            json!({
                                "formula": line.formula, "result": line.result, "bound": line.bound,
                                "verdict": line.verdict.word(), "share": line.share,
                            })
                        })
                        .collect();
                    json!({
                        "proof": proof.kind.name(), "verdict": proof.verdict.word(),
                        "lines": lines, "unknown": proof.unknown,
                    })
                })
                .collect();
            json!({
                "service": one.service.name,
                "verdict": one.proofs.verdict().word(),
                "proofs": proofs,
                "assumed": one.assumed(),
            })
        })
        .collect();
    let report = json!({ "environment": environment, "services": services });
    format!("{report:#}\n")
}

/// Characters: the signs that proofs use are one column wide each.
fn width(text: &str) -> usize {
    text.chars().count()
}

fn pad(text: &str, to: usize) -> String {
    let missing = to.saturating_sub(width(text));
    format!("{text}{}", " ".repeat(missing))
}

const fn verdict_style(verdict: Verdict) -> Style {
    match verdict {
        Verdict::Holds => AnsiColor::Green.on_default(),
        Verdict::Unknown => AnsiColor::Magenta.on_default(),
        Verdict::Warns => AnsiColor::Yellow.on_default(),
        Verdict::Broken => AnsiColor::Red.on_default().bold(),
    }
}

const fn paint(style: Style, colour: Colour) -> Style {
    match colour {
        Colour::Styled => style,
        Colour::Plain => Style::new(),
    }
}
