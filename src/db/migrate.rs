//! Applying what is not applied yet.

use std::collections::BTreeMap;

use sqlx::{Connection, Executor, PgConnection, Row};

use super::adoption::{self, Finding};
use super::connect::connect;
use super::error::MigrateError;
use super::files::{Kind, Migration, Migrations};
use super::ledger::{self, Applied};

/// The lock that one run holds; named after what it is for.
const LOCK: &str = "hashtextextended('lagproof migrate', 0)";

/// What to do with what is not applied.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// Apply it.
    Apply,
    /// Apply it all in one transaction, and take that back: what would be refused is.
    DryRun,
    /// Only say what it is.
    Status,
}

/// What goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Progress<'m> {
    /// Another run holds the lock.
    Waiting,
    /// A migration was applied, or would be.
    Applied(&'m str),
    /// Something about an older installation that it took over.
    Found(&'m Finding),
    /// So many more things were found.
    FoundMore(u64),
}

/// How it ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// What the ledger had before.
    pub before: BTreeMap<String, Applied>,
    /// The names of what was not applied before, in order.
    pub pending: Vec<String>,
}

/// Brings the database at `url` in line with `migrations`.
///
/// # Errors
/// [`MigrateError`]; what `progress` was told to be applied stays applied.
pub fn migrate(
    url: &str,
    migrations: &Migrations,
    mode: Mode,
    progress: &mut dyn FnMut(Progress<'_>),
) -> Result<Report, MigrateError> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| lost(&error))?;
    runtime.block_on(async {
        let mut connection = connect(url).await?;
        let done = run(&mut connection, migrations, mode, progress).await;
        // Closing says goodbye, so that the lock falls now and not when the server notices.
        let _ = connection.close().await;
        done
    })
}

async fn run(
    connection: &mut PgConnection,
    migrations: &Migrations,
    mode: Mode,
    progress: &mut dyn FnMut(Progress<'_>),
) -> Result<Report, MigrateError> {
    if mode != Mode::Status {
        lock(connection, progress).await.map_err(|error| lost(&error))?;
    }
    let before = ledger::read(connection)
        .await
        .map_err(|error| MigrateError::during("lagproof.ledger", &error))?;
    let pending = ledger::pending(&before, migrations)?;
    match mode {
        Mode::Status => {}
        Mode::Apply => apply(connection, &pending, progress).await?,
        Mode::DryRun => dry_run(connection, &pending, progress).await?,
    }
    Ok(Report {
        before,
        pending: pending.iter().map(|migration| migration.name.clone()).collect(),
    })
}

/// Waits until no other run works on this database.
async fn lock(connection: &mut PgConnection, progress: &mut dyn FnMut(Progress<'_>)) -> Result<(), sqlx::Error> {
    let got = connection
        .fetch_one(format!("SELECT pg_try_advisory_lock({LOCK})").as_str())
        .await?;
    if !got.get::<bool, _>(0) {
        progress(Progress::Waiting);
        connection
            .execute(format!("SELECT pg_advisory_lock({LOCK})").as_str())
            .await?;
    }
    Ok(())
}

async fn apply(
    connection: &mut PgConnection,
    pending: &[&Migration],
    progress: &mut dyn FnMut(Progress<'_>),
) -> Result<(), MigrateError> {
    let mut told = newest_finding(connection).await.map_err(|error| lost(&error))?;
    for migration in pending {
        one(connection, migration)
            .await
            .map_err(|error| MigrateError::during(&migration.name, &error))?;
        progress(Progress::Applied(&migration.name));
        tell(connection, migration, &mut told, progress)
            .await
            .map_err(|error| lost(&error))?;
    }
    // With nothing to do, too: overrides end, and days pass.
    connection
        .execute(sqlx::raw_sql(
            "SELECT lagproof.clear_expired_overrides_v1(); SELECT lagproof.validate_adopted_v1(); SELECT lagproof.maintain_v1()",
        ))
        .await
        .map_err(|error| MigrateError::during("lagproof.maintain_v1()", &error))?;
    Ok(())
}

async fn one(connection: &mut PgConnection, migration: &Migration) -> Result<(), sqlx::Error> {
    let mut transaction = connection.begin().await?;
    ledger::create(&mut transaction).await?;
    statements(&mut transaction, migration).await?;
    ledger::write(&mut transaction, migration).await?;
    transaction.commit().await
}

async fn dry_run(
    connection: &mut PgConnection,
    pending: &[&Migration],
    progress: &mut dyn FnMut(Progress<'_>),
) -> Result<(), MigrateError> {
    let mut transaction = connection.begin().await.map_err(|error| lost(&error))?;
    let mut told = newest_finding(&mut transaction).await.map_err(|error| lost(&error))?;
    for migration in pending {
        statements(&mut transaction, migration)
            .await
            .map_err(|error| MigrateError::during(&migration.name, &error))?;
        progress(Progress::Applied(&migration.name));
        tell(&mut transaction, migration, &mut told, progress)
            .await
            .map_err(|error| lost(&error))?;
    }
    transaction.rollback().await.map_err(|error| lost(&error))
}

async fn statements(connection: &mut PgConnection, migration: &Migration) -> Result<(), sqlx::Error> {
    connection.execute(sqlx::raw_sql(&migration.text)).await?;
    Ok(())
}

async fn newest_finding(connection: &mut PgConnection) -> Result<i64, sqlx::Error> {
    Ok(adoption::read(connection, 0).await?.2)
}

/// Says what taking an older installation over has found since `told`.
async fn tell(
    connection: &mut PgConnection,
    migration: &Migration,
    told: &mut i64,
    progress: &mut dyn FnMut(Progress<'_>),
) -> Result<(), sqlx::Error> {
    if migration.kind != Kind::Schema {
        return Ok(());
    }
    let (findings, more, last) = adoption::read(connection, *told).await?;
    for finding in &findings {
        progress(Progress::Found(finding));
    }
    if more > 0 {
        progress(Progress::FoundMore(more));
    }
    *told = last;
    Ok(())
}

fn lost(error: &dyn std::error::Error) -> MigrateError {
    MigrateError::Lost { why: error.to_string() }
}
