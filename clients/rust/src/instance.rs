//! Who this replica is, and what it tells the database.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use sqlx::postgres::types::PgInterval;
use sqlx::{PgPool, Row};

use crate::error::Error;
use crate::security;
use crate::settings::{Config, expand};
use crate::source::{ReadError, in_time};
use crate::task::Task;

const REPORT: &str = "SELECT lagproof.report_instance_v1($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)";
const TAKE: &str = "SELECT granted, holder, halted, lag_before FROM lagproof.take_restart_lease_v1($1, $2, $3, $4, $5)";
const RELEASE: &str = "SELECT lagproof.release_restart_lease_v1($1, $2, $3, $4)";
const EVERY: Duration = Duration::from_secs(5);
const SILENCE: Duration = Duration::from_secs(15);

/// The client of this crate, with librdkafka's version.
pub(crate) fn client() -> String {
    format!("librdkafka {}", rdkafka::util::get_rdkafka_version().1)
}

/// What a replica is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum State {
    Starting,
    Running,
    Waiting,
    Restarting,
    Refused,
    LastGood,
    Stopped,
}

impl State {
    const fn word(self) -> &'static str {
        match self {
            Self::Starting => "starting",
            Self::Running => "running",
            Self::Waiting => "waiting",
            Self::Restarting => "restarting",
            Self::Refused => "refused",
            Self::LastGood => "last-good",
            Self::Stopped => "stopped",
        }
    }
}

/// Whether this replica may make its consumer anew now.
#[derive(Debug)]
pub(crate) struct Lease {
    pub(crate) granted: bool,
    pub(crate) holder: Option<String>,
    pub(crate) halted: Option<String>,
    pub(crate) lag_before: Option<i64>,
}

/// What it says of itself.
#[derive(Debug)]
struct Said {
    running: Option<Config>,
    seen: Option<Config>,
    state: State,
    detail: Option<String>,
    trouble: bool,
    fenced: Option<String>,
}

/// A running replica. Its reports never stop the service: a database that is away is the watcher's business.
pub(crate) struct Instance {
    pool: PgPool,
    service_name: String,
    pub(crate) name: String,
    process: String,
    /// Whether its name is a static member id.
    pub(crate) is_static: bool,
    said: Mutex<Said>,
    reporting: Mutex<Option<Task>>,
}

impl Instance {
    /// Called by its static member id, else by host and process.
    ///
    /// # Errors
    /// [`Error::BadRow`] where the id needs a variable that is not set.
    pub(crate) fn new(pool: PgPool, config: &Config) -> Result<Arc<Self>, Error> {
        let system = rustix::system::uname();
        let host = system.nodename().to_string_lossy().into_owned();
        let unique = |digits: usize| format!("{host}:{}:{:0digits$x}", std::process::id(), fastrand::u32(..));
        let declared = config.settings.instance_id.as_deref();
        let id = declared
            .map(|id| expand(id, config.service_name(), &security::process))
            .transpose()?;
        Ok(Arc::new(Self {
            pool,
            service_name: config.service_name().to_owned(),
            is_static: id.is_some(),
            name: id.unwrap_or_else(|| unique(6)),
            process: unique(8),
            said: Mutex::new(Said {
                running: None,
                seen: None,
                state: State::Starting,
                detail: None,
                trouble: false,
                fenced: None,
            }),
            reporting: Mutex::new(None),
        }))
    }

    fn said(&self) -> MutexGuard<'_, Said> {
        self.said.lock().expect("no panic while it is held")
    }

    /// The first report. Where another process has this static id it waits until that one has been silent long enough.
    ///
    /// # Errors
    /// [`Error::SameInstance`] where that one goes on reporting.
    pub(crate) async fn claim(&self) -> Result<(), Error> {
        let most = (SILENCE + EVERY).as_secs();
        for waited in 0.. {
            let Some(other) = self.report().await else { break };
            if waited == 0 {
                log::warn!(
                    "{}: static member id {:?} was in use seconds ago by {other}: waiting until that one is silent",
                    self.service_name,
                    self.name
                );
            }
            if waited > most {
                return Err(self.same_instance(other));
            }
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
        Ok(())
    }

    fn same_instance(&self, other: String) -> Error {
        Error::SameInstance {
            service_name: self.service_name.clone(),
            instance: self.name.clone(),
            other,
        }
    }

    /// Set where another process has taken this name over.
    pub(crate) fn fenced(&self) -> Option<Error> {
        let other = self.said().fenced.clone();
        other.map(|other| self.same_instance(other))
    }

    fn reporting(&self) -> MutexGuard<'_, Option<Task>> {
        self.reporting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Begins to report every few seconds, until it stops, falls silent or is dropped.
    pub(crate) fn start(self: &Arc<Self>) {
        let own = Arc::downgrade(self);
        let task = Task::spawn(async move {
            loop {
                tokio::time::sleep(EVERY).await;
                let Some(own) = own.upgrade() else { return };
                if let Some(other) = own.report().await
                    && own.fenced().is_none()
                {
                    log::error!("{}", own.same_instance(other.clone()));
                    own.said().fenced = Some(other);
                }
            }
        });
        *self.reporting() = Some(task);
    }

    /// Reports no more: nothing runs here. Others see that once it has been silent for a while.
    pub(crate) fn falls_silent(&self) {
        drop(self.reporting().take());
    }

    /// Whether it reports every few seconds.
    pub(crate) fn is_reporting(&self) -> bool {
        self.reporting().is_some()
    }

    /// Says that it has stopped.
    pub(crate) async fn stop(&self) {
        self.falls_silent();
        let last = self.say(State::Stopped, None);
        let _ = tokio::time::timeout(Duration::from_secs(3), last).await;
    }

    /// What it runs with from now on; the next report says it.
    pub(crate) fn runs(&self, config: &Config, state: State, detail: Option<String>) {
        let mut said = self.said();
        let file = config.from_file.as_ref().map(|file| file.display().to_string());
        said.state = if file.is_some() { State::LastGood } else { state };
        said.detail = file.or(detail);
        said.running = Some(config.clone());
    }

    /// What it has read.
    pub(crate) fn sees(&self, config: &Config) {
        self.said().seen = Some(config.clone());
    }

    /// Reports another state at once.
    pub(crate) async fn say(&self, state: State, detail: Option<String>) {
        {
            let mut said = self.said();
            (said.state, said.detail) = (state, detail);
        }
        self.report().await;
    }

    /// Says what it runs with. Answers the other process that has the same name, if one has.
    pub(crate) async fn report(&self) -> Option<String> {
        let asking = {
            let said = self.said();
            let running = said.running.as_ref();
            let seen = said.seen.as_ref().or(running);
            sqlx::query_scalar(REPORT)
                .bind(self.service_name.clone())
                .bind(self.name.clone())
                .bind(self.process.clone())
                .bind(client())
                .bind(running.map(|config| config.generation))
                .bind(seen.map(|config| config.generation))
                .bind(running.and_then(|config| config.version))
                .bind(said.state.word())
                .bind(said.detail.clone())
                .bind(interval(SILENCE))
        };
        let answer: Result<Option<String>, ReadError> = in_time(asking.persistent(false).fetch_one(&self.pool)).await;
        let mut said = self.said();
        match answer {
            Ok(other) => {
                said.trouble = false;
                other
            }
            Err(error) => {
                if !std::mem::replace(&mut said.trouble, true) {
                    let why = error.into_error();
                    log::warn!("{}: could not report what runs here: {why}", self.service_name);
                }
                None
            }
        }
    }

    /// Asks for the turn to restart, or for it to go on.
    pub(crate) async fn take_lease(
        &self,
        generation: i64,
        lag: Option<i64>,
        lasts: Duration,
    ) -> Result<Lease, ReadError> {
        let asking = sqlx::query(TAKE)
            .bind(&self.service_name)
            .bind(&self.name)
            .bind(generation)
            .bind(lag)
            .bind(interval(lasts));
        let row = in_time(asking.persistent(false).fetch_one(&self.pool)).await?;
        Ok(Lease {
            granted: row.try_get("granted")?,
            holder: row.try_get("holder")?,
            halted: row.try_get("halted")?,
            lag_before: row.try_get("lag_before")?,
        })
    }

    /// Ends the turn; with a failure the rollout stops. A database that is away lets the turn run out by itself.
    pub(crate) async fn release_lease(&self, generation: i64, failure: Option<&str>) {
        let asking = sqlx::query(RELEASE)
            .bind(&self.service_name)
            .bind(&self.name)
            .bind(generation)
            .bind(failure);
        if let Err(error) = in_time(asking.persistent(false).execute(&self.pool)).await {
            let why = error.into_error();
            log::warn!(
                "{}: could not give its turn back, it runs out by itself: {why}",
                self.service_name
            );
        }
    }
}

fn interval(duration: Duration) -> PgInterval {
    PgInterval {
        months: 0,
        days: 0,
        microseconds: i64::try_from(duration.as_micros()).unwrap_or(i64::MAX),
    }
}
