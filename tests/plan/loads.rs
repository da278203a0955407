//! Which load runs when.

use lagproof::harness::plan::{
    Company, Comparison, FaultKind, LoadWish, Phase, PhaseKind, PlanError, Point, Side, Wish, make_plan, parse_fault,
    parse_series, waves,
};
use lagproof::harness::protocol::{RECORD_HEADER, Stretch};
use proptest::prelude::*;

use super::{model, trial};

fn kinds(phases: &[Phase]) -> Vec<(PhaseKind, f64, f64)> {
    phases
        .iter()
        .map(|phase| (phase.kind, phase.from_s, phase.to_s))
        .collect()
}

const fn even(rate: f64, seconds: f64) -> Stretch {
    Stretch {
        from_rate: rate,
        to_rate: rate,
        seconds,
    }
}

#[test]
fn a_case_has_exactly_its_stretches() {
    let audio = trial(Wish::default(), "audio-before-large-fetches");
    assert_eq!(
        kinds(&audio.phases),
        [
            (PhaseKind::WarmUp, 0.0, 3.0),
            (PhaseKind::Burst, 3.0, 23.0),
            (PhaseKind::Return, 23.0, 25.0)
        ]
    );
    assert_eq!(
        audio.topics[0].load.stretches,
        [even(100.0, 3.0), even(800.0, 20.0), even(100.0, 2.0)]
    );
    assert_eq!(audio.targets.return_s, None);
    assert_eq!(audio.topics[0].configuration["retention.bytes"], "33554432");
    assert_eq!(audio.broker_properties["log.segment.delete.delay.ms"], "100");
    let motion = trial(Wish::default(), "motion-before-batching");
    assert_eq!(
        kinds(&motion.phases),
        [(PhaseKind::WarmUp, 0.0, 5.0), (PhaseKind::Steady, 5.0, 45.0)]
    );
    assert_eq!(motion.topics[0].load.stretches, [even(500.0, 45.0)]);
    let vision = trial(Wish::default(), "vision-before-limits");
    for topic in &vision.topics {
        assert_eq!(
            topic.load.stretches,
            [even(2.0, 3.0), even(30.0, 10.0), even(2.0, 2.0)],
            "shared out evenly"
        );
    }
}

#[test]
fn a_service_gets_its_rate_its_peak_and_its_rate_again() {
    let filter = trial(Wish::default(), "motion-event-filter");
    assert_eq!(
        kinds(&filter.phases),
        [
            (PhaseKind::WarmUp, 0.0, 5.0),
            (PhaseKind::Steady, 5.0, 40.0),
            (PhaseKind::Burst, 40.0, 52.0),
            (PhaseKind::Return, 52.0, 60.0)
        ]
    );
    assert_eq!(
        filter.topics[0].load.stretches,
        [even(1_000.0, 40.0), even(5_000.0, 12.0), even(1_000.0, 8.0)]
    );
    // 11.5 h until the next one, of which a peak of 12 s instead of half an hour gets its part.
    assert_eq!(filter.targets.return_s, Some(276.0));
    let short = trial(
        Wish {
            steady_s: Some(10.0),
            ..Wish::default()
        },
        "motion-event-filter",
    );
    assert_eq!(short.phases[1].to_s, 15.0);
    let rare = Wish {
        speed: lagproof::harness::plan::SpeedWish::Exactly(1.0),
        ..Wish::default()
    };
    let rare = trial(rare, "face-emotion");
    assert_eq!(
        rare.phases[1].to_s - rare.phases[1].from_s,
        120.0,
        "longer where records are few"
    );
    assert!(rare.notes[0].starts_with("steady for"), "{:?}", rare.notes);
    let rarest = Wish {
        speed: lagproof::harness::plan::SpeedWish::Exactly(1.0),
        ..Wish::default()
    };
    assert_eq!(
        trial(rarest, "scheduled-consumers").notes[0],
        "too few records for a verdict on lag: 2 min at 0.09 a second; give --duration 12min, or a higher --speed where the \
         worker imitates the work"
    );
}

#[test]
fn a_ramp_and_a_recorded_series_take_the_declared_rates_place() {
    let ramp = LoadWish::Ramp {
        from: 10.0,
        to: 100.0,
        seconds: 20.0,
    };
    let ramp = trial(
        Wish {
            load: ramp,
            ..Wish::default()
        },
        "motion-event-filter",
    );
    assert_eq!(
        kinds(&ramp.phases),
        [
            (PhaseKind::WarmUp, 0.0, 5.0),
            (PhaseKind::Burst, 5.0, 25.0),
            (PhaseKind::Return, 25.0, 33.0)
        ]
    );
    assert_eq!(
        ramp.topics[0].load.stretches[1],
        Stretch {
            from_rate: 10.0,
            to_rate: 100.0,
            seconds: 20.0
        }
    );
    let points = parse_series("seconds,rate\n0,100\n30,110\n60,500\n70,100\n90,100\n").unwrap();
    let replay = trial(
        Wish {
            load: LoadWish::Replay(points),
            ..Wish::default()
        },
        "motion-event-filter",
    );
    assert_eq!(
        kinds(&replay.phases),
        [
            (PhaseKind::WarmUp, 0.0, 5.0),
            (PhaseKind::Steady, 5.0, 65.0),
            (PhaseKind::Burst, 65.0, 75.0),
            (PhaseKind::Return, 75.0, 115.0)
        ]
    );
}

#[test]
fn series_are_read_with_care() {
    let both = [
        Point {
            seconds: 0.0,
            rate: 1.5,
        },
        Point {
            seconds: 10.0,
            rate: 0.0,
        },
    ];
    assert_eq!(parse_series("0,1.5\r\n# a comment\n\n10, 0\r\n").unwrap(), both);
    let json = "{\"seconds\": 0, \"rate\": 1.5}\n{\"seconds\": 10, \"rate\": 0}\n";
    assert_eq!(parse_series(json).unwrap(), both);
    assert_eq!(parse_series("\u{feff}time,rate\n0,1.5\n10,0\n").unwrap(), both);
    for (text, message) in [
        ("", "a series has at least two points"),
        ("0,1\n", "a series has at least two points"),
        ("0,1\n0,2\n", "line 2: its seconds do not rise"),
        ("0,1\n1,-2\n", "line 2: seconds and rates are finite"),
        ("0,1\n1,NaN\n", "line 2: seconds and rates are finite"),
        ("0,1\n1,two\n", "line 2: `1,two` is not seconds and a rate"),
        ("a,b\nc,d\n0,1\n1,1\n", "line 2: `c,d` is not seconds and a rate"),
        ("{\"seconds\":0,\"rat\":1}\n", "line 1: unknown field `rat`"),
        ("0,0\n1,0\n", "all rates are 0"),
    ] {
        let error = parse_series(text).unwrap_err().to_string();
        assert!(error.starts_with(message), "{text:?}: {error}");
    }
}

#[test]
fn faults_are_read_and_placed() {
    let kind = |text: &str| parse_fault(text).unwrap();
    assert_eq!(
        (kind("worker-killed").kind, kind("worker-killed").at_s),
        (FaultKind::WorkerKilled, None)
    );
    assert_eq!(kind("broker-restarted@20s").at_s, Some(20.0));
    assert_eq!(
        kind("downstream-stall:3s@10s").kind,
        FaultKind::DownstreamStall { seconds: 3.0 }
    );
    assert_eq!(kind("replica-added").kind, FaultKind::ReplicaAdded { seconds: 5.0 });
    for wrong in [
        "",
        "worker-kiled",
        "worker-killed@soon",
        "worker-killed@20",
        "poison-record:3s",
        "downstream-stall:@1s",
    ] {
        let error = parse_fault(wrong).unwrap_err();
        assert!(!error.message.is_empty() && !error.help.is_empty(), "{wrong}");
    }
    let faults = [
        "downstream-stall:3s@10s",
        "poison-record",
        "slow-record",
        "worker-killed",
    ];
    let wish = Wish {
        faults: faults.map(kind).to_vec(),
        ..Wish::default()
    };
    let tried = trial(wish, "motion-event-filter");
    let moments: Vec<f64> = tried.faults.iter().map(|fault| fault.at_s).collect();
    // In the middle of what is judged, and each once what came of the one before is over: here, 7.6 s after a poison record
    // and 109 s after one that takes 62 s and has its worker thrown out.
    let [stall, poison, slow, killed] = moments[..] else {
        panic!("{moments:?}")
    };
    assert_eq!((stall, poison), (10.0, 22.5));
    assert!(
        (slow - poison - 7.6).abs() < 0.1 && (killed - slow - 109.0).abs() < 1.0,
        "{moments:?}"
    );
    let steady = &tried.phases[1];
    assert!(
        steady.kind == PhaseKind::Steady && steady.to_s > killed + 35.0 + 17.5,
        "{steady:?}"
    );
    let load = &tried.topics[0].load;
    assert_eq!((&load.poison_at_us[..], load.slow_at_us.len()), (&[22_500_000][..], 1));
    assert_eq!(tried.sides[0].work.stalls_us, [(10_000_000, 13_000_000)]);
    assert_eq!(
        tried.sides[0].work.slow_us, 62_000_000,
        "two seconds above the poll interval"
    );
    let late = Wish {
        faults: vec![kind("worker-killed@2min")],
        names: vec!["motion-event-filter".to_owned()],
        ..Wish::default()
    };
    let error = make_plan(model(), &late).unwrap_err();
    assert!(matches!(error, PlanError::Unfit(_)), "{error}");
}

#[test]
fn records_are_large_enough_for_the_harness() {
    let mut small = model().clone();
    let topic = small.topics.get_mut("device.sensor.accelerometer.raw").unwrap();
    topic.record_mean.as_mut().unwrap().value = lagproof::units::Size(12);
    topic.record_max.as_mut().unwrap().value = lagproof::units::Size(20);
    let wish = Wish {
        names: vec!["step-counter".to_owned()],
        ..Wish::default()
    };
    let plan = make_plan(&small, &wish).unwrap();
    let size = plan.trials[0].topics[0].load.size;
    assert_eq!((size.mean, size.max), (RECORD_HEADER as u64, RECORD_HEADER as u64));
    assert!(
        plan.trials[0]
            .notes
            .iter()
            .any(|note| note.contains("raised to 40 bytes"))
    );
}

#[test]
fn sides_alternate() {
    use Side::{After, Before};
    let order = |runs| {
        let wish = Wish {
            comparison: Comparison::BeforeAfter,
            runs,
            ..Wish::default()
        };
        trial(wish, "motion-before-batching").order
    };
    assert_eq!(order(None), [Before, After, After, Before]);
    assert_eq!(order(Some(1)), [Before, After]);
    assert_eq!(order(Some(3)), [Before, After, After, Before, Before, After]);
    assert_eq!(
        trial(
            Wish {
                runs: Some(2),
                ..Wish::default()
            },
            "step-counter"
        )
        .order,
        [After, After]
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]
    #[test]
    fn whatever_was_recorded_is_replayed_whole(
        steps in prop::collection::vec((0.5..40.0_f64, 0.0..5_000.0_f64), 2..20),
        speed in prop::sample::select(vec![1.0, 2.0, 8.0]),
    ) {
        let mut at = -3.0;
        let points: Vec<Point> = steps
            .iter()
            .map(|(length, rate)| {
                at += length;
                Point { seconds: at, rate: rate + 1.0 }
            })
            .collect();
        let wish = Wish {
            load: LoadWish::Replay(points.clone()),
            speed: lagproof::harness::plan::SpeedWish::Exactly(speed),
            ..Wish::default()
        };
        let tried = trial(wish, "gps-geocoding-consumer");
        let stretches = &tried.topics[0].load.stretches;
        let seconds: f64 = stretches.iter().map(|stretch| stretch.seconds).sum();
        prop_assert!((seconds - tried.seconds()).abs() < 1e-6);
        let pairs = || points.windows(2).map(|pair| (pair[0].rate, pair[1].seconds - pair[0].seconds));
        let last = pairs().next_back().expect("two points").1;
        let recorded: f64 = pairs().map(|(rate, seconds)| rate * seconds).sum::<f64>()
            + points.last().expect("two points").rate * last;
        let warm_up = points[0].rate * speed * 5.0;
        let sent: f64 = stretches.iter().map(|stretch| stretch.from_rate * stretch.seconds).sum();
        prop_assert!((sent - warm_up - recorded).abs() < 1e-6 * sent, "{sent} of {recorded} and {warm_up}");
        for pair in tried.phases.windows(2) {
            prop_assert_eq!(pair[0].to_s, pair[1].from_s);
        }
    }

    #[test]
    fn every_trial_runs_once_and_no_wave_is_too_full(
        needs in prop::collection::vec((0.0..3.0_f64, any::<bool>()), 0..30),
        cores in 1..16_u32,
    ) {
        let needs: Vec<(f64, Company)> = needs
            .into_iter()
            .map(|(need, alone)| (need, if alone { Company::Alone } else { Company::Welcome }))
            .collect();
        let waves = waves(&needs, cores);
        let mut all = waves.concat();
        all.sort_unstable();
        prop_assert_eq!(all, (0..needs.len()).collect::<Vec<_>>());
        for wave in waves.iter().filter(|wave| wave.len() > 1) {
            prop_assert!(wave.iter().all(|at| needs[*at].1 == Company::Welcome));
            let sum: f64 = wave.iter().map(|at| needs[*at].0).sum();
            prop_assert!(sum <= f64::from(cores) * 0.5 + 1e-9);
        }
    }
}
