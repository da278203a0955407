//! A plan as people read it: `verify --plan`.

use std::fmt::Write as _;

use crate::proofs::text::{bytes, count, declared_bytes, number, percent, ratio, records, seconds};

use super::super::protocol::{ConcurrencySpec, Stretch};
use super::{FaultKind, FaultPlan, PhaseKind, Plan, Side, SidePlan, TopicPlan, Trial};

/// Seconds that a run takes beside its load: topics, joining, draining, cleaning up.
const AROUND_S: f64 = 8.0;
/// Seconds until a broker answers.
const BROKER_S: f64 = 8.0;
/// The width of the column of names.
const NAME: usize = 10;
/// Lines are broken before this column.
const LINE: usize = 110;

/// The plan as text.
#[must_use]
pub fn print(plan: &Plan) -> String {
    let mut out = String::new();
    let whole: f64 = plan.waves.iter().map(|wave| lasts(plan, wave)).sum();
    let trials = |number: usize, cases: usize| {
        let services = number - cases;
        let each = [(services, "service"), (cases, "case")];
        let said: Vec<String> = each
            .iter()
            .filter(|(number, _)| *number > 0)
            .map(|(number, noun)| count(*number as u64, noun))
            .collect();
        said.join(", ")
    };
    let cases = plan.trials.iter().filter(|trial| trial.case.is_some()).count();
    let facts = [
        trials(plan.trials.len(), cases),
        format!("seed {}", plan.seed),
        format!("{} here", count(u64::from(plan.cores), "core")),
        format!(
            "about {} in {}",
            seconds(whole + BROKER_S),
            count(plan.waves.len() as u64, "wave")
        ),
    ];
    row(&mut out, "plan", &facts.join(" · "));
    for (at, wave) in plan.waves.iter().enumerate() {
        let cores: f64 = wave.iter().map(|trial| plan.trials[*trial].cores_needed).sum();
        out.push('\n');
        let facts = format!("about {}, {} cores", seconds(lasts(plan, wave)), number(cores));
        row(&mut out, &format!("wave {}", at + 1), &facts);
        for trial in wave {
            out.push('\n');
            print_trial(&mut out, &plan.trials[*trial]);
        }
    }
    if !plan.left_out.is_empty() {
        out.push('\n');
    }
    for left_out in &plan.left_out {
        let what = format!("{}: {}; {}", left_out.name, left_out.because, left_out.help);
        row(&mut out, "left out", &what);
    }
    out
}

/// Seconds that a wave takes.
fn lasts(plan: &Plan, wave: &[usize]) -> f64 {
    let each = wave.iter().map(|trial| {
        let trial = &plan.trials[*trial];
        #[expect(clippy::cast_precision_loss, reason = "a number of runs")]
        let runs = trial.order.len() as f64;
        (trial.seconds() + AROUND_S) * runs
    });
    each.fold(0.0, f64::max)
}

fn print_trial(out: &mut String, trial: &Trial) {
    let mut facts = vec![trial.service_type.clone(), trial.declared_client.clone()];
    if trial.case.is_some() {
        facts.insert(0, format!("a case of {}", trial.service));
    }
    let _ = writeln!(out, "{}   {}", trial.name(), facts.join(" · "));
    for (at, topic) in trial.topics.iter().enumerate() {
        row(out, if at == 0 { "topics" } else { "" }, &topic_facts(topic));
    }
    row(out, "load", &load_facts(trial));
    for side in &trial.sides {
        let name = match (side.side, trial.sides.len()) {
            (_, 1) => "workers",
            (Side::Before, _) => "before",
            (Side::After, _) => "after",
        };
        row(out, name, &side_facts(side));
        row(out, "proofs", &proof_facts(side));
    }
    if trial.order.len() > 1 {
        let letters: Vec<&str> = trial
            .order
            .iter()
            .map(|side| match side {
                Side::Before => "before",
                Side::After => "after",
            })
            .collect();
        row(out, "runs", &letters.join(", "));
    }
    row(
        out,
        "speed",
        &format!("{}: {}", number(trial.speed), trial.speed_because),
    );
    let mut targets = format!(
        "lag < {}, errors and losses < {}, rebalances < {} an hour",
        trial.targets.lag,
        percent(trial.targets.errors),
        number(trial.targets.rebalances_per_hour)
    );
    if let Some(within) = trial.targets.return_s {
        let _ = write!(targets, ", back within {} of a burst", seconds(within));
    }
    row(out, "targets", &targets);
    if !trial.faults.is_empty() {
        let faults: Vec<String> = trial.faults.iter().map(fault_facts).collect();
        row(out, "faults", &faults.join(", "));
    }
    for (at, note) in trial.notes.iter().enumerate() {
        row(out, if at == 0 { "notes" } else { "" }, note);
    }
}

fn topic_facts(topic: &TopicPlan) -> String {
    let load = &topic.load;
    #[expect(clippy::cast_precision_loss, reason = "bytes of a record")]
    let size = |size: u64| bytes(size as f64);
    let mut records = format!("records of {}", size(load.size.mean));
    if load.size.max > load.size.mean {
        let _ = write!(records, ", at most {}", size(load.size.max));
    }
    let keys = match &load.key {
        None => "no key".to_owned(),
        Some(key) if key.zipf > 0.0 => format!("{}, Zipf {}", count(key.cardinality, "key"), number(key.zipf)),
        Some(key) => count(key.cardinality, "key"),
    };
    let partitions = count(u64::from(load.partitions), "partition");
    format!("{}: {partitions}, {records}, {keys}", topic.name)
}

/// `1,000/s for 5 s warm-up; 1,000/s for 35 s; 5,000/s for 12 s burst; …; 79,000 records, 10.1 MB`.
fn load_facts(trial: &Trial) -> String {
    let mut parts: Vec<String> = trial
        .phases
        .iter()
        .map(|phase| {
            let word = match phase.kind {
                PhaseKind::WarmUp => " warm-up",
                PhaseKind::Steady => "",
                PhaseKind::Burst => " burst",
                PhaseKind::Return => " to return",
            };
            let (from, to) = (
                total_rate(trial, phase.from_s, 1.0),
                total_rate(trial, phase.to_s, -1.0),
            );
            let rates = if (from - to).abs() > 1e-9 * from {
                format!("{}/s to {}/s", number(from), number(to))
            } else {
                format!("{}/s", number(from))
            };
            format!("{rates} for {}{word}", seconds(phase.to_s - phase.from_s))
        })
        .collect();
    let all: f64 = trial
        .topics
        .iter()
        .flat_map(|topic| &topic.load.stretches)
        .map(|stretch| f64::midpoint(stretch.from_rate, stretch.to_rate) * stretch.seconds)
        .sum();
    #[expect(clippy::cast_precision_loss, reason = "a number of bytes")]
    let each = trial.bytes_per_run() as f64;
    parts.push(format!("{}, {} a run", records(all.round()), bytes(each)));
    parts.join("; ")
}

/// Records a second just after (`way` 1) or just before (`way` −1) a moment, over all topics.
fn total_rate(trial: &Trial, at_s: f64, way: f64) -> f64 {
    let moment = way.mul_add(1e-6, at_s);
    let rate = |stretches: &[Stretch]| {
        let mut from_s = 0.0;
        for stretch in stretches {
            if moment < from_s + stretch.seconds {
                let share = ((moment - from_s) / stretch.seconds).clamp(0.0, 1.0);
                return (stretch.to_rate - stretch.from_rate).mul_add(share, stretch.from_rate);
            }
            from_s += stretch.seconds;
        }
        0.0
    };
    let sum: f64 = trial.topics.iter().map(|topic| rate(&topic.load.stretches)).sum();
    // What a millionth of a second on a ramp makes is no news.
    (sum * 1e4).round() / 1e4
}

fn side_facts(side: &SidePlan) -> String {
    let concurrency = match side.work.concurrency {
        ConcurrencySpec::Bounded(1) => "one at a time".to_owned(),
        ConcurrencySpec::Bounded(bound) => format!("{bound} at a time"),
        ConcurrencySpec::Unbounded => "all at once".to_owned(),
    };
    let mut facts = vec![
        format!("{} on {}", count(u64::from(side.replicas), "worker"), side.client),
        format!("at most {} a poll", count(u64::from(side.max_poll_records), "record")),
        concurrency,
        format!("{} between polls", seconds(side.poll_interval_s)),
    ];
    facts.extend(side.session_s.map(|session| format!("session of {}", seconds(session))));
    facts.extend(
        side.memory
            .enforced()
            .map(|limit| format!("{} enforced", declared_bytes(limit))),
    );
    facts.join(" · ")
}

fn proof_facts(side: &SidePlan) -> String {
    let predicted = &side.predicted;
    let mut facts = Vec::new();
    match (predicted.utilisation, predicted.utilisation_peak) {
        (Some(expected), Some(peak)) if peak > expected => {
            facts.push(format!("ρ = {} expected, {} peak", ratio(expected), ratio(peak)));
        }
        (Some(expected), _) => facts.push(format!("ρ = {}", ratio(expected))),
        (None, _) => facts.push("ρ unknown".to_owned()),
    }
    facts.extend(predicted.lag_floor.map(|floor| format!("lag floor {}", records(floor))));
    facts.extend(
        predicted
            .lag_grows
            .map(|grows| format!("lag grows by {}/s", number(grows))),
    );
    facts.extend(predicted.memory.map(|memory| format!("memory {}", bytes(memory))));
    facts.extend(
        predicted
            .poll_budget
            .map(|share| format!("{} of the poll interval", percent(share))),
    );
    facts.join(" · ")
}

fn fault_facts(fault: &FaultPlan) -> String {
    let at = seconds(fault.at_s);
    match fault.kind {
        FaultKind::WorkerKilled => format!("a worker killed at {at}"),
        FaultKind::BrokerRestarted => format!("the broker restarted at {at}"),
        FaultKind::SlowRecord => "a record slower than the poll interval".to_owned(),
        FaultKind::PoisonRecord => "a record that always fails".to_owned(),
        FaultKind::DownstreamStall { seconds: lasts } => format!("nothing finished for {} from {at}", seconds(lasts)),
        FaultKind::ReplicaAdded { seconds: lasts } => format!("one more worker for {} from {at}", seconds(lasts)),
    }
}

/// A named row, its text broken between words.
fn row(out: &mut String, name: &str, text: &str) {
    let _ = write!(out, "{name:<NAME$}");
    let mut column = NAME;
    for (at, word) in text.split(' ').enumerate() {
        let width = word.chars().count();
        if at > 0 && column + 1 + width > LINE {
            let _ = write!(out, "\n{:NAME$}{word}", "");
            column = NAME + width;
            continue;
        }
        if at > 0 {
            out.push(' ');
            column += 1;
        }
        out.push_str(word);
        column += width;
    }
    out.push('\n');
}
