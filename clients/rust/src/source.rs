//! A service's settings from the database: read, explained where that fails, kept in a file.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Map, Value as Json, json};
use sqlx::{PgPool, Row};

use crate::error::Error;
use crate::last_good;
use crate::settings::{Config, Settings};

const QUERY: &str = "SELECT status, version, generation, etag, settings FROM lagproof.read_config_v1($1)";
const KNOWN: &str =
    "SELECT service_name FROM public.pipeline_consumer_configs WHERE status = 'active' ORDER BY service_name";
/// The longest that the database may take for one answer.
pub(crate) const PATIENCE: Duration = Duration::from_secs(10);

/// Why there is no answer.
#[derive(Debug)]
pub(crate) enum ReadError {
    /// The database can't be reached.
    Away(String),
    /// It answered with something else than settings.
    Refused(Error),
}

impl ReadError {
    /// What it means where nothing can stand for the answer.
    pub(crate) fn into_error(self) -> Error {
        match self {
            Self::Away(cause) => Error::Database(sqlx::Error::Io(std::io::Error::other(cause))),
            Self::Refused(error) => error,
        }
    }
}

impl From<sqlx::Error> for ReadError {
    fn from(error: sqlx::Error) -> Self {
        use sqlx::Error as Sql;
        match &error {
            Sql::Database(refusal) => {
                let message = refusal.message().to_owned();
                match refusal.code().as_deref().unwrap_or_default() {
                    "42501" => Self::Refused(Error::NoRights { what: message }),
                    "42P01" | "42883" | "3F000" => {
                        let missing = message.split(" does not exist").next().unwrap_or_default().to_owned();
                        Self::Refused(Error::NotMigrated { missing })
                    }
                    // It goes down, comes up, or is full.
                    "57P01" | "57P02" | "57P03" | "53300" => Self::Away(message),
                    code if code.starts_with("08") => Self::Away(message),
                    _ => Self::Refused(Error::Database(error)),
                }
            }
            Sql::Io(_) | Sql::Tls(_) | Sql::Protocol(_) | Sql::PoolTimedOut | Sql::PoolClosed | Sql::WorkerCrashed => {
                Self::Away(error.to_string())
            }
            _ => Self::Refused(Error::Database(error)),
        }
    }
}

/// Asks the database, but not for ever.
pub(crate) async fn in_time<T>(asking: impl Future<Output = Result<T, sqlx::Error>>) -> Result<T, ReadError> {
    match tokio::time::timeout(PATIENCE, asking).await {
        Ok(answer) => answer.map_err(ReadError::from),
        Err(_) => Err(ReadError::Away(format!("no answer within {} s", PATIENCE.as_secs()))),
    }
}

/// A service's row as it is now.
pub(crate) async fn read(pool: &PgPool, service_name: &str) -> Result<Config, ReadError> {
    // Not kept as a prepared statement: migrations may replace what it calls while services run.
    let row = in_time(
        sqlx::query(QUERY)
            .bind(service_name)
            .persistent(false)
            .fetch_optional(pool),
    )
    .await?;
    let Some(row) = row else {
        let known = in_time(sqlx::query_scalar(KNOWN).persistent(false).fetch_all(pool)).await?;
        let service_name = service_name.to_owned();
        return Err(ReadError::Refused(Error::UnknownService { service_name, known }));
    };
    let version: Option<i32> = row.try_get("version")?;
    if row.try_get::<&str, _>("status")? == "retired" {
        let service_name = service_name.to_owned();
        return Err(ReadError::Refused(Error::RetiredService { service_name, version }));
    }
    let document: Json = row.try_get("settings")?;
    let settings = Settings::read(service_name, &document).map_err(ReadError::Refused)?;
    Ok(Config {
        settings: Arc::new(settings),
        version,
        generation: row.try_get("generation")?,
        etag: row.try_get("etag")?,
        from_file: None,
        document: Arc::new(document),
    })
}

/// The row; where the database is away, the last good one, said loudly.
///
/// # Errors
/// What [`read`] refuses; [`Error::DatabaseAway`] where there is no last good one either.
pub(crate) async fn read_or_last_good(pool: &PgPool, service_name: &str, folder: &Path) -> Result<Config, Error> {
    let cause = match read(pool, service_name).await {
        Ok(config) => {
            keep(&config, folder);
            return Ok(config);
        }
        Err(ReadError::Refused(error)) => return Err(error),
        Err(ReadError::Away(cause)) => cause,
    };
    let file = last_good::file_of(service_name, folder);
    let Some(row) = last_good::load(service_name, folder) else {
        return Err(Error::DatabaseAway {
            service_name: service_name.to_owned(),
            cause,
            file,
        });
    };
    let document = row.get("settings").cloned().unwrap_or(Json::Null);
    let config = Config {
        settings: Arc::new(Settings::read(service_name, &document)?),
        version: row
            .get("version")
            .and_then(Json::as_i64)
            .and_then(|version| version.try_into().ok()),
        generation: row.get("generation").and_then(Json::as_i64).unwrap_or_default(),
        etag: row.get("etag").and_then(Json::as_str).unwrap_or_default().to_owned(),
        from_file: Some(file.clone()),
        document: Arc::new(document),
    };
    log::error!(
        "{service_name}: THE DATABASE IS AWAY ({cause}): starting with the last good settings, generation {}, of {}. \
         Changes made since are unknown; they are taken as soon as it answers",
        config.generation,
        file.display()
    );
    Ok(config)
}

/// Writes the last-good file; a folder that can't be written to is said with every change and stops nothing.
pub(crate) fn keep(config: &Config, folder: &Path) {
    let mut row = Map::new();
    row.insert("version".to_owned(), json!(config.version));
    row.insert("generation".to_owned(), json!(config.generation));
    row.insert("etag".to_owned(), json!(config.etag));
    row.insert("settings".to_owned(), (*config.document).clone());
    if let Err(error) = last_good::save(config.service_name(), row, folder) {
        log::warn!(
            "{}: the last good settings could not be kept in {} ({error}): a start while the database is down would \
             fail. Set LAGPROOF_STATE_DIR to a folder that can be written to",
            config.service_name(),
            folder.display()
        );
    }
}
