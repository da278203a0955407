//! `lagproof worker`: the worker process on librdkafka, started by `verify`.

use clap::Args;

use super::output::{Exit, fail};

#[cfg(not(feature = "kafka"))]
pub(super) const WITHOUT_KAFKA: &str = "this lagproof was built without Kafka";
#[cfg(not(feature = "kafka"))]
pub(super) const WITHOUT_KAFKA_HELP: &str =
    "build it with it, in a clone: cargo install --locked --path . --features kafka";

/// `worker`'s arguments; its spec comes on standard input.
#[derive(Debug, Args)]
pub(super) struct WorkerArgs {
    /// Print the JSON schema of what a worker is told and tells
    #[arg(long)]
    schema: bool,
}

#[cfg(feature = "kafka")]
pub(super) fn run(args: &WorkerArgs) -> Exit {
    if args.schema {
        super::output::print(&crate::harness::protocol::worker_schema());
        return Exit::Clean;
    }
    match crate::harness::worker::run(std::io::BufReader::new(std::io::stdin()), std::io::stdout()) {
        Ok(()) => Exit::Clean,
        Err(error) => fail(
            &error.to_string(),
            "`lagproof verify` starts this process and tells it what to do; docs/worker-protocol.md says how",
        ),
    }
}

#[cfg(not(feature = "kafka"))]
pub(super) fn run(_: &WorkerArgs) -> Exit {
    fail(WITHOUT_KAFKA, WITHOUT_KAFKA_HELP)
}
