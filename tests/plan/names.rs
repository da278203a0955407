//! What may be asked for.

use lagproof::harness::plan::{Comparison, PlanError, Wish, make_plan};

use super::model;

fn asked(names: &[&str], comparison: Comparison) -> Result<Vec<String>, PlanError> {
    let wish = Wish {
        names: names.iter().map(|name| (*name).to_owned()).collect(),
        comparison,
        ..Wish::default()
    };
    let plan = make_plan(model(), &wish)?;
    Ok(plan.trials.iter().map(|trial| trial.name().to_owned()).collect())
}

#[test]
fn services_and_cases_go_by_name() {
    let all = asked(&[], Comparison::CompiledOnly).unwrap();
    assert_eq!(all.len(), 11);
    let cases = asked(&[], Comparison::BeforeAfter).unwrap();
    assert_eq!(
        cases,
        [
            "audio-before-large-fetches",
            "motion-before-batching",
            "vision-before-limits"
        ]
    );
    let some = asked(
        &["step-counter", "vision-before-limits", "step-counter"],
        Comparison::CompiledOnly,
    )
    .unwrap();
    assert_eq!(some, ["step-counter", "vision-before-limits"], "each once");
}

#[test]
fn a_misspelt_name_is_told_with_the_nearest() {
    let error = asked(&["step-countr"], Comparison::CompiledOnly).unwrap_err();
    assert_eq!(error.to_string(), "there is no service or case `step-countr`");
    assert_eq!(error.help(), "did you mean step-counter?");
    let error = asked(&["\u{1b}[31mx"], Comparison::CompiledOnly).unwrap_err();
    assert!(!error.to_string().contains('\u{1b}'), "{error}");
}

#[test]
fn what_can_not_be_tried_is_said() {
    let wish = |names: &[&str], comparison| Wish {
        names: names.iter().map(|name| (*name).to_owned()).collect(),
        comparison,
        ..Wish::default()
    };
    let mut less = model().clone();
    let at = less
        .services
        .iter()
        .position(|service| service.name == "step-counter")
        .unwrap();
    std::sync::Arc::make_mut(&mut less.services[at])
        .run
        .processing
        .per_record = None;
    std::sync::Arc::make_mut(&mut less.services[at]).baseline = None;
    less.topics.get_mut("device.audio.raw").unwrap().rate = None;
    less.topics.get_mut("device.audio.raw").unwrap().peak = None;
    let error = make_plan(&less, &wish(&["step-counter"], Comparison::CompiledOnly)).unwrap_err();
    assert!(
        error.to_string().contains("nobody declares what a record costs"),
        "{error}"
    );
    let error = make_plan(&less, &wish(&["step-counter"], Comparison::BeforeAfter)).unwrap_err();
    assert!(error.to_string().contains("no baseline"), "{error}");
    let error = make_plan(&less, &wish(&["silero-vad"], Comparison::CompiledOnly)).unwrap_err();
    assert!(error.to_string().contains("none of its topics has a rate"), "{error}");
    // Nobody asked for these two: the others run, and it is said.
    let plan = make_plan(&less, &wish(&[], Comparison::CompiledOnly)).unwrap();
    assert_eq!(plan.trials.len(), 9);
    let left_out: Vec<&str> = plan.left_out.iter().map(|one| one.name.as_str()).collect();
    assert_eq!(left_out, ["silero-vad", "step-counter"]);
    assert!(lagproof::harness::plan::print(&plan).contains("left out  silero-vad: none of its topics has a rate"));
    less.services.retain(|service| service.name == "step-counter");
    let error = make_plan(&less, &wish(&[], Comparison::CompiledOnly)).unwrap_err();
    assert!(matches!(error, PlanError::Nothing { .. }), "{error}");
}

#[test]
fn a_name_of_two_things_is_refused() {
    let mut twice = model().clone();
    twice.cases[0].name = "step-counter".to_owned();
    let wish = Wish {
        names: vec!["step-counter".to_owned()],
        ..Wish::default()
    };
    assert!(matches!(make_plan(&twice, &wish), Err(PlanError::Ambiguous { .. })));
}

#[test]
fn a_group_of_several_services_runs_one_of_them() {
    let mut shared = model().clone();
    let group = shared.service("step-counter").unwrap().group.clone();
    let at = shared
        .services
        .iter()
        .position(|service| service.name == "motion-event-filter")
        .unwrap();
    std::sync::Arc::make_mut(&mut shared.services[at]).group = group;
    let wish = Wish {
        names: vec!["step-counter".to_owned()],
        ..Wish::default()
    };
    let trial = make_plan(&shared, &wish).unwrap().trials.remove(0);
    assert_eq!(trial.sides[0].replicas, 1);
    assert_eq!(
        trial.notes[0],
        "its group has members of motion-event-filter too: only its own replicas run"
    );
}
