//! Waiting for a broker that was just started.

use std::net::{TcpStream, ToSocketAddrs};
use std::thread;
use std::time::{Duration, Instant};

use rdkafka::config::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer};

use super::admin::{PAUSE, reason};
use super::cancel::Cancel;
use super::connection::Connection;
use super::error::BrokerError;

const STARTING: &str = "a broker was starting";

/// Waits until a broker answers, and returns its cluster's id. `alive` is asked in between, and whether to wait on.
pub(super) fn wait_until_ready(
    connection: &Connection,
    within: Duration,
    cancel: &Cancel,
    alive: &mut dyn FnMut() -> Result<(), BrokerError>,
) -> Result<String, BrokerError> {
    let start = Instant::now();
    let silent = || BrokerError::Silent {
        bootstrap: connection.bootstrap().to_owned(),
        waited: start.elapsed(),
        log: String::new(),
    };
    // A client that is refused waits longer and longer; so the port is knocked at first.
    while !listens(connection.bootstrap()) {
        cancel.check(STARTING)?;
        alive()?;
        if start.elapsed() > within {
            return Err(silent());
        }
        thread::sleep(PAUSE);
    }
    let config: &ClientConfig = &connection.client_config();
    let client: BaseConsumer = config
        .create()
        .map_err(|error| BrokerError::kafka(format!("connect to {}", connection.bootstrap()), reason(&error)))?;
    loop {
        cancel.check(STARTING)?;
        alive()?;
        let wait = Duration::from_secs(2);
        let answers = client
            .fetch_metadata(None, wait)
            .is_ok_and(|metadata| !metadata.brokers().is_empty());
        match client.client().fetch_cluster_id(wait).filter(|_| answers) {
            Some(id) => return Ok(id),
            None if start.elapsed() > within => return Err(silent()),
            None => thread::sleep(PAUSE),
        }
    }
}

fn listens(bootstrap: &str) -> bool {
    bootstrap.to_socket_addrs().is_ok_and(|mut addresses| {
        addresses.any(|address| TcpStream::connect_timeout(&address, Duration::from_secs(1)).is_ok())
    })
}
