//! What an outcome leaves as evidence, and what is none.

use lagproof::evidence::Evidence;
use lagproof::harness::evidence::evidence_of;
use lagproof::harness::outcome::{BrokerFacts, FORMAT, MachineFacts, Outcome, TrialOutcome};
use lagproof::harness::plan::{FaultKind, FaultPlan, Side, Trial, Wish};
use lagproof::harness::verdict::{SideOutcome, Verdict, judge};

use super::made::Service;
use super::{model, trial};

fn outcome(trial: Trial) -> Outcome {
    let recordings = vec![Service::quick().runs(&trial, Side::After, 1)];
    let judgement = judge(&trial, Side::After, &recordings);
    Outcome {
        format: FORMAT,
        lagproof: "0.1.0".to_owned(),
        project: "loom".to_owned(),
        started_us: 1_700_000_000_000_000,
        seconds: 70.0,
        seed: 7,
        broker: BrokerFacts {
            kind: "docker".to_owned(),
            what: "Apache Kafka 4.3.1 in docker".to_owned(),
            version: "4.3.1".to_owned(),
            why: "it is there".to_owned(),
            smoke_test: false,
        },
        machine: MachineFacts {
            system: "Linux 6".to_owned(),
            processor: "a processor".to_owned(),
            cores: 2,
            memory: 8 << 30,
        },
        trials: vec![TrialOutcome {
            verdict: judgement.verdict,
            sides: vec![SideOutcome { judgement, recordings }],
            trial,
            put_back: Vec::new(),
            limits: Vec::new(),
            evidence: None,
        }],
        left_out: Vec::new(),
        cut_short: None,
    }
}

fn left_by(outcome: &Outcome) -> Option<Evidence> {
    evidence_of(outcome, &outcome.trials[0], model(), None, "2026-01-01T00:00:00Z")
}

#[test]
fn a_service_that_was_tried_leaves_evidence() {
    let outcome = outcome(trial(Wish::default(), "silero-vad"));
    let evidence = left_by(&outcome).expect("evidence");
    assert_eq!(
        (evidence.service.as_str(), evidence.verdict.as_str()),
        ("silero-vad", Verdict::Pass.word())
    );
    assert_eq!(
        (evidence.client.as_str(), evidence.declares.as_str()),
        ("librdkafka 2.12.1", "aiokafka")
    );
    assert_eq!(evidence.targets.len(), 9);
    assert!(evidence.inputs.contains_key("topics.\"device.audio.raw\""));
    assert_eq!(Evidence::from_toml(&evidence.to_toml()), Ok(evidence.clone()));
    assert_eq!(
        left_by(&outcome),
        Some(evidence.clone()),
        "the same samples have the same hash"
    );
    let mut other = outcome;
    other.trials[0].sides[0].recordings[0].account.duplicated = 1;
    assert_ne!(left_by(&other).expect("evidence").samples, evidence.samples);
}

#[test]
fn what_proves_nothing_of_a_service_leaves_none() {
    assert_eq!(
        left_by(&outcome(trial(Wish::default(), "motion-before-batching"))),
        None,
        "a case"
    );
    let of = || outcome(trial(Wish::default(), "silero-vad"));
    let mut smoke = of();
    smoke.broker.smoke_test = true;
    assert_eq!(left_by(&smoke), None);
    let mut cut = of();
    cut.cut_short = Some("Ctrl-C".to_owned());
    assert_eq!(left_by(&cut), None);
    let mut faulty = of();
    faulty.trials[0].trial.faults = vec![FaultPlan {
        kind: FaultKind::WorkerKilled,
        at_s: 20.0,
    }];
    assert_eq!(left_by(&faulty), None, "with faults it is another question");
    let mut unknown = of();
    unknown.trials[0].trial.service = "gone".to_owned();
    assert_eq!(left_by(&unknown), None);
}
