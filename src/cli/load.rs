//! `lagproof load`: the load process, started by `verify`.

use clap::Args;

use super::output::{Exit, fail};

/// `load`'s arguments: none, its spec comes on standard input.
#[derive(Debug, Args)]
pub(super) struct LoadArgs {}

#[cfg(feature = "kafka")]
pub(super) fn run(_: &LoadArgs) -> Exit {
    match crate::harness::load::run(std::io::BufReader::new(std::io::stdin()), std::io::stdout()) {
        Ok(()) => Exit::Clean,
        Err(error) => fail(
            &error.to_string(),
            "`lagproof verify` starts this process and tells it what to do; docs/worker-protocol.md says how",
        ),
    }
}

#[cfg(not(feature = "kafka"))]
pub(super) fn run(_: &LoadArgs) -> Exit {
    fail(super::worker::WITHOUT_KAFKA, super::worker::WITHOUT_KAFKA_HELP)
}
