//! The brokers of a session: one at a time, another where a trial needs other settings.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use super::Session;
use crate::broker::Progress as Fetching;
use crate::broker::{Broker, BrokerError, Cancel, Kind, Options, Storage, Wanted};
use crate::harness::outcome::BrokerFacts;
use crate::harness::plan::{Plan, Trial};
use crate::harness::progress::Progress;
use crate::units::Size;

/// What a broker of ours needs beside the records, in bytes.
const OVERHEAD: u64 = 512 << 20;

type Properties = BTreeMap<String, String>;

/// The brokers of a session.
pub(super) struct Brokers<'s> {
    session: &'s Session<'s>,
    current: Option<(Properties, Arc<Mutex<Broker>>)>,
    facts: Option<BrokerFacts>,
    room: Size,
}

impl<'s> Brokers<'s> {
    /// None is started yet.
    pub(super) fn new(session: &'s Session<'s>, plan: &Plan) -> Self {
        Self {
            session,
            current: None,
            facts: None,
            room: Size(plan.bytes().saturating_add(OVERHEAD)),
        }
    }

    /// The broker for a trial: the one that runs, where its settings are the same.
    pub(super) fn for_trial(&mut self, trial: &Trial) -> Result<Arc<Mutex<Broker>>, BrokerError> {
        let ours = !matches!(self.session.wanted, Wanted::Declared(_) | Wanted::Mock);
        let wanted = if ours {
            trial.broker_properties.clone()
        } else {
            Properties::new()
        };
        if let Some((properties, broker)) = &self.current
            && *properties == wanted
        {
            return Ok(Arc::clone(broker));
        }
        // The last one ends first: two would share the cores.
        self.current = None;
        let listener = self.session.listener;
        let stop = self.session.stop.clone();
        let options = Options {
            properties: wanted.clone(),
            storage: Storage::Memory { room: self.room },
            cancel: Cancel::when(move || stop.is_requested()),
            ..Options::default()
        };
        let broker = Broker::start(
            self.session.wanted,
            &options,
            &self.session.surroundings,
            &mut |progress| {
                listener.tell(match progress {
                    Fetching::Starting { what } => Progress::BrokerStarting { what },
                    other => Progress::Note {
                        what: other.to_string(),
                    },
                });
            },
        )?;
        broker.warm_up()?;
        listener.tell(Progress::BrokerReady {
            what: broker.to_string(),
        });
        self.facts.get_or_insert_with(|| facts(&broker));
        let broker = Arc::new(Mutex::new(broker));
        self.current = Some((wanted, Arc::clone(&broker)));
        Ok(broker)
    }

    /// Ends the last one, and says what the first one was.
    pub(super) fn end(mut self) -> Option<BrokerFacts> {
        if let (Some(keep), Some((_, broker))) = (self.session.keep, &self.current) {
            let bootstrap = broker
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .bootstrap()
                .to_owned();
            keep(&bootstrap);
        }
        self.current = None;
        self.facts
    }
}

fn facts(broker: &Broker) -> BrokerFacts {
    let kind = match broker.kind() {
        Kind::Declared => "declared",
        other => other.as_str(),
    };
    BrokerFacts {
        kind: kind.to_owned(),
        what: broker.to_string(),
        version: broker.version().to_owned(),
        why: broker.why().to_owned(),
        smoke_test: broker.kind() == Kind::Mock,
    }
}
