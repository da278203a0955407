//! What an outcome leaves as evidence.

use std::collections::BTreeMap;

use crate::evidence::{BrokerEvidence, Evidence, FORMAT, MachineEvidence, TargetEvidence};
use crate::history::{Digest, proof_digest, proof_inputs};
use crate::model::project::Model;

use super::outcome::{Outcome, TrialOutcome};
use super::plan::Side;
use super::verdict::kpi_words;

/// The evidence of one trial, or nothing where it is none: of a case, of a run that was cut short, of fewer runs than
/// planned, on a mock, and of a service that `model` does not have. `model` is the one that the plan was made from, as it
/// is in `environment`; `proven` is when it ended, in UTC.
#[must_use]
pub fn evidence_of(
    outcome: &Outcome,
    trial: &TrialOutcome,
    model: &Model,
    environment: Option<&str>,
    proven: &str,
) -> Option<Evidence> {
    let plan = &trial.trial;
    if plan.case.is_some() || outcome.broker.smoke_test || outcome.cut_short.is_some() || !plan.faults.is_empty() {
        return None;
    }
    let service = model.service(&plan.service)?;
    let side = trial.sides.iter().find(|side| side.judgement.side == Side::After)?;
    let first = side.recordings.first()?;
    let planned = plan.order.iter().filter(|of| **of == Side::After).count();
    if side.recordings.len() < planned || side.recordings.iter().any(|run| run.cut_short.is_some()) {
        return None;
    }
    let samples = serde_json::to_vec(&side.recordings).ok()?;
    let inputs: BTreeMap<String, String> = proof_inputs(model, service)
        .into_iter()
        .map(|(name, digest)| (name, digest.to_string()))
        .collect();
    Some(Evidence {
        format: FORMAT,
        service: service.name.clone(),
        version: service.version.value,
        verdict: trial.verdict.word().to_owned(),
        proven: proven.to_owned(),
        environment: environment.map(str::to_owned),
        client: first.client.clone(),
        declares: plan.declared_client.clone(),
        speed: plan.speed,
        seed: outcome.seed,
        lagproof: outcome.lagproof.clone(),
        samples: Digest::of_bytes(&samples).to_string(),
        proof: proof_digest(model, service).to_string(),
        broker: BrokerEvidence {
            kind: outcome.broker.kind.clone(),
            version: outcome.broker.version.clone(),
        },
        machine: MachineEvidence {
            system: outcome.machine.system.clone(),
            processor: outcome.machine.processor.clone(),
            cores: outcome.machine.cores,
            memory: outcome.machine.memory,
        },
        inputs,
        targets: side
            .judgement
            .judgements
            .iter()
            .map(|judgement| TargetEvidence {
                name: kpi_words(judgement.kpi).to_owned(),
                verdict: judgement.verdict.word().to_owned(),
                measured: judgement.measured.clone(),
                target: judgement.target.clone(),
            })
            .collect(),
    })
}
