//! From arguments to what is wanted.

use crate::broker::Caps;
use crate::harness::plan::{
    Brokers, Comparison, FaultWish, LoadWish, SpeedWish, Wish, Workers, parse_fault, parse_series,
};
use crate::harness::session::cores;
use crate::units::{parse_duration, parse_rate, parse_size};

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
        workers: args
            .worker
            .as_ref()
            .map_or(Workers::Ours, |command| Workers::Command { name: command.clone() }),
        cores: cores(),
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
