//! Documents in a seed's body, found again.
//!
//! Lines of a body begin with white space, a bracket or a statement: documents are indented, and no text in them ends a
//! line. So a statement is found by how its line begins, without reading SQL.

use std::collections::HashMap;

use serde_json::Value as Json;

/// How the statement on a service begins.
pub const SERVICE_CALL: &str = "SELECT lagproof.seed_service_v1(";

/// The documents of the services that `wanted` names, from a seed's text. `quote` is how a name stands in it.
#[must_use]
pub fn service_documents<'n>(text: &str, wanted: &[(&'n str, String)]) -> HashMap<&'n str, Json> {
    let calls: HashMap<&str, &str> = statements(text)
        .filter_map(|statement| {
            let arguments = statement.strip_prefix(SERVICE_CALL)?;
            Some((arguments.split_once(", ")?.0, arguments))
        })
        .collect();
    wanted
        .iter()
        .filter_map(|(name, quoted)| Some((*name, document(calls.get(quoted.as_str())?)?)))
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
