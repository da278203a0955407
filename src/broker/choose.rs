//! Which kind of broker to run, and why.

use std::fmt;

use super::cancel::Cancel;
use super::engine::{self, Image};
use super::error::BrokerError;
use super::fetch::Progress;
use super::jars::{JarsFrom, KAFKA_VERSION, find_jars};
use super::java::{Java, find_java_unless};
use super::options::Options;
use super::surroundings::Surroundings;

/// Where a broker runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// In a container.
    Docker,
    /// As a process, from Apache Kafka's jars.
    Local,
    /// In this process, by librdkafka: a smoke test.
    Mock,
    /// In an environment that lagproof.toml declares.
    Declared,
}

impl Kind {
    /// Its name, as people write and read it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Docker => "docker",
            Self::Local => "local",
            Self::Mock => "mock",
            Self::Declared => "environment",
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Whether a kind can run here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Offer<T> {
    /// It can, with this.
    Ready(T),
    /// It can't.
    Missing {
        /// Why: "no engine answers at /var/run/docker.sock".
        reason: String,
        /// What would change that: "start Docker".
        remedy: String,
    },
}

/// What can run here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Survey {
    /// The kind that was asked for, if one was.
    pub asked: Option<Kind>,
    pub(super) docker: Offer<Image>,
    pub(super) local: Offer<Java>,
}

impl Survey {
    /// The best kind that can run, or the one asked for. The mock only counts where it is asked for: a smoke test must
    /// not pass for a proof because an engine was down.
    #[must_use]
    pub fn best(&self) -> Option<Kind> {
        let can = |kind: &Kind| match kind {
            Kind::Docker => matches!(self.docker, Offer::Ready(_)),
            Kind::Local => matches!(self.local, Offer::Ready(_)),
            Kind::Mock | Kind::Declared => self.asked == Some(*kind),
        };
        let order = [Kind::Docker, Kind::Local];
        self.asked
            .as_ref()
            .map_or_else(|| order.into_iter().find(can), |asked| can(asked).then_some(*asked))
    }

    /// Why this kind and not another, in a line for reports: "docker comes first".
    #[must_use]
    pub fn why(&self) -> String {
        match (self.asked, self.best()) {
            (Some(_), _) => "asked for".to_owned(),
            (None, Some(Kind::Docker)) => "docker comes first".to_owned(),
            (None, _) => match &self.docker {
                Offer::Missing { reason, .. } => format!("no docker: {reason}"),
                Offer::Ready(_) => "docker comes first".to_owned(),
            },
        }
    }

    /// What would bring a broker.
    #[must_use]
    pub fn help(&self) -> String {
        let remedy = |kind| match (kind, &self.docker, &self.local) {
            (Kind::Docker, Offer::Missing { remedy, .. }, _) | (Kind::Local, _, Offer::Missing { remedy, .. }) => {
                Some(&**remedy)
            }
            _ => None,
        };
        let kinds = self
            .asked
            .map_or_else(|| vec![Kind::Docker, Kind::Local], |asked| vec![asked]);
        let mut remedies: Vec<&str> = kinds.into_iter().filter_map(remedy).collect();
        remedies.push("name a declared environment with --broker");
        remedies.join(", or ")
    }
}

impl fmt::Display for Survey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.asked {
            None => f.write_str("no broker to run on")?,
            Some(kind) => write!(f, "no broker to run on: {kind} was asked for")?,
        }
        fn said<T>(offer: &Offer<T>) -> &str {
            match offer {
                Offer::Ready(_) => "available",
                Offer::Missing { reason, .. } => reason,
            }
        }
        write!(f, "\n  docker   {}", said(&self.docker))?;
        write!(f, "\n  local    {}", said(&self.local))?;
        f.write_str("\n  mock     available, for a smoke test only: lagproof verify --broker mock")
    }
}

/// Looks at what can run here. An image may be pulled for it, if docker is in question.
///
/// # Errors
/// [`BrokerError::Jars`] where KAFKA_HOME is set to something that is no Kafka; [`BrokerError::Stopped`].
pub(super) fn survey(
    asked: Option<Kind>,
    surroundings: &Surroundings,
    options: &Options,
    progress: &mut dyn FnMut(Progress),
) -> Result<Survey, BrokerError> {
    let docker = match asked {
        None | Some(Kind::Docker) => docker(surroundings, options, progress)?,
        Some(_) => unasked(),
    };
    let local = match asked {
        None | Some(Kind::Local) => local(surroundings, &options.cancel)?,
        Some(Kind::Docker) => local(surroundings, &options.cancel).unwrap_or_else(|_| unasked()),
        Some(_) => unasked(),
    };
    options.cancel.check("looking for a broker")?;
    Ok(Survey { asked, docker, local })
}

fn unasked<T>() -> Offer<T> {
    Offer::Missing {
        reason: "not looked at".to_owned(),
        remedy: String::new(),
    }
}

fn docker(
    surroundings: &Surroundings,
    options: &Options,
    progress: &mut dyn FnMut(Progress),
) -> Result<Offer<Image>, BrokerError> {
    if !engine::answers(&options.cancel)? {
        return Ok(Offer::Missing {
            reason: format!("no engine answers at {}", engine::address()),
            remedy: "start Docker".to_owned(),
        });
    }
    let asked = options
        .image
        .clone()
        .or_else(|| surroundings.text("LAGPROOF_KAFKA_IMAGE"));
    match engine::choose_image(asked.as_deref(), &options.cancel, progress) {
        Ok(image) => Ok(Offer::Ready(image)),
        Err(stopped @ BrokerError::Stopped { .. }) => Err(stopped),
        Err(error) => Ok(Offer::Missing {
            reason: format!("an engine answers, but {error}"),
            remedy: format!(
                "name an image that can be had with LAGPROOF_KAFKA_IMAGE, or build {}",
                engine::STAND_IN_IMAGE
            ),
        }),
    }
}

fn local(surroundings: &Surroundings, cancel: &Cancel) -> Result<Offer<Java>, BrokerError> {
    let java = match find_java_unless(surroundings, cancel) {
        Ok(java) => java,
        Err(missing) => {
            return Ok(Offer::Missing {
                reason: missing.to_string(),
                remedy: "install a Java runtime".to_owned(),
            });
        }
    };
    let jars = find_jars(surroundings)?;
    if jars.is_none() && surroundings.find("mvn").is_none() {
        return Ok(Offer::Missing {
            reason: format!(
                "Java {} is here, but neither KAFKA_HOME nor Maven to fetch Apache Kafka with",
                java.major
            ),
            remedy: "install Maven".to_owned(),
        });
    }
    Ok(Offer::Ready(java))
}

/// What a local broker of these jars is called.
pub(super) fn local_name(version: &str, from: JarsFrom, java: &Java) -> String {
    let source = match from {
        JarsFrom::KafkaHome => " of KAFKA_HOME",
        JarsFrom::Cache if version == KAFKA_VERSION => "",
        JarsFrom::Cache => " of the cache",
    };
    format!("Apache Kafka {version}{source} on this machine's Java {}", java.major)
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::{Kind, Offer, Survey};
    use crate::broker::BrokerError;
    use crate::broker::engine::Image;
    use crate::broker::java::Java;

    fn missing<T>(reason: &str, remedy: &str) -> Offer<T> {
        Offer::Missing {
            reason: reason.to_owned(),
            remedy: remedy.to_owned(),
        }
    }

    fn nothing() -> Survey {
        Survey {
            asked: None,
            docker: missing("no engine answers at /var/run/docker.sock", "start Docker"),
            local: missing("Java 17 or newer not found", "install a Java runtime"),
        }
    }

    #[test]
    fn when_nothing_is_there() {
        let survey = nothing();
        assert_eq!(survey.best(), None);
        let error = BrokerError::Nothing(survey);
        insta::assert_snapshot!(format!("error: {error}\nhelp: {}", error.help()), @r"
        error: no broker to run on
          docker   no engine answers at /var/run/docker.sock
          local    Java 17 or newer not found
          mock     available, for a smoke test only: lagproof verify --broker mock
        help: start Docker, or install a Java runtime, or name a declared environment with --broker
        ");
    }

    #[test]
    fn docker_before_local_and_never_the_mock_unasked() {
        let java = Java {
            program: PathBuf::from("java"),
            major: 17,
        };
        let local = Survey {
            local: Offer::Ready(java),
            ..nothing()
        };
        assert_eq!(local.best(), Some(Kind::Local));
        assert_eq!(local.why(), "no docker: no engine answers at /var/run/docker.sock");
        let both = Survey {
            docker: Offer::Ready(Image::parse("apache/kafka:4.3.1")),
            ..local
        };
        assert_eq!(
            (both.best(), both.why()),
            (Some(Kind::Docker), "docker comes first".to_owned())
        );
        for (kind, best) in [
            (Kind::Mock, Some(Kind::Mock)),
            (Kind::Docker, None),
            (Kind::Local, None),
        ] {
            let asked = Survey {
                asked: Some(kind),
                ..nothing()
            };
            assert_eq!(asked.best(), best);
        }
        let asked = Survey {
            asked: Some(Kind::Local),
            ..nothing()
        };
        assert_eq!(
            asked.help(),
            "install a Java runtime, or name a declared environment with --broker"
        );
    }
}
