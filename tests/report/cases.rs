//! The outcomes that the tests print: the three cases before and after, and a service.

use lagproof::harness::outcome::{PutBack, TrialOutcome};
use lagproof::harness::plan::{Predicted, Side, Trial};
use lagproof::harness::recording::{Rebalance, RebalanceCause, WorkerEnd, WorkerFate};
use lagproof::harness::verdict::{Kpi, Mechanism, Verdict};

use super::build::{MIB, cause, judged, latencies, recording, side, side_plan, trial, tried};

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
        compiled: Verdict::Pass,
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
