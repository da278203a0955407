//! A broker that runs, whatever its kind.

use std::fmt;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::model::broker::Environment;
use crate::units::Size;

use super::admin::Admin;
use super::cancel::Cancel;
use super::choose::{Kind, Offer, local_name, survey};
use super::connection::Connection;
use super::docker::Docker;
use super::error::BrokerError;
use super::fetch::{Progress, fetch_jars};
use super::jars::find_jars;
use super::lease::Lease;
use super::ledger::Ledger;
use super::local::Local;
use super::mock::Mock;
use super::options::{Options, free};
use super::permit::{Caps, Permit};
use super::surroundings::Surroundings;
use super::usage::Usage;

/// Which broker is wanted.
#[derive(Debug, Clone, Copy)]
pub enum Wanted<'a> {
    /// The best that is here: docker, else local.
    Best,
    /// In a container.
    Docker,
    /// As a process.
    Local,
    /// In this process: a smoke test.
    Mock,
    /// A declared environment.
    Declared(&'a Environment),
}

impl Wanted<'_> {
    const fn kind(self) -> Option<Kind> {
        match self {
            Self::Best => None,
            Self::Docker => Some(Kind::Docker),
            Self::Local => Some(Kind::Local),
            Self::Mock => Some(Kind::Mock),
            Self::Declared(_) => Some(Kind::Declared),
        }
    }
}

/// How a broker is made to end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Halt {
    /// In good order: it closes its logs first.
    Clean,
    /// At once, as by a crash.
    Killed,
}

/// A broker that runs. Dropping one that we started ends it and removes its data.
#[derive(Debug)]
pub struct Broker {
    running: Running,
    connection: Connection,
    what: String,
    version: String,
    why: String,
    ready_in: Duration,
    cancel: Cancel,
    /// What runs have promised and made so far, on a cluster that is not ours.
    ledger: Ledger,
}

#[derive(Debug)]
enum Running {
    Docker(Box<Docker>),
    Local(Box<Local>),
    Mock(Arc<Mock>),
    Declared(Box<Environment>),
}

/// In words for people: "Apache Kafka 4.3.1 in docker (apache/kafka:4.3.1), ready in 3.6 s".
impl fmt::Display for Broker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.what)?;
        match self.kind() {
            Kind::Docker | Kind::Local => write!(f, ", ready in {:.1} s", self.ready_in.as_secs_f64()),
            Kind::Mock | Kind::Declared => Ok(()),
        }
    }
}

impl Broker {
    /// Starts the broker that is wanted, or reaches it, and waits until it answers.
    ///
    /// # Errors
    /// [`BrokerError::Nothing`] with the reasons where none can run; else what went wrong with the one that was chosen.
    /// No other kind is tried then: which broker a verdict comes from does not depend on a bad day.
    /// [`BrokerError::Stopped`] where [`Options::cancel`] says so; nothing runs on then, and nothing half-fetched stays.
    pub fn start(
        wanted: Wanted<'_>,
        options: &Options,
        surroundings: &Surroundings,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<Self, BrokerError> {
        let start = Instant::now();
        let (running, connection, what, version, why) = match wanted {
            Wanted::Mock => {
                let mock = Mock::start()?;
                let connection = Connection::plain(mock.bootstrap());
                let what = "librdkafka's in-process mock: a smoke test, no verdict".to_owned();
                (
                    Running::Mock(Arc::new(mock)),
                    connection,
                    what,
                    "mock".to_owned(),
                    "asked for".to_owned(),
                )
            }
            Wanted::Declared(environment) => {
                let connection = Connection::declared(environment, surroundings)?;
                let (id, count) = {
                    let admin = Admin::connect(&connection)?;
                    (admin.cluster_id_unless(&options.cancel)?, admin.broker_count()?)
                };
                let what = format!("the environment {} (cluster {id}, brokers: {count})", environment.name);
                let (major, minor) = *environment.broker.version;
                let running = Running::Declared(Box::new(environment.clone()));
                (
                    running,
                    connection,
                    what,
                    format!("{major}.{minor}"),
                    "asked for".to_owned(),
                )
            }
            Wanted::Best | Wanted::Docker | Wanted::Local => {
                Self::start_own(wanted.kind(), options, surroundings, progress)?
            }
        };
        Ok(Self {
            running,
            connection,
            what,
            version,
            why,
            ready_in: start.elapsed(),
            cancel: options.cancel.clone(),
            ledger: Ledger::default(),
        })
    }

    fn start_own(
        asked: Option<Kind>,
        options: &Options,
        surroundings: &Surroundings,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<(Running, Connection, String, String, String), BrokerError> {
        let survey = survey(asked, surroundings, options, progress)?;
        let why = survey.why();
        match (survey.best(), &survey.docker, &survey.local) {
            (Some(Kind::Docker), Offer::Ready(image), _) => {
                let what = format!("Apache Kafka {} in docker ({image})", image.tag);
                progress(Progress::Starting { what: what.clone() });
                let docker = Docker::start(image, options)?;
                let connection = Connection::plain(docker.bootstrap());
                Ok((
                    Running::Docker(Box::new(docker)),
                    connection,
                    what,
                    image.tag.clone(),
                    why,
                ))
            }
            (Some(Kind::Local), _, Offer::Ready(java)) => {
                let jars = match find_jars(surroundings)? {
                    Some(jars) => jars,
                    None => fetch_jars(surroundings, &options.cancel, progress)?,
                };
                let what = local_name(&jars.version, jars.from, java);
                progress(Progress::Starting { what: what.clone() });
                let local = Local::start(java, &jars, options)?;
                let connection = Connection::plain(&local.bootstrap());
                Ok((Running::Local(Box::new(local)), connection, what, jars.version, why))
            }
            _ => Err(BrokerError::Nothing(survey)),
        }
    }

    /// The bootstrap servers.
    #[must_use]
    pub fn bootstrap(&self) -> &str {
        self.connection.bootstrap()
    }

    /// How clients connect, with security where there is any.
    #[must_use]
    pub const fn connection(&self) -> &Connection {
        &self.connection
    }

    /// Its kind.
    #[must_use]
    pub const fn kind(&self) -> Kind {
        match self.running {
            Running::Docker(_) => Kind::Docker,
            Running::Local(_) => Kind::Local,
            Running::Mock(_) => Kind::Mock,
            Running::Declared(_) => Kind::Declared,
        }
    }

    /// Kafka's version: of our own, the one that runs; of an environment, the one declared.
    #[must_use]
    pub fn version(&self) -> &str {
        &self.version
    }

    /// Why this one was chosen, for reports: "docker comes first".
    #[must_use]
    pub fn why(&self) -> &str {
        &self.why
    }

    /// How long it took from the call until it answered.
    #[must_use]
    pub const fn ready_in(&self) -> Duration {
        self.ready_in
    }

    /// The folder of a local broker, log and data in it.
    #[must_use]
    pub fn folder(&self) -> Option<&Path> {
        match &self.running {
            Running::Local(local) => Some(local.folder()),
            Running::Docker(_) | Running::Mock(_) | Running::Declared(_) => None,
        }
    }

    /// The bytes that a local broker can still write.
    #[must_use]
    pub fn room(&self) -> Option<Size> {
        self.folder().and_then(free).map(Size)
    }

    /// The process of a local broker.
    #[must_use]
    pub fn process(&self) -> Option<u32> {
        match &self.running {
            Running::Local(local) => Some(local.process()),
            Running::Docker(_) | Running::Mock(_) | Running::Declared(_) => None,
        }
    }

    /// The container of a docker broker.
    #[must_use]
    pub fn container(&self) -> Option<&str> {
        match &self.running {
            Running::Docker(docker) => Some(docker.id()),
            Running::Local(_) | Running::Mock(_) | Running::Declared(_) => None,
        }
    }

    /// What the broker's process uses now; nothing where it can't be seen.
    #[must_use]
    pub fn usage(&self) -> Option<Usage> {
        match &self.running {
            Running::Docker(docker) => docker.usage(),
            Running::Local(local) => local.usage(),
            Running::Mock(_) | Running::Declared(_) => None,
        }
    }

    /// The last lines of the log of a broker that we started.
    #[must_use]
    pub fn log(&self, lines: usize) -> String {
        match &self.running {
            Running::Docker(docker) => docker.log(lines),
            Running::Local(local) => local.log(lines),
            Running::Mock(_) | Running::Declared(_) => String::new(),
        }
    }

    /// Whether it still runs.
    ///
    /// # Errors
    /// [`BrokerError::Died`] with its last words; for an environment, [`BrokerError::Kafka`] where it does not answer.
    pub fn check(&mut self) -> Result<(), BrokerError> {
        match &mut self.running {
            Running::Docker(docker) => docker.check(),
            Running::Local(local) => local.check(),
            Running::Mock(_) => Ok(()),
            Running::Declared(_) => self.admin()?.cluster_id().map(drop),
        }
    }

    /// A connection that looks at it.
    ///
    /// # Errors
    /// [`BrokerError::Kafka`] where librdkafka does not take the connection's settings.
    pub fn admin(&self) -> Result<Admin, BrokerError> {
        Admin::connect(&self.connection)
    }

    /// Has a fresh broker of ours do now what its first consumer group would otherwise wait for: 1 to 3 seconds. To be
    /// called before anything is measured.
    ///
    /// # Errors
    /// [`BrokerError::Kafka`] where it does not come to that within half a minute.
    pub fn warm_up(&self) -> Result<(), BrokerError> {
        match self.running {
            Running::Docker(_) | Running::Local(_) => self.admin()?.warm_up(Duration::from_secs(30), &self.cancel),
            Running::Mock(_) | Running::Declared(_) => Ok(()),
        }
    }

    /// The right to make topics and groups here. For an environment, its rules are asked and a journal is begun in
    /// `journals`; `caps` count only there, for all leases of this broker together.
    ///
    /// # Errors
    /// [`BrokerError::Refused`] where an environment does not permit load.
    pub fn lease(&self, caps: Caps, journals: &Path) -> Result<Lease, BrokerError> {
        let admin = self.admin()?;
        match &self.running {
            Running::Docker(_) | Running::Local(_) => Ok(Lease::own(admin)),
            Running::Mock(mock) => Ok(Lease::mock(admin, Arc::clone(mock))),
            Running::Declared(environment) => {
                let permit = Permit::request(environment, &admin, caps)?;
                Lease::foreign_within(admin, permit, journals, self.ledger.clone())
            }
        }
    }

    /// Ends a broker that we started, keeping its data, for [`Self::resume`].
    ///
    /// # Errors
    /// [`BrokerError::Unsupported`] for the mock and for an environment, whose brokers are not ours to stop.
    pub fn halt(&mut self, how: Halt) -> Result<(), BrokerError> {
        match &mut self.running {
            Running::Docker(docker) => docker.halt(how),
            Running::Local(local) => local.halt(how),
            Running::Mock(_) | Running::Declared(_) => Err(self.not_ours("be stopped")),
        }
    }

    /// Starts it again on the same data, at the same address, and waits until it answers.
    ///
    /// # Errors
    /// As [`Self::start`] and [`Self::halt`]; [`BrokerError::Stopped`], too.
    pub fn resume(&mut self) -> Result<(), BrokerError> {
        match &mut self.running {
            Running::Docker(docker) => docker.resume(),
            Running::Local(local) => local.resume(),
            Running::Mock(_) | Running::Declared(_) => Err(self.not_ours("be started")),
        }
    }

    /// Ends it and removes its data, as dropping it does.
    pub fn stop(self) {}

    fn not_ours(&self, what: &'static str) -> BrokerError {
        BrokerError::Unsupported {
            broker: self.what.clone(),
            what,
        }
    }
}
