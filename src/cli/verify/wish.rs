//! From arguments to what is wanted.

use crate::broker::Caps;
use crate::harness::plan::{
    Brokers, Comparison, FaultWish, LoadWish, SpeedWish, Wish, WorkerCommand, Workers, parse_fault, parse_series,
};
use crate::harness::session::cores;
use crate::model::keywords::{Client, Keyword as _};
use crate::units::{parse_duration, parse_rate, parse_size, shown};

use super::super::output::{Exit, fail};
use super::VerifyArgs;

/// What the arguments ask for; `brokers` says whose they are.
pub(super) fn wish(args: &VerifyArgs, brokers: Brokers) -> Result<Wish, Exit> {
    let soak = args.soak.as_deref().map(|text| seconds("--soak", text)).transpose()?;
    let duration = args
        .duration
        .as_deref()
        .map(|text| seconds("--duration", text))
        .transpose()?;
    let faults: Result<Vec<FaultWish>, Exit> = args
        .fault
        .iter()
        .map(|text| parse_fault(text).map_err(|error| fail(&format!("--fault: {error}"), &error.help)))
        .collect();
    if args.speed.is_some_and(|speed| !(speed.is_finite() && speed >= 1.0)) {
        return Err(fail(
            "--speed takes a number of 1 or more",
            "1 is real time; leave it out for the most that each service allows",
        ));
    }
    if args.load_processes == 0 || args.runs == Some(0) {
        return Err(fail(
            "--load-processes and --runs count from 1",
            "leave them out for the default",
        ));
    }
    Ok(Wish {
        names: args.names.clone(),
        comparison: if args.before_after {
            Comparison::BeforeAfter
        } else {
            Comparison::CompiledOnly
        },
        steady_s: soak.or(duration),
        speed: match (soak, args.speed) {
            (Some(_), _) => SpeedWish::Exactly(1.0),
            (None, Some(speed)) => SpeedWish::Exactly(speed),
            (None, None) => SpeedWish::Largest,
        },
        load: load(args)?,
        seed: args.seed,
        faults: faults?,
        runs: args.runs,
        brokers,
        workers: workers(&args.worker)?,
        cores: cores(),
    })
}

/// `COMMAND` for every service, `CLIENT=COMMAND` for those that declare a client.
fn workers(given: &[String]) -> Result<Workers, Exit> {
    let mut workers = Workers::default();
    for text in given {
        let named = text.split_once('=').filter(|(name, _)| is_written_as_client(name));
        let (client, command) = match named {
            Some((name, command)) => (Some(client(name)?), command),
            None => (None, text.as_str()),
        };
        let of = || client.map_or_else(|| "every client".to_owned(), |client| client.as_str().to_owned());
        if command.trim().is_empty() {
            let problem = format!("--worker: there is no command for {}", of());
            return Err(fail(&problem, "write --worker 'CLIENT=COMMAND', or --worker 'COMMAND'"));
        }
        let command = WorkerCommand::of_shell(command);
        let before = match client {
            Some(client) => workers.of.insert(client, command),
            None => workers.any.replace(command),
        };
        if let Some(before) = before {
            let problem = format!("--worker: two commands for {}: one is `{}`", of(), shown(&before.name));
            let help = "name the client that each is for: --worker 'CLIENT=COMMAND'";
            return Err(fail(&problem, help));
        }
    }
    Ok(workers)
}

/// Whether a word is written as clients are, and not as the shell's variables or the beginning of a command.
fn is_written_as_client(word: &str) -> bool {
    !word.is_empty()
        && word
            .bytes()
            .all(|byte| byte.is_ascii_lowercase() || byte == b'-' || byte == b'_')
}

fn client(name: &str) -> Result<Client, Exit> {
    Client::parse(name).ok_or_else(|| {
        let known: Vec<&str> = Client::ALL.iter().map(|client| client.as_str()).collect();
        fail(
            &format!("--worker: there is no client `{}`", shown(name)),
            &format!(
                "a worker is for one of {}; where {name} is a variable of the command's, write env {name}=…",
                known.join(", ")
            ),
        )
    })
}

/// The caps on a cluster that is not ours.
pub(super) fn caps(args: &VerifyArgs) -> Result<Caps, Exit> {
    let bytes = parse_size(&args.max_bytes)
        .map_err(|error| fail(&format!("--max-bytes: {}", error.message), "write a size such as 2GiB"))?;
    Ok(Caps {
        bytes,
        partitions: args.max_partitions,
    })
}

fn load(args: &VerifyArgs) -> Result<LoadWish, Exit> {
    if let Some(text) = &args.ramp {
        return ramp(text);
    }
    let Some(path) = &args.replay else {
        return Ok(LoadWish::Declared);
    };
    let text = std::fs::read_to_string(path).map_err(|error| {
        fail(
            &format!("could not read {}: {error}", path.display()),
            "name a file of lines `seconds,records_per_second`",
        )
    })?;
    let points = parse_series(&text).map_err(|error| {
        fail(
            &format!("{}: {error}", path.display()),
            "write lines `seconds,records_per_second`",
        )
    })?;
    Ok(LoadWish::Replay(points))
}

/// `100/s..2000/s:60s`.
fn ramp(text: &str) -> Result<LoadWish, Exit> {
    let bad = |why: &str| fail(&format!("--ramp: {why}"), "write it as 100/s..2000/s:60s");
    let (rates, time) = text.rsplit_once(':').ok_or_else(|| bad("it says no length"))?;
    let (from, to) = rates.split_once("..").ok_or_else(|| bad("it says no second rate"))?;
    let rate = |text: &str| parse_rate(text).map_err(|error| bad(&error.message));
    Ok(LoadWish::Ramp {
        from: rate(from)?.get(),
        to: rate(to)?.get(),
        seconds: seconds("--ramp", time)?,
    })
}

fn seconds(flag: &str, text: &str) -> Result<f64, Exit> {
    let time = parse_duration(text).map_err(|error| {
        fail(
            &format!("{flag}: {}", error.message),
            "write a time such as 90s or 2min",
        )
    })?;
    Ok(time.as_secs_f64())
}
