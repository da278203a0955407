//! librdkafka's broker in this process: for smoke tests, never for a verdict.

use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::{self, JoinHandle};

use rdkafka::mocking::MockCluster;

use super::error::BrokerError;
use super::topics::TopicSpec;

type Answer = Sender<Result<(), String>>;

/// A mock cluster on a thread of its own, where it must stay.
#[derive(Debug)]
pub(super) struct Mock {
    bootstrap: String,
    orders: Option<Sender<(TopicSpec, Answer)>>,
    thread: Option<JoinHandle<()>>,
}

impl Mock {
    /// Starts one of a single broker.
    pub(super) fn start() -> Result<Self, BrokerError> {
        let (orders, inbox) = channel();
        let (tell, told) = channel();
        let thread = thread::Builder::new()
            .name("mock broker".to_owned())
            .spawn(move || run(&inbox, &tell))
            .map_err(BrokerError::io("start a thread"))?;
        let bootstrap = told
            .recv()
            .unwrap_or_else(|gone| Err(gone.to_string()))
            .map_err(|reason| BrokerError::kafka("start librdkafka's mock", reason))?;
        Ok(Self {
            bootstrap,
            orders: Some(orders),
            thread: Some(thread),
        })
    }

    /// `host:port`.
    pub(super) fn bootstrap(&self) -> &str {
        &self.bootstrap
    }

    /// Makes a topic; a mock knows no configuration.
    pub(super) fn create(&self, topic: &TopicSpec) -> Result<(), BrokerError> {
        let (tell, told) = channel();
        let made = match &self.orders {
            Some(orders) if orders.send((topic.clone(), tell)).is_ok() => {
                told.recv().unwrap_or_else(|gone| Err(gone.to_string()))
            }
            Some(_) | None => Err("it has ended".to_owned()),
        };
        made.map_err(|reason| BrokerError::kafka(format!("create the topic {} in the mock", topic.name), reason))
    }
}

impl Drop for Mock {
    fn drop(&mut self) {
        drop(self.orders.take());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn run(inbox: &Receiver<(TopicSpec, Answer)>, tell: &Sender<Result<String, String>>) {
    let cluster = match MockCluster::new(1) {
        Ok(cluster) => cluster,
        Err(error) => {
            let _ = tell.send(Err(error.to_string()));
            return;
        }
    };
    let _ = tell.send(Ok(cluster.bootstrap_servers()));
    while let Ok((topic, answer)) = inbox.recv() {
        let partitions = i32::try_from(topic.partitions).unwrap_or(i32::MAX);
        let made = cluster.create_topic(&topic.name, partitions, 1);
        let _ = answer.send(made.map_err(|error| error.to_string()));
    }
}
