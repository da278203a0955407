//! Rules about the history: versions against seeds, and changes that a running group does not survive.
//!
//! They see the model, the seeds' state and, of services that changed, the documents that they last compiled to.

mod chain;
mod changes;
mod pages;
mod running;
mod versions;

use std::collections::HashMap;

use rayon::prelude::*;
use serde_json::Value as Json;

use crate::diagnostic::Findings;
use crate::history::{Content, Digest, History, Life, Record, State, settings_digest};
use crate::model::project::Model;
use crate::model::service::Service;

pub use changes::{Change, changes};
pub use pages::{PAGES, SEED_MISSING, VERSION_LOWERED};
pub use versions::lowered;

/// A service beside what it was.
#[derive(Debug, Clone, Copy)]
pub struct Comparison<'m, 's, 'h> {
    /// The service.
    pub service: &'m Service,
    /// The digest of its settings as they are now.
    pub settings: Digest,
    /// Its life so far, or that of the service that it was renamed from; nothing for a new one.
    pub life: Option<Life<'s, 'h>>,
}

impl<'s, 'h> Comparison<'_, 's, 'h> {
    /// The record that it changes: the last one, where that is alive and has other settings.
    fn changed(&self) -> Option<Record<'h>> {
        let latest = self.life?.latest();
        match latest.entry.content {
            Content::Live { settings, .. } if settings != self.settings => Some(latest),
            _ => None,
        }
    }

    /// The life that versions are judged against, unless its last word is a tombstone.
    fn alive(&self) -> Option<Life<'s, 'h>> {
        self.life.filter(|life| !life.is_retired())
    }
}

/// Puts every service beside what it was.
#[must_use]
pub fn compare<'m, 's, 'h>(model: &'m Model, state: &'s State<'h>) -> Vec<Comparison<'m, 's, 'h>> {
    model
        .services
        .par_iter()
        .with_min_len(64)
        .map(|service| Comparison {
            service,
            settings: settings_digest(service),
            life: life_of(service, state),
        })
        .collect()
}

/// A service's life, or, where no seed has its name yet, that of the service that it was renamed from.
fn life_of<'s, 'h>(service: &Service, state: &'s State<'h>) -> Option<Life<'s, 'h>> {
    state.service(&service.name).or_else(|| {
        let mut lives = service
            .renamed_from
            .iter()
            .filter_map(|from| state.service(&from.value));
        lives.find(|life| !life.is_retired())
    })
}

/// The records whose documents [`judge`] wants to see: those of services that changed.
#[must_use]
pub fn changed<'h>(comparisons: &[Comparison<'_, '_, 'h>]) -> Vec<Record<'h>> {
    comparisons.iter().filter_map(Comparison::changed).collect()
}

/// Judges versions, renames and changes. `before` holds the documents of what
/// [`changed`], by the name in the record.
#[must_use]
pub fn judge(
    model: &Model,
    history: &History,
    comparisons: &[Comparison<'_, '_, '_>],
    before: &HashMap<&str, Json>,
) -> Findings {
    let mut findings = Findings::new();
    chain::judge(model, history, &mut findings);
    let own = State::replay(history.own());
    let changed: HashMap<&str, Vec<Change>> = comparisons
        .iter()
        .filter_map(|comparison| {
            let before = before.get(comparison.changed()?.entry.name.as_str())?;
            Some((comparison.service.name.as_str(), changes(comparison.service, before)))
        })
        .collect();
    versions::judge(&own, comparisons, &changed, &mut findings);
    for comparison in comparisons {
        let name = comparison.service.name.as_str();
        if let (Some(life), Some(changes)) = (comparison.alive(), changed.get(name)) {
            running::judge(comparison.service, life, changes, &mut findings);
        }
    }
    findings
}
