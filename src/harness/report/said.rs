//! What is said of a trial in sentences: why it came to what it did, what could not be judged, what one should know.
//!
//! A reason is said once a side, however many targets it concerns. What an INVALID side could not be judged by is not said:
//! nothing of it counts.

use crate::harness::outcome::{PutBack, TrialOutcome};
use crate::harness::plan::{PhaseKind, Side};
use crate::harness::verdict::{Kpi, SideOutcome, Verdict};

use super::words::{kpi, limit};

/// What a sentence is, the most important first: sentences are shown in this order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    /// Why a side fails, by a mechanism's name.
    Cause,
    /// A target that is not met, where no mechanism was found.
    Why,
    /// What was made to go wrong, and what came of it.
    Fault,
    /// Why nothing of a side counts.
    Invalid,
    /// Why too little was seen.
    TooShort,
    /// Why a run ended before its plan did.
    CutShort,
    /// Where paper and measurement differ.
    Disagree,
    /// One setting in place of another, and what came of it.
    PutBack,
    /// The highest rate that holds.
    Limit,
    /// A target that could not be judged.
    Unjudged,
    /// What one should know.
    Note,
}

impl Kind {
    /// The word before the sentence.
    pub(super) const fn word(self) -> &'static str {
        match self {
            Self::Cause => "cause",
            Self::Why => "why",
            Self::Fault => "fault",
            Self::Invalid => "invalid",
            Self::TooShort => "too short",
            Self::CutShort => "cut short",
            Self::Disagree => "disagree",
            Self::PutBack => "put back",
            Self::Limit => "limit",
            Self::Unjudged => "unjudged",
            Self::Note => "note",
        }
    }

    /// The verdict whose colour it has.
    pub(super) const fn verdict(self) -> Option<Verdict> {
        match self {
            Self::Cause | Self::Why => Some(Verdict::Fail),
            Self::Invalid => Some(Verdict::Invalid),
            Self::TooShort | Self::CutShort => Some(Verdict::Inconclusive),
            Self::Fault | Self::Disagree | Self::PutBack | Self::Limit | Self::Unjudged | Self::Note => None,
        }
    }
}

/// One sentence, without a full stop.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Said {
    pub kind: Kind,
    /// The side that it is of; nothing where it is of the trial.
    pub side: Option<Side>,
    pub text: String,
}

/// Every sentence of a trial, in the order of [`Kind`].
pub(super) fn said(trial: &TrialOutcome) -> Vec<Said> {
    let mut all = Vec::new();
    for side in &trial.sides {
        of_side(trial, side, &mut all);
    }
    let mut say = |kind, text| all.push(Said { kind, side: None, text });
    // What makes no difference by itself is said in one line.
    let (holds, other): (Vec<&PutBack>, Vec<&PutBack>) = trial
        .put_back
        .iter()
        .partition(|back| back.compiled == Verdict::Pass && back.verdict == Verdict::Pass && back.what.is_empty());
    for back in other {
        let word = match (back.compiled, back.verdict) {
            (Verdict::Fail, Verdict::Fail) => "does not help",
            (Verdict::Fail, Verdict::Pass) => "holds where the profile does not",
            (_, Verdict::Fail) => "fails again",
            (_, Verdict::Pass) => "still holds",
            (_, Verdict::NotJudged | Verdict::Inconclusive | Verdict::Invalid) => "says nothing",
        };
        let why = if back.what.is_empty() {
            String::new()
        } else {
            format!(": {}", back.what)
        };
        let text = format!(
            "{} = {} in place of {} {word}{why}",
            back.setting, back.before, back.after
        );
        say(Kind::PutBack, text);
    }
    if !holds.is_empty() {
        let each: Vec<String> = holds
            .iter()
            .map(|back| format!("{} = {}", back.setting, back.before))
            .collect();
        let alone = if holds.len() > 1 { ", each alone" } else { "" };
        say(Kind::PutBack, format!("still holds{alone}: {}", each.join(", ")));
    }
    for found in &trial.limits {
        say(Kind::Limit, limit(found));
    }
    for note in &trial.trial.notes {
        say(Kind::Note, note.clone());
    }
    all.sort_by_key(|said| said.kind);
    all
}

fn of_side(trial: &TrialOutcome, one: &SideOutcome, all: &mut Vec<Said>) {
    let judgement = &one.judgement;
    let mut say = |kind, text: String| {
        let side = Some(judgement.side);
        all.push(Said { kind, side, text });
    };
    for cause in &judgement.causes {
        say(Kind::Cause, cause.what.clone());
    }
    for fault in &judgement.faults {
        say(Kind::Fault, fault.clone());
    }
    let cut = one.recordings.iter().find_map(|run| run.cut_short.as_ref());
    let bursts_only = !trial.trial.phases.iter().any(|phase| phase.kind == PhaseKind::Steady);
    // Reasons, each with the targets that it is the reason of.
    let mut reasons: Vec<(Kind, &str, Vec<&'static str>)> = Vec::new();
    for target in &judgement.judgements {
        let kind = match target.verdict {
            Verdict::Pass => continue,
            // What fails by a cause that has a name is told by it.
            Verdict::Fail if judgement.causes.is_empty() => Kind::Why,
            Verdict::Fail => continue,
            Verdict::Invalid => Kind::Invalid,
            // That it was cut short says it all.
            Verdict::Inconclusive if cut.is_some() => continue,
            Verdict::Inconclusive => Kind::TooShort,
            Verdict::NotJudged => match target.kpi {
                // By itself a handler never fails, and a load without bursts has none to return from.
                Kpi::Errors | Kpi::BurstReturn | Kpi::FaultReturn | Kpi::Order => continue,
                // The table says so, in the target's place.
                Kpi::Lag if bursts_only => continue,
                _ if matches!(judgement.verdict, Verdict::Invalid | Verdict::NotJudged) => continue,
                _ => Kind::Unjudged,
            },
        };
        if target.because.is_empty() {
            continue;
        }
        let known = reasons
            .iter_mut()
            .find(|(other, because, _)| *other == kind && *because == target.because);
        match known {
            Some((_, _, targets)) => targets.push(kpi(target.kpi)),
            None => reasons.push((kind, &target.because, vec![kpi(target.kpi)])),
        }
    }
    for (kind, because, targets) in reasons {
        // It concerns the run, and so all of them.
        let text = if kind == Kind::Invalid {
            because.to_owned()
        } else {
            format!("{}: {because}", targets.join(", "))
        };
        say(kind, text);
    }
    for disagreement in &judgement.disagreements {
        say(Kind::Disagree, disagreement.clone());
    }
    if let Some(cut) = cut {
        say(Kind::CutShort, cut.clone());
    }
}
