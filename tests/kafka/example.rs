use std::error::Error;
use std::path::Path;

use lagproof::harness::session::{How, Proof, verify_service};
use lagproof::project::{Date, Project};

/// Proves one service of the project in `folder`.
pub fn prove(folder: &Path, service: &str, how: &How<'_>) -> Result<Proof, Box<dyn Error>> {
    let today = Date::constant(2026, 11, 26); // exceptions that ended before it are findings
    let project = Project::load(folder, &today)?;
    let model = project
        .model
        .as_ref()
        .ok_or("it does not compile: see `lagproof check`")?;
    Ok(verify_service(model, service, how)?)
}
