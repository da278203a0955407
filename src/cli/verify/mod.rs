//! `lagproof verify`.

#[cfg(feature = "kafka")]
mod afterwards;
#[cfg(feature = "kafka")]
mod clean;
#[cfg(feature = "kafka")]
mod go;
#[cfg(feature = "kafka")]
mod wish;

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::Global;
use super::output::Exit;

const AFTER_HELP: &str = "\
A broker is started for it, in docker if an engine answers, else on this machine's Java from Apache Kafka's jars; workers \
run the compiled properties, the load keeps its schedule whatever happens, and what is measured is judged against the \
declared targets. A declared environment is used only where lagproof.toml says `load = true` with its cluster's id.

Exit status: 0 all was tried and every verdict is PASS; 1 FAIL; 4 INCONCLUSIVE, too little was seen; 5 INVALID, this machine \
could not keep up with its own part; 2 wrong usage, no broker; 130 after Ctrl-C. Of several, the worst: 1, then 5, then 4.
Without a name every service is asked for: one that can't be tried as it is declared, for want of a rate or of costs, is left \
out, and it is 4 where the others pass. Name those that can be tried, and it is 0.

Examples:
  lagproof verify                               every service, one verdict each
  lagproof verify billing --plan                what would be done, without doing it
  lagproof verify --before-after                every case beside its baseline
  lagproof verify billing --fault worker-killed@20s
  lagproof verify billing --find-limit          the highest rate that still holds its lag target
  lagproof verify billing --worker 'python3 worker.py'
  lagproof verify --worker 'kafkajs=npx lagproof-worker' --worker 'aiokafka=python -m lagproof.worker'
                                                each service on the client that it declares
  lagproof verify billing --soak 3h             in real time, long enough for the hourly target
  lagproof verify --broker staging              on a declared environment";

/// `verify`'s arguments.
#[derive(Debug, Args)]
#[command(after_help = AFTER_HELP)]
pub(super) struct VerifyArgs {
    /// Services, or cases of profiles/cases [default: every service; with --before-after every case]
    #[arg(value_name = "SERVICE|CASE")]
    names: Vec<String>,
    /// Run the baseline too, in alternating whole runs, and say which setting makes the difference
    #[arg(long)]
    before_after: bool,
    /// docker, local, mock (a smoke test only), or a declared environment [default: docker, else local]
    #[arg(long, value_name = "BROKER")]
    broker: Option<String>,
    /// Divide costs, gaps and timers by N [default: the most that each service's own floors allow]
    #[arg(long, value_name = "N")]
    speed: Option<f64>,
    /// Seconds of steady load, such as `2min` [default: what a verdict needs]
    #[arg(long, value_name = "TIME")]
    duration: Option<String>,
    /// What load and costs are drawn from
    #[arg(long, value_name = "N", default_value_t = 7)]
    seed: u64,
    /// How often each side runs [default: once; beside a baseline twice]
    #[arg(long, value_name = "N")]
    runs: Option<u32>,
    /// Print what would be done, and do nothing
    #[arg(long)]
    plan: bool,
    /// What goes wrong on purpose: worker-killed, broker-restarted, slow-record, poison-record, downstream-stall:5s,
    /// replica-added:10s, each with or without a moment such as @20s; can be given more than once
    #[arg(long, value_name = "FAULT[@TIME]")]
    fault: Vec<String>,
    /// Another load than the declared one: evenly from one rate to another, `100/s..2000/s:60s`
    #[arg(long, value_name = "FROM..TO:TIME", conflicts_with = "replay")]
    ramp: Option<String>,
    /// Another load than the declared one: a file of lines `seconds,records_per_second`
    #[arg(long, value_name = "FILE")]
    replay: Option<PathBuf>,
    /// Search the highest rate at which the lag target still holds, for the profile and for its client's defaults
    #[arg(long, conflicts_with = "before_after")]
    find_limit: bool,
    /// A worker of your own, as a shell command that speaks the protocol of docs/worker-protocol.md: for every service, or,
    /// given once a client, for those that declare it; the others run on lagproof's own
    #[arg(long, value_name = "[CLIENT=]COMMAND")]
    worker: Vec<String>,
    /// How many processes share out the load
    #[arg(long, value_name = "N", default_value_t = 1)]
    load_processes: u32,
    /// Where reports are written
    #[arg(long, value_name = "DIR", default_value = "reports")]
    report: PathBuf,
    /// What is printed when it is over
    #[arg(long, value_name = "FORMAT", default_value = "human")]
    format: VerifyFormat,
    /// Leave a broker of ours running afterwards, until Ctrl-C
    #[arg(long)]
    keep: bool,
    /// Remove what killed runs left, here and on declared environments, and do nothing else
    #[arg(long, conflicts_with_all = ["names", "plan"])]
    clean: bool,
    /// Steady load in real time for so long: what the hourly rebalance target needs
    #[arg(long, value_name = "TIME", conflicts_with_all = ["duration", "speed"])]
    soak: Option<String>,
    /// The most that all runs of this verify together write to a cluster that is not ours
    #[arg(long, value_name = "SIZE", default_value = "1GiB")]
    max_bytes: String,
    /// The most partitions that they have there at the same time
    #[arg(long, value_name = "N", default_value_t = 100)]
    max_partitions: u32,
}

/// What is printed when a proof is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum VerifyFormat {
    /// Tables for a terminal.
    Human,
    /// The whole report.
    Json,
    /// For CI.
    Junit,
    /// For a pull request's comment.
    Markdown,
}

#[cfg(not(feature = "kafka"))]
pub(super) fn run(_: &Global, _: &VerifyArgs) -> Exit {
    super::output::fail(super::worker::WITHOUT_KAFKA, super::worker::WITHOUT_KAFKA_HELP)
}

#[cfg(feature = "kafka")]
pub(super) fn run(global: &Global, args: &VerifyArgs) -> Exit {
    let done = if args.clean {
        clean::run(global)
    } else {
        go::run(global, args)
    };
    done.unwrap_or_else(|exit| exit)
}
