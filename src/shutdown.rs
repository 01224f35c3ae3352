//! Ending well: in-flight work finishes, up to a deadline.

use tokio::time::{Duration, timeout};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// Says that clawgate is to drain. Clones belong together.
#[derive(Clone, Debug, Default)]
pub struct Drain(CancellationToken);

impl Drain {
    /// Begins to drain.
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

/// The tasks of one worker that draining waits for: a task for each connection, from the moment it is
/// accepted, so that handshakes in flight count.
#[derive(Clone, Debug, Default)]
pub struct Tasks(TaskTracker);

impl Tasks {
    /// Starts a task on this worker's runtime.
    pub fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        drop(self.0.spawn(task));
    }

    /// Waits until all have ended, at most `deadline`; returns how many had not.
    pub async fn finish(&self, deadline: Duration) -> usize {
        self.0.close();
        match timeout(deadline, self.0.wait()).await {
            Ok(()) => 0,
            Err(_) => self.0.len(),
        }
    }
}
