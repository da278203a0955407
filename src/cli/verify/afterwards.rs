//! What else is tried with a trial that was judged: which setting made the difference, and where the limit is.

use crate::harness::outcome::TrialOutcome;
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
    outcome.put_back = put_back(&variants, |trial| try_one(runner, trial, &variants))?;
    Ok(())
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
    let ours = find_limit(runner.trial, declared, |trial| runner.try_variant(trial))?;
    outcome
        .trial
        .notes
        .push(format!("limit: {}", said(&ours, runner.trial.speed)));
    let Some(defaults) = known(runner, defaults_side(model, wish, runner.trial)) else {
        return Ok(());
    };
    let theirs = find_limit(&defaults, declared, |trial| runner.try_variant(trial))?;
    let client = &runner.trial.declared_client;
    outcome.trial.notes.push(format!(
        "limit with {client}'s defaults: {}",
        said(&theirs, runner.trial.speed)
    ));
    let Some(rate) = ours
        .holds
        .filter(|holds| theirs.fails.is_some_and(|fails| fails < holds * STEP))
    else {
        return Ok(());
    };
    let Some(mut variants) = known(runner, defaults_put_back(model, wish, runner.trial)) else {
        return Ok(());
    };
    for variant in &mut variants {
        variant.trial = at_rate(&variant.trial, rate, STEADY_S);
    }
    outcome.put_back = put_back(&variants, |trial| try_one(runner, trial, &variants))?;
    Ok(())
}

fn try_one(runner: &Runner<'_, '_>, trial: &Trial, variants: &[Variant]) -> Result<SideOutcome, TrialError> {
    if let Some(variant) = variants.iter().find(|variant| variant.trial == *trial) {
        let what = format!(
            "{}: {} put back to {}",
            runner.trial.name(),
            variant.setting,
            variant.before
        );
        runner.ground.listener.tell(Progress::Note { what });
    }
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

/// A limit in words, in records a second as declared: compressed time multiplies rates.
fn said(limit: &Limit, speed: f64) -> String {
    let rate = |rate: f64| format!("{}/s", number(rate / speed));
    match (limit.holds, limit.fails, &limit.stopped) {
        (Some(holds), Some(fails), _) => format!("the lag target holds at {} and not at {}", rate(holds), rate(fails)),
        (Some(holds), None, Stopped::HarnessGaveOut { because }) => {
            format!(
                "the lag target holds at {}, and more could not be sent: {because}",
                rate(holds)
            )
        }
        (Some(holds), None, _) => format!("the lag target holds at {}, the highest rate tried", rate(holds)),
        (None, Some(fails), _) => format!("the lag target does not hold at {}, the lowest rate tried", rate(fails)),
        (None, None, Stopped::HarnessGaveOut { because } | Stopped::Inconclusive { because }) => {
            format!("none was found: {because}")
        }
        (None, None, _) => "none was found".to_owned(),
    }
}
