//! One connection a pool that listens for changed rows, however many loaders and consumers share the pool.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, Weak};
use std::time::Duration;

use serde_json::Value as Json;
use sqlx::PgPool;
use sqlx::postgres::PgListener;
use tokio::sync::Notify;
use tokio::task::JoinHandle;

const CHANNEL: &str = "lagproof_config";

/// Listens on a connection of a pool, and wakes whoever waits for a service's row.
#[derive(Default)]
pub(crate) struct Ears {
    hearing: Arc<Hearing>,
    task: Mutex<Option<JoinHandle<()>>>,
}

#[derive(Default)]
struct Hearing {
    waiting: Mutex<Vec<(String, Arc<Notify>)>>,
    listening: AtomicBool,
}

impl Ears {
    /// The ears of that pool.
    pub(crate) fn of(pool: &PgPool) -> Arc<Self> {
        /// By where the pool's options are, which all its clones share: whoever has ears keeps a clone, so that nothing else
        /// can come to that place meanwhile.
        static OF_POOL: Mutex<Option<HashMap<usize, Weak<Ears>>>> = Mutex::new(None);
        let mut all = OF_POOL.lock().expect("no panic while it is held");
        let all = all.get_or_insert_default();
        all.retain(|_, ears| ears.strong_count() > 0);
        let place = std::ptr::from_ref(pool.options()).addr();
        all.get(&place).and_then(Weak::upgrade).unwrap_or_else(|| {
            let ears = Arc::new(Self::default());
            all.insert(place, Arc::downgrade(&ears));
            ears
        })
    }

    /// Whether the database says by itself when something changed.
    pub(crate) fn listening(&self) -> bool {
        self.hearing.listening.load(Ordering::Relaxed)
    }

    /// Wakes it whenever that service's row changed, or may have.
    pub(crate) fn add(&self, pool: &PgPool, service_name: &str, wake: Arc<Notify>) {
        if self.listening() {
            wake.notify_one();
        }
        let waiting = (service_name.to_owned(), wake);
        self.hearing
            .waiting
            .lock()
            .expect("no panic while it is held")
            .push(waiting);
        let mut task = self.task.lock().expect("no panic while it is held");
        if task.is_none() {
            *task = Some(tokio::spawn(listen(pool.clone(), self.hearing.clone())));
        }
    }

    /// Wakes it no more; the last one gives the connection back.
    pub(crate) fn remove(&self, wake: &Arc<Notify>) {
        let mut waiting = self.hearing.waiting.lock().expect("no panic while it is held");
        waiting.retain(|(_, one)| !Arc::ptr_eq(one, wake));
        if waiting.is_empty() {
            let task = self.task.lock().expect("no panic while it is held").take();
            if let Some(task) = task {
                task.abort();
            }
            self.hearing.listening.store(false, Ordering::Relaxed);
        }
    }
}

impl Hearing {
    /// An empty or strange payload says "look again", to all.
    fn heard(&self, payload: &str) {
        let payload: Option<Json> = serde_json::from_str(payload).ok();
        let name = payload.as_ref().and_then(|payload| payload["service_name"].as_str());
        for (service_name, wake) in self.waiting.lock().expect("no panic while it is held").iter() {
            if name.is_none_or(|name| name == service_name) {
                wake.notify_one();
            }
        }
    }
}

/// A dead network says nothing here: then polling finds what changed.
async fn listen(pool: PgPool, hearing: Arc<Hearing>) {
    let mut pause = 1.0;
    loop {
        if let Ok(mut listener) = PgListener::connect_with(&pool).await
            && listener.listen(CHANNEL).await.is_ok()
        {
            pause = 1.0;
            hearing.listening.store(true, Ordering::Relaxed);
            hearing.heard(""); // what changed while nobody listened
            while let Ok(Some(said)) = listener.try_recv().await {
                hearing.heard(said.payload());
            }
            hearing.listening.store(false, Ordering::Relaxed);
            hearing.heard("");
        }
        tokio::time::sleep(jittered(Duration::from_secs_f64(pause))).await;
        pause = (pause * 2.0_f64).min(30.0);
    }
}

/// A fifth more or less, so that a thousand replicas that started together do not ask together.
pub(crate) fn jittered(pause: Duration) -> Duration {
    pause.mul_f64(0.8 + 0.4 * fastrand::f64())
}
