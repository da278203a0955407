//! Reaching the server.

use std::str::FromStr;

use sqlx::postgres::PgConnectOptions;
use sqlx::{Connection, Executor, PgConnection, Row};

use super::error::MigrateError;

/// PostgreSQL 15, as `server_version_num` has it.
const OLDEST: i32 = 150_000;

/// A connection to the database that `url` names.
pub(super) async fn connect(url: &str) -> Result<PgConnection, MigrateError> {
    // The parser takes any scheme.
    if !["postgres://", "postgresql://"]
        .iter()
        .any(|scheme| url.starts_with(scheme))
    {
        return Err(MigrateError::BadUrl);
    }
    let options = PgConnectOptions::from_str(url)
        .map_err(|_| MigrateError::BadUrl)?
        .application_name("lagproof migrate");
    let mut connection = PgConnection::connect_with(&options)
        .await
        .map_err(|error| refused(&options, &error))?;
    let row = connection
        .fetch_one("SELECT current_setting('server_version_num')::integer, current_setting('server_version')")
        .await
        .map_err(|error| refused(&options, &error))?;
    if row.get::<i32, _>(0) < OLDEST {
        return Err(MigrateError::TooOld { version: row.get(1) });
    }
    Ok(connection)
}

fn refused(options: &PgConnectOptions, error: &sqlx::Error) -> MigrateError {
    let place = options.get_socket().map_or_else(
        || format!("{}:{}", options.get_host(), options.get_port()),
        |socket| socket.display().to_string(),
    );
    let user = options.get_username();
    let database = options.get_database().unwrap_or(user);
    let code = error.as_database_error().and_then(|error| error.code());
    let help = match code.as_deref() {
        Some("28P01" | "28000") => format!("check user and password in DATABASE_URL; it names the user {user}"),
        Some("3D000") => format!("create the database ({database}), or name another in DATABASE_URL"),
        Some(_) => "see what the server says above".to_owned(),
        None => "start it, or name another server in DATABASE_URL".to_owned(),
    };
    MigrateError::Connect {
        server: format!("PostgreSQL at {place}"),
        why: error
            .as_database_error()
            .map_or_else(|| error.to_string(), |error| error.message().to_owned()),
        help,
    }
}

/// Reads from the database at `url`, all of it as of one moment, and changes nothing. `tables` are those without which there
/// is nothing to read.
pub(super) fn read_at_once<T>(
    url: &str,
    tables: &[&str],
    doing: &str,
    read: impl AsyncFnOnce(&mut PgConnection) -> Result<T, sqlx::Error>,
) -> Result<T, MigrateError> {
    with_connection(url, async |connection| {
        let mut transaction = connection.begin().await.map_err(lost)?;
        transaction
            .execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
            .await
            .map_err(lost)?;
        let there: bool = sqlx::query_scalar("SELECT bool_and(to_regclass(name) IS NOT NULL) FROM unnest($1) AS name")
            .bind(tables)
            .fetch_one(&mut *transaction)
            .await
            .map_err(lost)?;
        if !there {
            return Err(MigrateError::NoSchema);
        }
        read(&mut transaction)
            .await
            .map_err(|error| MigrateError::during(doing, &error))
    })
}

/// Does something with a connection to the database that `url` names, and closes it.
pub(super) fn with_connection<T>(
    url: &str,
    work: impl AsyncFnOnce(&mut PgConnection) -> Result<T, MigrateError>,
) -> Result<T, MigrateError> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| MigrateError::Lost { why: error.to_string() })?;
    runtime.block_on(async {
        let mut connection = connect(url).await?;
        let done = work(&mut connection).await;
        let _ = connection.close().await;
        done
    })
}

/// The connection said something unexpected.
pub(super) fn lost(error: sqlx::Error) -> MigrateError {
    MigrateError::Lost { why: error.to_string() }
}
