//! The proof itself: plan, run, report.

use std::path::Path;

use crate::broker::{Caps, Surroundings, Wanted};
use crate::diagnostic::Severity;
use crate::evidence::FOLDER;
use crate::harness::evidence::evidence_of;
use crate::harness::launch::Program;
use crate::harness::outcome::Outcome;
use crate::harness::plan::{Brokers, LoadWish, Plan, Wish, make_plan, print as plan_text};
use crate::harness::protocol::Stop;
use crate::harness::report::{files, json, junit, live::Live, markdown, summary};
use crate::harness::session::{Session, verify};
use crate::harness::verdict::Verdict;
use crate::model::broker::Environment;
use crate::model::keywords::Keyword as _;
use crate::model::project::Model;
use crate::project::Project;
use crate::resolve::in_environment;

use super::super::Global;
use super::super::output::{Exit, columns, fail, note, print};
use super::afterwards::afterwards;
use super::wish::{caps, wish};
use super::{VerifyArgs, VerifyFormat};

/// Plans, runs, reports.
pub(super) fn run(global: &Global, args: &VerifyArgs) -> Result<Exit, Exit> {
    let (root, project) = global.load()?;
    let model = sound(&project)?;
    let wanted = wanted(args.broker.as_deref(), model)?;
    let there;
    let (model, brokers) = match wanted {
        Wanted::Declared(environment) => {
            there = in_environment(model, environment);
            (&there, Brokers::Theirs)
        }
        _ => (model, Brokers::Ours),
    };
    let wish = wish(args, brokers)?;
    let plan = make_plan(model, &wish).map_err(|error| fail(&error.to_string(), &error.help()))?;
    if args.plan {
        print(&plan_text(&plan));
        return Ok(Exit::Clean);
    }
    for left_out in &plan.left_out {
        let (name, because, help) = (&left_out.name, &left_out.because, &left_out.help);
        note(&format!("{name} is left out: {because}; {help}"));
    }
    for client in wish.workers.of.keys().map(|client| client.as_str()) {
        if plan.trials.iter().all(|trial| trial.declared_client != client) {
            note(&format!("nothing here declares {client}: its worker is not run"));
        }
    }
    if args.keep && brokers == Brokers::Theirs {
        return Err(fail(
            "--keep leaves a broker of ours running, and this one is not ours",
            "leave it out: what is made there is always removed",
        ));
    }
    let mut outcome = prove(global, args, model, (&wish, &plan), (wanted, caps(args)?))?;
    let environment = match wanted {
        Wanted::Declared(environment) => Some(environment.name.as_str()),
        _ => None,
    };
    if plan_is_declared(&wish) {
        keep_evidence(&root, &mut outcome, model, environment);
    }
    Ok(report(global, args, &root, &outcome))
}

/// The model, where nothing is wrong with it: what does not compile is not run.
fn sound(project: &Project) -> Result<&Model, Exit> {
    let errors = project.findings.count(Severity::Error);
    match &project.model {
        Some(model) if errors == 0 => Ok(model),
        _ => Err(fail(
            &format!("the project has {errors} errors, and nothing is run while it has any"),
            "see them with `lagproof check`",
        )),
    }
}

/// The broker that is asked for.
fn wanted<'m>(name: Option<&str>, model: &'m Model) -> Result<Wanted<'m>, Exit> {
    let environment = |name: &str| -> Option<&'m Environment> {
        model.environments.iter().find(|environment| environment.name == name)
    };
    match name {
        None => Ok(Wanted::Best),
        Some("docker") => Ok(Wanted::Docker),
        Some("local") => Ok(Wanted::Local),
        Some("mock") => Ok(Wanted::Mock),
        Some(name) => environment(name).map(Wanted::Declared).ok_or_else(|| {
            let known: Vec<&str> = model.environments.iter().map(|known| known.name.as_str()).collect();
            let declared = match known.as_slice() {
                [] => "lagproof.toml declares no environment".to_owned(),
                names => format!("declared are {}", names.join(", ")),
            };
            fail(
                &format!("there is no broker `{}`", name.escape_debug()),
                &format!("docker, local and mock are always known; {declared}"),
            )
        }),
    }
}

fn prove(
    global: &Global,
    args: &VerifyArgs,
    model: &Model,
    (wish, plan): (&Wish, &Plan),
    (wanted, caps): (Wanted<'_>, Caps),
) -> Result<Outcome, Exit> {
    let surroundings = Surroundings::of_process();
    let journals = surroundings
        .state()
        .map_err(|error| fail(&error.to_string(), &error.help()))?;
    let program = Program::this().map_err(|error| fail(&error.to_string(), error.help))?;
    let stop = Stop::new();
    if let Err(error) = stop.on_signals() {
        note(&format!("Ctrl-C ends this at once, without a report: {error}"));
    }
    let live = Live::on_stderr(global.colour());
    let afterwards = afterwards(args, model, wish);
    let keep = |bootstrap: &str| {
        live.finish();
        note(&format!("the broker at {bootstrap} runs on until Ctrl-C"));
        let waiting = Stop::new();
        if waiting.on_signals().is_ok() {
            let long = std::time::Duration::from_secs(24 * 3_600);
            waiting.wait_until(std::time::Instant::now() + long);
        }
    };
    let keep: Option<&(dyn Fn(&str) + Sync)> = if args.keep { Some(&keep) } else { None };
    let session = Session {
        project: model.name.clone(),
        wanted,
        surroundings,
        program,
        listener: &live,
        stop: &stop,
        caps,
        journals,
        load_shards: args.load_processes,
        afterwards: Some(&*afterwards),
        keep,
    };
    let outcome = verify(plan, &session);
    live.finish();
    outcome.map_err(|error| {
        let exit = fail(&error.to_string(), &error.help());
        if stop.is_requested() { Exit::Interrupted } else { exit }
    })
}

/// Whether what ran is what is declared: another load or worker proves nothing of a profile.
fn plan_is_declared(wish: &Wish) -> bool {
    wish.load == LoadWish::Declared && wish.faults.is_empty()
}

/// Writes what was proven into evidence/, a file a service. Where nothing could be told, what was proven before stands.
fn keep_evidence(root: &Path, outcome: &mut Outcome, model: &Model, environment: Option<&str>) {
    let proven = jiff::Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
    for at in 0..outcome.trials.len() {
        let trial = &outcome.trials[at];
        if !matches!(trial.verdict, Verdict::Pass | Verdict::Fail) {
            continue;
        }
        let Some(evidence) = evidence_of(outcome, trial, model, environment, &proven) else {
            continue;
        };
        let name = format!("{FOLDER}/{}.toml", evidence.service);
        match evidence.write(&root.join(&name)) {
            Ok(()) => outcome.trials[at].evidence = Some(name),
            Err(error) => note(&format!("could not write {name}: {error}")),
        }
    }
}

fn report(global: &Global, args: &VerifyArgs, root: &Path, outcome: &Outcome) -> Exit {
    let folder = if args.report.is_absolute() {
        args.report.clone()
    } else {
        root.join(&args.report)
    };
    let written = files::write(&folder, outcome);
    let page = written.as_ref().ok().map(|written| written.page.display().to_string());
    match args.format {
        VerifyFormat::Human => {
            let columns = columns().unwrap_or(usize::MAX);
            print(&summary::for_columns(outcome, global.colour(), columns));
            if let Some(page) = &page {
                print(&summary::where_it_is(page, global.colour()));
            }
        }
        VerifyFormat::Json => print(&json::render(outcome)),
        VerifyFormat::Junit => print(&junit::render(outcome)),
        VerifyFormat::Markdown => print(&markdown::render(outcome, page.as_deref())),
    }
    if let Err(error) = &written {
        return fail(&error.to_string(), error.help());
    }
    if outcome.cut_short.as_deref().is_some_and(|why| why.contains("Ctrl-C")) {
        return Exit::Interrupted;
    }
    match outcome.exit_status() {
        0 => Exit::Clean,
        4 => Exit::Inconclusive,
        5 => Exit::Invalid,
        _ => Exit::Failed,
    }
}
