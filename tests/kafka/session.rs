//! Whole sessions: what runs beside what, and what is told of that which did not run.

use std::sync::{Arc, Mutex};

use lagproof::broker::{Broker, Caps, Halt, Options, Surroundings, Wanted};
use lagproof::harness::outcome::Outcome;
use lagproof::harness::plan::{Plan, Side, Trial};
use lagproof::harness::progress::{Listener, Progress, Silent};
use lagproof::harness::protocol::Stop;
use lagproof::harness::session::{Afterwards, Session, SessionError, verify};
use lagproof::harness::verdict::Verdict;
use lagproof::project::{Date, Project};

use super::runs::{one_at_a_time, program};
use super::support::start;
use super::trial::trial;
use super::verb::project;

fn named(name: &str, mut trial: Trial) -> Trial {
    name.clone_into(&mut trial.service);
    trial
}

fn plan(trials: Vec<Trial>, waves: Vec<Vec<usize>>) -> Plan {
    Plan {
        seed: 7,
        trials,
        waves,
        cores: 2,
        left_out: Vec::new(),
    }
}

fn session(
    wanted: Wanted<'_>,
    plan: &Plan,
    listener: &dyn Listener,
    afterwards: Option<&Afterwards<'_>>,
) -> Result<Outcome, SessionError> {
    let journals = tempfile::tempdir().unwrap();
    let session = Session {
        project: "tested".to_owned(),
        wanted,
        surroundings: Surroundings::of_process(),
        program: program(),
        listener,
        stop: &Stop::new(),
        caps: Caps::default(),
        journals: journals.path().to_owned(),
        load_shards: 1,
        afterwards,
        keep: None,
    };
    verify(plan, &session)
}

/// Runs a plan on a cluster that is declared, and is in truth `broker`.
fn on_declared(broker: &Arc<Mutex<Broker>>, plan: &Plan, listener: &dyn Listener) -> Outcome {
    let (bootstrap, id) = {
        let broker = broker.lock().unwrap();
        let id = broker.admin().unwrap().cluster_id().unwrap();
        (broker.bootstrap().to_owned(), id)
    };
    let folder = project(&format!(
        "[environments.staging]\nbrokers = [\"{bootstrap}\"]\nload = true\ncluster_id = \"{id}\"\n"
    ));
    let declared = Project::load(folder.path(), &Date::constant(2026, 11, 26)).unwrap();
    let environment = &declared.model.as_ref().unwrap().environments[0];
    session(Wanted::Declared(environment), plan, listener, None).unwrap()
}

fn own_broker() -> Arc<Mutex<Broker>> {
    let own = start(Wanted::Local, &Options::default()).unwrap();
    own.warm_up().unwrap();
    Arc::new(Mutex::new(own))
}

/// The trials that run, by their names.
#[derive(Default)]
struct Runs(Mutex<Vec<String>>);

impl Listener for Runs {
    fn tell(&self, progress: Progress) {
        let mut runs = self.0.lock().unwrap();
        match progress {
            Progress::RunStarted(start) => runs.push(start.name),
            Progress::RunEnded { name, .. } => runs.retain(|other| *other != name),
            _ => {}
        }
    }
}

#[test]
fn what_is_tried_afterwards_runs_alone() {
    let _one = one_at_a_time();
    let both = plan(
        vec![
            named("short", trial(50.0, 1.5, 500.0)),
            named("long", trial(50.0, 6.0, 500.0)),
        ],
        vec![vec![0, 1]],
    );
    let runs = Runs::default();
    let beside = Mutex::new(Vec::new());
    let tried = Mutex::new(Vec::new());
    let look = |name: &str| {
        let mut runs = runs.0.lock().unwrap().clone();
        runs.retain(|other| other != name);
        beside.lock().unwrap().extend(runs);
    };
    let afterwards: Box<Afterwards<'_>> = Box::new(|runner, outcome| {
        let name = outcome.trial.name().to_owned();
        look(&name);
        let once = named(&name, trial(50.0, 1.5, 500.0));
        let side = runner.try_variant(&once)?;
        look(&name);
        tried.lock().unwrap().push((name, side.recordings[0].account.sent));
        Ok(())
    });
    let outcome = session(Wanted::Mock, &both, &runs, Some(&*afterwards)).unwrap();
    assert_eq!(outcome.trials.len(), 2);
    let nobody: Vec<String> = Vec::new();
    assert_eq!(*beside.lock().unwrap(), nobody, "something ran beside a search");
    let tried = tried.lock().unwrap().clone();
    assert_eq!(tried, [("short".to_owned(), 75), ("long".to_owned(), 75)]);
}

#[test]
fn a_trial_that_can_not_begin_is_told_and_the_others_run() {
    let _one = one_at_a_time();
    let mut endless = named("endless", trial(50.0, 2.0, 500.0));
    endless.bytes = u64::MAX;
    let mut two = plan(
        vec![endless.clone(), named("tested", trial(50.0, 2.0, 500.0))],
        vec![vec![0], vec![1]],
    );
    let silent = lagproof::harness::plan::LeftOut {
        name: "silent".to_owned(),
        because: "none of its topics has a rate".to_owned(),
        help: "declare one".to_owned(),
    };
    two.left_out.push(silent.clone());
    let broker = super::runs::broker();
    let outcome = on_declared(&broker, &two, &Silent);
    let tried: Vec<&str> = outcome.trials.iter().map(|one| one.trial.name()).collect();
    assert_eq!((tried, outcome.cut_short.as_deref()), (vec!["tested"], None));
    assert_eq!(outcome.left_out[0], silent);
    assert_eq!(outcome.left_out[1].name, "endless");
    assert!(
        outcome.left_out[1].because.starts_with("it could not begin: "),
        "{:?}",
        outcome.left_out
    );
    assert!(!outcome.left_out[1].help.is_empty() && !outcome.is_whole());
}

/// Kills a broker when a run of its is over.
struct KillsAfterARun(Arc<Mutex<Broker>>);

impl Listener for KillsAfterARun {
    fn tell(&self, progress: Progress) {
        if matches!(progress, Progress::RunEnded { .. }) {
            let _ = self.0.lock().unwrap().halt(Halt::Killed);
        }
    }
}

#[test]
fn a_broker_that_dies_between_two_runs_is_in_the_report() {
    let _one = one_at_a_time();
    let mut twice = named("first", trial(50.0, 2.0, 500.0));
    twice.order = vec![Side::After, Side::After];
    let two = plan(
        vec![twice, named("second", trial(50.0, 2.0, 500.0))],
        vec![vec![0], vec![1]],
    );
    let own = own_broker();
    let outcome = on_declared(&own, &two, &KillsAfterARun(Arc::clone(&own)));
    let why = outcome.cut_short.clone().unwrap();
    assert!(!why.contains("Ctrl-C") && !why.is_empty(), "{why}");
    let [first] = &outcome.trials[..] else {
        panic!("{:?}", outcome.trials.len())
    };
    let side = &first.sides[0];
    assert_eq!(side.recordings.len(), 1);
    assert_eq!(side.recordings[0].cut_short, None, "the run itself was whole");
    // On a busy machine the run may not even be one.
    assert!(
        matches!(first.verdict, Verdict::Inconclusive | Verdict::Invalid),
        "{:?}",
        first.verdict
    );
    let said: Vec<&str> = side
        .judgement
        .judgements
        .iter()
        .map(|one| one.because.as_str())
        .collect();
    let why = "only 1 of 2 runs came about: ";
    let told = said.iter().any(|because| because.starts_with(why));
    assert!(told || first.verdict == Verdict::Invalid, "{said:?}");
    assert!(matches!(outcome.exit_status(), 4 | 5) && !outcome.is_whole());
    let holds = |one: &lagproof::harness::verdict::Judgement| one.verdict == Verdict::Pass;
    assert!(!side.judgement.judgements.iter().any(holds), "{:?}", side.judgement);
    assert_eq!(outcome.left_out.len(), 1);
    assert_eq!(outcome.left_out[0].name, "second");
    assert!(outcome.left_out[0].because.starts_with("it was not come to: "));
}
