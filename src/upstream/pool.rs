//! Idle connections to one upstream, kept by one worker.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use hyper::client::conn::http1::SendRequest;
use tokio::time::{Instant, sleep};

use super::body::RequestBody;

/// Node closes an idle connection after 5 s (plus a second of grace). An older connection may be closed at the
/// moment when a request is sent on it, and the request would be lost.
const MAX_IDLE: Duration = Duration::from_secs(4);
/// Idle connections kept by one worker.
const MAX_CONNECTIONS: usize = 64;

/// A stack of idle connections: the most recently used one is most likely still open.
#[derive(Clone, Debug, Default)]
pub(super) struct Pool(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    idle: Vec<(SendRequest<RequestBody>, Instant)>,
    sweeping: bool,
}

impl Pool {
    // Only the thread of one worker uses the pool, so the lock is always free.
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// An idle connection that is open and not too old.
    pub(crate) fn take(&self) -> Option<SendRequest<RequestBody>> {
        let mut state = self.state();
        while let Some((sender, since)) = state.idle.pop() {
            if since.elapsed() >= MAX_IDLE {
                // The remaining ones are older.
                state.idle.clear();
                return None;
            }
            if sender.is_ready() {
                return Some(sender);
            }
        }
        None
    }

    /// Takes a connection back when it is ready for another request.
    pub(super) fn give_back(&self, mut sender: SendRequest<RequestBody>) {
        if sender.is_ready() {
            return self.put(sender);
        }
        let pool = self.clone();
        #[expect(clippy::disallowed_methods, reason = "ends with the connection it waits for")]
        tokio::spawn(async move {
            if sender.ready().await.is_ok() {
                pool.put(sender);
            }
        });
    }

    fn put(&self, sender: SendRequest<RequestBody>) {
        let mut state = self.state();
        if state.idle.len() >= MAX_CONNECTIONS {
            return;
        }
        state.idle.push((sender, Instant::now()));
        if !state.sweeping {
            state.sweeping = true;
            let pool = self.clone();
            #[expect(clippy::disallowed_methods, reason = "ends when no connection is idle")]
            tokio::spawn(async move { while pool.sweep(sleep(MAX_IDLE)).await {} });
        }
    }

    /// Closes connections that have been idle for too long; otherwise they would stay open forever if the
    /// upstream has no timeout. Returns false if none is left.
    async fn sweep(&self, pause: impl Future<Output = ()>) -> bool {
        pause.await;
        let mut state = self.state();
        state.idle.retain(|(sender, since)| !sender.is_closed() && since.elapsed() < MAX_IDLE);
        state.sweeping = !state.idle.is_empty();
        state.sweeping
    }
}
