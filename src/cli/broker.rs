//! `lagproof broker`: a broker for the tests of the loaders, which are not written in Rust.

use clap::Args;

use super::output::{Exit, fail};
#[cfg(feature = "kafka")]
use super::output::{note, print};

#[cfg(feature = "kafka")]
use crate::broker::{Broker, BrokerError, Halt, Options, Surroundings, Wanted};

/// `broker`'s arguments.
#[derive(Debug, Args)]
pub(super) struct BrokerArgs {
    /// A broker property by Kafka's name, NAME=VALUE; may be given more than once
    #[arg(long = "property", value_name = "NAME=VALUE")]
    properties: Vec<String>,
}

#[cfg(not(feature = "kafka"))]
pub(super) fn run(_: &BrokerArgs) -> Exit {
    fail(
        "this lagproof was built without Kafka",
        "build it with it: cargo build --features kafka",
    )
}

/// Starts a local broker and says where, then does as the lines of standard input say: `halt`, `kill`, `resume`. Its end
/// ends the broker and removes its data.
#[cfg(feature = "kafka")]
pub(super) fn run(args: &BrokerArgs) -> Exit {
    let mut options = Options::default().with_short_sessions();
    for property in &args.properties {
        let Some((name, value)) = property.split_once('=') else {
            return fail(
                &format!("--property {property} has no value"),
                "write it as NAME=VALUE, such as --property log.retention.ms=1000",
            );
        };
        options = options.with(name, value);
    }
    match serve(&options) {
        Ok(()) => Exit::Clean,
        Err(error) => fail(&error.to_string(), "its log is above, where it wrote one"),
    }
}

#[cfg(feature = "kafka")]
fn serve(options: &Options) -> Result<(), BrokerError> {
    let here = Surroundings::of_process();
    let mut progress = |progress| note(&format!("{progress}"));
    let mut broker = Broker::start(Wanted::Local, options, &here, &mut progress)?;
    broker.warm_up()?;
    print(&format!("ready {}\n", broker.bootstrap()));
    for line in std::io::stdin().lines().map_while(Result::ok) {
        match line.trim() {
            "halt" => broker.halt(Halt::Clean)?,
            "kill" => broker.halt(Halt::Killed)?,
            "resume" => broker.resume()?,
            other => {
                print(&format!("unknown {other}\n"));
                continue;
            }
        }
        print(&format!("done {}\n", line.trim()));
    }
    Ok(())
}
