//! Services that are broken on purpose, one for each way to fail: each must fail, for the right reason.

use std::path::Path;

use lagproof::broker::Caps;
use lagproof::harness::launch::Local;
use lagproof::harness::outcome::TrialOutcome;
use lagproof::harness::plan::{Phase, PhaseKind, Trial};
use lagproof::harness::progress::Silent;
use lagproof::harness::protocol::{Stop, Stretch};
use lagproof::harness::recording::MemoryHeldBy;
use lagproof::harness::run::Ground;
use lagproof::harness::session::Runner;
use lagproof::harness::verdict::{Kpi, Mechanism, Verdict};

use super::runs::{broker, one_at_a_time, program};
use super::trial::{heavy, trial};

/// Seconds of steady load that a verdict needs at least: 120 looks.
const STEADY_S: f64 = 31.0;

/// Runs it and judges it; once more where the machine did not keep up with its own part.
fn judged(trial: &Trial) -> TrialOutcome {
    let _one = one_at_a_time();
    let launcher = Local::new(program()).unwrap();
    let ground = Ground {
        broker: broker(),
        launcher: &launcher,
        listener: &Silent,
        stop: &Stop::new(),
        caps: Caps::default(),
        journals: Path::new("/no/such"),
        load_shards: 1,
        seed: 7,
    };
    let run = || Runner { ground: &ground, trial }.run().unwrap();
    let outcome = run();
    if outcome.verdict == Verdict::Invalid {
        run()
    } else {
        outcome
    }
}

fn assert_fails_by(outcome: &TrialOutcome, mechanism: Mechanism) {
    let judgement = &outcome.sides[0].judgement;
    assert_eq!(outcome.verdict, Verdict::Fail, "{judgement:#?}");
    let found: Vec<Mechanism> = judgement.causes.iter().map(|cause| cause.mechanism).collect();
    assert!(found.contains(&mechanism), "{judgement:#?}");
}

#[test]
fn too_slow() {
    let outcome = judged(&trial(50.0, 1.0 + STEADY_S, 50_000.0));
    assert_fails_by(&outcome, Mechanism::TooSlow);
}

#[test]
fn too_much_memory() {
    let heavy = heavy(8.0, 200_000.0);
    let outcome = judged(&heavy);
    let side = &outcome.sides[0];
    // In many a container nothing can enforce a limit; then nothing may be said of it, either way.
    if let MemoryHeldBy::Sampled { because } = &side.recordings[0].memory_held_by {
        let memory = side
            .judgement
            .judgements
            .iter()
            .find(|one| one.kpi == Kpi::Memory)
            .unwrap();
        assert_eq!(memory.verdict, Verdict::NotJudged, "{memory:#?}");
        assert!(
            memory.because.contains(because) && because.contains("control group"),
            "{memory:#?}"
        );
        return;
    }
    assert_fails_by(&outcome, Mechanism::OutOfMemory);
    assert_fails_by(&outcome, Mechanism::CommittedTooEarly);
}

/// Two members whose every record takes longer than they may: the group goes round and round.
#[test]
fn poll_overruns_and_a_rebalance_storm() {
    let mut slow = trial(4.0, 1.0 + STEADY_S, 3_500_000.0);
    let side = &mut slow.sides[0];
    side.replicas = 2;
    side.max_poll_records = 1;
    side.poll_interval_s = 2.0;
    side.session_s = Some(1.0);
    for (key, value) in [
        ("max.poll.interval.ms", "2000"),
        ("session.timeout.ms", "1000"),
        ("heartbeat.interval.ms", "300"),
    ] {
        side.properties.insert(key.to_owned(), value.to_owned());
    }
    let outcome = judged(&slow);
    assert_fails_by(&outcome, Mechanism::PollOverrun);
    assert_fails_by(&outcome, Mechanism::RebalanceStorm);
}

#[test]
fn loss_to_retention() {
    let mut lossy = trial(400.0, 20.0, 10_000.0);
    lossy.topics[0].load.size.mean = 20_000;
    lossy.topics[0].load.size.max = 20_000;
    lossy.bytes = 200_000_000;
    for (key, value) in [("retention.bytes", "4194304"), ("segment.bytes", "1048576")] {
        lossy.topics[0].configuration.insert(key.to_owned(), value.to_owned());
    }
    // What the client holds in its queue is safe from retention: it may hold little.
    let properties = &mut lossy.sides[0].properties;
    properties.insert("queued.max.messages.kbytes".to_owned(), "1024".to_owned());
    properties.insert("fetch.max.bytes".to_owned(), "1048576".to_owned());
    properties.insert("fetch.message.max.bytes".to_owned(), "262144".to_owned());
    properties.insert("message.max.bytes".to_owned(), "1000000".to_owned());
    let outcome = judged(&lossy);
    assert_fails_by(&outcome, Mechanism::RetentionOvertook);
}

#[test]
fn too_short_a_run_is_inconclusive() {
    let outcome = judged(&trial(100.0, 8.0, 500.0));
    assert_eq!(
        outcome.verdict,
        Verdict::Inconclusive,
        "{:#?}",
        outcome.sides[0].judgement
    );
    let lag = outcome.sides[0]
        .judgement
        .judgements
        .iter()
        .find(|one| one.kpi == Kpi::Lag);
    assert_eq!(lag.unwrap().verdict, Verdict::Inconclusive);
}

/// A million records a second can't be sent on time from one process: that is no verdict on the service.
#[test]
fn a_harness_that_can_not_keep_up_is_invalid() {
    let mut starved = trial(1.0, 2.0, 0.0);
    starved.topics[0].load.size.mean = 40;
    starved.topics[0].load.size.max = 40;
    starved.topics[0].load.key = None;
    starved.topics[0].load.stretches = vec![Stretch {
        from_rate: 1e6,
        to_rate: 1e6,
        seconds: 2.0,
    }];
    starved.phases = vec![Phase {
        kind: PhaseKind::Steady,
        from_s: 0.0,
        to_s: 2.0,
    }];
    let outcome = judged(&starved);
    assert_eq!(outcome.verdict, Verdict::Invalid, "{:#?}", outcome.sides[0].judgement);
}
