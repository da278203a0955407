//! `lagproof check --evidence`: whether what was proven still stands.

use std::fmt::Write as _;
use std::path::Path;

use serde_json::json;

use crate::diagnostic::Format;
use crate::evidence::{Evidence, FOLDER};
use crate::project::{Project, Standing, StandingOf, standings};

use super::output::{Exit, fail, print};

/// Whether all that was looked at is proven, passed, and still stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Proven {
    /// All of it, or nothing could be looked at.
    All,
    /// Not all of it.
    NotAll,
}

/// Prints how the evidence of the services named, or of all, stands.
pub(super) fn print_evidence(
    root: &Path,
    project: &Project,
    services: &[String],
    format: Format,
) -> Result<Proven, Exit> {
    let Some(model) = &project.model else {
        // What could not be read is a finding, which is printed next.
        return Ok(Proven::All);
    };
    let all = standings(root, model, services);
    match format {
        Format::Human => print(&render(&all)),
        Format::Json => print(&format!("{:#}\n", as_json(&all))),
        _ => {
            return Err(fail(
                "how evidence stands is printed as human or json",
                "the other formats are of findings: leave --evidence out",
            ));
        }
    }
    let stands = |one: &StandingOf| matches!(one.standing, Standing::Stands { .. });
    Ok(if all.iter().all(stands) {
        Proven::All
    } else {
        Proven::NotAll
    })
}

/// One line a service that has something to say, then the count.
fn render(all: &[StandingOf]) -> String {
    let mut out = String::new();
    let mut stands = 0_usize;
    for StandingOf { service, standing } in all {
        let again = format!("lagproof verify {service}");
        let (word, what) = match standing {
            Standing::Stands { .. } => {
                stands += 1;
                continue;
            }
            Standing::DidNotPass { evidence } => ("not held", format!("{} on {}", evidence.verdict, evidence.proven)),
            Standing::Stale { evidence, changed } => (
                "stale",
                format!("{} changed since {}: {again}", changed.join(", "), proven(evidence)),
            ),
            Standing::EnvironmentGone { environment, .. } => (
                "stale",
                format!(
                    "it was proven in `{}`, which is no environment: {again}",
                    environment.escape_debug()
                ),
            ),
            Standing::Missing => ("missing", format!("never proven: {again}")),
            Standing::Unreadable(error) => ("unreadable", format!("its file in {FOLDER}/ {error}: {again}")),
        };
        let _ = writeln!(out, "{word:<11} {service}: {what}");
    }
    let _ = writeln!(out, "evidence    of {} of {} services stands", stands, all.len());
    out
}

/// `2026-11-25T14:35:12Z (PASS)`.
fn proven(evidence: &Evidence) -> String {
    let word = |text: &str| text.escape_debug().to_string();
    format!("{} ({})", word(&evidence.proven), word(&evidence.verdict))
}

fn as_json(all: &[StandingOf]) -> serde_json::Value {
    let one = |StandingOf { service, standing }: &StandingOf| match standing {
        Standing::Stands { evidence } => json!({ "service": service, "standing": "stands", "evidence": evidence }),
        Standing::DidNotPass { evidence } => {
            json!({ "service": service, "standing": "did-not-pass", "evidence": evidence })
        }
        Standing::Stale { evidence, changed } => {
            json!({ "service": service, "standing": "stale", "changed": changed, "evidence": evidence })
        }
        Standing::EnvironmentGone { evidence, environment } => json!({
            "service": service, "standing": "environment-gone", "environment": environment, "evidence": evidence,
        }),
        Standing::Missing => json!({ "service": service, "standing": "missing" }),
        Standing::Unreadable(error) => {
            json!({ "service": service, "standing": "unreadable", "error": error.to_string() })
        }
    };
    json!({ "services": all.iter().map(one).collect::<Vec<_>>() })
}
