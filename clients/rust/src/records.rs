//! What services write to the database, and what it advises.

use sqlx::Row;
use sqlx::postgres::PgRow;

use crate::error::Error;
use crate::loader::KafkaConsumerConfigLoader;
use crate::metrics::{Metrics, memory_megabytes};
use crate::source::{ReadError, in_time};

/// What should be done about a service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recommendation {
    /// The service.
    pub service_name: String,
    /// `critical`, `high`, `medium` or `low`.
    pub priority: String,
    /// What kind of trouble it is.
    pub alert: String,
    /// What is seen.
    pub problem: String,
    /// What to do.
    pub recommendation: String,
    /// The setting to change, where it is one.
    pub setting: Option<String>,
    /// What it is.
    pub current_value: Option<String>,
    /// What it should be.
    pub recommended_value: Option<String>,
}

impl KafkaConsumerConfigLoader {
    /// What should be done about a service, or about all: the alerts of the database, the most urgent first.
    ///
    /// # Errors
    /// [`Error::NotMigrated`], [`Error::NoRights`], [`Error::Database`].
    pub async fn get_processing_recommendations(
        &self,
        service_name: Option<&str>,
    ) -> Result<Vec<Recommendation>, Error> {
        let asking = sqlx::query("SELECT * FROM lagproof.recommendations_v1($1)").bind(service_name);
        let rows = in_time(asking.persistent(false).fetch_all(self.pool())).await;
        let rows = rows.map_err(ReadError::into_error)?;
        rows.iter()
            .map(|row| recommendation(row).map_err(Error::Database))
            .collect()
    }

    /// Records how far behind a partition is, in records: log end minus position, the position read first.
    ///
    /// # Errors
    /// Those of [`get_processing_recommendations`](Self::get_processing_recommendations).
    pub async fn record_consumer_lag(
        &self,
        service_name: &str,
        topic: &str,
        partition: i32,
        lag: i64,
        consumer_offset: Option<i64>,
    ) -> Result<(), Error> {
        let asking = sqlx::query("SELECT public.record_consumer_lag($1, $2, $3, $4, $5)")
            .bind(service_name)
            .bind(topic)
            .bind(partition)
            .bind(lag)
            .bind(consumer_offset);
        let done = in_time(asking.persistent(false).execute(self.pool())).await;
        done.map(drop).map_err(ReadError::into_error)
    }

    /// Records what this replica processed since its last call.
    ///
    /// # Errors
    /// Those of [`get_processing_recommendations`](Self::get_processing_recommendations).
    pub async fn record_processing_metrics(&self, service_name: &str, metrics: &Metrics) -> Result<(), Error> {
        let own = self.services().get(service_name).and_then(|served| {
            let (instance, _) = served.instances.last()?;
            Some(instance.name.clone())
        });
        let asking = sqlx::query("SELECT public.record_processing_metrics($1, $2, $3, $4, $5, now(), $6, $7, $8)")
            .bind(service_name)
            .bind(metrics.messages_processed)
            .bind(metrics.processing_time_ms)
            .bind(metrics.messages_per_second)
            .bind(metrics.memory_usage_mb.or_else(memory_megabytes))
            .bind(metrics.messages_failed)
            .bind(metrics.rebalances)
            .bind(metrics.instance.clone().or(own));
        let done = in_time(asking.persistent(false).execute(self.pool())).await;
        done.map(drop).map_err(ReadError::into_error)
    }
}

fn recommendation(row: &PgRow) -> Result<Recommendation, sqlx::Error> {
    Ok(Recommendation {
        service_name: row.try_get("service_name")?,
        priority: row.try_get("priority")?,
        alert: row.try_get("alert")?,
        problem: row.try_get("problem")?,
        recommendation: row.try_get("recommendation")?,
        setting: row.try_get("setting")?,
        current_value: row.try_get("current_value")?,
        recommended_value: row.try_get("recommended_value")?,
    })
}
