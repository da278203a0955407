//! Applying what is not applied yet.

use std::collections::BTreeMap;

use sqlx::{Connection, Executor, PgConnection, Row};

use crate::model::broker::Stage;

use super::adoption::{self, Finding};
use super::connect::{lost, with_connection};
use super::environment;
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

/// What to do with seeds that were applied, and have been rewritten since.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rewritten {
    /// Stop.
    Refuse,
    /// Forget what all seeds said, and replay those that are here. Not in production.
    Replay,
}

/// How to go about it.
#[derive(Debug, Clone, Copy)]
pub struct Options<'o> {
    /// What to do with what is not applied.
    pub mode: Mode,
    /// What to do with seeds that were rewritten.
    pub rewritten: Rewritten,
    /// The environment that the database serves, if that was said; the database remembers it.
    pub environment: Option<(&'o str, Stage)>,
}

/// What goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Progress<'m> {
    /// Another run holds the lock.
    Waiting,
    /// A migration was applied, or would be.
    Applied(&'m str),
    /// So many seeds that were rewritten are forgotten, and all are replayed.
    Replaying(&'m [String]),
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
    options: Options<'_>,
    progress: &mut dyn FnMut(Progress<'_>),
) -> Result<Report, MigrateError> {
    // Closing says goodbye, so that the lock falls now and not when the server notices.
    with_connection(url, async |connection| {
        run(connection, migrations, options, progress).await
    })
}

async fn run(
    connection: &mut PgConnection,
    migrations: &Migrations,
    options: Options<'_>,
    progress: &mut dyn FnMut(Progress<'_>),
) -> Result<Report, MigrateError> {
    let Options { mode, .. } = options;
    if mode != Mode::Status {
        lock(connection, progress).await.map_err(lost)?;
    }
    let mut ledger = ledger::read(connection)
        .await
        .map_err(|error| MigrateError::during("lagproof.ledger", &error))?;
    environment::check(connection, options.environment).await?;
    let before = ledger.clone();
    let rewritten = match options.rewritten {
        Rewritten::Refuse => Vec::new(),
        Rewritten::Replay => ledger::rewritten(&ledger, migrations),
    };
    for name in &rewritten {
        ledger.remove(name);
    }
    let mut pending = ledger::pending(&ledger, migrations)?;
    // Seeds: the newest first. What an older one says is then history, and meets nobody's override.
    let seeds = pending.partition_point(|file| file.kind == Kind::Schema);
    pending[seeds..].reverse();
    match mode {
        Mode::Status => {}
        Mode::Apply => {
            apply(connection, &pending, &rewritten, migrations, progress).await?;
            environment::remember(connection, options.environment).await?;
        }
        Mode::DryRun => dry_run(connection, &pending, &rewritten, migrations, progress).await?,
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
    rewritten: &[String],
    migrations: &Migrations,
    progress: &mut dyn FnMut(Progress<'_>),
) -> Result<(), MigrateError> {
    let mut told = newest_finding(connection).await.map_err(lost)?;
    let seeds_follow = rewritten.is_empty();
    for migration in pending.iter().filter(|file| seeds_follow || file.kind == Kind::Schema) {
        one(connection, migration)
            .await
            .map_err(|error| MigrateError::during(&migration.name, &error))?;
        progress(Progress::Applied(&migration.name));
        tell(connection, migration, &mut told, progress).await.map_err(lost)?;
    }
    if !rewritten.is_empty() {
        progress(Progress::Replaying(rewritten));
        let mut transaction = connection.begin().await.map_err(lost)?;
        replay(&mut transaction, rewritten, migrations).await?;
        for migration in pending.iter().filter(|file| file.kind == Kind::Seed) {
            ledger::write(&mut transaction, migration).await.map_err(lost)?;
        }
        transaction.commit().await.map_err(lost)?;
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

/// All seeds again, in place of those that were rewritten.
async fn replay(
    connection: &mut PgConnection,
    rewritten: &[String],
    migrations: &Migrations,
) -> Result<(), MigrateError> {
    const NAME: &str = "replaying all seeds";
    let during = |error: sqlx::Error| MigrateError::during(NAME, &error);
    connection
        .execute("SELECT lagproof.forget_seeds_v1()")
        .await
        .map_err(during)?;
    ledger::strike(connection, rewritten).await.map_err(during)?;
    for migration in migrations.files.iter().filter(|file| file.kind == Kind::Seed) {
        statements(connection, migration)
            .await
            .map_err(|error| MigrateError::during(&migration.name, &error))?;
    }
    connection
        .execute("SELECT lagproof.settle_replay_v1()")
        .await
        .map_err(during)?;
    Ok(())
}

async fn dry_run(
    connection: &mut PgConnection,
    pending: &[&Migration],
    rewritten: &[String],
    migrations: &Migrations,
    progress: &mut dyn FnMut(Progress<'_>),
) -> Result<(), MigrateError> {
    let mut transaction = connection.begin().await.map_err(lost)?;
    let mut told = newest_finding(&mut transaction).await.map_err(lost)?;
    let seeds_follow = rewritten.is_empty();
    for migration in pending.iter().filter(|file| seeds_follow || file.kind == Kind::Schema) {
        statements(&mut transaction, migration)
            .await
            .map_err(|error| MigrateError::during(&migration.name, &error))?;
        progress(Progress::Applied(&migration.name));
        tell(&mut transaction, migration, &mut told, progress)
            .await
            .map_err(lost)?;
    }
    if !rewritten.is_empty() {
        progress(Progress::Replaying(rewritten));
        replay(&mut transaction, rewritten, migrations).await?;
    }
    transaction.rollback().await.map_err(lost)
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
