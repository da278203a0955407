//! What is deployed: what the database says that services run with, and what people have overridden.

use serde_json::Value as Json;
use sqlx::{Executor, PgConnection, Row};

use super::connect::{read_at_once, with_connection};
use super::error::MigrateError;

/// What the database says.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Deployed {
    /// Services, by name.
    pub services: Vec<DeployedService>,
    /// Overrides, by service and setting.
    pub overrides: Vec<Override>,
    /// Topics, by name.
    pub topics: Vec<DeployedTopic>,
}

/// A service there.
#[derive(Debug, Clone, PartialEq)]
pub struct DeployedService {
    /// Its name.
    pub name: String,
    /// What seeds said last; nothing for a row that no seed has touched.
    pub base: Option<DeployedBase>,
}

/// What seeds said of a service last.
#[derive(Debug, Clone, PartialEq)]
pub struct DeployedBase {
    /// The version.
    pub version: u32,
    /// Whether a tombstone came after it.
    pub life: DeployedLife,
    /// The settings, without overrides.
    pub settings: Json,
    /// The context.
    pub context: Json,
}

/// Whether a service is meant to run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DeployedLife {
    /// It is.
    Active,
    /// Its profile was removed.
    Retired,
}

/// A setting that a person changed.
#[derive(Debug, Clone, PartialEq)]
pub struct Override {
    /// The service.
    pub service: String,
    /// The setting's column.
    pub setting: String,
    /// What the profile had said; JSON null where it left the setting to the client.
    pub base: Json,
    /// The value instead, likewise.
    pub value: Json,
    /// Who.
    pub by: String,
    /// When, in UTC: `2026-11-26 03:02`.
    pub at: String,
    /// Why, if said.
    pub reason: Option<String>,
    /// When it ends, in UTC, if said.
    pub until: Option<String>,
    /// Whether it has ended.
    pub standing: OverrideStanding,
}

/// Whether an override counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OverrideStanding {
    /// It does.
    InForce,
    /// Its end has passed: readers ignore it, and the next `migrate` clears it.
    Ended,
}

/// A topic there.
#[derive(Debug, Clone, PartialEq)]
pub struct DeployedTopic {
    /// Its name.
    pub name: String,
    /// Its declaration.
    pub document: Json,
}

/// Reads what is deployed in the database at `url`, all of it as of one moment, and changes nothing.
///
/// # Errors
/// [`MigrateError`]; [`MigrateError::NoSchema`] where `lagproof migrate` has never run.
pub fn read_deployed(url: &str) -> Result<Deployed, MigrateError> {
    let tables = ["lagproof.service_bases", "lagproof.topics"];
    read_at_once(url, &tables, "reading what is deployed", read)
}

async fn read(connection: &mut PgConnection) -> Result<Deployed, sqlx::Error> {
    let services = connection
        .fetch_all(
            "SELECT coalesce(config.service_name, base.service_name) AS name, base.version, base.status, base.settings, base.context \
             FROM public.pipeline_consumer_configs AS config FULL JOIN lagproof.service_bases AS base USING (service_name) \
             ORDER BY 1",
        )
        .await?;
    let overrides = connection
        .fetch_all(
            "SELECT service_name, setting, base_value, value, changed_by, reason, \
                    to_char(changed_at AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI') AS at, \
                    to_char(until AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI') AS until, \
                    coalesce(until <= now(), false) AS ended \
             FROM lagproof.overrides ORDER BY service_name, setting",
        )
        .await?;
    let topics = connection
        .fetch_all("SELECT topic, document FROM lagproof.topics ORDER BY topic")
        .await?;
    Ok(Deployed {
        services: services
            .iter()
            .map(|row| DeployedService {
                name: row.get("name"),
                base: row.get::<Option<i32>, _>("version").map(|version| DeployedBase {
                    version: u32::try_from(version).unwrap_or(0),
                    life: match row.get("status") {
                        "retired" => DeployedLife::Retired,
                        _ => DeployedLife::Active,
                    },
                    settings: row.get("settings"),
                    context: row.get("context"),
                }),
            })
            .collect(),
        overrides: overrides
            .iter()
            .map(|row| Override {
                service: row.get("service_name"),
                setting: row.get("setting"),
                base: row.get("base_value"),
                value: row.get("value"),
                by: row.get("changed_by"),
                at: row.get("at"),
                reason: row.get("reason"),
                until: row.get("until"),
                standing: if row.get("ended") {
                    OverrideStanding::Ended
                } else {
                    OverrideStanding::InForce
                },
            })
            .collect(),
        topics: topics
            .iter()
            .map(|row| DeployedTopic {
                name: row.get("topic"),
                document: without_revision(row.get("document")),
            })
            .collect(),
    })
}

/// A revision counts changes; it is none.
fn without_revision(mut document: Json) -> Json {
    if let Some(object) = document.as_object_mut() {
        object.remove("revision");
    }
    document
}

/// Discards overrides of a service, all of `settings` (columns) at once or none.
///
/// # Errors
/// [`MigrateError::Refused`] where the others would break a rule without them.
pub fn drop_overrides(url: &str, service: &str, settings: &[String]) -> Result<(), MigrateError> {
    with_connection(url, async |connection| {
        sqlx::query("SELECT lagproof.drop_overrides_v1($1, $2)")
            .bind(service)
            .bind(settings)
            .execute(connection)
            .await
            .map(|_| ())
            .map_err(|error| MigrateError::during(service, &error))
    })
}
