//! The worker's protocol as a JSON schema, for those who write one.

use schemars::{JsonSchema, schema_for};

use super::{Command, WorkerLine, WorkerSpec};

/// What crosses between `lagproof verify` and a worker: each is one line of JSON.
#[derive(JsonSchema)]
#[schemars(title = "The worker protocol, version 1")]
#[expect(dead_code, reason = "only its schema is wanted")]
struct WorkerProtocol {
    /// The first line of the worker's standard input.
    spec: WorkerSpec,
    /// Later lines of its standard input.
    command: Command,
    /// Lines of its standard output.
    line: WorkerLine,
}

/// The schema, as text that ends with a line feed: `properties` has the three kinds of line, `$defs` what they are made of.
///
/// # Panics
/// Never: a schema can be written.
#[must_use]
pub fn worker_schema() -> String {
    let schema = serde_json::to_string_pretty(&schema_for!(WorkerProtocol)).expect("a schema is JSON");
    schema + "\n"
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::worker_schema;

    #[test]
    fn the_reference_is_fresh() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/reference/worker-protocol.schema.json");
        let kept = std::fs::read_to_string(&path).unwrap_or_default();
        assert!(kept == worker_schema(), "{} is stale: run `just docs`", path.display());
    }
}
