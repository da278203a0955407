//! Which single setting, put back, brings a failure back.

use super::super::outcome::PutBack;
use super::super::plan::Variant;
use super::super::verdict::{Kpi, SideOutcome, Verdict};

/// Runs every variant once, and says in `found` what came of each. `compiled` is what the compiled side comes to there; those that
/// come to the opposite are first: each of them alone makes the difference.
///
/// # Errors
/// What the callback gives: the rest is not tried, and what was tried until then is in `found`.
pub fn put_back<E>(
    variants: &[Variant],
    compiled: Verdict,
    mut run: impl FnMut(&Variant) -> Result<SideOutcome, E>,
    found: &mut Vec<PutBack>,
) -> Result<(), E> {
    let ended = variants.iter().try_for_each(|variant| {
        let outcome = run(variant)?;
        found.push(PutBack {
            setting: variant.setting.clone(),
            before: variant.before.clone(),
            after: variant.after.clone(),
            verdict: outcome.judgement.verdict,
            compiled,
            what: why(&outcome),
        });
        Ok(())
    });
    found.sort_by_key(|one| match one.compiled {
        Verdict::Fail => one.verdict != Verdict::Pass,
        _ => one.verdict != Verdict::Fail,
    });
    ended
}

/// The first cause, else the first target that is not met.
fn why(outcome: &SideOutcome) -> String {
    let judgement = &outcome.judgement;
    if let Some(cause) = judgement.causes.first() {
        return cause.what.clone();
    }
    let worst = judgement
        .judgements
        .iter()
        .filter(|one| one.verdict == judgement.verdict && !matches!(one.verdict, Verdict::Pass | Verdict::NotJudged))
        .min_by_key(|one| one.kpi != Kpi::Lag);
    worst.map_or_else(String::new, |worst| worst.because.clone())
}
