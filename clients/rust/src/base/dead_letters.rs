//! Where records go that failed for good.

use std::collections::BTreeMap;
use std::time::Duration;

use rdkafka::Message;
use rdkafka::message::{BorrowedHeaders, Header, OwnedHeaders};
use rdkafka::producer::{FutureProducer, FutureRecord};
use rdkafka::util::Timeout;
use tokio::sync::OnceCell;

use super::record::Record;
use super::work::Interrupted;
use crate::error::{BoxError, Error};
use crate::kafka;

/// Writes records to a dead-letter topic, with headers that say where each came from and why.
///
/// The producer is made with the first record. A record counts as written when all replicas have it.
pub(super) struct DeadLetters {
    service_name: String,
    bootstrap_servers: Option<String>,
    /// Properties that say how to connect, instead of the environment's.
    exact: BTreeMap<String, String>,
    producer: OnceCell<FutureProducer>,
}

impl DeadLetters {
    pub(super) fn new(service_name: &str, bootstrap_servers: Option<String>, exact: BTreeMap<String, String>) -> Self {
        Self {
            service_name: service_name.to_owned(),
            bootstrap_servers,
            exact,
            producer: OnceCell::new(),
        }
    }

    /// Writes a record; where that fails it is tried again after a pause, until it succeeds or a pause is interrupted.
    pub(super) async fn put<P: Future<Output = Result<(), Interrupted>>>(
        &self,
        topic: &str,
        record: &Record,
        error: &BoxError,
        tries: u32,
        sleep: impl Fn(Duration) -> P,
    ) -> Result<(), Interrupted> {
        let mut pause = Duration::from_millis(500);
        loop {
            let problem = match self.try_to_put(topic, record, error, tries).await {
                Ok(()) => return Ok(()),
                Err(problem) => problem,
            };
            log::error!(
                "{}: {}[{}]@{} could not be written to the dead-letter topic {topic} ({problem}): trying again in {} s; \
                 nothing after it is committed",
                self.service_name,
                record.topic(),
                record.partition(),
                record.offset(),
                pause.as_secs_f64()
            );
            sleep(pause).await?;
            pause = (pause * 2).min(Duration::from_secs(30));
        }
    }

    async fn try_to_put(&self, topic: &str, record: &Record, error: &BoxError, tries: u32) -> Result<(), String> {
        let producer = self.producer.get_or_try_init(|| async { self.make() }).await;
        let producer = producer.map_err(|error| error.to_string())?;
        let error: String = error.to_string().chars().take(1000).collect();
        let mut headers = record.headers().map_or_else(OwnedHeaders::new, BorrowedHeaders::detach);
        for (key, value) in [
            ("lagproof.service", self.service_name.clone()),
            ("lagproof.topic", record.topic().to_owned()),
            ("lagproof.partition", record.partition().to_string()),
            ("lagproof.offset", record.offset().to_string()),
            ("lagproof.attempts", tries.to_string()),
            ("lagproof.error", error),
        ] {
            let value = Some(&value);
            headers = headers.insert(Header { key, value });
        }
        let mut letter = FutureRecord::<[u8], [u8]>::to(topic).headers(headers);
        letter.payload = record.payload();
        letter.key = record.key();
        let sent = producer.send(letter, Timeout::After(Duration::from_secs(30))).await;
        sent.map(drop).map_err(|(problem, _)| problem.to_string())
    }

    fn make(&self) -> Result<FutureProducer, Error> {
        let given = self.exact.get("bootstrap.servers").or(self.bootstrap_servers.as_ref());
        let mut config = kafka::connection(&self.service_name, given.map(String::as_str))?;
        for (name, value) in &self.exact {
            if ["security.", "sasl.", "ssl."]
                .iter()
                .any(|start| name.starts_with(start))
            {
                config.set(name, value);
            }
        }
        config.set("client.id", format!("lagproof-{}-dead-letters", self.service_name));
        config
            .set("enable.idempotence", "true")
            .set("acks", "all")
            .set("message.timeout.ms", "30000");
        config
            .create()
            .map_err(|error| kafka::refusal(&self.service_name, error))
    }
}
