//! Why there is no broker, or why one could not do what was asked.

use std::fmt;
use std::io;
use std::path::PathBuf;
use std::time::Duration;

use super::choose::Survey;
use super::permit::Refusal;

/// Why there is no broker, or why one could not do what was asked.
#[derive(Debug)]
pub enum BrokerError {
    /// None of the kinds can run here, or not the one that was asked for.
    Nothing(Survey),
    /// No Java that can run Kafka.
    Java(super::java::NoJava),
    /// Kafka's jars are not here and could not be fetched.
    Jars {
        /// What was tried.
        doing: String,
        /// What went wrong, in the tool's words.
        reason: String,
    },
    /// The broker ended by itself.
    Died {
        /// How it ended, as the system puts it: "signal: 9 (SIGKILL)".
        status: String,
        /// The last lines of its log.
        log: String,
    },
    /// The broker runs but does not answer.
    Silent {
        /// Where it should.
        bootstrap: String,
        /// How long it was waited for.
        waited: Duration,
        /// The last lines of its log.
        log: String,
    },
    /// The container engine refused.
    Docker {
        /// What was being done: "start apache/kafka:4.3.1".
        doing: String,
        /// What the engine says.
        reason: String,
    },
    /// The cluster refused, or could not be reached.
    Kafka {
        /// What was being done: "create the topic orders".
        doing: String,
        /// What the client says.
        reason: String,
    },
    /// The safety rules of a cluster that is not ours.
    Refused(Refusal),
    /// A journal that can't be understood, so that nothing of it is acted on.
    Journal {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// This kind of broker can't do that.
    Unsupported {
        /// Which broker: "the environment staging".
        broker: String,
        /// What: "be stopped".
        what: &'static str,
    },
    /// Somebody wished that it is given up.
    Stopped {
        /// What was being done: "fetching Apache Kafka 4.3.1".
        doing: String,
    },
    /// Not everything that was made on a cluster could be taken away again.
    Left {
        /// Topics that are still there.
        topics: Vec<String>,
        /// Groups that are still there.
        groups: Vec<String>,
        /// The first reason.
        because: Box<BrokerError>,
        /// What removes the rest, and when.
        again: String,
    },
    /// The system refused.
    Io {
        /// What was being done: "make /tmp/x".
        doing: String,
        /// What the system says.
        error: io::Error,
    },
}

impl BrokerError {
    /// A refusal by the system.
    pub(super) fn io(doing: impl Into<String>) -> impl FnOnce(io::Error) -> Self {
        let doing = doing.into();
        move |error| Self::Io { doing, error }
    }

    /// A refusal by the cluster.
    pub(super) fn kafka(doing: impl Into<String>, reason: impl fmt::Display) -> Self {
        Self::Kafka {
            doing: doing.into(),
            reason: reason.to_string(),
        }
    }

    /// What to do about it.
    #[must_use]
    pub fn help(&self) -> String {
        match self {
            Self::Nothing(survey) => survey.help(),
            Self::Java(_) => "install a Java runtime, 17 or newer, or point JAVA_HOME at one".to_owned(),
            Self::Jars { .. } => {
                "install Maven, which fetches Apache Kafka, or set KAFKA_HOME to an unpacked release; \
                                  behind a proxy, Maven's own settings.xml names the mirror"
                    .to_owned()
            }
            Self::Died { log, .. } if log.contains("OutOfMemoryError") => "give the broker a larger heap".to_owned(),
            Self::Died { log, .. } if log.contains("No space left") => {
                "make room where temporary files go, or set TMPDIR to a larger place".to_owned()
            }
            Self::Died { .. } => "the broker's last words stand above; start it again".to_owned(),
            Self::Silent { .. } => {
                "a cold disk can take minutes: try again once; after that, its log stands above".to_owned()
            }
            Self::Docker { .. } => {
                "see `docker ps -a` and `docker images`, or run on this machine's Java with --broker local".to_owned()
            }
            Self::Kafka { reason, .. } if reason.contains("sasl.username") => {
                "set LAGPROOF_SASL_USERNAME and LAGPROOF_SASL_PASSWORD".to_owned()
            }
            Self::Kafka { reason, .. } if reason.to_ascii_lowercase().contains("authentication") => {
                "check LAGPROOF_SASL_USERNAME and LAGPROOF_SASL_PASSWORD, and the environment's mechanism".to_owned()
            }
            Self::Kafka { .. } => {
                "check the bootstrap servers, and that this user may describe, create and delete".to_owned()
            }
            Self::Refused(refusal) => refusal.help(),
            Self::Journal { path, .. } => {
                format!("nothing was deleted; read {} and remove it by hand", path.display())
            }
            Self::Unsupported { .. } => "use --broker docker or --broker local".to_owned(),
            Self::Stopped { .. } => "nothing of it was left behind; run it again".to_owned(),
            Self::Left { again, .. } => again.clone(),
            Self::Io { .. } => "check the path, its permissions and the space left".to_owned(),
        }
    }
}

impl BrokerError {
    /// What happened, in one line: of a broker's log, only the line that says why it ended.
    #[must_use]
    pub fn brief(&self) -> String {
        let Self::Died { status, log } = self else {
            return self.to_string();
        };
        let mut lines = log.lines().rev();
        let says = |what: &str| log.lines().rev().find(|line| line.contains(what));
        let telling = says("No space left")
            .or_else(|| says("OutOfMemoryError"))
            .or_else(|| says("ERROR"))
            .or_else(|| lines.find(|line| !line.trim().is_empty()));
        let said = telling.map_or_else(String::new, |line| format!(": {}", line.trim()));
        format!("the broker ended ({status}){said}")
    }
}

impl fmt::Display for BrokerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Nothing(survey) => write!(f, "{survey}"),
            Self::Java(missing) => write!(f, "{missing}"),
            Self::Jars { doing, reason } => write!(f, "could not {doing}: {reason}"),
            Self::Died { status, log } => write!(f, "the broker ended ({status}){}", Quoted(log)),
            Self::Silent { bootstrap, waited, log } => write!(
                f,
                "the broker at {bootstrap} did not answer within {} s{}",
                waited.as_secs(),
                Quoted(log)
            ),
            Self::Docker { doing, reason } => write!(f, "docker could not {doing}: {reason}"),
            Self::Kafka { doing, reason } => write!(f, "could not {doing}: {reason}"),
            Self::Refused(refusal) => write!(f, "{refusal}"),
            Self::Journal { path, reason } => write!(f, "{} is no journal of lagproof: {reason}", path.display()),
            Self::Unsupported { broker, what } => write!(f, "{broker} can't {what} from here"),
            Self::Stopped { doing } => write!(f, "stopped by Ctrl-C while {doing}"),
            Self::Left {
                topics,
                groups,
                because,
                ..
            } => {
                write!(f, "{because}")?;
                for (what, names) in [("topics", topics), ("groups", groups)] {
                    if !names.is_empty() {
                        write!(f, "; {what} left there: {}", names.join(", "))?;
                    }
                }
                Ok(())
            }
            Self::Io { doing, error } => write!(f, "could not {doing}: {error}"),
        }
    }
}

impl std::error::Error for BrokerError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Io { error, .. } => Some(error),
            Self::Left { because, .. } => Some(&**because),
            _ => None,
        }
    }
}

/// A log's lines below a message, set off from it.
struct Quoted<'a>(&'a str);

impl fmt::Display for Quoted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.trim().is_empty() {
            return f.write_str("; its log is empty");
        }
        f.write_str("; the end of its log:")?;
        self.0.lines().try_for_each(|line| write!(f, "\n    {line}"))
    }
}

#[cfg(test)]
mod tests {
    use super::BrokerError;

    #[test]
    fn of_a_log_only_what_says_why_is_quoted() {
        let died = |log: &str| BrokerError::Died {
            status: "exit status 1".to_owned(),
            log: log.to_owned(),
        };
        let full =
            died("ERROR Error while appending\njava.io.IOException: No space left on device\nERROR Shutdown broker\n");
        assert_eq!(
            full.brief(),
            "the broker ended (exit status 1): java.io.IOException: No space left on device"
        );
        assert!(full.help().contains("TMPDIR"));
        assert_eq!(
            died("INFO started\nERROR all log dirs failed\nINFO bye\n").brief(),
            "the broker ended (exit status 1): ERROR all log dirs failed"
        );
        assert_eq!(died("").brief(), "the broker ended (exit status 1)");
    }
}
