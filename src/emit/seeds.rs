//! Seed migrations: what is new against the state that other seeds amount to.

use rayon::prelude::*;

use crate::history::{
    Content, Digest, Doc, Life, RETIRE_CALL, Record, Replaced, SERVICE_CALL, ServiceEntry, Stamp, State, TOPIC_CALL,
    TopicEntry, context_digest, context_doc, settings_digest, settings_doc, topic_digest, topic_doc, write_seed_with,
};
use crate::model::project::Model;
use crate::model::service::Service;
use crate::model::topic::Topic;

use super::artifact::{Artifact, SEEDS, file_name, header};
use super::sql::{NulError, jsonb, literal};

/// A seed that has no name yet: its name holds a time, its content none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SeedDraft {
    /// What it is about, for its name: `11-services`, `motion-event-filter-v4`.
    pub what: String,
    /// The whole file.
    pub text: String,
    /// How many services it changes.
    pub services: usize,
    /// How many topics it changes.
    pub topics: usize,
}

impl SeedDraft {
    /// The file, under `stamp`, such as `20261123143000`.
    ///
    /// # Panics
    /// Never: what it is about is made fit for a path.
    #[must_use]
    pub fn artifact(&self, stamp: &str) -> Artifact {
        self.clone().into_artifact(stamp)
    }

    /// The same where the draft is needed no more: a seed may be large.
    ///
    /// # Panics
    /// Never: what it is about is made fit for a path.
    #[must_use]
    pub fn into_artifact(self, stamp: &str) -> Artifact {
        Artifact::new(format!("{SEEDS}/{stamp}_{}.sql", self.what), self.text).expect("a path of names made fit")
    }
}

/// An entry of the header and its statement.
struct Change<E> {
    entry: E,
    statement: String,
}

/// What `model` adds to `state`, as a seed; nothing where it adds nothing.
///
/// # Errors
/// [`NulError`] where a name or text can't reach PostgreSQL.
pub fn seed(model: &Model, state: &State<'_>) -> Result<Option<SeedDraft>, NulError> {
    let digests: Vec<Digest> = model
        .services
        .par_iter()
        .map(|service| settings_digest(service))
        .collect();
    seed_of(model, &digests, state)
}

/// The same where the digests of the services' settings are known, in the order of the services.
///
/// # Errors
/// [`NulError`] where a name or text can't reach PostgreSQL.
pub fn seed_of(model: &Model, settings: &[Digest], state: &State<'_>) -> Result<Option<SeedDraft>, NulError> {
    let mut services: Vec<Change<ServiceEntry>> = model
        .services
        .par_iter()
        .zip(settings)
        .with_min_len(64)
        .filter_map(|(service, settings)| {
            service_change(model, service, *settings, state.service(&service.name)).transpose()
        })
        .collect::<Result<_, _>>()?;
    for life in state.services().filter(|life| model.service(life.name()).is_none()) {
        if !life.is_retired() || life.rival().is_some() {
            services.push(retire(model, life)?);
        }
    }
    services.sort_by(|a, b| a.entry.name.cmp(&b.entry.name));
    let topics: Vec<Change<TopicEntry>> = model
        .topics
        .par_iter()
        .filter_map(|(_, topic)| topic_change(topic, state).transpose())
        .collect::<Result<_, _>>()?;
    if services.is_empty() && topics.is_empty() {
        return Ok(None);
    }
    Ok(Some(draft(what(&services, &topics), services, topics, &[])))
}

/// The seed that stands for all those that `state` was replayed from: what each service and topic ends with. `statement`
/// finds a statement again by the seed's name and how it begins.
///
/// # Errors
/// [`BaselineError`].
pub fn baseline(
    state: &State<'_>,
    replaces: &[Replaced],
    statement: impl Fn(&str, &str) -> Option<String>,
) -> Result<SeedDraft, BaselineError> {
    let find = |seed: &str, call: &str, name: &str| {
        let begins = format!("{call}{}", literal(name).map_err(BaselineError::Nul)?);
        statement(seed, &begins).ok_or_else(|| BaselineError::Lost {
            seed: seed.to_owned(),
            name: name.to_owned(),
        })
    };
    let unsettled = |name: &str| BaselineError::Unsettled { name: name.to_owned() };
    let mut services = Vec::new();
    for life in state.services() {
        life.agreed().ok_or_else(|| unsettled(life.name()))?;
        let Record { entry, seed } = life.latest();
        let call = match entry.content {
            Content::Live { .. } => SERVICE_CALL,
            Content::Retired => RETIRE_CALL,
        };
        services.push(Change {
            entry: entry.clone(),
            statement: find(&seed.name, call, &entry.name)?,
        });
    }
    let mut topics = Vec::new();
    for (entry, seed) in state.topics().filter_map(<[_]>::last) {
        state
            .topic(&entry.name)
            .and_then(|(_, agreed)| agreed)
            .ok_or_else(|| unsettled(&entry.name))?;
        topics.push(Change {
            entry: (*entry).clone(),
            statement: find(&seed.name, TOPIC_CALL, &entry.name)?,
        });
    }
    Ok(draft("baseline".to_owned(), services, topics, replaces))
}

/// Why seeds can't become one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BaselineError {
    /// Seeds disagree on what a service or topic ends with.
    Unsettled {
        /// Its name.
        name: String,
    },
    /// A seed's header names what its body does not have.
    Lost {
        /// The seed's name.
        seed: String,
        /// The service or topic.
        name: String,
    },
    /// A name can't reach PostgreSQL.
    Nul(NulError),
}

fn draft(
    what: String,
    services: Vec<Change<ServiceEntry>>,
    topics: Vec<Change<TopicEntry>>,
    replaces: &[Replaced],
) -> SeedDraft {
    let (services, statements): (Vec<_>, Vec<_>) = services
        .into_iter()
        .map(|change| (change.entry, change.statement))
        .unzip();
    let (topics, on_topics): (Vec<_>, Vec<_>) = topics
        .into_iter()
        .map(|change| (change.entry, change.statement))
        .unzip();
    let all = statements.iter().chain(&on_topics);
    let length = all.map(|statement| statement.len() + 2).sum();
    let text = write_seed_with(&header("profiles"), &services, &topics, replaces, length, |out| {
        // Each statement goes as soon as it has its place: all of them twice is a lot.
        for (at, statement) in statements.into_iter().chain(on_topics).enumerate() {
            out.push_str(if at == 0 { "" } else { "\n" });
            out.push_str(&statement);
            out.push('\n');
        }
    });
    SeedDraft {
        what,
        text,
        services: services.len(),
        topics: topics.len(),
    }
}

/// The stamp of a service as it is now; nothing where `life` says the same already.
fn next_stamp(service: &Service, content: Content, life: Option<Life<'_, '_>>) -> Option<Stamp> {
    let version = service.version.value;
    let first = Stamp { version, revision: 1 };
    let Some(life) = life else {
        return Some(first);
    };
    if life.stamp().version != version {
        return Some(first);
    }
    (life.agreed() != Some(content)).then(|| Stamp {
        version,
        revision: life.stamp().revision + 1,
    })
}

fn service_change(
    model: &Model,
    service: &Service,
    settings: Digest,
    life: Option<Life<'_, '_>>,
) -> Result<Option<Change<ServiceEntry>>, NulError> {
    let context = context_digest(model, service);
    let content = Content::Live { settings, context };
    let Some(stamp) = next_stamp(service, content, life) else {
        return Ok(None);
    };
    let follows = life.map(Life::stamp);
    let mut doc = vec![("revision".into(), Doc::integer(stamp.revision))];
    if let Some(follows) = follows {
        doc.push(("follows".into(), Doc::text(follows)));
    }
    if let Some(from) = service.renamed_from.first() {
        doc.push(("renamed_from".into(), Doc::text(&from.value)));
    }
    doc.push(("settings".into(), settings_doc(service)));
    doc.push(("context".into(), context_doc(model, service)));
    doc.push(("context_digest".into(), Doc::text(context)));
    let statement = format!(
        "{SERVICE_CALL}{}, {}, {}, {});",
        literal(&service.name)?,
        stamp.version,
        literal(&settings.to_string())?,
        jsonb(&Doc::Object(doc).pretty())?
    );
    Ok(Some(Change {
        entry: ServiceEntry {
            name: service.name.clone(),
            stamp,
            content,
            follows,
        },
        statement,
    }))
}

/// A tombstone, one version above the last.
fn retire(model: &Model, life: Life<'_, '_>) -> Result<Change<ServiceEntry>, NulError> {
    let last = life.stamp();
    let stamp = Stamp {
        version: last.version + 1,
        revision: 1,
    };
    let renamed_to = model
        .services
        .iter()
        .find(|service| service.renamed_from.iter().any(|from| from.value == life.name()));
    let mut doc = vec![
        ("revision".into(), Doc::integer(stamp.revision)),
        ("follows".into(), Doc::text(last)),
    ];
    if let Some(service) = renamed_to {
        doc.push(("renamed_to".into(), Doc::text(&service.name)));
    }
    let statement = format!(
        "{RETIRE_CALL}{}, {}, {});",
        literal(life.name())?,
        stamp.version,
        jsonb(&Doc::Object(doc).pretty())?
    );
    Ok(Change {
        entry: ServiceEntry {
            name: life.name().to_owned(),
            stamp,
            content: Content::Retired,
            follows: Some(last),
        },
        statement,
    })
}

fn topic_change(topic: &Topic, state: &State<'_>) -> Result<Option<Change<TopicEntry>>, NulError> {
    let digest = topic_digest(topic);
    let now = state.topic(&topic.name);
    let follows = now.map(|(revision, _)| revision);
    if now.is_some_and(|(_, agreed)| agreed == Some(digest)) {
        return Ok(None);
    }
    let revision = follows.unwrap_or(0) + 1;
    let mut doc = vec![("revision".into(), Doc::integer(revision))];
    if let Doc::Object(entries) = topic_doc(topic) {
        doc.extend(entries);
    }
    let statement = format!(
        "{TOPIC_CALL}{}, {}, {});",
        literal(&topic.name)?,
        literal(&digest.to_string())?,
        jsonb(&Doc::Object(doc).pretty())?
    );
    Ok(Some(Change {
        entry: TopicEntry {
            name: topic.name.clone(),
            revision,
            digest,
            follows,
        },
        statement,
    }))
}

/// The longest name of a service or topic that a seed's name takes in.
const LONGEST: usize = 120;

fn what(services: &[Change<ServiceEntry>], topics: &[Change<TopicEntry>]) -> String {
    let short = |name: &str| Some(file_name(name)).filter(|name| name.len() <= LONGEST);
    let named = match (services, topics) {
        ([one], _) => short(&one.entry.name).map(|name| {
            let Stamp { version, revision } = one.entry.stamp;
            match one.entry.content {
                Content::Retired => format!("{name}-retired"),
                Content::Live { .. } if revision > 1 => format!("{name}-v{version}-r{revision}"),
                Content::Live { .. } => format!("{name}-v{version}"),
            }
        }),
        ([], [one]) => short(&one.entry.name).map(|name| format!("topic-{name}")),
        _ => None,
    };
    named.unwrap_or_else(|| match services.len() {
        0 => format!("{}-topics", topics.len()),
        many => format!("{many}-services"),
    })
}
