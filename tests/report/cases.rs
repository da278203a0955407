//! The outcomes that the tests print: the three cases before and after, real services, and everything that goes wrong.

use lagproof::harness::outcome::{FoundLimit, Outcome, Probe, PutBack, TrialOutcome};
use lagproof::harness::plan::{Predicted, Side, Trial};
use lagproof::harness::recording::{
    ErrorCount, FaultDone, MemoryHeldBy, Rebalance, RebalanceCause, Recording, WorkerEnd, WorkerFate,
};
use lagproof::harness::verdict::{Kpi, Mechanism, SideOutcome, Verdict};

use super::build::{MIB, cause, judged, latencies, outcome, recording, side, side_plan, trial, tried};

/// Makes a trial one of two sides, in four runs.
fn two_sided(mut trial: Trial, before: Predicted, after: Predicted) -> Trial {
    trial.sides = [(Side::Before, before), (Side::After, after)]
        .map(|(side, predicted)| {
            let mut plan = side_plan(side);
            plan.predicted = predicted;
            plan
        })
        .into();
    trial.order = vec![Side::Before, Side::After, Side::After, Side::Before];
    trial
}

fn rebalances() -> lagproof::harness::verdict::Judgement {
    let because = "none in this time is ≤ 270/h at 95 %; < 1/h takes --soak 3h";
    judged(Kpi::Rebalances, Verdict::Pass, "0", "none", because)
}

/// 500 records a second: 60 of them done with single records, all of them with batches.
pub fn motion() -> TrialOutcome {
    let trial = two_sided(
        trial(
            "motion-event-filter",
            Some("motion-before-batching"),
            &[(500.0, 45.0)],
            5.0,
        ),
        Predicted {
            utilisation: Some(8.05),
            lag_grows: Some(438.0),
            memory: Some(132e6),
            poll_budget: Some(0.0003),
            ..Predicted::default()
        },
        Predicted {
            utilisation: Some(0.07),
            lag_floor: Some(16.8),
            memory: Some(132e6),
            poll_budget: Some(0.001),
            ..Predicted::default()
        },
    );
    let before = |wobble: f64| {
        let mut run = recording(&trial, Side::Before, 51.0, &|at| {
            let sent = 500.0 * at.min(45.0);
            let done = 60.0 * at;
            (sent, done, sent - done, Some(36.0 + (at * 0.1 + wobble).min(5.0)))
        });
        run.measured_latency = latencies(20.0, 0.18).encode();
        run
    };
    let after = |wobble: f64| {
        let mut run = recording(&trial, Side::After, 46.0, &|at| {
            let sent = 500.0 * at.min(45.0);
            let lag = 11.0 + 6.0 * (at * 3.1 + wobble).sin();
            (
                sent,
                (sent - lag).max(0.0),
                lag,
                Some(34.0 + (at * 0.7).sin().abs() * 4.0),
            )
        });
        run.measured_latency = latencies(0.028, 0.12).encode();
        run
    };
    let lag_of = "< 100";
    let mut worse = side(
        Side::Before,
        Verdict::Fail,
        vec![
            judged(Kpi::Lag, Verdict::Fail, "16,720", lag_of, "it grows by 438 records/s"),
            judged(Kpi::Throughput, Verdict::Fail, "12 %", "≥ 100 %", "60 of 500 records/s"),
            judged(Kpi::Loss, Verdict::Pass, "0", "< 1 %", ""),
            judged(Kpi::Order, Verdict::Pass, "0", "0", ""),
            judged(Kpi::Memory, Verdict::Pass, "41 MiB", "256 MiB", ""),
            rebalances(),
        ],
        vec![before(0.0), before(0.4)],
    );
    worse.judgement.causes.push(cause(
        Mechanism::TooSlow,
        "60 records/s of capacity against 500/s: 16.7 ms a record, one record a poll",
    ));
    let better = side(
        Side::After,
        Verdict::Pass,
        vec![
            judged(Kpi::Lag, Verdict::Pass, "17", lag_of, ""),
            judged(Kpi::Throughput, Verdict::Pass, "100 %", "≥ 100 %", ""),
            judged(Kpi::Loss, Verdict::Pass, "0", "< 1 %", ""),
            judged(Kpi::Order, Verdict::Pass, "0", "0", ""),
            judged(Kpi::Memory, Verdict::Pass, "38 MiB", "256 MiB", ""),
            rebalances(),
        ],
        vec![after(0.0), after(1.0)],
    );
    let back = PutBack {
        setting: "max_poll_records".to_owned(),
        before: "1".to_owned(),
        after: "500".to_owned(),
        verdict: Verdict::Fail,
        what: "lag grows by 438 records/s".to_owned(),
    };
    tried(trial, vec![worse, better], vec![back])
}

/// Megabytes handed to an unbounded queue, and one at a time: killed at 14 s, and drained 7 s after the load.
pub fn vision() -> TrialOutcome {
    let load = [(4.0, 3.0), (60.0, 10.0), (4.0, 2.0)];
    let trial = two_sided(
        trial("minicpm-vision", Some("vision-unbounded"), &load, 0.0),
        Predicted::default(),
        Predicted {
            memory: Some(58e6),
            poll_budget: Some(0.0001),
            ..Predicted::default()
        },
    );
    let sent = |at: f64| 4.0 * at.min(3.0) + 60.0 * (at - 3.0).clamp(0.0, 10.0) + 4.0 * (at - 13.0).clamp(0.0, 2.0);
    let done = |at: f64| 4.0 * at.min(3.0) + 33.0 * (at - 3.0).clamp(0.0, 40.0);
    let mut before = recording(&trial, Side::Before, 20.0, &|at| {
        let alive = at < 13.9;
        let held = (sent(at) - done(at)).max(0.0);
        let processed = done(at.min(13.9));
        let lag = if alive { 1.0 } else { sent(at) - sent(13.9) };
        (sent(at), processed, lag, alive.then_some(27.0 + held * 0.85))
    });
    before.account.lost = 247;
    before.workers = vec![WorkerFate {
        replica: 0,
        at_s: 13.9,
        end: WorkerEnd::OutOfMemory,
        peak_bytes: Some(256 * MIB),
        log: "worker 0: 264 records in hand\n".to_owned(),
    }];
    before.rebalances.push(Rebalance {
        at_s: 13.9,
        cause: RebalanceCause::WorkerDied,
        what: "worker 0 was gone, and with it all 4 partitions".to_owned(),
    });
    let after = recording(&trial, Side::After, 22.4, &|at| {
        let processed = done(at).min(sent(at));
        (
            sent(at),
            processed,
            sent(at) - processed,
            Some(30.0 + (at * 0.9).sin().abs() * 16.0),
        )
    });
    let mut worse = side(
        Side::Before,
        Verdict::Fail,
        vec![
            judged(
                Kpi::Lag,
                Verdict::Inconclusive,
                "1",
                "< 100",
                "56 samples until it was killed, 120 are needed",
            ),
            judged(
                Kpi::Throughput,
                Verdict::Fail,
                "60 %",
                "≥ 100 %",
                "nothing is processed after 13.9 s",
            ),
            judged(
                Kpi::Loss,
                Verdict::Fail,
                "39 %",
                "< 1 %",
                "247 records were committed and never processed",
            ),
            judged(
                Kpi::Memory,
                Verdict::Fail,
                "killed at 256 MiB",
                "256 MiB",
                "the system killed worker 0",
            ),
            judged(Kpi::Rebalances, Verdict::Fail, "1", "none", "a worker died"),
        ],
        vec![before],
    );
    worse.judgement.causes = vec![
        cause(
            Mechanism::OutOfMemory,
            "killed at 256 MiB after 13.9 s: 264 records of 1 MB in hand, and no bound on them",
        ),
        cause(
            Mechanism::CommittedTooEarly,
            "247 records lost: committed when they were handed over, and gone with the worker",
        ),
    ];
    let better = side(
        Side::After,
        Verdict::Pass,
        vec![
            judged(
                Kpi::Lag,
                Verdict::NotJudged,
                "283",
                "< 100",
                "no steady phase is long enough",
            ),
            judged(Kpi::BurstReturn, Verdict::Pass, "8.6 s", "< 60 s", ""),
            judged(Kpi::Throughput, Verdict::Pass, "100 %", "≥ 100 %", ""),
            judged(Kpi::Loss, Verdict::Pass, "0", "< 1 %", ""),
            judged(Kpi::Memory, Verdict::Pass, "46 MiB", "256 MiB", ""),
            judged(Kpi::PollInterval, Verdict::Pass, "0.5 s", "< 600 s", ""),
            rebalances(),
        ],
        vec![after],
    );
    tried(trial, vec![worse, better], Vec::new())
}

/// Audio that retention overtakes, 15 % of it; and none with large batches.
pub fn audio() -> TrialOutcome {
    let load = [(100.0, 3.0), (800.0, 20.0), (100.0, 2.0)];
    let trial = two_sided(
        trial("silero-vad", Some("audio-small-fetches"), &load, 0.0),
        Predicted::default(),
        Predicted::default(),
    );
    let sent =
        |at: f64| 100.0 * at.min(3.0) + 800.0 * (at - 3.0).clamp(0.0, 20.0) + 100.0 * (at - 23.0).clamp(0.0, 2.0);
    let mut before = recording(&trial, Side::Before, 35.0, &|at| {
        let done =
            (100.0 * at.min(3.0) + 400.0 * (at - 3.0).clamp(0.0, 32.0)).min(sent(at) - 2_475.0_f64.min(sent(at)));
        let lag = (sent(at) - done).min(4_200.0);
        (sent(at), done, if at > 31.0 { 0.0 } else { lag }, Some(92.0))
    });
    before.account.lost = 2_475;
    before.account.lost_to_retention = 2_475;
    let after = recording(&trial, Side::After, 26.0, &|at| (sent(at), sent(at), 22.0, Some(88.0)));
    let mut worse = side(
        Side::Before,
        Verdict::Fail,
        vec![
            judged(Kpi::Lag, Verdict::NotJudged, "4,200", "< 100", ""),
            judged(Kpi::Throughput, Verdict::Fail, "85 %", "≥ 100 %", ""),
            judged(Kpi::Loss, Verdict::Fail, "15.0 %", "< 1 %", "2,475 of 16,500 records"),
            judged(Kpi::Memory, Verdict::Pass, "92 MiB", "no limit", ""),
        ],
        vec![before],
    );
    worse.judgement.causes.push(cause(
        Mechanism::RetentionOvertook,
        "2,475 of 16,500 records were deleted before they were read: 400 of 800 records/s done, 32 MiB a partition kept",
    ));
    let better = side(
        Side::After,
        Verdict::Pass,
        vec![
            judged(Kpi::Lag, Verdict::Pass, "22", "< 100", ""),
            judged(Kpi::Throughput, Verdict::Pass, "100 %", "≥ 100 %", ""),
            judged(Kpi::Loss, Verdict::Pass, "0", "< 1 %", ""),
            judged(Kpi::Memory, Verdict::Pass, "88 MiB", "no limit", ""),
        ],
        vec![after],
    );
    tried(trial, vec![worse, better], Vec::new())
}

/// A service that holds, of another client than the one that ran it.
pub fn service(name: &str, client: &str) -> TrialOutcome {
    let mut trial = trial(name, None, &[(50.0, 40.0)], 5.0);
    trial.declared_client = client.to_owned();
    trial.sides[0].predicted.lag_floor = Some(3.2);
    let run = recording(&trial, Side::After, 40.5, &|at| {
        let lag = 3.0 + (at * 2.0).sin() * 2.0;
        (50.0 * at, (50.0 * at - lag).max(0.0), lag, Some(31.0))
    });
    let mut judgements = vec![
        judged(Kpi::Lag, Verdict::Pass, "5", "< 100", ""),
        judged(Kpi::Throughput, Verdict::Pass, "100 %", "≥ 100 %", ""),
        judged(Kpi::Loss, Verdict::Pass, "0", "< 1 %", ""),
        judged(Kpi::Order, Verdict::Pass, "0", "0", ""),
        judged(
            Kpi::Errors,
            Verdict::NotJudged,
            "0 %",
            "< 1 %",
            "handlers fail only where a fault makes them",
        ),
        rebalances(),
    ];
    if client != "librdkafka" {
        let because = format!("it is {client}'s, and librdkafka ran");
        judgements.push(judged(Kpi::Memory, Verdict::NotJudged, "31 MiB", "256 MiB", &because));
    }
    tried(
        trial,
        vec![side(Side::After, Verdict::Pass, judgements, vec![run])],
        Vec::new(),
    )
}

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
        what: NAME.to_owned(),
    });
    let mut all = outcome(vec![one.clone(), one]);
    all.project = NAME.to_owned();
    all.cut_short = Some(NAME.to_owned());
    all.broker.what = NAME.to_owned();
    all.machine.processor = NAME.to_owned();
    all
}
