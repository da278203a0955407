//! Looking for another row, every while and whenever the database says so.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use sqlx::PgPool;
use tokio::sync::{Notify, mpsc};
use tokio::task::JoinHandle;

use crate::listening::{Ears, jittered};
use crate::settings::Config;
use crate::source::{self, ReadError};

/// Looks for another row and sends each. Troubles are logged once each, and end with the next good answer.
pub(crate) struct Watcher {
    ears: Arc<Ears>,
    wake: Arc<Notify>,
    task: JoinHandle<()>,
}

/// Where a watcher looks.
pub(crate) struct Look {
    pub(crate) pool: PgPool,
    pub(crate) folder: PathBuf,
    pub(crate) every: Duration,
    pub(crate) ears: Arc<Ears>,
}

impl Watcher {
    /// Begins to look; what `changed` gets differs from `config` and from what it got before.
    pub(crate) fn start(look: Look, config: Config, changed: mpsc::UnboundedSender<Config>) -> Self {
        let wake = Arc::new(Notify::new());
        let ears = look.ears.clone();
        if look.pool.options().get_max_connections() > 1 {
            ears.add(&look.pool, config.service_name(), wake.clone());
        } else {
            log::info!(
                "{}: the pool has one connection, which is not kept for LISTEN: changes are found within {} s. With two or \
                 more they are found at once",
                config.service_name(),
                look.every.as_secs_f64()
            );
        }
        let looking = Looking {
            pool: look.pool,
            folder: look.folder,
            every: look.every,
            wake: wake.clone(),
            config,
            trouble: None,
            changed,
        };
        let task = tokio::spawn(looking.go_on());
        Self { ears, wake, task }
    }
}

impl Drop for Watcher {
    fn drop(&mut self) {
        self.ears.remove(&self.wake);
        self.task.abort();
    }
}

struct Looking {
    pool: PgPool,
    folder: PathBuf,
    every: Duration,
    wake: Arc<Notify>,
    config: Config,
    trouble: Option<String>,
    changed: mpsc::UnboundedSender<Config>,
}

impl Looking {
    async fn go_on(mut self) {
        loop {
            let soon = Duration::from_secs(5).min(self.every);
            let pause = if self.config.from_file.is_some() {
                soon
            } else {
                self.every
            };
            tokio::select! {
                () = tokio::time::sleep(jittered(pause)) => {}
                () = self.wake.notified() => {}
            }
            self.once().await;
        }
    }

    async fn once(&mut self) {
        let name = self.config.service_name().to_owned();
        let generation = self.config.generation;
        let config = match source::read(&self.pool, &name).await {
            Ok(config) => config,
            Err(ReadError::Refused(error)) => {
                return self.say(format!("{error}. It goes on with generation {generation}"));
            }
            Err(ReadError::Away(cause)) => {
                return self.say(format!(
                    "{name}: the database is away ({cause}): it goes on with generation {generation} and takes changes as \
                     soon as it answers"
                ));
            }
        };
        if self.trouble.take().is_some() {
            log::warn!("{name}: the database answers again");
        }
        if config.etag == self.config.etag && self.config.from_file.is_none() {
            return;
        }
        self.config = config.clone();
        source::keep(&config, &self.folder);
        // Nobody there any more: the watcher ends with whom it looks for.
        let _ = self.changed.send(config);
    }

    fn say(&mut self, trouble: String) {
        if self.trouble.as_ref() != Some(&trouble) {
            log::error!("{trouble}");
            self.trouble = Some(trouble);
        }
    }
}
