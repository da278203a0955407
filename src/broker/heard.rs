//! What a client says when nobody answers it: the only place where a wrong password is told.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use rdkafka::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::{BaseConsumer, ConsumerContext};
use rdkafka::error::KafkaResult;

use super::connection::Connection;

/// Connects once more, to hear what goes wrong: a client for administration has nobody who listens.
pub(super) fn why_silent(connection: &Connection) -> Option<String> {
    const PATIENCE: Duration = Duration::from_secs(5);
    let heard = Heard::default();
    let mut config = connection.client_config();
    config.set_log_level(RDKafkaLogLevel::Error);
    let client: KafkaResult<BaseConsumer<Heard>> = config.create_with_context(heard.clone());
    let client = client.ok()?;
    let start = Instant::now();
    while heard.last().is_none() && start.elapsed() < PATIENCE {
        let _ = client.poll(Duration::from_millis(100));
    }
    heard.last()
}

/// Keeps the last thing that a client logged as an error. Clones hear the same.
#[derive(Debug, Clone, Default)]
struct Heard(Arc<Mutex<Option<String>>>);

impl ConsumerContext for Heard {}

impl Heard {
    /// The last error, without the name of the thread that had it.
    fn last(&self) -> Option<String> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl ClientContext for Heard {
    fn log(&self, level: RDKafkaLogLevel, _: &str, message: &str) {
        if (level as i32) > RDKafkaLogLevel::Error as i32 {
            return;
        }
        let text = match message.split_once("]: ") {
            Some((thread, text)) if thread.starts_with("[thrd:") => text,
            _ => message,
        };
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(text.to_owned());
    }
}

#[cfg(test)]
mod tests {
    use rdkafka::ClientContext;
    use rdkafka::config::RDKafkaLogLevel;

    use super::Heard;

    #[test]
    fn errors_are_kept_and_chatter_is_not() {
        let heard = Heard::default();
        heard.log(RDKafkaLogLevel::Info, "INIT", "starts");
        assert_eq!(heard.last(), None);
        heard.log(
            RDKafkaLogLevel::Error,
            "FAIL",
            "[thrd:k:1/bootstrap]: k:1/bootstrap: refused",
        );
        assert_eq!(heard.clone().last().as_deref(), Some("k:1/bootstrap: refused"));
    }
}
