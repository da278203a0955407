//! The four proofs of every service, and what they say of the three cases.

use lagproof::model::case::Case;
use lagproof::model::service::Run;
use lagproof::project::prove_services;
use lagproof::proofs::Verdict;
use lagproof::proofs::capacity::BUSY;
use lagproof::proofs::inputs::{Inputs, Proofs};

use super::model;

#[test]
fn all_four_hold_for_every_service() {
    let proven = prove_services(model(), &[]);
    assert_eq!(proven.len(), model().services.len());
    for service in &proven {
        for proof in service.proofs.all() {
            assert_eq!(proof.verdict, Verdict::Holds, "{}: {proof:?}", service.service.name);
        }
    }
}

#[test]
fn no_service_is_busier_at_its_peak_than_it_should_be_and_most_have_something_to_do() {
    let mut loaded = 0;
    for service in prove_services(model(), &[]) {
        let numbers = service
            .proofs
            .capacity
            .numbers
            .as_ref()
            .expect("everything is declared");
        let peak = numbers.hottest.unwrap_or(numbers.even).rho_peak;
        assert!(peak <= BUSY, "{}: ρ = {peak} at the peak", service.service.name);
        loaded += usize::from(peak > 0.3);
    }
    assert!(loaded >= 8, "for only {loaded} services does capacity matter");
}

fn prove(case: &Case, run: &Run) -> Proofs {
    let topics: Vec<_> = case.topics.iter().collect();
    Inputs::new(&case.service, run, &topics, &case.broker, case.service.replicas.value).prove()
}

/// Records a second that the before side and the after side can process.
fn capacities(name: &str) -> (f64, f64) {
    let case = model().cases.iter().find(|case| case.name == name).expect("a case");
    let before = case.service.baseline.as_ref().expect("a before side");
    let capacity = |run: &Run| {
        prove(case, run)
            .capacity
            .numbers
            .expect("everything is declared")
            .capacity
    };
    (capacity(before), capacity(&case.service.run))
}

#[test]
fn the_load_of_the_cases_lies_between_before_and_after() {
    let (before, after) = capacities("motion-before-batching");
    assert!(before < 70.0 && after > 5_000.0, "{before} {after}");
    let (before, after) = capacities("audio-before-large-fetches");
    assert!(before < 400.0 && after > 800.0, "{before} {after}");
}

#[test]
fn vision_has_no_bound_on_memory_before_and_stays_inside_it_after() {
    let case = model()
        .cases
        .iter()
        .find(|case| case.name == "vision-before-limits")
        .expect("a case");
    let before = prove(case, case.service.baseline.as_ref().expect("a before side"));
    assert_eq!(before.memory.proof.verdict, Verdict::Broken);
    let after = prove(case, &case.service.run);
    assert_eq!(after.memory.proof.verdict, Verdict::Holds, "{:?}", after.memory);
    assert!(
        after.memory.total.expect("everything is declared") < 64e6,
        "measured: 46 MiB at most"
    );
}
