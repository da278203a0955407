//! Which single setting, put back, brings a failure back.

use super::super::outcome::PutBack;
use super::super::plan::{Trial, Variant};
use super::super::verdict::{Kpi, SideOutcome, Verdict};

/// Runs every variant once, and says what came of each. Those that fail come first: each of them alone makes the difference.
///
/// # Errors
/// What the callback gives: what was tried until then is lost with it, so callbacks had better turn a failure to run into
/// an outcome.
pub fn put_back<E>(
    variants: &[Variant],
    mut run: impl FnMut(&Trial) -> Result<SideOutcome, E>,
) -> Result<Vec<PutBack>, E> {
    let mut all = Vec::with_capacity(variants.len());
    for variant in variants {
        let outcome = run(&variant.trial)?;
        all.push(PutBack {
            setting: variant.setting.clone(),
            before: variant.before.clone(),
            after: variant.after.clone(),
            verdict: outcome.judgement.verdict,
            what: why(&outcome),
        });
    }
    all.sort_by_key(|one| one.verdict != Verdict::Fail);
    Ok(all)
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
