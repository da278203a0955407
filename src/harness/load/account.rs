//! What became of the records that were sent.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rdkafka::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::error::KafkaError;
use rdkafka::message::DeliveryResult;
use rdkafka::producer::ProducerContext;

use crate::harness::protocol::{Intervals, LoadSpec, Micros, Range, Stream, Troubles};

/// Where a record belongs: its stream, as an index, and its number there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Sent {
    pub stream: usize,
    pub sequence: u64,
}

/// What happened since the last tick, and in all.
#[derive(Debug, Default)]
pub(super) struct Tally {
    acknowledged: Vec<Intervals>,
    failed: Vec<Intervals>,
    pub lateness: Micros,
    pub acknowledged_total: u64,
    pub failed_total: u64,
}

impl Tally {
    pub(super) fn failed(&mut self, sent: Sent) {
        self.failed[sent.stream].insert(sent.sequence, sent.sequence + 1);
        self.failed_total += 1;
    }

    fn acknowledged(&mut self, sent: Sent) {
        self.acknowledged[sent.stream].insert(sent.sequence, sent.sequence + 1);
        self.acknowledged_total += 1;
    }
}

/// The account of a load process, written by the loop and by the client's callbacks.
#[derive(Debug)]
pub(super) struct Account {
    streams: Vec<Stream>,
    /// The first stream of each topic.
    first: Vec<usize>,
    tally: Mutex<Tally>,
    pub troubles: Troubles,
}

impl Account {
    pub(super) fn new(spec: &LoadSpec) -> Self {
        let mut streams = Vec::new();
        let mut first = Vec::new();
        for topic in &spec.topics {
            first.push(streams.len());
            streams.extend((0..topic.partitions.max(1)).map(|partition| Stream {
                topic: topic.topic.clone(),
                partition: i32::try_from(partition).unwrap_or(i32::MAX),
                shard: spec.shard.index,
            }));
        }
        let empty = vec![Intervals::new(); streams.len()];
        Self {
            tally: Mutex::new(Tally {
                acknowledged: empty.clone(),
                failed: empty,
                ..Tally::default()
            }),
            streams,
            first,
            troubles: Troubles::default(),
        }
    }

    pub(super) fn stream(&self, topic: usize, partition: i32) -> usize {
        self.first[topic] + usize::try_from(partition).unwrap_or(0)
    }

    pub(super) fn tally(&self) -> MutexGuard<'_, Tally> {
        self.tally.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes what happened since the last time: acknowledged, failed, lateness.
    pub(super) fn take(&self) -> (Vec<Range>, Vec<Range>, Micros) {
        let mut tally = self.tally();
        let empty = vec![Intervals::new(); self.streams.len()];
        let acknowledged = std::mem::replace(&mut tally.acknowledged, empty.clone());
        let failed = std::mem::replace(&mut tally.failed, empty);
        let lateness = std::mem::take(&mut tally.lateness);
        drop(tally);
        (self.ranges(&acknowledged), self.ranges(&failed), lateness)
    }

    fn ranges(&self, intervals: &[Intervals]) -> Vec<Range> {
        let by_stream = self.streams.iter().zip(intervals);
        let ranges = by_stream.flat_map(|(stream, intervals)| {
            intervals.iter().map(|(from, to)| Range {
                stream: stream.clone(),
                from,
                to,
            })
        });
        ranges.collect()
    }
}

/// What librdkafka calls back.
#[derive(Debug, Clone)]
pub(super) struct Reports(pub Arc<Account>);

impl ClientContext for Reports {
    fn log(&self, _: RDKafkaLogLevel, facility: &str, message: &str) {
        eprintln!("librdkafka: {facility}: {message}");
    }

    fn error(&self, error: KafkaError, reason: &str) {
        self.0.troubles.note_kafka(&error, reason);
    }
}

impl ProducerContext for Reports {
    type DeliveryOpaque = Box<Sent>;

    fn delivery(&self, result: &DeliveryResult<'_>, sent: Box<Sent>) {
        match result {
            Ok(_) => self.0.tally().acknowledged(*sent),
            Err((error, _)) => {
                self.0.tally().failed(*sent);
                self.0.troubles.note_kafka(error, &error.to_string());
            }
        }
    }
}
