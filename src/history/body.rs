//! Documents in a seed's body, found again.
//!
//! Lines of a body begin with white space, a bracket or a statement: documents are indented, and no text in them ends a
//! line. So a statement is found by how its line begins, without reading SQL.

use std::collections::HashMap;

use serde_json::Value as Json;

/// How the statement on a service begins.
pub const SERVICE_CALL: &str = "SELECT lagproof.seed_service_v1(";

/// How the statement on a service that is gone begins.
pub const RETIRE_CALL: &str = "SELECT lagproof.retire_service_v1(";

/// How the statement on a topic begins.
pub const TOPIC_CALL: &str = "SELECT lagproof.seed_topic_v1(";

/// The statements of a seed's text, by how they begin: a call and the name as it stands in it.
#[must_use]
pub fn statements_by_name(text: &str) -> HashMap<&str, &str> {
    statements(text)
        .filter_map(|statement| Some((statement.split_once(", ")?.0, statement.trim_end())))
        .collect()
}

/// The documents of services, from a seed's text: `wanted` are their names and how those stand in it.
#[must_use]
pub fn service_documents<'n>(text: &str, wanted: &[(&'n str, String)]) -> HashMap<&'n str, Json> {
    let calls = statements_by_name(text);
    wanted
        .iter()
        .filter_map(|(name, quoted)| {
            let call = format!("{SERVICE_CALL}{quoted}");
            Some((*name, document(calls.get(call.as_str())?)?))
        })
        .collect()
}

/// The statements of a seed: what begins with `SELECT` at the start of a line.
fn statements(text: &str) -> impl Iterator<Item = &str> {
    const START: &str = "\nSELECT ";
    let mut rest = text.find(START).map(|at| &text[at + 1..]);
    std::iter::from_fn(move || {
        let from = rest?;
        match from.find(START) {
            Some(next) => {
                rest = Some(&from[next + 1..]);
                Some(&from[..next])
            }
            None => {
                rest = None;
                Some(from)
            }
        }
    })
}

/// The dollar-quoted document of a statement.
fn document(statement: &str) -> Option<Json> {
    let start = statement.find('{')?;
    let end = statement.rfind("}$")?;
    serde_json::from_str(statement.get(start..=end)?).ok()
}
