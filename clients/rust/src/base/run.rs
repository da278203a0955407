//! Running a base consumer from its start to its end.

use std::sync::Arc;
use std::time::Duration;

use rdkafka::ClientConfig;
use rdkafka::consumer::BaseConsumer;
use rdkafka::error::KafkaError;

use super::core::Core;
use super::dead_letters::DeadLetters;
use super::driver::Driver;
use super::failures::Failures;
use super::following::Following;
use super::handler::{Batch, Handling};
use super::lanes::Lanes;
use super::recording::Recorder;
use super::work::{Stage, Work};
use super::{BaseKafkaConsumer, HandleSignals, Source};
use crate::error::Error;
use crate::instance::{Instance, State};
use crate::kafka;
use crate::settings::{Commit, Config, Settings};
use crate::task::Task;

/// How to make the client, of whatever settings.
struct Makes {
    topics: Vec<String>,
    bootstrap_servers: Option<String>,
    properties: Option<ClientConfig>,
}

impl Makes {
    fn topics(&self, settings: &Settings) -> Result<Vec<String>, Error> {
        kafka::topics_of(settings, &self.topics)
    }

    fn client(&self, settings: &Settings) -> Result<ClientConfig, Error> {
        match &self.properties {
            Some(exact) => Ok(exact.clone()),
            None => kafka::client_config(settings, self.bootstrap_servers.as_deref()),
        }
    }

    fn start(&self, core: &Arc<Core>) -> Result<Driver, Error> {
        let settings = core.settings();
        Driver::start(core, &self.client(&settings)?, self.topics(&settings)?)
    }
}

/// What runs.
struct Running<T> {
    core: Arc<Core>,
    handling: Arc<T>,
    failures: Arc<Failures<T>>,
    makes: Makes,
    following: Option<Arc<Following>>,
}

pub(super) async fn run<T: Handling>(consumer: BaseKafkaConsumer<T>, core: Arc<Core>) -> Result<(), Error> {
    let name = core.service_name.clone();
    let config = match &consumer.source {
        Source::Database(loader) => loader.load_config(&name).await?,
        Source::Fixed(config) => (**config).clone(),
    };
    let exact = consumer.properties.clone().into_iter().collect::<ClientConfig>();
    let makes = Makes {
        topics: consumer.topics,
        bootstrap_servers: consumer.bootstrap_servers.clone(),
        properties: matches!(consumer.source, Source::Fixed(_)).then_some(exact),
    };
    // Refused now rather than after a wait for a broker.
    let topics = makes.topics(&config.settings)?;
    let client = makes.client(&config.settings)?;
    let probe: BaseConsumer = client.create().map_err(|error| kafka::refusal(&name, error))?;
    core.run_with(config.clone());
    #[cfg(unix)]
    let _stops = match consumer.signals {
        HandleSignals::Yes => super::signals::Stops::listen(&core)
            .inspect_err(|error| log::warn!("{name}: signals can't be heard ({error}): stop it by its handle"))
            .ok(),
        HandleSignals::No => None,
    };
    #[cfg(not(unix))]
    let _ = HandleSignals::No;
    let following = match consumer.source {
        Source::Database(loader) => {
            let instance = Instance::new(loader.pool().clone(), &config)?;
            instance.claim().await?;
            Some((Following::new(core.clone(), instance, loader.clone()), loader))
        }
        Source::Fixed(_) => None,
    };
    if !reachable(&core, probe, topics[0].clone()).await {
        if let Some((following, _)) = following {
            following.stop().await;
        }
        return Ok(()); // stopped while no broker answered: there is nothing to finish
    }
    let dead_letters = DeadLetters::new(&name, consumer.bootstrap_servers, consumer.properties);
    let running = Running {
        failures: Arc::new(Failures {
            core: core.clone(),
            handling: consumer.handling.clone(),
            dead_letters,
            on_poison: consumer.on_poison,
        }),
        core: core.clone(),
        handling: consumer.handling,
        makes,
        following: following.as_ref().map(|(following, _)| following.clone()),
    };
    let grace = Task::spawn(end_after(core.clone(), consumer.grace));
    let mut recorder = None;
    if let Some((following, loader)) = following {
        following.start().await;
        let (pool, instance) = (loader.pool().clone(), following.instance.name.clone());
        recorder = Some(Recorder::start(core.clone(), pool, instance, consumer.metrics_every));
    }
    let mut driver = None;
    let result = match running.makes.start(&core) {
        Ok(made) => {
            driver = Some(Arc::new(made));
            core.observer.started();
            running.consume(&mut driver).await
        }
        Err(error) => Err(error),
    };
    if let Some(recorder) = recorder {
        recorder.stop().await;
    }
    if let Some(driver) = driver.and_then(Arc::into_inner) {
        driver.end().await;
    }
    drop(grace);
    if let Some(following) = &running.following {
        following.stop().await;
    }
    result
}

/// Until a broker answers. False where it was stopped before.
async fn reachable(core: &Core, mut consumer: BaseConsumer, topic: String) -> bool {
    let mut is_away = false;
    let mut pause = Duration::from_millis(500);
    while !core.is_stopping() {
        let topic = topic.clone();
        let asking = tokio::task::spawn_blocking(move || (kafka::answers(&consumer, Some(&topic)), consumer));
        let answer;
        (answer, consumer) = asking.await.expect("asking does not panic");
        match answer {
            Ok(()) => {
                if is_away {
                    log::warn!("{}: a broker answers", core.service_name);
                }
                return true;
            }
            Err(error) if !is_away => {
                is_away = true;
                log::error!(
                    "{}: no broker answers ({error}): nothing is consumed; it asks again until one does",
                    core.service_name
                );
            }
            Err(_) => {}
        }
        tokio::select! {
            () = tokio::time::sleep(pause) => {}
            () = core.stopped() => {}
        }
        pause = (pause * 2).min(Duration::from_secs(5));
    }
    false
}

/// Cancels what is still in handlers that long after a stop.
async fn end_after(core: Arc<Core>, grace: Duration) {
    core.stopped().await;
    tokio::time::sleep(grace).await;
    if let Some(work) = core.work() {
        log::error!(
            "{}: {} records were still in handlers {} s after the stop: cancelled, and read again by who gets them",
            core.service_name,
            work.left(),
            grace.as_secs_f64()
        );
        work.end_all(Stage::Abandoned);
    }
}

impl<T: Handling> Running<T> {
    async fn consume(&self, driver: &mut Option<Arc<Driver>>) -> Result<(), Error> {
        let core = &self.core;
        let mut before = None;
        while !core.is_stopping() {
            if let Some(following) = &self.following {
                if let Some(fenced) = following.instance.fenced() {
                    return Err(fenced);
                }
                if let Some((wanted, lag_before)) = following.its_turn() {
                    before = None; // its records hold the client
                    self.restart(driver, following, wanted, lag_before).await?;
                }
            }
            let Some(driver) = driver else { return Ok(()) };
            let service_name = core.service_name.clone();
            let next = driver.next(before.take()).await.map_err(|cause| match cause {
                KafkaError::Canceled => Error::Broken {
                    service_name,
                    problem: "the thread of its client panicked".to_owned(),
                },
                cause => Error::Kafka { service_name, cause },
            })?;
            if let Some(work) = next {
                self.in_hand(driver, &work).await?;
                before = Some(work);
            }
        }
        Ok(())
    }

    async fn in_hand(&self, driver: &Arc<Driver>, work: &Arc<Work>) -> Result<(), Error> {
        let (core, settings) = (&self.core, self.core.settings());
        if core.is_stopping() && core.commits_when_done() {
            work.end_all(Stage::Stopping);
        }
        self.handling.begins(&Batch(work)).await;
        let after_record = settings.delivery.commit == Commit::AfterRecord;
        let lanes = Lanes {
            work: work.clone(),
            handling: self.handling.clone(),
            failures: self.failures.clone(),
            limit: Duration::from_millis(settings.max_poll_interval_ms()),
            after_record: after_record.then(|| driver.clone()),
        };
        let result = lanes.run(settings.concurrency).await;
        core.put_down(work);
        core.observer.batch_ended();
        result?;
        if work.is_left_undone() {
            // The next batch would be committed past them.
            return Err(Error::Broken {
                service_name: core.service_name.clone(),
                problem: format!(
                    "{} records of a batch were left undone, and nothing says why",
                    work.left()
                ),
            });
        }
        Ok(())
    }

    /// Makes the consumer anew with the wanted settings; with the old ones where that fails, and says so to all.
    async fn restart(
        &self,
        driver: &mut Option<Arc<Driver>>,
        following: &Arc<Following>,
        wanted: Config,
        lag_before: Option<i64>,
    ) -> Result<(), Error> {
        let core = &self.core;
        let old = core.config().expect("it runs with something");
        let why = format!("for generation {}", wanted.generation);
        following.instance.say(State::Restarting, Some(why)).await;
        if let Some(driver) = driver.take().and_then(Arc::into_inner) {
            driver.end().await;
        }
        core.run_with(wanted.clone());
        match self.makes.start(core) {
            Ok(made) => {
                *driver = Some(Arc::new(made));
                following.runs(wanted, lag_before).await;
            }
            Err(error) => {
                core.run_with(old);
                *driver = Some(Arc::new(self.makes.start(core)?));
                following.went_back(&wanted, &error).await;
            }
        }
        Ok(())
    }
}
