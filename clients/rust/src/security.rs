//! Where the cluster is and how to log in: from the environment, never from the table.
//!
//! | variable | what |
//! |---|---|
//! | `KAFKA_BOOTSTRAP_SERVERS` | `host:port[,host:port…]`, where the call names none |
//! | `KAFKA_SECURITY_PROTOCOL` | PLAINTEXT (the default), SSL, SASL_PLAINTEXT or SASL_SSL |
//! | `KAFKA_SASL_MECHANISM` | PLAIN, SCRAM-SHA-256 or SCRAM-SHA-512 |
//! | `KAFKA_SASL_USERNAME`, `KAFKA_SASL_PASSWORD` | who, and the password |
//! | `KAFKA_SSL_CA` | the path of the certificate authorities' file; unset, the system's |
//! | `KAFKA_SSL_CERTIFICATE`, `KAFKA_SSL_KEY`, `KAFKA_SSL_KEY_PASSWORD` | paths of the client's own certificate and key |
//!
//! TLS and SCRAM need the cargo feature `ssl`.

use crate::error::Error;

const PROTOCOLS: [&str; 4] = ["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"];
const MECHANISMS: [&str; 3] = ["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"];

/// Variables by name; those of the process are [`process`].
pub type Environment<'e> = &'e dyn Fn(&str) -> Option<String>;

/// The process's own variable.
pub fn process(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

/// The servers that the call names, else `KAFKA_BOOTSTRAP_SERVERS`.
///
/// # Errors
/// [`Error::SecurityMissing`] where nothing names them.
pub fn bootstrap(given: Option<&str>, environment: Environment<'_>) -> Result<String, Error> {
    let given = given.filter(|servers| !servers.is_empty()).map(str::to_owned);
    given
        .or_else(|| set(environment, "KAFKA_BOOTSTRAP_SERVERS"))
        .ok_or_else(|| {
            Error::SecurityMissing(
            "no bootstrap servers: the call names none, and KAFKA_BOOTSTRAP_SERVERS is not set. Set it to host:port"
                .to_owned(),
        )
        })
}

fn set(environment: Environment<'_>, name: &str) -> Option<String> {
    environment(name).filter(|value| !value.is_empty())
}

/// Properties of librdkafka's clients.
///
/// # Errors
/// [`Error::SecurityMissing`] where variables contradict each other or lack something; no value is repeated in it that
/// may be a secret.
pub fn properties(environment: Environment<'_>) -> Result<Vec<(&'static str, String)>, Error> {
    let missing = |text: String| Err(Error::SecurityMissing(text));
    let upper = |name: &str, default: &str| {
        set(environment, name)
            .unwrap_or_else(|| default.to_owned())
            .to_uppercase()
    };
    let protocol = upper("KAFKA_SECURITY_PROTOCOL", "PLAINTEXT");
    if !PROTOCOLS.contains(&protocol.as_str()) {
        return missing(format!(
            "KAFKA_SECURITY_PROTOCOL is {protocol:?}: it must be one of {}",
            PROTOCOLS.join(", ")
        ));
    }
    let mechanism = upper("KAFKA_SASL_MECHANISM", "PLAIN");
    let username = set(environment, "KAFKA_SASL_USERNAME");
    let password = set(environment, "KAFKA_SASL_PASSWORD");
    let certificate = set(environment, "KAFKA_SSL_CERTIFICATE");
    let key = set(environment, "KAFKA_SSL_KEY");
    if certificate.is_some() != key.is_some() {
        return missing("KAFKA_SSL_CERTIFICATE and KAFKA_SSL_KEY go together: one of them is not set".to_owned());
    }
    let with_sasl = protocol.starts_with("SASL");
    if with_sasl {
        if !MECHANISMS.contains(&mechanism.as_str()) {
            return missing(format!(
                "KAFKA_SASL_MECHANISM is {mechanism:?}: it must be one of {}",
                MECHANISMS.join(", ")
            ));
        }
        let lacks: Vec<&str> = [
            (username.is_none(), "KAFKA_SASL_USERNAME"),
            (password.is_none(), "KAFKA_SASL_PASSWORD"),
        ]
        .into_iter()
        .filter_map(|(lacks, name)| lacks.then_some(name))
        .collect();
        if !lacks.is_empty() {
            return missing(format!(
                "KAFKA_SECURITY_PROTOCOL is {protocol}, and {} is not set",
                lacks.join(" and ")
            ));
        }
    } else if username.is_some() || password.is_some() {
        return missing(format!(
            "KAFKA_SASL_USERNAME or KAFKA_SASL_PASSWORD is set, but KAFKA_SECURITY_PROTOCOL is {protocol}: nothing would \
             be logged in. Set it to SASL_SSL, or unset them"
        ));
    }
    let needs_openssl = protocol.ends_with("SSL") || (with_sasl && mechanism.starts_with("SCRAM"));
    if needs_openssl && cfg!(not(feature = "ssl")) {
        return missing(format!(
            "KAFKA_SECURITY_PROTOCOL is {protocol} with {mechanism}, and this program was built without TLS and SCRAM: \
             build it with lagproof-client's feature ssl"
        ));
    }
    let mut found = vec![("security.protocol", Some(protocol.to_lowercase()))];
    if protocol.ends_with("SSL") {
        found.push(("ssl.ca.location", set(environment, "KAFKA_SSL_CA")));
        found.push(("ssl.certificate.location", certificate));
        found.push(("ssl.key.location", key));
        found.push(("ssl.key.password", set(environment, "KAFKA_SSL_KEY_PASSWORD")));
    }
    if with_sasl {
        found.push(("sasl.mechanism", Some(mechanism)));
        found.push(("sasl.username", username));
        found.push(("sasl.password", password));
    }
    Ok(found
        .into_iter()
        .filter_map(|(name, value)| Some((name, value?)))
        .collect())
}
