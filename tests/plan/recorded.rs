//! Verdicts on what was really recorded: the three cases and a service on an idle machine of two cores, and one on a busy one.
//!
//! Each file holds a trial's plan and its recordings, as `verify` wrote them into `report.json` and `samples/`.

use std::fs::File;
use std::path::Path;

use lagproof::harness::plan::{Side, Trial};
use lagproof::harness::recording::Recording;
use lagproof::harness::verdict::{Kpi, Mechanism, SideJudgement, Verdict, judge};
use serde::Deserialize;

use super::verdicts::of;

#[derive(Deserialize)]
struct Recorded {
    plan: Trial,
    recordings: Vec<Recording>,
}

fn recorded(name: &str) -> Recorded {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/recordings");
    let file = File::open(folder.join(format!("{name}.json"))).unwrap();
    serde_json::from_reader(file).unwrap()
}

impl Recorded {
    fn judged(&self, side: Side) -> SideJudgement {
        judge(&self.plan, side, &self.recordings)
    }
}

/// A line a side: the verdict, what was measured of lag, loss and memory, and why it failed.
fn told(name: &str) -> String {
    let recorded = recorded(name);
    let sides = recorded.plan.sides.iter().map(|plan| {
        let judged = recorded.judged(plan.side);
        let measured = [Kpi::Lag, Kpi::Throughput, Kpi::Loss, Kpi::Memory].map(|kpi| {
            let one = of(&judged, kpi);
            format!("{} {:?}", one.measured, one.verdict)
        });
        let causes: Vec<Mechanism> = judged.causes.iter().map(|cause| cause.mechanism).collect();
        format!(
            "{:?} {:?}: {} {causes:?}\n",
            plan.side,
            judged.verdict,
            measured.join(", ")
        )
    });
    sides.collect()
}

#[test]
fn motion_fails_by_lag_and_passes() {
    insta::assert_snapshot!(told("motion-before-batching"));
}

#[test]
fn vision_is_killed_by_its_memory_limit_and_passes() {
    insta::assert_snapshot!(told("vision-before-limits"));
}

#[test]
fn audio_loses_records_to_retention_and_passes() {
    insta::assert_snapshot!(told("audio-before-large-fetches"));
}

#[test]
fn a_compressed_service_passes() {
    let recorded = recorded("kyutai-stt");
    assert!(recorded.plan.speed > 1.0);
    insta::assert_snapshot!(told("kyutai-stt"));
}

/// The same load beside a busy neighbour: the load was late, and nothing is said of the service.
#[test]
fn on_a_busy_machine_nothing_is_known() {
    let judged = recorded("audio-on-a-busy-machine").judged(Side::After);
    assert_eq!(judged.verdict, Verdict::Invalid);
    let lag = of(&judged, Kpi::Throughput);
    assert!(
        lag.because.contains("was sent 46 ms late or more, 25 are the most"),
        "{}",
        lag.because
    );
}

/// Twenty seconds of what passes in full are too little to say anything of its lag.
#[test]
fn a_part_of_it_is_too_little() {
    let mut recorded = recorded("motion-before-batching");
    for run in &mut recorded.recordings {
        run.moments.retain(|moment| moment.at_s < 20.0);
    }
    let judged = recorded.judged(Side::After);
    assert_eq!(of(&judged, Kpi::Lag).verdict, Verdict::Inconclusive);
    // Of the other side, what failed has failed: records were lost to nobody, but the lag was past the target already.
    assert_ne!(of(&recorded.judged(Side::Before), Kpi::Lag).verdict, Verdict::Pass);
}
