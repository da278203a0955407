//! What has been applied.

use std::collections::BTreeMap;

use sqlx::{Executor, PgConnection, Row};

use crate::history::name_seconds;

use super::error::MigrateError;
use super::files::{Kind, Migration, Migrations};

const CREATE: &str = "
    CREATE SCHEMA IF NOT EXISTS lagproof;
    CREATE TABLE IF NOT EXISTS lagproof.ledger (
        name       text PRIMARY KEY,
        hash       text NOT NULL,
        applied_at timestamptz NOT NULL DEFAULT now(),
        applied_by text NOT NULL DEFAULT session_user,
        applied_with text NOT NULL
    );
    COMMENT ON TABLE lagproof.ledger IS 'Migrations that `lagproof migrate` has applied.';
    COMMENT ON COLUMN lagproof.ledger.name IS 'The migration''s file.';
    COMMENT ON COLUMN lagproof.ledger.hash IS 'The hash of its text when it was applied.';
    COMMENT ON COLUMN lagproof.ledger.applied_at IS 'When.';
    COMMENT ON COLUMN lagproof.ledger.applied_by IS 'By whom (session_user).';
    COMMENT ON COLUMN lagproof.ledger.applied_with IS 'The version of lagproof.';";

/// A line of the ledger.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Applied {
    /// The hash of the text that was applied.
    pub hash: String,
    /// When, as the server prints it, in UTC.
    pub at: String,
    /// By whom.
    pub by: String,
}

/// The ledger, by name; empty where there is none yet.
pub(super) async fn read(connection: &mut PgConnection) -> Result<BTreeMap<String, Applied>, sqlx::Error> {
    let there = connection
        .fetch_one("SELECT to_regclass('lagproof.ledger') IS NOT NULL")
        .await?;
    if !there.get::<bool, _>(0) {
        return Ok(BTreeMap::new());
    }
    let rows = connection
        .fetch_all(
            "SELECT name, hash, to_char(applied_at AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI \"UTC\"'), applied_by \
             FROM lagproof.ledger",
        )
        .await?;
    Ok(rows
        .iter()
        .map(|row| {
            let applied = Applied {
                hash: row.get(1),
                at: row.get(2),
                by: row.get(3),
            };
            (row.get(0), applied)
        })
        .collect())
}

/// Makes the ledger, unless it is there.
pub(super) async fn create(connection: &mut PgConnection) -> Result<(), sqlx::Error> {
    let there = connection
        .fetch_one("SELECT to_regclass('lagproof.ledger') IS NOT NULL")
        .await?;
    if !there.get::<bool, _>(0) {
        connection.execute(sqlx::raw_sql(CREATE)).await?;
    }
    Ok(())
}

/// Writes a migration down, in the transaction that applied it.
pub(super) async fn write(connection: &mut PgConnection, migration: &Migration) -> Result<(), sqlx::Error> {
    sqlx::query("INSERT INTO lagproof.ledger (name, hash, applied_with) VALUES ($1, $2, $3)")
        .bind(&migration.name)
        .bind(migration.hash.to_string())
        .bind(env!("CARGO_PKG_VERSION"))
        .execute(connection)
        .await?;
    Ok(())
}

/// Names of seeds that the ledger has, and that are gone or have another text here: they were rewritten. Parts of the
/// schema never are.
pub(super) fn rewritten(ledger: &BTreeMap<String, Applied>, migrations: &Migrations) -> Vec<String> {
    let same = |name: &str, applied: &Applied| {
        migrations
            .files
            .iter()
            .any(|file| file.name == name && (file.kind == Kind::Schema || file.hash.to_string() == applied.hash))
    };
    ledger
        .iter()
        .filter(|(name, applied)| {
            name_seconds(name).is_some() && !migrations.replaced.contains(*name) && !same(name, applied)
        })
        .map(|(name, _)| name.clone())
        .collect()
}

/// Takes lines out.
pub(super) async fn strike(connection: &mut PgConnection, names: &[String]) -> Result<(), sqlx::Error> {
    sqlx::query("DELETE FROM lagproof.ledger WHERE name = ANY ($1)")
        .bind(names)
        .execute(connection)
        .await?;
    Ok(())
}

/// What is still to be applied.
///
/// # Errors
/// Where the ledger has what the files have not, or has something else under a file's name.
pub(super) fn pending<'m>(
    ledger: &BTreeMap<String, Applied>,
    migrations: &'m Migrations,
) -> Result<Vec<&'m Migration>, MigrateError> {
    let here = |name: &String| migrations.files.iter().any(|file| file.name == *name);
    let names: Vec<String> = ledger
        .keys()
        .filter(|name| !here(name) && !migrations.replaced.contains(*name))
        .cloned()
        .collect();
    if !names.is_empty() {
        return Err(MigrateError::Ahead { names });
    }
    let mut pending = Vec::new();
    for file in &migrations.files {
        match ledger.get(&file.name) {
            None => pending.push(file),
            Some(applied) if applied.hash == file.hash.to_string() => {}
            Some(_) => {
                return Err(MigrateError::Edited {
                    name: file.name.clone(),
                });
            }
        }
    }
    Ok(pending)
}
