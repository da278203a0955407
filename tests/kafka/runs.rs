//! Whole runs: real load, real workers, a real broker, and everything gone afterwards.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use lagproof::broker::{Broker, Caps, Halt, Options, Wanted};
use lagproof::harness::launch::{Local, Program};
use lagproof::harness::plan::{FaultKind, Trial};
use lagproof::harness::progress::{Listener, Progress, Silent};
use lagproof::harness::protocol::Stop;
use lagproof::harness::recording::{MemoryHeldBy, RebalanceCause, Recording, WorkerEnd};
use lagproof::harness::run::{Ground, RunError, run_side};

use super::support::start;
use super::trial::{heavy, side, trial, with_fault};

/// A broker of these tests' own: some of them restart it.
pub fn broker() -> Arc<Mutex<Broker>> {
    static SHARED: OnceLock<Arc<Mutex<Broker>>> = OnceLock::new();
    let shared = SHARED.get_or_init(|| {
        let broker = start(
            Wanted::Local,
            &Options::default().with_short_sessions().with_quick_retention(),
        )
        .unwrap();
        broker.warm_up().unwrap();
        Arc::new(Mutex::new(broker))
    });
    Arc::clone(shared)
}

pub fn program() -> Program {
    Program {
        lagproof: PathBuf::from(env!("CARGO_BIN_EXE_lagproof")),
    }
}

pub struct With<'a> {
    broker: Arc<Mutex<Broker>>,
    listener: &'a dyn Listener,
    stop: Stop,
    load_shards: u32,
}

impl Default for With<'_> {
    fn default() -> Self {
        Self {
            broker: broker(),
            listener: &Silent,
            stop: Stop::new(),
            load_shards: 1,
        }
    }
}

/// Runs wait for each other: they share two cores.
pub fn one_at_a_time() -> MutexGuard<'static, ()> {
    static ONE: Mutex<()> = Mutex::new(());
    ONE.lock().unwrap_or_else(PoisonError::into_inner)
}

pub fn run(trial: &Trial, with: &With<'_>) -> Result<Recording, RunError> {
    let _one = one_at_a_time();
    let launcher = Local::new(program()).unwrap();
    let ground = Ground {
        broker: Arc::clone(&with.broker),
        launcher: &launcher,
        listener: with.listener,
        stop: &with.stop,
        caps: Caps::default(),
        journals: Path::new("/no/such"),
        load_shards: with.load_shards,
        seed: 7,
    };
    run_side(&ground, trial, &trial.sides[0])
}

fn topics(broker: &Arc<Mutex<Broker>>) -> BTreeMap<String, u32> {
    let admin = broker.lock().unwrap().admin().unwrap();
    let mut topics = admin.topics().unwrap();
    topics.retain(|name, _| name.starts_with("it.s.a.test"));
    topics
}

#[test]
fn what_is_sent_is_processed_and_lag_is_seen_while_it_runs() {
    let recording = run(&trial(200.0, 6.0, 500.0), &With::default()).unwrap();
    let account = recording.account;
    assert_eq!((account.sent, account.processed), (1_200, 1_200), "{recording:?}");
    assert_eq!(
        (account.lost, account.duplicated, account.reordered, account.foreign),
        (0, 0, 0, 0)
    );
    assert_eq!(recording.cut_short, None);
    let measured: Vec<u64> = recording.moments.iter().filter_map(|moment| moment.lag).collect();
    assert!(measured.len() >= 20, "{measured:?}");
    assert_eq!(*measured.last().unwrap(), 0);
    let known = recording.moments.iter().filter(|moment| moment.broker_cores.is_some());
    assert!(known.count() >= 20 && recording.moments.iter().all(|moment| moment.unassigned == 0));
    assert_eq!(recording.rebalances.len(), 1, "{:?}", recording.rebalances);
    assert_eq!(recording.rebalances[0].cause, RebalanceCause::Start);
    assert_eq!(recording.workers.len(), 1);
    assert_eq!(recording.workers[0].end, WorkerEnd::Stopped, "{:?}", recording.workers);
    assert_eq!(recording.memory_held_by, MemoryHeldBy::NoLimit);
    assert_eq!(recording.latency.decode().unwrap().count(), 1_200);
    assert_eq!(recording.lateness.decode().unwrap().count(), 1_200);
    assert!(recording.measured_latency.decode().unwrap().count() >= 900);
    assert!(recording.client.starts_with("librdkafka "), "{}", recording.client);
    super::support::eventually("its topics are gone", || topics(&broker()).is_empty());
}

#[test]
fn three_load_processes_and_three_workers_are_as_one() {
    let mut split = trial(200.0, 5.0, 500.0);
    split.sides[0].replicas = 3;
    let with = With {
        load_shards: 3,
        ..With::default()
    };
    let (one, three) = (
        run(&trial(200.0, 5.0, 500.0), &With::default()).unwrap(),
        run(&split, &with).unwrap(),
    );
    assert_eq!(one.account, three.account);
    assert_eq!(three.account.processed, 1_000);
    assert_eq!(three.workers.len(), 3);
    let last = |recording: &Recording| {
        let last = recording.moments.last().unwrap();
        (last.lag, last.sent, last.due, last.processed)
    };
    assert_eq!(last(&one), last(&three));
    assert_eq!(
        one.latency.decode().unwrap().count(),
        three.latency.decode().unwrap().count()
    );
}

#[test]
fn a_worker_that_is_killed_comes_back_and_nothing_is_lost() {
    let wanted = with_fault(trial(100.0, 12.0, 500.0), FaultKind::WorkerKilled, 2.0);
    let recording = run(&wanted, &With::default()).unwrap();
    assert_eq!(recording.cut_short, None);
    let account = recording.account;
    assert_eq!(
        (account.sent, account.processed, account.lost),
        (1_200, 1_200, 0),
        "{account:?}"
    );
    let ends: Vec<&WorkerEnd> = recording.workers.iter().map(|fate| &fate.end).collect();
    assert_eq!(ends, [&WorkerEnd::KilledOnPurpose, &WorkerEnd::Stopped]);
    let causes: Vec<RebalanceCause> = recording.rebalances.iter().map(|one| one.cause).collect();
    assert_eq!(
        causes,
        [RebalanceCause::Start, RebalanceCause::Fault],
        "{:?}",
        recording.rebalances
    );
    assert_eq!(recording.faults.len(), 2);
    assert!(recording.moments.iter().any(|moment| moment.unassigned == 4));
}

#[test]
fn past_its_memory_a_worker_is_killed_by_the_system_and_what_it_held_is_lost() {
    let heavy = heavy(6.0, 100_000.0);
    let recording = run(&heavy, &With::default()).unwrap();
    match &recording.memory_held_by {
        MemoryHeldBy::Cgroup => {
            assert_eq!(
                recording.workers[0].end,
                WorkerEnd::OutOfMemory,
                "{:?}",
                recording.workers
            );
            assert!(recording.account.lost > 0, "{:?}", recording.account);
            assert!(recording.workers[0].peak_bytes.unwrap() > 64 << 20);
        }
        MemoryHeldBy::Sampled { because } => assert!(because.contains("control group"), "{because}"),
        MemoryHeldBy::NoLimit => panic!("a limit was declared"),
    }
}

#[test]
fn ctrl_c_leaves_a_recording_of_what_was_measured() {
    struct StopsWhenMeasuring(Stop);
    impl Listener for StopsWhenMeasuring {
        fn tell(&self, progress: Progress) {
            if matches!(&progress, Progress::Moment { moment, .. } if moment.processed > 100) {
                self.0.request();
            }
        }
    }
    let stop = Stop::new();
    let with = With {
        stop: stop.clone(),
        listener: &StopsWhenMeasuring(stop),
        ..With::default()
    };
    let recording = run(&trial(200.0, 60.0, 500.0), &with).unwrap();
    assert_eq!(recording.cut_short.as_deref(), Some("stopped by Ctrl-C"));
    assert!(recording.account.processed > 100 && recording.seconds < 60.0);
    assert_eq!(recording.workers[0].end, WorkerEnd::Stopped);
    assert_eq!(recording.account.lost, 0, "{:?}", recording.account);
    super::support::eventually("its topics are gone", || topics(&broker()).is_empty());
}

#[test]
fn a_worker_that_can_not_run_is_said_with_its_last_words() {
    let mut wanted = trial(200.0, 5.0, 500.0);
    let words = ["/bin/sh", "-c", "echo no such model >&2; exit 3"];
    wanted.sides[0].command = Some(words.map(str::to_owned).to_vec());
    let recording = run(&wanted, &With::default()).unwrap();
    assert_eq!(
        recording.cut_short.as_deref(),
        Some("worker 0 ended with status 3: no such model, before there was any load")
    );
    assert!(recording.moments.is_empty());
}

#[test]
fn a_broker_that_restarts_loses_nothing() {
    let wanted = with_fault(trial(100.0, 10.0, 500.0), FaultKind::BrokerRestarted, 2.0);
    let recording = run(&wanted, &With::default()).unwrap();
    assert_eq!(recording.cut_short, None, "{recording:?}");
    let account = recording.account;
    assert_eq!(
        (account.sent, account.processed, account.lost),
        (1_000, 1_000, 0),
        "{account:?}"
    );
    assert_eq!(recording.faults.len(), 2, "{:?}", recording.faults);
    assert!(recording.moments.iter().any(|moment| moment.lag.is_none()));
}

#[test]
fn a_broker_that_dies_is_said_and_what_was_measured_stays() {
    struct KillsWhenMeasuring(Arc<Mutex<Broker>>);
    impl Listener for KillsWhenMeasuring {
        fn tell(&self, progress: Progress) {
            if matches!(&progress, Progress::Moment { moment, .. } if moment.processed > 100) {
                let _ = self.0.lock().unwrap().halt(Halt::Killed);
            }
        }
    }
    let own = start(Wanted::Local, &Options::default()).unwrap();
    own.warm_up().unwrap();
    let own = Arc::new(Mutex::new(own));
    let killer = KillsWhenMeasuring(Arc::clone(&own));
    let with = With {
        broker: own,
        listener: &killer,
        ..With::default()
    };
    let recording = run(&trial(200.0, 60.0, 500.0), &with).unwrap();
    let why = recording.cut_short.unwrap();
    assert!(why.starts_with("the broker ended"), "{why}");
    assert!(recording.account.processed > 100 && !recording.moments.is_empty());
}

#[test]
fn a_replica_that_comes_and_goes_and_a_poison_record() {
    let mut wanted = with_fault(trial(100.0, 10.0, 500.0), FaultKind::ReplicaAdded { seconds: 4.0 }, 2.0);
    wanted = with_fault(wanted, FaultKind::PoisonRecord, 5.0);
    wanted.sides = vec![side(500.0)];
    let recording = run(&wanted, &With::default()).unwrap();
    assert_eq!(recording.cut_short, None);
    let account = recording.account;
    assert_eq!(
        (account.sent, account.lost, account.failed),
        (1_000, 0, 1),
        "{account:?}"
    );
    assert_eq!(recording.workers.len(), 2);
    assert!(recording.workers.iter().all(|fate| fate.end == WorkerEnd::Stopped));
    assert!(
        recording.rebalances.iter().all(|one| !one.cause.is_unprovoked()),
        "{:?}",
        recording.rebalances
    );
    assert!(recording.rebalances.len() >= 3, "{:?}", recording.rebalances);
}

#[test]
fn what_does_not_fit_is_refused_before_anything_is_made() {
    let mut endless = trial(100.0, 10.0, 500.0);
    endless.bytes = u64::MAX;
    let error = run(&endless, &With::default()).unwrap_err();
    assert!(error.to_string().starts_with("the load writes "), "{error}");
    assert!(topics(&broker()).is_empty());
}
