//! Outcomes in which something goes wrong, or nothing much happens: runs that can't be judged, limits, eleven services, names
//! that attack.

use lagproof::harness::outcome::{FoundLimit, Outcome, Probe, PutBack, TrialOutcome};
use lagproof::harness::plan::LeftOut;
use lagproof::harness::recording::{
    ErrorCount, FaultDone, MemoryHeldBy, Rebalance, RebalanceCause, Recording, WorkerEnd,
};
use lagproof::harness::verdict::{Kpi, Mechanism, SideOutcome, Verdict};

use super::build::{cause, judged, outcome};
use super::cases::{self, service};

/// A service with one judgement of its own, in place of the one on lag.
fn with_lag(name: &str, verdict: Verdict, measured: &str, because: &str) -> TrialOutcome {
    let mut one = service(name, "librdkafka");
    one.verdict = verdict;
    one.sides[0].judgement.verdict = verdict;
    one.sides[0].judgement.judgements[0] = judged(Kpi::Lag, verdict, measured, "< 100", because);
    one
}

pub fn invalid() -> Outcome {
    let because = "records were sent up to 133 ms late (p99; 25 ms are allowed): the load was not what was declared";
    let mut one = with_lag("silero-vad", Verdict::Invalid, "240", because);
    // As judging does: what is INVALID is so in every target, for one reason.
    for judgement in &mut one.sides[0].judgement.judgements {
        if judgement.verdict != Verdict::NotJudged {
            judgement.verdict = Verdict::Invalid;
            because.clone_into(&mut judgement.because);
        }
    }
    let other = "librdkafka ran, and the declared client does this in its own way";
    let judgements = &mut one.sides[0].judgement.judgements;
    judgements.push(judged(Kpi::Memory, Verdict::NotJudged, "31 MiB", "256 MiB", other));
    outcome(vec![one])
}

/// A search for limits: one found, one that ended early; with evidence of what was judged before.
pub fn limits() -> Outcome {
    let mut one = service("step-counter", "librdkafka");
    one.evidence = Some("evidence/step-counter.toml".to_owned());
    let limit = |of: &str, holds, fails, because: &str| FoundLimit {
        of: of.to_owned(),
        holds,
        fails,
        because: because.to_owned(),
        probes: vec![Probe {
            rate: 50.0,
            verdict: Verdict::Pass,
            lag: "5".to_owned(),
        }],
    };
    one.limits = vec![
        limit("the profile", Some(1_600.0), Some(1_670.0), ""),
        limit("the defaults of librdkafka", Some(50.0), None, "stopped by Ctrl-C"),
    ];
    outcome(vec![one])
}

pub fn inconclusive() -> Outcome {
    let because = "48 samples after the warm-up, 120 are needed: run it for 30 s or more";
    outcome(vec![with_lag("step-counter", Verdict::Inconclusive, "4", because)])
}

/// Ctrl-C in the first of two runs.
pub fn cut_short() -> Outcome {
    let mut one = with_lag(
        "motion-event-filter",
        Verdict::Inconclusive,
        "12",
        "31 samples, 120 are needed",
    );
    one.sides[0].recordings[0].cut_short = Some("Ctrl-C after 12.5 s of 45 s".to_owned());
    let mut all = outcome(vec![one]);
    all.cut_short = Some("Ctrl-C".to_owned());
    all
}

/// Three services asked for: one that lacks its rate, one that the broker did not live to see.
pub fn left_out() -> Outcome {
    let left_out = |name: &str, because: &str, help: &str| LeftOut {
        name: name.to_owned(),
        because: because.to_owned(),
        help: help.to_owned(),
    };
    let mut all = outcome(vec![service("step-counter", "librdkafka")]);
    all.left_out = vec![
        left_out(
            "face-emotion",
            "media.image.analysis has no rate",
            "declare its rate in profiles/topics.toml",
        ),
        left_out(
            "silero-vad",
            "it was not come to: the broker ended (exit status: 1)",
            "run it again",
        ),
    ];
    all
}

/// A comparison that ended after its first run: of the compiled side there is none.
pub fn half() -> Outcome {
    let mut one = cases::motion();
    let because = "none of its 2 runs came about: the broker ended (exit status: 1)";
    let judgement = &mut one.sides[1].judgement;
    judgement.verdict = Verdict::Inconclusive;
    for target in &mut judgement.judgements {
        target.verdict = Verdict::Inconclusive;
        because.clone_into(&mut target.because);
        target.measured.clear();
    }
    one.sides[0].recordings.truncate(1);
    one.sides[1].recordings.clear();
    one.verdict = Verdict::Inconclusive;
    let mut all = outcome(vec![one]);
    all.cut_short = Some("the broker ended (exit status: 1)".to_owned());
    all
}

/// Nothing came to be tried.
pub fn nothing() -> Outcome {
    let mut all = outcome(Vec::new());
    all.cut_short = Some("the broker did not start".to_owned());
    all
}

pub fn mock() -> Outcome {
    let mut all = outcome(vec![service("motion-event-filter", "librdkafka"), {
        with_lag("step-counter", Verdict::Fail, "4,000", "")
    }]);
    all.broker.kind = "mock".to_owned();
    all.broker.what = "librdkafka's mock broker".to_owned();
    all.broker.why = "asked for".to_owned();
    all.broker.smoke_test = true;
    all
}

/// Services in one command: one fails under a fault, one disagrees with its proof.
pub fn services() -> Outcome {
    let mut bad = with_lag("gemma3n-processor", Verdict::Fail, "412", "past the target");
    bad.sides[0].judgement.causes.push(cause(
        Mechanism::PollOverrun,
        "one record took 62 s, and 60 s are allowed between polls",
    ));
    bad.sides[0]
        .judgement
        .faults
        .push("one record takes 62 s at 12 s; lag reached 900, below 100 again after 1.1 min".to_owned());
    let run: &mut Recording = &mut bad.sides[0].recordings[0];
    run.faults.push(FaultDone {
        at_s: 12.0,
        what: "one record takes 62 s".to_owned(),
    });
    run.rebalances.push(Rebalance {
        at_s: 33.5,
        cause: RebalanceCause::PollInterval,
        what: "worker 0 left after 60 s without a poll".to_owned(),
    });
    run.errors.push(ErrorCount {
        who: "worker 0".to_owned(),
        code: "_MAX_POLL_EXCEEDED".to_owned(),
        message: "Application maximum poll interval (60000ms) exceeded by 482ms".to_owned(),
        times: 1,
    });
    run.memory_held_by = MemoryHeldBy::Sampled {
        because: "no control group can be made here".to_owned(),
    };
    let mut odd = service("step-counter", "librdkafka");
    odd.sides[0]
        .judgement
        .disagreements
        .push("a lag floor of 4 records is predicted, and 61 were measured".to_owned());
    odd.trial.notes.push("assumed: per_record = 0.2 ms".to_owned());
    let mut all = outcome(vec![
        service("activity-classifier", "aiokafka"),
        bad,
        service("motion-event-filter", "librdkafka"),
        odd,
    ]);
    all.broker.why = "docker answers, and is tried first".to_owned();
    all
}

/// Names and words that try to be markup, ends of elements, escape sequences.
pub fn hostile() -> Outcome {
    const NAME: &str = "<script>alert(1)</script>\"' onload='x' </style></title>&amp;\u{1b}[31m\u{202e}|`*_]]>";
    let mut one = service("victim", NAME);
    one.trial.service = NAME.to_owned();
    one.trial.sides[0].client = NAME.to_owned();
    one.trial.sides[0].group = NAME.to_owned();
    one.trial.sides[0].properties.insert(NAME.to_owned(), NAME.to_owned());
    one.trial.notes.push(NAME.to_owned());
    let seen: &mut SideOutcome = &mut one.sides[0];
    seen.judgement.causes.push(cause(Mechanism::Crashed, NAME));
    seen.judgement.disagreements.push(NAME.to_owned());
    seen.judgement.faults.push(NAME.to_owned());
    seen.judgement.judgements[0] = judged(Kpi::Lag, Verdict::Fail, NAME, NAME, NAME);
    let run = &mut seen.recordings[0];
    run.workers[0].log = NAME.to_owned();
    run.workers[0].end = WorkerEnd::Failed {
        status: 3,
        message: NAME.to_owned(),
    };
    run.faults.push(FaultDone {
        at_s: 3.0,
        what: NAME.to_owned(),
    });
    run.cut_short = Some(NAME.to_owned());
    one.put_back.push(PutBack {
        setting: NAME.to_owned(),
        before: NAME.to_owned(),
        after: NAME.to_owned(),
        verdict: Verdict::Pass,
        compiled: Verdict::Pass,
        what: NAME.to_owned(),
    });
    let mut all = outcome(vec![one.clone(), one]);
    all.project = NAME.to_owned();
    all.cut_short = Some(NAME.to_owned());
    all.broker.what = NAME.to_owned();
    all.machine.processor = NAME.to_owned();
    all.left_out = vec![LeftOut {
        name: NAME.to_owned(),
        because: NAME.to_owned(),
        help: NAME.to_owned(),
    }];
    all
}
