//! A side of which fewer runs came about than planned. Pure.

use crate::harness::verdict::{SideJudgement, Verdict};

/// Takes back what rests on fewer runs than planned: what failed has failed, what held in those that there were is
/// INCONCLUSIVE. `why` is what ended it.
pub(super) fn take_back(judgement: &mut SideJudgement, ran: usize, planned: usize, why: Option<&str>) {
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

#[cfg(test)]
mod tests {
    use super::take_back;
    use crate::harness::plan::Side;
    use crate::harness::verdict::{Judgement, Kpi, SideJudgement, Verdict};

    fn judged(verdicts: &[Verdict]) -> SideJudgement {
        let judgement = |verdict: &Verdict| Judgement {
            kpi: Kpi::Lag,
            verdict: *verdict,
            value: None,
            measured: "3".to_owned(),
            target: "< 100".to_owned(),
            because: "as measured".to_owned(),
        };
        SideJudgement {
            side: Side::After,
            verdict: Verdict::worst(verdicts.iter().copied()),
            judgements: verdicts.iter().map(judgement).collect(),
            faults: Vec::new(),
            causes: Vec::new(),
            disagreements: Vec::new(),
        }
    }

    fn after(verdicts: &[Verdict], ran: usize) -> (Verdict, Vec<(Verdict, String)>) {
        let mut side = judged(verdicts);
        take_back(&mut side, ran, 2, Some("the broker ended"));
        let each = side.judgements.into_iter().map(|one| (one.verdict, one.because));
        (side.verdict, each.collect())
    }

    #[test]
    fn what_held_in_half_of_the_runs_is_inconclusive_and_what_failed_has_failed() {
        let measured = |verdict| (verdict, "as measured".to_owned());
        let taken = |of: &str| (Verdict::Inconclusive, format!("{of}: the broker ended"));
        let half = "only 1 of 2 runs came about";
        let held = [Verdict::Pass, Verdict::NotJudged];
        assert_eq!(
            after(&held, 1),
            (Verdict::Inconclusive, vec![taken(half), measured(Verdict::NotJudged)])
        );
        assert_eq!(after(&held, 2).0, Verdict::Pass);
        assert_eq!(
            after(&[Verdict::Fail, Verdict::Pass], 1),
            (Verdict::Fail, vec![measured(Verdict::Fail), taken(half)])
        );
        assert_eq!(after(&[Verdict::NotJudged], 1).0, Verdict::Inconclusive);
        let none = taken("none of its 2 runs came about");
        assert_eq!(after(&[Verdict::Inconclusive], 0), (Verdict::Inconclusive, vec![none]));
    }
}
