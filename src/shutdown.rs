//! Draining: clawgate stops when the work in progress has ended, or at a deadline. Imports nothing of clawgate.

use tokio::time::{Duration, timeout};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// Notifies that clawgate drains; clones share it.
#[derive(Clone, Debug, Default)]
pub struct Drain(CancellationToken);

impl Drain {
    /// Begins the drain.
    pub fn begin(&self) {
        self.0.cancel();
    }

    /// Whether it has begun.
    pub fn has_begun(&self) -> bool {
        self.0.is_cancelled()
    }

    /// Waits until it begins.
    pub async fn begun(&self) {
        self.0.cancelled().await;
    }
}

/// The tasks of one worker that draining waits for: one for each connection, from its acceptance, so that draining also waits
/// for handshakes.
#[derive(Clone, Debug, Default)]
pub struct Tasks(TaskTracker);

impl Tasks {
    /// Starts a task on this worker's runtime.
    pub fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        drop(self.0.spawn(task));
    }

    /// Waits until all tasks have ended, for at most `deadline`; returns how many have not.
    pub async fn finish(&self, deadline: Duration) -> usize {
        self.0.close();
        match timeout(deadline, self.0.wait()).await {
            Ok(()) => 0,
            Err(_) => self.0.len(),
        }
    }
}
