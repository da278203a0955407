//! Taking changes of a row into a running consumer, by how heavy they are.

use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use tokio::sync::mpsc;

use super::core::Core;
use super::rollout::{settle, take_turn};
use crate::changes::{Apply, changes, with_hot_parts, worst};
use crate::error::Error;
use crate::instance::{Instance, State};
use crate::loader::KafkaConsumerConfigLoader;
use crate::lowering::lower;
use crate::settings::Config;
use crate::task::Task;
use crate::watcher::Watcher;

/// What a consumer should run with, and whether it is its turn to be made anew.
pub(super) struct Following {
    pub(super) core: Arc<Core>,
    pub(super) instance: Arc<Instance>,
    loader: KafkaConsumerConfigLoader,
    state: Mutex<Turns>,
}

#[derive(Default)]
struct Turns {
    wanted: Option<Config>,
    /// With the group's lag when the rollout began, once it is this replica's turn.
    turn: Option<Option<i64>>,
    // These end with what follows, and so none of them holds it.
    waiting: Option<Task>,
    settling: Option<Task>,
    looking: Option<(Watcher, Task)>,
}

impl Following {
    pub(super) fn new(core: Arc<Core>, instance: Arc<Instance>, loader: KafkaConsumerConfigLoader) -> Arc<Self> {
        Arc::new(Self {
            core,
            instance,
            loader,
            state: Mutex::default(),
        })
    }

    fn turns(&self) -> MutexGuard<'_, Turns> {
        self.state.lock().expect("no panic while it is held")
    }

    fn config(&self) -> Config {
        self.core.config().expect("it runs with something")
    }

    /// Says what runs, and begins to follow.
    pub(super) async fn start(self: &Arc<Self>) {
        let config = self.config();
        self.instance.runs(&config, State::Running, None);
        self.instance.report().await;
        self.instance.start();
        let (changed, mut changes) = mpsc::unbounded_channel();
        let watcher = self.loader.watcher(config, changed);
        let own = Arc::downgrade(self);
        let task = Task::spawn(async move {
            while let (Some(config), Some(own)) = (changes.recv().await, own.upgrade()) {
                own.changed(config);
                own.instance.report().await;
            }
        });
        self.turns().looking = Some((watcher, task));
    }

    /// Follows no more; gives back a turn that it has.
    pub(super) async fn stop(&self) {
        let turns = std::mem::take(&mut *self.turns());
        drop(turns.looking);
        for task in [turns.waiting, turns.settling].into_iter().flatten() {
            let had_a_turn = !task.is_finished();
            drop(task);
            if had_a_turn {
                // Whether it had the turn or only waited for it: the database knows whose it is.
                let generation = turns
                    .wanted
                    .as_ref()
                    .map_or_else(|| self.config().generation, |one| one.generation);
                self.instance.release_lease(generation, None).await;
            }
        }
        if let (Some(wanted), Some(_)) = (turns.wanted, turns.turn) {
            self.instance.release_lease(wanted.generation, None).await;
        }
        self.instance.stop().await;
    }

    fn changed(self: &Arc<Self>, config: Config) {
        let running = self.config();
        let (old, new) = (&running.settings, &config.settings);
        self.instance.sees(&config);
        let found = changes(old, new);
        let (name, generation) = (&self.core.service_name, config.generation);
        let said: Vec<String> = found
            .iter()
            .map(|(key, how)| format!("{key} ({})", how.word()))
            .collect();
        let said = if said.is_empty() {
            "nothing that concerns it".to_owned()
        } else {
            said.join(", ")
        };
        log::info!("{name}: generation {generation} changes {said}");
        {
            let mut turns = self.turns();
            (turns.waiting, turns.turn, turns.wanted) = (None, None, None);
        }
        let apply = worst(&found);
        if apply <= Apply::Hot {
            self.core.run_with(config.clone());
            self.instance.runs(&config, State::Running, None);
            return;
        }
        // What needs no new consumer is in force at once, whatever becomes of the rest.
        let in_force = Config {
            settings: Arc::new(with_hot_parts(old, new)),
            ..running.clone()
        };
        self.core.run_with(in_force.clone());
        let heavy = found
            .iter()
            .filter(|(_, how)| **how > Apply::Hot)
            .map(|(key, _)| key.as_str());
        let heavy = heavy.collect::<Vec<_>>().join(", ");
        if let Some(problem) = refusal(&config, &heavy, apply) {
            log::error!("{name}: {problem}");
            self.instance.runs(&in_force, State::Refused, Some(problem));
            return;
        }
        let how = if self.instance.is_static {
            "each replica joins again under its static id: no rebalance, if it is back within session_timeout"
        } else {
            "each replica leaves its group and joins it again: at most 2 rebalances a replica"
        };
        log::warn!(
            "{name}: generation {generation} changes {heavy}, which needs a new consumer: one replica at a time; {how}"
        );
        let (core, instance, own) = (self.core.clone(), self.instance.clone(), Arc::downgrade(self));
        let every = self.loader.asks_every();
        let mut turns = self.turns();
        turns.wanted = Some(config);
        turns.waiting = Some(Task::spawn(async move {
            let lag_before = take_turn(&core, &instance, generation, every).await;
            if let Some(own) = own.upgrade() {
                own.turns().turn = Some(lag_before);
            }
        }));
    }

    /// What it should be made anew with, once it is its turn: to be asked between batches.
    pub(super) fn its_turn(&self) -> Option<(Config, Option<i64>)> {
        let mut turns = self.turns();
        let lag_before = turns.turn.take()?;
        turns.waiting = None;
        Some((turns.wanted.take()?, lag_before))
    }

    /// It could not start with that, and went back to what it ran with: says so to all, and stops the rollout.
    pub(super) async fn went_back(&self, wanted: &Config, error: &Error) {
        let failure = format!("{} could not start with it: {error}", self.instance.name);
        log::error!(
            "{}: generation {}: {failure}; goes back to the settings before",
            self.core.service_name,
            wanted.generation
        );
        self.instance
            .runs(&self.config(), State::Refused, Some(failure.clone()));
        self.instance.report().await;
        self.instance.release_lease(wanted.generation, Some(&failure)).await;
    }

    /// It runs with that: its turn ends once it consumes again and the group's lag is back; else the rollout stops here.
    pub(super) async fn runs(self: &Arc<Self>, config: Config, lag_before: Option<i64>) {
        self.instance.runs(&config, State::Running, None);
        self.instance.report().await;
        let (core, instance, every) = (self.core.clone(), self.instance.clone(), self.loader.asks_every());
        let settling = Task::spawn(async move {
            let (core, instance) = (&core, &instance);
            let failure = if core.joined(Duration::from_secs(60)).await {
                let allowance = i64::try_from(2 * config.max_poll_records())
                    .unwrap_or(i64::MAX)
                    .max(100);
                settle(core, instance, config.generation, lag_before, allowance, every).await
            } else {
                Some(format!(
                    "{} had no answer from its group 60 s after its restart",
                    instance.name
                ))
            };
            let (name, generation) = (&core.service_name, config.generation);
            match &failure {
                None => log::info!("{name}: runs with generation {generation}"),
                Some(failure) => log::error!("{name}: generation {generation}: {failure}: the rollout stops here"),
            }
            instance.release_lease(generation, failure.as_deref()).await;
        });
        self.turns().settling = Some(settling);
    }
}

fn refusal(config: &Config, heavy: &str, apply: Apply) -> Option<String> {
    let generation = config.generation;
    if apply == Apply::StopAll {
        return Some(format!(
            "generation {generation} is REFUSED: {heavy} can't change while replicas run, since old and new ones would be \
             in one group (or in two). It goes on as it is; to take it, stop all replicas, then start them"
        ));
    }
    let error = lower(&config.settings).err()?;
    Some(format!(
        "generation {generation} is REFUSED: {error}. It goes on as it is"
    ))
}
