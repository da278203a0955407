//! The reference cases.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use lagproof::broker::{Caps, Options, Storage, Wanted};
use lagproof::harness::launch::{Local, Program};
use lagproof::harness::plan::{Comparison, Wish, make_plan};
use lagproof::harness::progress::Silent;
use lagproof::harness::protocol::Stop;
use lagproof::harness::run::{Ground, run_side};
use lagproof::project::Project;

#[test]
fn numbers() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let project = Project::load(root, &jiff::civil::date(2026, 11, 26)).unwrap();
    let only = std::env::var("CASE").unwrap();
    let wish = Wish {
        names: vec![only],
        comparison: Comparison::BeforeAfter,
        ..Wish::default()
    };
    let plan = make_plan(project.model.as_ref().unwrap(), &wish).unwrap();
    let trial = &plan.trials[0];
    let options = Options {
        properties: trial.broker_properties.clone(),
        storage: Storage::Memory { room: lagproof::units::Size(4 << 30) },
        ..Options::default()
    };
    let broker = super::support::start(Wanted::Local, &options).unwrap();
    broker.warm_up().unwrap();
    let broker = Arc::new(Mutex::new(broker));
    let launcher = Local::new(Program { lagproof: PathBuf::from(env!("CARGO_BIN_EXE_lagproof")), worker: None }).unwrap();
    let ground = Ground {
        broker,
        launcher: &launcher,
        listener: &Silent,
        stop: &Stop::new(),
        caps: Caps::default(),
        journals: Path::new("/no/such"),
        load_shards: 1,
        seed: 7,
    };
    for side in &trial.sides {
        let recording = run_side(&ground, trial, side).unwrap();
        let lags: Vec<String> = recording.moments.iter().map(|m| m.lag.map_or("-".into(), |l| l.to_string())).collect();
        println!("== {:?} {:?} {:?}", side.side, recording.account, recording.cut_short);
        println!("   seconds {} lag {}", recording.seconds, lags.join(" "));
        println!("   workers {:?}", recording.workers);
        println!("   rebalances {:?} errors {:?} cpu wait {:?} gap {}", recording.rebalances, recording.errors, recording.cpu_wait, recording.longest_poll_gap_s);
        let l = recording.measured_latency.decode().unwrap();
        let late = recording.lateness.decode().unwrap();
        println!("   latency p50 {:?} p99 {:?} lateness p99 {:?} max {:?}", l.quantile(0.5), l.quantile(0.99), late.quantile(0.99), late.max());
        println!("   memory {:?}", recording.moments.iter().flat_map(|m| m.memory.clone()).max());
        std::fs::write(format!("/tmp/rec-{}-{:?}.json", trial.name(), side.side), serde_json::to_string(&recording).unwrap()).unwrap();
    }
}
