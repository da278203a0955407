//! Rollouts: which replica runs which settings, and stopping the restarts that a change needs.

use std::collections::HashMap;

use serde::Serialize;
use sqlx::{Executor, PgConnection, Row};

use super::connect::{read_at_once, with_connection};
use super::error::MigrateError;

/// After so many seconds without a word a replica is not counted on; loaders report every few seconds.
pub const SILENT_AFTER_S: f64 = 60.0;

/// A service's newest settings, and who runs them.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Rollout {
    /// The service.
    pub service: String,
    /// The profile's version; nothing for a row without a profile.
    pub version: Option<i32>,
    /// The generation of its row: grows with every change, of a person too.
    pub generation: i64,
    /// Its replicas that have reported within the hour and were not stopped, by name.
    pub replicas: Vec<Replica>,
    /// Whose turn it is to restart.
    pub turn: Option<Turn>,
    /// Why the restarts were stopped.
    pub halted: Option<Halt>,
}

/// A replica.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Replica {
    /// Its name: its static member id, else host and process.
    pub name: String,
    /// The client, with its version.
    pub client: String,
    /// The profile's version that it runs with.
    pub version: Option<i32>,
    /// The generation that it runs with; nothing before the first.
    pub generation: Option<i64>,
    /// As `lagproof.instances` has it: starting, running, waiting, restarting, refused, last-good.
    pub state: String,
    /// Why, where the state needs a reason.
    pub detail: Option<String>,
    /// Seconds since its last word.
    pub silent_s: f64,
}

/// A replica's turn to restart.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Turn {
    /// The replica.
    pub replica: String,
    /// Seconds until the turn ends if the replica says nothing more.
    pub left_s: f64,
}

/// A stop.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Halt {
    /// Why.
    pub why: String,
    /// Which replica or person.
    pub by: String,
    /// When, in UTC: `2026-11-26 03:02`.
    pub at: String,
}

/// How far a rollout is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Standing {
    /// Every replica runs the newest settings.
    Done,
    /// No replica reports: nothing is known of it.
    Unknown,
    /// Some replica is yet to take the newest settings.
    Going,
    /// The same, and a replica or a person has stopped it.
    Halted,
    /// A replica can't take the newest settings, and goes on with the ones before.
    Refused,
}

impl Replica {
    /// Whether it has been silent for too long to be counted on.
    #[must_use]
    pub fn is_silent(&self) -> bool {
        self.silent_s > SILENT_AFTER_S
    }
}

impl Rollout {
    /// How far it is.
    #[must_use]
    pub fn standing(&self) -> Standing {
        if self.replicas.is_empty() {
            Standing::Unknown
        } else if self.arrived() == self.replicas.len() {
            Standing::Done
        } else if self.replicas.iter().any(|replica| replica.state == "refused") {
            Standing::Refused
        } else if self.halted.is_some() {
            Standing::Halted
        } else {
            Standing::Going
        }
    }

    /// How many replicas run the newest settings and have said so lately.
    #[must_use]
    pub fn arrived(&self) -> usize {
        let there = |replica: &&Replica| replica.generation == Some(self.generation) && !replica.is_silent();
        self.replicas.iter().filter(there).count()
    }
}

/// Every active service's rollout, by name, as of one moment.
///
/// # Errors
/// [`MigrateError`]; [`MigrateError::NoSchema`] where the database has no table of replicas.
pub fn read_rollouts(url: &str) -> Result<Vec<Rollout>, MigrateError> {
    let tables = ["lagproof.instances", "lagproof.rollouts"];
    read_at_once(url, &tables, "reading who runs what", read)
}

async fn read(connection: &mut PgConnection) -> Result<Vec<Rollout>, sqlx::Error> {
    // A stop is of one generation: a newer one starts anew.
    let services = connection
        .fetch_all(
            "SELECT config.service_name, config.version, config.generation, \
                    CASE WHEN made.holder_until > now() THEN made.holder END AS holder, \
                    extract(epoch FROM made.holder_until - now())::float8 AS left_s, \
                    CASE WHEN made.generation = config.generation THEN made.halted END AS halted, \
                    coalesce(made.halted_by, '') AS halted_by, \
                    to_char(made.halted_at AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI') AS halted_at \
             FROM public.pipeline_consumer_configs AS config \
             LEFT JOIN lagproof.service_bases AS base USING (service_name) \
             LEFT JOIN lagproof.rollouts AS made USING (service_name) \
             WHERE base.status IS DISTINCT FROM 'retired' OR EXISTS \
                   (SELECT FROM lagproof.instances AS seen WHERE seen.service_name = config.service_name) \
             ORDER BY 1",
        )
        .await?;
    let replicas = connection
        .fetch_all(
            "SELECT service_name, instance, client, version, generation, state, detail, \
                    extract(epoch FROM now() - reported_at)::float8 AS silent_s \
             FROM lagproof.instances WHERE state <> 'stopped' AND reported_at > now() - interval '1 hour' ORDER BY 1, 2",
        )
        .await?;
    let mut rollouts: Vec<Rollout> = services
        .iter()
        .map(|row| Rollout {
            service: row.get("service_name"),
            version: row.get("version"),
            generation: row.get("generation"),
            replicas: Vec::new(),
            turn: row.get::<Option<String>, _>("holder").map(|replica| Turn {
                replica,
                left_s: row.get::<Option<f64>, _>("left_s").unwrap_or_default(),
            }),
            halted: row.get::<Option<String>, _>("halted").map(|why| Halt {
                why,
                by: row.get("halted_by"),
                at: row.get::<Option<String>, _>("halted_at").unwrap_or_default(),
            }),
        })
        .collect();
    let places: HashMap<String, usize> = rollouts
        .iter()
        .enumerate()
        .map(|(at, rollout)| (rollout.service.clone(), at))
        .collect();
    for row in &replicas {
        // What reports for a service that has no row is somebody else's; there is nothing to hold it against.
        let Some(at) = places.get(row.get::<&str, _>("service_name")) else {
            continue;
        };
        rollouts[*at].replicas.push(Replica {
            name: row.get("instance"),
            client: row.get("client"),
            version: row.get("version"),
            generation: row.get("generation"),
            state: row.get("state"),
            detail: row.get("detail"),
            silent_s: row.get("silent_s"),
        });
    }
    Ok(rollouts)
}

/// Stops the restarts of a service's newest settings: replicas that have not restarted go on as they are.
///
/// # Errors
/// [`MigrateError`].
pub fn halt_rollout(url: &str, service: &str, reason: &str) -> Result<(), MigrateError> {
    with_connection(url, async |connection| {
        sqlx::query("SELECT lagproof.halt_rollout_v1($1, $2)")
            .bind(service)
            .bind(reason)
            .execute(connection)
            .await
            .map(|_| ())
            .map_err(|error| MigrateError::during(service, &error))
    })
}

/// Lets stopped restarts go on; gives whether they had been stopped.
///
/// # Errors
/// [`MigrateError`].
pub fn resume_rollout(url: &str, service: &str) -> Result<bool, MigrateError> {
    with_connection(url, async |connection| {
        let row = sqlx::query("SELECT lagproof.resume_rollout_v1($1)")
            .bind(service)
            .fetch_one(connection)
            .await
            .map_err(|error| MigrateError::during(service, &error))?;
        Ok(row.get(0))
    })
}
