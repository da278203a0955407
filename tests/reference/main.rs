//! The reference project in this repository says what its requirements say: Loom v2, "Kafka Consumer Optimization -
//! Deployment Status". Its tables are copied here as they stand there, and compared with the resolved model.

mod assumptions;
mod cases;
mod matrix;
mod proofs;
mod services;
mod topics;

use std::path::Path;
use std::sync::OnceLock;

use jiff::civil::date;
use lagproof::model::project::Model;
use lagproof::model::service::Service;
use lagproof::project::Project;

/// The folder of the project.
fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The project, resolved.
fn model() -> &'static Model {
    static MODEL: OnceLock<Model> = OnceLock::new();
    MODEL.get_or_init(|| {
        let project = Project::load(root(), &date(2026, 1, 1)).expect("lagproof.toml is readable");
        project.model.expect("the shared files are readable")
    })
}

fn service(name: &str) -> &'static Service {
    model().service(name).unwrap_or_else(|| panic!("no profile of {name}"))
}

/// The rows of a Markdown table, without its head.
fn rows(table: &str) -> impl Iterator<Item = Vec<&str>> {
    table.trim().lines().skip(2).map(|line| {
        let line = line.trim().trim_matches('|');
        line.split('|').map(|cell| cell.trim().trim_matches('*')).collect()
    })
}

/// A duration as the document writes it: `60s`, `10 min`, `100ms`.
fn duration(text: &str) -> std::time::Duration {
    lagproof::units::parse_duration(&text.replace(' ', "")).expect("a duration")
}
