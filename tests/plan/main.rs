//! The harness's pure side: what a run does, how it is judged, what is searched for.

mod causes;
mod evidence;
mod faults;
mod floors;
mod loads;
mod made;
mod names;
mod recorded;
mod reference;
mod search;
mod sides;
mod stats;
mod validity;
mod verdicts;

use std::path::Path;
use std::sync::OnceLock;

use jiff::civil::date;
use lagproof::harness::plan::{Plan, Trial, Wish, make_plan};
use lagproof::model::project::Model;
use lagproof::project::Project;

/// The project of this repository, resolved.
fn model() -> &'static Model {
    static MODEL: OnceLock<Model> = OnceLock::new();
    MODEL.get_or_init(|| {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let project = Project::load(root, &date(2026, 1, 1)).expect("lagproof.toml is readable");
        project.model.expect("the shared files are readable")
    })
}

fn plan(wish: &Wish) -> Plan {
    make_plan(model(), wish).expect("a plan")
}

fn trial(wish: Wish, name: &str) -> Trial {
    let wish = Wish {
        names: vec![name.to_owned()],
        ..wish
    };
    let mut plan = plan(&wish);
    assert_eq!(plan.trials.len(), 1, "{name}");
    plan.trials.remove(0)
}
