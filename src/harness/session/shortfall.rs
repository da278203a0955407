//! A side of which fewer runs came about than planned. Pure.

use crate::harness::plan::{Side, Trial};
use crate::harness::verdict::{SideJudgement, Verdict};

/// Takes back what rests on fewer runs than planned: what failed has failed, what held in those that there were is
/// INCONCLUSIVE. `why` is what ended it.
pub(super) fn take_back(judgement: &mut SideJudgement, trial: &Trial, ran: usize, why: Option<&str>) {
    let planned = planned(trial, judgement.side);
    if ran >= planned {
        return;
    }
    let of = match (ran, planned) {
        (0, 1) => "its run did not come about".to_owned(),
        (0, planned) => format!("none of its {planned} runs came about"),
        (ran, planned) => format!("only {ran} of {planned} runs came about"),
    };
    let because = why.map_or_else(|| of.clone(), |why| format!("{of}: {why}"));
    for target in &mut judgement.judgements {
        if target.verdict == Verdict::Pass || ran == 0 {
            target.verdict = Verdict::Inconclusive;
            target.because.clone_from(&because);
        }
    }
    judgement.verdict = Verdict::worst([judgement.verdict, Verdict::Inconclusive]);
}

/// How many runs of a side are planned.
fn planned(trial: &Trial, side: Side) -> usize {
    trial.order.iter().filter(|of| **of == side).count()
}
