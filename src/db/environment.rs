//! Which environment a database serves.

use sqlx::{Executor, PgConnection, Row};

use crate::model::broker::Stage;

use super::connect::lost;
use super::error::MigrateError;

/// Whether the database may be taken for that environment's.
pub(super) async fn check(
    connection: &mut PgConnection,
    environment: Option<(&str, Stage)>,
) -> Result<(), MigrateError> {
    let Some((said, _)) = environment else {
        return Ok(());
    };
    let there = connection
        .fetch_one("SELECT to_regclass('lagproof.installation') IS NOT NULL")
        .await
        .map_err(lost)?;
    if !there.get::<bool, _>(0) {
        return Ok(());
    }
    let known = connection
        .fetch_optional("SELECT environment FROM lagproof.installation")
        .await
        .map_err(lost)?;
    match known.map(|row| row.get::<String, _>(0)) {
        Some(serves) if serves != said => Err(MigrateError::OtherEnvironment {
            serves,
            said: said.to_owned(),
        }),
        _ => Ok(()),
    }
}

/// Writes the environment down.
pub(super) async fn remember(
    connection: &mut PgConnection,
    environment: Option<(&str, Stage)>,
) -> Result<(), MigrateError> {
    let Some((name, stage)) = environment else {
        return Ok(());
    };
    let stage = match stage {
        Stage::Production => "production",
        Stage::Test => "test",
    };
    sqlx::query(
        "INSERT INTO lagproof.installation (environment, stage) VALUES ($1, $2) \
         ON CONFLICT (only_row) DO UPDATE SET stage = excluded.stage WHERE installation.stage <> excluded.stage",
    )
    .bind(name)
    .bind(stage)
    .execute(connection)
    .await
    .map_err(lost)?;
    Ok(())
}
