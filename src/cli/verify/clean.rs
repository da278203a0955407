//! `lagproof verify --clean`: what killed runs left, here and on other people's clusters.

use crate::broker::{Admin, BrokerError, Connection, Run, Surroundings, clean, sweep_containers, sweep_folders};
use crate::harness::launch::sweep_groups;

use super::super::Global;
use super::super::output::{Exit, fail, note, print};

/// Finishes what kills left, and says what it was.
pub(super) fn run(global: &Global) -> Result<Exit, Exit> {
    let surroundings = Surroundings::of_process();
    let refused = |error: BrokerError| fail(&error.to_string(), &error.help());
    let journals = surroundings.state().map_err(refused)?;
    let (_, project) = global.load()?;
    let environments = project.model.map(|model| model.environments).unwrap_or_default();
    let mut connect = |run: &Run| -> Result<Admin, BrokerError> {
        let declared = environments
            .iter()
            .find(|environment| environment.name == run.environment);
        let connection = match declared {
            Some(environment) => Connection::declared(environment, &surroundings)?,
            // It is not declared any more: the journal knows where it was, and whether it is the same is checked.
            None => Connection::plain(&run.bootstrap),
        };
        Admin::connect(&connection)
    };
    let cleaned = clean(&journals, &mut connect, &mut |leaving| note(&leaving.to_string())).map_err(refused)?;
    for (run, names) in &cleaned.runs {
        print(&format!(
            "removed   {names} topics and groups of run {} from {}\n",
            run.id, run.environment
        ));
    }
    for folder in sweep_folders().map_err(refused)? {
        print(&format!("removed   {}\n", folder.display()));
    }
    for container in sweep_containers().unwrap_or_default() {
        print(&format!("removed   the container {container}\n"));
    }
    for group in sweep_groups() {
        print(&format!("removed   the control group {}\n", group.display()));
    }
    if cleaned.running > 0 {
        print(&format!("left      {} that still run\n", cleaned.running));
    }
    if cleaned.failed.is_empty() {
        return Ok(Exit::Clean);
    }
    let mut exit = Exit::Clean;
    for error in cleaned.failed {
        exit = refused(error);
    }
    Ok(exit)
}
