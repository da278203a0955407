//! Where the proofs and the measurement disagree: one of the two is wrong about the service, or about the machine.

use crate::proofs::text::{bytes, number, percent, ratio, seconds};

use super::super::plan::PhaseKind;
use super::held::peak;
use super::stats::quantile;
use super::view::{View, wide};
use super::{Judgement, Kpi, Verdict};

/// Measured lag may be so many times the floor, and this many records more.
const FLOOR: (f64, f64) = (1.5, 10.0);
/// It is well below where it is less than this share of the floor, and this many records less.
const BELOW: (f64, f64) = (0.5, 5.0);
/// Memory that is freed is not all given back: up to a fifth more than the client held was seen with a consumer that lags
/// and librdkafka's default queue (glibc's allocator). A quarter is no disagreement.
const ALLOCATOR: f64 = 1.25;
/// The share of what comes that must be done to say that it is done.
const DONE: f64 = 0.98;

/// Every disagreement of a run.
pub(super) fn disagreements(view: View<'_>, judgements: &[Judgement]) -> Vec<String> {
    let verdict = |kpi: Kpi| judgements.iter().find(|one| one.kpi == kpi).map(|one| one.verdict);
    let predicted = &view.side.predicted;
    let mut found = Vec::new();
    // Paper knows nothing of what goes wrong on purpose.
    if !view.trial.faults.is_empty() {
        return found;
    }
    let flow = view.flow(PhaseKind::Steady).filter(|flow| flow.sent > 0.0);
    if let (Some(rho), Some(flow)) = (predicted.utilisation, flow) {
        let share = flow.processed / flow.sent;
        if rho < 0.95 && share < DONE && verdict(Kpi::Throughput) == Some(Verdict::Fail) {
            found.push(format!(
                "the proofs say ρ = {} at the expected rate, and only {} of what came was done",
                ratio(rho),
                percent(share)
            ));
        }
        if rho >= 1.05 && share >= DONE && verdict(Kpi::Lag) == Some(Verdict::Pass) {
            found.push(format!(
                "the proofs say ρ = {}, more than it can do, and all of it was done",
                ratio(rho)
            ));
        }
    }
    let lag: Vec<f64> = view.lag(PhaseKind::Steady).into_iter().map(|point| point.1).collect();
    if let (Some(floor), Some(p95)) = (predicted.lag_floor, quantile(&lag, 0.95)) {
        let most = lag.iter().copied().fold(0.0, f64::max);
        if p95 > floor.mul_add(FLOOR.0, FLOOR.1) {
            found.push(format!(
                "the proofs say that lag stays around {}, its p95 is {}",
                number(floor.round()),
                number(p95)
            ));
        } else if most < floor.mul_add(BELOW.0, -BELOW.1) {
            found.push(format!(
                "the proofs say that lag reaches {}, it never passed {}",
                number(floor.round()),
                number(most)
            ));
        }
    }
    let resident = wide(view.side.memory.resident);
    if let (Some(memory), Some(held)) = (predicted.memory, held(view))
        && view.is_declared_client()
        && held > (memory - resident) * ALLOCATOR
    {
        found.push(format!(
            "the proofs say that at most {} are held beside what is resident, {} were",
            bytes(memory - resident),
            bytes(held)
        ));
    }
    if let Some(share) = predicted.poll_budget
        && share < 1.0
        && verdict(Kpi::PollInterval) == Some(Verdict::Fail)
    {
        found.push(format!(
            "the proofs say that a full batch takes {} of the poll interval, and {} passed between two polls",
            percent(share),
            seconds(view.run.longest_poll_gap_s)
        ));
    }
    found
}

/// The most that one worker held, in bytes, beside what it takes by itself: as much as it had before anything came. The
/// proofs count that as `resident`, which is not allocated.
fn held(view: View<'_>) -> Option<f64> {
    let before = view.run.moments.first()?.memory.iter().min()?;
    Some(wide(peak(view)?.saturating_sub(*before)))
}
