//! Tasks that end with whom they work for.

use tokio::task::JoinHandle;

/// A task that is cancelled where this is dropped.
pub(crate) struct Task(JoinHandle<()>);

impl Task {
    /// Begins one.
    pub(crate) fn spawn(work: impl Future<Output = ()> + Send + 'static) -> Self {
        Self(tokio::spawn(work))
    }

    /// Whether it is through.
    pub(crate) fn is_finished(&self) -> bool {
        self.0.is_finished()
    }
}

impl Drop for Task {
    fn drop(&mut self) {
        self.0.abort();
    }
}
