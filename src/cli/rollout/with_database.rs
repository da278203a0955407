//! `lagproof rollout`, where PostgreSQL is built in.

use std::thread;
use std::time::{Duration, Instant};

use serde_json::json;

use crate::db::{MigrateError, Rollout, Standing, halt_rollout, read_rollouts, resume_rollout};
use crate::units::parse_duration;

use super::super::Global;
use super::super::database::database_url;
use super::super::output::{Exit, fail, note, print};
use super::text::{plain, rollout_text};
use super::{RolloutArgs, RolloutFormat};

/// How often the database is asked while waiting.
const LOOK_EVERY: Duration = Duration::from_secs(2);

pub(in super::super) fn run(_: &Global, args: &RolloutArgs) -> Exit {
    done(args).unwrap_or_else(|exit| exit)
}

fn done(args: &RolloutArgs) -> Result<Exit, Exit> {
    let wait = match &args.wait {
        Some(text) => parse_duration(text).map_err(|error| fail(&format!("--wait: {}", error.message), &error.help))?,
        None => Duration::ZERO,
    };
    let url = database_url()?;
    let mut rollouts = wanted(args, look(&url)?)?;
    if let Some(reason) = &args.stop {
        for rollout in &rollouts {
            halt_rollout(&url, &rollout.service, reason).map_err(|error| not_allowed(&error))?;
            print(&format!(
                "stopped   {}: {} of {} had restarted; the others go on as they are\n",
                plain(&rollout.service),
                rollout.arrived(),
                rollout.replicas.len()
            ));
        }
        return Ok(Exit::Clean);
    }
    if args.resume {
        for rollout in &rollouts {
            let was = resume_rollout(&url, &rollout.service).map_err(|error| not_allowed(&error))?;
            print(&match was {
                true => format!("resumed   {}\n", plain(&rollout.service)),
                false => format!("resumed   {}: nothing was stopped\n", plain(&rollout.service)),
            });
        }
        return Ok(Exit::Clean);
    }
    let started = Instant::now();
    while args.wait.is_some() && is_open(args, &rollouts) && !is_stuck(&rollouts) && started.elapsed() < wait {
        thread::sleep(LOOK_EVERY.min(wait.saturating_sub(started.elapsed())));
        rollouts = wanted(args, look(&url)?)?;
    }
    say(args, &rollouts);
    Ok(exit(args, &rollouts))
}

fn look(url: &str) -> Result<Vec<Rollout>, Exit> {
    read_rollouts(url).map_err(|error| fail(&error.to_string(), &error.help()))
}

/// Those that are asked for: by name, else all whose replicas report.
fn wanted(args: &RolloutArgs, all: Vec<Rollout>) -> Result<Vec<Rollout>, Exit> {
    if args.services.is_empty() {
        return Ok(all);
    }
    let unknown = args
        .services
        .iter()
        .find(|name| !all.iter().any(|rollout| rollout.service == **name));
    if let Some(name) = unknown {
        let known: Vec<&str> = all.iter().map(|rollout| rollout.service.as_str()).collect();
        return Err(fail(
            &format!("no service is called `{}` in this database", name.escape_debug()),
            &match known.as_slice() {
                [] => "it has none: run `lagproof migrate` first".to_owned(),
                [one] => format!("there is {one}"),
                known if known.len() > 20 => {
                    format!("there are {}, among them {}", known.len(), known[..20].join(", "))
                }
                known => format!("there are {}", known.join(", ")),
            },
        ));
    }
    Ok(all
        .into_iter()
        .filter(|rollout| args.services.contains(&rollout.service))
        .collect())
}

fn any(rollouts: &[Rollout], standing: Standing) -> bool {
    rollouts.iter().any(|rollout| rollout.standing() == standing)
}

/// Whether some replica is yet to come. A service that is not named and reports nothing is not waited for.
fn is_open(args: &RolloutArgs, rollouts: &[Rollout]) -> bool {
    any(rollouts, Standing::Going) || (any(rollouts, Standing::Unknown) && !args.services.is_empty())
}

/// Whether a rollout does not go on by itself.
fn is_stuck(rollouts: &[Rollout]) -> bool {
    any(rollouts, Standing::Halted) || any(rollouts, Standing::Refused)
}

fn say(args: &RolloutArgs, rollouts: &[Rollout]) {
    if args.format == RolloutFormat::Json {
        let all: Vec<_> = rollouts
            .iter()
            .map(|rollout| {
                let mut one = json!(rollout);
                one["standing"] = json!(rollout.standing());
                one
            })
            .collect();
        print(&format!("{:#}\n", json!({ "rollouts": all })));
        return;
    }
    let named = !args.services.is_empty();
    let shown = |rollout: &&Rollout| named || rollout.standing() != Standing::Unknown;
    for rollout in rollouts.iter().filter(shown) {
        print(&rollout_text(rollout));
    }
    let silent = rollouts.iter().filter(|rollout| !shown(rollout)).count();
    if silent > 0 {
        let services = if silent == 1 { "service" } else { "services" };
        note(&format!(
            "{silent} {services} without a replica that has reported within the hour"
        ));
    }
}

fn exit(args: &RolloutArgs, rollouts: &[Rollout]) -> Exit {
    let (open, stuck) = (is_open(args, rollouts), is_stuck(rollouts));
    match (args.wait.is_some(), args.exit_code) {
        (true, _) if stuck => Exit::Failed,
        (true, _) if open => Exit::Changes,
        (_, true) if open || stuck => Exit::Changes,
        _ => Exit::Clean,
    }
}

fn not_allowed(error: &MigrateError) -> Exit {
    let denied = matches!(error, MigrateError::Refused { refusal, .. } if refusal.code == "42501");
    let exit = fail(
        &error.to_string(),
        &match denied {
            true => "stopping and resuming is for operators: a login that was granted lagproof_operator".to_owned(),
            false => error.help(),
        },
    );
    if error.is_disagreement() { Exit::Failed } else { exit }
}
