//! What a report rests on, in named lines: broker, plan, machine. All outputs begin with them.

use crate::harness::outcome::Outcome;
use crate::proofs::text::{declared_bytes, number};

use super::words::{SMOKE_TEST, Worth, how_many, load, order, time};

/// The most names in one line.
const NAMES: usize = 3;

/// Name and text of each line, the most important first.
pub(super) fn facts(outcome: &Outcome) -> Vec<(&'static str, String)> {
    let mut lines = Vec::new();
    if Worth::of(outcome) == Worth::SmokeTest {
        lines.push(("note", SMOKE_TEST.to_owned()));
    }
    if let Some(why) = &outcome.cut_short {
        lines.push(("cut short", format!("{why}; what follows was measured until then")));
    }
    if let Some(names) = left_out(outcome) {
        lines.push(("left out", names));
    }
    let broker = &outcome.broker;
    let why = if broker.why.is_empty() {
        String::new()
    } else {
        format!(" ({})", broker.why)
    };
    lines.push(("broker", format!("{}{why}", broker.what)));
    lines.push(("plan", plan(outcome)));
    lines
}

/// What was asked for and not tried, by name; why is said of each below.
fn left_out(outcome: &Outcome) -> Option<String> {
    let names: Vec<&str> = outcome.left_out.iter().map(|one| one.name.as_str()).collect();
    let asked = names.len() + outcome.trials.len();
    let shown = match names.as_slice() {
        [] => return None,
        few if few.len() <= NAMES => few.join(", "),
        many => format!("{} and {} more", many[..NAMES].join(", "), many.len() - NAMES),
    };
    let were = if names.len() == 1 { "was" } else { "were" };
    Some(format!("{} of {asked} {were} not tried: {shown}", names.len()))
}

/// What was tried: the load of a single trial, or how many there were.
fn plan(outcome: &Outcome) -> String {
    let seed = format!("seed {}", outcome.seed);
    let (first, cores) = match &outcome.trials[..] {
        [] => return format!("{seed}; nothing was tried"),
        [only] => {
            let trial = &only.trial;
            let mut parts = vec![load(trial), seed];
            parts.extend(order(trial));
            if trial.speed > 1.0 {
                parts.push(format!("time compressed {} times", number(trial.speed)));
            }
            (parts.join(", "), trial.cores_needed)
        }
        several => (
            format!("{} in {}, {seed}", how_many(outcome), time(outcome.seconds)),
            several.iter().map(|one| one.trial.cores_needed).fold(0.0, f64::max),
        ),
    };
    let here = outcome.machine.cores;
    let needed = number((cores * 10.0).ceil() / 10.0);
    let noun = if needed == "1" { "core" } else { "cores" };
    format!("{first} · {needed} {noun} needed, {here} here")
}

/// The machine in one line.
pub(super) fn machine(outcome: &Outcome) -> String {
    let machine = &outcome.machine;
    format!(
        "{} · {} · {} cores · {}",
        machine.system,
        machine.processor,
        machine.cores,
        declared_bytes(machine.memory)
    )
}
