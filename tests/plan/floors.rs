//! Time compressed, as far as the floors allow.

use std::collections::BTreeMap;

use lagproof::harness::plan::{Brokers, PhaseKind, PlanError, SpeedWish, Wish, WorkerCommand, Workers, make_plan};
use lagproof::harness::protocol::CostSpec;
use lagproof::model::keywords::Client;

use super::{model, plan, trial};

fn at(speed: f64) -> Wish {
    Wish {
        speed: SpeedWish::Exactly(speed),
        ..Wish::default()
    }
}

#[test]
fn every_service_runs_as_fast_as_its_floors_allow() {
    let speeds: BTreeMap<String, (f64, String)> = plan(&Wish::default())
        .trials
        .into_iter()
        .map(|trial| (trial.service, (trial.speed, trial.speed_because)))
        .collect();
    let speed = |name: &str| speeds[name].0;
    for quick in [
        "motion-event-filter",
        "step-counter",
        "activity-classifier",
        "silero-vad",
        "georegion-detector",
    ] {
        assert_eq!(speed(quick), 1.0, "{quick}: a batch is less than twice 20 ms of work");
    }
    assert_eq!(speed("kyutai-stt"), 3.0);
    assert_eq!(speed("gps-geocoding-consumer"), 8.0);
    assert_eq!(speed("scheduled-consumers"), 54.0);
    assert_eq!(
        speeds["gemma3n-processor"].1,
        "a batch is 1.94 s of work, of which 20 ms must be left"
    );
    assert_eq!(
        speeds["minicpm-vision"].1,
        "839 kB a second at the peak would become more than 25 MB, which measures disks"
    );
}

#[test]
fn all_services_are_proven_in_less_than_ten_minutes() {
    let plan = plan(&Wish::default());
    let whole: f64 = plan
        .waves
        .iter()
        .map(|wave| {
            wave.iter()
                .map(|at| plan.trials[*at].seconds() + 8.0)
                .fold(0.0, f64::max)
        })
        .sum();
    assert!(whole < 480.0, "{whole} s");
    let mut seen: Vec<usize> = plan.waves.concat();
    seen.sort_unstable();
    assert_eq!(seen, (0..plan.trials.len()).collect::<Vec<_>>(), "each once");
    for wave in &plan.waves {
        let cores: f64 = wave.iter().map(|at| plan.trials[*at].cores_needed).sum();
        assert!(cores <= 1.0 || wave.len() == 1, "{cores}");
    }
    for trial in &plan.trials {
        let steady: f64 = trial
            .phases
            .iter()
            .filter(|phase| phase.kind == PhaseKind::Steady)
            .map(|phase| phase.to_s - phase.from_s)
            .sum();
        let rate: f64 = trial.topics.iter().map(|topic| topic.load.stretches[0].from_rate).sum();
        assert!(steady / 0.25 >= 130.0, "{}: {steady} s of samples", trial.service);
        assert!(steady * rate >= 60.0, "{}: {} records", trial.service, steady * rate);
    }
}

#[test]
fn costs_gaps_and_timers_shrink_together() {
    let (one, fifty) = (trial(at(1.0), "face-emotion"), trial(at(50.0), "face-emotion"));
    let (slow, fast) = (&one.sides[0], &fifty.sides[0]);
    let ms = |side: &lagproof::harness::plan::SidePlan, key: &str| -> u64 { side.properties[key].parse().unwrap() };
    for (key, real, scaled) in [
        ("session.timeout.ms", 60_000, 1_200),
        ("max.poll.interval.ms", 600_000, 12_000),
        ("heartbeat.interval.ms", 3_000, 60),
        ("retry.backoff.ms", 100, 2),
        // One byte is there as soon as a record is.
        ("fetch.wait.max.ms", 100, 10),
        // What guards against a dead connection decides nothing that is judged.
        ("socket.timeout.ms", 40_000, 10_000),
    ] {
        assert_eq!((ms(slow, key), ms(fast, key)), (real, scaled), "{key}");
    }
    assert_eq!((slow.session_s, fast.session_s), (Some(60.0), Some(1.2)));
    assert_eq!((slow.poll_interval_s, fast.poll_interval_s), (600.0, 12.0));
    let cost = |side: &lagproof::harness::plan::SidePlan| match side.work.per_record {
        CostSpec::LogNormal { mu, sigma, max } => (mu.exp(), sigma, max.unwrap()),
        CostSpec::Constant { .. } => panic!("not constant"),
    };
    let ((p50, sigma, max), (p50_fast, sigma_fast, max_fast)) = (cost(slow), cost(fast));
    assert!((p50 / p50_fast - 50.0).abs() < 1e-9 && (max / max_fast - 50.0).abs() < 1e-9);
    assert!((sigma - sigma_fast).abs() < 1e-12);
    let rate = |trial: &lagproof::harness::plan::Trial| trial.topics[0].load.stretches[0].from_rate;
    assert!((rate(&fifty) / rate(&one) - 50.0).abs() < 1e-9);
    assert_eq!(fifty.broker_properties["group.min.session.timeout.ms"], "1000");
    assert_eq!(
        one.broker_properties["group.min.session.timeout.ms"], "6000",
        "lowered only then"
    );
    let (rho, rho_fast) = (slow.predicted.utilisation.unwrap(), fast.predicted.utilisation.unwrap());
    assert!(
        rho_fast > rho && rho_fast < rho * 1.1,
        "what does not shrink is counted: {rho} {rho_fast}"
    );
}

#[test]
fn too_much_speed_is_refused_with_its_floor() {
    for (name, speed, because) in [
        (
            "motion-event-filter",
            10.0,
            "a batch is 16.8 ms of work, of which 20 ms must be left",
        ),
        (
            "face-emotion",
            60.0,
            "a batch is 1.02 s of work, of which 20 ms must be left",
        ),
    ] {
        let wish = Wish {
            names: vec![name.to_owned()],
            ..at(speed)
        };
        let error = make_plan(model(), &wish).unwrap_err();
        assert!(error.to_string().ends_with(because), "{error}");
        assert!(error.help().starts_with("give at most --speed "), "{}", error.help());
    }
    for (speed, brokers) in [(0.5, Brokers::Ours), (f64::NAN, Brokers::Ours), (2.0, Brokers::Theirs)] {
        let wish = Wish {
            names: vec!["face-emotion".to_owned()],
            brokers,
            ..at(speed)
        };
        assert!(matches!(make_plan(model(), &wish), Err(PlanError::Unfit(_))), "{speed}");
    }
}

#[test]
fn real_time_where_time_is_not_ours() {
    let theirs = Wish {
        brokers: Brokers::Theirs,
        ..Wish::default()
    };
    let foreign = trial(theirs, "face-emotion");
    assert_eq!(foreign.speed, 1.0);
    assert!(foreign.broker_properties.is_empty(), "theirs are left as they are");
    assert_eq!(foreign.topics[0].replication, 3);
    let workers = |any: Option<&str>, of: &[(Client, &str)]| Wish {
        workers: Workers {
            any: any.map(WorkerCommand::of_shell),
            of: of
                .iter()
                .map(|(client, command)| (*client, WorkerCommand::of_shell(command)))
                .collect(),
        },
        ..Wish::default()
    };
    let own = trial(workers(Some("python worker.py"), &[]), "face-emotion");
    assert_eq!(own.speed, 1.0);
    assert_eq!(own.sides[0].client, "python worker.py");
    assert_eq!(
        own.sides[0].properties["session_timeout_ms"], "60000",
        "the declared client's own keys"
    );
    let words = own.sides[0].command.as_deref();
    assert_eq!(
        words,
        Some(&["/bin/sh", "-c", "python worker.py"].map(str::to_owned)[..])
    );
    let of = workers(None, &[(Client::Kafkajs, "node worker.js")]);
    let (theirs, ours) = (trial(of.clone(), "georegion-detector"), trial(of, "face-emotion"));
    assert_eq!((theirs.speed, theirs.sides[0].client.as_str()), (1.0, "node worker.js"));
    assert_eq!(
        (ours.sides[0].client.as_str(), &ours.sides[0].command),
        ("librdkafka", &None)
    );
    assert!(ours.speed > 1.0, "ours imitates the work, whatever others do beside it");
    let both = workers(Some("any"), &[(Client::Kafkajs, "own")]);
    assert_eq!(trial(both.clone(), "georegion-detector").sides[0].client, "own");
    assert_eq!(trial(both, "face-emotion").sides[0].client, "any");
    assert_eq!(
        trial(Wish::default(), "vision-before-limits").speed,
        1.0,
        "a case runs in real time"
    );
}
