//! What goes wrong in a process and goes on: counted, so that a storm of errors is one line a tick.

use std::collections::BTreeMap;
use std::ffi::CStr;
use std::fmt;
use std::sync::{Mutex, PoisonError};

use rdkafka::bindings::rd_kafka_err2name;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::types::RDKafkaRespErr;

/// Why a process can't do what its spec says; it ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProcessError(pub String);

impl fmt::Display for ProcessError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for ProcessError {}

/// Something that went wrong, and how often.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trouble {
    /// librdkafka's name where there is one, else a word.
    pub code: String,
    /// The first message.
    pub message: String,
    /// How often since it was last told.
    pub times: u64,
}

/// What went wrong since it was last told, by code.
#[derive(Debug, Default)]
pub struct Troubles(Mutex<BTreeMap<String, (String, u64)>>);

impl Troubles {
    /// Notes one.
    pub fn note(&self, code: &str, message: &str) {
        let mut noted = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match noted.get_mut(code) {
            Some((_, times)) => *times += 1,
            None => drop(noted.insert(code.to_owned(), (message.to_owned(), 1))),
        }
    }

    /// Notes one of librdkafka's.
    pub fn note_kafka(&self, error: &KafkaError, what: &str) {
        let code = error
            .rdkafka_error_code()
            .map_or_else(|| "client".to_owned(), error_name);
        self.note(&code, what);
    }

    /// Takes what was noted.
    #[must_use]
    pub fn take(&self) -> Vec<Trouble> {
        let noted = std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner));
        let troubles = noted
            .into_iter()
            .map(|(code, (message, times))| Trouble { code, message, times });
        troubles.collect()
    }
}

/// librdkafka's own name for an error, as its documentation has it: `_MAX_POLL_EXCEEDED`.
#[must_use]
pub fn error_name(code: RDKafkaErrorCode) -> String {
    let Ok(native) = RDKafkaRespErr::try_from(code as i32) else {
        return format!("{code:?}");
    };
    // SAFETY: any error gives a static text that ends with a zero.
    let name = unsafe { CStr::from_ptr(rd_kafka_err2name(native)) };
    name.to_string_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use rdkafka::error::{KafkaError, RDKafkaErrorCode};

    use super::{Trouble, Troubles, error_name};

    #[test]
    fn counted_by_code() {
        let troubles = Troubles::default();
        let exceeded = KafkaError::MessageConsumption(RDKafkaErrorCode::PollExceeded);
        troubles.note_kafka(&exceeded, "first");
        troubles.note_kafka(&exceeded, "second");
        troubles.note("offset-reset", "to the start");
        let trouble = |code: &str, message: &str, times| Trouble {
            code: code.to_owned(),
            message: message.to_owned(),
            times,
        };
        let told = [
            trouble("_MAX_POLL_EXCEEDED", "first", 2),
            trouble("offset-reset", "to the start", 1),
        ];
        assert_eq!(troubles.take(), told);
        assert_eq!(troubles.take(), []);
    }

    #[test]
    fn names_are_librdkafkas() {
        assert_eq!(error_name(RDKafkaErrorCode::BrokerTransportFailure), "_TRANSPORT");
        assert_eq!(error_name(RDKafkaErrorCode::UnknownMemberId), "UNKNOWN_MEMBER_ID");
    }
}
