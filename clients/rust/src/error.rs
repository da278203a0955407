//! What can go wrong, each with its consequence and the way out.

use std::fmt;
use std::path::PathBuf;

use rdkafka::error::KafkaError;

/// What a handler fails with: any error, or a text.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// Anything that this crate refuses or can't do. Its text says what happened and what to do.
#[derive(Debug)]
#[non_exhaustive]
pub enum Error {
    /// The database has no lagproof schema, or an older one.
    NotMigrated {
        /// What it lacks, in the database's words.
        missing: String,
    },
    /// The login may not do what services do.
    NoRights {
        /// What was refused, in the database's words.
        what: String,
    },
    /// No row has that name.
    UnknownService {
        /// The name.
        service_name: String,
        /// The names that are known, sorted.
        known: Vec<String>,
    },
    /// The service's profile was removed.
    RetiredService {
        /// The service.
        service_name: String,
        /// The version of its tombstone.
        version: Option<i32>,
    },
    /// The row can't be understood, or says what this client can't do.
    BadRow {
        /// The service.
        service_name: String,
        /// The key in the settings document.
        key: String,
        /// What is wrong with it.
        problem: String,
        /// What to do; may be empty.
        fix: String,
    },
    /// There is nothing to subscribe to.
    NoTopics {
        /// The service.
        service_name: String,
    },
    /// The database can't be reached, and there is no last-good file.
    DatabaseAway {
        /// The service.
        service_name: String,
        /// What the attempt ended with.
        cause: String,
        /// Where its last good settings would be.
        file: PathBuf,
    },
    /// The environment's security variables contradict each other or lack something.
    SecurityMissing(String),
    /// Two processes have one static member id.
    SameInstance {
        /// The service.
        service_name: String,
        /// The id.
        instance: String,
        /// The other process.
        other: String,
    },
    /// A record failed for good, and there is nowhere to put it.
    PoisonRecord {
        /// The service.
        service_name: String,
        /// The record: `topic[partition]@offset`.
        record: String,
        /// How often it was tried.
        tries: u32,
        /// What the last try failed with.
        cause: BoxError,
    },
    /// No broker answered in time.
    BrokerAway {
        /// The service.
        service_name: String,
        /// What the last attempt ended with.
        cause: String,
    },
    /// Kafka refused something for good: access, or this member.
    Kafka {
        /// The service.
        service_name: String,
        /// What it said.
        cause: KafkaError,
    },
    /// It can't go on without passing records by: something panicked outside of a handler.
    Broken {
        /// The service.
        service_name: String,
        /// What is wrong.
        problem: String,
    },
    /// The database refused a statement.
    Database(sqlx::Error),
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotMigrated { missing } => write!(
                f,
                "the database has no {missing}: nothing says how services should run. Run `lagproof migrate` with \
                 DATABASE_URL set to this database, or apply migrations/038_*.sql to 041_*.sql and the seeds in \
                 generated/migrations with psql"
            ),
            Self::NoRights { what } => write!(
                f,
                "the database refused: {what}. Grant this login the role: GRANT lagproof_service TO …"
            ),
            Self::UnknownService { service_name, known } => unknown(f, service_name, known),
            Self::RetiredService { service_name, version } => {
                write!(f, "service {service_name:?} is retired")?;
                if let Some(version) = version {
                    write!(f, " (version {version})")?;
                }
                write!(
                    f,
                    ": its profile was removed. Stop running it, or bring profiles/services/{service_name}.toml back, \
                     then `lagproof compile` and `lagproof migrate`"
                )
            }
            Self::BadRow {
                service_name,
                key,
                problem,
                fix,
            } => {
                write!(f, "service {service_name:?}: {key}: {problem}.")?;
                if fix.is_empty() { Ok(()) } else { write!(f, " {fix}") }
            }
            Self::NoTopics { service_name } => write!(
                f,
                "service {service_name:?} has no topics: neither the call nor its row names one, and a consumer without \
                 topics would idle for ever. Name them in the call, or in the service's profile"
            ),
            Self::DatabaseAway {
                service_name,
                cause,
                file,
            } => write!(
                f,
                "the database can't be reached ({cause}), and there are no last good settings of service \
                 {service_name:?} in {}: it is not known how to run. Bring the database back; after one good start the \
                 settings are kept in that file",
                file.display()
            ),
            Self::SecurityMissing(text) => f.write_str(text),
            Self::SameInstance {
                service_name,
                instance,
                other,
            } => write!(
                f,
                "another running replica of {service_name:?} has the static member id {instance:?} ({other}): the \
                 broker lets only one of them in at a time, and they would throw each other out for ever. Give each \
                 replica its own (instance_id with a variable such as ${{POD_NAME}})"
            ),
            Self::PoisonRecord {
                service_name,
                record,
                tries,
                cause,
            } => write!(
                f,
                "{service_name}: {record} failed, tries: {tries} ({cause}), and there is nowhere to put it: stopped \
                 before it, nothing is lost. Declare delivery.retry with a dead_letter topic in the profile, or skip \
                 such records with on_poison(OnPoison::Skip)"
            ),
            Self::BrokerAway { service_name, cause } => write!(
                f,
                "{service_name}: no broker answers ({cause}): nothing can be consumed. Check KAFKA_BOOTSTRAP_SERVERS, or \
                 the servers that the call names"
            ),
            Self::Kafka { service_name, cause } => write!(f, "{service_name}: Kafka refuses it: {cause}"),
            Self::Broken { service_name, problem } => write!(
                f,
                "{service_name}: {problem}: stopped, and nothing is committed past what is processed. Look for a panic in \
                 the log before this, then start it again"
            ),
            Self::Database(error) => write!(f, "the database refused: {error}"),
        }
    }
}

fn unknown(f: &mut fmt::Formatter<'_>, name: &str, known: &[String]) -> fmt::Result {
    write!(f, "service {name:?} is not in pipeline_consumer_configs")?;
    match nearest(name, known) {
        Some(nearest) => write!(f, "; did you mean {nearest:?}?")?,
        None => f.write_str(".")?,
    }
    if known.is_empty() {
        f.write_str(" There is no service at all yet.")?;
    } else {
        write!(f, " Known: {}", known[..known.len().min(20)].join(", "))?;
        if known.len() > 20 {
            write!(f, " and {} more", known.len() - 20)?;
        }
        f.write_str(".")?;
    }
    f.write_str(" A new service begins as profiles/services/NAME.toml, then `lagproof compile` and `lagproof migrate`")
}

fn nearest<'k>(name: &str, known: &'k [String]) -> Option<&'k String> {
    known
        .iter()
        .map(|one| (strsim::normalized_damerau_levenshtein(name, one), one))
        .filter(|(likeness, _)| *likeness >= 0.6)
        .max_by(|one, other| one.0.total_cmp(&other.0))
        .map(|(_, one)| one)
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::PoisonRecord { cause, .. } => Some(&**cause),
            Self::Kafka { cause, .. } => Some(cause),
            Self::Database(error) => Some(error),
            _ => None,
        }
    }
}

/// Return it from a handler where what it calls is down: the record is kept and tried again, and counts as no failure.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DownstreamUnavailable(pub String);

impl fmt::Display for DownstreamUnavailable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for DownstreamUnavailable {}

/// A handler took so long that the group would have thrown this member out.
#[derive(Debug, Clone, PartialEq)]
pub struct HandlerTimeout {
    /// The most seconds that it may take.
    pub seconds: f64,
}

impl fmt::Display for HandlerTimeout {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "HandlerTimeout: its handler had not ended after {} s, the most that max_poll_interval allows",
            self.seconds
        )
    }
}

impl std::error::Error for HandlerTimeout {}

/// A handler panicked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HandlerPanic(pub String);

impl fmt::Display for HandlerPanic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "its handler panicked: {}", self.0)
    }
}

impl std::error::Error for HandlerPanic {}
