//! What happens to one record: its cost, failures and tries, dead letters, stalls.

use std::collections::BTreeMap;
use std::sync::mpsc;
use std::sync::{Mutex, OnceLock};
use std::time::Duration;

use rdkafka::config::FromClientConfigAndContext;
use rdkafka::error::KafkaError;
use rdkafka::message::DeliveryResult;
use rdkafka::producer::{BaseRecord, ProducerContext, ThreadedProducer};
use rdkafka::{ClientConfig, ClientContext};

use crate::harness::protocol::{Clock, RetrySpec, Stalls, Stop, Troubles, WorkerSpec};

use super::books::Outcome;
use super::content::{Content, InHand};
use super::cost::Costs;
use super::pace::{Pace, Spent};

/// How long the broker may take to have a dead letter.
const DEAD_LETTER_WITHIN: Duration = Duration::from_secs(30);

/// What a worker does with records.
pub(super) struct Handler {
    costs: Costs,
    retry: Option<RetrySpec>,
    dead_letters: DeadLetters,
    stalls: Stalls,
}

impl Handler {
    pub(super) fn new(spec: &WorkerSpec, stalls: Stalls) -> Self {
        Self {
            costs: Costs::new(spec.seed, &spec.work),
            retry: spec.delivery.retry.clone(),
            dead_letters: DeadLetters::new(&spec.properties),
            stalls,
        }
    }

    /// What a record costs, in microseconds.
    pub(super) fn cost<C>(&self, record: &InHand<C>) -> f64 {
        let cost = record
            .header
            .as_ref()
            .map(|header| self.costs.of(record.topic, record.partition, header));
        cost.unwrap_or(0.0)
    }

    /// Handles a record by itself, with all its tries; nothing where the process is to end first.
    pub(super) fn handle<C: Content>(
        &self,
        record: &InHand<C>,
        pace: &mut Pace<'_>,
        clock: &Clock,
        stop: &Stop,
        troubles: &Troubles,
    ) -> Option<Outcome> {
        if record.header.is_none() {
            return Some(Outcome::Foreign);
        }
        let cost = self.cost(record);
        let outcome = if record.is_poison() {
            self.fail(record, cost, pace, troubles)?
        } else {
            spent(pace.spend(cost))?;
            Outcome::Handled
        };
        self.sit_out_stalls(clock, stop)?;
        Some(outcome)
    }

    /// A record whose handler fails, however often it tries.
    fn fail<C: Content>(
        &self,
        record: &InHand<C>,
        cost: f64,
        pace: &mut Pace<'_>,
        troubles: &Troubles,
    ) -> Option<Outcome> {
        let Some(retry) = &self.retry else {
            spent(pace.spend(cost))?;
            return Some(Outcome::Skipped);
        };
        #[expect(clippy::cast_precision_loss, reason = "a pause is shorter than 2^53 microseconds")]
        let mut pause = retry.backoff_us as f64;
        for attempt in 1..=retry.attempts.max(1) {
            spent(pace.spend(cost))?;
            if attempt < retry.attempts {
                spent(pace.wait(pause))?;
                pause *= 2.0;
            }
        }
        let Some(topic) = &retry.dead_letter else {
            return Some(Outcome::Skipped);
        };
        match self.dead_letters.send(topic, &record.content) {
            Ok(()) => Some(Outcome::DeadLetter),
            Err(why) => {
                troubles.note("dead-letter", &format!("a record could not go to {topic}: {why}"));
                Some(Outcome::Skipped)
            }
        }
    }

    /// Waits for the end of a stall that is on now: nothing is finished in one.
    pub(super) fn sit_out_stalls(&self, clock: &Clock, stop: &Stop) -> Option<()> {
        while let Some(to_us) = self.stalls.end_at(clock.now_us()) {
            if stop.wait_until(clock.instant_at(to_us)) {
                return None;
            }
        }
        Some(())
    }
}

fn spent(spent: Spent) -> Option<()> {
    (spent == Spent::Whole).then_some(())
}

/// The producer of dead letters, made when the first one comes.
struct DeadLetters {
    properties: BTreeMap<String, String>,
    producer: OnceLock<Result<ThreadedProducer<Delivered>, String>>,
    one_at_a_time: Mutex<()>,
}

struct Delivered;

impl ClientContext for Delivered {
    fn log(&self, _: rdkafka::config::RDKafkaLogLevel, facility: &str, message: &str) {
        eprintln!("librdkafka, dead letters: {facility}: {message}");
    }

    fn error(&self, error: KafkaError, reason: &str) {
        eprintln!("librdkafka, dead letters: {error}: {reason}");
    }
}

impl ProducerContext for Delivered {
    type DeliveryOpaque = Box<mpsc::Sender<Result<(), KafkaError>>>;

    fn delivery(&self, result: &DeliveryResult<'_>, sender: Self::DeliveryOpaque) {
        let _ = sender.send(result.as_ref().map(drop).map_err(|(error, _)| error.clone()));
    }
}

/// What of a consumer's properties says how to reach the brokers.
const CONNECTION: [&str; 6] = [
    "bootstrap.servers",
    "client.id",
    "security.",
    "sasl.",
    "ssl.",
    "socket.",
];

impl DeadLetters {
    fn new(properties: &BTreeMap<String, String>) -> Self {
        let properties = properties
            .iter()
            .filter(|(name, _)| CONNECTION.iter().any(|prefix| name.starts_with(prefix)))
            .map(|(name, value)| (name.clone(), value.clone()));
        Self {
            properties: properties.collect(),
            producer: OnceLock::new(),
            one_at_a_time: Mutex::new(()),
        }
    }

    /// Sends one and waits until the broker has it.
    fn send(&self, topic: &str, content: &impl Content) -> Result<(), String> {
        let _one = self.one_at_a_time.lock();
        let producer = self.producer.get_or_init(|| {
            let mut config = ClientConfig::new();
            for (name, value) in &self.properties {
                config.set(name, value);
            }
            config.set("linger.ms", "0");
            ThreadedProducer::from_config_and_context(&config, Delivered).map_err(|error| error.to_string())
        });
        let producer = producer.as_ref().map_err(String::clone)?;
        let (sender, receiver) = mpsc::channel();
        let mut record = BaseRecord::<[u8], [u8], _>::with_opaque_to(topic, Box::new(sender)).payload(content.value());
        if let Some(key) = content.key() {
            record = record.key(key);
        }
        producer.send(record).map_err(|(error, _)| error.to_string())?;
        match receiver.recv_timeout(DEAD_LETTER_WITHIN) {
            Ok(result) => result.map_err(|error| error.to_string()),
            Err(_) => Err("the broker did not answer within half a minute".to_owned()),
        }
    }
}
