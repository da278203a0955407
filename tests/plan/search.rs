//! Searches over simulated services.

use std::convert::Infallible;

use lagproof::harness::plan::{Comparison, Side, Trial, Variant, Wish, defaults_put_back, defaults_side, put_backs};
use lagproof::harness::search::{STEP, Stopped, find_limit, put_back};
use lagproof::harness::verdict::{SideOutcome, Verdict, judge};

use super::made::Service;
use super::verdicts::{filter, motion};
use super::{model, trial};

fn outcome(trial: &Trial, service: &Service) -> SideOutcome {
    let recordings = vec![service.runs(trial, Side::After, 3)];
    SideOutcome {
        judgement: judge(trial, Side::After, &recordings),
        recordings,
    }
}

#[test]
fn the_limit_is_found_from_below_and_from_above() {
    for capacity in [37.0, 700.0, 9_000.0] {
        let run = |probe: &Trial| Ok::<_, Infallible>(outcome(probe, &Service::of_capacity(capacity)));
        let limit = find_limit(&filter(), 1_000.0, run);
        assert_eq!(limit.stopped, Stopped::Found, "{capacity}: {limit:?}");
        let (holds, fails) = (limit.holds.unwrap(), limit.fails.unwrap());
        assert!(holds < fails && fails <= holds * STEP, "{capacity}: {holds} to {fails}");
        assert!((holds / capacity - 1.0).abs() < 0.08, "{capacity}: {holds} to {fails}");
        assert!(limit.probes.len() <= 14, "{}", limit.probes.len());
        assert!(limit.probes.iter().all(|probe| probe.verdict != Verdict::Invalid));
    }
}

#[test]
fn a_harness_that_gives_out_ends_the_search() {
    let run = |probe: &Trial| {
        let mut outcome = outcome(probe, &Service::of_capacity(1e9));
        let rate = probe.topics[0].load.stretches[0].from_rate;
        if rate > 5_000.0 {
            outcome.recordings[0].cpu_wait = Some(0.5);
        }
        outcome.judgement = judge(probe, Side::After, &outcome.recordings);
        Ok::<_, Infallible>(outcome)
    };
    let limit = find_limit(&filter(), 1_000.0, run);
    assert_eq!(limit.holds, Some(4_000.0));
    assert!(matches!(limit.stopped, Stopped::HarnessGaveOut { .. }), "{limit:?}");
}

#[test]
fn a_service_that_holds_nothing_is_said_to() {
    let hopeless = Service {
        in_hand: 500.0,
        ..Service::quick()
    };
    let run = |probe: &Trial| Ok::<_, Infallible>(outcome(probe, &hopeless));
    let limit = find_limit(&filter(), 100_000.0, run);
    assert_eq!(limit.holds, None);
    assert_eq!(limit.stopped, Stopped::NothingHeld);
}

#[test]
fn an_error_ends_the_search_with_what_is_known() {
    let mut left = 2;
    let limit = find_limit(&filter(), 1_000.0, |probe: &Trial| {
        left -= 1;
        if left < 0 {
            return Err("the broker is gone");
        }
        Ok(outcome(probe, &Service::of_capacity(9_000.0)))
    });
    assert_eq!((limit.holds, limit.fails, limit.probes.len()), (Some(2_000.0), None, 2));
    let because = "the broker is gone".to_owned();
    assert_eq!(limit.stopped, Stopped::Ended { because });
}

#[test]
fn a_busy_moment_is_no_limit() {
    let mut tries = 0;
    let limit = find_limit(&filter(), 1_000.0, |probe: &Trial| {
        let mut outcome = outcome(probe, &Service::of_capacity(3_000.0));
        tries += 1;
        if tries % 3 == 0 {
            outcome.recordings[0].cpu_wait = Some(0.5);
            outcome.judgement = judge(probe, Side::After, &outcome.recordings);
        }
        Ok::<_, Infallible>(outcome)
    });
    assert_eq!(limit.stopped, Stopped::Found, "{limit:?}");
    assert!(limit.holds.is_some_and(|holds| (2_500.0..3_000.0).contains(&holds)));
}

#[test]
fn each_setting_of_the_baseline_is_put_back_alone() {
    let wish = Wish {
        comparison: Comparison::BeforeAfter,
        ..Wish::default()
    };
    let named = |name: &str| -> Vec<String> {
        let of = trial(wish.clone(), name);
        let variants = put_backs(model(), &wish, &of).unwrap();
        for variant in &variants {
            assert_eq!(variant.trial.order, [Side::After]);
            assert_eq!(variant.trial.topics, of.topics, "the same load");
            assert_eq!(variant.trial.broker_properties, of.broker_properties);
            let after = of.sides.iter().find(|side| side.side == Side::After).unwrap();
            assert_ne!(&variant.trial.sides[0], after, "{}", variant.setting);
        }
        let words = |v: &Variant| format!("{} {} ← {}", v.setting, v.before, v.after);
        variants.iter().map(words).collect()
    };
    assert_eq!(named("motion-before-batching"), ["max_poll_records 1 ← 500"]);
    assert_eq!(
        named("audio-before-large-fetches"),
        ["max_poll_records 10 ← 500", "fetch_max 5MiB ← 50MiB"]
    );
    assert_eq!(
        named("vision-before-limits"),
        [
            "fetch_max_wait 500ms ← 100ms",
            "fetch_max 50MiB ← 8MiB",
            "max_partition_fetch 1MiB ← 2MiB",
            "message_max 1MB ← 8MiB",
            "queued_max 64000KiB ← 4000KiB",
            "fetch_queue_backoff 1s ← 100ms",
            "commit on-receipt ← after-batch",
            "concurrency unbounded ← 1",
            "handler thread ← inline",
        ]
    );
}

#[test]
fn what_brings_the_failure_back_comes_first() {
    let wish = Wish {
        comparison: Comparison::BeforeAfter,
        ..Wish::default()
    };
    let of = trial(wish.clone(), "audio-before-large-fetches");
    let variants = put_backs(model(), &wish, &of).unwrap();
    let run = |variant: &Variant| {
        let variant = &variant.trial;
        let slow = Service {
            retained: 4_000.0,
            ..Service::of_capacity(350.0)
        };
        let quick = Service::quick();
        let batches = variant.sides[0].max_poll_records > 10;
        Ok::<_, Infallible>(outcome(variant, if batches { &quick } else { &slow }))
    };
    let reversed: Vec<_> = variants.iter().rev().cloned().collect();
    // Where the compiled side fails, what holds makes the difference.
    let mut helping = Vec::new();
    put_back(&variants, Verdict::Fail, run, &mut helping).unwrap();
    assert_eq!(helping[0].verdict, Verdict::Pass, "{helping:?}");
    let mut found = Vec::new();
    put_back(&reversed, Verdict::Pass, run, &mut found).unwrap();
    let told: Vec<(String, Verdict)> = found.into_iter().map(|one| (one.setting, one.verdict)).collect();
    assert_eq!(
        told,
        [
            ("max_poll_records".to_owned(), Verdict::Fail),
            ("fetch_max".to_owned(), Verdict::Pass)
        ]
    );
}

#[test]
fn the_clients_defaults_are_a_side_of_their_own() {
    let wish = Wish::default();
    let of = trial(wish.clone(), "gps-geocoding-consumer");
    let defaults = defaults_side(model(), &wish, &of).unwrap();
    assert_eq!(defaults.speed, of.speed);
    assert_eq!(defaults.sides[0].max_poll_records, 500);
    assert_eq!(defaults.sides[0].properties["enable.auto.commit"], "true");
    assert_eq!(defaults.sides[0].work, of.sides[0].work, "the same work");
    for name in ["gps-geocoding-consumer", "gemma3n-processor", "scheduled-consumers"] {
        let of = trial(wish.clone(), name);
        let defaults = defaults_side(model(), &wish, &of).unwrap();
        let ms = |key: &str| defaults.sides[0].properties[key].parse::<u64>().unwrap();
        assert!(
            ms("session.timeout.ms") >= 1_000,
            "a shorter session never joins: {name}"
        );
        assert_eq!(
            defaults.broker_properties["group.min.session.timeout.ms"], "1000",
            "{name}"
        );
    }
    let variants = defaults_put_back(model(), &wish, &of).unwrap();
    assert!(variants.iter().any(|variant| variant.setting == "max_poll_records"));
    let motion = motion();
    assert!(put_backs(model(), &wish, &motion).is_ok());
    let none = put_backs(
        model(),
        &wish,
        &Trial {
            case: Some("gone".to_owned()),
            ..motion
        },
    );
    assert!(none.is_err());
}
