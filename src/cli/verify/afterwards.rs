//! What else is tried with a trial that was judged: which setting made the difference, and where the limit is.

use crate::harness::outcome::{FoundLimit, Probe, TrialOutcome};
use crate::harness::plan::{Trial, Variant, Wish, at_rate, defaults_put_back, defaults_side, put_backs};
use crate::harness::progress::Progress;
use crate::harness::search::{Limit, STEP, Stopped, find_limit, put_back};
use crate::harness::session::{Afterwards, Runner, TrialError};
use crate::harness::verdict::{SideOutcome, Verdict};
use crate::model::project::Model;
use crate::proofs::text::number;

use super::VerifyArgs;

/// Seconds of steady load with one setting put back at the limit: what the search itself takes.
const STEADY_S: f64 = 33.0;

/// What the arguments ask for beside the verdicts.
pub(super) fn afterwards<'a>(args: &'a VerifyArgs, model: &'a Model, wish: &'a Wish) -> Box<Afterwards<'a>> {
    Box::new(move |runner, outcome| {
        if args.before_after {
            which_setting(runner, outcome, model, wish)?;
        }
        if args.find_limit {
            where_it_ends(runner, outcome, model, wish)?;
        }
        Ok(())
    })
}

/// Puts the baseline's settings back one at a time, where it fails and the compiled side holds.
fn which_setting(
    runner: &Runner<'_, '_>,
    outcome: &mut TrialOutcome,
    model: &Model,
    wish: &Wish,
) -> Result<(), TrialError> {
    let verdicts: Vec<Verdict> = outcome.sides.iter().map(|side| side.judgement.verdict).collect();
    if verdicts != [Verdict::Fail, Verdict::Pass] {
        return Ok(());
    }
    let Some(variants) = known(runner, put_backs(model, wish, runner.trial)) else {
        return Ok(());
    };
    let each = |variant: &Variant| try_one(runner, variant);
    put_back(&variants, Verdict::Pass, each, &mut outcome.put_back)
}

/// Searches the limit of the profile and of its client's defaults, and what makes the difference.
fn where_it_ends(
    runner: &Runner<'_, '_>,
    outcome: &mut TrialOutcome,
    model: &Model,
    wish: &Wish,
) -> Result<(), TrialError> {
    let declared: f64 = runner
        .trial
        .topics
        .iter()
        .filter_map(|topic| topic.load.stretches.first())
        .map(|stretch| stretch.from_rate)
        .sum();
    let speed = runner.trial.speed;
    let ours = find_limit(runner.trial, declared, |trial| {
        probed(runner, trial, "the profile's limit")
    });
    outcome.limits.push(found("the profile", &ours, speed));
    if runner.ground.stop.is_requested() {
        return Err(TrialError::Stopped);
    }
    let Some(defaults) = known(runner, defaults_side(model, wish, runner.trial)) else {
        return Ok(());
    };
    let client = &runner.trial.declared_client;
    let of = format!("the defaults of {client}");
    let theirs = find_limit(&defaults, declared, |trial| probed(runner, trial, &of));
    outcome.limits.push(found(&of, &theirs, speed));
    // At the better one's limit, one setting after the other: there the profile holds, or it does not.
    let better = |one: &Limit, other: &Limit| {
        one.holds
            .filter(|holds| other.fails.is_some_and(|fails| fails < holds * STEP))
    };
    let (rate, compiled) = match (better(&ours, &theirs), better(&theirs, &ours)) {
        (Some(rate), _) => (rate, Verdict::Pass),
        (None, Some(rate)) => (rate, Verdict::Fail),
        (None, None) => return Ok(()),
    };
    let Some(mut variants) = known(runner, defaults_put_back(model, wish, runner.trial)) else {
        return Ok(());
    };
    for variant in &mut variants {
        variant.trial = at_rate(&variant.trial, rate, STEADY_S);
    }
    let each = |variant: &Variant| try_one(runner, variant);
    put_back(&variants, compiled, each, &mut outcome.put_back)
}

fn try_one(runner: &Runner<'_, '_>, variant: &Variant) -> Result<SideOutcome, TrialError> {
    let what = format!(
        "{}: {} put back to {}",
        runner.trial.name(),
        variant.setting,
        variant.before
    );
    runner.ground.listener.tell(Progress::Note { what });
    runner.try_variant(&variant.trial)
}

/// Tries one rate, and says which.
fn probed(runner: &Runner<'_, '_>, trial: &Trial, of: &str) -> Result<SideOutcome, TrialError> {
    let rate: f64 = trial
        .topics
        .iter()
        .filter_map(|topic| topic.load.stretches.first())
        .map(|stretch| stretch.from_rate)
        .sum();
    let what = format!("{}: {of}: {}/s", runner.trial.name(), number(rate / runner.trial.speed));
    runner.ground.listener.tell(Progress::Note { what });
    runner.try_variant(trial)
}

/// What could be planned; else a note, and nothing.
fn known<T>(runner: &Runner<'_, '_>, planned: Result<T, impl std::fmt::Display>) -> Option<T> {
    planned
        .map_err(|error| {
            runner.ground.listener.tell(Progress::Note {
                what: error.to_string(),
            })
        })
        .ok()
}

/// A limit in records a second as declared: compressed time multiplies rates.
fn found(of: &str, limit: &Limit, speed: f64) -> FoundLimit {
    let because = match &limit.stopped {
        Stopped::Found => String::new(),
        Stopped::NothingHeld => "that is the lowest rate that is tried".to_owned(),
        Stopped::HarnessGaveOut { because } | Stopped::Inconclusive { because } | Stopped::Ended { because } => {
            because.clone()
        }
        Stopped::Enough => format!("{} rates were tried", limit.probes.len()),
    };
    let probes = limit.probes.iter().map(|probe| Probe {
        rate: probe.rate / speed,
        ..probe.clone()
    });
    FoundLimit {
        of: of.to_owned(),
        holds: limit.holds.map(|rate| rate / speed),
        fails: limit.fails.map(|rate| rate / speed),
        because,
        probes: probes.collect(),
    }
}
