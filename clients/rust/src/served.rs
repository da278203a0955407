//! A service for which consumers by hand run here, and what becomes of another row.

use std::sync::Arc;

use crate::changes::{Apply, changes, worst};
use crate::instance::{Instance, State};
use crate::settings::Config;
use crate::watcher::Watcher;

/// A service for which consumers by hand run here.
pub(crate) struct Served {
    pub(crate) config: Config,
    pub(crate) instances: Vec<(Arc<Instance>, Config)>,
    pub(crate) watcher: Option<Watcher>,
}

impl Served {
    /// Takes another row; answers who has something to report.
    pub(crate) fn take(&mut self, config: Config) -> Vec<Arc<Instance>> {
        let name = config.service_name();
        let found = changes(&self.config.settings, &config.settings);
        let heavy: Vec<&str> = found
            .iter()
            .filter(|(_, apply)| **apply > Apply::Hot)
            .map(|(key, _)| key.as_str())
            .collect();
        let heavy = heavy.join(", ");
        if !heavy.is_empty() {
            let how = if worst(&found) == Apply::StopAll {
                " (stop all replicas, then start)"
            } else {
                ", one replica after the other"
            };
            log::warn!(
                "{name}: generation {} changes {heavy}, which this consumer can't take while it runs: restart the \
                 service{how}",
                config.generation
            );
        }
        for (instance, running) in &mut self.instances {
            instance.sees(&config);
            let lasting = changes(&running.settings, &config.settings);
            if worst(&lasting) <= Apply::Hot {
                *running = config.clone();
                instance.runs(running, State::Running, None);
            } else {
                let names: Vec<&str> = lasting.keys().map(String::as_str).collect();
                let detail = format!("{} need a restart of the service", names.join(", "));
                instance.runs(running, State::Refused, Some(detail));
            }
        }
        log::info!(
            "{name}: generation {}: batches of at most {}",
            config.generation,
            config.max_poll_records()
        );
        self.config = config;
        let running = self.instances.iter().filter(|(instance, _)| instance.is_reporting());
        running.map(|(instance, _)| instance.clone()).collect()
    }
}
