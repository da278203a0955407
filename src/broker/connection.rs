//! How to reach a cluster: bootstrap servers and security, secrets among it.

use std::fmt;
use std::fs;

use rdkafka::config::ClientConfig;

use crate::model::broker::Environment;

use super::error::BrokerError;
use super::surroundings::Surroundings;

/// How to reach a cluster. Printing one shows no secrets.
#[derive(Clone, PartialEq, Eq)]
pub struct Connection {
    bootstrap: String,
    properties: Vec<(String, String)>,
}

impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<&str> = self.properties.iter().map(|(name, _)| &**name).collect();
        f.debug_struct("Connection")
            .field("bootstrap", &self.bootstrap)
            .field("properties", &names)
            .finish()
    }
}

impl Connection {
    /// Without security, as `host:port[,host:port…]`.
    #[must_use]
    pub fn plain(bootstrap: &str) -> Self {
        Self {
            bootstrap: bootstrap.to_owned(),
            properties: Vec::new(),
        }
    }

    /// To a declared environment. Secrets come from LAGPROOF_SASL_USERNAME and LAGPROOF_SASL_PASSWORD, or from the client
    /// properties file that LAGPROOF_CLIENT_CONFIG names, whose lines win.
    ///
    /// # Errors
    /// [`BrokerError::Io`] where that file can't be read; [`BrokerError::Kafka`] for an environment without brokers.
    pub fn declared(environment: &Environment, surroundings: &Surroundings) -> Result<Self, BrokerError> {
        if environment.brokers.is_empty() {
            let doing = format!("connect to the environment {}", environment.name);
            return Err(BrokerError::kafka(doing, "it declares no brokers in lagproof.toml"));
        }
        let security = &environment.security;
        let mut properties: Vec<(String, String)> = [
            ("security.protocol", security.protocol.clone()),
            ("sasl.mechanism", security.mechanism.clone()),
            ("ssl.ca.location", security.ca.clone()),
            ("sasl.username", surroundings.text("LAGPROOF_SASL_USERNAME")),
            ("sasl.password", surroundings.text("LAGPROOF_SASL_PASSWORD")),
        ]
        .into_iter()
        .filter_map(|(name, value)| Some((name.to_owned(), value?)))
        .collect();
        if let Some(path) = surroundings.get("LAGPROOF_CLIENT_CONFIG") {
            let path = path.to_string_lossy();
            let text = fs::read_to_string(&*path).map_err(BrokerError::io(format!("read {path}")))?;
            properties.extend(lines(&text));
        }
        Ok(Self {
            bootstrap: environment.brokers.join(","),
            properties,
        })
    }

    /// The bootstrap servers.
    #[must_use]
    pub fn bootstrap(&self) -> &str {
        &self.bootstrap
    }

    /// Bootstrap servers and security by librdkafka's names, secrets among them: for what another process is told on its
    /// standard input, never for anything written.
    #[must_use]
    pub fn properties(&self) -> Vec<(String, String)> {
        let mut properties = self.properties.clone();
        properties.push(("bootstrap.servers".to_owned(), self.bootstrap.clone()));
        properties
    }

    /// A client's configuration with it; add what the client itself needs.
    #[must_use]
    pub fn client_config(&self) -> ClientConfig {
        let mut config = ClientConfig::new();
        for (name, value) in &self.properties {
            config.set(name, value);
        }
        config
            .set("bootstrap.servers", &self.bootstrap)
            .set("client.id", "lagproof")
            .set("reconnect.backoff.ms", "50")
            .set("reconnect.backoff.max.ms", "500");
        config
    }
}

/// The pairs of a properties file, but for where the cluster is: that is declared.
fn lines(text: &str) -> impl Iterator<Item = (String, String)> + '_ {
    text.lines()
        .map(str::trim)
        .filter(|line| !line.starts_with(['#', '!']))
        .filter_map(|line| line.split_once('='))
        .map(|(name, value)| (name.trim().to_owned(), value.trim().to_owned()))
        .filter(|(name, _)| name != "bootstrap.servers")
}

#[cfg(test)]
mod tests {
    use super::{Connection, lines};

    #[test]
    fn secrets_are_not_printed() {
        let connection = Connection {
            bootstrap: "b:1".to_owned(),
            properties: lines("# c\nsasl.password = hunter2=\n\nbootstrap.servers=evil:1\n").collect(),
        };
        let printed = format!("{connection:?}");
        assert!(
            printed.contains("sasl.password") && !printed.contains("hunter2"),
            "{printed}"
        );
        assert_eq!(connection.client_config().get("sasl.password"), Some("hunter2="));
        assert_eq!(connection.client_config().get("bootstrap.servers"), Some("b:1"));
    }
}
