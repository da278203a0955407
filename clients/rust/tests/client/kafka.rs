//! A real Apache Kafka, started by lagproof, and what tests do with it.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, OnceLock};
use std::thread;
use std::time::{Duration, Instant};

use lagproof::broker::{Broker, Halt, Options, Surroundings, Wanted};
use rdkafka::ClientConfig;
use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::message::OwnedMessage;
use rdkafka::producer::{BaseProducer, BaseRecord, Producer};
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};
use rustix::process::{Pid, Signal, kill_process};

const PATIENCE: Duration = Duration::from_secs(20);

/// A broker.
pub struct Kafka {
    broker: Mutex<Broker>,
    /// Where it is.
    pub bootstrap: String,
    admin: AdminClient<DefaultClientContext>,
}

/// The broker that tests share which leave it alone.
pub fn shared() -> &'static Kafka {
    static SHARED: OnceLock<Kafka> = OnceLock::new();
    SHARED.get_or_init(Kafka::start)
}

impl Kafka {
    /// Starts one.
    pub fn start() -> Self {
        let starting = thread::spawn(|| {
            let options = Options::default().with_short_sessions();
            let here = Surroundings::of_process();
            let broker = Broker::start(Wanted::Local, &options, &here, &mut |progress| eprintln!("{progress}"));
            let broker = broker.unwrap_or_else(|error| panic!("{error}"));
            broker.warm_up().unwrap();
            broker
        });
        let broker = starting.join().unwrap();
        let bootstrap = broker.bootstrap().to_owned();
        let admin = ClientConfig::new()
            .set("bootstrap.servers", &bootstrap)
            .create()
            .unwrap();
        Self {
            broker: Mutex::new(broker),
            bootstrap,
            admin,
        }
    }

    /// Ends it, keeping its data.
    pub fn halt(&self, how: Halt) {
        self.apart(|broker| broker.halt(how).unwrap());
    }

    /// Starts it again.
    pub fn resume(&self) {
        self.apart(|broker| broker.resume().unwrap());
    }

    /// Lets it answer nothing, without a word, until it is resumed by `Signal::CONT`.
    pub fn signal(&self, signal: Signal) {
        let port = self.bootstrap.rsplit(':').next().unwrap();
        let processes = std::fs::read_dir("/proc").unwrap().flatten();
        let own = processes.filter_map(|one| one.file_name().to_str()?.parse::<i32>().ok());
        let mut own = own.filter(|process| {
            let line = std::fs::read_to_string(format!("/proc/{process}/cmdline")).unwrap_or_default();
            let mut words = line.trim_end_matches('\0').rsplit('\0');
            let settings = words.next().and_then(|file| std::fs::read_to_string(file).ok());
            words.any(|word| word == "kafka.Kafka") && settings.is_some_and(|text| text.contains(&format!(":{port}")))
        });
        kill_process(Pid::from_raw(own.next().unwrap()).unwrap(), signal).unwrap();
    }

    /// In a thread of its own: it may use a runtime.
    fn apart(&self, work: impl FnOnce(&mut Broker) + Send) {
        thread::scope(|scope| scope.spawn(|| work(&mut self.broker.lock().unwrap())).join().unwrap());
    }

    /// A topic of a test's own.
    pub async fn topic(&self, partitions: i32) -> String {
        static MADE: AtomicU32 = AtomicU32::new(0);
        let name = format!("t.{}.{}", std::process::id(), MADE.fetch_add(1, Ordering::Relaxed));
        self.topic_named(&name, partitions).await;
        name
    }

    /// A topic with a name.
    pub async fn topic_named(&self, name: &str, partitions: i32) {
        let topic = NewTopic::new(name, partitions, TopicReplication::Fixed(1));
        let options = AdminOptions::new().operation_timeout(Some(PATIENCE));
        let made = self.admin.create_topics([&topic], &options).await.unwrap();
        made[0].as_ref().unwrap();
    }

    /// A producer.
    pub fn producer(&self) -> BaseProducer {
        let mut config = ClientConfig::new();
        config
            .set("bootstrap.servers", &self.bootstrap)
            .set("linger.ms", "2")
            .set("acks", "all");
        config.set("enable.idempotence", "true").create().unwrap()
    }

    /// Writes records to a partition.
    pub fn produce_to(&self, topic: &str, partition: i32, records: &[(Option<&str>, String)]) {
        let producer = self.producer();
        for (key, value) in records {
            let record = BaseRecord::<str, str>::to(topic).partition(partition).payload(value);
            let record = if let Some(key) = key { record.key(key) } else { record };
            producer.send(record).map_err(|(error, _)| error).unwrap();
        }
        producer.flush(PATIENCE).unwrap();
    }

    /// Writes numbered records, going round the partitions.
    pub fn produce_numbers(&self, topic: &str, partitions: i32, numbers: std::ops::Range<usize>) {
        let producer = self.producer();
        for number in numbers {
            let value = number.to_string();
            let partition = i32::try_from(number).unwrap() % partitions;
            let mut record = BaseRecord::<str, str>::to(topic).partition(partition).payload(&value);
            while let Err((_, again)) = producer.send(record) {
                record = again;
                producer.poll(Duration::from_millis(10));
            }
        }
        producer.flush(PATIENCE).unwrap();
    }

    fn consumer(&self, group: &str) -> BaseConsumer {
        let mut config = ClientConfig::new();
        config.set("bootstrap.servers", &self.bootstrap).set("group.id", group);
        config.set("auto.offset.reset", "earliest").create().unwrap()
    }

    fn partitions(&self, topic: &str) -> Vec<i32> {
        let metadata = self.consumer("looks").fetch_metadata(Some(topic), PATIENCE).unwrap();
        metadata.topics()[0].partitions().iter().map(|one| one.id()).collect()
    }

    /// What a group has committed, by partition; nothing before its first commit.
    pub fn committed(&self, group: &str, topic: &str) -> BTreeMap<i32, i64> {
        let mut asked = TopicPartitionList::new();
        for partition in self.partitions(topic) {
            asked.add_partition(topic, partition);
        }
        let answer = self.consumer(group).committed_offsets(asked, PATIENCE).unwrap();
        let found = answer.elements();
        let offsets = found.iter().filter_map(|one| match one.offset() {
            Offset::Offset(offset) => Some((one.partition(), offset)),
            _ => None,
        });
        offsets.collect()
    }

    /// The log's ends, by partition.
    pub fn ends(&self, topic: &str) -> BTreeMap<i32, i64> {
        let consumer = self.consumer("looks");
        let end = |partition| consumer.fetch_watermarks(topic, partition, PATIENCE).unwrap().1;
        self.partitions(topic)
            .into_iter()
            .map(|partition| (partition, end(partition)))
            .collect()
    }

    /// The first records of a topic.
    pub fn read(&self, topic: &str, count: usize) -> Vec<OwnedMessage> {
        let consumer = self.consumer("reads");
        let mut assigned = TopicPartitionList::new();
        for partition in self.partitions(topic) {
            assigned
                .add_partition_offset(topic, partition, Offset::Beginning)
                .unwrap();
        }
        consumer.assign(&assigned).unwrap();
        let given_up = Instant::now() + PATIENCE;
        let mut found = Vec::new();
        while found.len() < count && Instant::now() < given_up {
            if let Some(record) = consumer.poll(Duration::from_millis(200)) {
                found.push(record.unwrap().detach());
            }
        }
        found
    }
}
