//! Lag and metrics of a running consumer, written to the database now and then.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rdkafka::Message;
use rdkafka::consumer::Consumer;
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};
use serde_json::{Value as Json, json};
use sqlx::PgPool;

use super::core::{Core, Place};
use crate::kafka::PATIENCE;
use crate::metrics::{Counters, memory_megabytes};
use crate::source::{ReadError, in_time};
use crate::task::Task;

/// The longest that the last row may take: a stop does not wait for a database that is away.
const LAST_PATIENCE: Duration = Duration::from_secs(3);

/// By partition that is held: the next record to process, and the log's end. The position is read first.
pub(super) async fn positions_and_ends(core: &Arc<Core>) -> BTreeMap<Place, (i64, i64)> {
    let own = core.clone();
    let asking = tokio::task::spawn_blocking(move || ask(&own));
    asking.await.unwrap_or_default()
}

fn ask(core: &Core) -> BTreeMap<Place, (i64, i64)> {
    let Some(consumer) = core.consumer() else {
        return BTreeMap::new();
    };
    // For all of it: a stop waits for who asks.
    let given_up = Instant::now() + PATIENCE;
    let left = || given_up.saturating_duration_since(Instant::now());
    let mut positions = BTreeMap::new();
    if let Some(work) = core.work() {
        for part in &work.parts {
            let position = part.position().or_else(|| part.records.first().map(Message::offset));
            positions.extend(position.map(|position| ((part.topic.clone(), part.partition), position)));
        }
    }
    let mut unknown = TopicPartitionList::new();
    {
        let offsets = core.offsets();
        for place in &offsets.held {
            match offsets.positions.get(place) {
                _ if positions.contains_key(place) => {}
                Some(position) => drop(positions.insert(place.clone(), *position)),
                None => drop(unknown.add_partition(&place.0, place.1)),
            }
        }
        positions.retain(|place, _| offsets.held.contains(place));
    }
    // Nothing has come of these yet: they begin where the group has committed, or else where the row says.
    let committed = (unknown.count() > 0).then(|| consumer.committed_offsets(unknown, left()));
    let earliest = core.settings().text("auto_offset_reset") == Some("earliest");
    let mut begins: Vec<(Place, Option<i64>)> = Vec::new();
    for one in committed
        .and_then(Result::ok)
        .iter()
        .flat_map(TopicPartitionList::elements)
    {
        let offset = match one.offset() {
            Offset::Offset(offset) => Some(offset),
            _ => None,
        };
        begins.push(((one.topic().to_owned(), one.partition()), offset));
    }
    let known = positions.into_iter().map(|(place, position)| (place, Some(position)));
    let all: Vec<(Place, Option<i64>)> = known.chain(begins).collect();
    let mut found = BTreeMap::new();
    for (place, position) in all {
        let left = left();
        if left.is_zero() {
            break;
        }
        if let Ok((start, end)) = consumer.fetch_watermarks(&place.0, place.1, left) {
            let position = position.unwrap_or(if earliest { start } else { end });
            found.insert(place, (position, end));
        }
    }
    found
}

/// Writes a row of metrics and one of lag a partition, every while and a last one at the end.
pub(super) struct Recorder {
    core: Arc<Core>,
    pool: PgPool,
    instance: String,
    task: Option<Task>,
}

impl Recorder {
    /// Begins, unless metrics are switched off.
    pub(super) fn start(core: Arc<Core>, pool: PgPool, instance: String, every: Duration) -> Self {
        let mut recorder = Self {
            core,
            pool,
            instance,
            task: None,
        };
        if !every.is_zero() {
            let (core, pool, instance) = (recorder.core.clone(), recorder.pool.clone(), recorder.instance.clone());
            recorder.task = Some(Task::spawn(async move {
                let mut has_trouble = false;
                loop {
                    tokio::time::sleep(every).await;
                    match record(&core, &pool, &instance).await {
                        Ok(()) => has_trouble = false,
                        Err(error) => {
                            if !std::mem::replace(&mut has_trouble, true) {
                                log::warn!(
                                    "{}: metrics could not be recorded ({}): counts go into the next row",
                                    core.service_name,
                                    error.into_error()
                                );
                            }
                        }
                    }
                }
            }));
        }
        recorder
    }

    /// Writes what was counted since the last row.
    pub(super) async fn stop(self) {
        let Some(task) = self.task else { return };
        drop(task);
        let last = record(&self.core, &self.pool, &self.instance);
        let _ = tokio::time::timeout(LAST_PATIENCE, last).await;
    }
}

/// A database that is away costs samples of lag; what was counted goes into the next row.
async fn record(core: &Arc<Core>, pool: &PgPool, instance: &str) -> Result<(), ReadError> {
    let lag = positions_and_ends(core).await;
    // Put back unless the row was written, also where this is dropped half-way.
    let mut counted = Counted {
        core,
        taken: Some(core.counters.lock().expect("no panic while it is held").take()),
    };
    let taken = counted.taken.clone().expect("just taken");
    let seconds = taken.since.elapsed().as_secs_f64().max(1e-3);
    #[expect(clippy::cast_precision_loss, reason = "a rate of so many is precise enough")]
    let metrics = json!([{
        "service_name": core.service_name,
        "messages_processed": taken.processed,
        "processing_time_ms": taken.busy_ms,
        "messages_per_second": taken.processed as f64 / seconds,
        "memory_usage_mb": memory_megabytes(),
        "messages_failed": taken.failed,
        "rebalances": taken.rebalances,
        "instance": instance,
    }]);
    let asking = sqlx::query("SELECT public.record_processing_metrics($1::jsonb)").bind(metrics);
    in_time(asking.persistent(false).execute(pool)).await?;
    counted.taken = None;
    let samples: Vec<Json> = lag
        .into_iter()
        .map(|((topic, partition), (position, end))| {
            json!({
                "service_name": core.service_name,
                "topic": topic,
                "partition": partition,
                "lag": (end - position).max(0),
                "consumer_offset": position,
            })
        })
        .collect();
    if !samples.is_empty() {
        let asking = sqlx::query("SELECT public.record_consumer_lag($1::jsonb)").bind(Json::from(samples));
        in_time(asking.persistent(false).execute(pool)).await?;
    }
    Ok(())
}

struct Counted<'c> {
    core: &'c Core,
    taken: Option<Counters>,
}

impl Drop for Counted<'_> {
    fn drop(&mut self) {
        if let Some(taken) = &self.taken {
            self.core
                .counters
                .lock()
                .expect("no panic while it is held")
                .put_back(taken);
        }
    }
}
