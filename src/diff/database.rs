//! Profiles beside a database, service by service.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;
use serde_json::Value as Json;

use crate::db::{Deployed, DeployedBase, DeployedLife, Override, OverrideStanding};
use crate::history::{Doc, column_from_settings, context_doc, settings_doc, topic_doc};
use crate::model::project::Model;
use crate::model::service::Service;

/// A value that is not the same on both sides; nothing where a side leaves it out.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Change {
    /// Where it stands: `consumer.session_timeout_ms`.
    pub name: String,
    /// The profile's value.
    pub here: Option<Json>,
    /// The database's.
    pub there: Option<Json>,
}

/// What a profile here has to do with an override there.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum OverrideHere {
    /// The profile still says what the override was laid over.
    Unchanged,
    /// The profile says what the override says: the next seed takes it over.
    Same,
    /// The profile says something else: its seed will be refused.
    Conflicts(Json),
    /// There is no such profile.
    NoProfile,
}

/// One thing that is not the same in the profiles ("here") and in the database ("there").
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "kind", rename_all = "kebab-case", rename_all_fields = "kebab-case")]
pub enum Difference {
    /// No seed of the service has been applied. A row without a version is taken over by the first one.
    NotSeeded {
        /// The service.
        service: String,
        /// Its version here.
        version: u32,
    },
    /// The profile is newer: its seed is still to come.
    Behind {
        /// The service.
        service: String,
        /// Its version here.
        here: u32,
        /// Its version there.
        there: u32,
        /// What will change.
        changes: Vec<Change>,
    },
    /// The database is newer than the profile.
    Ahead {
        /// The service.
        service: String,
        /// Its version here.
        here: u32,
        /// Its version there.
        there: u32,
        /// What is other.
        changes: Vec<Change>,
    },
    /// The same version, with other settings.
    SameVersion {
        /// The service.
        service: String,
        /// The version.
        version: u32,
        /// What is other.
        changes: Vec<Change>,
    },
    /// The same settings, with other targets, rates or replicas.
    Context {
        /// The service.
        service: String,
        /// What is other.
        changes: Vec<Change>,
    },
    /// Retired there, while a profile is here.
    Retired {
        /// The service.
        service: String,
        /// The tombstone's version.
        version: u32,
    },
    /// Seeded there, while no profile is here.
    Removed {
        /// The service.
        service: String,
        /// Its version there.
        version: u32,
    },
    /// A row there that neither a seed nor a profile knows.
    Unknown {
        /// The service.
        service: String,
    },
    /// A person changed a setting there.
    Override {
        /// The service.
        service: String,
        /// The setting's column.
        setting: String,
        /// What it was laid over; null leaves it to the client.
        base: Json,
        /// The value instead.
        value: Json,
        /// Who.
        by: String,
        /// When, in UTC.
        at: String,
        /// Why, if said.
        reason: Option<String>,
        /// When it ends, in UTC, if said.
        until: Option<String>,
        /// Whether it has ended, and waits to be cleared.
        ended: bool,
        /// What the profile here says.
        here: OverrideHere,
    },
    /// A topic that is declared otherwise there, or only on one side.
    Topic {
        /// The topic.
        topic: String,
        /// What is other.
        changes: Vec<Change>,
    },
}

/// Everything that differs: services by name, then overrides, then topics.
#[must_use]
pub fn differences(model: &Model, deployed: &Deployed) -> Vec<Difference> {
    let there: BTreeMap<&str, Option<&DeployedBase>> = deployed
        .services
        .iter()
        .map(|service| (service.name.as_str(), service.base.as_ref()))
        .collect();
    let here = model.services.iter().map(|service| service.name.as_str());
    let names: BTreeSet<&str> = there.keys().copied().chain(here).collect();
    let mut found = Vec::new();
    for name in names {
        let base = there.get(name);
        match (model.service(name), base) {
            (Some(service), None | Some(None)) => found.push(Difference::NotSeeded {
                service: name.to_owned(),
                version: service.version.value,
            }),
            (Some(service), Some(Some(base))) => compare(model, service, base, &mut found),
            (None, Some(None)) => found.push(Difference::Unknown {
                service: name.to_owned(),
            }),
            (None, Some(Some(base))) if base.life == DeployedLife::Active => found.push(Difference::Removed {
                service: name.to_owned(),
                version: base.version,
            }),
            (None, _) => {}
        }
    }
    found.extend(deployed.overrides.iter().map(|made| override_of(model, made)));
    topics(model, deployed, &mut found);
    found
}

fn compare(model: &Model, service: &Service, base: &DeployedBase, found: &mut Vec<Difference>) {
    let name = service.name.clone();
    let (here, there) = (service.version.value, base.version);
    if base.life == DeployedLife::Retired && here <= there {
        found.push(Difference::Retired {
            service: name,
            version: there,
        });
        return;
    }
    let changes = changes(&json(&settings_doc(service)), &base.settings);
    if here > there {
        found.push(Difference::Behind {
            service: name,
            here,
            there,
            changes,
        });
    } else if here < there {
        found.push(Difference::Ahead {
            service: name,
            here,
            there,
            changes,
        });
    } else if !changes.is_empty() {
        found.push(Difference::SameVersion {
            service: name,
            version: here,
            changes,
        });
    } else {
        let changes = self::changes(&json(&context_doc(model, service)), &base.context);
        if !changes.is_empty() {
            found.push(Difference::Context { service: name, changes });
        }
    }
}

fn override_of(model: &Model, made: &Override) -> Difference {
    let here = match model.service(&made.service) {
        None => OverrideHere::NoProfile,
        Some(service) => {
            let says = column_from_settings(&json(&settings_doc(service)), &made.setting);
            if says == made.value {
                OverrideHere::Same
            } else if says == made.base {
                OverrideHere::Unchanged
            } else {
                OverrideHere::Conflicts(says)
            }
        }
    };
    Difference::Override {
        service: made.service.clone(),
        setting: made.setting.clone(),
        base: made.base.clone(),
        value: made.value.clone(),
        by: made.by.clone(),
        at: made.at.clone(),
        reason: made.reason.clone(),
        until: made.until.clone(),
        ended: made.standing == OverrideStanding::Ended,
        here,
    }
}

fn topics(model: &Model, deployed: &Deployed, found: &mut Vec<Difference>) {
    let there: BTreeMap<&str, &Json> = deployed
        .topics
        .iter()
        .map(|topic| (topic.name.as_str(), &topic.document))
        .collect();
    for topic in model.topics.values() {
        let here = json(&topic_doc(topic));
        let nothing = Json::Null;
        let changes = changes(&here, there.get(topic.name.as_str()).copied().unwrap_or(&nothing));
        if !changes.is_empty() {
            found.push(Difference::Topic {
                topic: topic.name.clone(),
                changes,
            });
        }
    }
}

fn json(doc: &Doc) -> Json {
    serde_json::from_str(&doc.canonical()).unwrap_or_default()
}

/// The leaves in which two documents differ, by their path.
fn changes(here: &Json, there: &Json) -> Vec<Change> {
    let (mut ours, mut theirs) = (BTreeMap::new(), BTreeMap::new());
    leaves(String::new(), here, &mut ours);
    leaves(String::new(), there, &mut theirs);
    let names: BTreeSet<&String> = ours.keys().chain(theirs.keys()).collect();
    names
        .into_iter()
        .filter(|name| ours.get(*name) != theirs.get(*name))
        .map(|name| Change {
            name: name.clone(),
            here: ours.get(name).map(|leaf| (*leaf).clone()),
            there: theirs.get(name).map(|leaf| (*leaf).clone()),
        })
        .collect()
}

fn leaves<'j>(path: String, json: &'j Json, out: &mut BTreeMap<String, &'j Json>) {
    match json {
        Json::Null => {}
        Json::Object(parts) => {
            for (key, part) in parts {
                let path = if path.is_empty() {
                    key.clone()
                } else {
                    format!("{path}.{key}")
                };
                leaves(path, part, out);
            }
        }
        leaf => {
            out.insert(path, leaf);
        }
    }
}
