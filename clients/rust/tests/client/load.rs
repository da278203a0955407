//! Numbered records at an even pace, whatever becomes of them.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use rdkafka::message::DeliveryResult;
use rdkafka::producer::{BaseRecord, Producer, ProducerContext, ThreadedProducer};
use rdkafka::{ClientConfig, ClientContext};

use super::kafka::Kafka;

#[derive(Clone, Default)]
struct Acked(Arc<Mutex<BTreeSet<usize>>>);

impl ClientContext for Acked {}

impl ProducerContext for Acked {
    type DeliveryOpaque = Box<usize>;

    fn delivery(&self, result: &DeliveryResult<'_>, number: Self::DeliveryOpaque) {
        if result.is_ok() {
            self.0.lock().unwrap().insert(*number);
        }
    }
}

/// A load that runs.
pub struct Load {
    acked: Acked,
    sent: Arc<AtomicUsize>,
    over: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Load {
    /// So many records a second, of fifty keys.
    pub fn start(kafka: &Kafka, topic: &str, rate: f64) -> Self {
        let acked = Acked::default();
        let mut config = ClientConfig::new();
        config.set("bootstrap.servers", &kafka.bootstrap).set("linger.ms", "2");
        config.set("enable.idempotence", "true");
        let producer: ThreadedProducer<Acked> = config.create_with_context(acked.clone()).unwrap();
        let (sent, over) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicBool::new(false)));
        let (counts, ends, topic) = (sent.clone(), over.clone(), topic.to_owned());
        let thread = thread::spawn(move || {
            let began = Instant::now();
            while !ends.load(Ordering::SeqCst) {
                #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a small number")]
                let due = (began.elapsed().as_secs_f64() * rate) as usize;
                for number in counts.load(Ordering::SeqCst)..due {
                    let (key, value) = (format!("key-{}", number % 50), number.to_string());
                    let record = BaseRecord::with_opaque_to(&topic, Box::new(number))
                        .key(&key)
                        .payload(&value);
                    producer.send(record).map_err(|(error, _)| error).unwrap();
                    counts.store(number + 1, Ordering::SeqCst);
                }
                thread::sleep(Duration::from_millis(2));
            }
            producer.flush(Duration::from_secs(60)).unwrap();
        });
        Self {
            acked,
            sent,
            over,
            thread: Some(thread),
        }
    }

    /// Sends no more; everything sent has arrived, or never will.
    pub fn stop(&mut self) {
        self.over.store(true, Ordering::SeqCst);
        if let Some(thread) = self.thread.take() {
            thread.join().unwrap();
        }
    }

    /// How many were sent.
    pub fn sent(&self) -> usize {
        self.sent.load(Ordering::SeqCst)
    }

    /// Those that the broker has acknowledged: what may not be lost.
    pub fn acked(&self) -> BTreeSet<usize> {
        self.acked.0.lock().unwrap().clone()
    }
}

impl Drop for Load {
    fn drop(&mut self) {
        self.over.store(true, Ordering::SeqCst);
    }
}
